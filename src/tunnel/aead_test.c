#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "aead_test.h"
#include "base/bytes.h"

void oracle_seal(
	uint8_t *out, const uint8_t *key, uint64_t counter, const uint8_t *in, size_t length)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	le64 c = le64_put(counter);
	uint8_t nonce[12] = {0};
	int n;

	memcpy(nonce + 4, c.b, 8);
	CHECK(EVP_EncryptInit_ex(x, EVP_chacha20_poly1305(), NULL, key, nonce) == 1);
	CHECK(EVP_EncryptUpdate(x, out, &n, in, (int)length) == 1);
	CHECK(EVP_EncryptFinal_ex(x, out + n, &n) == 1);
	CHECK(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + length) == 1);
	EVP_CIPHER_CTX_free(x);
}

void fill(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)dice(256);
}

void among_others(struct aead *a, aead_work *work, struct aead_job *job)
{
	enum { JOBS = 8, ROOM = 9000 + AEAD_TAG };
	static uint8_t others[JOBS][ROOM];
	struct aead_job jobs[JOBS];
	size_t ours = dice(JOBS);

	for (size_t i = 0; i < JOBS; i++) {
		jobs[i] = *job;
		if (i != ours)
			jobs[i].data = others[i];
	}
	work(a, jobs, JOBS);
	*job = jobs[ours];
}

/* RFC 8439 section 2.4.2: its nonce begins with zeros, so it is one of ours. */
TEST(the_cipher_agrees_with_rfc_8439)
{
	static const char text[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
		"the future, sunscreen would be it.";
	static const char want[] =
		"6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
		"f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
		"07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
		"5af90bbf74a35be6b40b8eedf2785e42874d";
	enum { LENGTH = sizeof(text) - 1 };
	uint8_t key[AEAD_KEY];

	for (int i = 0; i < AEAD_KEY; i++)
		key[i] = (uint8_t)i;
	FOR_EACH_KIND(a)
	{
		uint8_t data[LENGTH + AEAD_TAG];
		char hex[2 * LENGTH + 1];
		struct aead_job job = {
			.key = key, .counter = 0x4a000000, .data = data, .length = LENGTH};

		memcpy(data, text, LENGTH);
		among_others(a, aead_seal, &job);
		hex_format(hex, data, LENGTH);
		CHECK_TEXT(hex, want);
		among_others(a, aead_open, &job);
		CHECK(job.authentic && !memcmp(data, text, LENGTH));
	}
}

TEST(every_kind_agrees_with_the_oracle_on_every_length_to_a_jumbo_packet)
{
	static uint8_t plain[9000], sealed[9000 + AEAD_TAG], data[9000 + AEAD_TAG];
	uint8_t key[AEAD_KEY];

	fill(plain, sizeof(plain));
	fill(key, sizeof(key));
	FOR_EACH_KIND(a)
	{
		for (size_t n = 0; n <= sizeof(plain); n += n < 1100 ? 1 : 1 + dice(200)) {
			uint64_t counter = n % 3 ? dice(UINT64_MAX) : n;
			struct aead_job job = {key, counter, data, (uint32_t)n, false};

			oracle_seal(sealed, key, counter, plain, n);
			memcpy(data, plain, n);
			aead_seal(a, &job, 1);
			CHECK(!memcmp(data, sealed, n + AEAD_TAG));
			among_others(a, aead_open, &job);
			CHECK(job.authentic && !memcmp(data, plain, n));
			among_others(a, aead_seal, &job);
			CHECK(!memcmp(data, sealed, n + AEAD_TAG));
			aead_open(a, &job, 1);
			CHECK(job.authentic && !memcmp(data, plain, n));
		}
	}
}

enum { JOBS = 150, ROOM = 2048 };

struct batch {
	uint8_t key[JOBS][AEAD_KEY], plain[JOBS][ROOM], sealed[JOBS][ROOM], data[JOBS][ROOM];
	struct aead_job jobs[JOBS];
	size_t n;
};

static void batch_fill(struct batch *b)
{
	size_t same = dice(2) ? dice(1500) : 0;

	b->n = 1 + dice(JOBS);
	for (size_t i = 0; i < b->n; i++) {
		size_t length = same && dice(8) ? same : dice(ROOM - AEAD_TAG + 1);

		fill(b->key[i], AEAD_KEY);
		if (i && dice(3))
			memcpy(b->key[i], b->key[i - 1], AEAD_KEY);
		fill(b->plain[i], length);
		b->jobs[i] = (struct aead_job){
			b->key[i], dice(UINT64_MAX), b->data[i], (uint32_t)length, false};
		memcpy(b->data[i], b->plain[i], length);
		oracle_seal(b->sealed[i], b->key[i], b->jobs[i].counter, b->plain[i], length);
	}
}

TEST(a_batch_of_mixed_sizes_and_keys_is_sealed_as_each_packet_alone)
{
	struct batch *b = malloc(sizeof(*b));

	FOR_EACH_KIND(a)
	{
		for (int round = 0; round < 40; round++) {
			batch_fill(b);
			aead_seal(a, b->jobs, b->n);
			for (size_t i = 0; i < b->n; i++)
				CHECK(!memcmp(
					b->data[i], b->sealed[i], b->jobs[i].length + AEAD_TAG));
			aead_open(a, b->jobs, b->n);
			for (size_t i = 0; i < b->n; i++)
				CHECK(b->jobs[i].authentic &&
					!memcmp(b->data[i], b->plain[i], b->jobs[i].length));
		}
	}
	free(b);
}

TEST(one_bit_changed_anywhere_is_noticed_in_that_packet_alone)
{
	struct batch *b = malloc(sizeof(*b));

	FOR_EACH_KIND(a)
	{
		for (int round = 0; round < 60; round++) {
			size_t bad, bit;

			batch_fill(b);
			bad = dice(b->n);
			aead_seal(a, b->jobs, b->n);
			bit = dice(8 * (b->jobs[bad].length + AEAD_TAG));
			b->data[bad][bit / 8] ^= (uint8_t)(1 << bit % 8);
			aead_open(a, b->jobs, b->n);
			for (size_t i = 0; i < b->n; i++)
				CHECK(b->jobs[i].authentic == (i != bad));
		}
	}
	free(b);
}

TEST(nothing_is_written_outside_the_packet_and_its_tag)
{
	FOR_EACH_KIND(a)
	{
		for (size_t n = 0; n < 700; n++) {
			uint8_t key[AEAD_KEY] = {7}, data[16 + 700 + AEAD_TAG + 16];
			struct aead_job job = {key, n, data + 16, (uint32_t)n, false};

			memset(data, 0xa5, sizeof(data));
			aead_seal(a, &job, 1);
			among_others(a, aead_open, &job);
			among_others(a, aead_seal, &job);
			aead_open(a, &job, 1);
			CHECK(job.authentic);
			for (size_t i = 0; i < 16; i++)
				CHECK(data[i] == 0xa5 && data[16 + n + AEAD_TAG + i] == 0xa5);
		}
	}
}

TEST(a_kind_that_does_not_exist_is_refused)
{
	CHECK(!aead_new("rot13"));
	CHECK(!aead_new("open"));
	CHECK(aead_kind_best());
	CHECK_TEXT(aead_kind(0), aead_kind_best());
}
