#include "tunnel/cookie.h"

#include <stddef.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/hash.h"

static const char label_mac1[8] = "mac1----";
static const char label_cookie[8] = "cookie--";

/* Both MACs end the message, whatever its kind. */
static size_t mac1_at(size_t length)
{
	return length - sizeof(struct wire_macs);
}

static size_t mac2_at(size_t length)
{
	return length - WIRE_MAC;
}

static void label_key(uint8_t out[WIRE_KEY], const char label[8], const uint8_t key[WIRE_KEY])
{
	hash_mix(out, label, 8, key, WIRE_KEY);
}

void cookie_maker_set(struct cookie_maker *m, const uint8_t public_key[WIRE_KEY])
{
	cookie_maker_done(m);
	label_key(m->mac1_key, label_mac1, public_key);
	label_key(m->cookie_key, label_cookie, public_key);
}

void cookie_maker_done(struct cookie_maker *m)
{
	sodium_memzero(m, sizeof(*m));
}

bool cookie_mac1_valid(const struct cookie_maker *m, const void *message, size_t length)
{
	const uint8_t *bytes = message;
	uint8_t mac[WIRE_MAC];

	hash_mac(mac, m->mac1_key, WIRE_KEY, bytes, mac1_at(length));
	return sodium_memcmp(mac, bytes + mac1_at(length), WIRE_MAC) == 0;
}

/* The cookie of a source: address and port, so that it is of use to nobody else behind the
 * same address. */
static void cookie_of(
	uint8_t out[WIRE_MAC], const struct cookie_maker *m, const union address *from)
{
	uint8_t text[sizeof(from->v6.sin6_addr) + sizeof(from->v6.sin6_port)];
	size_t n;

	if (from->sa.sa_family == AF_INET6) {
		n = sizeof(from->v6.sin6_addr);
		memcpy(text, &from->v6.sin6_addr, n);
	} else {
		n = sizeof(from->v4.sin_addr);
		memcpy(text, &from->v4.sin_addr, n);
	}
	memcpy(text + n, from->sa.sa_family == AF_INET6 ? &from->v6.sin6_port : &from->v4.sin_port,
		sizeof(from->v4.sin_port));
	hash_mac(out, m->secret, WIRE_KEY, text, n + sizeof(from->v4.sin_port));
}

bool cookie_mac2_valid(const struct cookie_maker *m, const void *message, size_t length,
	const union address *from, int64_t now)
{
	const uint8_t *bytes = message;
	uint8_t cookie[WIRE_MAC], mac[WIRE_MAC];
	bool same;

	if (!m->secret_until || now >= m->secret_until)
		return false;
	cookie_of(cookie, m, from);
	hash_mac(mac, cookie, WIRE_MAC, bytes, mac2_at(length));
	same = sodium_memcmp(mac, bytes + mac2_at(length), WIRE_MAC) == 0;
	sodium_memzero(cookie, sizeof(cookie));
	return same;
}

void cookie_make(struct cookie_maker *m, const void *message, size_t length,
	const union address *from, int64_t now, const uint8_t random[WIRE_KEY],
	const uint8_t nonce[WIRE_NONCE], struct wire_cookie *out)
{
	const uint8_t *bytes = message;
	uint8_t cookie[WIRE_MAC];
	le32 sender;

	if (!m->secret_until || now >= m->secret_until) {
		memcpy(m->secret, random, WIRE_KEY);
		m->secret_until = now + COOKIE_SECRET_LIFE;
	}
	cookie_of(cookie, m, from);
	memcpy(&sender, bytes + offsetof(struct wire_initiation, sender), sizeof(sender));
	out->type = le32_put(WIRE_COOKIE);
	out->receiver = sender;
	memcpy(out->nonce, nonce, WIRE_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out->cookie, NULL, cookie, sizeof(cookie),
		bytes + mac1_at(length), WIRE_MAC, NULL, out->nonce, m->cookie_key);
	sodium_memzero(cookie, sizeof(cookie));
}

void cookie_sign(void *message, size_t length, const uint8_t public_key[WIRE_KEY],
	const uint8_t cookie[WIRE_MAC])
{
	uint8_t *bytes = message, key[WIRE_KEY];

	label_key(key, label_mac1, public_key);
	hash_mac(bytes + mac1_at(length), key, WIRE_KEY, bytes, mac1_at(length));
	if (cookie)
		hash_mac(bytes + mac2_at(length), cookie, WIRE_MAC, bytes, mac2_at(length));
	else
		memset(bytes + mac2_at(length), 0, WIRE_MAC);
}

bool cookie_open(const struct wire_cookie *in, const uint8_t public_key[WIRE_KEY],
	const uint8_t mac1[WIRE_MAC], uint8_t cookie[WIRE_MAC])
{
	uint8_t key[WIRE_KEY], out[WIRE_MAC];

	label_key(key, label_cookie, public_key);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in->cookie,
		    sizeof(in->cookie), mac1, WIRE_MAC, in->nonce, key))
		return false;
	memcpy(cookie, out, WIRE_MAC);
	return true;
}
