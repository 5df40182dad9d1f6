/* The rules of time: each in a world of two or three nodes, exact to the millisecond. */
#include "tunnel/timers.h"

#include "test.h"
#include "tunnel/world_test.h"

/* How many initiations a node sent since then. */
static int initiations(int node, int64_t since)
{
	return world_count(node, WIRE_INITIATION, since);
}

static struct session *current(int a, int b)
{
	return atomic_load(&world_peer(a, b)->current);
}

/* Run until `age` of a's session with b. */
static void run_to_age(int a, int b, int64_t age)
{
	int64_t at = current(a, b)->born + age;

	CHECK(at >= world.now);
	world_run(at - world.now);
}

/* Both ends hear from each other, so that nothing is owed. */
static void exchange(int a, int b)
{
	world_send(a, b, 1);
	world_run(2 * MILLISECOND);
	world_send(b, a, 1);
	world_run(2 * MILLISECOND);
}

TEST(a_packet_without_a_session_begins_a_handshake_and_arrives_after_it)
{
	world_begin(2);
	world_send(0, 1, 7);
	CHECK(initiations(0, 0) == 0); /* control sends it, not the data path */
	world_run(10 * MILLISECOND);
	CHECK(initiations(0, 0) == 1 && world_count(1, WIRE_RESPONSE, 0) == 1);
	CHECK(world.node[1].arrived[7] == 1);
	CHECK(world_keepalives(0, 0) == 0); /* the packet itself confirms the session */
	world_end();
}

TEST(an_initiator_with_nothing_staged_confirms_the_session_by_a_keepalive)
{
	world_begin(2);
	world_set_keepalive(0, 1, 25);
	world_run(10 * MILLISECOND);
	CHECK(world_keepalives(0, 0) == 1);
	CHECK(current(1, 0));
	world_end();
}

TEST(nothing_happens_while_nothing_is_sent)
{
	world_begin(2);
	world_run(3600 * SECOND);
	CHECK(world.count == 0);
	CHECK(world.node[0].deadline == TIMERS_NEVER); /* and nobody wakes up */
	world_end();
}

TEST(the_initiator_asks_for_a_new_session_when_it_sends_after_120_s)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	run_to_age(0, 1, 120 * SECOND - MILLISECOND);
	int64_t then = world.now;

	world_send(0, 1, 2);
	world_run(0);
	CHECK(initiations(0, then) == 0);
	world_run(MILLISECOND);
	world_send(0, 1, 3);
	world_run(0);
	CHECK(initiations(0, then) == 1);
	CHECK(world_count(0, WIRE_DATA, then) == 2); /* the old one served meanwhile */
	world_end();
}

TEST(the_responder_leaves_it_to_the_initiator_to_begin_anew)
{
	world_begin(2);
	world_meet(0, 1);
	run_to_age(0, 1, 150 * SECOND);
	world_send(1, 0, 2);
	world_send(1, 0, 3);
	world_run(5 * SECOND);
	CHECK(initiations(1, 0) == 0);
	world_end();
}

TEST(an_initiator_that_only_receives_asks_at_165_s_once_for_each_key)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	run_to_age(0, 1, 165 * SECOND - 2 * MILLISECOND);
	int64_t then = world.now;

	world_send(1, 0, 2); /* arrives at 164.999 */
	world_run(MILLISECOND);
	CHECK(initiations(0, then) == 0);
	world.node[0].send_error = 1; /* its initiations go nowhere: the key stays */
	world_send(1, 0, 3);
	world_run(MILLISECOND);
	int64_t asked = atomic_load(&world_peer(0, 1)->timers.initiated);

	CHECK(asked == world.now);
	world_send(1, 0, 4);
	world_run(4 * SECOND);
	world_send(1, 0, 5);
	world_run(1500 * MILLISECOND);
	CHECK(world.node[0].arrived[5] == 1);
	/* The second attempt is the repetition of the first, not another question. */
	CHECK(world_peer(0, 1)->timers.attempts == 2);
	CHECK(atomic_load(&world_peer(0, 1)->timers.wanted) == asked);
	world_end();
}

