#include "tunnel/handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/tai64n.h"

#define INITIATIONS_APART (SECOND / 50) /* of one peer */

/* --- who has which trouble ----------------------------------------------- */

void trouble_set(struct peer *p, const struct moment *m, enum trouble why, int error)
{
	bool news = p->trouble != why || p->trouble_errno != error;

	p->trouble = why;
	p->trouble_errno = error;
	p->trouble_at = m->now;
	p->trouble_wall = m->wall;
	if (news && p->device->calls->trouble)
		p->device->calls->trouble(p->device->arg, p, why);
}

static bool is_same_stranger(const struct stranger *s, enum trouble why,
	const struct endpoint *from, const uint8_t key[WIRE_KEY])
{
	return s->why == why && address_equal(&s->from.remote, &from->remote) &&
	       (!key || memcmp(s->key, key, WIRE_KEY) == 0);
}

void trouble_stranger(struct device *d, const struct moment *m, enum trouble why,
	const struct endpoint *from, const uint8_t key[WIRE_KEY])
{
	struct stranger *place = &d->strangers[0];

	/* Its own place, or the one that was quiet for longest. */
	for (int i = 0; i < DEVICE_STRANGERS; i++) {
		struct stranger *s = &d->strangers[i];

		if (is_same_stranger(s, why, from, key)) {
			s->wall = m->wall;
			s->count++;
			return;
		}
		if (s->wall < place->wall)
			place = s;
	}
	*place = (struct stranger){.why = why, .from = *from, .wall = m->wall, .count = 1};
	if (key)
		memcpy(place->key, key, WIRE_KEY);
}

/* --- both ways ----------------------------------------------------------- */

/* The static secret costs a Diffie-Hellman, so a peer has it from its first handshake on:
 * a hundred thousand peers are configured in no time. */
static bool precompute(struct device *d, struct peer *p)
{
	if (!p->precomputed)
		p->precomputed = noise_precompute(&d->identity, p->key, p->static_secret);
	return p->precomputed;
}

/* Give it a random number of its own, and put it into the index. */
static int index_random(struct device *d, struct index_entry *e)
{
	int err;

	do {
		device_random(d, &e->number, sizeof(e->number));
		err = index_add(&d->index, e, &d->quiet);
	} while (err == -EEXIST);
	return err;
}

/* Sign a handshake message, remember what a cookie reply to it must be bound to, and send it. */
static int send_message(struct device *d, struct peer *p, const struct moment *m,
	const struct endpoint *to, void *message, size_t length)
{
	struct peer_cookie *c = &p->cookie;
	int err;

	cookie_sign(message, length, p->key, m->now < c->until ? c->cookie : NULL);
	memcpy(c->mac1, (uint8_t *)message + length - sizeof(struct wire_macs), WIRE_MAC);
	c->sent = true;
	err = d->calls->send(d->arg, to, message, length);
	if (err) {
		trouble_set(p, m, TROUBLE_SEND, -err);
		return err;
	}
	atomic_fetch_add_explicit(&p->tx_bytes, length, memory_order_relaxed);
	timers_sent(&p->timers, m->now, false);
	return 0;
}

static struct session *session_make(struct device *d, struct peer *p, const struct moment *m,
	const struct noise_keys *keys, bool initiator, uint32_t remote)
{
	struct session *s = session_new();

	if (!s)
		return NULL;
	s->index.kind = INDEX_SESSION;
	s->peer = p;
	s->initiator = initiator;
	s->remote = remote;
	s->born = m->now;
	memcpy(s->send_key, keys->send, WIRE_KEY);
	memcpy(s->receive_key, keys->receive, WIRE_KEY);
	return s;
}

/* --- initiator ----------------------------------------------------------- */

static int initiate(
	struct device *d, struct peer *p, const struct moment *m, const struct endpoint *to)
{
	struct handshake *h = calloc(1, sizeof(*h));
	struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
	uint8_t ephemeral[WIRE_KEY], stamp[WIRE_STAMP];

	if (!h)
		return -ENOMEM;
	h->index.kind = INDEX_HANDSHAKE;
	h->peer = p;
	if (index_random(d, &h->index)) {
		free(h);
		return -ENOMEM;
	}
	peer_end_handshake(p);
	p->handshake = h;

	w.sender = le32_put(h->index.number);
	device_random(d, ephemeral, sizeof(ephemeral));
	tai64n_encode(stamp, device_stamp(d, m));
	bool ok = noise_initiate(
		&h->noise, &d->identity, p->key, p->static_secret, ephemeral, stamp, &w);

	sodium_memzero(ephemeral, sizeof(ephemeral));
	return ok ? send_message(d, p, m, to, &w, sizeof(w)) : -EKEYREJECTED;
}

