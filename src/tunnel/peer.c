#include "tunnel/peer.h"

#include <stddef.h>
#include <stdlib.h>

#include <sodium.h>

#include "tunnel/device.h"

/* --- workers ------------------------------------------------------------- */

static void post(struct peer *p, uint32_t bits)
{
	struct device *d = p->device;

	if (mail_post(&d->mailbox, &p->mail, bits))
		d->calls->wake(d->arg);
}

void peer_want_session(struct peer *p, int64_t now)
{
	atomic_store_explicit(&p->timers.wanted, now, memory_order_relaxed);
	if (timers_may_initiate(&p->timers, now))
		post(p, PEER_WANTS_SESSION);
}

void peer_sent(struct session *s, int64_t now, uint64_t bytes, bool data)
{
	struct peer *p = s->peer;

	atomic_fetch_add_explicit(&p->tx_bytes, bytes, memory_order_relaxed);
	if (timers_sent(&p->timers, now, data))
		post(p, PEER_ARMED);
	if (session_is_stale(s, now))
		peer_want_session(p, now);
}

void peer_received(
	struct session *s, int64_t now, uint64_t bytes, bool data, const struct endpoint *from)
{
	struct peer *p = s->peer;

	endpoint_follow(&p->endpoint, from);
	atomic_fetch_add_explicit(&p->rx_bytes, bytes, memory_order_relaxed);
	if (!atomic_load_explicit(&s->heard, memory_order_relaxed)) {
		atomic_store(&s->heard, true);
		if (!s->initiator)
			post(p, PEER_HEARD);
	}
	if (timers_received(&p->timers, now, data))
		post(p, PEER_ARMED);
	/* The initiator who only receives would not notice the age of its key by sending. */
	if (s->initiator && now - s->born >= SESSION_REKEY_RECEIVE &&
		!atomic_load_explicit(&s->rekey_asked, memory_order_relaxed) &&
		atomic_load_explicit(&p->current, memory_order_relaxed) == s) {
		atomic_store_explicit(&s->rekey_asked, true, memory_order_relaxed);
		peer_want_session(p, now);
	}
}

/* --- control ------------------------------------------------------------- */

static void free_session(struct retired *r)
{
	session_free((struct session *)(void *)((char *)r - offsetof(struct session, retired)));
}

static void free_handshake(struct retired *r)
{
	struct handshake *h =
		(struct handshake *)(void *)((char *)r - offsetof(struct handshake, retired));

	sodium_memzero(h, sizeof(*h));
	free(h);
}

static struct session *get(const _Atomic(struct session *) *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

/* Put a session, or NULL, into a slot, and let go of the one that was there. */
static void put(struct peer *p, _Atomic(struct session *) *slot, struct session *s)
{
	struct session *old = get(slot);

	atomic_store_explicit(slot, s, memory_order_release);
	if (old) {
		index_del(&p->device->index, &old->index);
		quiet_retire(&p->device->quiet, &old->retired, free_session);
	}
}

void peer_promote(struct peer *p)
{
	struct session *s = get(&p->next);

	if (!s || !atomic_load(&s->heard))
		return;
	put(p, &p->previous, get(&p->current));
	atomic_store_explicit(&p->current, s, memory_order_release);
	atomic_store_explicit(&p->next, NULL, memory_order_release);
}

bool peer_is_confirmed(const struct peer *p)
{
	const struct session *s = get(&p->current);

	return s && !s->initiator && atomic_load(&s->heard);
}

void peer_install(struct peer *p, struct session *s)
{
	if (!s->initiator) {
		peer_promote(p); /* the last one, when it was just heard: it is in use */
		put(p, &p->next, s);
		return;
	}
	/* When both began at the same time, `next` is the session that the other began, and it
	 * may send under that one: it stays, and so does what both used until now. */
	put(p, &p->previous, get(&p->current));
	atomic_store_explicit(&p->current, s, memory_order_release);
}

void peer_replaced_handshake(struct peer *p)
{
	struct handshake *h = p->handshake;

	p->handshake = NULL;
	/* Workers may be looking at the index, but never at the keys. */
	sodium_memzero(&h->noise, sizeof(h->noise));
	quiet_retire(&p->device->quiet, &h->retired, free_handshake);
}

void peer_end_handshake(struct peer *p)
{
	if (!p->handshake)
		return;
	index_del(&p->device->index, &p->handshake->index);
	peer_replaced_handshake(p);
}

void peer_forget(struct peer *p)
{
	put(p, &p->next, NULL);
	put(p, &p->current, NULL);
	put(p, &p->previous, NULL);
	peer_end_handshake(p);
}
