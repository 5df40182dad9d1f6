#include "tunnel/outbound.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

enum {
	READ_BYTES = OUTBOUND_ENOUGH + (65 << 10),
	MEMORY_BYTES = READ_BYTES + (64 << 10),
	ALIGNED = 64, /* frames begin at cache lines, and have so much in front of them */
};

int outbound_shared_init(
	struct outbound_shared *s, struct device *device, struct tun *tun, uint32_t mtu)
{
	memset(s, 0, sizeof(*s));
	s->device = device;
	s->tun = tun;
	atomic_store(&s->mtu, mtu);
	return staging_init(&s->staging);
}

void outbound_shared_done(struct outbound_shared *s)
{
	staging_done(&s->staging);
}

int outbound_init(struct outbound *o, struct outbound_shared *shared, const struct udp *udp,
	struct aead *aead, unsigned id)
{
	void *memory;
	int err;

	memset(o, 0, sizeof(*o));
	o->shared = shared;
	o->id = id;
	err = burst_init(&o->burst, udp, aead, &shared->losses);
	if (err)
		return err;
	memory = mmap(
		NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		burst_done(&o->burst);
		return -ENOMEM;
	}
	o->memory = memory;
	return 0;
}

void outbound_done(struct outbound *o)
{
	if (o->memory)
		munmap(o->memory, MEMORY_BYTES);
	o->memory = NULL;
	burst_done(&o->burst);
}

/* --- read ---------------------------------------------------------------- */

static int read_frames(struct outbound *o, unsigned queue)
{
	uint32_t used = 0;

	o->bytes = 0;
	for (o->count = 0; o->count < OUTBOUND_FRAMES && used < OUTBOUND_ENOUGH; o->count++) {
		uint8_t *frame = o->memory + used + ALIGNED;
		ssize_t n = tun_read(o->shared->tun, queue, frame - sizeof(struct virtio_net_hdr));

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		o->at[o->count] = used + ALIGNED;
		o->lengths[o->count] = (uint32_t)n;
		o->bytes += (uint32_t)n;
		used += ALIGNED + (((uint32_t)n + ALIGNED - 1) & ~(uint32_t)(ALIGNED - 1));
	}
	return 1;
}

/* --- route --------------------------------------------------------------- */

static void answer_unreachable(struct outbound *o, const struct packet *p)
{
	uint8_t answer[UNREACHABLE_MOST];
	uint32_t length = unreachable_make(answer, p);
	struct join_write w = {.count = 2};

	if (!length || !unreachable_may(&o->shared->unreachable, o->now))
		return;
	w.pieces[0] = (struct iovec){&w.vnet, sizeof(w.vnet)};
	w.pieces[1] = (struct iovec){answer, length};
	tun_write(o->shared->tun, &w);
}

static struct peer *peer_of(const struct outbound *o, const struct packet *p)
{
	const struct routes *r = &o->shared->device->routes;

	return p->version == 4 ? routes_find4(r, packet_destination(p))
			       : routes_find6(r, packet_destination(p));
}

static void find_peers(struct outbound *o)
{
	struct drops *drops = &o->shared->device->drops;

	for (uint32_t i = 0; i < o->count; i++) {
		struct outbound_frame *f = &o->frames[i];
		uint8_t *frame = o->memory + o->at[i];
		const struct virtio_net_hdr *vnet = (const void *)(frame - sizeof(*vnet));
		enum drop why = cut_begin(&f->cut, vnet, frame, o->lengths[i]);

		f->peer = NULL;
		if (why != DROP_NONE) {
			drop_count(drops, why, 1);
			continue;
		}
		f->peer = peer_of(o, &f->cut.packet);
		if (!f->peer) {
			drop_count(drops, DROP_NO_PEER, cut_count(&f->cut));
			answer_unreachable(o, &f->cut.packet);
		} else if (cut_length(&f->cut) > BURST_PACKET_MOST) {
			peer_drop(f->peer, DROP_SEND_TOO_BIG, cut_count(&f->cut));
			f->peer = NULL;
		}
	}
}

/* --- session ------------------------------------------------------------- */

/* Room for one packet behind what was read. */
static uint8_t *scratch(const struct outbound *o)
{
	return o->memory + READ_BYTES;
}

static uint8_t *add(struct outbound *o, uint64_t counter, uint32_t length, uint8_t ecn)
{
	uint32_t mtu = atomic_load_explicit(&o->shared->mtu, memory_order_relaxed);
	struct burst *b = &o->burst;
	uint8_t *at;

	if (b->used >= BURST_ENOUGH)
		burst_send(b, o->now);
	at = burst_add(b, counter, length, mtu, ecn);
	if (!at) {
		burst_send(b, o->now);
		at = burst_add(b, counter, length, mtu, ecn);
	}
	return at;
}

/* What waited for this peer goes before anything newer: it is sent at once, under the lock, as
 * another thread may have newer packets of the same flow.  (It waits for the lock then.) */
