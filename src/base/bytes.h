/* bytes.h - integers as they lie on a wire, and bytes as text
 *
 * Wire structs are made of these byte-array integers: alignment 1, no casts,
 * and an order that cannot be mixed up without a compile error.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
	uint8_t b[2];
} be16;
typedef struct {
	uint8_t b[4];
} be32;
typedef struct {
	uint8_t b[8];
} be64;
typedef struct {
	uint8_t b[4];
} le32;
typedef struct {
	uint8_t b[8];
} le64;

#define BYTES_CODEC(type, native, swap)                                                            \
	static inline native type##_get(type x)                                                    \
	{                                                                                          \
		native v;                                                                          \
		memcpy(&v, x.b, sizeof(v));                                                        \
		return swap(v);                                                                    \
	}                                                                                          \
	static inline type type##_put(native v)                                                    \
	{                                                                                          \
		type x;                                                                            \
		v = swap(v);                                                                       \
		memcpy(x.b, &v, sizeof(v));                                                        \
		return x;                                                                          \
	}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_KEEP(v) (v)
#define BYTES_BE16(v) __builtin_bswap16(v)
#define BYTES_BE32(v) __builtin_bswap32(v)
#define BYTES_BE64(v) __builtin_bswap64(v)
BYTES_CODEC(be16, uint16_t, BYTES_BE16)
BYTES_CODEC(be32, uint32_t, BYTES_BE32)
BYTES_CODEC(be64, uint64_t, BYTES_BE64)
BYTES_CODEC(le32, uint32_t, BYTES_KEEP)
BYTES_CODEC(le64, uint64_t, BYTES_KEEP)
#else
#error "Warren has been built and tested on little-endian machines only"
#endif

/* hex_format - out must hold 2 * n + 1 bytes */
void hex_format(char *out, const uint8_t *in, size_t n);

/* hex_parse - exactly 2 * n digits and nothing else; out is untouched on failure */
bool hex_parse(uint8_t *out, size_t n, const char *text);

/* base64_format - RFC 4648 with padding; out must hold 4 * ((n + 2) / 3) + 1 bytes */
void base64_format(char *out, const uint8_t *in, size_t n);

/* base64_parse - a canonical encoding of exactly n bytes and nothing else
 *
 * Decodes without branches on the value, since keys are read with it.
 * out is untouched on failure.  n at most 64.
 */
bool base64_parse(uint8_t *out, size_t n, const char *text);
