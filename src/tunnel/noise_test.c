#include "tunnel/noise.h"

#include <arpa/inet.h>
#include <string.h>

#include <sodium.h>

#include "../vectors/handshake.h"
#include "base/bytes.h"
#include "test.h"
#include "tunnel/cookie.h"
#include "tunnel/hash.h"
#include "tunnel/tai64n.h"

#define FOR_EACH_VECTOR(v)                                                                         \
	for (const struct handshake_vector *v = handshake_vectors;                                 \
		v < handshake_vectors + sizeof(handshake_vectors) / sizeof(*v); v++)

/* Of any length: hex_parse() is for keys. */
static size_t parse(uint8_t out[256], const char *hex)
{
	size_t n = strlen(hex) / 2;

	CHECK(n <= 256);
	for (size_t i = 0; i < n; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1]};

		CHECK(hex_parse(out + i, 1, digits));
	}
	return n;
}

static bool equals(const void *bytes, const char *hex)
{
	uint8_t want[256];

	return !memcmp(bytes, want, parse(want, hex));
}

static const uint8_t *bytes(const char *hex)
{
	static uint8_t out[8][256];
	static int turn;
	uint8_t *b = out[turn++ % 8];

	parse(b, hex);
	return b;
}

static le32 index_of(const char *hex)
{
	le32 i;

	memcpy(&i, bytes(hex), sizeof(i));
	return i;
}

TEST(blake2s_agrees_with_rfc_7693)
{
	uint8_t out[WIRE_KEY];

	hash_mix(out, "abc", 3, "", 0);
	CHECK(equals(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"));
	hash_mix(out, "a", 1, "bc", 2); /* in two pieces */
	CHECK(equals(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"));
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1 */
TEST(xchacha20_poly1305_agrees_with_its_draft)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	uint8_t out[sizeof(text) - 1 + 16];

	crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, (const uint8_t *)text,
		sizeof(text) - 1, bytes("50515253c0c1c2c3c4c5c6c7"), 12, NULL,
		bytes("404142434445464748494a4b4c4d4e4f5051525354555657"),
		bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"));
	CHECK(equals(out, "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"));
	CHECK(equals(out + sizeof(text) - 1, "c0875924c1c7987947deafd8780acf49"));
}

TEST(an_initiation_is_byte_for_byte_that_of_another_implementation)
{
	FOR_EACH_VECTOR(v)
	{
		struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
		struct noise_identity me = {0};
		struct noise_handshake h;
		uint8_t secret[WIRE_KEY];

		w.sender = index_of(v->initiator_index);
		noise_identity_set(&me, bytes(v->initiator_private));
		CHECK(equals(me.public_key, v->initiator_public));
		CHECK(noise_precompute(&me, bytes(v->responder_public), secret));
		CHECK(noise_initiate(&h, &me, bytes(v->responder_public), secret,
			bytes(v->initiator_ephemeral), bytes(v->stamp), &w));
		cookie_sign(&w, sizeof(w), bytes(v->responder_public),
			*v->initiator_cookie ? bytes(v->initiator_cookie) : NULL);
		CHECK(equals(&w, v->initiation));
	}
}

TEST(an_initiation_is_read_and_answered_as_by_another_implementation)
{
	FOR_EACH_VECTOR(v)
	{
		struct wire_initiation in;
		struct noise_identity me = {0};
		struct noise_opening o = {.in = &in};
		struct noise_answer a = {.state = &o.state, .peer = o.key};
		uint8_t secret[WIRE_KEY], stamp[WIRE_STAMP];

		memcpy(&in, bytes(v->initiation), sizeof(in));
		noise_identity_set(&me, bytes(v->responder_private));
		noise_open(&me, &o, 1);
		CHECK(o.ok && equals(o.key, v->initiator_public));
		CHECK(noise_precompute(&me, o.key, secret));
		noise_open_stamp(&o, secret, stamp);
		CHECK(o.ok && equals(stamp, v->stamp));

		a.out = (struct wire_response){.type = le32_put(WIRE_RESPONSE),
			.sender = index_of(v->responder_index),
			.receiver = in.sender};
		a.preshared = bytes(v->preshared);
		memcpy(a.ephemeral, bytes(v->responder_ephemeral), WIRE_KEY);
		noise_respond(&a, 1);
		CHECK(a.ok);
		cookie_sign(&a.out, sizeof(a.out), o.key,
			*v->responder_cookie ? bytes(v->responder_cookie) : NULL);
		CHECK(equals(&a.out, v->response));
		CHECK(equals(a.keys.send, v->responder_sends));
		CHECK(equals(a.keys.receive, v->initiator_sends));
	}
}

TEST(the_answer_of_another_implementation_gives_its_keys)
{
	FOR_EACH_VECTOR(v)
	{
		struct wire_initiation w = {.type = le32_put(WIRE_INITIATION)};
		struct wire_response in;
		struct noise_identity me = {0};
		struct noise_handshake h;
		struct noise_keys keys;
		uint8_t secret[WIRE_KEY], other[WIRE_KEY];

		noise_identity_set(&me, bytes(v->initiator_private));
		CHECK(noise_precompute(&me, bytes(v->responder_public), secret));
		CHECK(noise_initiate(&h, &me, bytes(v->responder_public), secret,
			bytes(v->initiator_ephemeral), bytes(v->stamp), &w));
		memcpy(&in, bytes(v->response), sizeof(in));
		memset(other, 77, sizeof(other));
		CHECK(!noise_finish(&h, &me, other, &in, &keys)); /* another preshared key */
		CHECK(noise_finish(&h, &me, bytes(v->preshared), &in, &keys));
		CHECK(equals(keys.send, v->initiator_sends));
		CHECK(equals(keys.receive, v->responder_sends));
	}
}

TEST(a_cookie_reply_is_byte_for_byte_that_of_another_implementation)
{
	FOR_EACH_VECTOR(v)
	{
		struct cookie_maker m = {0};
		union address from = {0};
		struct wire_cookie w;
		uint8_t cookie[WIRE_MAC];
		const uint8_t *message = bytes(v->initiation);

		from.v4.sin_family = AF_INET;
		memcpy(&from.v4.sin_addr, bytes(v->source), 4);
		memcpy(&from.v4.sin_port, bytes(v->source) + 4, 2);
		cookie_maker_set(&m, bytes(v->responder_public));
		CHECK(cookie_mac1_valid(&m, message, 148));
		cookie_make(&m, message, 148, &from, 1, bytes(v->secret), bytes(v->nonce), &w);
		CHECK(equals(&w, v->reply));
		CHECK(cookie_open(&w, bytes(v->responder_public), message + 116, cookie));
		CHECK(equals(cookie, v->cookie));
	}
}

TEST(a_stamp_is_tai64n_rounded_down)
{
	uint8_t a[WIRE_STAMP], b[WIRE_STAMP];

	tai64n_encode(a, 0);
	CHECK(equals(a, "400000000000000a00000000"));
	tai64n_encode(a, 1700000000 * SECOND + 999999999);
	CHECK(equals(a, "400000006553f10a3b000000"));
	tai64n_encode(b, 1700000000 * SECOND + 999999999 - (1 << 24));
	CHECK(tai64n_newer(a, b) && !tai64n_newer(b, a) && !tai64n_newer(a, a));
	tai64n_encode(b, 1700000001 * SECOND);
	CHECK(tai64n_newer(b, a));
	tai64n_encode(b, -1); /* a clock before 1970 still counts upwards */
	CHECK(tai64n_newer(a, b));
}
