/* cookie.h - the two MACs, and the cookie that proves an address
 *
 * mac1 says "I know your public key": it is checked first and costs one hash.
 * Under load that is not enough, since anybody who knows the key can send from
 * forged addresses.  Then a message must carry mac2 as well, keyed with a
 * cookie that we sent to that address and port before, and remember nowhere:
 *
 *	initiator                                responder under load
 *	   initiation, mac1           ----->     mac2 is missing
 *	                              <-----     cookie = MAC(secret, address, port)
 *	   5 s later: mac1 and mac2   ----->     the address is proven
 *
 * The secret changes each 120 s; a cookie is used for 115 s.
 *
 * Source: WireGuard whitepaper sections 5.3, 5.4.4 and 5.4.7.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "tunnel/address.h"
#include "tunnel/wire.h"

#define COOKIE_SECRET_LIFE (120 * SECOND)
#define COOKIE_USE (115 * SECOND)

/* The side that receives handshakes: keys from our own public key, and the secret. */
struct cookie_maker {
	uint8_t mac1_key[WIRE_KEY];
	uint8_t cookie_key[WIRE_KEY];
	uint8_t secret[WIRE_KEY];
	int64_t secret_until; /* 0: there is none yet */
};

/* cookie_maker_set - for a public key; forgets the secret */
void cookie_maker_set(struct cookie_maker *m, const uint8_t public_key[WIRE_KEY]);
void cookie_maker_done(struct cookie_maker *m);

/* cookie_mac1_valid - is a handshake message (its whole length) made for our public key? */
bool cookie_mac1_valid(const struct cookie_maker *m, const void *message, size_t length);

/* cookie_mac2_valid - does it carry a cookie of ours for this source?  Draws no secret. */
bool cookie_mac2_valid(const struct cookie_maker *m, const void *message, size_t length,
	const union address *from, int64_t now);

/* cookie_make - the reply that asks the source of `message` to prove its address
 *
 * random  32 bytes for a new secret, used only when the old one is past its life
 * nonce   24 random bytes
 */
void cookie_make(struct cookie_maker *m, const void *message, size_t length,
	const union address *from, int64_t now, const uint8_t random[WIRE_KEY],
	const uint8_t nonce[WIRE_NONCE], struct wire_cookie *out);

/* cookie_sign - fill in mac1 and mac2 of a message to the peer with `public_key`
 *
 * cookie  the one it demanded; NULL: mac2 is all 0
 */
void cookie_sign(void *message, size_t length, const uint8_t public_key[WIRE_KEY],
	const uint8_t cookie[WIRE_MAC]);

/* cookie_open - read a cookie reply of the peer with `public_key`
 *
 * mac1  of the message that it answers: the reply is bound to it
 *
 * Returns false, with `cookie` untouched, for a reply that is not authentic.
 */
bool cookie_open(const struct wire_cookie *in, const uint8_t public_key[WIRE_KEY],
	const uint8_t mac1[WIRE_MAC], uint8_t cookie[WIRE_MAC]);
