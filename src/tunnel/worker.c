#include "tunnel/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

enum {
	ROUNDS = 16,	 /* bursts of one descriptor before we look at the others */
	ROUNDS_BOTH = 2, /* the same where the other direction waits for us */

	/* What is asked of a thread, by control or by another. */
	ASK_STOP = 1 << 0,    /* look at worker->stops */
	ASK_SOCKETS = 1 << 1, /* take worker->udp */
	ASK_FLUSH = 1 << 2,   /* a peer was declared ready */
	ASK_RECEIVE = 1 << 3, /* what comes from the peers is yours from now on, ... */
	ASK_READ = 1 << 4,    /* ... and these queues of the device: thread->given */
	ASK_HELP = 1 << 5,    /* ... for somebody: thread->called_by */

	/* What a thread sleeps for: places in thread->watched.  Those come first that are ready
	 * most of the time, as poll() then needs not queue for the others. */
	AT_IN4 = 0,
	AT_IN6,
	AT_TUN, /* and the number of the queue */
	AT_EVENT = AT_TUN + TUN_QUEUES,
	PLACES,
};
_Static_assert((int)WORKER_THREADS <= (int)QUIET_WORKERS, "each has a place in device->quiet");
_Static_assert((int)WORKER_THREADS <= (int)TEAM_MEMBERS + 1, "all can be in one team");

struct thread {
	struct worker *worker;
	pthread_t id;
	clockid_t clock; /* its processor time; set once it runs */
	bool runs;
	int event;
	/* Not epoll: that would go on to be woken for each packet while we are awake. */
	struct pollfd watched[PLACES]; /* fd -1: nothing there */
	struct udp udp;		       /* its copy of the descriptors */
	struct aead *aead;
	struct pace pace;
	struct load load;
	struct outbound outbound;
	struct inbound inbound;

	/* what it does; its own to change once it runs */
	uint32_t queues; /* of the device that it reads, by bits */
	bool receives;

	/* whom it helps */
	struct thread *helps; /* who called it; NULL: nobody */
	_Atomic int helpers;  /* how many it has called, which are not back */

	/* what others tell it */
	_Atomic unsigned asked;
	_Atomic uint32_t given;	  /* with ASK_READ */
	struct thread *called_by; /* with ASK_HELP */

	/* as a member of another one's team */
	_Atomic bool is_member;
	struct team_member member;
	struct inbound_part part; /* also its own, when it leads */
};

struct worker {
	struct device *device;
	struct tun tun;
	struct udp udp;	   /* control's copy */
	struct aead *aead; /* control's, for keepalives */
	struct outbound_shared outbound;
	struct ring handshakes;
	sem_t sockets_taken;
	_Atomic bool stops; /* known to all before one of them ends: nobody waits for it then */
	const struct load_rules *rules; /* that the threads follow; NULL: none */
	_Atomic uint32_t idle;		/* those that do nothing, by bits */
	unsigned count;
	struct thread threads[WORKER_THREADS];
};

/* --- a thread ------------------------------------------------------------ */