void handshake_begin(struct device *d, struct peer *p, const struct moment *m, bool retry)
{
	struct endpoint to;
	int err;

	if (!d->up || !timers_may_initiate(&p->timers, m->now))
		return;
	/* Whatever comes of it counts as an attempt: the next is 5 s away, and in the end what
	 * is staged will be dropped. */
	timers_initiated(&p->timers, m->now, retry, device_jitter(d));
	if (!d->identity.known) {
		trouble_set(p, m, TROUBLE_NO_KEY, 0);
	} else if (!endpoint_read(&p->endpoint, &to)) {
		trouble_set(p, m, TROUBLE_NO_ENDPOINT, 0);
	} else if (!precompute(d, p)) {
		trouble_set(p, m, TROUBLE_BAD_KEY, 0);
	} else {
		err = initiate(d, p, m, &to);
		if (err == -ENOMEM)
			trouble_set(p, m, TROUBLE_MEMORY, 0);
	}
}

/* The answer to our initiation: from now on there is a session. */
static struct peer *receive_response(struct device *d, const struct moment *m,
	const struct wire_response *w, const struct endpoint *from)
{
	struct index_entry *e = index_find(&d->index, le32_get(w->receiver));
	struct noise_keys keys;
	struct handshake *h;
	struct session *s;
	struct peer *p;

	if (!e || e->kind != INDEX_HANDSHAKE) {
		drop_count(&d->drops, DROP_HANDSHAKE_INVALID, 1);
		return NULL;
	}
	h = (struct handshake *)(void *)e;
	p = h->peer;
	if (!noise_finish(&h->noise, &d->identity, p->preshared, w, &keys)) {
		peer_drop(p, DROP_HANDSHAKE_INVALID, 1);
		trouble_set(p, m, TROUBLE_PSK, 0);
		return p;
	}
	s = session_make(d, p, m, &keys, true, le32_get(w->sender));
	sodium_memzero(&keys, sizeof(keys));
	if (!s) {
		trouble_set(p, m, TROUBLE_MEMORY, 0);
		return p;
	}
	index_replace(&d->index, &h->index, &s->index);
	peer_replaced_handshake(p);
	peer_install(p, s);
	endpoint_follow(&p->endpoint, from);
	atomic_fetch_add_explicit(&p->rx_bytes, sizeof(*w), memory_order_relaxed);
	timers_derived(&p->timers, m->now);
	device_completed(d, p, m);
	/* The responder waits to hear from us before it sends anything. */
	d->calls->ready(d->arg, p, true);
	return p;
}

/* --- responder ----------------------------------------------------------- */

/* Is this initiation fresh, and not too close to the last one? */
static enum trouble initiation_is_refused(
	const struct peer *p, const uint8_t stamp[WIRE_STAMP], int64_t now)
{
	if (!tai64n_newer(stamp, p->stamp))
		return TROUBLE_STALE;
	if (p->initiation_at && now - p->initiation_at < INITIATIONS_APART)
		return TROUBLE_FLOOD;
	return TROUBLE_NONE;
}

/* Read an initiation up to its end; NULL: it ends here. */
static struct peer *read_initiation(struct device *d, const struct moment *m,
	const struct wire_initiation *w, const struct endpoint *from, struct noise_opening *o)
{
	uint8_t stamp[WIRE_STAMP];
	enum trouble refused;
	struct peer *p;

	if (!noise_open(o, &d->identity, w)) {
		drop_count(&d->drops, DROP_HANDSHAKE_INVALID, 1);
		trouble_stranger(d, m, TROUBLE_INVALID, from, NULL);
		return NULL;
	}
	p = device_find(d, o->key);
	if (!p) {
		drop_count(&d->drops, DROP_HANDSHAKE_UNKNOWN, 1);
		trouble_stranger(d, m, TROUBLE_UNKNOWN_KEY, from, o->key);
		return NULL;
	}
	if (!precompute(d, p)) {
		peer_drop(p, DROP_HANDSHAKE_INVALID, 1);
		trouble_set(p, m, TROUBLE_BAD_KEY, 0);
		return NULL;
	}
	if (!noise_open_stamp(o, p->static_secret, w, stamp)) {
		/* Anybody may claim to be this peer; only its own trouble is put down to it. */
		drop_count(&d->drops, DROP_HANDSHAKE_INVALID, 1);
		trouble_stranger(d, m, TROUBLE_INVALID, from, o->key);
		return NULL;
	}
	refused = initiation_is_refused(p, stamp, m->now);
	if (refused) {
		peer_drop(p, refused == TROUBLE_STALE ? DROP_HANDSHAKE_STALE : DROP_HANDSHAKE_FLOOD,
			1);
		trouble_set(p, m, refused, 0);
		return NULL;
	}
	memcpy(p->stamp, stamp, WIRE_STAMP);
	p->initiation_at = m->now;
	return p;
}

/* The session is made before the answer leaves, since data may follow at once. */
static bool respond(struct device *d, struct peer *p, const struct moment *m,
	struct noise_opening *o, const struct wire_initiation *in, const struct endpoint *from)
{
	struct wire_response w = {.type = le32_put(WIRE_RESPONSE), .receiver = in->sender};
	struct session *s, *next = atomic_load(&p->next);
	struct noise_keys keys;
	uint8_t ephemeral[WIRE_KEY];
	bool ok;

