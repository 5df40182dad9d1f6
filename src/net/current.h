/* current.h - what is there: the nodes of a network as the kernel has them
 *
 * The other side of the comparison that operations_compute() makes.  It holds
 * what a plan can say and nothing more, in the plan's own structs where they
 * fit, so that comparing is going through fields.
 *
 * current_read() is the only function here that asks the kernel; a test fills
 * the structs by hand.  Everything is owned by struct current.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/plan.h"

struct state;

struct current_device {
	int index; /* ifindex */
	/* name, kind, mtu, mac, up, arp, txqueuelen, port and what belongs to the kind.  Indices
	 * into a plan have no meaning here: `master` and `lower` below say it by name. */
	struct plan_device is;
	bool known;		 /* the kind is one of enum plan_kind */
	char master[IFNAMSIZ];	 /* "": none */
	char lower[IFNAMSIZ];	 /* of a macvlan, vlan, vxlan; "": none */
	const char *twin_node;	 /* of a veth whose other end is in a node of the plan, else NULL */
	char twin[IFNAMSIZ];	 /* the other end's name there */
	struct plan_shape shape; /* zeroes: none */
	bool foreign_qdisc;	 /* a root qdisc that is no shape of ours */

	/* of a tunnel */
	bool running;	    /* its process lives */
	const char *config; /* what it was last told; NULL: nothing */
};

struct current_route {
	struct plan_route is; /* `at` and `text` unset; every hop has its `dev` */
};

struct current_sysctl {
	const char *name, *value;
	const char *original; /* as it was before Warren changed it; NULL: not changed by Warren */
};

struct current_process {
	const char *run;
	bool running;
};

enum current_presence { NODE_ABSENT, NODE_OURS, NODE_FOREIGN };

struct current_node {
	const char *name;
	enum current_presence presence;
	struct current_device *devices;
	size_t device_count;
	struct current_route *routes;
	size_t route_count;
	struct current_sysctl *sysctls; /* those that the plan sets or that were set before */
	size_t sysctl_count;
	struct current_process *processes;
	size_t process_count;
	const char *nft; /* the text that was loaded and is still in force; NULL: none */
};

struct current {
	struct current_node *nodes;
	size_t node_count;
	void **blocks; /* all memory, for current_free() */
	size_t block_count;
};

/* current_read - look at every node that the plan names or the state records
 *
 * Only nodes that the state says are ours are entered.
 */
int current_read(
	struct current *out, const struct plan *plan, const struct state *state, struct error *e);
void current_free(struct current *c);

/* current_take - n zeroed bytes that live as long as `c`; NULL when there is no memory */
void *current_take(struct current *c, size_t n);
char *current_text(struct current *c, const char *text);

struct current_node *current_find_node(const struct current *c, const char *name);
struct current_device *current_find_device(const struct current_node *n, const char *name);
