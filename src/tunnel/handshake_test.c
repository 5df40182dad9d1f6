/* What a handshake demands, and what it refuses: devices joined by a virtual network. */
#include "tunnel/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "memory.h"
#include "test.h"
#include "tunnel/tai64n.h"
#include "tunnel/world_test.h"

static struct device *device(int n)
{
	return &world.node[n].device;
}

static struct session *slot(_Atomic(struct session *) *s)
{
	return atomic_load(s);
}

static uint64_t dropped(int n, enum drop why)
{
	return drop_read(&device(n)->drops, why);
}

/* Have node 0 send an initiation that does not arrive, and hand it to the test. */
static struct datagram catch_initiation(void)
{
	struct datagram *g;

	world_send(0, 1, 1);
	world_run(0);
	g = world_last(0, WIRE_INITIATION);
	CHECK(g && g->sent == world.now);
	g->arrives = 0;
	return *g;
}

/* What node 1 answered to a datagram; WIRE_NONE: nothing. */
static enum wire_kind answer_to(const struct datagram *g)
{
	size_t before = world.count;

	world_deliver(1, g->bytes, g->length, &g->source);
	for (size_t i = before; i < world.count; i++)
		if (world.sent[i].from == 1)
			return wire_kind(world.sent[i].bytes, world.sent[i].length);
	return WIRE_NONE;
}

/* Whom node 1 refused for this reason; NULL: nobody. */
static const struct stranger *stranger(enum trouble why)
{
	for (int i = 0; i < DEVICE_STRANGERS; i++)
		if (device(1)->strangers[i].why == why)
			return &device(1)->strangers[i];
	return NULL;
}

TEST(both_ends_have_the_same_keys_crosswise)
{
	world_begin(2);
	world_meet(0, 1);
	struct session *a = slot(&world_peer(0, 1)->current), *b = slot(&world_peer(1, 0)->current);

	CHECK(a && b && a->initiator && !b->initiator);
	CHECK(!memcmp(a->send_key, b->receive_key, WIRE_KEY));
	CHECK(!memcmp(a->receive_key, b->send_key, WIRE_KEY));
	CHECK(memcmp(a->send_key, a->receive_key, WIRE_KEY));
	CHECK(a->remote == b->index.number && b->remote == a->index.number);
	world_end();
}

TEST(a_responder_sends_nothing_before_the_first_data_arrived)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	CHECK(answer_to(&g) == WIRE_RESPONSE);
	world.node[0].cut = true; /* the answer is lost, so no data comes */
	CHECK(slot(&world_peer(1, 0)->next) && !slot(&world_peer(1, 0)->current));
	world_send(1, 0, 5);
	world_run(SECOND);
	CHECK(world_count(1, WIRE_DATA, 0) == 0);
	world_end();
}

TEST(what_was_staged_at_the_responder_goes_out_with_the_first_data)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	world_send(1, 0, 8); /* it has a handshake of its own to begin, but is faster this way */
	CHECK(answer_to(&g) == WIRE_RESPONSE);
	world_run(100 * MILLISECOND);
	CHECK(world.node[0].arrived[8] == 1 && world.node[1].arrived[1] == 1);
	world_end();
}

TEST(a_session_that_was_just_used_is_not_given_up_for_a_newer_one)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	CHECK(answer_to(&g) == WIRE_RESPONSE);
	struct session *first = slot(&world_peer(1, 0)->next);

	/* Data arrived, but control has not been told yet when the next initiation comes. */
	atomic_store(&first->heard, true);
	atomic_store(&world_peer(0, 1)->timers.initiated, 0);
	world.now += SECOND;
	g = catch_initiation();
	CHECK(answer_to(&g) == WIRE_RESPONSE);
	CHECK(slot(&world_peer(1, 0)->current) == first);
	CHECK(slot(&world_peer(1, 0)->next) && slot(&world_peer(1, 0)->next) != first);
	world_end();
}

TEST(a_replayed_initiation_is_refused)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	CHECK(answer_to(&g) == WIRE_RESPONSE);
	world_run(SECOND);
	CHECK(answer_to(&g) == WIRE_NONE);
	struct peer *p = world_peer(1, 0);

	CHECK(p->trouble == TROUBLE_STALE);
	CHECK(drop_read(&p->drops, DROP_HANDSHAKE_STALE) == 1);
	world_end();
}

TEST(an_older_initiation_is_refused_after_a_newer_one)
{
	world_begin(2);
	struct datagram old = catch_initiation();

	world_run(6 * SECOND); /* the retry arrives */
	CHECK(world_count(1, WIRE_RESPONSE, 0) == 1);
	CHECK(answer_to(&old) == WIRE_NONE);
	world_end();
}

