/* apply.h - carry operations out
 *
 * The last of the three steps: text -> plan -> operations -> kernel.  Each
 * operation that makes something which would outlive Warren (a namespace, a
 * process) or which cannot be read back later (the value of a setting before
 * it was changed) is written into the journal first.
 *
 * Tunnels that follow one another in the list are started together, and
 * waited for together.
 */
#pragma once
#include <signal.h>
#include <stddef.h>

#include "base/netlink.h"
#include "net/operations.h"
#include "net/state.h"

struct apply_node; /* an entered node: its namespace and its socket */

struct apply {
	const struct plan *plan;
	struct state *state;
	struct keys *keys;
	const volatile sig_atomic_t
		*stop; /* becomes non-zero when the user wants an end; may be NULL */
	void (*progress)(size_t done, size_t all, const char *what); /* may be NULL */
	struct apply_node *nodes;
	size_t node_count;
};

/* apply_all - carry out a list in order
 *
 * onward  go on after a failure, for undoing; else stop there
 *
 * Returns 0 or the first -errno; then the error says FILE:LINE:COLUMN, the
 * object and what the kernel said.  -EINTR when `stop` was set.
 */
int apply_all(struct apply *a, const struct operations *list, bool onward, struct error *e);

/* apply_done - close what was opened on the way */
void apply_done(struct apply *a);

/* The parts, one file each: */

/* apply_node_find - the node, entered; NULL with the error set */
struct apply_node *apply_node_find(struct apply *a, const char *name, struct error *e);
int apply_node_netns(const struct apply_node *n);
struct netlink *apply_node_netlink(struct apply_node *n);

/* apply_tunnels_start - the operations first..last-1, all of kind TUNNEL_START; returns the index
 * of the one that failed in *failed */
int apply_tunnels_start(struct apply *a, const struct operation *first, size_t count,
	size_t *failed, struct error *e);
int apply_tunnel_set(struct apply *a, const struct operation *o, struct error *e);
int apply_tunnel_stop(struct apply *a, const struct operation *o, struct error *e);
int apply_process_start(struct apply *a, const struct operation *o, struct error *e);
int apply_process_stop(struct apply *a, const struct operation *o, struct error *e);

/* apply_forget_ended - strike those out of the journal that have ended by themselves
 *
 * Once what is there has been read: they are started again, or not wanted any more.
 */
int apply_forget_ended(struct state *s, struct error *e);

/* apply_end_processes - end all that the journal has of a node, or of the network (NULL) */
int apply_end_processes(struct state *s, const char *node, struct error *e);
