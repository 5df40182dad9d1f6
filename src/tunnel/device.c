#include "tunnel/device.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/handshake.h"
#include "tunnel/hash.h"

#define RECLAIM_AGAIN (10 * MILLISECOND) /* a burst is over by then */
#define PATH_ERROR_APART (10 * MILLISECOND)

enum { HASH_LEAST = 64 };

/* --- what depends on chance and time ------------------------------------- */

void device_random(struct device *d, void *out, size_t n)
{
	if (d->calls->random)
		d->calls->random(d->arg, out, n);
	else
		randombytes_buf(out, n);
}

int64_t device_jitter(struct device *d)
{
	uint32_t r;

	device_random(d, &r, sizeof(r));
	return (int64_t)(r % (uint64_t)(TIMERS_JITTER / MILLISECOND + 1)) * MILLISECOND;
}

int64_t device_stamp(struct device *d, const struct moment *m)
{
	/* The furthest that the wall clock ever was ahead of the one that never jumps. */
	if (m->wall - m->now > d->wall_ahead || !d->wall_ahead)
		d->wall_ahead = m->wall - m->now;
	return m->now + d->wall_ahead;
}

void device_completed(struct device *d, struct peer *p, const struct moment *m)
{
	timers_completed(&p->timers);
	p->handshake_wall = m->wall;
	p->trouble = TROUBLE_NONE;
	if (d->calls->completed)
		d->calls->completed(d->arg, p);
}

/* --- peers by public key ------------------------------------------------- */

