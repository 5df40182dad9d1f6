#include "tunnel/ratelimit.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

enum { LEAST = 64 };

/* The bucket is the time until it is full again: each handshake moves that time by its cost.
 * Empty slots have full_at 0. */
struct ratelimit_entry {
	uint8_t address[9]; /* family, then IPv4 or the first half of IPv6 */
	int64_t full_at;
};

static void key_of(uint8_t key[9], const union address *from)
{
	memset(key, 0, 9);
	key[0] = from->sa.sa_family == AF_INET6 ? 6 : 4;
	if (from->sa.sa_family == AF_INET6)
		memcpy(key + 1, &from->v6.sin6_addr, 8);
	else
		memcpy(key + 1, &from->v4.sin_addr, 4);
}

static uint32_t hash_of(const struct ratelimit *r, const uint8_t key[9])
{
	uint8_t out[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(out, key, 9, (const uint8_t *)r->seed);
	memcpy(&h, out, sizeof(h));
	return h;
}

/* Its slot, or the empty one where it belongs. */
static struct ratelimit_entry *slot_of(const struct ratelimit *r, const uint8_t key[9])
{
	uint32_t at = hash_of(r, key) & (r->size - 1);

	while (r->entries[at].full_at && memcmp(r->entries[at].address, key, 9))
		at = (at + 1) & (r->size - 1);
	return &r->entries[at];
}

/* A table of another size with those whose bucket is not full. */
static bool rebuild(struct ratelimit *r, uint32_t size, int64_t now)
{
	struct ratelimit old = *r;

	r->entries = calloc(size, sizeof(*r->entries));
	if (!r->entries) {
		*r = old;
		return false;
	}
	r->size = size;
	r->count = 0;
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.entries[i].full_at <= now)
			continue;
		*slot_of(r, old.entries[i].address) = old.entries[i];
		r->count++;
	}
	free(old.entries);
	return true;
}

static bool make_room(struct ratelimit *r, int64_t now)
{
	uint32_t size = r->size ? r->size : LEAST;

	if (r->size && (r->count + 1) * 2 <= r->size)
		return true;
	if (r->count + 1 > RATELIMIT_ENTRIES)
		return false;
	while ((r->count + 1) * 2 > size)
		size *= 2;
	return rebuild(r, size, now);
}

bool ratelimit_allow(struct ratelimit *r, const union address *from, int64_t now)
{
	struct ratelimit_entry *e;
	uint8_t key[9];
	int64_t full_at;

	key_of(key, from);
	if (!make_room(r, now))
		return false;
	e = slot_of(r, key);
	full_at = e->full_at > now ? e->full_at : now;
	if (full_at + RATELIMIT_COST > now + RATELIMIT_FULL)
		return false;
	if (!e->full_at) {
		memcpy(e->address, key, sizeof(key));
		r->count++;
	}
	e->full_at = full_at + RATELIMIT_COST;
	return true;
}

bool ratelimit_sweep(struct ratelimit *r, int64_t now)
{
	if (!r->size || now < r->swept + SECOND)
		return r->size;
	r->swept = now;
	if (!rebuild(r, r->size, now))
		return true;
	if (!r->count)
		ratelimit_done(r);
	return r->size;
}

void ratelimit_done(struct ratelimit *r)
{
	free(r->entries);
	r->entries = NULL;
	r->size = r->count = 0;
}
