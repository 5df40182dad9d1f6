#include "base/bytes.h"
#include "test.h"

TEST(integers_lie_on_the_wire_in_their_named_order)
{
	CHECK(be16_put(0x0102).b[0] == 1);
	CHECK(le32_put(0x01020304).b[0] == 4);
	CHECK(be32_get((be32){{1, 2, 3, 4}}) == 0x01020304);
	CHECK(le64_get(le64_put(0x0102030405060708)) == 0x0102030405060708);
}

TEST(a_key_in_base64_comes_back_and_anything_else_is_refused)
{
	uint8_t key[32], back[32] = {0};
	char text[45];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)dice(256);
	base64_format(text, key, sizeof(key));
	CHECK(strlen(text) == 44);
	CHECK(base64_parse(back, 32, text));
	CHECK(memcmp(key, back, 32) == 0);

	text[43] = 'A'; /* the padding is gone */
	CHECK(!base64_parse(back, 32, text));
	CHECK(!base64_parse(back, 32, ""));
	CHECK(!base64_parse(back, 32, "AAAA"));
	CHECK(memcmp(key, back, 32) == 0); /* untouched on failure */
}

TEST(hex_is_exact_in_length_and_alphabet)
{
	uint8_t out[2] = {7, 7};

	CHECK(hex_parse(out, 2, "0aFf") && out[0] == 0x0a && out[1] == 0xff);
	CHECK(!hex_parse(out, 2, "0aF"));
	CHECK(!hex_parse(out, 2, "0aFf0"));
	CHECK(!hex_parse(out, 2, "0axf"));
}