TEST(nobody_sends_under_a_session_of_180_s)
{
	world_begin(2);
	world_meet(0, 1);
	run_to_age(0, 1, 180 * SECOND - 1);
	CHECK(peer_session(world_peer(0, 1), world.now));
	world_run(1);
	CHECK(!peer_session(world_peer(0, 1), world.now));
	world_end();
}

TEST(nobody_accepts_under_a_session_of_180_s)
{
	world_begin(2);
	world_meet(0, 1);
	/* One datagram stays on the way for three minutes. */
	world_send(0, 1, 5);
	struct datagram late = world.sent[world.count - 1];

	world.sent[world.count - 1].arrives = 0;
	run_to_age(0, 1, 181 * SECOND);
	world_deliver(1, late.bytes, late.length, &late.source);
	CHECK(world.node[1].arrived[5] == 0);
	CHECK(world.node[1].refused[DROP_SESSION_EXPIRED] == 1);
	world_end();
}

TEST(a_lost_initiation_is_repeated_after_5_s_and_up_to_333_ms)
{
	for (int round = 0; round < 20; round++) {
		world_begin(2);
		world.node[1].cut = true;
		for (int i = 0; i < round; i++)
			dice(2); /* another jitter */
		world_send(0, 1, 1);
		world_run(5 * SECOND - 1);
		CHECK(initiations(0, 0) == 1);
		world_run(334 * MILLISECOND);
		CHECK(initiations(0, 0) == 2);
		world_end();
	}
}

TEST(packets_that_ask_again_and_again_cause_one_initiation_in_5_s)
{
	world_begin(2);
	world.node[1].cut = true;
	for (int i = 0; i < 200; i++) {
		world_send(0, 1, i);
		world_run(100 * MILLISECOND);
	}
	CHECK(initiations(0, 0) == 4); /* in 20 s */
	world_end();
}

TEST(after_18_unanswered_initiations_the_staged_packets_are_dropped)
{
	world_begin(2);
	world.node[1].cut = true;
	for (int i = 0; i < 3; i++)
		world_send(0, 1, i);
	world_run(90 * SECOND - 1);
	CHECK(world.node[0].purged == 0);
	world_run(7 * SECOND);
	CHECK(initiations(0, 0) == 18);
	CHECK(world.node[0].purged == 3);
	int64_t then = world.now;

	world_run(400 * SECOND);
	CHECK(initiations(0, then) == 0); /* it has given up */
	CHECK(world_peer(0, 1)->trouble == TROUBLE_NO_REPLY);
	world_send(0, 1, 9); /* until there is a reason to try again */
	world_run(0);
	CHECK(initiations(0, then) == 1);
	world_end();
}

TEST(a_peer_that_is_still_asked_for_is_not_given_up)
{
	world_begin(2);
	world.node[1].cut = true;
	for (int i = 0; i < 300; i++) {
		world_send(0, 1, 1);
		world_run(SECOND);
	}
	CHECK(world.node[0].purged == 0 && initiations(0, 0) > 50);
	world_end();
}

/* Packets ask for a session all the time, and so always before the retry with its jitter. */
TEST(a_peer_that_is_asked_for_all_the_time_is_said_not_to_reply_and_forgets_its_source)
{
	world_begin(2);
	struct peer *p = world_peer(0, 1);
	struct endpoint e = world_endpoint(1);

	e.ifindex = 7;
	endpoint_set(&p->endpoint, &e);
	world.node[1].cut = true;
	for (int i = 0; i < 510; i++) {
		world_send(0, 1, 1 + i);
		world_run(SECOND / 100);
	}
	CHECK(world_count(0, WIRE_INITIATION, 0) == 2);
	CHECK(p->trouble == TROUBLE_NO_REPLY);
	CHECK(endpoint_read(&p->endpoint, &e) && !e.ifindex);
	world_end();
}