static void watch(struct thread *t, unsigned place, int fd)
{
	t->watched[place] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void receive_start(struct thread *t)
{
	watch(t, AT_IN4, t->udp.in4);
	watch(t, AT_IN6, t->udp.in6);
	t->receives = true;
}

static void receive_stop(struct thread *t)
{
	watch(t, AT_IN4, -1);
	watch(t, AT_IN6, -1);
	t->receives = false;
}

static void read_start(struct thread *t, uint32_t queues)
{
	const struct tun *tun = &t->worker->tun;

	for (unsigned q = 0; q < tun->queues; q++)
		if (queues >> q & 1)
			watch(t, AT_TUN + q, tun->queue[q]);
	t->queues |= queues;
}

static void read_stop(struct thread *t, uint32_t queues)
{
	for (unsigned q = 0; q < TUN_QUEUES; q++)
		if (queues >> q & 1)
			watch(t, AT_TUN + q, -1);
	t->queues &= ~queues;
}

static void take_sockets(struct thread *t)
{
	t->udp = t->worker->udp;
	if (t->receives)
		receive_start(t);
	sem_post(&t->worker->sockets_taken);
}

static void ask(struct thread *t, unsigned what)
{
	atomic_fetch_or(&t->asked, what);
	eventfd_write(t->event, 1);
}

/* --- as many threads as the load demands (load.h) ------------------------- */

static int64_t processor_time(const struct thread *t)
{
	struct timespec spent;

	if (!t || clock_gettime(t->clock, &spent))
		return 0;
	return spent.tv_sec * SECOND + spent.tv_nsec;
}

static struct thread *thread_of(struct team_member *m)
{
	return (struct thread *)(void *)((char *)m - offsetof(struct thread, member));
}

static struct thread *last_member(const struct thread *t)
{
	const struct team *team = &t->inbound.team;

	return team->count ? thread_of(team->members[team->count - 1]) : NULL;
}

/* With the time that it stood before a full socket: what comes from the peers waits then, too. */
static int64_t busy_time(const struct thread *t)
{
	return processor_time(t) + (t ? udp_waited(t->outbound.burst.sender) : 0);
}

static int64_t own_time(const struct thread *t)
{
	return t->receives && t->queues ? busy_time(t) : processor_time(t);
}

/* Together with its last member, or with the one whose share it would be without this one. */
static int64_t both_times(const struct thread *t)
{
	const struct thread *member = last_member(t);

	return busy_time(t) + busy_time(member ? member : t->helps);
}

static void begin_window(struct thread *t)
{
	load_begin(&t->load, clock_now(), own_time(t), both_times(t));
}

/* One that does nothing, and nobody else has called; NULL: none. */
static struct thread *idle_take(struct worker *w)
{
	uint32_t idle = atomic_load(&w->idle);

	while (idle) {
		unsigned i = (unsigned)__builtin_ctz(idle);

		if (atomic_compare_exchange_weak(&w->idle, &idle, idle & ~(UINT32_C(1) << i)))
			return &w->threads[i];
	}
	return NULL;
}

static void idle_give(struct thread *t)
{
	atomic_fetch_or(&t->worker->idle, UINT32_C(1) << (t - t->worker->threads));
}

static void member_add(struct thread *t, struct thread *other)
{
	atomic_store(&other->is_member, true);
	inbound_add(&t->inbound, &other->member, &other->part);
}

static void member_dismiss(struct thread *t)
{
	struct thread *other = last_member(t);

	inbound_del(&t->inbound);
	atomic_store(&other->is_member, false);
	idle_give(other);
	eventfd_write(other->event, 1); /* it may have been waiting for that, to end */
}

static void dismiss_all(struct thread *t)
{
	while (t->inbound.team.count)
		member_dismiss(t);
}

/* The upper half of what it reads. */
static uint32_t half_of(uint32_t queues)
{
	uint32_t half = queues;

	for (int n = (__builtin_popcount(queues) + 1) / 2; n > 0; n--)
		half &= half - 1;
	return half;
}

/* Between two bursts: what is given away goes on there in the order in which it would here. */
static void call(struct thread *t, enum load_step step)
{
	struct thread *other = idle_take(t->worker);
	uint32_t half = half_of(t->queues);

	if (!other)
		return;
	if (step == LOAD_CALL && t->receives) {
		member_add(t, other);
		return;
	}
	atomic_fetch_add(&t->helpers, 1);
	other->called_by = t;
	if (step == LOAD_SPLIT) {
		receive_stop(t);
		ask(other, ASK_HELP | ASK_RECEIVE);
	} else {
		read_stop(t, half);
		atomic_fetch_or(&other->given, half);
		ask(other, ASK_HELP | ASK_READ);
	}
}

static void leave(struct thread *t)
{
	struct thread *other = t->helps;
	uint32_t queues = t->queues;

	t->helps = NULL;
	if (t->receives) {
		receive_stop(t);
		ask(other, ASK_RECEIVE);
	}
	if (queues) {
		read_stop(t, queues);
		atomic_fetch_or(&other->given, queues);
		ask(other, ASK_READ);
	}
	atomic_fetch_sub(&other->helpers, 1);
	idle_give(t);
}

static void share(struct thread *t)
{
	const struct load_rules *rules = t->worker->rules;
	bool others = atomic_load_explicit(&t->worker->idle, memory_order_relaxed);
	bool member = t->inbound.team.count, helped = atomic_load(&t->helpers) || member;
	struct load_role role = {
		.can_split = others && t->receives && t->queues,
		.can_call = others && (t->receives ? !t->queues : half_of(t->queues) != 0),
		.has_member = member,
		/* who helped us has asked us before it is counted as back */
		.can_leave = t->helps && !helped && !atomic_load(&t->asked),
		.took = t->receives,
	};
	int64_t now = clock_now();
	enum load_step step;

	if ((!t->receives && !t->queues) || !load_is_due(&t->load, rules, now))
		return;
	step = load_next(&t->load, rules, &role, now, own_time(t), both_times(t));
	if (step == LOAD_STAY)
		return;
	if (step == LOAD_DISMISS)
		member_dismiss(t);
	else if (step == LOAD_LEAVE)
		leave(t);
	else
		call(t, step);
	begin_window(t);
}

/* How long poll may wait: who helps, or is helped, looks up when nothing comes. */
static int patience(const struct thread *t)
{
	bool looks = t->worker->rules && (t->helps || t->inbound.team.count);

	return looks ? (int)(t->worker->rules->window / MILLISECOND) : -1;
}

static void do_asked(struct thread *t)
{
	unsigned asked = atomic_exchange(&t->asked, 0);

	if (asked & ASK_SOCKETS)
		take_sockets(t);
	if (asked & ASK_HELP)
		t->helps = t->called_by;
	if (asked & ASK_RECEIVE)
		receive_start(t);
	if (asked & ASK_READ)
		read_start(t, atomic_exchange(&t->given, 0));
	if (asked & (ASK_RECEIVE | ASK_READ))
		begin_window(t);
	if (asked & ASK_FLUSH)
		outbound_flush(&t->outbound, clock_now());
}

/* --- bursts -------------------------------------------------------------- */

/* The device is empty: stay away while small packets gather?  Returns 1 to read again. */
static int nap(struct thread *t, int64_t now)
{
	const struct outbound *o = &t->outbound;
	int64_t wait = pace_nap(&t->pace, now, o->count, o->bytes);
	struct timespec ns = {.tv_nsec = wait};

	if (!wait)
		return 0;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ns, NULL);
	return 1;
}

