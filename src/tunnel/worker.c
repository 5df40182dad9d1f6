#include "tunnel/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tunnel/thread.h"

_Static_assert((int)WORKER_THREADS <= (int)QUIET_WORKERS, "each has a place in device->quiet");
_Static_assert((int)WORKER_THREADS <= (int)TEAM_MEMBERS + 1, "all can be in one team");

/* That we may use: an affinity of one leaves nothing to share. */
static int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

static unsigned thread_count(unsigned wanted)
{
	int most = wanted ? (int)wanted : processors();

	return most < WORKER_THREADS ? (unsigned)most : WORKER_THREADS;
}

/* Two threads have a direction each, unless one has both.  More divide the device's queues. */
unsigned worker_queues(unsigned threads)
{
	unsigned count = thread_count(threads), most = threads ? (count + 1) / 2 : count;

	if (count < 3)
		return 1;
	return most < TUN_QUEUES ? most : TUN_QUEUES;
}

/* The first is the last to start: it may call the others at once.  It can do without them. */
static int start_by_load(struct worker *w, const struct load_rules *rules)
{
	int err = 0;

	w->rules = rules;
	for (unsigned i = w->count - 1; !err && i > 0; i--)
		err = thread_start(&w->threads[i], 0, false);
	if (err)
		log_warning("fewer threads than there are processors: %s", strerror(-err));
	return thread_start(&w->threads[0], (UINT32_C(1) << w->tun.queues) - 1, true);
}

/* The even ones read, the odd ones receive: the first of them leads the others. */
static int start_all(struct worker *w)
{
	uint32_t left = (UINT32_C(1) << w->tun.queues) - 1;
	int err = 0;

	for (unsigned i = 3; i < w->count; i += 2)
		thread_member_add(&w->threads[1], &w->threads[i]);
	for (unsigned i = w->count - 1; !err && i > 0; i--) {
		uint32_t queue = i % 2 ? 0 : left & UINT32_C(1) << i / 2;

		left &= ~queue;
		err = thread_start(&w->threads[i], queue, i == 1);
	}
	return err ? err : thread_start(&w->threads[0], left, w->count == 1);
}

static int start_threads(struct worker *w, const struct worker_options *o)
{
	if (w->count > 1 && (o->rules || !o->threads))
		return start_by_load(w, o->rules ? o->rules : &load_rules);
	return start_all(w);
}

static int take_memory(struct worker *w, const struct worker_options *o)
{
	int err = outbound_shared_init(&w->outbound, w->device, &w->tun, o->mtu);

	err = err ? err : ring_init(&w->handshakes);
	for (unsigned i = 0; !err && i < w->count; i++)
		err = thread_init(w, &w->threads[i], o->aead);
	if (!err && !(w->aead = aead_new(o->aead)))
		err = -ENOMEM;
	return err;
}

int worker_start(struct worker **out, struct device *device, const struct tun *tun,
	const struct udp *udp, const struct worker_options *options, struct error *e)
{
	struct worker *w = aligned_alloc(_Alignof(struct worker), sizeof(*w));
	int err;

	if (!w)
		return error_errno(e, ENOMEM, "the threads that carry packets");
	memset(w, 0, sizeof(*w));
	w->device = device;
	w->tun = *tun;
	w->udp = *udp;
	w->handshakes.event = -1;
	w->count = thread_count(options->threads);
	for (unsigned i = 0; i < w->count; i++)
		w->threads[i].event = -1;
	sem_init(&w->sockets_taken, 0, 0);
	err = take_memory(w, options);
	if (!err)
		err = start_threads(w, options);
	if (err) {
		worker_stop(w);
		return error_errno(e, -err, "the threads that carry packets");
	}
	*out = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	atomic_store(&w->stops, true);
	for (unsigned i = 0; i < w->count; i++) {
		if (w->threads[i].runs)
			thread_ask(&w->threads[i], THREAD_ASK_STOP);
		else
			thread_dismiss_all(&w->threads[i]); /* it could not be started */
	}
	for (unsigned i = 0; i < w->count; i++)
		if (w->threads[i].runs)
			pthread_join(w->threads[i].id, NULL);
	for (unsigned i = 0; i < w->count; i++)
		thread_done(&w->threads[i]);
	outbound_shared_done(&w->outbound);
	ring_done(&w->handshakes);
	aead_free(w->aead);
	sem_destroy(&w->sockets_taken);
	free(w);
}

void worker_sockets(struct worker *w, const struct udp *udp)
{
	w->udp = *udp;
	for (unsigned i = 0; i < w->count; i++)
		if (w->threads[i].runs)
			thread_ask(&w->threads[i], THREAD_ASK_SOCKETS);
	for (unsigned i = 0; i < w->count; i++)
		if (w->threads[i].runs)
			while (sem_wait(&w->sockets_taken) && errno == EINTR)
				continue;
}

void worker_mtu(struct worker *w, uint32_t mtu)
{
	atomic_store_explicit(&w->outbound.mtu, mtu, memory_order_relaxed);
}

unsigned worker_joins(const struct worker *w)
{
	return tun_joins(&w->tun);
}

bool worker_sends_runs(const struct worker *w)
{
	return !atomic_load_explicit(&w->outbound.one_by_one, memory_order_relaxed);
}

int worker_handshake_fd(const struct worker *w)
{
	return w->handshakes.event;
}

bool worker_handshake(struct worker *w, struct worker_handshake *out, size_t *waiting)
{
	return ring_take(&w->handshakes, out, waiting);
}

int worker_send(struct worker *w, const struct endpoint *to, const void *message, size_t length)
{
	return !w ? -ENOTCONN : udp_send_one(&w->udp, to, UDP_TOS_HANDSHAKE, message, length);
}

static void send_keepalive(struct worker *w, struct peer *p)
{
	uint8_t datagram[WIRE_DATA_LEAST];
	struct wire_data *d = (void *)datagram;
	int64_t now = clock_now();
	struct session *s = peer_session(p, now);
	struct aead_job job;
	struct endpoint to;
	uint64_t counter;

	if (!s || !peer_endpoint(p, &to) || !session_claim(s, 1, &counter))
		return;
	d->type = le32_put(WIRE_DATA);
	d->receiver = le32_put(s->remote);
	d->counter = le64_put(counter);
	job = (struct aead_job){.key = s->send_key, .counter = counter, .data = d->sealed};
	aead_seal(w->aead, &job, 1);
	if (!udp_send_one(&w->udp, &to, 0, datagram, sizeof(datagram)))
		peer_sent(s, now, sizeof(datagram), false);
}

void worker_ready(struct worker *w, struct peer *p, bool keepalive)
{
	if (!w)
		return;
	if (staging_ready(&w->outbound.staging, p))
		thread_ask(&w->threads[0], THREAD_ASK_FLUSH);
	else if (keepalive)
		send_keepalive(w, p);
}

void worker_purge(struct worker *w, struct peer *p)
{
	uint32_t lost = w ? staging_drop(&w->outbound.staging, p) : 0;

	if (lost)
		peer_drop(p, DROP_STAGING_GIVEN_UP, lost);
}

void worker_release(struct worker *w, struct peer *p)
{
	if (w)
		staging_drop(&w->outbound.staging, p);
}
