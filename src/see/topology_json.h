/* topology_json.h - a topology for machines: `warren show --json` and `warren map -o x.json`
 *
 *	{"devices": [
 *	   {"node": "site-a", "name": "eth0", "kind": "veth", "up": true, "carrier": true,
 *	    "mtu": 1500, "mac": "..", "addresses": ["10.32.0.11/24"],
 *	    "other_end": {"type": "device", "node": "internet", "device": "a"},
 *	    "ifindex": 2, "state": "up", "counters": {..}, ..}],
 *	 "namespaces": [{"node": "site-a", "inode": 4026532321, "found_by": "name", ..}],
 *	 "unseen": {"namespaces": [..], "processes": 0}}
 *
 * `other_end` has the members that apply:
 *
 *	device    node, device, ifindex; only ifindex when its namespace is not seen
 *	process   pid, comm, node and queues of the first; processes: all of them, maybe none
 *	wire      driver, bus, speed (Mbit/s)
 *	stack     node
 *	ports     node, ports: names
 *	underlay  node, device, local, remote, port, id
 */
#pragma once
#include <jansson.h>

#include "see/topology.h"

/* topology_json - what is to be seen of a topology
 *
 * shown   netns_count flags: of which namespaces; NULL: all
 * device  only this one (index), or TOPOLOGY_NONE
 *
 * Returns a new reference, or NULL without memory.
 */
json_t *topology_json(const struct topology *t, const bool *shown, int device);
