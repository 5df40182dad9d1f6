#include "tunnel/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test.h"
#include "tunnel/peer.h"

/* Peers are only compared here, and carry the head of their list. */
static struct peer peer_a, peer_b, peer_c;

static struct quiet quiet;
static struct routes table;

static void begin(void)
{
	quiet = (struct quiet){0};
	table = (struct routes){.quiet = &quiet};
	peer_a = peer_b = peer_c = (struct peer){0};
}

static void end(void)
{
	routes_done(&table);
	quiet_done(&quiet);
}

static struct prefix prefix(const char *text)
{
	struct prefix p = {0};

	CHECK(prefix_parse(&p, text, true));
	return p;
}

static struct peer *set(const char *text, struct peer *p)
{
	struct prefix x = prefix(text);
	struct peer *loser;

	CHECK(routes_set(&table, &x, p, &loser) == 0);
	return loser;
}

static bool del(const char *text, struct peer *p)
{
	struct prefix x = prefix(text);

	return routes_del(&table, &x, p);
}

static struct peer *find(const char *text)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address))
		return routes_find4(&table, address);
	CHECK(inet_pton(AF_INET6, text, address));
	return routes_find6(&table, address);
}

TEST(the_longest_prefix_that_contains_an_address_owns_it)
{
	begin();
	set("10.0.0.0/8", &peer_a);
	set("10.1.0.0/16", &peer_b);
	set("10.1.2.0/24", &peer_c);
	set("2001:db8::/32", &peer_a);
	set("2001:db8:0:1::/64", &peer_b);
	CHECK(find("10.200.0.1") == &peer_a);
	CHECK(find("10.1.3.1") == &peer_b);
	CHECK(find("10.1.2.3") == &peer_c);
	CHECK(find("11.0.0.1") == NULL);
	CHECK(find("2001:db8:0:1::9") == &peer_b);
	CHECK(find("2001:db8:0:2::9") == &peer_a);
	CHECK(find("::1") == NULL);
	end();
}

TEST(a_default_route_catches_the_rest_and_a_host_route_one_address)
{
	begin();
	set("0.0.0.0/0", &peer_a);
	set("::/0", &peer_b);
	set("192.0.2.1/32", &peer_c);
	set("2001:db8::1/128", &peer_c);
	CHECK(find("192.0.2.1") == &peer_c && find("192.0.2.2") == &peer_a);
	CHECK(find("2001:db8::1") == &peer_c && find("2001:db8::2") == &peer_b);
	end();
}

TEST(a_prefix_has_one_owner_and_the_caller_learns_who_lost_it)
{
	begin();
	CHECK(set("10.0.0.0/8", &peer_a) == NULL);
	CHECK(set("10.0.0.0/8", &peer_a) == NULL); /* again: nobody loses */
	CHECK(set("10.0.0.0/8", &peer_b) == &peer_a);
	CHECK(table.count == 1 && !peer_a.routes && find("10.1.1.1") == &peer_b);
	CHECK(!del("10.0.0.0/8", &peer_a)); /* not its own any more */
	CHECK(del("10.0.0.0/8", &peer_b) && find("10.1.1.1") == NULL);
	CHECK(!table.root4);
	end();
}

TEST(what_lies_below_a_removed_prefix_stays)
{
	begin();
	set("10.0.0.0/8", &peer_a);
	set("10.1.0.0/16", &peer_b);
	set("10.2.0.0/16", &peer_c);
	CHECK(del("10.0.0.0/8", &peer_a));
	CHECK(find("10.1.0.1") == &peer_b && find("10.2.0.1") == &peer_c);
	CHECK(find("10.3.0.1") == NULL);
	CHECK(del("10.1.0.0/16", &peer_b));
	CHECK(find("10.2.0.1") == &peer_c);
	end();
}

TEST(host_bits_of_a_prefix_are_ignored_and_a_wrong_one_is_refused)
{
	struct prefix p = {.family = AF_INET, .length = 8, .address = {10, 9, 8, 7}};
	struct prefix out;

	begin();
	CHECK(routes_set(&table, &p, &peer_a, NULL) == 0);
	CHECK(routes_next(&peer_a, NULL, &out));
	CHECK(out.family == AF_INET && out.length == 8 && out.address[0] == 10 && !out.address[1]);
	p.length = 33;
	CHECK(routes_set(&table, &p, &peer_a, NULL) == -EINVAL);
	p.family = 99;
	CHECK(routes_set(&table, &p, &peer_a, NULL) == -EINVAL);
	end();
}

/* --- the obvious model: a list of prefixes, searched from end to end ------ */

enum { PREFIXES = 300, PEERS = 8 };

struct model {
	struct prefix prefix[PREFIXES];
	struct peer *owner[PREFIXES];
	int count;
};

static bool same(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->length == b->length &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}

