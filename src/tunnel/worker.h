/* worker.h - the threads that carry packets, and how control talks to them
 *
 *	             .------------- outbound.c -------------.
 *	tun0 ------> | read  route  session  cut  seal  send | ------> socket
 *	             '--------------------------------------'
 *	             .---------------- inbound.c ----------------.
 *	tun0 <------ | write  join  replay  source  open  receive | <-- socket
 *	             '-------------------------------------------'
 *	                  |handshakes        ^ready, keepalive, purge
 *	                  v                  |
 *	                 control (device.h, one thread)
 *
 * One thread carries both directions; others join in while it is not enough
 * (load.h), up to as many as there are processors, and sleep otherwise: they read
 * some of the device's queues (tun.h), or are in the team of who receives (team.h).
 * A flow stays with one of them.  Each runs a burst from its first station to its
 * last, and sleeps in poll when nothing comes.  Nothing is allocated after
 * worker_start().
 *
 * Control calls everything on this page but worker_queues().  Handshake messages wait for it in a
 * ring (ring.h), whose descriptor becomes readable when there are some.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tunnel/device.h"
#include "tunnel/load.h"
#include "tunnel/ring.h"
#include "tunnel/tun.h"
#include "tunnel/udp.h"

enum { WORKER_THREADS = 16 }; /* at most */

struct worker;

struct worker_options {
	const char *aead; /* NULL: the best of this machine (aead.h) */
	unsigned threads; /* so many, always, half of them each way; 0: as the load demands */
	const struct load_rules *rules; /* of a test: so many at most, by these; NULL */
	uint32_t mtu;			/* of the device */
};

/* worker_queues - how many queues of the device so many threads can use (worker_options.threads) */
unsigned worker_queues(unsigned threads);

/* worker_start - take memory, begin to carry
 *
 * device  initialised; stays where it is until worker_stop()
 * tun     the descriptors stay the caller's
 * udp     likewise
 *
 * Returns 0 with *w set, or -errno.
 */
int worker_start(struct worker **w, struct device *device, const struct tun *tun,
	const struct udp *udp, const struct worker_options *options, struct error *e);

/* worker_stop - both directions end; staged packets are counted as given up.  NULL: nothing. */
void worker_stop(struct worker *w);

/* worker_sockets - use these sockets from now on; on return the old ones may be closed */
void worker_sockets(struct worker *w, const struct udp *udp);

/* worker_mtu - the device's MTU has changed */
void worker_mtu(struct worker *w, uint32_t mtu);

/* worker_joins - kinds of superframe that go to the device now: JOIN_TCP4 | ... (join.h)
 * worker_sends_runs - do datagrams go to peers in runs? (udp.h)
 */
unsigned worker_joins(const struct worker *w);
bool worker_sends_runs(const struct worker *w);

/* worker_handshake_fd - readable while handshakes wait; of the worker, do not close it */
int worker_handshake_fd(const struct worker *w);

/* worker_handshake - take the oldest; returns false when none waits
 *
 * waiting  out: how many are left behind it
 */
bool worker_handshake(struct worker *w, struct worker_handshake *out, size_t *waiting);

/* What device_calls.send, .ready, .purge and .release are made of.  w NULL: does nothing, so that
 * a device can be done after its workers. */
int worker_send(struct worker *w, const struct endpoint *to, const void *message, size_t length);
void worker_ready(struct worker *w, struct peer *p, bool keepalive);
void worker_purge(struct worker *w, struct peer *p);
void worker_release(struct worker *w, struct peer *p);