static void send_staged(struct outbound *o, struct peer *p)
{
	struct staging *staging = &o->shared->staging;
	struct session *s = peer_session(p, o->now);
	struct endpoint to;
	uint64_t counter;

	if (!s || !peer_endpoint(p, &to))
		return;
	burst_to(&o->burst, s, &to);
	while (staging_waits(p) && session_claim(s, 1, &counter)) {
		uint32_t length = staging_next(staging, p, scratch(o));
		struct packet packet;
		bool ip = packet_parse(&packet, scratch(o), length);

		memcpy(add(o, counter, length, ip ? packet_ecn(&packet) : 0), scratch(o), length);
	}
	burst_send(&o->burst, o->now);
	staging_sent(staging, p);
}

static void send_pending(struct outbound *o, struct peer *p)
{
	staging_lock(&o->shared->staging);
	send_staged(o, p);
	staging_unlock(&o->shared->staging);
}

static void stage(struct outbound *o, struct peer *p, struct cut *c)
{
	uint32_t lost = 0;

	while (cut_count(c)) {
		uint32_t length = cut_next(c, scratch(o));

		lost += staging_put(&o->shared->staging, p, scratch(o), length);
	}
	if (lost)
		peer_drop(p, DROP_STAGING_FULL, lost);
}

/* The frames of p, from the first of them on, which is `first`. */
#define FOR_EACH_FRAME_OF(o, p, f, first)                                                          \
	for (struct outbound_frame *f = (first); f < (o)->frames + (o)->count; f++)                \
		if (f->peer == (p))

static void stage_all(struct outbound *o, struct peer *p, struct outbound_frame *first)
{
	FOR_EACH_FRAME_OF(o, p, f, first)
	stage(o, p, &f->cut);
	peer_want_session(p, o->now);
	/* Did control publish a session before it could see that something waits? */
	if (peer_session(p, o->now))
		send_pending(o, p);
}

static void drop_all(
	struct outbound *o, struct peer *p, struct outbound_frame *first, enum drop why)
{
	FOR_EACH_FRAME_OF(o, p, f, first)
	peer_drop(p, why, cut_count(&f->cut));
}

/* --- cut, seal, send ----------------------------------------------------- */

static void cut_all(
	struct outbound *o, struct peer *p, struct outbound_frame *first, uint64_t counter)
{
	FOR_EACH_FRAME_OF(o, p, f, first)
	{
		uint8_t ecn = packet_ecn(&f->cut.packet);

		while (cut_count(&f->cut))
			cut_next(&f->cut, add(o, counter++, cut_length(&f->cut), ecn));
	}
}

static void send_peer(struct outbound *o, struct peer *p, struct outbound_frame *first)
{
	struct session *s = peer_session(p, o->now);
	struct endpoint to;
	uint64_t counter, n = 0;

	if (!peer_endpoint(p, &to)) {
		answer_unreachable(o, &first->cut.packet);
		drop_all(o, p, first, DROP_NO_ENDPOINT);
		return;
	}
	if (!s) {
		stage_all(o, p, first);
		return;
	}
	if (staging_pending(p))
		send_pending(o, p);
	FOR_EACH_FRAME_OF(o, p, f, first)
	n += cut_count(&f->cut);
	if (!session_claim(s, n, &counter)) {
		drop_all(o, p, first, DROP_SESSION_SPENT);
		peer_want_session(p, o->now);
		return;
	}
	burst_to(&o->burst, s, &to);
	cut_all(o, p, first, counter);
}

/* Each thread finds it out by itself; the first one says it. */
static void sender_look(const struct outbound *o)
{
	_Atomic bool *said = &o->shared->one_by_one;

	if (udp_sends_runs(o->burst.sender) || atomic_load_explicit(said, memory_order_relaxed) ||
		atomic_exchange(said, true))
		return;
	log_warning("the kernel refuses runs of datagrams (UDP_SEGMENT): from now on one by one");
}

int outbound_burst(struct outbound *o, unsigned queue, int64_t now)
{
	int more;

	o->now = now;
	more = read_frames(o, queue);
	if (!o->count)
		return more;
	quiet_enter(&o->shared->device->quiet, o->id);
	find_peers(o);
	for (uint32_t i = 0; i < o->count; i++) {
		struct outbound_frame *f = &o->frames[i];
		struct peer *p = f->peer;

		if (!p)
			continue;
		send_peer(o, p, f);
		FOR_EACH_FRAME_OF(o, p, done, f)
		done->peer = NULL;
	}
	burst_send(&o->burst, now);
	quiet_leave(&o->shared->device->quiet, o->id);
	sender_look(o);
	return more;
}

void outbound_flush(struct outbound *o, int64_t now)
{
	struct peer *p;

	o->now = now;
	quiet_enter(&o->shared->device->quiet, o->id);
	/* Under the lock to the end: a peer found here may be on its way out, and control waits
	 * for the lock before it lets go of it. */
	staging_lock(&o->shared->staging);
	while ((p = staging_next_ready(&o->shared->staging)))
		send_staged(o, p);
	staging_unlock(&o->shared->staging);
	quiet_leave(&o->shared->device->quiet, o->id);
	sender_look(o);
}
