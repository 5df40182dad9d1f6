/* ratelimit.h - how many handshakes one address may ask for while we are under load
 *
 * A bucket for each source address (IPv6: for its /64, since a host has all of
 * that): 20 a second, 5 at once.  A bucket that is full again is forgotten.
 * The table is bounded; when it is full, new addresses are refused.
 *
 * Source: WireGuard whitepaper section 5.3; values of the kernel module.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "tunnel/address.h"

enum {
	RATELIMIT_PER_SECOND = 20,
	RATELIMIT_BURST = 5,
	RATELIMIT_ENTRIES = 1 << 16, /* addresses at a time */
};

#define RATELIMIT_COST (SECOND / RATELIMIT_PER_SECOND)
#define RATELIMIT_FULL (RATELIMIT_COST * RATELIMIT_BURST)

struct ratelimit_entry;

/* Zeroed: empty, takes no memory. */
struct ratelimit {
	struct ratelimit_entry *entries; /* open addressing */
	uint32_t size, count;
	uint64_t seed[2]; /* hash key: set it at random, so that nobody can aim at a slot */
	int64_t swept;
};

/* ratelimit_allow - one more handshake from this address now? */
bool ratelimit_allow(struct ratelimit *r, const union address *from, int64_t now);

/* ratelimit_sweep - forget addresses whose bucket is full; about once a second while used
 *
 * Returns true while some are left.
 */
bool ratelimit_sweep(struct ratelimit *r, int64_t now);
void ratelimit_done(struct ratelimit *r);
