/* aead.h - seal and open data messages: ChaCha20-Poly1305, many packets a call
 *
 *	   counter         packet, padded with zeros
 *	      |                     |
 *	nonce 0000|counter le   seal in place
 *	                            v
 *	              [ ciphertext, same length | tag 16 ]
 *
 * Packets are given in batches because the fast ways work on several at once.
 * What does the work is a kind, chosen once at start by what the processor
 * has, or by name:
 *
 *	"avx512"             our own, several packets in one register; where it is built in
 *	"ipsec-mb-avx512"    Intel's Multi-Buffer library, by instruction set
 *	"ipsec-mb-avx2"
 *	"ipsec-mb-sse"
 *	"openssl"            everywhere
 *
 * "ipsec-mb" is the best of the library's.  A struct aead is the working
 * memory of one thread, taken at start; sealing and opening take none.
 *
 * Handshakes are few and do not come through here.
 *
 * Source: RFC 8439; WireGuard whitepaper 5.4.6 (the additional data is empty).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AEAD_KEY = 32,
	AEAD_TAG = 16,
	AEAD_LENGTH_MAX = 65535, /* of one packet */
};

/* One packet.  `data` holds `length` bytes, and AEAD_TAG more behind them. */
struct aead_job {
	const uint8_t *key;
	uint64_t counter;
	uint8_t *data;
	uint32_t length; /* of the plaintext */
	bool authentic;	 /* out, of aead_open() only */
};

struct aead;

/* aead_kind_best - the name of what aead_new(NULL) takes on this machine */
const char *aead_kind_best(void);

/* aead_kind - the names of all kinds that work on this machine, best first; NULL at the end */
const char *aead_kind(unsigned i);

/* aead_has - does this kind exist, and work on this machine?  NULL: yes */
bool aead_has(const char *kind);

/* aead_new - working memory for one thread
 *
 * kind  a name from above, or NULL for the best of this machine
 *
 * Returns NULL when the kind is unknown, not built in or not for this
 * processor, or when there is no memory.
 */
struct aead *aead_new(const char *kind);
void aead_free(struct aead *a); /* wipes it; of NULL: does nothing */

/* aead_seal - encrypt n packets in place, and put each one's tag behind it
 *
 * No counter may be used twice with the same key: that is the caller's.
 */
void aead_seal(struct aead *a, struct aead_job *jobs, size_t n);

/* aead_open - decrypt n packets in place, and say of each whether its tag was right
 *
 * Where it was not, what lies in `data` is undefined and must not be read.
 * Takes the same time whatever the tags are.
 */
void aead_open(struct aead *a, struct aead_job *jobs, size_t n);
