#include "tunnel/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	ROUNDS = 16,	 /* bursts of one descriptor before we look at the others */
	ROUNDS_BOTH = 2, /* the same where the other direction waits for us */
};

static void watch(struct thread *t, unsigned place, int fd)
{
	t->watched[place] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void receive_start(struct thread *t)
{
	watch(t, THREAD_AT_IN4, t->udp.in4);
	watch(t, THREAD_AT_IN6, t->udp.in6);
	t->receives = true;
}

static void receive_stop(struct thread *t)
{
	watch(t, THREAD_AT_IN4, -1);
	watch(t, THREAD_AT_IN6, -1);
	t->receives = false;
}

static void read_start(struct thread *t, uint32_t queues)
{
	const struct tun *tun = &t->worker->tun;

	for (unsigned q = 0; q < tun->queues; q++)
		if (queues >> q & 1)
			watch(t, THREAD_AT_TUN + q, tun->queue[q]);
	t->queues |= queues;
}

static void read_stop(struct thread *t, uint32_t queues)
{
	for (unsigned q = 0; q < TUN_QUEUES; q++)
		if (queues >> q & 1)
			watch(t, THREAD_AT_TUN + q, -1);
	t->queues &= ~queues;
}

static void take_sockets(struct thread *t)
{
	t->udp = t->worker->udp;
	if (t->receives)
		receive_start(t);
	sem_post(&t->worker->sockets_taken);
}

void thread_ask(struct thread *t, unsigned what)
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

void thread_member_add(struct thread *t, struct thread *other)
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

void thread_dismiss_all(struct thread *t)
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
		thread_member_add(t, other);
		return;
	}
	atomic_fetch_add(&t->helpers, 1);
	other->called_by = t;
	if (step == LOAD_SPLIT) {
		receive_stop(t);
		thread_ask(other, THREAD_ASK_HELP | THREAD_ASK_RECEIVE);
	} else {
		read_stop(t, half);
		atomic_fetch_or(&other->given, half);
		thread_ask(other, THREAD_ASK_HELP | THREAD_ASK_READ);
	}
}

static void leave(struct thread *t)
{
	struct thread *other = t->helps;
	uint32_t queues = t->queues;

	t->helps = NULL;
	if (t->receives) {
		receive_stop(t);
		thread_ask(other, THREAD_ASK_RECEIVE);
	}
	if (queues) {
		read_stop(t, queues);
		atomic_fetch_or(&other->given, queues);
		thread_ask(other, THREAD_ASK_READ);
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

	if (asked & THREAD_ASK_SOCKETS)
		take_sockets(t);
	if (asked & THREAD_ASK_HELP)
		t->helps = t->called_by;
	if (asked & THREAD_ASK_RECEIVE)
		receive_start(t);
	if (asked & THREAD_ASK_READ)
		read_start(t, atomic_exchange(&t->given, 0));
	if (asked & (THREAD_ASK_RECEIVE | THREAD_ASK_READ))
		begin_window(t);
	if (asked & THREAD_ASK_FLUSH)
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

	if (place < THREAD_AT_TUN)
		return inbound_burst(&t->inbound, t->watched[place].fd, now);
	more = outbound_burst(&t->outbound, place - THREAD_AT_TUN, now);
	return !more && alone ? nap(t, now) : more;
}

/* One descriptor is readable: bursts until it is empty, or long enough.  alone: no other is. */
static void serve(struct thread *t, unsigned place, bool alone)
{
	int rounds = t->receives && t->queues ? ROUNDS_BOTH : ROUNDS, more = 1;

	for (int i = 0; i < rounds && more > 0; i++) {
		more = burst(t, place, alone);
		if (atomic_load_explicit(&t->asked, memory_order_relaxed))
			break;
	}
	/* A device that is down is not readable, one that is gone is an error for ever: do not
	 * spin on it.  A socket's error is an ICMP message, and gone by having been read. */
	if (more < 0 && place >= THREAD_AT_TUN) {
		log_error("the device cannot be read: %s", strerror(-more));
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
		n = poll(t->watched, THREAD_PLACES, patience(t));
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

		for (unsigned i = 0; n > 0 && i < THREAD_AT_EVENT; i++)
			if (t->watched[i].fd >= 0 && t->watched[i].revents)
				serve(t, i, n == 1);
		if (n > 0 && t->watched[THREAD_AT_EVENT].revents)
			eventfd_read(t->event, &ignored);
		if (t->worker->rules)
			share(t);
		if (atomic_load(&t->asked))
			do_asked(t);
	}
	thread_dismiss_all(t);
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

int thread_init(struct worker *w, struct thread *t, const char *aead)
{
	unsigned id = (unsigned)(t - w->threads);
	int err;

	t->worker = w;
	t->udp = w->udp;
	t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->event < 0)
		return -errno;
	for (unsigned place = 0; place < THREAD_PLACES; place++)
		watch(t, place, place == THREAD_AT_EVENT ? t->event : -1);
	t->member.event = t->event;
	t->aead = t->part.aead = aead_new(aead);
	if (!t->aead)
		return -ENOMEM;
	err = outbound_init(&t->outbound, &w->outbound, &t->udp, t->aead, id);
	if (!err)
		err = inbound_init(&t->inbound, w->device, &w->tun, &w->handshakes, &t->part, id);
	return err;
}

int thread_start(struct thread *t, uint32_t queues, bool receives)
{
	int err;

	read_start(t, queues);
	if (receives)
		receive_start(t);
	err = create(t);
	t->runs = !err;
	return err;
}

void thread_done(struct thread *t)
{
	if (t->event >= 0)
		close(t->event);
	outbound_done(&t->outbound);
	inbound_done(&t->inbound);
	aead_free(t->aead);
}
