/* merge.h - frames of many sources in the order of their time
 *
 * A heap of references.  The one who reads the sources adds what has come and
 * takes out what is old enough that nothing older can still come:
 *
 *	ring of site-a   7 9 12      floor 12  \
 *	ring of router   8 11        floor 11   >  lowest floor 10: take 7 8 9
 *	ring of site-b   (silent)    floor 10  /
 *
 * Of two with the same time the one added first comes first.  Pure: no clock,
 * no sockets.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct merge_item {
	int64_t time;
	uint64_t order; /* set by merge_add() */
	void *source;	/* the caller's: which ring, and which block of it */
	int part;
	const void *what;
};

struct merge {
	struct merge_item *items;
	size_t count, room;
	uint64_t added;
};

/* merge_add - false when memory ran out: nothing was added */
bool merge_add(struct merge *m, struct merge_item item);

/* merge_take - the oldest, if it is not younger than `limit` */
bool merge_take(struct merge *m, int64_t limit, struct merge_item *item);

void merge_done(struct merge *m);
