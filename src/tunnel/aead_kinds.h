/* aead_kinds.h - what each kind of AEAD provides to aead.c
 *
 * A kind is one row in a table.  `usable` asks the processor; `init` takes its
 * working memory, of which a thread has its own.
 */
#pragma once
#include "tunnel/aead.h"

struct aead_kind {
	const char *name;
	bool (*usable)(void);
	void *(*init)(const struct aead_kind *kind); /* NULL: failed */
	void (*done)(void *memory);
	void (*seal)(void *memory, struct aead_job *jobs, size_t n);
	void (*open)(void *memory, struct aead_job *jobs, size_t n);
	int variant; /* the kind's own */
};

/* The end of a list is a row without a name. */
extern const struct aead_kind aead_avx512[];
extern const struct aead_kind aead_ipsec_mb[];
extern const struct aead_kind aead_openssl[];

/* aead_nonce - RFC 8439 section 2.3: 32 bits of zero, then the counter, little-endian */
static inline void aead_nonce(uint8_t nonce[12], uint64_t counter)
{
	for (int i = 0; i < 4; i++)
		nonce[i] = 0;
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(counter >> 8 * i);
}