TEST(initiations_of_one_peer_are_accepted_at_least_20_ms_apart)
{
	world_begin(2);
	struct datagram first = catch_initiation();

	/* A second one, newer, without waiting: node 0 forgets that it just sent one. */
	world.now += 100 * MILLISECOND;
	atomic_store(&world_peer(0, 1)->timers.initiated, 0);
	struct datagram second = catch_initiation();

	CHECK(answer_to(&first) == WIRE_RESPONSE);
	world.now += 20 * MILLISECOND - 1;
	CHECK(answer_to(&second) == WIRE_NONE);
	CHECK(world_peer(1, 0)->trouble == TROUBLE_FLOOD);
	world.now += 1;
	CHECK(answer_to(&second) == WIRE_RESPONSE);
	world_end();
}

TEST(a_message_for_another_public_key_is_met_with_silence)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	g.bytes[g.length - 32] ^= 1; /* mac1 */
	CHECK(answer_to(&g) == WIRE_NONE);
	CHECK(dropped(1, DROP_HANDSHAKE_MAC1) == 1);
	const struct stranger *s = stranger(TROUBLE_THEIR_MAC1);

	CHECK(s && address_equal(&s->from.remote, &world.node[0].address));
	world_end();
}

TEST(a_flood_of_one_kind_does_not_hide_the_refusals_of_another)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	g.bytes[g.length - 32] ^= 1;
	CHECK(answer_to(&g) == WIRE_NONE);
	for (int i = 0; i < 100; i++) { /* under load, from many ports */
		struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
		struct endpoint from = g.source;

		from.remote.v4.sin_port = htons((uint16_t)(5000 + i));
		cookie_sign(&w, sizeof(w), world.node[1].public_key, NULL);
		world.node[1].waiting = DEVICE_LOAD;
		world_deliver(1, &w, sizeof(w), &from);
	}
	int mac1 = 0, unproven = 0;

	for (int i = 0; i < DEVICE_STRANGERS; i++) {
		mac1 += device(1)->strangers[i].why == TROUBLE_THEIR_MAC1;
		unproven += device(1)->strangers[i].why == TROUBLE_ADDRESS_UNPROVEN;
	}
	CHECK(mac1 == 1 && unproven == DEVICE_ALIKE);
	world_end();
}

TEST(a_peer_that_is_unknown_is_met_with_silence_and_remembered)
{
	world_begin(2);
	device_remove(device(1), world_peer(1, 0));
	struct datagram g = catch_initiation();

	CHECK(answer_to(&g) == WIRE_NONE && answer_to(&g) == WIRE_NONE);
	CHECK(dropped(1, DROP_HANDSHAKE_UNKNOWN) == 2);
	const struct stranger *s = stranger(TROUBLE_UNKNOWN_KEY);

	CHECK(s && s->count == 2);
	CHECK(!memcmp(s->key, world.node[0].public_key, WIRE_KEY));
	world_end();
}

TEST(no_change_of_a_single_bit_passes)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	for (int i = 0; i < g.length * 8; i++) {
		struct datagram bad = g;

		if (i >= (g.length - 16) * 8)
			break; /* mac2 is not looked at without load */
		bad.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK(answer_to(&bad) == WIRE_NONE);
	}
	CHECK(answer_to(&g) == WIRE_RESPONSE);
	struct datagram *r = world_last(1, WIRE_RESPONSE);

	r->arrives = 0;
	for (int i = 0; i < (r->length - 16) * 8; i++) {
		struct datagram bad = *r;

		bad.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		world_deliver(0, bad.bytes, bad.length, &bad.source);
		CHECK(!slot(&world_peer(0, 1)->current));
	}
	world_deliver(0, r->bytes, r->length, &r->source);
	CHECK(slot(&world_peer(0, 1)->current));
	world_end();
}

TEST(a_cut_off_or_longer_handshake_message_is_none)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	for (uint16_t n = 0; n <= WORLD_DATAGRAM; n++) {
		struct datagram bad = g;

		bad.length = n;
		CHECK(answer_to(&bad) == (n == 148 ? WIRE_RESPONSE : WIRE_NONE));
	}
	world_end();
}

TEST(a_response_is_used_once)
{
	world_begin(2);
	world_meet(0, 1);
	struct session *s = slot(&world_peer(0, 1)->current);
	struct datagram *r = world_last(1, WIRE_RESPONSE);

	world_deliver(0, r->bytes, r->length, &r->source);
	CHECK(slot(&world_peer(0, 1)->current) == s);
	world_end();
}

