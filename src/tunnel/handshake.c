#include "tunnel/handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/tai64n.h"

#define INITIATIONS_APART (SECOND / 50) /* of one peer */
#define FAILURE_COST (SECOND / DEVICE_FAILURES)

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

/* The place for one more of this reason: an empty one, or, so that a flood of one kind does not
 * hide the others, that of its kind that was quiet for longest. */
static struct stranger *place_for(struct device *d, enum trouble why)
{
	struct stranger *empty = NULL, *oldest = NULL;
	int alike = 0;

	for (int i = 0; i < DEVICE_STRANGERS; i++) {
		struct stranger *s = &d->strangers[i];

		if (s->why == TROUBLE_NONE) {
			empty = s;
		} else if (s->why == why) {
			alike++;
			if (!oldest || s->wall < oldest->wall)
				oldest = s;
		}
	}
	return empty && alike < DEVICE_ALIKE ? empty : oldest;
}

void trouble_stranger(struct device *d, const struct moment *m, enum trouble why,
	const struct endpoint *from, const uint8_t key[WIRE_KEY])
{
	struct stranger *place;

	for (int i = 0; i < DEVICE_STRANGERS; i++) {
		struct stranger *s = &d->strangers[i];

		if (is_same_stranger(s, why, from, key)) {
			s->wall = m->wall;
			s->count++;
			return;
		}
	}
	place = place_for(d, why);
	*place = (struct stranger){.why = why, .from = *from, .wall = m->wall, .count = 1};
	if (key)
		memcpy(place->key, key, WIRE_KEY);
}

/* A datagram that belongs to no peer ends here. */
static void refuse(struct device *d, const struct moment *m, enum drop why, enum trouble trouble,
	const struct endpoint *from, const uint8_t *key)
{
	drop_count(&d->drops, why, 1);
	trouble_stranger(d, m, trouble, from, key);
}

/* An initiation cost us a Diffie-Hellman, and led to nothing.  A second's worth of those at once
 * is no attack; more is. */
static void count_failure(struct device *d, const struct moment *m)
{
	d->failures = (d->failures > m->now ? d->failures : m->now) + FAILURE_COST;
	if (d->failures > m->now + SECOND)
		d->loaded_until = m->now + DEVICE_LOAD_LASTS;
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

/* This attempt is lost: counted, said once, and the next may find memory again. */
static void starve(struct peer *p, const struct moment *m)
{
	peer_drop(p, DROP_HANDSHAKE_MEMORY, 1);
	trouble_set(p, m, TROUBLE_MEMORY, 0);
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
			starve(p, m);
	}
}

/* The answer to our initiation: from now on there is a session. */
static void receive_response(struct device *d, const struct moment *m,
	const struct wire_response *w, const struct endpoint *from)
{
	struct index_entry *e = index_find(&d->index, le32_get(w->receiver));
	struct noise_keys keys;
	struct handshake *h;
	struct session *s;
	struct peer *p;

	if (!e || e->kind != INDEX_HANDSHAKE) {
		drop_count(&d->drops, DROP_HANDSHAKE_INVALID, 1);
		return;
	}
	h = (struct handshake *)(void *)e;
	p = h->peer;
	if (!noise_finish(&h->noise, &d->identity, p->preshared, w, &keys)) {
		peer_drop(p, DROP_HANDSHAKE_INVALID, 1);
		trouble_set(p, m, TROUBLE_PSK, 0);
		return;
	}
	s = session_make(d, p, m, &keys, true, le32_get(w->sender));
	sodium_memzero(&keys, sizeof(keys));
	if (!s) {
		starve(p, m);
		return;
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
	device_settle(d, p, m);
}

/* --- responder ----------------------------------------------------------- */

/* An initiation on its way through the stations below; peer NULL: it ended there. */
struct entrant {
	struct noise_opening opening;
	const struct endpoint *from;
	struct peer *peer;
	struct session *session;
};

/* Who says it sent this? */
static struct peer *find_sender(struct device *d, const struct moment *m, const struct entrant *e)
{
	struct peer *p;

	if (!e->opening.ok) {
		refuse(d, m, DROP_HANDSHAKE_INVALID, TROUBLE_INVALID, e->from, NULL);
		return NULL;
	}
	p = device_find(d, e->opening.key);
	if (!p)
		refuse(d, m, DROP_HANDSHAKE_UNKNOWN, TROUBLE_UNKNOWN_KEY, e->from, e->opening.key);
	return p;
}

/* Precompute what is needed for all of them, in one go. */
static void precompute_all(struct device *d, struct entrant *e, size_t n)
{
	struct curve_job jobs[NOISE_BATCH];
	struct peer *peers[NOISE_BATCH];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (!e[i].peer || e[i].peer->precomputed)
			continue;
		peers[count] = e[i].peer;
		jobs[count++] = (struct curve_job){
			.scalar = d->identity.private_key, .point = e[i].peer->key};
	}
	curve_run(jobs, count);
	for (size_t i = 0; i < count; i++) {
		peers[i]->precomputed = jobs[i].ok;
		if (jobs[i].ok)
			memcpy(peers[i]->static_secret, jobs[i].out, WIRE_KEY);
	}
	curve_wipe(jobs, count);
}

