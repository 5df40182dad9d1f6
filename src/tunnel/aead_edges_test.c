/* Poly1305 goes wrong where its accumulator is near the prime or its limbs are full, which random
 * packets never reach.  What is sealed is under our control when opening: the stream is an XOR. So
 * for a key we can solve for the block that brings the accumulator to any value:
 * h = (h0 + block + 2^128) * r mod p. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "aead_test.h"
#include "base/bytes.h"

enum { MOST = 16 * 100 };

/* r, clamped, and what is added for the tag. */
static void poly_key(uint8_t out[32], const uint8_t *key, uint64_t counter)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	le64 c = le64_put(counter);
	uint8_t iv[16] = {0}, zero[32] = {0};
	int n;

	memcpy(iv + 8, c.b, 8); /* 32 bits of block counter, 32 of zero, ours */
	CHECK(EVP_EncryptInit_ex(x, EVP_chacha20(), NULL, key, iv) == 1);
	CHECK(EVP_EncryptUpdate(x, out, &n, zero, 32) == 1);
	EVP_CIPHER_CTX_free(x);
	for (int i = 3; i < 16; i += 4)
		out[i] &= 15;
	for (int i = 4; i < 16; i += 4)
		out[i] &= 252;
}

/* Does this kind seal to, and open from, these `length` sealed bytes as the oracle does?
 * Returns the oracle's tag. */
static void check_sealed(struct aead *a, uint8_t tag[AEAD_TAG], const uint8_t *key,
	uint64_t counter, const uint8_t *sealed, size_t length)
{
	static uint8_t plain[MOST + AEAD_TAG], want[MOST + AEAD_TAG], data[MOST + AEAD_TAG];
	struct aead_job job = {key, counter, data, (uint32_t)length, false};

	/* Sealing zeros shows the stream. */
	memset(plain, 0, length);
	oracle_seal(want, key, counter, plain, length);
	for (size_t i = 0; i < length; i++)
		plain[i] = want[i] ^ sealed[i];
	oracle_seal(want, key, counter, plain, length);
	memcpy(data, plain, length);
	among_others(a, aead_seal, &job);
	CHECK(!memcmp(data, want, length + AEAD_TAG));
	among_others(a, aead_open, &job);
	CHECK(job.authentic && !memcmp(data, plain, length));
	memcpy(tag, want + length, AEAD_TAG);
}

/* --- the accumulator near the prime, and tags of our choice --------------- */

struct poly {
	BN_CTX *ctx;
	BIGNUM *p, *r, *h, *top;
};

static struct poly poly_new(const uint8_t key[32])
{
	struct poly x = {BN_CTX_new(), BN_new(), BN_lebin2bn(key, 16, NULL), BN_new(), BN_new()};

	BN_set_bit(x.p, 130);
	BN_sub_word(x.p, 5);
	BN_set_bit(x.top, 128);
	BN_zero(x.h);
	return x;
}

static void poly_free(struct poly *x)
{
	BN_free(x->p);
	BN_free(x->r);
	BN_free(x->h);
	BN_free(x->top);
	BN_CTX_free(x->ctx);
}

static void poly_add(struct poly *x, const uint8_t block[16])
{
	BIGNUM *m = BN_lebin2bn(block, 16, NULL);

	BN_add(m, m, x->top);
	BN_mod_add(x->h, x->h, m, x->p, x->ctx);
	BN_mod_mul(x->h, x->h, x->r, x->p, x->ctx);
	BN_free(m);
}

/* The block that brings the accumulator from h to `want`; false when no 128-bit block does. */
static bool poly_solve(struct poly *x, uint8_t block[16], const BIGNUM *want)
{
	BIGNUM *b = BN_new();
	bool found = false;

	BN_mod_inverse(b, x->r, x->p, x->ctx);
	BN_mod_mul(b, b, want, x->p, x->ctx);
	BN_mod_sub(b, b, x->h, x->p, x->ctx);
	if (BN_cmp(b, x->top) >= 0) {
		BN_sub(b, b, x->top);
		found = BN_num_bits(b) <= 128 && BN_bn2lebinpad(b, block, 16) == 16;
	}
	BN_free(b);
	return found;
}

/* After `blocks` random ones, the accumulator is brought to `distance` from 0 mod p. */
static bool near_the_prime(struct aead *a, size_t blocks, long distance)
{
	uint8_t key[AEAD_KEY], pk[32], sealed[MOST], tag[AEAD_TAG];
	uint64_t counter = dice(1 << 30);
	struct poly x;
	BIGNUM *want;
	bool found;

	fill(key, sizeof(key));
	fill(sealed, sizeof(sealed));
	poly_key(pk, key, counter);
	x = poly_new(pk);
	want = BN_dup(x.p);
	for (size_t i = 0; i < blocks; i++)
		poly_add(&x, sealed + 16 * i);
	if (distance < 0)
		BN_sub_word(want, (BN_ULONG)-distance);
	else
		BN_set_word(want, (BN_ULONG)distance);
	found = poly_solve(&x, sealed + 16 * blocks, want);
	if (found)
		check_sealed(a, tag, key, counter, sealed, 16 * (blocks + 1));
	BN_free(want);
	poly_free(&x);
	return found;
}