	/* The last answer led to nothing: it was lost, or could not be read. */
	if (next && !atomic_load(&next->heard))
		trouble_set(p, m, TROUBLE_UNCONFIRMED, 0);

	device_random(d, ephemeral, sizeof(ephemeral));
	ok = noise_respond(&o->state, p->key, p->preshared, ephemeral, &w, &keys);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (!ok)
		return false;
	s = session_make(d, p, m, &keys, false, le32_get(in->sender));
	sodium_memzero(&keys, sizeof(keys));
	if (!s || index_random(d, &s->index)) {
		session_free(s);
		trouble_set(p, m, TROUBLE_MEMORY, 0);
		return false;
	}
	w.sender = le32_put(s->index.number);
	peer_install(p, s);
	timers_derived(&p->timers, m->now);
	send_message(d, p, m, from, &w, sizeof(w));
	return true;
}

static struct peer *receive_initiation(struct device *d, const struct moment *m,
	const struct wire_initiation *w, const struct endpoint *from)
{
	struct noise_opening o;
	struct peer *p = read_initiation(d, m, w, from, &o);

	if (p) {
		endpoint_follow(&p->endpoint, from);
		atomic_fetch_add_explicit(&p->rx_bytes, sizeof(*w), memory_order_relaxed);
		timers_received(&p->timers, m->now, false);
		respond(d, p, m, &o, w, from);
	}
	sodium_memzero(&o, sizeof(o));
	return p;
}

/* --- under load ---------------------------------------------------------- */

/* A cookie reply names the message that it answers by its sender's index: of our initiation, or,
 * where we answered one, of the session. */
static struct peer *receive_cookie(
	struct device *d, const struct moment *m, const struct wire_cookie *w)
{
	struct index_entry *e = index_find(&d->index, le32_get(w->receiver));
	struct peer *p;

	if (e && e->kind == INDEX_HANDSHAKE)
		p = ((struct handshake *)(void *)e)->peer;
	else if (e)
		p = ((struct session *)(void *)e)->peer;
	else
		p = NULL;
	if (!p || !p->cookie.sent || !cookie_open(w, p->key, p->cookie.mac1, p->cookie.cookie)) {
		drop_count(&d->drops, DROP_HANDSHAKE_INVALID, 1);
		return NULL;
	}
	/* Its source is not authenticated: the endpoint stays where it is. */
	p->cookie.sent = false;
	p->cookie.until = m->now + COOKIE_USE;
	trouble_set(p, m, TROUBLE_COOKIE, 0);
	return p;
}

static void ask_for_cookie(struct device *d, const struct moment *m, const void *message,
	size_t length, const struct endpoint *from)
{
	uint8_t random[WIRE_KEY], nonce[WIRE_NONCE];
	struct wire_cookie w;

	device_random(d, random, sizeof(random));
	device_random(d, nonce, sizeof(nonce));
	cookie_make(&d->cookies, message, length, &from->remote, m->now, random, nonce, &w);
	sodium_memzero(random, sizeof(random));
	d->calls->send(d->arg, from, &w, sizeof(w));
}

/* May this message go on to the expensive part?  Under load only from an address that has proven
 * itself, and not too often. */
static bool is_admitted(struct device *d, const struct moment *m, const void *message,
	size_t length, const struct endpoint *from, size_t waiting)
{
	if (waiting >= DEVICE_LOAD)
		d->loaded_until = m->now + DEVICE_LOAD_LASTS;
	if (m->now >= d->loaded_until)
		return true;
	if (!cookie_mac2_valid(&d->cookies, message, length, &from->remote, m->now)) {
		drop_count(&d->drops, DROP_HANDSHAKE_COOKIE, 1);
		trouble_stranger(d, m, TROUBLE_ADDRESS_UNPROVEN, from, NULL);
		ask_for_cookie(d, m, message, length, from);
		return false;
	}
	if (!ratelimit_allow(&d->ratelimit, &from->remote, m->now)) {
		drop_count(&d->drops, DROP_HANDSHAKE_RATE, 1);
		trouble_stranger(d, m, TROUBLE_RATE, from, NULL);
		return false;
	}
	return true;
}

struct peer *handshake_receive(struct device *d, const struct moment *m, const void *datagram,
	size_t length, const struct endpoint *from, size_t waiting)
{
	enum wire_kind kind = wire_kind(datagram, length);

	if (!d->up || !d->identity.known)
		return NULL;
	if (kind == WIRE_COOKIE)
		return receive_cookie(d, m, datagram);
	if (kind != WIRE_INITIATION && kind != WIRE_RESPONSE)
		return NULL;
	if (!cookie_mac1_valid(&d->cookies, datagram, length)) {
		drop_count(&d->drops, DROP_HANDSHAKE_MAC1, 1);
		trouble_stranger(d, m, TROUBLE_THEIR_MAC1, from, NULL);
		return NULL;
	}
	if (!is_admitted(d, m, datagram, length, from, waiting))
		return NULL;
	return kind == WIRE_INITIATION ? receive_initiation(d, m, datagram, from)
				       : receive_response(d, m, datagram, from);
}
