#include "tunnel/quiet.h"

#include <stddef.h>

#include "test.h"
#include "tunnel/endpoint.h"
#include "tunnel/peer.h"
#include "tunnel/schedule.h"

static int freed;

static void count_free(struct retired *r)
{
	freed++;
}

static bool reclaim(struct quiet *q)
{
	return quiet_reclaim(q, quiet_horizon(q));
}

TEST(what_is_retired_between_bursts_is_freed_at_once)
{
	static struct quiet q;
	struct retired a;

	freed = 0;
	quiet_retire(&q, &a, count_free);
	CHECK(!reclaim(&q) && freed == 1);
}

TEST(what_is_retired_during_a_burst_waits_for_its_end)
{
	static struct quiet q;
	struct retired a, b;

	freed = 0;
	quiet_enter(&q, 3);
	quiet_retire(&q, &a, count_free);
	CHECK(reclaim(&q) && freed == 0);
	quiet_enter(&q, 4); /* began after the retire: cannot hold it */
	quiet_leave(&q, 3);
	CHECK(!reclaim(&q) && freed == 1);
	quiet_retire(&q, &b, count_free);
	CHECK(reclaim(&q) && freed == 1);
	quiet_leave(&q, 4);
	CHECK(!reclaim(&q) && freed == 2);
}

TEST(what_is_retired_after_the_horizon_was_taken_waits_for_the_next)
{
	static struct quiet q;
	struct retired a;

	freed = 0;
	uint64_t horizon = quiet_horizon(&q);

	quiet_enter(&q, 0); /* begins after the horizon, and finds a */
	quiet_retire(&q, &a, count_free);
	CHECK(quiet_reclaim(&q, horizon) && freed == 0);
	quiet_leave(&q, 0);
	CHECK(!reclaim(&q) && freed == 1);
}

/* --- the heap of deadlines, against a plain search ------------------------ */

TEST(the_schedule_agrees_with_a_plain_search_under_dice)
{
	enum { PEERS = 200 };
	static struct peer peers[PEERS];
	static int64_t due[PEERS];
	struct schedule s = {0};

	CHECK(schedule_reserve(&s, PEERS) == 0);
	for (int i = 0; i < PEERS; i++)
		due[i] = TIMERS_NEVER;
	for (int round = 0; round < 50000; round++) {
		size_t i = dice(PEERS);
		int64_t earliest = TIMERS_NEVER, first = TIMERS_NEVER;

		due[i] = dice(3) ? (int64_t)dice(1000) : TIMERS_NEVER;
		schedule_set(&s, &peers[i], due[i]);
		for (int j = 0; j < PEERS; j++)
			if (due[j] < earliest)
				earliest = due[j];
		struct peer *p = schedule_first(&s, &first);

		CHECK(first == earliest);
		CHECK(p ? due[p - peers] == earliest : earliest == TIMERS_NEVER);
	}
	schedule_done(&s);
}

/* --- endpoints ----------------------------------------------------------- */

TEST(an_endpoint_is_read_as_it_was_written)
{
	struct endpoint_slot slot = {0};
	struct endpoint a = {0}, b;

	CHECK(!endpoint_read(&slot, &b));
	a.remote.v4.sin_family = AF_INET;
	a.remote.v4.sin_port = 7;
	a.ifindex = 3;
	a.local.v4.s_addr = 9;
	endpoint_follow(&slot, &a);
	CHECK(endpoint_read(&slot, &b) && endpoint_equal(&a, &b));
	uint32_t sequence = slot.sequence;

	endpoint_follow(&slot, &a); /* nothing new: nothing is written */
	CHECK(slot.sequence == sequence);
	endpoint_forget_source(&slot);
	CHECK(endpoint_read(&slot, &b) && address_equal(&a.remote, &b.remote));
	CHECK(!b.ifindex && !b.local.v4.s_addr);
}
