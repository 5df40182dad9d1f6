#include "tunnel/burst.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "tunnel/config.h"
#include "tunnel/probe.h"
#include "tunnel/wire.h"

enum { OVERHEAD = sizeof(struct wire_data) + WIRE_TAG };

int burst_init(
	struct burst *b, const struct udp *udp, struct aead *aead, struct burst_losses *losses)
{
	void *memory =
		mmap(NULL, BURST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(b, 0, sizeof(*b));
	b->udp = udp;
	b->memory = memory == MAP_FAILED ? NULL : memory;
	b->sender = udp_sender_new(NULL);
	b->aead = aead;
	b->losses = losses;
	if (b->memory && b->sender)
		return 0;
	burst_done(b);
	return -ENOMEM;
}

void burst_done(struct burst *b)
{
	if (b->memory)
		munmap(b->memory, BURST_BYTES);
	udp_sender_free(b->sender);
	b->memory = NULL;
	b->sender = NULL;
}

void burst_to(struct burst *b, struct session *s, const struct endpoint *to)
{
	b->session = s;
	b->to = *to;
	b->run_open = false;
}

/* Whitepaper 5.4.6: zeros to a multiple of 16; but not above the MTU. */
static uint32_t padded(uint32_t length, uint32_t mtu)
{
	uint32_t up = (length + WIRE_PADDING - 1) & ~(uint32_t)(WIRE_PADDING - 1);

	if (length > mtu)
		return length;
	return up < mtu ? up : mtu;
}

/* The run that a datagram of this size goes to: the last, or a new one; NULL: no room. */
static struct udp_run *run_for(struct burst *b, uint32_t size, uint8_t ecn)
{
	struct udp_run *r = b->run_open ? &b->runs[b->run_count - 1] : NULL;

	if (r && size <= r->size && ecn == r->ecn && r->length + size <= UDP_RUN_BYTES &&
		r->length < (uint32_t)r->size * UDP_RUN_DATAGRAMS)
		return r;
	if (b->run_count == UDP_RUNS)
		return NULL;
	r = &b->runs[b->run_count];
	b->sessions[b->run_count] = b->session;
	*r = (struct udp_run){
		.to = b->to, .at = b->memory + b->used, .size = (uint16_t)size, .ecn = ecn};
	b->run_count++;
	return r;
}

uint8_t *burst_add(struct burst *b, uint64_t counter, uint32_t length, uint32_t mtu, uint8_t ecn)
{
	uint32_t full = padded(length, mtu), size = OVERHEAD + full;
	struct wire_data *d = (void *)(b->memory + b->used);
	struct udp_run *r;

	if (b->packets == BURST_PACKETS || b->used + size > BURST_BYTES ||
		!(r = run_for(b, size, ecn)))
		return NULL;
	d->type = le32_put(WIRE_DATA);
	d->receiver = le32_put(b->session->remote);
	d->counter = le64_put(counter);
	memset(d->sealed + length, 0, full - length);
	b->jobs[b->packets] = (struct aead_job){
		.key = b->session->send_key, .counter = counter, .data = d->sealed, .length = full};
	b->lengths[b->packets] = (uint16_t)length;
	b->packets++;
	b->used += size;
	r->length += size;
	b->run_open = size == r->size;
	return d->sealed;
}

static void tell_probes(const struct burst *b)
{
	for (uint32_t i = 0; i < b->packets; i++) {
		const struct aead_job *j = &b->jobs[i];
		const struct wire_data *d = (const void *)(j->data - sizeof(*d));

		probe_seal(j->data, b->lengths[i], le32_get(d->receiver), j->counter,
			OVERHEAD + j->length);
	}
}

/* A line for the first packet lost, not for each: silent until a minute went without. */
static void loss_say(struct burst *b, const struct peer *p, enum drop why, int64_t now)
{
	int64_t last = atomic_exchange_explicit(&b->losses->at[why], now, memory_order_relaxed);
	char key[CONFIG_KEY_TEXT];

	if (last && now - last <= BURST_SAY_AGAIN)
		return;
	config_key_text(key, p->key);
	log_warning("peer %s: packets are lost: %s", key, drop_text(why));
}

static uint64_t settle(struct burst *b, const struct udp_run *r, struct peer *p, int64_t now)
{
	uint64_t sent = r->length;

	if (r->forget)
		endpoint_forget_source(&p->endpoint);
	if (!r->lost)
		return sent;
	peer_drop(p, r->why, r->lost);
	loss_say(b, p, r->why, now);
	/* Which of them were lost is not known; only the last can be shorter than the others. */
	return r->lost >= udp_run_count(r) ? 0 : sent - (uint64_t)r->lost * r->size;
}

/* Once for each session in a row: its bytes, its timers. */
static void record(struct burst *b, int64_t now)
{
	for (uint32_t i = 0, end; i < b->run_count; i = end) {
		struct session *s = b->sessions[i];
		uint64_t bytes = 0;

		for (end = i; end < b->run_count && b->sessions[end] == s; end++)
			bytes += settle(b, &b->runs[end], s->peer, now);
		if (bytes)
			peer_sent(s, now, bytes, true);
	}
}

void burst_send(struct burst *b, int64_t now)
{
	if (!b->packets)
		return;
	if (PROBE_SEAL_IS_ON)
		tell_probes(b);
	aead_seal(b->aead, b->jobs, b->packets);
	udp_send(b->sender, b->udp, b->runs, b->run_count);
	record(b, now);
	b->used = b->packets = b->run_count = 0;
	b->run_open = false;
}
