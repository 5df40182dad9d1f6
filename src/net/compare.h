/* compare.h - the parts of operations_compute(), one file for each kind of object
 *
 * A struct compare is the desk that the parts work at.  What an earlier part
 * decides, later ones see: a device that is made anew (FATE_NEW) has no
 * addresses and routes any more, whatever the kernel shows now.  Private to
 * net/compare*.c.
 */
#pragma once
#include "net/keys.h"
#include "net/operations.h"

enum fate { FATE_UNDECIDED, FATE_KEEP, FATE_NEW };

struct compare_node {
	const struct plan_node *plan;
	const struct current_node *now; /* NULL: not there, or new */
	enum fate *fates;		/* of plan->devices */
	bool *gone;			/* of now->devices: removed, or made anew */
	bool *addresses_gone; /* of now->devices: IPv4 routes went with the last address */
};

struct compare {
	const struct plan *plan;
	const struct plan *const *before;
	const struct current *now;
	struct keys *keys;
	struct operations *out;
	struct error *error;
	struct compare_node *nodes; /* as plan->nodes */
	int failed;		    /* first -errno, or 0 */
};

/* compare_add - a new operation at the end of the list; its caller fills in the rest
 *
 * Never NULL: without memory it is one that is thrown away, and `failed` says so.
 */
struct operation *compare_add(struct compare *c, enum operation_kind kind, struct place at,
	const char *node, const char *device);

/* compare_before - the node or device as the earlier files had it; NULL: they did not */
const struct plan_node *compare_before_node(const struct compare *c, const char *node);
const struct plan_device *compare_before_device(
	const struct compare *c, const char *node, const char *device);

/* compare_name - text of any length into an operation's value or was, cut at a whole character */
void compare_text(char out[OPERATION_TEXT], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void compare_devices(struct compare *c);  /* which stay, which are removed, which are made */
void compare_settings(struct compare *c); /* attributes and shapes of devices */
void compare_tunnels(struct compare *c);
void compare_addresses(struct compare *c);
void compare_routes(struct compare *c);
