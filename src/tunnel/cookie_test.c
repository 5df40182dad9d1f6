/* Under load: who must prove an address, how, for how long. */
#include "tunnel/cookie.h"

#include <arpa/inet.h>
#include <string.h>

#include "test.h"
#include "tunnel/ratelimit.h"
#include "tunnel/world_test.h"

static struct device *device(int n)
{
	return &world.node[n].device;
}

/* From now on as many handshakes wait at node 1 as make it load. */
static void load(size_t waiting)
{
	world.node[1].waiting = waiting;
}

static uint64_t dropped(enum drop why)
{
	return drop_read(&device(1)->drops, why);
}

static int replies(void)
{
	return world_count(1, WIRE_COOKIE, 0);
}

TEST(under_load_an_address_is_asked_for_a_cookie_and_then_served)
{
	world_begin(2);
	load(DEVICE_LOAD);
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(replies() == 1 && world_count(1, WIRE_RESPONSE, 0) == 0);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_COOKIE);
	CHECK(device(1)->strangers[DEVICE_STRANGERS - 1].why == TROUBLE_ADDRESS_UNPROVEN);
	world_run(6 * SECOND); /* the retry carries it */
	CHECK(replies() == 1 && world_count(1, WIRE_RESPONSE, 0) == 1);
	CHECK(world.node[1].arrived[1] == 1);
	world_end();
}

TEST(with_fewer_than_512_waiting_there_is_no_load)
{
	world_begin(2);
	load(DEVICE_LOAD - 1);
	world_meet(0, 1);
	CHECK(replies() == 0);
	world_end();
}

TEST(load_lasts_a_second_longer_than_the_queue)
{
	struct endpoint from;

	world_begin(3);
	from = world_endpoint(0);
	world_send(0, 1, 1);
	world_run(0);
	struct datagram g = *world_last(0, WIRE_INITIATION);

	world_last(0, WIRE_INITIATION)->arrives = 0;
	load(DEVICE_LOAD);
	world_deliver(1, g.bytes, g.length, &from);
	load(0);
	world.now += SECOND - 1;
	world_deliver(1, g.bytes, g.length, &from);
	CHECK(replies() == 2);
	world.now += 1;
	world_deliver(1, g.bytes, g.length, &from);
	CHECK(replies() == 2 && world_count(1, WIRE_RESPONSE, 0) == 1);
	world_end();
}

/* Deliver forged initiations with a valid mac1, so many a second, for a while. */
static void forge(int rate, int64_t span)
{
	struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
	struct endpoint from = world_endpoint(0);

	for (int64_t end = world.now + span; world.now < end; world.now += SECOND / rate) {
		w.ephemeral[0] = (uint8_t)dice(256);
		cookie_sign(&w, sizeof(w), world.node[1].public_key, NULL);
		world_deliver(1, &w, sizeof(w), &from);
	}
}

TEST(a_flood_of_initiations_in_vain_is_load_even_when_none_waits)
{
	world_begin(2);
	forge(400, 3 * SECOND);
	CHECK(replies() == 0); /* that many can be afforded */
	forge(2000, 3 * SECOND);
	uint64_t opened = dropped(DROP_HANDSHAKE_INVALID);

	CHECK(replies() > 3000 && opened < 1200 + 2 * 2000);
	world_run(SECOND);
	world_meet(0, 1); /* and over it is soon */
	world_end();
}

TEST(a_response_too_must_carry_a_cookie_under_load)
{
	world_begin(2);
	world.node[0].waiting = DEVICE_LOAD; /* the initiator is the one under load */
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(world_count(0, WIRE_COOKIE, 0) == 1 && !atomic_load(&world_peer(0, 1)->current));
	world_run(6 * SECOND);
	CHECK(world.node[1].arrived[1] == 1);
	world_end();
}

/* An initiation that node 0 signs with its cookie; the reply to its first one went through. */
static struct datagram initiation_with_cookie(void)
{
	struct datagram *g;

	load(DEVICE_LOAD);
	world_send(0, 1, 1);
	world_run(SECOND);
	CHECK(replies() == 1);
	world.node[1].cut = true;
	world_run(5 * SECOND);
	world.node[1].cut = false;
	g = world_last(0, WIRE_INITIATION);
	CHECK(g->sent > world.now - 2 * SECOND);
	g->arrives = 0;
	return *g;
}