/* Is it who it says, is the initiation fresh, and not too close to the last one? */
static bool is_accepted(struct device *d, const struct moment *m, struct entrant *e)
{
	struct peer *p = e->peer;
	uint8_t stamp[WIRE_STAMP];

	if (!p->precomputed) {
		peer_drop(p, DROP_HANDSHAKE_INVALID, 1);
		trouble_set(p, m, TROUBLE_BAD_KEY, 0);
		return false;
	}
	noise_open_stamp(&e->opening, p->static_secret, stamp);
	if (!e->opening.ok) {
		/* Anybody may claim to be this peer; only its own trouble is put down to it. */
		refuse(d, m, DROP_HANDSHAKE_INVALID, TROUBLE_INVALID, e->from, p->key);
		return false;
	}
	if (!tai64n_newer(stamp, p->stamp)) {
		peer_drop(p, DROP_HANDSHAKE_STALE, 1);
		trouble_set(p, m, TROUBLE_STALE, 0);
		return false;
	}
	if (p->initiation_at && m->now - p->initiation_at < INITIATIONS_APART) {
		peer_drop(p, DROP_HANDSHAKE_FLOOD, 1);
		trouble_set(p, m, TROUBLE_FLOOD, 0);
		return false;
	}
	memcpy(p->stamp, stamp, WIRE_STAMP);
	p->initiation_at = m->now;
	endpoint_follow(&p->endpoint, e->from);
	atomic_fetch_add_explicit(&p->rx_bytes, sizeof(*e->opening.in), memory_order_relaxed);
	timers_received(&p->timers, m->now, false);
	return true;
}

/* The session is made before the answer leaves, since data may follow at once. */
static void answer(
	struct device *d, const struct moment *m, struct entrant *e, struct noise_answer *a)
{
	struct peer *p = e->peer;
	struct session *s, *next = atomic_load(&p->next);

	/* The last answer led to nothing: it was lost, or could not be read. */
	if (next && !atomic_load(&next->heard))
		trouble_set(p, m, TROUBLE_UNCONFIRMED, 0);
	s = session_make(d, p, m, &a->keys, false, le32_get(e->opening.in->sender));
	if (!s || index_random(d, &s->index)) {
		session_free(s);
		starve(p, m);
		return;
	}
	a->out.type = le32_put(WIRE_RESPONSE);
	a->out.sender = le32_put(s->index.number);
	a->out.receiver = e->opening.in->sender;
	peer_install(p, s);
	timers_derived(&p->timers, m->now);
	send_message(d, p, m, e->from, &a->out, sizeof(a->out));
}

