#include "tunnel/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tunnel/inbound.h"
#include "tunnel/load.h"
#include "tunnel/outbound.h"
#include "tunnel/pace.h"
#include "tunnel/staging.h"

enum {
	THREADS = 2,
	ROUNDS = 16,	 /* bursts of one descriptor before we look at the others */
	ROUNDS_BOTH = 2, /* the same where the other direction waits for us */

	/* What control asks of a thread. */
	ASK_STOP = 1 << 0,
	ASK_SOCKETS = 1 << 1, /* take worker->udp */
	ASK_FLUSH = 1 << 2,   /* a peer was declared ready */
	ASK_INBOUND = 1 << 3, /* what comes from the peers is yours from now on */

	/* What woke us: the cookie of a descriptor. */
	WOKE_ASKED = 0,
	WOKE_TUN,
	WOKE_IN4,
	WOKE_IN6,
};

struct thread {
	struct worker *worker;
	pthread_t id;
	bool runs;
	bool outbound, inbound; /* its directions, now; its own to change once it runs */
	int event, epoll;
	struct udp udp; /* its copy of the descriptors */
	_Atomic unsigned asked;
	struct pace pace;
	struct load load;
};

struct worker {
	struct device *device;
	struct tun tun;
	struct udp udp; /* control's copy */
	_Atomic uint32_t mtu;
	struct staging staging;
	struct ring handshakes;
	struct aead *aead; /* control's, for keepalives */
	sem_t sockets_taken;
	bool shares; /* the directions move between the threads */
	struct thread threads[THREADS];
	struct outbound outbound;
	struct inbound inbound;
};

/* --- a thread ------------------------------------------------------------ */

static int watch(struct thread *t, int fd, uint32_t cookie)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = cookie};

	if (fd < 0 || !epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e))
		return 0;
	return -errno;
}

