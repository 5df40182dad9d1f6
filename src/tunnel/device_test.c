/* Many peers: what they cost while they are idle, and when all have sessions. */
#include "tunnel/device.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test.h"
#include "tunnel/handshake.h"
#include "tunnel/world_test.h"

enum { MANY = 100000 };

static int send_nothing(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	return 0;
}

static void do_nothing(void *arg)
{
}

static void do_nothing_for(void *arg, struct peer *p)
{
}

static void not_ready(void *arg, struct peer *p, bool keepalive)
{
}

static const struct device_calls quiet_calls = {
	.send = send_nothing,
	.ready = not_ready,
	.purge = do_nothing_for,
	.release = do_nothing_for,
	.wake = do_nothing,
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void key_of(uint8_t key[WIRE_KEY], uint32_t i)
{
	memset(key, 0, WIRE_KEY);
	key[0] = 9;
	memcpy(key + 4, &i, sizeof(i));
}

static void add_many(struct device *d)
{
	for (uint32_t i = 0; i < MANY; i++) {
		struct prefix x = {.family = AF_INET, .length = 32};
		uint8_t key[WIRE_KEY];
		struct peer *p;

		key_of(key, i);
		CHECK(device_add(d, key, &p) == 0 && p);
		x.address[0] = 10;
		x.address[1] = (uint8_t)(i >> 16);
		x.address[2] = (uint8_t)(i >> 8);
		x.address[3] = (uint8_t)i;
		CHECK(device_allow(d, p, &x, NULL) == 0);
	}
}

TEST(a_hundred_thousand_peers_are_added_found_and_removed_quickly)
{
	static struct device d;
	struct moment m = {SECOND, SECOND};
	double began = seconds();

	CHECK(device_init(&d, &quiet_calls, NULL) == 0);
	device_up(&d, &m);
	add_many(&d);
	CHECK(d.peer_count == MANY && d.routes.count == MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		uint8_t key[WIRE_KEY],
			address[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		key_of(key, i);
		struct peer *p = device_find(&d, key);

		CHECK(p && routes_find4(&d.routes, address) == p);
	}
	CHECK(device_step(&d, &m) == TIMERS_NEVER); /* idle ones have no deadline */
	device_remove_all(&d);
	device_step(&d, &m);
	CHECK(!d.quiet.first);
	device_done(&d);
	CHECK(seconds() - began < 10); /* under sanitizers, on a busy machine */
}

TEST(an_idle_peer_takes_at_most_a_kilobyte_beyond_keys_and_allowed_ips)
{
	struct peer p;
	size_t keys = sizeof(p.key) + sizeof(p.preshared) + sizeof(p.static_secret);

	/* Its places in the hash and in the heap of deadlines, at their largest, and malloc's own.
	 */
	CHECK(sizeof(p) - keys + 2 * sizeof(void *) + 2 * sizeof(struct schedule_entry) + 16 <=
		1024);
}

/* One device with a thousand peers, each of which is a device of its own with one. */
TEST(a_thousand_peers_have_live_sessions_at_once)
{
	enum { HUB_PEERS = 1000 };
	struct moment m = {1000 * SECOND, 1000 * SECOND};

	world_begin(1);
	struct device *hub = &world.node[0].device;

	world.now = m.now;
	for (uint32_t i = 0; i < HUB_PEERS; i++) {
		struct noise_identity me = {0};
		struct noise_handshake h;
		struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
		uint8_t key[WIRE_KEY], secret[WIRE_KEY], stamp[WIRE_STAMP] = {1};
		struct endpoint from = world_endpoint(0);
		struct peer *p;

		key_of(key, i + 1);
		noise_identity_set(&me, key);
		CHECK(device_add(hub, me.public_key, &p) == 0);
		CHECK(noise_precompute(&me, hub->identity.public_key, secret));
		CHECK(noise_initiate(&h, &me, hub->identity.public_key, secret, key, stamp, &w));
		w.sender = le32_put(i);
		cookie_sign(&w, sizeof(w), hub->identity.public_key, NULL);
		struct arrival_handshake a = {&w, sizeof(w), &from};

		device_receive(hub, &m, &a, 1, 0);
		CHECK(atomic_load(&p->next));
	}
	CHECK(hub->index.count == HUB_PEERS && hub->schedule.count == HUB_PEERS);
	world.node[0].woken = true;
	world_run(539 * SECOND);
	CHECK(hub->index.count == HUB_PEERS);
	world_run(SECOND);
	CHECK(hub->index.count == 0 && hub->schedule.count == 0); /* and all are wiped in time */
	world_end();
}
