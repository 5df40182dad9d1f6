/* quiet.h - free what workers may still be looking at, once they are not
 *
 * Workers read published structures (sessions, tries, peers) without a lock.
 * Control replaces them with one store each and must not free the old one
 * while a worker holds it.  A worker holds nothing between two bursts:
 *
 *	worker   --[ burst ]-----[ burst ]--------------------[ burst ]-->
 *	control  ------- unpublish, retire(x) ------- reclaim: free(x)
 *	                                    ^ every burst that ran at the retire has ended
 *
 * A worker does quiet_enter() before a burst and quiet_leave() after it, and
 * keeps no pointer to a published structure across the two.  Control calls the
 * rest.  Entering is one exchange on a cache line of the worker's own.
 *
 * Source: quiescent-state-based reclamation, McKenney and Slingwine 1998.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { QUIET_WORKERS = 16 };

struct retired; /* embedded in what is retired */
typedef void retired_free(struct retired *r);

struct retired {
	struct retired *next;
	retired_free *free;
	uint64_t epoch; /* free once no worker is in a burst that began before this */
};

struct quiet_worker {
	_Alignas(64) _Atomic uint64_t since; /* the epoch its burst began in; 0: between bursts */
};

/* A zeroed struct is valid: no workers in a burst, nothing retired. */
struct quiet {
	_Atomic uint64_t epoch;
	struct quiet_worker workers[QUIET_WORKERS];
	struct retired *first, *last; /* oldest first */
};

/* quiet_enter - a burst begins: what this thread finds stays valid until quiet_leave() */
static inline void quiet_enter(struct quiet *q, unsigned worker)
{
	/* Sequentially consistent: control that sees us outside a burst unpublished before
	 * we look. */
	atomic_exchange(&q->workers[worker].since, atomic_load(&q->epoch) + 1);
}

static inline void quiet_leave(struct quiet *q, unsigned worker)
{
	atomic_store_explicit(&q->workers[worker].since, 0, memory_order_release);
}

/* quiet_retire - control: free(r) will be called later; r is unpublished already */
void quiet_retire(struct quiet *q, struct retired *r, retired_free *free);

/* quiet_horizon - control: what was retired before this can be held by no worker any more */
uint64_t quiet_horizon(const struct quiet *q);

/* quiet_reclaim - control: free what was retired before the horizon
 *
 * Between the two calls is the place to look for traces that workers may have
 * left of a retired thing before their burst ended (mail.h).
 *
 * Returns true when something still waits: call both again soon.
 */
bool quiet_reclaim(struct quiet *q, uint64_t horizon);

/* quiet_done - at the end, when no worker runs any more: free everything */
void quiet_done(struct quiet *q);
