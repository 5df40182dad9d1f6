/* replay.h - refuse a packet that was already accepted
 *
 * The sender numbers its packets 0, 1, 2, ...  On the way they may be lost,
 * reordered or repeated, and an attacker may send an old one again.  A window
 * remembers the highest number accepted and which of those just below it were:
 *
 *      too old: refuse   |   one bit each: accept once   |   new: accept
 *   ---------------------+-------------------------------+-----------------> counter
 *                next - REPLAY_SPAN                     next
 *
 * The bits are a ring of 64-bit words: counter c is bit c % 64 of word
 * (c / 64) % REPLAY_WORDS.  Going forward clears whole words and shifts
 * nothing; the price is that the window is one word shorter than the ring.
 *
 * A zeroed window is an empty one.  It is not locked: the session that holds
 * it decides who may touch it.
 *
 * Source: RFC 6479 section 2; WireGuard whitepaper section 5.4.6.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	REPLAY_WORDS = 128,			   /* 1 KiB for each session */
	REPLAY_SPAN = (REPLAY_WORDS - 1) * 64 + 1, /* counters remembered: 8129 */
};

/* Reject-After-Messages: no counter from here on is valid.  (Whitepaper 6.1; the
 * kernel module ends a little earlier, at 2^64 - 8130.) */
#define REPLAY_END (UINT64_MAX - 8192)

struct replay {
	uint64_t next; /* one past the highest counter accepted */
	uint64_t seen[REPLAY_WORDS];
};

/* replay_accept - accept a counter if it is fresh, and remember it
 *
 * Call it only once the packet's tag has been verified: a forged counter
 * would move the window.
 *
 * Returns true when the packet may go on, false when it must be dropped.
 */
bool replay_accept(struct replay *w, uint64_t counter);
