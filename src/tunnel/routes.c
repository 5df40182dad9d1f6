#include "tunnel/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "tunnel/peer.h"

/* An address as a number of 128 bits, the first bit highest; IPv4 in the upper 32. */
struct bits {
	uint64_t high, low;
};

/* A node stands for a prefix.  With a peer it is an allowed-ip; without, a fork: two prefixes
 * part here.  Below it lie only prefixes that it contains.
 *
 * Readers look at child, peer, address and bits.  The rest is control's, and shares its place
 * with what control needs once the node has left the trie. */
struct route {
	_Atomic(struct route *) child[2];
	_Atomic(struct peer *) peer;
	struct bits address; /* masked */
	uint8_t bits;
	uint8_t family;
	uint32_t edition; /* in which the peer was last given it */
	struct route *parent;
	union {
		struct {
			struct route *before, *after; /* of the peer's list */
		};
		struct retired retired;
	};
};

static struct bits mask_of(unsigned bits)
{
	return (struct bits){
		bits == 0    ? 0
		: bits >= 64 ? UINT64_MAX
			     : UINT64_MAX << (64 - bits),
		bits <= 64    ? 0
		: bits >= 128 ? UINT64_MAX
			      : UINT64_MAX << (128 - bits),
	};
}

static bool contains(const struct route *r, struct bits a)
{
	struct bits m = mask_of(r->bits);

	return !(((a.high ^ r->address.high) & m.high) | ((a.low ^ r->address.low) & m.low));
}

/* Bit n of an address, counted from the highest. */
static unsigned bit(struct bits a, unsigned n)
{
	return (n < 64 ? a.high >> (63 - n) : a.low >> (127 - n)) & 1;
}

/* How many leading bits two addresses share. */
static unsigned common(struct bits a, struct bits b)
{
	if (a.high != b.high)
		return (unsigned)__builtin_clzll(a.high ^ b.high);
	return a.low == b.low ? 128 : 64 + (unsigned)__builtin_clzll(a.low ^ b.low);
}

static struct route *child_get(const struct route *r, unsigned side)
{
	return atomic_load_explicit(&r->child[side], memory_order_acquire);
}

static struct peer *find(const struct route *r, struct bits a, unsigned width)
{
	struct peer *best = NULL;

	while (r && contains(r, a)) {
		struct peer *p = atomic_load_explicit(&r->peer, memory_order_acquire);

		if (p)
			best = p;
		if (r->bits == width)
			break;
		r = child_get(r, bit(a, r->bits));
	}
	return best;
}

static struct bits bits4(const void *address)
{
	be32 word;

	memcpy(&word, address, sizeof(word));
	return (struct bits){(uint64_t)be32_get(word) << 32, 0};
}

static struct bits bits6(const void *address)
{
	be64 word[2];

	memcpy(word, address, sizeof(word));
	return (struct bits){be64_get(word[0]), be64_get(word[1])};
}

struct peer *routes_find4(const struct routes *t, const void *address)
{
	return find(atomic_load_explicit(&t->root4, memory_order_acquire), bits4(address), 32);
}

struct peer *routes_find6(const struct routes *t, const void *address)
{
	return find(atomic_load_explicit(&t->root6, memory_order_acquire), bits6(address), 128);
}

/* --- changes: control only ----------------------------------------------- */

static void list_add(struct peer *p, struct route *r)
{
	r->before = NULL;
	r->after = p->routes;
	if (r->after)
		r->after->before = r;
	p->routes = r;
}

static void list_del(struct peer *p, struct route *r)
{
	if (r->before)
		r->before->after = r->after;
	else
		p->routes = r->after;
	if (r->after)
		r->after->before = r->before;
}

static _Atomic(struct route *) *root_of(struct routes *t, uint8_t family)
{
	return family == AF_INET ? &t->root4 : &t->root6;
}

/* The pointer that leads to r. */
static _Atomic(struct route *) *slot_of(struct routes *t, const struct route *r)
{
	if (!r->parent)
		return root_of(t, r->family);
	return &r->parent->child[r->parent->child[1] == r];
}

/* Hang r into a pointer of `parent`; from here on readers find it. */
static void hang(_Atomic(struct route *) *slot, struct route *parent, struct route *r)
{
	if (r)
		r->parent = parent;
	atomic_store_explicit(slot, r, memory_order_release);
}

void routes_unreserve(struct routes *t)
{
	while (t->spare) {
		struct route *r = t->spare;

		t->spare = r->parent;
		free(r);
	}
}

int routes_reserve(struct routes *t, size_t prefixes)
{
	/* Each is a node, and may need a fork. */
	for (size_t i = 0; i < 2 * prefixes; i++) {
		struct route *r = calloc(1, sizeof(*r));

		if (!r) {
			routes_unreserve(t);
			return -ENOMEM;
		}
		r->parent = t->spare;
		t->spare = r;
	}
	return 0;
}

static struct route *route_new(struct routes *t, uint8_t family, struct bits address, unsigned bits)
{
	struct route *r = t->spare;
	struct bits m = mask_of(bits);

