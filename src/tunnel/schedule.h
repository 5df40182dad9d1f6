/* schedule.h - which peer is due next
 *
 * A binary heap of the peers that have a deadline.  Idle peers are not in it,
 * so a hundred thousand of them cost nothing; each peer knows its own place,
 * so that its deadline moves in O(log n).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct peer;

struct schedule_entry {
	int64_t deadline;
	struct peer *peer;
};

/* A zeroed struct is empty. */
struct schedule {
	struct schedule_entry *heap; /* [0] is the earliest */
	uint32_t count, room;
};

/* schedule_reserve - room for `peers`, so that schedule_set() cannot fail; 0 or -ENOMEM */
int schedule_reserve(struct schedule *s, uint32_t peers);

/* schedule_set - this peer is due then; TIMERS_NEVER takes it out */
void schedule_set(struct schedule *s, struct peer *p, int64_t deadline);

/* schedule_first - the peer that is due next, and when; NULL: none */
struct peer *schedule_first(const struct schedule *s, int64_t *deadline);
void schedule_done(struct schedule *s);
