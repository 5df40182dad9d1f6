#include "tunnel/curve.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "base/bytes.h"
#include "test.h"

static const char *const kinds[] = {"libsodium", "avx512-ifma"};

/* Each kind of this machine in turn; at the end the best again. */
#define FOR_EACH_KIND                                                                              \
	for (size_t kind_ = 0; kind_ < 2 || !curve_choose(NULL); kind_++)                          \
		if (curve_choose(kinds[kind_]))

static void key(uint8_t out[CURVE_KEY], const char *hex)
{
	CHECK(hex_parse(out, CURVE_KEY, hex));
}

static void dice_key(uint8_t out[CURVE_KEY])
{
	for (int i = 0; i < CURVE_KEY; i++)
		out[i] = (uint8_t)dice(256);
}

TEST(x25519_agrees_with_rfc_7748)
{
	static const char *const rows[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};

	FOR_EACH_KIND
	{
		uint8_t scalar[2][CURVE_KEY], point[2][CURVE_KEY], want[CURVE_KEY];
		struct curve_job jobs[2];

		for (int i = 0; i < 2; i++) {
			key(scalar[i], rows[i][0]);
			key(point[i], rows[i][1]);
			jobs[i] = (struct curve_job){.scalar = scalar[i], .point = point[i]};
		}
		curve_run(jobs, 2);
		for (int i = 0; i < 2; i++) {
			key(want, rows[i][2]);
			CHECK(jobs[i].ok && !memcmp(jobs[i].out, want, CURVE_KEY));
		}
	}
}

TEST(x25519_agrees_with_rfc_7748_after_a_thousand_rounds)
{
	FOR_EACH_KIND
	{
		uint8_t k[CURVE_KEY] = {9}, u[CURVE_KEY] = {9}, want[CURVE_KEY];

		for (int i = 0; i < 1000; i++) { /* two the same, so that lanes are used */
			struct curve_job jobs[] = {
				{.scalar = k, .point = u}, {.scalar = k, .point = u}};

			curve_run(jobs, 2);
			CHECK(!memcmp(jobs[0].out, jobs[1].out, CURVE_KEY));
			memcpy(u, k, CURVE_KEY);
			memcpy(k, jobs[0].out, CURVE_KEY);
		}
		key(want, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
		CHECK(!memcmp(k, want, CURVE_KEY));
	}
}

/* The points whose product is 0 with every scalar, in all their spellings of 255 bits. */
TEST(a_point_of_low_order_gives_no_secret)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};

	FOR_EACH_KIND
	{
		for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
			uint8_t scalar[CURVE_KEY], point[CURVE_KEY], good[CURVE_KEY] = {9};
			struct curve_job jobs[] = {{.scalar = scalar, .point = point},
				{.scalar = scalar, .point = good}};

			dice_key(scalar);
			key(point, points[i]);
			point[31] |= (uint8_t)(dice(2) << 7); /* the top bit means nothing */
			curve_run(jobs, 2);
			CHECK(!jobs[0].ok && jobs[1].ok);
		}
	}
}

/* False: refuses the point, as its order is low. */
static bool openssl(uint8_t out[CURVE_KEY], const uint8_t *scalar, const uint8_t *point)
{
	EVP_PKEY *a = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, CURVE_KEY);
	EVP_PKEY *b = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, CURVE_KEY);
	EVP_PKEY_CTX *x = EVP_PKEY_CTX_new(a, NULL);
	size_t n = CURVE_KEY;
	bool ok;

	CHECK(EVP_PKEY_derive_init(x) == 1);
	ok = EVP_PKEY_derive_set_peer(x, b) == 1 && EVP_PKEY_derive(x, out, &n) == 1;
	EVP_PKEY_CTX_free(x);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
	return ok;
}

/* Points that limbs are made for: bits all set or none, next to p, next to 2^255. */
static void dice_point(uint8_t out[CURVE_KEY])
{
	dice_key(out);
	if (dice(3))
		return;
	for (int i = 1; i < CURVE_KEY; i++)
		out[i] = (uint8_t)(dice(40) ? 0xff : dice(256));
	if (dice(2))
		out[31] &= 0x7f;
}

TEST(x25519_agrees_with_openssl_for_any_number_of_jobs)
{
	FOR_EACH_KIND
	{
		for (int round = 0; round < 60; round++) {
			uint8_t scalar[20][CURVE_KEY], point[20][CURVE_KEY], want[CURVE_KEY];
			struct curve_job jobs[20];
			size_t n = dice(20);

			for (size_t i = 0; i < n; i++) {
				dice_key(scalar[i]);
				dice_point(point[i]);
				jobs[i] =
					(struct curve_job){.scalar = scalar[i], .point = point[i]};
			}
			curve_run(jobs, n);
			for (size_t i = 0; i < n; i++) {
				bool ok = openssl(want, scalar[i], point[i]);

				CHECK(jobs[i].ok == ok);
				CHECK(!ok || !memcmp(jobs[i].out, want, CURVE_KEY));
			}
		}
	}
}

TEST(a_public_key_is_the_product_with_the_base_point)
{
	FOR_EACH_KIND
	{
		for (size_t n = 1; n <= 9; n += 4) {
			uint8_t scalar[9][CURVE_KEY], want[CURVE_KEY];
			struct curve_job jobs[9];

			for (size_t i = 0; i < n; i++) {
				dice_key(scalar[i]);
				jobs[i] = (struct curve_job){.scalar = scalar[i]};
			}
			curve_run(jobs, n);
			for (size_t i = 0; i < n; i++) {
				crypto_scalarmult_base(want, scalar[i]);
				CHECK(jobs[i].ok && !memcmp(jobs[i].out, want, CURVE_KEY));
			}
		}
	}
}