	if (r)
		t->spare = r->parent;
	else
		r = calloc(1, sizeof(*r));
	if (r) {
		r->parent = NULL;
		r->family = family;
		r->bits = (uint8_t)bits;
		r->address = (struct bits){address.high & m.high, address.low & m.low};
	}
	return r;
}

/* Find the node of this prefix, or make it and the fork it may need.  NULL: no memory. */
static struct route *make(struct routes *t, uint8_t family, struct bits a, unsigned bits)
{
	_Atomic(struct route *) *slot = root_of(t, family);
	struct route *parent = NULL, *down, *r, *fork;
	unsigned shared;

	while ((down = *slot) && down->bits <= bits && contains(down, a)) {
		if (down->bits == bits)
			return down;
		parent = down;
		slot = &down->child[bit(a, down->bits)];
	}
	r = route_new(t, family, a, bits);
	if (!r || !down) {
		if (r)
			hang(slot, parent, r);
		return r;
	}

	shared = common(r->address, down->address);
	if (shared >= bits) { /* it contains what is there */
		r->child[bit(down->address, bits)] = down;
		hang(slot, parent, r);
		down->parent = r;
		return r;
	}
	fork = route_new(t, family, a, shared);
	if (!fork) {
		free(r);
		return NULL;
	}
	r->parent = fork;
	fork->child[bit(r->address, shared)] = r;
	fork->child[bit(down->address, shared)] = down;
	hang(slot, parent, fork);
	down->parent = fork;
	return r;
}

static bool prefix_bits(const struct prefix *p, struct bits *a)
{
	if (p->family == AF_INET && p->length <= 32)
		*a = bits4(p->address);
	else if (p->family == AF_INET6 && p->length <= 128)
		*a = bits6(p->address);
	else
		return false;
	return true;
}

int routes_set(struct routes *t, const struct prefix *p, struct peer *peer, struct peer **loser)
{
	struct peer *had;
	struct route *r;
	struct bits a;

	if (!prefix_bits(p, &a))
		return -EINVAL;
	r = make(t, p->family, a, p->length);
	if (!r)
		return -ENOMEM;
	had = r->peer;
	if (had)
		list_del(had, r);
	else
		t->count++;
	list_add(peer, r);
	r->edition = t->edition;
	if (had != peer)
		atomic_store_explicit(&r->peer, peer, memory_order_release);
	if (loser)
		*loser = had != peer ? had : NULL;
	return 0;
}

static void route_free(struct retired *retired)
{
	free((char *)retired - offsetof(struct route, retired));
}

/* Take a node without peer out where it is no fork (any more), and then the fork above it that
 * no longer is one. */
static void prune(struct routes *t, struct route *r)
{
	while (r && !r->peer && !(r->child[0] && r->child[1])) {
		struct route *parent = r->parent, *only = r->child[0] ? r->child[0] : r->child[1];

		hang(slot_of(t, r), parent, only);
		quiet_retire(t->quiet, &r->retired, route_free);
		r = parent;
	}
}

static void del(struct routes *t, struct route *r)
{
	list_del(r->peer, r);
	t->count--;
	atomic_store_explicit(&r->peer, NULL, memory_order_release);
	prune(t, r);
}

bool routes_del(struct routes *t, const struct prefix *p, const struct peer *peer)
{
	struct route *r;
	struct bits a;

	if (!prefix_bits(p, &a))
		return false;
	r = *root_of(t, p->family);
	while (r && r->bits < p->length && contains(r, a))
		r = r->child[bit(a, r->bits)];
	if (!r || r->bits != p->length || !contains(r, a) || r->peer != peer)
		return false;
	del(t, r);
	return true;
}

void routes_del_peer(struct routes *t, struct peer *peer)
{
	while (peer->routes)
		del(t, peer->routes);
}

void routes_edition(struct routes *t)
{
	t->edition++;
}

void routes_del_older(struct routes *t, struct peer *peer)
{
	struct route *r = peer->routes, *after;

	for (; r; r = after) {
		after = r->after;
		if (r->edition != t->edition)
			del(t, r);
	}
}

const struct route *routes_next(const struct peer *peer, const struct route *at, struct prefix *out)
{
	be64 word[2];

	at = at ? at->after : peer->routes;
	if (!at)
		return NULL;
	*out = (struct prefix){.family = at->family, .length = at->bits};
	word[0] = be64_put(at->address.high);
	word[1] = be64_put(at->address.low);
	memcpy(out->address, word, sizeof(word));
	return at;
}

/* Leaf by leaf, without recursion. */
static void free_all(struct route *r)
{
	while (r) {
		struct route *down = r->child[0] ? r->child[0] : r->child[1];

		if (down) {
			r = down;
			continue;
		}
		down = r;
		r = r->parent;
		if (r)
			r->child[r->child[1] == down] = NULL;
		free(down);
	}
}

void routes_done(struct routes *t)
{
	routes_unreserve(t);
	free_all(t->root4);
	free_all(t->root6);
	t->root4 = t->root6 = NULL;
	t->count = 0;
}