static void answer_all(struct device *d, const struct moment *m, struct entrant *e, size_t n)
{
	struct noise_answer a[NOISE_BATCH];
	struct entrant *of[NOISE_BATCH];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct entrant *x = &e[i];

		if (!x->peer)
			continue;
		of[count] = x;
		a[count] = (struct noise_answer){.state = &x->opening.state,
			.peer = x->peer->key,
			.preshared = x->peer->preshared};
		device_random(d, a[count].ephemeral, sizeof(a[count].ephemeral));
		count++;
	}
	noise_respond(a, count);
	for (size_t i = 0; i < count; i++) {
		if (a[i].ok)
			answer(d, m, of[i], &a[i]);
		device_settle(d, of[i]->peer, m);
	}
	sodium_memzero(a, count * sizeof(a[0]));
}

/* At most NOISE_BATCH; each station for all of them, then the next. */
static void receive_initiations(
	struct device *d, const struct moment *m, struct entrant *e, size_t n)
{
	struct noise_opening o[NOISE_BATCH];

	for (size_t i = 0; i < n; i++)
		o[i] = e[i].opening;
	noise_open(&d->identity, o, n);
	for (size_t i = 0; i < n; i++) {
		e[i].opening = o[i];
		e[i].peer = find_sender(d, m, &e[i]);
	}
	precompute_all(d, e, n);
	for (size_t i = 0; i < n; i++) {
		if (e[i].peer && is_accepted(d, m, &e[i]))
			continue;
		e[i].peer = NULL;
		count_failure(d, m);
	}
	answer_all(d, m, e, n);
	sodium_memzero(o, n * sizeof(o[0]));
	sodium_memzero(e, n * sizeof(e[0]));
}

/* --- under load ---------------------------------------------------------- */

/* A cookie reply names the message that it answers by its sender's index: of our initiation, or,
 * where we answered one, of the session. */
static void receive_cookie(struct device *d, const struct moment *m, const struct wire_cookie *w)
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
		return;
	}
	/* Its source is not authenticated: the endpoint stays where it is. */
	p->cookie.sent = false;
	p->cookie.until = m->now + COOKIE_USE;
	trouble_set(p, m, TROUBLE_COOKIE, 0);
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
		refuse(d, m, DROP_HANDSHAKE_COOKIE, TROUBLE_ADDRESS_UNPROVEN, from, NULL);
		ask_for_cookie(d, m, message, length, from);
		return false;
	}
	if (!ratelimit_allow(&d->ratelimit, &from->remote, m->now)) {
		refuse(d, m, DROP_HANDSHAKE_RATE, TROUBLE_RATE, from, NULL);
		return false;
	}
	return true;
}

/* The cheap checks of initiations and responses. */
static bool is_for_us(
	struct device *d, const struct moment *m, const struct arrival_handshake *a, size_t waiting)
{
	if (!cookie_mac1_valid(&d->cookies, a->datagram, a->length)) {
		refuse(d, m, DROP_HANDSHAKE_MAC1, TROUBLE_THEIR_MAC1, a->from, NULL);
		return false;
	}
	return is_admitted(d, m, a->datagram, a->length, a->from, waiting);
}

void device_receive(struct device *d, const struct moment *m, const struct arrival_handshake *a,
	size_t n, size_t waiting)
{
	struct entrant entrants[NOISE_BATCH];
	size_t count = 0;

	if (!d->up || !d->identity.known)
		return;
	for (size_t i = 0; i < n; i++) {
		enum wire_kind kind = wire_kind(a[i].datagram, a[i].length);

		if (kind == WIRE_COOKIE)
			receive_cookie(d, m, a[i].datagram);
		else if (kind == WIRE_RESPONSE && is_for_us(d, m, &a[i], waiting))
			receive_response(d, m, a[i].datagram, a[i].from);
		else if (kind == WIRE_INITIATION && is_for_us(d, m, &a[i], waiting))
			entrants[count++] = (struct entrant){
				.opening = {.in = a[i].datagram}, .from = a[i].from};
		if (count == NOISE_BATCH || (count && i + 1 == n)) {
			receive_initiations(d, m, entrants, count);
			count = 0;
		}
	}
}