static bool covers(const struct prefix *p, uint8_t family, const uint8_t *address)
{
	if (p->family != family)
		return false;
	for (int i = 0; i < p->length; i++)
		if ((p->address[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static struct peer *model_find(const struct model *m, uint8_t family, const uint8_t *address)
{
	int best = -1;

	for (int i = 0; i < m->count; i++)
		if (covers(&m->prefix[i], family, address) &&
			(best < 0 || m->prefix[i].length > m->prefix[best].length))
			best = i;
	return best < 0 ? NULL : m->owner[best];
}

/* Addresses from a small space, so that prefixes nest and collide. */
static void dice_address(uint8_t address[16], uint8_t family)
{
	memset(address, 0, 16);
	for (int i = 0; i < (family == AF_INET ? 4 : 16); i++)
		address[i] = (uint8_t)(dice(4) ? dice(2) * 0x80 : dice(256));
}

static struct prefix dice_prefix(void)
{
	struct prefix p = {.family = dice(2) ? AF_INET : AF_INET6};
	int width = p.family == AF_INET ? 32 : 128;

	p.length = (uint8_t)(dice(3) ? dice(12) : dice((uint64_t)width + 1));
	dice_address(p.address, p.family);
	for (int i = p.length; i < 128; i++)
		p.address[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return p;
}

static int model_index(const struct model *m, const struct prefix *p)
{
	for (int i = 0; i < m->count; i++)
		if (same(&m->prefix[i], p))
			return i;
	return -1;
}

static void model_del(struct model *m, int i)
{
	m->count--;
	m->prefix[i] = m->prefix[m->count];
	m->owner[i] = m->owner[m->count];
}

static void check_set(struct model *m, struct peer *p)
{
	struct prefix x = dice_prefix();
	int i = model_index(m, &x);
	struct peer *loser, *want = i >= 0 && m->owner[i] != p ? m->owner[i] : NULL;

	if (i < 0 && m->count == PREFIXES)
		return;
	CHECK(routes_set(&table, &x, p, &loser) == 0);
	CHECK(loser == want);
	if (i < 0)
		i = m->count++;
	m->prefix[i] = x;
	m->owner[i] = p;
}

static void check_del(struct model *m, struct peer *p)
{
	struct prefix x = m->count && dice(2) ? m->prefix[dice((uint64_t)m->count)] : dice_prefix();
	int i = model_index(m, &x);
	bool want = i >= 0 && m->owner[i] == p;

	CHECK(routes_del(&table, &x, p) == want);
	if (want)
		model_del(m, i);
}

static void check_list(const struct model *m, const struct peer *p)
{
	const struct route *at = NULL;
	struct prefix x;
	int listed = 0, owned = 0;

	while ((at = routes_next(p, at, &x))) {
		int i = model_index(m, &x);

		CHECK(i >= 0 && m->owner[i] == p);
		listed++;
	}
	for (int i = 0; i < m->count; i++)
		owned += m->owner[i] == p;
	CHECK(listed == owned);
}

TEST(routes_agree_with_a_plain_list_on_random_changes)
{
	static struct model m;
	static struct peer peers[PEERS];

	begin();
	m.count = 0;
	memset(peers, 0, sizeof(peers));
	for (int round = 0; round < 30000; round++) {
		struct peer *p = &peers[dice(PEERS)];
		uint8_t address[16], family = dice(2) ? AF_INET : AF_INET6;

		if (!dice(2000)) {
			routes_del_peer(&table, p);
			for (int i = m.count; i-- > 0;)
				if (m.owner[i] == p)
					model_del(&m, i);
		} else if (dice(5) < 3) {
			check_set(&m, p);
		} else {
			check_del(&m, p);
		}
		CHECK(table.count == (uint32_t)m.count);
		dice_address(address, family);
		CHECK((family == AF_INET ? routes_find4(&table, address)
					 : routes_find6(&table, address)) ==
			model_find(&m, family, address));
		if (!dice(50))
			check_list(&m, p);
		quiet_reclaim(&quiet, quiet_horizon(&quiet));
	}
	for (int i = 0; i < PEERS; i++)
		routes_del_peer(&table, &peers[i]);
	CHECK(!table.root4 && !table.root6 && !table.count); /* no fork is left behind */
	end();
}

/* --- readers beside a writer --------------------------------------------- */

static _Atomic bool stop;
static _Atomic uint64_t looked;

/* 10.1.2.0/24 and 2001:db8:1::/48 are never changed; everything around them is. */
static void *reader(void *arg)
{
	static const uint8_t address4[4] = {10, 1, 2, 3};
	static const uint8_t address6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
	unsigned worker = (unsigned)(uintptr_t)arg;

	while (!atomic_load(&stop)) {
		quiet_enter(&quiet, worker);
		for (int i = 0; i < 64; i++)
			if (routes_find4(&table, address4) != &peer_a ||
				routes_find6(&table, address6) != &peer_a)
				abort();
		quiet_leave(&quiet, worker);
		atomic_fetch_add(&looked, 64);
	}
	return NULL;
}

TEST(an_address_that_is_not_being_changed_is_found_all_the_time)
{
	static const uint8_t near4[7] = {10, 1, 2, 0x80};
	static const uint8_t near6[7] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0x80};
	pthread_t threads[2];

	begin();
	set("10.1.2.0/24", &peer_a);
	set("2001:db8:1::/48", &peer_a);
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, reader, (void *)i));
	for (int round = 0; round < 30000 || atomic_load(&looked) < 100000; round++) {
		struct prefix x = {.family = dice(2) ? AF_INET : AF_INET6};
		bool four = x.family == AF_INET;
		uint64_t horizon = quiet_horizon(&quiet);

		/* Shorter ones above, siblings beside, longer ones that miss the address. */
		memcpy(x.address, four ? near4 : near6, sizeof(near4));
		x.length = (uint8_t)dice(four ? 33 : 129);
		if (x.length == (four ? 24 : 48))
			continue;
		if (dice(2))
			x.address[dice(four ? 4 : 7)] ^= (uint8_t)(1 << dice(8));
		if (x.length > (four ? 24 : 48))
			x.address[four ? 3 : 6] |= 0x80;
		if (dice(2))
			CHECK(!routes_set(&table, &x, &peer_b, NULL));
		else
			routes_del(&table, &x, &peer_b);
		quiet_reclaim(&quiet, horizon);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	end();
}
