/* load.h - how many threads are enough?
 *
 * One thread carries both directions while there is little to do: an answer then
 * needs no second thread to be woken.  When it uses half of a processor, a bulk
 * transfer is under way, and its acknowledgements should not wait behind its data:
 * another thread is given what comes from the peers.  When one direction alone uses
 * a whole processor, another thread takes part in it: it gets some of the device's
 * queues, or joins the team of who receives (team.h).
 *
 * A helper stays with the one who called it, and goes when one will do again for
 * what the two have.
 *
 *	spent   ########..########.#########  of a window: full, one more
 *	        ##....#.......##....#.....    of both together: one will do again
 *
 * What counts is the processor time of the threads, not how long they had work: where
 * they wait for a processor that others use, one more thread would only wait too.
 *
 * Pure: all times are arguments.  A zeroed struct has seen nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct load_rules {
	int64_t window; /* ns; over which is measured */

	/* percent of a processor */
	int much;   /* for both directions: from here on each has a thread */
	int few;    /* and up to here one does again */
	int full;   /* for one direction: from here on it has one more */
	int little; /* and up to here one less */
};

extern const struct load_rules load_rules; /* what measurement found */

struct load {
	int64_t since;	   /* when the window began */
	int64_t own, both; /* processor time then: this thread's, and together with the other */
	bool seen;	   /* a whole window, since load_begin() */
};

/* What a thread does now. */
struct load_role {
	bool can_split; /* it carries both directions, and somebody is there to take one */
	bool can_call;	/* it carries one, which can be shared, and somebody is there */
	bool has_member;
	bool can_leave; /* it helps another one, and nobody helps it */
	bool took;	/* the one that it helps has nothing of this direction left */
};

enum load_step {
	LOAD_STAY,
	LOAD_SPLIT,   /* give what comes from the peers away */
	LOAD_CALL,    /* let one more take part */
	LOAD_DISMISS, /* let the last member go */
	LOAD_LEAVE,   /* do nothing any more */
};

/* load_begin - a new role */
void load_begin(struct load *l, int64_t now, int64_t own, int64_t both);

/* load_is_due - has the window lasted so long?  Only then are times worth asking for. */
static inline bool load_is_due(const struct load *l, const struct load_rules *rules, int64_t now)
{
	return now - l->since >= rules->window;
}

/* load_next - the window is over; a new one begins
 *
 * own, both  processor time so far, as in load_begin(): both, of the thread and its last member
 *            or, where it has none, the one that it helps
 */
enum load_step load_next(struct load *l, const struct load_rules *rules,
	const struct load_role *role, int64_t now, int64_t own, int64_t both);
