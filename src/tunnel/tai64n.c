#include "tunnel/tai64n.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

/* 2^62 for the epoch, and the 10 seconds that TAI was ahead of UTC in 1970. */
#define TAI64_EPOCH UINT64_C(0x400000000000000a)

enum { ROUNDING = 1 << 24 };

void tai64n_encode(uint8_t out[WIRE_STAMP], int64_t wall)
{
	int64_t seconds = wall / SECOND, rest = wall % SECOND;

	if (rest < 0) { /* a clock set before 1970 */
		seconds--;
		rest += SECOND;
	}

	be64 high = be64_put(TAI64_EPOCH + (uint64_t)seconds);
	be32 low = be32_put((uint32_t)rest & ~(uint32_t)(ROUNDING - 1));

	memcpy(out, high.b, sizeof(high));
	memcpy(out + sizeof(high), low.b, sizeof(low));
}

bool tai64n_newer(const uint8_t a[WIRE_STAMP], const uint8_t b[WIRE_STAMP])
{
	return memcmp(a, b, WIRE_STAMP) > 0;
}