TEST(packets_sealed_under_the_previous_key_still_arrive)
{
	world_begin(2);
	world_meet(0, 1);
	world_send(0, 1, 3); /* stays on the way for a while */
	struct datagram late = world.sent[world.count - 1];

	world.sent[world.count - 1].arrives = 0;
	struct session *old = slot(&world_peer(0, 1)->current);

	world_run(121 * SECOND);
	world_send(0, 1, 4);
	world_run(SECOND);
	CHECK(slot(&world_peer(0, 1)->previous) == old);
	CHECK(slot(&world_peer(0, 1)->current) != old);
	world_deliver(1, late.bytes, late.length, &late.source);
	CHECK(world.node[1].arrived[3] == 1 && world.node[1].arrived[4] == 1);
	world_end();
}

TEST(both_may_begin_at_the_same_time_and_no_packet_is_lost)
{
	for (int round = 0; round < 30; round++) {
		int number = 0;

		world_begin(2);
		world.delay = 20 * MILLISECOND;
		world.jitter = (int64_t)dice(20) * MILLISECOND;
		for (int i = 0; i < 200; i++) {
			world_send(0, 1, number);
			world_send(1, 0, number++);
			world_run(3 * MILLISECOND);
		}
		world_run(SECOND);
		for (int i = 0; i < number; i++)
			CHECK(world.node[0].arrived[i] == 1 && world.node[1].arrived[i] == 1);
		world_end();
	}
}

TEST(changing_keys_while_traffic_runs_both_ways_loses_no_packet)
{
	int number = 0;

	world_begin(2);
	world.delay = 30 * MILLISECOND;
	world.jitter = 20 * MILLISECOND;
	for (int i = 0; i < 6000; i++) { /* 300 s: two changes */
		world_send(0, 1, number);
		world_send(1, 0, number++);
		world_run(50 * MILLISECOND);
	}
	world_run(SECOND);
	CHECK(world_count(0, WIRE_RESPONSE, 0) + world_count(1, WIRE_RESPONSE, 0) >= 3);
	for (int i = 0; i < number; i++)
		CHECK(world.node[0].arrived[i] == 1 && world.node[1].arrived[i] == 1);
	world_end();
}

TEST(over_a_bad_network_a_handshake_comes_about_in_the_end)
{
	for (int round = 0; round < 40; round++) {
		world_begin(2);
		world.lose = (int)dice(60);
		world.repeat = (int)dice(50);
		world.delay = (int64_t)dice(500) * MILLISECOND;
		world.jitter = (int64_t)dice(1500) * MILLISECOND;
		for (int i = 0; i < 600 && !world.node[1].arrivals; i++) {
			world_send(0, 1, i);
			if (dice(2))
				world_send(1, 0, i);
			world_run(SECOND);
		}
		CHECK(world.node[1].arrivals);
		for (int i = 0; i < 600; i++)
			CHECK(world.node[1].arrived[i] <= 1); /* repeated ones are refused */
		world_end();
	}
}

TEST(other_preshared_keys_give_no_session_and_say_so)
{
	world_begin(2);
	world_set_preshared(0, 1, 1);
	world_set_preshared(1, 0, 2);
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(!slot(&world_peer(0, 1)->current));
	CHECK(world_peer(0, 1)->trouble == TROUBLE_PSK);
	world_run(10 * SECOND); /* the responder sees that its answers lead to nothing */
	CHECK(world_peer(1, 0)->trouble == TROUBLE_UNCONFIRMED);
	world_set_preshared(1, 0, 1);
	world_run(10 * SECOND);
	CHECK(world.node[1].arrived[1] == 1);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_NONE);
	CHECK(world_peer(1, 0)->trouble == TROUBLE_NONE);
	world_end();
}

TEST(a_new_preshared_key_keeps_the_session_until_the_next_handshake)
{
	world_begin(2);
	world_meet(0, 1);
	world_set_preshared(0, 1, 9);
	world_set_preshared(1, 0, 9);
	world_send(0, 1, 2);
	world_run(SECOND);
	CHECK(world.node[1].arrived[2] == 1 && world_count(0, WIRE_INITIATION, 0) == 1);
	world_run(125 * SECOND);
	world_send(0, 1, 3);
	world_run(SECOND);
	world_send(0, 1, 4);
	world_run(SECOND);
	CHECK(world.node[1].arrived[3] == 1 && world.node[1].arrived[4] == 1);
	CHECK(slot(&world_peer(0, 1)->current)->born > 120 * SECOND);
	world_end();
}

