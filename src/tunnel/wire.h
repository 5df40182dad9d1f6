/* wire.h - the datagrams of the protocol, byte for byte
 *
 *	type  what            fields (bytes)                                          length
 *	1     initiation      sender 4, ephemeral 32, identity 48, timestamp 28,
 *	                      mac1 16, mac2 16                                           148
 *	2     response        sender 4, receiver 4, ephemeral 32, empty 16,
 *	                      mac1 16, mac2 16                                            92
 *	3     cookie reply    receiver 4, nonce 24, cookie 32                             64
 *	4     data            receiver 4, counter 8, sealed packet, tag 16        32 and up
 *
 * The type is a little-endian word of 32 bits, so the three bytes that the
 * paper calls reserved must be 0.  Lengths are exact; a datagram of any other
 * shape is no message.
 *
 * Source: WireGuard whitepaper, sections 5.4.2 to 5.4.7.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	WIRE_KEY = 32,	  /* a public, private or symmetric key */
	WIRE_TAG = 16,	  /* Poly1305 */
	WIRE_MAC = 16,	  /* mac1, mac2 and the cookie itself */
	WIRE_NONCE = 24,  /* XChaCha20 */
	WIRE_STAMP = 12,  /* TAI64N */
	WIRE_PADDING = 16 /* the sealed packet's length is a multiple of this */
};

enum wire_kind {
	WIRE_NONE, /* no message */
	WIRE_INITIATION,
	WIRE_RESPONSE,
	WIRE_COOKIE,
	WIRE_DATA,
};

struct wire_macs {
	uint8_t mac1[WIRE_MAC]; /* proves knowledge of the receiver's public key */
	uint8_t mac2[WIRE_MAC]; /* proves ownership of the source address */
};

struct wire_initiation {
	le32 type;
	le32 sender;
	uint8_t ephemeral[WIRE_KEY];
	uint8_t identity[WIRE_KEY + WIRE_TAG];
	uint8_t timestamp[WIRE_STAMP + WIRE_TAG];
	struct wire_macs macs;
};

struct wire_response {
	le32 type;
	le32 sender;
	le32 receiver;
	uint8_t ephemeral[WIRE_KEY];
	uint8_t empty[WIRE_TAG];
	struct wire_macs macs;
};

struct wire_cookie {
	le32 type;
	le32 receiver;
	uint8_t nonce[WIRE_NONCE];
	uint8_t cookie[WIRE_MAC + WIRE_TAG];
};

struct wire_data {
	le32 type;
	le32 receiver;
	le64 counter;
	uint8_t sealed[];
};

_Static_assert(sizeof(struct wire_initiation) == 148, "whitepaper 5.4.2");
_Static_assert(sizeof(struct wire_response) == 92, "whitepaper 5.4.3");
_Static_assert(sizeof(struct wire_cookie) == 64, "whitepaper 5.4.7");
_Static_assert(sizeof(struct wire_data) == 16, "whitepaper 5.4.6");

enum {
	WIRE_DATA_LEAST = sizeof(struct wire_data) + WIRE_TAG, /* a keepalive: 32 bytes */
	WIRE_HANDSHAKE_MOST = sizeof(struct wire_initiation),  /* no handshake message is longer */
};

/* wire_kind - what a datagram is, by its type and length alone; WIRE_NONE: nothing of ours */
static inline enum wire_kind wire_kind(const void *datagram, size_t length)
{
	static const size_t exact[] = {
		[WIRE_INITIATION] = sizeof(struct wire_initiation),
		[WIRE_RESPONSE] = sizeof(struct wire_response),
		[WIRE_COOKIE] = sizeof(struct wire_cookie),
	};
	le32 type;

	if (length < WIRE_DATA_LEAST)
		return WIRE_NONE;
	memcpy(&type, datagram, sizeof(type));
	switch (le32_get(type)) {
	case WIRE_INITIATION:
	case WIRE_RESPONSE:
	case WIRE_COOKIE:
		return length == exact[le32_get(type)] ? (enum wire_kind)le32_get(type) : WIRE_NONE;
	case WIRE_DATA:
		return WIRE_DATA;
	default:
		return WIRE_NONE;
	}
}
