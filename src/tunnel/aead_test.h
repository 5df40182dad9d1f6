/* aead_test.h - what the tests of the ciphers share */
#pragma once
#include "test.h"
#include "tunnel/aead.h"

/* The oracle: OpenSSL called plainly, one packet at a time.  out: length + AEAD_TAG bytes. */
void oracle_seal(
	uint8_t *out, const uint8_t *key, uint64_t counter, const uint8_t *in, size_t length);

/* n bytes of dice */
void fill(uint8_t *to, size_t n);

/* Seal or open a job as one of eight of its length, of up to 9000 bytes, at a place that dice
 * choose: some kinds work on several packets at once, and leave a single one to others. */
typedef void aead_work(struct aead *a, struct aead_job *jobs, size_t n);
void among_others(struct aead *a, aead_work *work, struct aead_job *job);

#define FOR_EACH_KIND(a)                                                                           \
	for (unsigned kind_ = 0; aead_kind(kind_); kind_++)                                        \
		for (struct aead *a = aead_new(aead_kind(kind_)); a; aead_free(a), a = NULL)