TEST(the_endpoint_follows_any_authenticated_packet)
{
	struct endpoint e;

	world_begin(2);
	world_meet(0, 1);
	world.node[0].address.v4.sin_addr.s_addr = htonl(0x0a000063);
	world_send(0, 1, 2);
	world_run(SECOND);
	CHECK(endpoint_read(&world_peer(1, 0)->endpoint, &e));
	CHECK(address_equal(&e.remote, &world.node[0].address));
	world_send(1, 0, 3);
	world_run(SECOND);
	CHECK(world.node[0].arrived[3] == 1);
	world_end();
}

TEST(the_endpoint_does_not_follow_what_is_forged_or_replayed)
{
	struct endpoint e, elsewhere = {0};

	world_begin(2);
	world_meet(0, 1);
	world_send(0, 1, 2);
	world_run(SECOND);
	struct datagram g = *world_last(0, WIRE_DATA);

	elsewhere.remote = world.node[0].address;
	elsewhere.remote.v4.sin_port = htons(4444);
	world_deliver(1, g.bytes, g.length, &elsewhere); /* a replay */
	CHECK(world.node[1].refused[DROP_REPLAYED] == 1);
	g.bytes[20] ^= 1;
	world_deliver(1, g.bytes, g.length, &elsewhere); /* forged */
	CHECK(endpoint_read(&world_peer(1, 0)->endpoint, &e));
	CHECK(address_equal(&e.remote, &world.node[0].address));
	world_end();
}

TEST(indices_tell_nobody_how_many_peers_there_are)
{
	uint32_t high = 0;
	enum { ROUNDS = 64 };

	for (int i = 0; i < ROUNDS; i++) {
		struct datagram g;

		world_begin(2);
		for (int j = 0; j < i; j++)
			dice(2);
		g = catch_initiation();
		high += ((struct wire_initiation *)(void *)g.bytes)->sender.b[3] >= 128;
		world_end();
	}
	CHECK(high > ROUNDS / 5 && high < ROUNDS * 4 / 5);
}

TEST(our_own_public_key_is_no_peer)
{
	struct peer *p;

	world_begin(2);
	CHECK(device_add(device(0), world.node[0].public_key, &p) == 0 && !p);
	CHECK(!device_find(device(0), world.node[0].public_key));
	/* And a device that takes a peer's key has that peer no more. */
	struct moment m = world_moment(0);

	CHECK(device_set_private_key(device(0), world.node[1].private_key, &m) == 0);
	CHECK(device(0)->peer_count == 0);
	world_end();
}

TEST(a_peer_whose_key_is_of_low_order_gets_no_session)
{
	static const uint8_t zero[WIRE_KEY];
	struct moment m;
	struct peer *p;

	world_begin(2);
	CHECK(device_add(device(0), zero, &p) == 0);
	device_set_endpoint(device(0), p, &world.node[1].address);
	m = world_moment(0);
	handshake_begin(device(0), p, &m, false);
	CHECK(world.count == 0 && p->trouble == TROUBLE_BAD_KEY);
	world_end();
}

TEST(an_ephemeral_key_of_low_order_is_refused)
{
	world_begin(2);
	struct datagram g = catch_initiation();

	memset(((struct wire_initiation *)(void *)g.bytes)->ephemeral, 0, WIRE_KEY);
	cookie_sign(g.bytes, g.length, world.node[1].public_key, NULL);
	CHECK(answer_to(&g) == WIRE_NONE);
	CHECK(dropped(1, DROP_HANDSHAKE_INVALID) == 1);
	world_end();
}

TEST(a_new_private_key_ends_the_sessions_of_the_old_one)
{
	uint8_t key[WIRE_KEY] = {1, 2, 3};
	struct moment m;

	world_begin(2);
	world_meet(0, 1);
	m = world_moment(0);
	CHECK(device_set_private_key(device(0), device(0)->identity.private_key, &m) == 0);
	CHECK(slot(&world_peer(0, 1)->current)); /* the same key changes nothing */
	CHECK(device_set_private_key(device(0), key, &m) == 0);
	CHECK(!slot(&world_peer(0, 1)->current));
	CHECK(device_set_private_key(device(0), NULL, &m) == 0);
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_NO_KEY);
	CHECK(device_set_private_key(device(0), world.node[0].private_key, &m) == 0);
	world_send(0, 1, 2);
	world_run(SECOND);
	CHECK(world.node[1].arrived[1] == 1 && world.node[1].arrived[2] == 1);
	world_end();
}

