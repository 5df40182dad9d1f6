/* network.h - bring a network up, say what that would do, take it down
 *
 *	text --plan--> struct plan --operations_compute--> operations --apply--> kernel
 *	                                     ^
 *	               current_read ---------'
 *
 * An `up` that fails undoes what it did: it converges back to what was up
 * before, which at the first `up` is nothing.  An `up` that is killed leaves
 * its folder in the state directory (net/state.h), and the next `up` or `down`
 * goes on from there.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "net/operations.h"

struct network_how {
	const volatile sig_atomic_t *stop; /* non-zero: end and undo; may be NULL */
	void (*progress)(size_t done, size_t all, const char *what); /* may be NULL */
	void (*waiting)(const char *network); /* another command has the lock; may be NULL */
	void (*note)(const char *line);	      /* something the user should know; may be NULL */
};

/* network_up - create the network of a file, or converge to it; *changes: how many operations it
 * took
 *
 * path  file, or "-"
 *
 * Returns 0 or -errno with the error on one line.
 */
int network_up(const char *path, const struct network_how *how, size_t *changes, struct error *e);

/* network_plan - what `up` would do; `print` is called for each operation
 *
 * Returns how many there are, or -errno.  Changes nothing.
 */
typedef void network_print(const struct operation *o, void *arg);
ssize_t network_plan(const char *path, network_print *print, void *arg, struct error *e);

/* network_down - remove the network called `name` with all that is in it
 *
 * Needs neither the file nor a finished `up`.  -ENOENT: there is none.
 */
int network_down(const char *name, const struct network_how *how, struct error *e);

/* network_find - the name of the network that NAME or FILE means, in `out` of 128 bytes
 *
 * A name that is up; else the one that came from that file; else the name that
 * the file gives.  -ENOENT when nothing of it is up.
 */
int network_find(char out[128], const char *what, struct error *e);

/* What `warren ls` shows of a network. */
struct network_summary {
	char name[128];
	char *file; /* NULL: unknown */
	char **nodes;
	size_t node_count, link_count, tunnel_count;
	size_t running, expected; /* processes */
	bool partial;		  /* an `up` was killed, or is at work */
};

/* network_list - all that are up, sorted; returns how many or -errno.  network_list_free() it */
ssize_t network_list(struct network_summary **out, struct error *e);
void network_list_free(struct network_summary *list, size_t count);