TEST(a_cookie_is_of_no_use_from_another_address_or_port)
{
	world_begin(2);
	struct datagram g = initiation_with_cookie();
	struct endpoint from = g.source;

	from.remote.v4.sin_port = htons(1001);
	world_deliver(1, g.bytes, g.length, &from);
	CHECK(replies() == 2);
	from = g.source;
	from.remote.v4.sin_addr.s_addr ^= htonl(1);
	world_deliver(1, g.bytes, g.length, &from);
	CHECK(replies() == 3 && world_count(1, WIRE_RESPONSE, 0) == 0);
	world_deliver(1, g.bytes, g.length, &g.source);
	CHECK(replies() == 3 && world_count(1, WIRE_RESPONSE, 0) == 1);
	world_end();
}

TEST(the_secret_behind_cookies_lives_120_s)
{
	world_begin(2);
	struct datagram g = initiation_with_cookie();
	int64_t until = device(1)->cookies.secret_until;

	CHECK(until == world_last(1, WIRE_COOKIE)->sent + 120 * SECOND);
	world.now = until;
	world_deliver(1, g.bytes, g.length, &g.source);
	CHECK(replies() == 2 && world_count(1, WIRE_RESPONSE, 0) == 0);
	world_end();
}

TEST(a_cookie_is_used_for_115_s)
{
	static const uint8_t none[WIRE_MAC];

	world_begin(2);
	initiation_with_cookie();
	int64_t until = world_peer(0, 1)->cookie.until;

	CHECK(until == world_last(1, WIRE_COOKIE)->sent + MILLISECOND + 115 * SECOND);
	world.node[1].cut = true;
	for (int i = 0; i < 125; i++) { /* attempts before and after */
		struct datagram *g;
		bool carried;

		world_send(0, 1, 1);
		world_run(SECOND);
		g = world_last(0, WIRE_INITIATION);
		carried = memcmp(g->bytes + g->length - WIRE_MAC, none, WIRE_MAC);
		CHECK(carried == (g->sent < until));
	}
	world_end();
}

TEST(a_cookie_reply_does_not_move_the_endpoint)
{
	struct endpoint e, elsewhere = {0};

	world_begin(2);
	load(DEVICE_LOAD);
	world_send(0, 1, 1);
	world_run(MILLISECOND); /* the reply is on its way */
	struct datagram *g = world_last(1, WIRE_COOKIE);

	g->arrives = 0;
	elsewhere.remote = world.node[1].address;
	elsewhere.remote.v4.sin_port = htons(7);
	world_deliver(0, g->bytes, g->length, &elsewhere);
	CHECK(world_peer(0, 1)->trouble == TROUBLE_COOKIE);
	CHECK(endpoint_read(&world_peer(0, 1)->endpoint, &e));
	CHECK(address_equal(&e.remote, &world.node[1].address));
	world_end();
}

TEST(a_cookie_reply_is_taken_once_and_only_for_what_was_sent)
{
	world_begin(2);
	load(DEVICE_LOAD);
	world_send(0, 1, 1);
	world_run(MILLISECOND);
	struct datagram g = *world_last(1, WIRE_COOKIE), bad = g;

	world_last(1, WIRE_COOKIE)->arrives = 0;
	for (int i = 4; i < g.length; i++) {
		bad = g;
		bad.bytes[i] ^= 1;
		world_deliver(0, bad.bytes, bad.length, &g.source);
		CHECK(!world_peer(0, 1)->cookie.until);
	}
	world_deliver(0, g.bytes, g.length, &g.source);
	int64_t until = world_peer(0, 1)->cookie.until;

	CHECK(until);
	world.now += SECOND;
	world_deliver(0, g.bytes, g.length, &g.source);
	CHECK(world_peer(0, 1)->cookie.until == until);
	world_end();
}

/* --- the rate limit ------------------------------------------------------ */

static union address address4(uint32_t a, uint16_t port)
{
	union address x = {0};

	x.v4 = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(a)}};
	return x;
}

static int allowed(struct ratelimit *r, const union address *from, int64_t now, int tries)
{
	int n = 0;

	while (tries--)
		n += ratelimit_allow(r, from, now);
	return n;
}

