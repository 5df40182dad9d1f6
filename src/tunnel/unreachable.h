/* unreachable.h - tell the sender of a packet that nobody will get it
 *
 * ICMP "host unreachable" and ICMPv6 "address unreachable", for packets whose
 * destination belongs to no peer.  A program then fails at once, with a reason,
 * and does not wait for an answer that cannot come.
 *
 * The answer comes from the address that was not reached, since the device's
 * own addresses are the stack's business; it would not be taken from there.
 *
 * Source: RFC 792, RFC 4443 sections 2.4 and 3.1, RFC 1812 section 4.3.2.7.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/packet.h"

enum { UNREACHABLE_MOST = 1280 };

/* unreachable_make - the error for packet p; returns its length, 0 where none may be sent
 *
 * None is sent about ICMP errors, multicast, broadcast, unspecified sources,
 * and fragments but the first.  Pure.
 */
uint32_t unreachable_make(uint8_t out[UNREACHABLE_MOST], const struct packet *p);

/* How many: a bucket of 50, filled at 100 a second.  Zeroed: full from the first on. */
struct unreachable_limit {
	_Atomic int64_t until; /* the bucket is full again at this time */
};

/* unreachable_may - take one from the bucket; false: it is empty.  Any thread. */
bool unreachable_may(struct unreachable_limit *l, int64_t now);
