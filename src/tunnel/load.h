/* load.h - is one thread enough?
 *
 * One thread carries both directions as long as it can: an answer then needs no
 * second thread to be woken, and the packets that a burst leaves in the caches
 * are worked on where they are.  Only when that thread alone uses a whole
 * processor does another one pay, and is given what comes from the peers.
 *
 *	spent   ########..########.#########  of a window: full, two threads
 *	        ##....#.......##....#.....    of both together: one will do again
 *
 * What counts is the processor time of the threads, not how long they had work: where
 * they wait for a processor that others use, one more thread would only wait too.
 *
 * Pure: both times are arguments.  A zeroed struct has seen nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define LOAD_SPLIT_WINDOW (50 * MILLISECOND)
#define LOAD_JOIN_WINDOW (50 * MILLISECOND)
enum {
	LOAD_FULL = 95,	  /* percent of a processor: from here on one thread is too few */
	LOAD_LITTLE = 85, /* and up to here two are one too many */
};

struct load {
	int64_t since, spent; /* when the window began, and the processor time then */
};

/* load_is_due - has the window lasted so long?  Only then is `spent` worth asking for. */
static inline bool load_is_due(const struct load *l, int64_t now, int64_t window)
{
	return now - l->since >= window;
}

/* load_percent - of one processor, since the window began; a new one begins now
 *
 * spent  processor time so far, of the threads that count
 */
int load_percent(struct load *l, int64_t now, int64_t spent);
