/* thread.h - one of the threads that carry packets
 *
 * What a thread does, it alone changes: which queues of the device it reads, and
 * whether it receives.  Others ask, by a word and an event that wakes it; it does
 * what was asked between two bursts:
 *
 *	thread 0   reads, receives --- a helper is called ---  reads
 *	thread 1   sleeps          ---------------------------  receives ... gives it back
 *
 * It measures itself, and calls for help or goes by the rules of load.h.
 *
 * Only worker.c knows this page.  To others the threads are the worker (worker.h).
 */
#pragma once
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "tunnel/inbound.h"
#include "tunnel/load.h"
#include "tunnel/outbound.h"
#include "tunnel/pace.h"
#include "tunnel/worker.h"

enum {
	/* What is asked of a thread, by control or by another. */
	THREAD_ASK_STOP = 1 << 0,    /* look at worker->stops */
	THREAD_ASK_SOCKETS = 1 << 1, /* take worker->udp */
	THREAD_ASK_FLUSH = 1 << 2,   /* a peer was declared ready */
	THREAD_ASK_RECEIVE = 1 << 3, /* what comes from the peers is yours from now on, ... */
	THREAD_ASK_READ = 1 << 4,    /* ... and these queues of the device: thread->given */
	THREAD_ASK_HELP = 1 << 5,    /* ... for somebody: thread->called_by */

	/* What a thread sleeps for: places in thread->watched.  Those come first that are ready
	 * most of the time, as poll() then needs not queue for the others. */
	THREAD_AT_IN4 = 0,
	THREAD_AT_IN6,
	THREAD_AT_TUN, /* and the number of the queue */
	THREAD_AT_EVENT = THREAD_AT_TUN + TUN_QUEUES,
	THREAD_PLACES,
};

struct thread {
	struct worker *worker;
	pthread_t id;
	clockid_t clock; /* its processor time; set once it runs */
	bool runs;
	int event;
	/* Not epoll: that would go on to be woken for each packet while we are awake. */
	struct pollfd watched[THREAD_PLACES]; /* fd -1: nothing there */
	struct udp udp;			      /* its copy of the descriptors */
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
	_Atomic uint32_t given;	  /* with THREAD_ASK_READ */
	struct thread *called_by; /* with THREAD_ASK_HELP */

	/* as a member of another one's team */
	_Atomic bool is_member;
	struct team_member member;
	struct inbound_part part; /* also its own, when it leads */
};

/* What they share. */
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

/* thread_init - take memory and descriptors; w is complete but for its threads
 *
 * aead  its kind; NULL: the best of this machine
 *
 * Returns 0 or -errno; thread_done() in any case.
 */
int thread_init(struct worker *w, struct thread *t, const char *aead);

/* thread_start - let it run
 *
 * queues    that it reads, by bits
 * receives  what comes from the peers is its own
 *
 * Where there are rules and it does not receive, it is idle at first.  Returns 0 or -errno.
 */
int thread_start(struct thread *t, uint32_t queues, bool receives);

/* thread_done - it has ended, or was never started */
void thread_done(struct thread *t);

/* thread_ask - by another thread: THREAD_ASK_... | ..., and wake it */
void thread_ask(struct thread *t, unsigned what);

/* thread_member_add - between two bursts of t: `other` is in its team from now on */
void thread_member_add(struct thread *t, struct thread *other);

/* thread_dismiss_all - nobody is any more */
void thread_dismiss_all(struct thread *t);
