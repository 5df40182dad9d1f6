/* port_vlans.h - which VLANs a port of a bridge is in
 *
 *	RTM_GETLINK of AF_BRIDGE, asked with RTEXT_FILTER_BRVLAN_COMPRESSED:
 *	p1: 1 pvid untagged, 10-20        the bridge itself has a line, too
 *
 * Source: include/uapi/linux/if_bridge.h; bridge(8), "bridge vlan".
 */
#pragma once
#include "base/netlink.h"
#include "see/topology.h"

/* port_vlans_decode - the VLANs in an RTM_NEWLINK of AF_BRIDGE
 *
 * list  out: `room` at most, by number
 *
 * Returns how many; *ifindex is the port or bridge.  0 for any other message.
 */
size_t port_vlans_decode(
	const struct nlmsghdr *header, uint32_t *ifindex, struct port_vlan *list, size_t room);

/* port_vlans_read - fill `vlans` of the devices of one namespace that has a bridge with VLANs
 *
 * nl  a socket inside it
 *
 * Does nothing where no bridge filters by VLAN.  Returns 0 or -errno.
 */
int port_vlans_read(struct netlink *nl, struct device *devices, size_t count);
