#include "tunnel/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <sodium.h>

enum { BLOCK = 64 }; /* BLAKE2s */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *blake2s;
static EVP_MAC *blake2s_mac;
static _Thread_local EVP_MD_CTX *digest;
static _Thread_local EVP_MAC_CTX *mac;

static void fetch(void)
{
	blake2s = EVP_MD_fetch(NULL, "BLAKE2s-256", NULL);
	blake2s_mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
}

/* The output length stays with the context; the key comes with each use. */
static EVP_MAC_CTX *mac_new(void)
{
	static const uint8_t none[WIRE_KEY];
	size_t size = WIRE_MAC;
	const OSSL_PARAM length[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_END};
	EVP_MAC_CTX *m = EVP_MAC_CTX_new(blake2s_mac);

	if (m && !EVP_MAC_init(m, none, sizeof(none), length)) {
		EVP_MAC_CTX_free(m);
		return NULL;
	}
	return m;
}

int hash_start(void)
{
	pthread_once(&once, fetch);
	if (!blake2s || !blake2s_mac)
		return -ENOMEM;
	if (!digest)
		digest = EVP_MD_CTX_new();
	if (!mac)
		mac = mac_new();
	return digest && mac && EVP_DigestInit_ex2(digest, blake2s, NULL) ? 0 : -ENOMEM;
}

/* With everything taken at the start there is no way to fail; were there one, a key of
 * unknown bytes must not come of it. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

static void ready(void)
{
	if (__builtin_expect(!digest || !mac, 0))
		must(hash_start() == 0);
}

void hash_mix(uint8_t out[WIRE_KEY], const void *a, size_t a_size, const void *b, size_t b_size)
{
	ready();
	must(EVP_DigestInit_ex2(digest, blake2s, NULL));
	must(EVP_DigestUpdate(digest, a, a_size));
	must(EVP_DigestUpdate(digest, b, b_size));
	must(EVP_DigestFinal_ex(digest, out, NULL));
}

void hash_mac(uint8_t out[WIRE_MAC], const uint8_t *key, size_t key_size, const void *message,
	size_t size)
{
	size_t length;

	ready();
	must(EVP_MAC_init(mac, key, key_size, NULL));
	must(EVP_MAC_update(mac, message, size));
	must(EVP_MAC_final(mac, out, &length, WIRE_MAC));
}

/* HMAC of a message of at most 33 bytes, with a key of 32: two hashes, each in one piece. */
static void hmac(
	uint8_t out[WIRE_KEY], const uint8_t key[WIRE_KEY], const void *message, size_t size)
{
	uint8_t inner[BLOCK + WIRE_KEY + 1], outer[BLOCK + WIRE_KEY];

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < WIRE_KEY; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	if (size)
		memcpy(inner + BLOCK, message, size);
	hash_mix(outer + BLOCK, inner, BLOCK + size, "", 0);
	hash_mix(out, outer, sizeof(outer), "", 0);
	sodium_memzero(inner, sizeof(inner));
	sodium_memzero(outer, sizeof(outer));
}

void hash_kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t chain[WIRE_KEY],
	const void *input, size_t size)
{
	uint8_t *out[] = {out1, out2, out3};
	uint8_t secret[WIRE_KEY], block[WIRE_KEY + 1];

	hmac(secret, chain, input, size);
	for (uint8_t i = 0; i < 3 && out[i]; i++) {
		/* T(1) = HMAC(secret, 1), T(n) = HMAC(secret, T(n-1) || n) */
		block[i ? WIRE_KEY : 0] = (uint8_t)(i + 1);
		hmac(block, secret, block, i ? WIRE_KEY + 1 : 1);
		memcpy(out[i], block, WIRE_KEY);
	}
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(block, sizeof(block));
}
