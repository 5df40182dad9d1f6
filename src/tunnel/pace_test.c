#include "pace.h"
#include "test.h"

enum { SMALL = 100 };

/* Packets at even intervals for `ms`, one a burst; returns how often it napped. */
static int naps(struct pace *p, int64_t *now, int64_t interval, int ms, uint32_t bytes)
{
	int64_t end = *now + ms * MILLISECOND;
	int n = 0;

	for (; *now < end; *now += interval)
		n += pace_nap(p, *now, 1, bytes) > 0;
	return n;
}

TEST(a_ping_or_a_request_and_its_answer_never_wait)
{
	struct pace p = {0};
	int64_t now = SECOND;

	CHECK(!naps(&p, &now, 100 * MILLISECOND, 5000, SMALL));
	CHECK(!naps(&p, &now, 50 * MILLISECOND / 1000, 100, SMALL));
}

TEST(a_flood_of_small_packets_is_left_to_gather)
{
	struct pace p = {0};
	int64_t now = SECOND;

	CHECK(naps(&p, &now, 10 * MILLISECOND / 1000, 10, SMALL) > 700);
	now += 10 * MILLISECOND; /* it has stopped */
	CHECK(!pace_nap(&p, now, 1, SMALL));
}

TEST(large_bursts_and_superframes_do_not_wait)
{
	struct pace p = {0};
	int64_t now = SECOND;

	naps(&p, &now, 10 * MILLISECOND / 1000, 10, SMALL);
	CHECK(pace_nap(&p, now, 3, 300));
	CHECK(!pace_nap(&p, now, PACE_FULL, PACE_FULL * SMALL));
	CHECK(!pace_nap(&p, now, 1, 60000));
	CHECK(!pace_nap(&p, now, 0, 0));
}
