/* operations.h - what must be done so that what is there becomes what is wanted
 *
 *	plan -------.
 *	             >-- operations_compute() --> operations --> apply --> kernel
 *	current ----'
 *
 * Pure: no kernel is asked, nothing is changed; `warren plan` prints the list
 * and `warren up` carries it out.  Only what differs is in it, so that of an
 * unchanged file it is empty.
 *
 * What Warren did not make it leaves alone.  Something counts as made by
 * Warren when the node was (the state says so) and an earlier file named the
 * object: `before` holds that file's plan, or two of them after an `up` that
 * was killed half-way.  So an address that somebody added by hand stays, and
 * one that was taken out of the file goes.
 *
 * The order of the list is the order of doing: ends and removals first, then
 * nodes, settings, devices, addresses, devices up, routes, firewalls, processes.
 */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "net/current.h"
#include "net/plan.h"

struct keys;

enum operation_kind {
	OPERATION_PROCESS_STOP,
	OPERATION_TUNNEL_STOP,
	OPERATION_NFT_CLEAR,
	OPERATION_ROUTE_DEL,
	OPERATION_ADDR_DEL,
	OPERATION_DEVICE_DEL,
	OPERATION_NODE_DEL,
	OPERATION_NODE_ADD,
	OPERATION_SYSCTL_SET,
	OPERATION_LINK_ADD, /* both ends of a cable */
	OPERATION_TUNNEL_START,
	OPERATION_TUNNEL_SET, /* change what a running tunnel was told */
	OPERATION_DEVICE_ADD, /* every other kind; a lower device before what lies on it */
	OPERATION_DEVICE_SET,
	OPERATION_SHAPE_SET,
	OPERATION_ADDR_ADD,
	OPERATION_DEVICE_UP,
	OPERATION_ROUTE_ADD, /* replaces one with the same destination, table, tos and metric */
	OPERATION_NFT_LOAD,
	OPERATION_PROCESS_START,
};

/* What OPERATION_DEVICE_SET sets. */
enum device_change {
	CHANGE_MTU = 1,
	CHANGE_MAC = 2,
	CHANGE_ARP = 4,
	CHANGE_TXQUEUELEN = 8,
	CHANGE_MASTER = 16,
	CHANGE_PORT = 32,
	CHANGE_BRIDGE = 64,
	CHANGE_DOWN = 128,
};

enum { OPERATION_TEXT = 256 };

struct operation {
	enum operation_kind kind;
	struct place at;	    /* in the plan's file; line 0: it is no longer in it */
	const char *node;	    /* name; of a link: of its first end */
	const char *device;	    /* name, or NULL */
	char value[OPERATION_TEXT]; /* for people: "10.0.0.1/24", "mtu 1400", ... */
	char was[OPERATION_TEXT];   /* what it was before a change; "": nothing */
	unsigned changes;	    /* of DEVICE_SET */

	/* What the kinds work on; indices into the plan, -1 for an object of an earlier file */
	int node_index, device_index, link_index;
	struct prefix address;		    /* ADDR_* */
	const struct plan_route *route;	    /* ROUTE_*: of the plan or of current */
	const struct plan_sysctl *sysctl;   /* of the plan; NULL: put back `value` */
	const char *name;		    /* SYSCTL_SET: which; PROCESS_*: the command */
	const struct plan_process *process; /* PROCESS_START */
	struct plan_device want;	    /* DEVICE_SET: what `changes` names is in it */
	char master[IFNAMSIZ];		    /* CHANGE_MASTER: "" takes it out of its bridge */
	struct plan_shape shape;	    /* SHAPE_SET: zeroes take it away */
	char *config;			    /* TUNNEL_START, TUNNEL_SET: owned */
};

struct operations {
	struct operation *list;
	size_t count, room;
};

/* operations_compute - compare and list the differences
 *
 * before  NULL-terminated plans of earlier files, or an empty list
 * keys    of the tunnels; missing ones are made, in memory
 *
 * The list refers to all of its arguments: they must live as long.  Returns 0
 * or -errno: -EEXIST when a name is taken by a namespace that is not ours.
 */
int operations_compute(struct operations *out, const struct plan *plan,
	const struct plan *const before[], const struct current *now, struct keys *keys,
	struct error *e);
void operations_free(struct operations *o);

/* operation_action - "add", "change" or "remove"; operation_object - "node", "addr", ... */
const char *operation_action(const struct operation *o);
const char *operation_object(const struct operation *o);

/* operation_format - one line: "+ addr site-a:eth0 10.32.0.11/24" */
void operation_format(char out[3 * OPERATION_TEXT], const struct operation *o);
