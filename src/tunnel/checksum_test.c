#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "test.h"

/* RFC 1071 as it is written: 16-bit words, high byte first, carries added at the end. */
static uint16_t plain_sum(const uint8_t *at, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)at[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint16_t as_stored(uint16_t native)
{
	return __builtin_bswap16(native);
}

TEST(the_example_of_rfc_1071_comes_out)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	CHECK(as_stored(checksum_reduce(checksum_add(0, example, sizeof(example)))) == 0xddf2);
	CHECK(as_stored(checksum_fold(checksum_add(0, example, sizeof(example)))) == 0x220d);
}

TEST(it_agrees_with_the_plain_sum_on_every_length_and_alignment)
{
	uint8_t from[2100], to[2100];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(dice(4) ? dice(256) : 0xff);
	for (size_t n = 0; n < 2000; n += n < 300 ? 1 : 1 + dice(60)) {
		size_t a = dice(64), b = dice(64);
		uint16_t want = plain_sum(from + a, n);

		CHECK(as_stored(checksum_reduce(checksum_add(0, from + a, n))) == want);
		memset(to, 0, sizeof(to));
		CHECK(as_stored(checksum_reduce(checksum_copy(0, to + b, from + a, n))) == want);
		CHECK(!memcmp(to + b, from + a, n) && !to[b + n]);
	}
}

TEST(pieces_that_begin_at_even_offsets_add_up)
{
	uint8_t at[1000];

	for (size_t i = 0; i < sizeof(at); i++)
		at[i] = (uint8_t)dice(256);
	for (int round = 0; round < 200; round++) {
		size_t cut = 2 * dice(400), n = cut + dice(200);

		CHECK(checksum_reduce(checksum_add(checksum_add(0, at + cut, n - cut), at, cut)) ==
			checksum_reduce(checksum_add(0, at, n)));
	}
}

TEST(the_largest_packet_full_of_ones_does_not_overflow)
{
	uint8_t *at = malloc(65536);

	memset(at, 0xff, 65536);
	CHECK(checksum_reduce(checksum_add(0xffffffff, at, 65536)) == 0xffff);
	CHECK(checksum_is_right(checksum_add(0, at, 65536)));
	free(at);
}
