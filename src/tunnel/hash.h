/* hash.h - BLAKE2s, and what the handshake builds from it
 *
 *	hash_mix   HASH(a || b)                    32 bytes
 *	hash_mac   BLAKE2s with a key              16 bytes: mac1, mac2, cookies
 *	hash_kdf   HKDF with HMAC-BLAKE2s          1 to 3 times 32 bytes
 *
 * BLAKE2s is OpenSSL's; its context is kept per thread and reused, as taking
 * a new one costs more than the hash of the few bytes we have.
 *
 * Source: RFC 7693; RFC 5869; WireGuard whitepaper section 5.4.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "tunnel/wire.h"

/* hash_start - get ready in this thread: later calls cannot fail; 0 or -ENOMEM */
int hash_start(void);

/* hash_mix - out may be the same as a or b */
void hash_mix(uint8_t out[WIRE_KEY], const void *a, size_t a_size, const void *b, size_t b_size);

/* hash_mac - key_size 16 or 32 */
void hash_mac(uint8_t out[WIRE_MAC], const uint8_t *key, size_t key_size, const void *message,
	size_t size);

/* hash_kdf - one to three keys from a chaining key and some input
 *
 * input  at most 32 bytes
 * out2, out3  NULL: not wanted (out3 only with out2); out1 may be the same as chain
 */
void hash_kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t chain[WIRE_KEY],
	const void *input, size_t size);
