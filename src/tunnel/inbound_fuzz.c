/* What anybody may send to the port, and what a hostile peer may seal.
 *
 * Input: a byte of flags, then bundles: a 16-bit length, a 16-bit size, a byte of
 * kind, the bytes.  Kind bit 0: the bytes are packets, which are sealed here under
 * the session's key, and so reach the stations behind the tag.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/inbound.h"

enum { BUNDLES = 64 };

static struct device device;
static struct inbound inbound;
static struct inbound_part part;
static struct ring handshakes;
static struct tun tun;
static struct session *session;
static struct aead *aead;
static uint8_t memory[UDP_BUNDLE_BYTES + 64];

static int send_nothing(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	return 0;
}

static void nothing(void *arg)
{
}

static const struct device_calls calls = {.send = send_nothing, .wake = nothing};

static void begin(void)
{
	static const char *const allowed[] = {"10.0.0.0/8", "fd00::/8"};
	uint8_t key[WIRE_KEY] = {9};
	struct prefix prefix;
	struct peer *peer;

	if (device_init(&device, &calls, NULL) || device_add(&device, key, &peer))
		abort();
	for (int i = 0; i < 2; i++)
		if (!prefix_parse(&prefix, allowed[i], true) ||
			device_allow(&device, peer, &prefix, NULL))
			abort();
	tun.queue[0] = open("/dev/null", O_RDWR);
	tun.queues = 1;
	tun.joins = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP;
	session = session_new();
	session->index = (struct index_entry){0x01010101, INDEX_SESSION};
	session->peer = peer;
	session->born = clock_now();
	aead = part.aead = aead_new(NULL);
	if (index_add(&device.index, &session->index, &device.quiet) || ring_init(&handshakes) ||
		inbound_init(&inbound, &device, &tun, &handshakes, &part, 1))
		abort();
	peer_install(peer, session);
}

/* Turn what lies behind each header into a sealed packet of the session. */
static void seal(uint8_t *at, uint32_t length, uint32_t size)
{
	static uint64_t counter;

	for (; length > WIRE_DATA_LEAST; at += size) {
		uint32_t n = length < size ? length : size;
		struct wire_data *d = (void *)at;
		struct aead_job j = {.key = session->receive_key,
			.counter = counter,
			.data = d->sealed,
			.length = n - WIRE_DATA_LEAST};

		if (n <= WIRE_DATA_LEAST)
			return;
		d->type = le32_put(WIRE_DATA);
		d->receiver = le32_put(session->index.number);
		d->counter = le64_put(counter++);
		aead_seal(aead, &j, 1);
		length -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	static struct udp_bundle bundles[BUNDLES];
	struct worker_handshake h;
	size_t waiting;
	uint32_t used = 0, n = 0;

	if (!aead)
		begin();
	inbound.now = session->born = clock_now();
	quiet_enter(&device.quiet, 1);
	while (size > 5 && n < BUNDLES) {
		struct udp_bundle *b = &bundles[n++];
		bool sealed = in[4] & 1;

		*b = (struct udp_bundle){
			.size = (uint32_t)(in[2] | in[3] << 8), .ecn = in[4] >> 1 & 3};
		b->length = (uint32_t)(in[0] | in[1] << 8);
		b->cut_off = in[4] & 8;
		b->length = b->length < size - 5 ? b->length : (uint32_t)(size - 5);
		if (used + b->length > UDP_BUNDLE_BYTES)
			break;
		b->at = memory + used;
		memcpy(b->at, in + 5, b->length);
		if (sealed && b->size)
			seal(b->at, b->length, b->size);
		b->from.remote.v4.sin_family = AF_INET;
		inbound_bundle(&inbound, b);
		used += b->length;
		in += 5 + b->length;
		size -= 5 + b->length;
	}
	inbound_write(&inbound);
	quiet_leave(&device.quiet, 1);
	while (ring_take(&handshakes, &h, &waiting))
		continue;
	return 0;
}
