/* The vector form of X25519 against libsodium's: eight scalars and points from the input. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/curve.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	uint8_t scalar[CURVE_LANES][CURVE_KEY] = {0}, point[CURVE_LANES][CURVE_KEY] = {0};
	uint8_t out[CURVE_LANES][CURVE_KEY], want[CURVE_KEY];
	size_t half = size / 2 < sizeof(scalar) ? size / 2 : sizeof(scalar);

	if (!curve_lanes_supported() || sodium_init() < 0)
		return 0;
	memcpy(scalar, in, half);
	memcpy(point, in + half, half);
	curve_lanes(out, scalar, point);
	for (int i = 0; i < CURVE_LANES; i++) {
		memset(want, 0, sizeof(want));
		if (crypto_scalarmult(want, scalar[i], point[i]))
			memset(want, 0, sizeof(want));
		if (memcmp(out[i], want, sizeof(want)))
			abort();
	}
	return 0;
}
