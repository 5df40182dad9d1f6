#include "tunnel/schedule.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/peer.h"

int schedule_reserve(struct schedule *s, uint32_t peers)
{
	struct schedule_entry *heap;
	uint32_t room = s->room ? s->room : 16;

	while (room < peers)
		room *= 2;
	if (room == s->room)
		return 0;
	heap = realloc(s->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	s->heap = heap;
	s->room = room;
	return 0;
}

/* Peers know their place plus one, so that 0 means none. */
static void put(struct schedule *s, uint32_t at, struct schedule_entry e)
{
	s->heap[at] = e;
	e.peer->scheduled = at + 1;
}

static void rise(struct schedule *s, uint32_t at, struct schedule_entry e)
{
	while (at && s->heap[(at - 1) / 2].deadline > e.deadline) {
		put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(s, at, e);
}

static void sink(struct schedule *s, uint32_t at, struct schedule_entry e)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < s->count && s->heap[child + 1].deadline < s->heap[child].deadline)
			child++;
		if (child >= s->count || s->heap[child].deadline >= e.deadline)
			break;
		put(s, at, s->heap[child]);
		at = child;
	}
	put(s, at, e);
}

static void move(struct schedule *s, uint32_t at, struct schedule_entry e)
{
	if (at && s->heap[(at - 1) / 2].deadline > e.deadline)
		rise(s, at, e);
	else
		sink(s, at, e);
}

static void take_out(struct schedule *s, struct peer *p)
{
	uint32_t at = p->scheduled - 1;

	p->scheduled = 0;
	if (at != --s->count)
		move(s, at, s->heap[s->count]);
}

void schedule_set(struct schedule *s, struct peer *p, int64_t deadline)
{
	struct schedule_entry e = {deadline, p};

	if (deadline == TIMERS_NEVER) {
		if (p->scheduled)
			take_out(s, p);
	} else if (p->scheduled) {
		move(s, p->scheduled - 1, e);
	} else {
		rise(s, s->count++, e);
	}
}

struct peer *schedule_first(const struct schedule *s, int64_t *deadline)
{
	if (!s->count)
		return NULL;
	*deadline = s->heap[0].deadline;
	return s->heap[0].peer;
}

void schedule_done(struct schedule *s)
{
	free(s->heap);
	*s = (struct schedule){0};
}