static void unwatch(struct thread *t, int fd)
{
	if (fd >= 0)
		epoll_ctl(t->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int watch_sockets(struct thread *t)
{
	int err = t->inbound ? watch(t, t->udp.in4, WOKE_IN4) : 0;

	return err || !t->inbound ? err : watch(t, t->udp.in6, WOKE_IN6);
}

static void take_sockets(struct thread *t)
{
	unwatch(t, t->inbound ? t->udp.in4 : -1);
	unwatch(t, t->inbound ? t->udp.in6 : -1);
	t->udp = t->worker->udp;
	watch_sockets(t);
	sem_post(&t->worker->sockets_taken);
}

static void ask(struct thread *t, unsigned what)
{
	atomic_fetch_or(&t->asked, what);
	eventfd_write(t->event, 1);
}

/* Returns false when the thread shall end. */
static bool do_asked(struct thread *t)
{
	unsigned asked = atomic_exchange(&t->asked, 0);

	if (asked & ASK_SOCKETS)
		take_sockets(t);
	if (asked & ASK_INBOUND) {
		t->inbound = true;
		watch_sockets(t);
	}
	if (asked & ASK_FLUSH)
		outbound_flush(&t->worker->outbound, clock_now());
	return !(asked & ASK_STOP);
}

/* --- one thread, or two (load.h) ----------------------------------------- */

static int64_t processor_time(const struct thread *t)
{
	struct timespec spent;
	clockid_t clock;

	if (pthread_getcpuclockid(t->id, &clock) || clock_gettime(clock, &spent))
		return 0;
	return spent.tv_sec * SECOND + spent.tv_nsec;
}

/* Between two bursts: the other thread receives from here on, in the order in which we would. */
static void give_inbound(struct thread *t, struct thread *to)
{
	unwatch(t, t->udp.in4);
	unwatch(t, t->udp.in6);
	t->inbound = false;
	ask(to, ASK_INBOUND);
}

static void share(struct thread *t)
{
	struct thread *first = &t->worker->threads[0], *second = &t->worker->threads[1];
	int64_t window = t == first ? LOAD_SPLIT_WINDOW : LOAD_JOIN_WINDOW, now = clock_now();

	if (!t->inbound || !load_is_due(&t->load, now, window))
		return;
	if (t == first) {
		if (load_percent(&t->load, now, processor_time(t)) >= LOAD_FULL)
			give_inbound(t, second);
	} else {
		int64_t spent = processor_time(first) + processor_time(t);
		bool began = t->load.since; /* not while it helps for the first time */

		if (load_percent(&t->load, now, spent) <= LOAD_LITTLE && began) {
			t->load.since = 0;
			give_inbound(t, first);
		}
	}
}

/* How long epoll may wait: a thread that helps out looks up when nothing comes. */
static int patience(const struct thread *t)
{
	bool helps = t->worker->shares && t->inbound && !t->outbound;

	return helps ? (int)(LOAD_JOIN_WINDOW / MILLISECOND) : -1;
}

/* --- bursts -------------------------------------------------------------- */

/* The device is empty: stay away while small packets gather?  Returns 1 to read again. */
static int nap(struct thread *t, int64_t now)
{
	const struct outbound *o = &t->worker->outbound;
	int64_t wait = pace_nap(&t->pace, now, o->count, o->bytes);
	struct timespec ns = {.tv_nsec = wait};

	if (!wait)
		return 0;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ns, NULL);
	return 1;
}

/* One descriptor is readable: bursts until it is empty, or long enough.  alone: no other is. */
static void serve(struct thread *t, uint32_t cookie, bool alone)
{
	struct worker *w = t->worker;
	int rounds = t->inbound && t->outbound ? ROUNDS_BOTH : ROUNDS, more = 1;

	for (int i = 0; i < rounds && more > 0; i++) {
		int64_t now = clock_now();

		if (cookie == WOKE_TUN)
			more = outbound_burst(&w->outbound, now);
		else
			more = inbound_burst(
				&w->inbound, cookie == WOKE_IN4 ? t->udp.in4 : t->udp.in6, now);
		if (cookie == WOKE_TUN && !more && alone)
			more = nap(t, now);
		if (atomic_load_explicit(&t->asked, memory_order_relaxed))
			break;
	}
	/* A device that is down is not readable, one that is gone is an error for ever: do not
	 * spin on it.  A socket's error is an ICMP message, and gone by having been read. */
	if (more < 0 && cookie == WOKE_TUN) {
		log_error("%s: the device cannot be read: %s", w->tun.name, strerror(-more));
		unwatch(t, w->tun.fd);
	}
}

static void *run(void *arg)
{
	struct thread *t = arg;
	eventfd_t ignored;

	for (;;) {
		struct epoll_event ready[4];
		int n = epoll_wait(t->epoll, ready, 4, patience(t));

		for (int i = 0; i < n; i++) {
			if (ready[i].data.u32 == WOKE_ASKED)
				eventfd_read(t->event, &ignored);
			else
				serve(t, ready[i].data.u32, n == 1);
		}
		if (t->worker->shares)
			share(t);
		if (atomic_load(&t->asked) && !do_asked(t))
			return NULL;
	}
}

/* A thread inherits from us what these change for the moment:
 *
 * signals  are control's
 * slack    naps are to be as short as they are meant
 * policy   woken, it does not push aside who wakes it: a program then writes more before we
 *          read, the kernel hands on more before we receive, and what follows from a packet
 *          happens on one processor instead of waking the next for each step
 */
static int create(struct thread *t)
{
	struct sched_param none = {0};
	int slack = prctl(PR_GET_TIMERSLACK), policy = sched_getscheduler(0), err;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	prctl(PR_SET_TIMERSLACK, 1000UL);
	if (policy == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &none);
	err = -pthread_create(&t->id, NULL, run, t);
	if (policy == SCHED_OTHER)
		sched_setscheduler(0, SCHED_OTHER, &none);
	prctl(PR_SET_TIMERSLACK, (unsigned long)slack);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static int thread_start(struct worker *w, struct thread *t, bool outbound, bool inbound)
{
	int err;

	t->worker = w;
	t->outbound = outbound;
	t->inbound = inbound;
	t->udp = w->udp;
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (t->event < 0 || t->epoll < 0)
		return -errno;
	err = watch(t, t->event, WOKE_ASKED);
	if (!err && outbound)
		err = watch(t, w->tun.fd, WOKE_TUN);
	if (!err)
		err = watch_sockets(t);
	if (err)
		return err;
	err = create(t);
	t->runs = !err;
	return err;
}

static void thread_stop(struct thread *t)
{
	if (t->runs) {
		ask(t, ASK_STOP);
		pthread_join(t->id, NULL);
	}
	if (t->event >= 0)
		close(t->event);
	if (t->epoll >= 0)
		close(t->epoll);
}

/* --- control ------------------------------------------------------------- */

/* That we may use: an affinity of one leaves nothing to share. */
static int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

static int start_threads(struct worker *w, unsigned threads)
{
	int err;

	w->shares = !threads && processors() > 1;
	/* The second first: the first may ask it at once. */
	err = threads == 2 ? thread_start(w, &w->threads[1], false, true)
	      : w->shares  ? thread_start(w, &w->threads[1], false, false)
			   : 0;
	return err ? err : thread_start(w, &w->threads[0], true, threads != 2);
}

static int take_memory(struct worker *w, const char *aead)
{
	int err = staging_init(&w->staging);

	err = err ? err : ring_init(&w->handshakes);
	err = err ? err
		  : outbound_init(&w->outbound, w->device, &w->tun, &w->threads[0].udp, &w->staging,
			    &w->mtu, 0, aead);
	err = err ? err : inbound_init(&w->inbound, w->device, &w->tun, &w->handshakes, 1, aead);
	if (!err && !(w->aead = aead_new(aead)))
		err = -ENOMEM;
	return err;
}

int worker_start(struct worker **out, struct device *device, const struct tun *tun,
	const struct udp *udp, const struct worker_options *options, struct error *e)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return error_errno(e, ENOMEM, "%s", tun->name);
	w->device = device;
	w->tun = *tun;
	w->udp = *udp;
	w->handshakes.event = -1;
	atomic_store(&w->mtu, options->mtu);
	for (int i = 0; i < THREADS; i++)
		w->threads[i].event = w->threads[i].epoll = -1;
	sem_init(&w->sockets_taken, 0, 0);
	err = take_memory(w, options->aead);
	if (!err)
		err = start_threads(w, options->threads);
	if (err) {
		worker_stop(w);
		return error_errno(e, -err, "%s: the workers", tun->name);
	}
	*out = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	for (int i = 0; i < THREADS; i++)
		thread_stop(&w->threads[i]);
	staging_done(&w->staging);
	ring_done(&w->handshakes);
	outbound_done(&w->outbound);
	inbound_done(&w->inbound);
	aead_free(w->aead);
	sem_destroy(&w->sockets_taken);
	free(w);
}

void worker_sockets(struct worker *w, const struct udp *udp)
{
	w->udp = *udp;
	for (int i = 0; i < THREADS; i++)
		if (w->threads[i].runs)
			ask(&w->threads[i], ASK_SOCKETS);
	for (int i = 0; i < THREADS; i++)
		if (w->threads[i].runs)
			while (sem_wait(&w->sockets_taken) && errno == EINTR)
				continue;
}

void worker_mtu(struct worker *w, uint32_t mtu)
{
	atomic_store_explicit(&w->mtu, mtu, memory_order_relaxed);
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
	if (staging_ready(&w->staging, p))
		ask(&w->threads[0], ASK_FLUSH);
	else if (keepalive)
		send_keepalive(w, p);
}

void worker_purge(struct worker *w, struct peer *p)
{
	uint32_t lost = w ? staging_drop(&w->staging, p) : 0;

	if (lost)
		peer_drop(p, DROP_STAGING_GIVEN_UP, lost);
}

void worker_release(struct worker *w, struct peer *p)
{
	if (w)
		staging_drop(&w->staging, p);
}