static struct peer **hash_slot(const struct device *d, const uint8_t key[WIRE_KEY])
{
	uint8_t out[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(out, key, WIRE_KEY, d->hash_key);
	memcpy(&h, out, sizeof(h));
	return &d->hash[h & (d->hash_size - 1)];
}

/* Room for so many peers, a slot for each at least. */
static int hash_reserve(struct device *d, size_t peers)
{
	uint32_t size = d->hash_size ? d->hash_size : HASH_LEAST;
	struct peer **hash;

	while (size < peers)
		size *= 2;
	if (size == d->hash_size)
		return 0;
	hash = calloc(size, sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	free(d->hash);
	d->hash = hash;
	d->hash_size = size;
	for (struct peer *p = d->first; p; p = p->after) {
		struct peer **slot = hash_slot(d, p->key);

		p->hashed = *slot;
		*slot = p;
	}
	return 0;
}

struct peer *device_find(const struct device *d, const uint8_t key[WIRE_KEY])
{
	struct peer *p = d->hash_size ? *hash_slot(d, key) : NULL;

	while (p && memcmp(p->key, key, WIRE_KEY))
		p = p->hashed;
	return p;
}

void device_unreserve(struct device *d)
{
	while (d->spare) {
		struct peer *p = d->spare;

		d->spare = p->after;
		free(p);
	}
	routes_unreserve(&d->routes);
}

int device_reserve(struct device *d, size_t peers, size_t allowed_ips)
{
	size_t all = d->peer_count + peers;
	int err = peers ? schedule_reserve(&d->schedule, (uint32_t)all) : 0;

	if (!err && peers)
		err = hash_reserve(d, all);
	for (size_t i = 0; !err && i < peers; i++) {
		struct peer *p = calloc(1, sizeof(*p));

		if (!p) {
			err = -ENOMEM;
			break;
		}
		p->after = d->spare;
		d->spare = p;
	}
	if (!err)
		err = routes_reserve(&d->routes, allowed_ips);
	if (err)
		device_unreserve(d);
	return err;
}

int device_add(struct device *d, const uint8_t key[WIRE_KEY], struct peer **out)
{
	struct peer *p, **slot;

	if (d->identity.known && !memcmp(d->identity.public_key, key, WIRE_KEY)) {
		*out = NULL;
		return 0;
	}
	if (device_find(d, key))
		return -EEXIST;
	if (d->peer_count >= DEVICE_PEERS)
		return -ENOSPC;
	if (!d->spare && device_reserve(d, 1, 0))
		return -ENOMEM;
	p = d->spare;
	d->spare = p->after;
	p->after = NULL;
	p->device = d;
	memcpy(p->key, key, WIRE_KEY);
	slot = hash_slot(d, key);
	p->hashed = *slot;
	*slot = p;
	p->before = d->last;
	if (d->last)
		d->last->after = p;
	else
		d->first = p;
	d->last = p;
	d->peer_count++;
	*out = p;
	return 0;
}

static void free_peer(struct retired *r)
{
	struct peer *p = (struct peer *)(void *)((char *)r - offsetof(struct peer, retired));

	p->device->calls->release(p->device->arg, p);
	sodium_memzero(p, sizeof(*p));
	free(p);
}

void device_walk_begin(struct device *d, struct device_walk *w)
{
	*w = (struct device_walk){.device = d, .next = d->first, .other = d->walks};
	d->walks = w;
}

struct peer *device_walk_next(struct device_walk *w)
{
	struct peer *p = w->next;

	if (p)
		w->next = p->after;
	return p;
}

void device_walk_end(struct device_walk *w)
{
	if (!w->device)
		return;
	for (struct device_walk **at = &w->device->walks; *at; at = &(*at)->other) {
		if (*at == w) {
			*at = w->other;
			break;
		}
	}
	*w = (struct device_walk){0};
}

void device_remove(struct device *d, struct peer *p)
{
	struct peer **slot = hash_slot(d, p->key);

	for (struct device_walk *w = d->walks; w; w = w->other)
		if (w->next == p)
			w->next = p->after;
	while (*slot != p)
		slot = &(*slot)->hashed;
	*slot = p->hashed;
	*(p->before ? &p->before->after : &d->first) = p->after;
	*(p->after ? &p->after->before : &d->last) = p->before;
	d->peer_count--;

	routes_del_peer(&d->routes, p);
	peer_forget(p);
	schedule_set(&d->schedule, p, TIMERS_NEVER);
	p->removed = true;
	quiet_retire(&d->quiet, &p->retired, free_peer);
}

void device_remove_all(struct device *d)
{
	while (d->first)
		device_remove(d, d->first);
}

/* --- time ---------------------------------------------------------------- */

/* Send an empty packet, or begin what is needed to do so. */
static void keepalive(struct device *d, struct peer *p, const struct moment *m)
{
	if (peer_session(p, m->now))
		d->calls->ready(d->arg, p, true);
	else
		handshake_begin(d, p, m, false);
}

/* Is a more telling reason known for the attempt that just went unanswered? */
static bool is_explained(const struct peer *p)
{
	return p->trouble != TROUBLE_NONE && p->trouble != TROUBLE_NO_REPLY &&
	       p->trouble_at >= atomic_load_explicit(&p->timers.initiated, memory_order_relaxed);
}

/* The initiation that is under way was not answered in time. */
static void unanswered(struct peer *p, const struct moment *m)
{
	if (!is_explained(p))
		trouble_set(p, m, TROUBLE_NO_REPLY, 0);
	endpoint_forget_source(&p->endpoint);
}

static void act(struct device *d, struct peer *p, const struct moment *m, enum timer what)
{
	switch (what) {
	case TIMER_RETRY:
		unanswered(p, m);
		handshake_begin(d, p, m, true);
		break;
	case TIMER_GIVE_UP:
		unanswered(p, m);
		peer_end_handshake(p);
		d->calls->purge(d->arg, p);
		break;
	case TIMER_NEW_HANDSHAKE:
		endpoint_forget_source(&p->endpoint);
		handshake_begin(d, p, m, false);
		break;
	case TIMER_KEEPALIVE:
	case TIMER_PERSISTENT_KEEPALIVE:
		keepalive(d, p, m);
		break;
	case TIMER_ZERO_KEYS:
		peer_forget(p);
		break;
	case TIMER_NONE:
		break;
	}
}

/* Do what is due for a peer, and look again when the next is.  `look` is 0 meanwhile: a worker
 * whose fact we may just have missed posts the peer. */
void device_settle(struct device *d, struct peer *p, const struct moment *m)
{
	int64_t deadline = TIMERS_NEVER;
	enum timer what;

	atomic_store(&p->timers.look, 0);
	while (d->up && (what = timers_next(&p->timers, m->now, &deadline))) {
		timers_did(&p->timers, what, m->now);
		act(d, p, m, what);
	}
	atomic_store(&p->timers.look, deadline);
	schedule_set(&d->schedule, p, deadline);
}

static void take_mail(struct device *d, const struct moment *m)
{
	struct mail *next;

	for (struct mail *mail = mail_take(&d->mailbox); mail; mail = next) {
		struct peer *p =
			(struct peer *)(void *)((char *)mail - offsetof(struct peer, mail));
		uint32_t bits;

		next = mail->next;
		bits = atomic_exchange(&mail->bits, 0);
		if (p->removed || !d->up)
			continue;
		if (bits & PEER_HEARD) {
			peer_promote(p);
			if (peer_is_confirmed(p)) {
				device_completed(d, p, m);
				d->calls->ready(d->arg, p, false);
			}
		}
		if (bits & PEER_WANTS_SESSION) {
			/* A packet asks before the retry, which waits a little longer, is due. */
			if (p->timers.retry_at && timers_may_initiate(&p->timers, m->now))
				unanswered(p, m);
			handshake_begin(d, p, m, false);
		}
		device_settle(d, p, m);
	}
}

int64_t device_step(struct device *d, const struct moment *m)
{
	uint64_t horizon = quiet_horizon(&d->quiet);
	int64_t deadline = TIMERS_NEVER, due;
	struct peer *p;

	take_mail(d, m);
	while ((p = schedule_first(&d->schedule, &due)) && due <= m->now)
		device_settle(d, p, m);
	if (p)
		deadline = due;
	if (quiet_reclaim(&d->quiet, horizon) && m->now + RECLAIM_AGAIN < deadline)
		deadline = m->now + RECLAIM_AGAIN;
	if (ratelimit_sweep(&d->ratelimit, m->now) && m->now + SECOND < deadline)
		deadline = m->now + SECOND;
	return deadline;
}

void device_path_error(struct device *d, const struct moment *m, const union address *to, int error)
{
	/* Anybody can forge these, and the search is long where there are many peers. */
	if (d->path_error_at && m->now - d->path_error_at < PATH_ERROR_APART)
		return;
	d->path_error_at = m->now;
	/* Only peers that something is due for can be trying, so the others are not searched. */
	for (uint32_t i = 0; i < d->schedule.count; i++) {
		struct peer *p = d->schedule.heap[i].peer;
		struct endpoint e;

		if (p->handshake && endpoint_read(&p->endpoint, &e) && address_equal(&e.remote, to))
			trouble_set(p, m, TROUBLE_PATH, error);
	}
}

/* --- settings ------------------------------------------------------------ */

int device_init(struct device *d, const struct device_calls *calls, void *arg)
{
	int err = hash_start();

	if (err || sodium_init() < 0)
		return err ? err : -ENOMEM;
	memset(d, 0, sizeof(*d));
	d->calls = calls;
	d->arg = arg;
	d->routes.quiet = &d->quiet;
	device_random(d, d->hash_key, sizeof(d->hash_key));
	device_random(d, d->ratelimit.seed, sizeof(d->ratelimit.seed));
	return 0;
}

void device_done(struct device *d)
{
	device_remove_all(d);
	device_unreserve(d);
	quiet_done(&d->quiet);
	noise_identity_done(&d->identity);
	cookie_maker_done(&d->cookies);
	ratelimit_done(&d->ratelimit);
	schedule_done(&d->schedule);
	index_done(&d->index);
	routes_done(&d->routes);
	free(d->hash);
	sodium_memzero(d, sizeof(*d));
}

/* Nothing is under way with this peer any more. */
static void stop(struct device *d, struct peer *p)
{
	peer_forget(p);
	timers_stop(&p->timers);
	sodium_memzero(&p->cookie, sizeof(p->cookie));
	schedule_set(&d->schedule, p, TIMERS_NEVER);
}

int device_set_private_key(struct device *d, const uint8_t key[WIRE_KEY], const struct moment *m)
{
	struct peer *self;

	if (key && d->identity.known) {
		struct noise_identity new = {0};
		bool same;

		noise_identity_set(&new, key);
		same = !memcmp(new.public_key, d->identity.public_key, WIRE_KEY);
		noise_identity_done(&new);
		if (same)
			return 0;
	}
	noise_identity_done(&d->identity);
	cookie_maker_done(&d->cookies);
	if (key) {
		noise_identity_set(&d->identity, key);
		cookie_maker_set(&d->cookies, d->identity.public_key);
		self = device_find(d, d->identity.public_key);
		if (self)
			device_remove(d, self);
	}
	for (struct peer *p = d->first; p; p = p->after) {
		p->precomputed = false;
		sodium_memzero(p->static_secret, sizeof(p->static_secret));
		stop(d, p);
		if (d->up && atomic_load(&p->timers.keepalive))
			keepalive(d, p, m);
		device_settle(d, p, m);
	}
	return 0;
}

void device_up(struct device *d, const struct moment *m)
{
	if (d->up)
		return;
	d->up = true;
	for (struct peer *p = d->first; p; p = p->after)
		if (atomic_load(&p->timers.keepalive)) {
			keepalive(d, p, m);
			device_settle(d, p, m);
		}
}

void device_down(struct device *d)
{
	d->up = false;
	for (struct peer *p = d->first; p; p = p->after) {
		stop(d, p);
		atomic_store(&p->timers.look, 0);
		d->calls->purge(d->arg, p);
	}
}

int device_allow(struct device *d, struct peer *p, const struct prefix *prefix, struct peer **loser)
{
	return routes_set(&d->routes, prefix, p, loser);
}

bool device_disallow(struct device *d, struct peer *p, const struct prefix *prefix)
{
	return routes_del(&d->routes, prefix, p);
}

void device_disallow_all(struct device *d, struct peer *p)
{
	routes_del_peer(&d->routes, p);
}

void device_set_preshared(struct device *d, struct peer *p, const uint8_t key[WIRE_KEY])
{
	memcpy(p->preshared, key, WIRE_KEY);
}

void device_set_endpoint(struct device *d, struct peer *p, const union address *to)
{
	struct endpoint e = {0};

	e.remote = *to;
	endpoint_set(&p->endpoint, &e);
}

void device_set_keepalive(
	struct device *d, struct peer *p, uint16_t seconds, const struct moment *m)
{
	uint16_t before = atomic_exchange(&p->timers.keepalive, seconds);

	if (d->up && seconds && !before)
		keepalive(d, p, m);
	device_settle(d, p, m);
}

void device_forget_source(struct device *d)
{
	for (struct peer *p = d->first; p; p = p->after)
		endpoint_forget_source(&p->endpoint);
}
