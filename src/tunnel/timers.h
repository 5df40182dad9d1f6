/* timers.h - when a peer must do something without being asked
 *
 * Workers record facts, control decides.  A fact is a time in an atomic, 0 when
 * it does not hold:
 *
 *	unanswered   data was sent, and nothing authentic came back since
 *	unreplied    data came, and nothing was sent since
 *	traversal    the last authentic datagram, in either direction
 *
 * Control keeps the rest (when to repeat a handshake, when to wipe the keys)
 * and asks timers_next(), a function of all of it and of the time, what is due
 * and when to look again.  So there is no timer per fact to arm and disarm, no
 * queue between threads, and the whole of it runs in virtual time in the tests.
 *
 * A fact that begins to hold must wake control only when control would
 * otherwise look too late: `look` says when it will.  Facts that toggle with
 * each burst therefore wake it about once in ten seconds.
 *
 * Source: WireGuard whitepaper section 6, and the kernel module's timers.c for
 * what the paper leaves open.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define TIMERS_REKEY_TIMEOUT (5 * SECOND)
#define TIMERS_JITTER (333 * MILLISECOND) /* 0 up to this is added to repeated handshakes */
#define TIMERS_KEEPALIVE (10 * SECOND)
#define TIMERS_NEW_HANDSHAKE (TIMERS_KEEPALIVE + TIMERS_REKEY_TIMEOUT)
#define TIMERS_ZERO_KEYS (540 * SECOND)
#define TIMERS_NEVER INT64_MAX

enum { TIMERS_ATTEMPTS = 18 }; /* Rekey-Attempt-Time, 90 s: initiations that go unanswered */

/* A zeroed struct: nothing has happened, nothing is due.  Times are ns, 0: not so. */
struct timers {
	/* facts, by workers and control */
	_Atomic int64_t unanswered;
	_Atomic int64_t unreplied;
	_Atomic bool unreplied_more;  /* more data came after the first */
	_Atomic bool unreplied_again; /* the keepalive that is about to go out is to be repeated */
	_Atomic uint16_t keepalive;   /* persistent, in seconds; 0: off */
	_Atomic int64_t traversal;
	_Atomic int64_t wanted;	   /* a packet last asked for a session */
	_Atomic int64_t initiated; /* the last initiation was sent */
	_Atomic int64_t look;	   /* control will look at this time; 0: now, or not at all */

	/* control's own */
	int64_t retry_at; /* the handshake under way counts as unanswered at this time */
	int64_t zero_at;  /* the keys are wiped at this time */
	int64_t jitter;	  /* of the next handshake for want of an answer */
	uint8_t attempts; /* initiations sent, none answered */
};

enum timer {
	TIMER_NONE,
	TIMER_RETRY,	     /* send another initiation, without the sticky source */
	TIMER_GIVE_UP,	     /* stop repeating, drop what is staged */
	TIMER_NEW_HANDSHAKE, /* the peer stopped answering: begin, without the sticky source */
	TIMER_KEEPALIVE,     /* send an empty packet: the peer must hear something */
	TIMER_PERSISTENT_KEEPALIVE, /* likewise, to keep a NAT's mapping */
	TIMER_ZERO_KEYS,	    /* wipe sessions and handshake */
};

/* timers_next - what is due now, and else when
 *
 * deadline  out: with TIMER_NONE, of the earliest thing to come, or TIMERS_NEVER
 *
 * Pure: changes nothing.  Tell timers_did(), do it, and ask again until it
 * says TIMER_NONE.
 */
enum timer timers_next(const struct timers *t, int64_t now, int64_t *deadline);

/* timers_did - control is about to do what was due: it is not due any more */
void timers_did(struct timers *t, enum timer what, int64_t now);

/* timers_sent - authentic datagrams were sent; data: not only keepalives and handshakes
 * timers_received - likewise they came
 *
 * Any thread.  Return true when control must be woken, because it would look
 * too late otherwise.
 */
bool timers_sent(struct timers *t, int64_t now, bool data);
bool timers_received(struct timers *t, int64_t now, bool data);

/* timers_may_initiate - is the last initiation at least 5 s ago?  Any thread. */
bool timers_may_initiate(const struct timers *t, int64_t now);

/* timers_initiated - control sent an initiation
 *
 * retry   for TIMER_RETRY: goes on counting, unless a packet asked since the last
 * jitter  0 to TIMERS_JITTER, drawn by the caller
 */
void timers_initiated(struct timers *t, int64_t now, bool retry, int64_t jitter);

/* timers_completed - the peer answered: a handshake ended in a session that both ends know */
void timers_completed(struct timers *t);

/* timers_derived - new keys exist: they are wiped in 540 s */
void timers_derived(struct timers *t, int64_t now);

/* timers_stop - the interface goes down: nothing is due, no fact holds; settings stay */
void timers_stop(struct timers *t);
