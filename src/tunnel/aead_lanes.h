/* aead_lanes.h - ChaCha20-Poly1305 of eight packets side by side
 *
 * A processor with AVX-512 (F, BW, VL, IFMA, VBMI2) works on the same place of
 * eight packets at once.  It takes as long as the longest of them would alone,
 * however many there are; so packets of about one length should come together.
 *
 *	jobs     0 | 1 | 2 | 3 | 4 | 5 | 6 | 7
 *	pass 0   key of the tag, bytes 0 to 63 of each
 *	pass 1   bytes 64 to 191
 *	  ...
 *
 * Where it is not supported, nothing but aead_lanes_supported() may be called.
 * aead_avx512.c makes a kind of AEAD of it.
 *
 * Source: RFC 8439 section 2.8, without additional data.
 */
#pragma once
#include "tunnel/aead.h"

enum { AEAD_LANES = 8 };

struct aead_lanes; /* working memory; holds secrets between a call and the next wipe */

/* aead_lanes_supported - by this processor and system */
bool aead_lanes_supported(void);

struct aead_lanes *aead_lanes_new(void); /* NULL: no memory */
void aead_lanes_free(struct aead_lanes *l);
void aead_lanes_wipe(struct aead_lanes *l);

/* aead_lanes_passes - what a packet of this length takes, in a unit that does not depend on it */
uint32_t aead_lanes_passes(uint32_t length);

/* aead_lanes_seal, aead_lanes_open - 1 to AEAD_LANES jobs, as aead_seal() and aead_open() */
void aead_lanes_seal(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n);
void aead_lanes_open(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n);
