/* session.h - two keys, and what it takes to use them once
 *
 * A handshake ends in a session: one key for each direction, an index at each
 * end, a counter for what we send, a window for what we receive.  It lives 180
 * seconds at most; a peer holds up to three (see peer.h).
 *
 *	field                  written by                      read by
 *	keys, indices, born    control, before it is published  all
 *	counter                outbound, keepalives: claimed    outbound
 *	replay                 inbound                          inbound
 *	heard, rekey_asked     inbound                          control
 *
 * The window has one owner: the inbound worker that handles this session.
 *
 * Source: WireGuard whitepaper, sections 5.4.5, 5.4.6, 6.1 and 6.2.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "tunnel/index.h"
#include "tunnel/quiet.h"
#include "tunnel/replay.h"
#include "tunnel/wire.h"

#define SESSION_REKEY_AFTER (120 * SECOND)   /* the initiator sends: a new handshake */
#define SESSION_REJECT_AFTER (180 * SECOND)  /* nobody sends or accepts any more */
#define SESSION_REKEY_RECEIVE (165 * SECOND) /* the initiator receives: a new handshake */
#define SESSION_REKEY_MESSAGES (UINT64_C(1) << 60)

struct peer;

struct session {
	struct index_entry index; /* ours: what arrives names it */
	uint32_t remote;	  /* the peer's: what we send names it */
	bool initiator;		  /* we began the handshake */
	int64_t born;
	struct peer *peer;
	uint8_t send_key[WIRE_KEY];
	uint8_t receive_key[WIRE_KEY];
	struct retired retired;

	_Alignas(64) _Atomic uint64_t counter; /* the next to send */

	_Alignas(64) _Atomic bool heard; /* something authentic arrived under it */
	_Atomic bool rekey_asked;	 /* the receiving side asks for a new one once */
	struct replay replay;
};

/* session_new - zeroed, aligned, not published; NULL: no memory */
struct session *session_new(void);

/* session_free - wipes the keys */
void session_free(struct session *s);

/* session_claim - take n counters for a burst, all at once; any thread
 *
 * first  out: the first of them, the others follow
 *
 * Returns false at the end of the session's numbers: send nothing.
 */
static inline bool session_claim(struct session *s, uint64_t n, uint64_t *first)
{
	*first = atomic_load_explicit(&s->counter, memory_order_relaxed);
	do
		if (*first >= REPLAY_END || n > REPLAY_END - *first)
			return false;
	while (!atomic_compare_exchange_weak_explicit(
		&s->counter, first, *first + n, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* session_is_alive - may packets still be sent and accepted under it? */
static inline bool session_is_alive(const struct session *s, int64_t now)
{
	return now - s->born < SESSION_REJECT_AFTER;
}

/* session_is_stale - should sending ask for a new one?  (Age: only the initiator's task.) */
static inline bool session_is_stale(const struct session *s, int64_t now)
{
	return (s->initiator && now - s->born >= SESSION_REKEY_AFTER) ||
	       atomic_load_explicit(&s->counter, memory_order_relaxed) >= SESSION_REKEY_MESSAGES;
}

/* session_accept - replay_accept() on its window; after the tag was verified, by its inbound worker
 */
static inline bool session_accept(struct session *s, uint64_t counter)
{
	return replay_accept(&s->replay, counter);
}

/* session_find - the session that a data message names; NULL: none.  Any thread, in a burst. */
static inline struct session *session_find(const struct index *t, uint32_t receiver)
{
	struct index_entry *e = index_find(t, receiver);

	return e && e->kind == INDEX_SESSION ? (struct session *)(void *)e : NULL;
}
_Static_assert(offsetof(struct session, index) == 0, "session_find casts");