TEST(no_more_than_128_packets_wait_and_the_oldest_are_dropped)
{
	world_begin(2);
	for (int i = 0; i < PEER_STAGED + 5; i++)
		world_send(0, 1, i);
	world_run(SECOND);
	CHECK(world.node[1].arrivals == PEER_STAGED);
	CHECK(!world.node[1].arrived[4] && world.node[1].arrived[5]);
	world_end();
}

TEST(each_retry_forgets_the_source_address_that_was_used_before)
{
	world_begin(2);
	struct peer *p = world_peer(0, 1);
	struct endpoint e = world_endpoint(1);

	e.ifindex = 7;
	e.local.v4.s_addr = 1;
	endpoint_set(&p->endpoint, &e);
	world.node[1].cut = true;
	world_send(0, 1, 1);
	world_run(4 * SECOND);
	CHECK(endpoint_read(&p->endpoint, &e) && e.ifindex == 7);
	world_run(2 * SECOND);
	CHECK(endpoint_read(&p->endpoint, &e));
	CHECK(!e.ifindex && !e.local.v4.s_addr);
	CHECK(address_equal(&e.remote, &world.node[1].address)); /* only the source */
	world_end();
}

TEST(who_received_data_and_sends_nothing_sends_a_keepalive_after_10_s)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	world_run(60 * SECOND); /* nothing is owed any more */
	int64_t then = world.now;

	world_send(0, 1, 1);
	world_run(10 * SECOND + MILLISECOND - 1);
	CHECK(world_keepalives(1, then) == 0);
	world_run(1);
	CHECK(world_keepalives(1, then) == 1);
	world_run(60 * SECOND);
	CHECK(world_keepalives(1, then) == 1); /* nothing more came: once is enough */
	CHECK(world_keepalives(0, then) == 0); /* and a keepalive asks for no keepalive */
	world_end();
}

TEST(one_more_keepalive_follows_when_more_data_came_meanwhile)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	world_run(60 * SECOND);
	int64_t then = world.now;

	world_send(0, 1, 1);
	world_run(4 * SECOND);
	world_send(0, 1, 2);
	world_run(7 * SECOND);
	CHECK(world_keepalives(1, then) == 1);
	world_run(10 * SECOND);
	CHECK(world_keepalives(1, then) == 2);
	world_run(100 * SECOND);
	CHECK(world_keepalives(1, then) == 2);
	world_end();
}

TEST(no_keepalive_is_sent_when_data_goes_back)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	world_run(60 * SECOND);
	int64_t then = world.now;

	for (int i = 0; i < 40; i++) {
		world_send(0, 1, 1);
		world_run(SECOND);
		world_send(1, 0, 1);
		world_run(SECOND / 2);
	}
	CHECK(world_keepalives(0, then) + world_keepalives(1, then) == 0);
	world_end();
}

TEST(data_that_goes_unanswered_for_15_s_begins_a_new_handshake)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	world_run(60 * SECOND);
	int64_t then = world.now;

	world.node[1].cut = true;
	world_send(0, 1, 1);
	world_run(15 * SECOND - 1);
	CHECK(initiations(0, then) == 0);
	world_run(334 * MILLISECOND);
	CHECK(initiations(0, then) == 1);
	world_end();
}

TEST(a_peer_that_answers_within_15_s_is_left_alone)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	int64_t then = world.now;

	for (int i = 0; i < 5; i++) {
		world_send(0, 1, 1); /* answered by keepalives only */
		world_run(20 * SECOND);
	}
	CHECK(initiations(0, then) == 0);
	world_end();
}

TEST(all_keys_are_wiped_after_540_s_without_a_new_one)
{
	world_begin(2);
	world_meet(0, 1);
	run_to_age(0, 1, 540 * SECOND - 1);
	CHECK(current(0, 1));
	world_run(1);
	CHECK(!current(0, 1));
	world_run(SECOND);
	CHECK(!current(1, 0));
	CHECK(world.node[0].device.index.count == 0 && world.node[1].device.index.count == 0);
	world_end();
}

