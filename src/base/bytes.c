#include "base/bytes.h"

#include <sodium.h>

void hex_format(char *out, const uint8_t *in, size_t n)
{
	sodium_bin2hex(out, 2 * n + 1, in, n);
}

bool hex_parse(uint8_t *out, size_t n, const char *text)
{
	uint8_t bytes[64];
	size_t used;

	if (n > sizeof(bytes) || strlen(text) != 2 * n)
		return false;
	if (sodium_hex2bin(bytes, sizeof(bytes), text, 2 * n, NULL, &used, NULL) || used != n)
		return false;
	memcpy(out, bytes, n);
	sodium_memzero(bytes, sizeof(bytes));
	return true;
}

void base64_format(char *out, const uint8_t *in, size_t n)
{
	sodium_bin2base64(out, sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL), in, n,
		sodium_base64_VARIANT_ORIGINAL);
}

bool base64_parse(uint8_t *out, size_t n, const char *text)
{
	uint8_t bytes[64];
	size_t used, length = strlen(text);

	if (n > sizeof(bytes) || length != 4 * ((n + 2) / 3))
		return false;
	if (sodium_base642bin(bytes, sizeof(bytes), text, length, NULL, &used, NULL,
		    sodium_base64_VARIANT_ORIGINAL) ||
		used != n)
		return false;
	memcpy(out, bytes, n);
	sodium_memzero(bytes, sizeof(bytes));
	return true;
}
