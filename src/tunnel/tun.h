/* tun.h - the device: one end is the protocol stack, the other is us
 *
 * What the stack routes to the device we read, what we write it receives.  With
 * offload, both are superframes (cut.h, join.h), each behind a small header
 * that says what it is:
 *
 *	stack --routes--> tun0 ==read==>  | vnet | IP TCP payload ... 64 KiB |
 *	stack <-receives- tun0 <=write==  | vnet | IP TCP payload ... 64 KiB |
 *
 * What waits to be read, waits in a queue of the device (`txqueuelen`): longer than
 * the kernel makes it, so that it lasts for as long as a program that floods it
 * may keep the processor from us.
 *
 * The kernel is asked at start which kinds it knows, and asked no more for a
 * kind that it refuses later; the log says so, once.
 *
 * A device may have several queues, for as many threads: a flow is always in the same
 * (steer.h).  Any thread may write.  Source: Linux networking/tuntap.rst; virtio 1.2 section 5.1.6.
 */
#pragma once
#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "tunnel/cut.h"
#include "tunnel/drop.h"
#include "tunnel/join.h"
#include "tunnel/vnet.h"

enum {
	TUN_READ_MOST = sizeof(struct virtio_net_hdr) + CUT_FRAME_MOST,
	TUN_QUEUES = 8, /* at most */
};

struct tun {
	int queue[TUN_QUEUES]; /* descriptors, the first of which stands for the device */
	unsigned queues;
	char name[IFNAMSIZ];	/* as the kernel chose it */
	_Atomic unsigned joins; /* JOIN_TCP4 | ...: kinds of superframe that it takes */
};

/* tun_open - create the device in the namespace of the caller, which needs CAP_NET_ADMIN
 *
 * name     may hold one "%d" for a number that is free
 * offload  false: single packets with complete checksums, both ways
 * queues   1 to TUN_QUEUES; t->queues says how many it has become
 *
 * Returns 0, or -errno: -EBUSY when somebody else holds it.  The device is down,
 * without addresses, and goes when the descriptor is closed.
 */
int tun_open(struct tun *t, const char *name, bool offload, unsigned queues, struct error *e);
void tun_close(struct tun *t);

/* tun_set_mtu - in the namespace of the caller, by name */
int tun_set_mtu(const struct tun *t, uint32_t mtu, struct error *e);

/* tun_read - the next frame of a queue; never waits
 *
 * at  out: a struct virtio_net_hdr, which says what the frame is, and behind it the frame;
 *     room for TUN_READ_MOST bytes
 *
 * Returns the frame's length, -EAGAIN when there is none, or -errno.
 */
ssize_t tun_read(const struct tun *t, unsigned queue, void *at);

/* tun_joins - kinds of superframe that it takes, so far */
static inline unsigned tun_joins(const struct tun *t)
{
	return atomic_load_explicit(&t->joins, memory_order_relaxed);
}

/* tun_write - hand a frame to the stack
 *
 * Returns DROP_NONE; DROP_DEVICE_DOWN, DROP_DEVICE_FULL; or
 * DROP_DEVICE_REFUSED: then, if it was a superframe, its kind is not in
 * t->joins any more, and its packets can be written singly.
 */
enum drop tun_write(struct tun *t, const struct join_write *w);
