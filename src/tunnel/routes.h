/* routes.h - whose packets are these?  (allowed-ips)
 *
 * One trie for each family maps prefixes to peers; an address belongs to the
 * peer of the longest prefix that contains it.  A prefix has one owner: who
 * sets it last takes it from the peer that had it, and the caller learns whom
 * from, to say so.
 *
 *	10.0.0.0/8 A --+-- 10.1.0.0/16 B --- 10.1.2.0/24 A
 *	               `-- 10.9.0.0/16 C
 *
 * Outbound looks up the destination of each packet, inbound the source: it
 * must come out at the very peer whose key sealed it.  Both do so while
 * control changes the trie: each change is published by one store, nodes that
 * went out of use are retired.  An address that is not being changed is found
 * all the time.
 *
 * Control owns it; find is for any thread between quiet_enter() and
 * quiet_leave().  Source: WireGuard whitepaper section 2.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/address.h"
#include "tunnel/quiet.h"

struct peer;
struct route; /* a node of a trie */

/* A zeroed struct is empty. */
struct routes {
	_Atomic(struct route *) root4, root6;
	uint32_t count;	     /* prefixes */
	uint32_t edition;    /* see routes_edition() */
	struct route *spare; /* nodes that were reserved */
	struct quiet *quiet; /* where nodes are retired */
};

/* routes_find4, routes_find6 - the peer of an address; NULL: nobody's */
struct peer *routes_find4(const struct routes *t, const void *address);
struct peer *routes_find6(const struct routes *t, const void *address);

/* routes_reserve - memory for so many routes_set(), which then cannot fail for want of it
 * routes_unreserve - free what was not used of it
 *
 * Returns 0, or -ENOMEM (nothing reserved).
 */
int routes_reserve(struct routes *t, size_t prefixes);
void routes_unreserve(struct routes *t);

/* routes_set - the prefix is this peer's from now on; bits beyond its length are ignored
 *
 * loser  out, may be NULL: the other peer that had it, or NULL
 *
 * It is the last of the peer's list then, also when it was there before.
 * Returns 0, -EINVAL for a prefix that is none, or -ENOMEM (nothing changed).
 */
int routes_set(struct routes *t, const struct prefix *p, struct peer *peer, struct peer **loser);

/* routes_del - take the prefix from this peer; returns false when it was not its own */
bool routes_del(struct routes *t, const struct prefix *p, const struct peer *peer);

/* routes_del_peer - take all prefixes of a peer */
void routes_del_peer(struct routes *t, struct peer *peer);

/* routes_edition - what is set from now on is newer than what was set before
 * routes_del_older - take from a peer what it was given before
 *
 * So a list is replaced without the prefixes that stay being gone for a moment.
 */
void routes_edition(struct routes *t);
void routes_del_older(struct routes *t, struct peer *peer);

/* routes_next - the prefixes of a peer, one after the other
 *
 * at   NULL to begin, at the one that was set last; then what the last call returned
 * out  out: the prefix, masked
 *
 * Returns NULL at the end.  The peer's prefixes must not change meanwhile.
 */
const struct route *routes_next(
	const struct peer *peer, const struct route *at, struct prefix *out);

void routes_done(struct routes *t);
