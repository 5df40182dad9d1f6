#include "load.h"
#include "test.h"

TEST(a_thread_that_uses_its_processor_is_full)
{
	struct load l = {.since = SECOND, .spent = 5 * SECOND};
	int64_t now = SECOND + LOAD_SPLIT_WINDOW;

	CHECK(load_is_due(&l, now, LOAD_SPLIT_WINDOW));
	CHECK(load_percent(&l, now, 5 * SECOND + LOAD_SPLIT_WINDOW * 95 / 100) >= LOAD_FULL);
}

TEST(the_windows_follow_one_another)
{
	struct load l = {.since = SECOND};

	CHECK(!load_is_due(&l, SECOND + LOAD_SPLIT_WINDOW - 1, LOAD_SPLIT_WINDOW));
	CHECK(load_percent(&l, SECOND + LOAD_SPLIT_WINDOW, LOAD_SPLIT_WINDOW / 2) == 50);
	CHECK(!load_is_due(&l, SECOND + LOAD_SPLIT_WINDOW + 1, LOAD_SPLIT_WINDOW));
	CHECK(load_percent(&l, SECOND + 2 * LOAD_SPLIT_WINDOW, LOAD_SPLIT_WINDOW / 2) == 0);
}

TEST(a_burst_after_a_long_sleep_is_little)
{
	struct load l = {.since = SECOND};

	CHECK(load_percent(&l, 61 * SECOND, 5 * MILLISECOND) <= LOAD_LITTLE);
}

TEST(what_takes_two_threads_keeps_them)
{
	CHECK(LOAD_LITTLE < LOAD_FULL);
}
