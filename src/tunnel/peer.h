/* peer.h - the other end of a session, and the sessions with it
 *
 * A peer is a public key.  It has up to three sessions:
 *
 *	next      as responder: made, but the initiator has not used it yet.  We
 *	          accept under it and send nothing
 *	current   what we send under
 *	previous  what may still arrive from before
 *
 *	handshake -> (responder) next --first authentic packet--> current --> previous --> gone
 *	          -> (initiator) -----------------------------> current --> previous --> gone
 *
 * Control alone changes the three pointers, and everything in the struct that
 * is not atomic.  Workers between quiet_enter() and quiet_leave() call the
 * functions of this page marked "any thread", and keep no peer beyond.
 *
 *	outbound:  s = peer_session(p, now)
 *	           s == NULL:  stage the packet; peer_want_session(p, now)
 *	           session_claim, seal, peer_endpoint, send, then peer_sent()
 *	inbound:   s = session_find(); unseal, session_accept, then peer_received(s, ...)
 *
 * When control has a session ready it calls device_calls.ready, and the data
 * path sends what it staged.
 *
 * Source: WireGuard whitepaper sections 5.4, 6; the kernel module's receive.c.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/drop.h"
#include "tunnel/endpoint.h"
#include "tunnel/mail.h"
#include "tunnel/noise.h"
#include "tunnel/quiet.h"
#include "tunnel/session.h"
#include "tunnel/timers.h"
#include "tunnel/trouble.h"
#include "tunnel/wire.h"

struct device;
struct route;

enum { PEER_STAGED = 128 }; /* packets that wait for a session; then the oldest is dropped */

/* What workers post (mail.h). */
enum {
	PEER_WANTS_SESSION = 1 << 0,
	PEER_HEARD = 1 << 1, /* the first authentic packet under `next` */
	PEER_ARMED = 1 << 2, /* a timer's fact began to hold */
};

/* Our initiation that waits for its answer, found by its index. */
struct handshake {
	struct index_entry index;
	struct peer *peer;
	struct noise_handshake noise;
	struct retired retired;
};

/* What the peer demanded under load, and what it is computed from. */
struct peer_cookie {
	int64_t until; /* 0: none */
	uint8_t cookie[WIRE_MAC];
	uint8_t mac1[WIRE_MAC]; /* of our last handshake message */
	bool sent;		/* that message may still be answered by a cookie */
};

struct peer {
	struct device *device;
	uint8_t key[WIRE_KEY]; /* its public key: constant */

	/* shared with the workers */
	_Atomic(struct session *) current;
	_Atomic(struct session *) previous;
	_Atomic(struct session *) next;
	struct endpoint_slot endpoint;
	struct timers timers;
	struct mail mail;
	_Atomic uint64_t rx_bytes, tx_bytes; /* whole UDP payloads, as `wg` counts */
	struct drops drops;
	_Atomic(void *) staged; /* the data path's own; see device_calls.release */

	/* control's own */
	uint8_t preshared[WIRE_KEY];	 /* all 0: none */
	uint8_t static_secret[WIRE_KEY]; /* DH of both static keys; see `precomputed` */
	bool precomputed;		 /* static_secret is valid (computed at first use) */
	bool removed;
	struct handshake *handshake;
	struct peer_cookie cookie;
	uint8_t stamp[WIRE_STAMP]; /* the newest TAI64N it sent */
	int64_t initiation_at;	   /* when its last initiation was accepted */
	int64_t handshake_wall;	   /* last completed one, ns since 1970; 0: never */
	struct route *routes;	   /* its allowed-ips: routes.c's list */
	enum trouble trouble;	   /* the last, TROUBLE_NONE after a handshake that worked */
	int32_t trouble_errno;	   /* of TROUBLE_PATH and TROUBLE_SEND */
	int64_t trouble_at, trouble_wall;
	uint32_t scheduled;	     /* schedule.c: its place in the heap, 0: none */
	uint32_t named;		     /* config.c: the settings that named it last */
	struct peer *hashed;	     /* next of the same hash */
	struct peer *before, *after; /* all peers, in the order they were added */
	struct retired retired;
};

/* peer_session - what to send under now; NULL: nothing yet, stage and call peer_want_session()
 *
 * Any thread.  A session that is due for a new handshake is still returned:
 * peer_sent() asks for that.
 */
static inline struct session *peer_session(struct peer *p, int64_t now)
{
	struct session *s = atomic_load_explicit(&p->next, memory_order_acquire);

	/* The answer to the first packet under `next` may be quicker than control, and a peer
	 * that was started anew knows no other session. */
	if (!s || !atomic_load_explicit(&s->heard, memory_order_relaxed))
		s = atomic_load_explicit(&p->current, memory_order_acquire);
	return s && session_is_alive(s, now) &&
			       atomic_load_explicit(&s->counter, memory_order_relaxed) < REPLAY_END
		       ? s
		       : NULL;
}

/* peer_want_session - a packet waits for a session; any thread, cheap to repeat
 *
 * Control begins a handshake, at most one initiation in 5 s; what is under way
 * is not given up while packets keep asking.
 */
void peer_want_session(struct peer *p, int64_t now);

/* peer_sent - a burst went out under s: the timers' facts, tx_bytes, and a new handshake when due
 *
 * bytes  of all UDP payloads
 * data   false when all of them were keepalives
 *
 * Any thread; once a burst.
 */
void peer_sent(struct session *s, int64_t now, uint64_t bytes, bool data);

/* peer_received - a burst of authentic, fresh messages came in under s
 *
 * from  the source of the last of them: the endpoint follows it
 *
 * The inbound worker of the session; once a burst.  As responder the first one
 * makes the session `current`.
 */
void peer_received(
	struct session *s, int64_t now, uint64_t bytes, bool data, const struct endpoint *from);

/* peer_endpoint - where to send; false: not known, drop with DROP_NO_ENDPOINT.  Any thread. */
static inline bool peer_endpoint(const struct peer *p, struct endpoint *out)
{
	return endpoint_read(&p->endpoint, out);
}

/* peer_drop - n packets of this peer ended so; counted here and, by the caller, nowhere else */
static inline void peer_drop(struct peer *p, enum drop why, uint64_t n)
{
	drop_count(&p->drops, why, n);
}

/* --- control only -------------------------------------------------------- */

/* peer_install - a session that came of a handshake: `next` for a responder, else `current`
 *
 * s  is in the index already
 */
void peer_install(struct peer *p, struct session *s);

/* peer_promote - send under `next` from now on, when something authentic arrived under it */
void peer_promote(struct peer *p);

/* peer_is_confirmed - is `current` one that the other end began, and has used? */
bool peer_is_confirmed(const struct peer *p);

/* peer_forget - wipe all sessions and the handshake under way */
void peer_forget(struct peer *p);

/* peer_end_handshake - wipe the handshake under way, if any
 * peer_replaced_handshake - likewise, after a session took its place in the index */
void peer_end_handshake(struct peer *p);
void peer_replaced_handshake(struct peer *p);