TEST(the_tag_is_right_where_the_accumulator_meets_the_prime)
{
	static const long distances[] = {
		0, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6, 1 << 26, -(1 << 26)};
	size_t tried = 0;

	FOR_EACH_KIND(a)
	{
		if (!strcmp(aead_kind(kind_), "ipsec-mb-avx512"))
			continue; /* wrong at 5 and 6 in release 1.3; see aead_ipsec_mb.c */
		for (size_t d = 0; d < sizeof(distances) / sizeof(distances[0]); d++)
			for (size_t blocks = 0; blocks < 40; blocks++)
				tried += near_the_prime(a, blocks, distances[d]);
	}
	CHECK(tried > 100);
}

/* Seal so that the tag becomes `tag`: the accumulator, after the lengths, is tag - pad modulo
 * 2^128, plus any multiple of that below p. */
static bool with_tag(struct aead *a, const uint8_t tag[AEAD_TAG], size_t blocks, unsigned more)
{
	uint8_t key[AEAD_KEY], pk[32], sealed[MOST], last[16] = {0}, got[AEAD_TAG];
	uint64_t counter = dice(UINT64_MAX);
	le64 length = le64_put(16 * (blocks + 1));
	BIGNUM *want = BN_lebin2bn(tag, AEAD_TAG, NULL), *pad, *lengths;
	struct poly x;
	bool found;

	fill(key, sizeof(key));
	fill(sealed, sizeof(sealed));
	poly_key(pk, key, counter);
	x = poly_new(pk);
	for (size_t i = 0; i < blocks; i++)
		poly_add(&x, sealed + 16 * i);

	pad = BN_lebin2bn(pk + 16, 16, NULL);
	BN_mod_sub(want, want, pad, x.top, x.ctx);
	BN_lshift(pad, x.top, 0);
	for (unsigned i = 0; i < more; i++)
		BN_add(want, want, x.top);
	found = BN_cmp(want, x.p) < 0;
	/* Back over the block of the lengths. */
	memcpy(last + 8, length.b, 8);
	lengths = BN_lebin2bn(last, 16, NULL);
	BN_add(lengths, lengths, x.top);
	BN_mod_inverse(pad, x.r, x.p, x.ctx);
	BN_mod_mul(want, want, pad, x.p, x.ctx);
	BN_mod_sub(want, want, lengths, x.p, x.ctx);
	found = found && poly_solve(&x, sealed + 16 * blocks, want);
	if (found) {
		check_sealed(a, got, key, counter, sealed, 16 * (blocks + 1));
		CHECK(!memcmp(got, tag, AEAD_TAG));
	}
	BN_free(want);
	BN_free(pad);
	BN_free(lengths);
	poly_free(&x);
	return found;
}

/* The tags of the Wycheproof project's vectors 203 to 209. */
TEST(a_tag_of_extreme_words_is_made_and_accepted)
{
	static const char *const tags[] = {"000102030405060708090a0b0c0d0e0f",
		"00000000000000000000000000000000", "ffffffffffffffffffffffffffffffff",
		"00000080000000800000008000000080", "ffffff7fffffff7fffffff7fffffff7f",
		"01000000010000000100000001000000", "ffffffff000000000000000000000000"};
	enum { TAGS = sizeof(tags) / sizeof(tags[0]) };

	FOR_EACH_KIND(a)
	for (size_t t = 0; t < TAGS; t++) {
		uint8_t tag[AEAD_TAG];
		size_t tried = 0;

		CHECK(hex_parse(tag, AEAD_TAG, tags[t]));
		for (size_t blocks = 0; blocks < 24; blocks++)
			for (unsigned more = 0; more < 4; more++)
				tried += with_tag(a, tag, blocks, more);
		CHECK(tried > 0);
	}
}

/* --- extreme keys --------------------------------------------------------- */

/* From the Wycheproof project's vectors 193 to 202: with this key these counters give values of
 * r whose words are all ones (as far as they may be), or nearly zero, one after the other; and all
 * that is sealed is ones there. */
TEST(the_tag_is_right_with_extreme_keys_and_all_ones)
{
	static const char hex[] =
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf";
	static const struct {
		uint64_t counter;
		const char *r;
	} cases[] = {
		{0xc372c60b13121110, "feffff0ff4b87403fc6435009475bc02"},
		{0xa4b9e90313121110, "bf358f08fcffff0f4862ed0e1c537907"},
		{0x82b9000713121110, "d0b7b30350a4010ffcffff0fe8cc660c"},
		{0xbb36980113121110, "7bee330318415708c8701b0cfcffff0f"},
		{0x88f2591d13121110, "7cb5fb0ff840ff0f3c7de70f645ffc0f"},
		{0x11a4520513121110, "00000000e4e3280240cde5083c3d8202"},
		{0x727a800c13121110, "9e98d60e000000005807180c5c68c60c"},
		{0x43a1970313121110, "1048a90e64f5e60100000000d8ae080e"},
		{0x3f0fcb0813121110, "01517a0ce889bb0b5441f70900000000"},
		{0x4ecf8f0d13121110, "bc90150084e0120004d90c00b8bd0500"},
	};
	uint8_t key[AEAD_KEY], pk[32], sealed[MOST], tag[AEAD_TAG];
	char text[33];

	CHECK(hex_parse(key, AEAD_KEY, hex));
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		poly_key(pk, key, cases[c].counter);
		hex_format(text, pk, 16);
		CHECK_TEXT(text, cases[c].r);
	}
	FOR_EACH_KIND(a)
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		for (size_t length = 0; length <= MOST; length += length < 300 ? 1 : 16)
			for (int zeros = 0; zeros < 2; zeros++) {
				memset(sealed, zeros ? 0 : 0xff, length);
				check_sealed(a, tag, key, cases[c].counter, sealed, length);
			}
}