static int burst(struct thread *t, unsigned place, bool alone)
{
	int64_t now = clock_now();
	int more;

	if (place < AT_TUN)
		return inbound_burst(&t->inbound, t->watched[place].fd, now);
	more = outbound_burst(&t->outbound, place - AT_TUN, now);
	return !more && alone ? nap(t, now) : more;
}

/* One descriptor is readable: bursts until it is empty, or long enough.  alone: no other is. */
static void serve(struct thread *t, unsigned place, bool alone)
{
	const struct tun *tun = &t->worker->tun;
	int rounds = t->receives && t->queues ? ROUNDS_BOTH : ROUNDS, more = 1;

	for (int i = 0; i < rounds && more > 0; i++) {
		more = burst(t, place, alone);
		if (atomic_load_explicit(&t->asked, memory_order_relaxed))
			break;
	}
	/* A device that is down is not readable, one that is gone is an error for ever: do not
	 * spin on it.  A socket's error is an ICMP message, and gone by having been read. */
	if (more < 0 && place >= AT_TUN) {
		log_error("%s: the device cannot be read: %s", tun->name, strerror(-more));
		watch(t, place, -1);
	}
}

/* Until something is to be done; returns how many descriptors are readable. */
static int rest(struct thread *t)
{
	bool is_member = atomic_load_explicit(&t->is_member, memory_order_relaxed);
	int n = 0;

	if (is_member && team_look(&t->member) && team_help(&t->member))
		return 0;
	team_sleep(&t->member);
	if (!team_help(&t->member))
		n = poll(t->watched, PLACES, patience(t));
	team_wake(&t->member);
	team_help(&t->member);
	return n;
}

static void *run(void *arg)
{
	struct thread *t = arg;
	eventfd_t ignored;

	pthread_getcpuclockid(pthread_self(), &t->clock);
	if (t->worker->rules && !t->receives)
		idle_give(t);
	while (!atomic_load(&t->worker->stops) || atomic_load(&t->is_member)) {
		int n = rest(t);

		for (unsigned i = 0; n > 0 && i < AT_EVENT; i++)
			if (t->watched[i].fd >= 0 && t->watched[i].revents)
				serve(t, i, n == 1);
		if (n > 0 && t->watched[AT_EVENT].revents)
			eventfd_read(t->event, &ignored);
		if (t->worker->rules)
			share(t);
		if (atomic_load(&t->asked))
			do_asked(t);
	}
	dismiss_all(t);
	return NULL;
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

/* Take memory; `w` is complete but for its threads. */
static int thread_init(struct worker *w, struct thread *t, const char *aead)
{
	unsigned id = (unsigned)(t - w->threads);
	int err;

	t->worker = w;
	t->udp = w->udp;
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event < 0)
		return -errno;
	for (unsigned place = 0; place < PLACES; place++)
		watch(t, place, place == AT_EVENT ? t->event : -1);
	t->member.event = t->event;
	t->aead = t->part.aead = aead_new(aead);
	if (!t->aead)
		return -ENOMEM;
	err = outbound_init(&t->outbound, &w->outbound, &t->udp, t->aead, id);
	if (!err)
		err = inbound_init(&t->inbound, w->device, &w->tun, &w->handshakes, &t->part, id);
	return err;
}

static int thread_start(struct thread *t, uint32_t queues, bool receives)
{
	int err;

	read_start(t, queues);
	if (receives)
		receive_start(t);
	err = create(t);
	t->runs = !err;
	return err;
}

static void thread_done(struct thread *t)
{
	if (t->event >= 0)
		close(t->event);
	outbound_done(&t->outbound);
	inbound_done(&t->inbound);
	aead_free(t->aead);
}

/* --- control ------------------------------------------------------------- */

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
		log_warning("%s: has fewer threads than there are processors: %s", w->tun.name,
			strerror(-err));
	return thread_start(&w->threads[0], (UINT32_C(1) << w->tun.queues) - 1, true);
}

/* The even ones read, the odd ones receive: the first of them leads the others. */
static int start_all(struct worker *w)
{
	uint32_t left = (UINT32_C(1) << w->tun.queues) - 1;
	int err = 0;

	for (unsigned i = 3; i < w->count; i += 2)
		member_add(&w->threads[1], &w->threads[i]);
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
		return error_errno(e, ENOMEM, "%s", tun->name);
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
		return error_errno(e, -err, "%s: the workers", tun->name);
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
			ask(&w->threads[i], ASK_STOP);
		else
			dismiss_all(&w->threads[i]); /* it could not be started */
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
			ask(&w->threads[i], ASK_SOCKETS);
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
		ask(&w->threads[0], ASK_FLUSH);
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