TEST(a_removed_peer_is_gone_with_its_sessions_and_allowed_ips)
{
	struct prefix x;

	world_begin(3);
	world_meet(0, 1);
	world_meet(0, 2);
	CHECK(prefix_parse(&x, "192.168.0.0/16", true));
	CHECK(device_allow(device(0), world_peer(0, 1), &x, NULL) == 0);
	world_send(0, 1, 3); /* posted, perhaps, while it is removed */
	device_remove(device(0), world_peer(0, 1));
	world.node[0].woken = true;
	world_run(SECOND);
	CHECK(!world_peer(0, 1) && device(0)->peer_count == 1 && device(0)->routes.count == 0);
	CHECK(device(0)->index.count == 1);
	CHECK(!device(0)->quiet.first); /* and freed */
	world_send(0, 2, 4);
	world_run(SECOND);
	CHECK(world.node[2].arrived[4] == 1);
	world_end();
}

TEST(a_clock_that_jumps_back_does_not_stop_our_handshakes)
{
	world_begin(2);
	world_meet(0, 1);
	world.node[0].clock_off = -3600 * SECOND;
	world_run(130 * SECOND);
	world_send(0, 1, 2);
	world_run(SECOND);
	CHECK(world_count(1, WIRE_RESPONSE, 0) == 2);
	CHECK(world_peer(1, 0)->trouble == TROUBLE_NONE);
	world_end();
}

/* Whatever allocation fails: it is counted, said, and the next attempt succeeds. */
TEST(without_memory_a_handshake_fails_says_so_and_succeeds_later)
{
	/* the handshake and its place in the index; the answer's session and its place; the
	 * session of who began */
	static const int poor[] = {0, 0, 1, 1, 0};

	for (size_t granted = 0; granted < sizeof(poor) / sizeof(*poor); granted++) {
		const struct peer *p;

		world_begin(2);
		p = world_peer(poor[granted], !poor[granted]);
		world_send(0, 1, 1);
		memory_for(granted);
		world_run(4 * SECOND);
		memory_for(MEMORY_ENOUGH);
		CHECK(!world.node[1].arrivals);
		CHECK(drop_read(&p->drops, DROP_HANDSHAKE_MEMORY) == 1);
		CHECK(p->trouble == TROUBLE_MEMORY);
		world_run(2 * SECOND);
		CHECK(world.node[1].arrived[1] == 1);
		CHECK(world_peer(0, 1)->trouble == TROUBLE_NONE);
		CHECK(world_peer(1, 0)->trouble == TROUBLE_NONE);
		world_end();
	}
}

/* Our clock was set back while we were not running: to the peer we are from the past. */
TEST(a_clock_that_was_set_back_before_the_start_is_told_and_waited_for)
{
	struct datagram *g;

	world_begin(2);
	world.node[0].clock_off = 20 * SECOND;
	world_meet(0, 1);
	world_run(200 * SECOND); /* the session has ended */
	/* a start anew, 20 s + 200 s earlier than the peer remembers */
	world.node[0].device.wall_ahead = 0;
	world.node[0].clock_off = -200 * SECOND;
	world_send(0, 1, 2);
	world_run(SECOND);
	g = world_last(0, WIRE_INITIATION);
	CHECK(g);
	CHECK(world_count(1, WIRE_RESPONSE, g->sent) == 0);
	CHECK(world_peer(1, 0)->trouble == TROUBLE_STALE);
	CHECK(drop_read(&world_peer(1, 0)->drops, DROP_HANDSHAKE_STALE) == 1);
	for (int i = 0; i < 6; i++) { /* it keeps being asked for, until time has caught up */
		world_send(0, 1, 3 + i);
		world_run(5 * SECOND);
	}
	CHECK(world.node[1].arrived[8] == 1);
	CHECK(world_peer(1, 0)->trouble == TROUBLE_NONE);
	world_end();
}

TEST(what_the_network_and_the_host_say_is_put_down_to_the_peer)
{
	struct moment m;

	world_begin(3);
	world.node[1].cut = true;
	world_send(0, 1, 1);
	world_run(SECOND);
	m = world_moment(0);
	device_path_error(device(0), &m, &world.node[1].address, EHOSTUNREACH);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_PATH);
	CHECK(world_peer(0, 1)->trouble_errno == EHOSTUNREACH);
	CHECK(world_peer(0, 2)->trouble == TROUBLE_NONE);
	world_run(5 * SECOND); /* the retry does not hide it */
	CHECK(world_peer(0, 1)->trouble == TROUBLE_PATH);
	world_run(6 * SECOND); /* but when nothing is heard of it any more, no reply is the news */
	CHECK(world_peer(0, 1)->trouble == TROUBLE_NO_REPLY);
	world.node[0].send_error = ENETUNREACH;
	world_run(6 * SECOND);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_SEND);
	CHECK(world_peer(0, 1)->trouble_errno == ENETUNREACH);
	world_end();
}
