#include "load.h"
#include "test.h"

#define WINDOW load_rules.window

/* A thread that uses so much of each window, and the one that it helps. */
struct life {
	struct load load;
	int64_t now, own, both;
};

static enum load_step window(
	struct life *x, struct load_role role, int64_t lasts, int own, int other)
{
	x->now += lasts;
	x->own += lasts * own / 100;
	x->both += lasts * (own + other) / 100;
	return load_next(&x->load, &load_rules, &role, x->now, x->own, x->both);
}

static const struct load_role alone = {.can_split = true}, one_way = {.can_call = true},
			      helper = {.can_call = true, .can_leave = true},
			      last = {.can_leave = true}, given = {.can_leave = true, .took = true},
			      leader = {.can_call = true, .has_member = true};

TEST(a_thread_that_uses_half_of_a_processor_gives_one_direction_away)
{
	struct life x = {.now = SECOND};

	load_begin(&x.load, x.now, 0, 0);
	CHECK(window(&x, alone, WINDOW, 49, 0) == LOAD_STAY);
	CHECK(window(&x, alone, WINDOW, 50, 0) == LOAD_SPLIT);
}

TEST(a_direction_is_given_back_when_both_are_little)
{
	struct life x = {0};

	CHECK(window(&x, given, WINDOW, 20, 20) == LOAD_STAY); /* the first window */
	CHECK(window(&x, given, WINDOW, 20, 25) == LOAD_STAY);
	CHECK(window(&x, given, WINDOW, 20, 20) == LOAD_LEAVE);
}

TEST(a_thread_with_one_direction_calls_for_help)
{
	struct life x = {0};

	CHECK(window(&x, one_way, WINDOW, 94, 0) == LOAD_STAY);
	CHECK(window(&x, one_way, WINDOW, 98, 0) == LOAD_CALL);
	CHECK(window(&x, helper, WINDOW, 98, 99) == LOAD_CALL);
}

TEST(where_nobody_is_left_it_goes_on_alone)
{
	struct life x = {0};

	CHECK(window(&x, (struct load_role){0}, WINDOW, 100, 0) == LOAD_STAY);
	CHECK(window(&x, last, WINDOW, 100, 100) == LOAD_STAY);
}

TEST(a_helper_goes_when_one_will_do_but_not_at_once)
{
	struct life x = {.own = 7 * SECOND, .both = 20 * SECOND};

	load_begin(&x.load, 0, x.own, x.both);
	CHECK(window(&x, helper, WINDOW, 5, 10) == LOAD_STAY);
	CHECK(window(&x, helper, WINDOW, 40, 50) == LOAD_STAY);
	CHECK(window(&x, helper, WINDOW, 40, 45) == LOAD_LEAVE);
}

TEST(a_leader_dismisses_the_last_member_when_the_two_are_little)
{
	struct life x = {0};

	CHECK(window(&x, leader, WINDOW, 96, 60) == LOAD_CALL);
	CHECK(window(&x, leader, WINDOW, 98, 40) == LOAD_STAY); /* one more would idle, too */
	CHECK(window(&x, leader, WINDOW, 50, 40) == LOAD_STAY);
	CHECK(window(&x, leader, WINDOW, 50, 30) == LOAD_DISMISS);
}

TEST(who_is_helped_does_not_go)
{
	struct life x = {0};

	for (int i = 0; i < 3; i++)
		CHECK(window(&x, (struct load_role){0}, WINDOW, 1, 1) == LOAD_STAY);
	CHECK(window(&x, last, WINDOW, 1, 1) == LOAD_LEAVE);
}

TEST(who_helps_nobody_stays)
{
	struct life x = {0};

	CHECK(window(&x, alone, WINDOW, 0, 0) == LOAD_STAY);
	CHECK(window(&x, one_way, WINDOW, 0, 0) == LOAD_STAY);
}

TEST(the_windows_follow_one_another)
{
	struct life x = {.now = SECOND};

	load_begin(&x.load, x.now, 0, 0);
	CHECK(!load_is_due(&x.load, &load_rules, SECOND + WINDOW - 1));
	CHECK(load_is_due(&x.load, &load_rules, SECOND + WINDOW));
	CHECK(window(&x, alone, WINDOW, 100, 0) == LOAD_SPLIT);
	CHECK(!load_is_due(&x.load, &load_rules, x.now + 1));
	CHECK(window(&x, alone, WINDOW, 30, 0) == LOAD_STAY);
}

TEST(a_burst_after_a_long_sleep_is_little)
{
	struct life x = {0};

	CHECK(window(&x, last, WINDOW, 60, 60) == LOAD_STAY);
	x.own += 5 * MILLISECOND;
	x.both += 5 * MILLISECOND;
	CHECK(window(&x, last, 60 * SECOND, 0, 0) == LOAD_LEAVE);
}

TEST(what_takes_two_threads_keeps_them)
{
	CHECK(load_rules.little < load_rules.full && load_rules.few < load_rules.much);
}
