#include "tunnel/replay.h"
#include "test.h"

TEST(a_counter_is_accepted_once)
{
	struct replay w = {0};

	CHECK(replay_accept(&w, 0));
	CHECK(!replay_accept(&w, 0));
	CHECK(replay_accept(&w, 9));
	CHECK(replay_accept(&w, 8)); /* late, and still welcome */
	CHECK(!replay_accept(&w, 8));
}

TEST(the_window_ends_where_the_header_says)
{
	struct replay w = {0};

	CHECK(replay_accept(&w, REPLAY_SPAN)); /* next is now SPAN + 1 */
	CHECK(replay_accept(&w, 1));
	CHECK(!replay_accept(&w, 0));
}

TEST(no_counter_is_valid_at_the_end_of_the_session)
{
	struct replay w = {0};

	CHECK(!replay_accept(&w, UINT64_MAX));
	CHECK(!replay_accept(&w, REPLAY_END));
	CHECK(replay_accept(&w, REPLAY_END - 1));
	CHECK(!replay_accept(&w, REPLAY_END - 1));
}

/* The obvious model: a flag for each counter, and one past the highest. */
TEST(it_agrees_with_a_plain_table_on_random_traffic)
{
	enum { RANGE = 1 << 20, LEAP = 20000 };
	static bool seen[RANGE];
	struct replay w = {0};
	uint64_t next = 0;

	while (next + LEAP < RANGE) {
		uint64_t low = next > 2 * REPLAY_SPAN ? next - 2 * REPLAY_SPAN : 0;
		uint64_t high = next + (dice(1000) ? 200 : LEAP);
		uint64_t c = low + dice(high - low);
		bool want = c + REPLAY_SPAN >= next && !seen[c];

		CHECK(replay_accept(&w, c) == want);
		seen[c] |= want;
		next = c < next ? next : c + 1;
	}
}
