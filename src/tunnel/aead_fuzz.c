/* Every kind of AEAD against the first, on the same packets: they must agree on
 * every byte, both ways, and on which packets are authentic.
 *
 * Input: 1 byte of flags, 32 of key, 8 of counter; then packets, each a 16-bit
 * length and the bytes (the rest, where it is shorter).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tunnel/aead.h"

enum { PACKETS = 40, ROOM = 4096 };

static uint8_t plain[PACKETS][ROOM], first[PACKETS][ROOM], data[PACKETS][ROOM];
static uint8_t keys[2][AEAD_KEY];
static struct aead_job jobs[PACKETS];

static size_t unpack(const uint8_t *in, size_t size, uint64_t counter, uint8_t flags)
{
	size_t n = 0;

	while (size > 2 && n < PACKETS) {
		size_t length = (size_t)(in[0] | in[1] << 8) % (ROOM - AEAD_TAG);
		size_t have = length < size - 2 ? length : size - 2;

		memset(plain[n], 0, ROOM);
		memcpy(plain[n], in + 2, have);
		jobs[n] = (struct aead_job){
			keys[flags & 1 ? n & 1 : 0], counter + n, data[n], (uint32_t)length, false};
		in += 2 + have;
		size -= 2 + have;
		n++;
	}
	return n;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	static struct aead *kinds[16];
	uint64_t counter;
	size_t n;

	if (size < 41)
		return 0;
	for (unsigned k = 0; aead_kind(k) && !kinds[k]; k++)
		kinds[k] = aead_new(aead_kind(k));
	memcpy(keys[0], in + 1, AEAD_KEY);
	for (int i = 0; i < AEAD_KEY; i++)
		keys[1][i] = (uint8_t)~in[1 + i];
	memcpy(&counter, in + 33, sizeof(counter));
	n = unpack(in + 41, size - 41, counter, in[0]);

	for (unsigned k = 0; kinds[k]; k++) {
		memcpy(data, plain, sizeof(data[0]) * n);
		aead_seal(kinds[k], jobs, n);
		if (k == 0)
			memcpy(first, data, sizeof(data[0]) * n);
		check(!memcmp(first, data, sizeof(data[0]) * n));
		if (n && in[0] & 2)
			data[counter % n][counter % (jobs[counter % n].length + AEAD_TAG)] ^= 1;
		aead_open(kinds[k], jobs, n);
		for (size_t i = 0; i < n; i++) {
			bool forged = in[0] & 2 && i == counter % n;

			check(jobs[i].authentic == !forged);
			check(forged || !memcmp(data[i], plain[i], jobs[i].length));
		}
	}
	return 0;
}
