/* Handshake datagrams of every kind, to both ends of a handshake.
 *
 * The first byte says what is done with the rest:
 *	bit 0     sent to the initiator, else to the responder
 *	bit 1     under load
 *	bit 2     signed with a valid mac1 first, so that what lies behind is reached
 *	bit 3     XORed with the message that the other end really sent, so that zeros are valid
 *	bit 4     some time passes before
 *	bits 5-7  from one of several addresses
 *
 * Keys, chance and time are fixed, so a finding can be repeated.
 */
#include <stdlib.h>
#include <string.h>

#include "tunnel/device.h"
#include "tunnel/handshake.h"

enum { ENDS = 2, MOST = 256 };

struct end {
	struct device device;
	uint64_t chance;
	uint8_t last[MOST]; /* what it sent */
	size_t length;
};

static struct end ends[ENDS];

static int keep(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	struct end *e = arg;

	memcpy(e->last, message, length);
	e->length = length;
	return 0;
}

static void ready(void *arg, struct peer *p, bool keepalive)
{
	if (!peer_session(p, 1000 * SECOND) && !atomic_load(&p->current))
		abort();
}

static void nothing_for(void *arg, struct peer *p)
{
}

static void nothing(void *arg)
{
}

static void chance(void *arg, void *out, size_t n)
{
	struct end *e = arg;

	for (size_t i = 0; i < n; i++) {
		e->chance = e->chance * 6364136223846793005 + 1442695040888963407;
		((uint8_t *)out)[i] = (uint8_t)(e->chance >> 56);
	}
}

static const struct device_calls calls = {
	.send = keep,
	.ready = ready,
	.purge = nothing_for,
	.release = nothing_for,
	.wake = nothing,
	.random = chance,
};

static struct peer *other_of(int i)
{
	return device_find(&ends[i].device, ends[!i].device.identity.public_key);
}

static struct endpoint address(unsigned n)
{
	struct endpoint e = {0};

	e.remote.v4.sin_family = AF_INET;
	e.remote.v4.sin_port = (in_port_t)(1 + n / 2);
	e.remote.v4.sin_addr.s_addr = 1 + n % 2;
	return e;
}

static void begin(const struct moment *m)
{
	struct endpoint e = address(0);
	struct peer *p;

	memset(ends, 0, sizeof(ends));
	for (int i = 0; i < ENDS; i++) {
		uint8_t key[WIRE_KEY] = {0, (uint8_t)(i + 1)};

		ends[i].chance = (uint64_t)i;
		if (device_init(&ends[i].device, &calls, &ends[i]) ||
			device_set_private_key(&ends[i].device, key, m))
			abort();
		device_up(&ends[i].device, m);
	}
	for (int i = 0; i < ENDS; i++) {
		if (device_add(&ends[i].device, ends[!i].device.identity.public_key, &p))
			abort();
		device_set_endpoint(&ends[i].device, p, &e.remote);
	}
	handshake_begin(&ends[0].device, other_of(0), m, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	struct moment m = {1000 * SECOND, 1000 * SECOND};

	begin(&m);
	while (size > 2) { /* control, length, datagram */
		uint8_t how = in[0], *bytes;
		size_t n = in[1] < size - 2 ? in[1] : size - 2;
		struct end *to = &ends[how & 1 ? 0 : 1], *other = &ends[how & 1 ? 1 : 0];
		struct endpoint from = address(how >> 5);

		bytes = malloc(n); /* exactly, so that reading beyond is noticed */
		memcpy(bytes, in + 2, n);
		if (how & 8)
			for (size_t i = 0; i < n && i < other->length; i++)
				bytes[i] ^= other->last[i];
		if (how & 4 && n >= sizeof(struct wire_macs) + 4)
			cookie_sign(bytes, n, to->device.identity.public_key, NULL);
		if (how & 16) {
			m.now += 3 * SECOND;
			m.wall += 3 * SECOND;
		}
		struct arrival_handshake a = {bytes, n, &from};

		device_receive(&to->device, &m, &a, 1, how & 2 ? DEVICE_LOAD : 0);
		for (int i = 0; i < ENDS; i++)
			device_step(&ends[i].device, &m);
		free(bytes);
		in += 2 + n;
		size -= 2 + n;
	}
	for (int i = 0; i < ENDS; i++)
		device_done(&ends[i].device);
	return 0;
}
