/* tai64n.h - a time that only grows, as bytes that compare like it
 *
 *	0x400000000000000a + seconds since 1970, 8 bytes | nanoseconds, 4 bytes   (big-endian)
 *
 * Each initiation carries one; a responder accepts only a greater one than the
 * last of that peer, so an old initiation cannot be replayed.  Nanoseconds are
 * rounded down to 2^24 (17 ms), to tell nobody our clock exactly.
 *
 * Source: https://cr.yp.to/libtai/tai64.html; WireGuard whitepaper section 5.1.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/wire.h"

/* tai64n_encode - wall: ns since 1970 */
void tai64n_encode(uint8_t out[WIRE_STAMP], int64_t wall);

/* tai64n_newer - is a later than b? */
bool tai64n_newer(const uint8_t a[WIRE_STAMP], const uint8_t b[WIRE_STAMP]);
