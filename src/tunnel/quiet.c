#include "tunnel/quiet.h"

#include <stddef.h>

void quiet_retire(struct quiet *q, struct retired *r, retired_free *free)
{
	r->next = NULL;
	r->free = free;
	/* Bursts that begin from now on enter with a higher number, and find nothing of r. */
	r->epoch = atomic_fetch_add(&q->epoch, 1) + 1;
	if (q->last)
		q->last->next = r;
	else
		q->first = r;
	q->last = r;
}

uint64_t quiet_horizon(const struct quiet *q)
{
	/* Bursts that begin later have at least this number; what is retired later, too. */
	uint64_t horizon = atomic_load(&q->epoch) + 1;

	for (int i = 0; i < QUIET_WORKERS; i++) {
		uint64_t since = atomic_load(&q->workers[i].since);

		if (since && since < horizon)
			horizon = since;
	}
	return horizon;
}

bool quiet_reclaim(struct quiet *q, uint64_t horizon)
{
	while (q->first && q->first->epoch < horizon) {
		struct retired *r = q->first;

		q->first = r->next;
		if (!q->first)
			q->last = NULL;
		r->free(r);
	}
	return q->first;
}

void quiet_done(struct quiet *q)
{
	quiet_reclaim(q, UINT64_MAX);
}
