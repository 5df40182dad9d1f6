/* curve.h - X25519, several at a time
 *
 * Handshakes are made of these multiplications and little else.  A processor
 * with AVX-512 IFMA does eight in the time of one and a half, a lane each; so
 * whoever has several to do hands them over together.  Everywhere else they
 * are libsodium's, one after the other.
 *
 *	jobs    0  1  2  3  4  5  6  7     one 64-bit lane of each register
 *	limb 0 [..|..|..|..|..|..|..|..]   51 bits each, five registers a number
 *	  ...
 *
 * Nothing branches on, or looks up by, a scalar or a point.
 *
 * Source: RFC 7748 section 5.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CURVE_KEY = 32, CURVE_LANES = 8 };

struct curve_job {
	const uint8_t *scalar; /* 32 bytes, clamped here */
	const uint8_t *point;  /* 32 bytes; NULL: the base point, for a public key */
	uint8_t out[CURVE_KEY];
	bool ok; /* out, false: all zero, as the point was of low order; then `out` is no secret */
};

/* curve_run - multiply; the results are secrets: curve_wipe() the jobs */
void curve_run(struct curve_job *jobs, size_t n);
void curve_wipe(struct curve_job *jobs, size_t n);

/* curve_kind - what does it: "avx512-ifma" or "libsodium" */
const char *curve_kind(void);

/* curve_choose - take this one; false: not on this machine.  NULL: the best.  For tests. */
bool curve_choose(const char *kind);

/* curve_lanes_supported, curve_lanes - the vector form: exactly CURVE_LANES jobs */
bool curve_lanes_supported(void);
void curve_lanes(uint8_t out[CURVE_LANES][CURVE_KEY], const uint8_t scalar[CURVE_LANES][CURVE_KEY],
	const uint8_t point[CURVE_LANES][CURVE_KEY]);
