#include "tunnel/checksum.h"

#include <string.h>

#if defined(__x86_64__) && !defined(__clang__) /* clang 14 names the clones apart */
#define CHECKSUM_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CHECKSUM_CLONES
#endif

/* Four 64-bit words at once; the compiler makes what the processor has of it. */
typedef uint64_t lanes __attribute__((vector_size(32)));

/* The halves of each word into 64-bit sums, which cannot overflow within a
 * packet.  Copied and added in one pass: the copy then costs next to nothing. */
#define CHECKSUM_LOOP(copy)                                                                        \
	for (; n >= 64; n -= 64, in += 64) {                                                       \
		lanes a, b;                                                                        \
                                                                                                   \
		memcpy(&a, in, 32);                                                                \
		memcpy(&b, in + 32, 32);                                                           \
		copy;                                                                              \
		low += (a & 0xffffffff) + (b & 0xffffffff);                                        \
		high += (a >> 32) + (b >> 32);                                                     \
	}                                                                                          \
	low += high;                                                                               \
	sum += low[0] + low[1] + low[2] + low[3]

static uint64_t add_tail(uint64_t sum, const uint8_t *in, size_t n)
{
	for (; n >= 4; n -= 4, in += 4) {
		uint32_t w;

		memcpy(&w, in, sizeof(w));
		sum += w;
	}
	if (n) {
		uint32_t w = 0;

		memcpy(&w, in, n);
		sum += w;
	}
	return sum;
}

CHECKSUM_CLONES
uint64_t checksum_add(uint64_t sum, const void *from, size_t n)
{
	const uint8_t *in = from;
	lanes low = {0}, high = {0};

	CHECKSUM_LOOP((void)0);
	return add_tail(sum, in, n);
}

CHECKSUM_CLONES
uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t n)
{
	const uint8_t *in = from;
	uint8_t *out = to;
	lanes low = {0}, high = {0};

	CHECKSUM_LOOP((memcpy(out, &a, 32), memcpy(out + 32, &b, 32), out += 64));
	memcpy(out, in, n);
	return add_tail(sum, in, n);
}