TEST(an_address_may_ask_5_times_at_once_and_20_times_a_second)
{
	struct ratelimit r = {0};
	union address a = address4(1, 1), other_port = address4(1, 2);
	int64_t now = 1000 * SECOND;
	int n = 0;

	CHECK(allowed(&r, &a, now, 100) == 5);
	CHECK(allowed(&r, &other_port, now, 100) == 0); /* the port makes no other host */
	CHECK(allowed(&r, &a, now + 50 * MILLISECOND, 100) == 1);
	for (int i = 0; i < 1000; i++)
		n += ratelimit_allow(&r, &a, now + SECOND + i * 10 * MILLISECOND);
	CHECK(n >= 200 && n <= 205); /* in 10 s */
	ratelimit_done(&r);
}

TEST(one_address_does_not_use_up_the_share_of_another)
{
	struct ratelimit r = {0};
	union address a = address4(1, 1), b = address4(2, 1);

	CHECK(allowed(&r, &a, SECOND, 100) == 5);
	CHECK(allowed(&r, &b, SECOND, 100) == 5);
	ratelimit_done(&r);
}

TEST(a_64_of_ipv6_is_one_address)
{
	struct ratelimit r = {0};
	union address a = {0};
	int n = 0;

	a.v6.sin6_family = AF_INET6;
	for (int i = 0; i < 100; i++) {
		a.v6.sin6_addr.s6_addr[15] = (uint8_t)i;
		a.v6.sin6_addr.s6_addr[8] = (uint8_t)i;
		n += ratelimit_allow(&r, &a, SECOND);
	}
	CHECK(n == 5);
	a.v6.sin6_addr.s6_addr[7] = 1; /* the next one */
	CHECK(ratelimit_allow(&r, &a, SECOND));
	ratelimit_done(&r);
}

TEST(addresses_that_went_quiet_are_forgotten)
{
	struct ratelimit r = {0};

	for (uint32_t i = 0; i < 10000; i++) {
		union address a = address4(i, 1);

		CHECK(ratelimit_allow(&r, &a, SECOND));
	}
	CHECK(r.count == 10000);
	CHECK(!ratelimit_sweep(&r, 3 * SECOND));
	CHECK(!r.entries);
}

TEST(the_table_of_addresses_is_bounded)
{
	struct ratelimit r = {0};
	union address a;

	for (uint32_t i = 0; i < RATELIMIT_ENTRIES; i++) {
		a = address4(i, 1);
		CHECK(ratelimit_allow(&r, &a, SECOND));
	}
	a = address4(RATELIMIT_ENTRIES, 1);
	CHECK(!ratelimit_allow(&r, &a, SECOND));
	CHECK(ratelimit_sweep(&r, SECOND) || true);
	CHECK(!ratelimit_sweep(&r, 3 * SECOND));
	CHECK(ratelimit_allow(&r, &a, 3 * SECOND));
	ratelimit_done(&r);
}

TEST(the_rate_limit_agrees_with_a_plain_bucket_under_dice)
{
	enum { HOSTS = 40 };
	static int64_t tokens[HOSTS], last[HOSTS]; /* in ns of refilling */
	struct ratelimit r = {0};
	int64_t now = 1000 * SECOND;

	for (int i = 0; i < HOSTS; i++) {
		tokens[i] = RATELIMIT_FULL;
		last[i] = now;
	}
	for (int i = 0; i < 100000; i++) {
		uint32_t h = (uint32_t)dice(HOSTS);
		union address a = address4(h, (uint16_t)dice(1000));
		bool want;

		now += (int64_t)dice(3 * MILLISECOND);
		tokens[h] += now - last[h];
		if (tokens[h] > RATELIMIT_FULL)
			tokens[h] = RATELIMIT_FULL;
		last[h] = now;
		want = tokens[h] >= RATELIMIT_COST;
		if (want)
			tokens[h] -= RATELIMIT_COST;
		CHECK(ratelimit_allow(&r, &a, now) == want);
		if (!dice(100))
			ratelimit_sweep(&r, now);
	}
	ratelimit_done(&r);
}

TEST(under_load_a_proven_address_is_limited_too)
{
	world_begin(2);
	struct datagram g = initiation_with_cookie();

	for (int i = 0; i < 50; i++)
		world_deliver(1, g.bytes, g.length, &g.source);
	CHECK(drop_read(&device(1)->drops, DROP_HANDSHAKE_RATE) == 45);
	CHECK(world_count(1, WIRE_RESPONSE, 0) == 1); /* the others were replays */
	world_end();
}