TEST(persistent_keepalives_are_sent_at_their_interval_and_only_then)
{
	world_begin(2);
	world_set_keepalive(0, 1, 25);
	world_run(SECOND);
	int64_t then = world.now;

	world_run(100 * SECOND);
	CHECK(world_keepalives(0, then) == 4);
	CHECK(world_keepalives(1, then) == 0);
	then = world.now;
	for (int i = 0; i < 15; i++) { /* traffic in either direction takes their place */
		world_send(1, 0, 1);
		world_run(SECOND / 2);
		world_send(0, 1, 1);
		world_run(SECOND / 2);
	}
	CHECK(world_keepalives(0, then) == 0);
	world_set_keepalive(0, 1, 0);
	then = world.now + 15 * SECOND; /* passive ones may still come */
	world_run(200 * SECOND);
	CHECK(world_count(0, WIRE_NONE, then) == 0);
	world_end();
}

TEST(a_persistent_keepalive_is_sent_when_the_interface_comes_up)
{
	world_begin(2);
	device_down(&world.node[0].device);
	world_set_keepalive(0, 1, 25);
	world_run(100 * SECOND);
	CHECK(world.count == 0);
	world_up(0);
	world_run(SECOND);
	CHECK(initiations(0, 0) == 1 && world_keepalives(0, 0) == 1);
	world_end();
}

TEST(a_persistent_keepalive_goes_on_trying_after_the_handshake_was_given_up)
{
	world_begin(2);
	world.node[1].cut = true;
	world_set_keepalive(0, 1, 25);
	world_run(600 * SECOND);
	world.node[1].cut = false;
	world_run(60 * SECOND);
	CHECK(current(0, 1));
	world_end();
}

TEST(all_keys_are_wiped_when_the_interface_goes_down)
{
	world_begin(2);
	world_meet(0, 1);
	world_send(1, 0, 1);
	world_run(SECOND);
	device_down(&world.node[0].device);
	CHECK(!current(0, 1) && world.node[0].device.index.count == 0);
	world_up(0);
	world_run(SECOND);
	world_meet(0, 1); /* and it works again afterwards */
	world_end();
}

TEST(after_2_to_the_60_messages_a_new_session_is_asked_for)
{
	world_begin(2);
	world_meet(0, 1);
	exchange(0, 1);
	world_run(10 * SECOND);
	int64_t then = world.now;

	atomic_store(&current(0, 1)->counter, SESSION_REKEY_MESSAGES - 2);
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(initiations(0, then) == 0);
	world_send(0, 1, 2);
	world_run(SECOND);
	CHECK(initiations(0, then) == 1);
	world_end();
}

TEST(at_the_end_of_its_numbers_a_session_sends_nothing)
{
	uint64_t first;

	world_begin(2);
	world_meet(0, 1);
	struct session *s = current(0, 1);

	atomic_store(&s->counter, REPLAY_END - 3);
	CHECK(!session_claim(s, 4, &first));
	CHECK(session_claim(s, 3, &first) && first == REPLAY_END - 3);
	CHECK(!session_claim(s, 1, &first));
	CHECK(!peer_session(world_peer(0, 1), world.now));
	world_end();
}

/* What control is told matters only when it looks too late otherwise. */
TEST(a_fact_wakes_control_only_when_it_looks_too_late)
{
	struct timers t = {0};
	int64_t deadline;

	CHECK(timers_sent(&t, 1000 * SECOND, true)); /* control does not look at all */
	CHECK(timers_next(&t, 1000 * SECOND, &deadline) == TIMER_NONE);
	CHECK(deadline == 1015 * SECOND);
	atomic_store(&t.look, deadline);
	CHECK(!timers_received(&t, 1001 * SECOND, false)); /* the fact is gone */
	CHECK(!timers_sent(&t, 1002 * SECOND, true));	   /* 1017 is not too late */
	CHECK(timers_received(&t, 1003 * SECOND, true));   /* a keepalive at 1013 is */
	CHECK(timers_next(&t, 1013 * SECOND, &deadline) == TIMER_KEEPALIVE);
}
