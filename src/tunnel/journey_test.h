/* journey_test.h - both journeys, from one device to another, without a kernel's tun
 *
 *	stack a <==socketpair==> outbound --UDP, loopback--> inbound <==socketpair==> stack b
 *
 * A pair of sequential-packet sockets keeps frames whole, as a tun does.  Each
 * side has a device with one peer, the other; sessions are made by hand, with
 * keys of the test's own.
 */
#pragma once
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "packet_test.h"
#include "tunnel/inbound.h"
#include "tunnel/outbound.h"

enum { FRAME_ROOM = 70000 };

struct side {
	struct device device;
	struct peer *peer;
	struct session *session;
	struct tun tun;
	int stack; /* the other end of the tun */
	struct udp udp;
	struct staging staging;
	struct ring handshakes;
	_Atomic uint32_t mtu;
	struct outbound outbound;
	struct inbound inbound;
	int wanted; /* how often control was woken */
};

static inline void side_woken(void *arg)
{
	((struct side *)arg)->wanted++;
}

static inline void side_release(void *arg, struct peer *p)
{
	staging_drop(&((struct side *)arg)->staging, p);
}

static inline void side_nothing(void *arg, struct peer *p)
{
}

static const struct device_calls side_calls = {
	.wake = side_woken, .release = side_release, .purge = side_nothing};

static inline void side_allow(struct side *s, const char *prefix)
{
	struct prefix p;

	CHECK(prefix_parse(&p, prefix, true));
	CHECK(!device_allow(&s->device, s->peer, &p, NULL));
}

/* number: 1 or 2; offload: what the device takes, JOIN_... */
static inline void side_open(struct side *s, uint8_t number, unsigned offload)
{
	uint8_t key[WIRE_KEY] = {9, number};
	int pair[2];

	memset(s, 0, sizeof(*s));
	CHECK(!device_init(&s->device, &side_calls, s));
	CHECK(!device_add(&s->device, key, &s->peer));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int));
	s->tun = (struct tun){.fd = pair[0], .joins = offload};
	s->stack = pair[1];
	CHECK(!udp_open(&s->udp, 0, 0, NULL));
	CHECK(!staging_init(&s->staging) && !ring_init(&s->handshakes));
	atomic_store(&s->mtu, 1420);
	CHECK(!outbound_init(
		&s->outbound, &s->device, &s->tun, &s->udp, &s->staging, &s->mtu, 0, NULL));
	CHECK(!inbound_init(&s->inbound, &s->device, &s->tun, &s->handshakes, 1, NULL));
}

static inline void side_close(struct side *s)
{
	outbound_done(&s->outbound);
	inbound_done(&s->inbound);
	device_done(&s->device);
	staging_done(&s->staging);
	ring_done(&s->handshakes);
	udp_close(&s->udp);
	close(s->tun.fd);
	close(s->stack);
}

/* A session of s under the number `mine`; to the one that the other side calls `theirs`. */
static inline void side_session(
	struct side *s, uint32_t mine, uint32_t theirs, uint8_t send, uint8_t receive)
{
	struct session *x = session_new();

	x->index = (struct index_entry){mine, INDEX_SESSION};
	x->remote = theirs;
	x->initiator = true;
	x->born = clock_now();
	x->peer = s->peer;
	memset(x->send_key, send, WIRE_KEY);
	memset(x->receive_key, receive, WIRE_KEY);
	CHECK(!index_add(&s->device.index, &x->index, &s->device.quiet));
	peer_install(s->peer, x);
	s->session = x;
}

static inline void side_knows(struct side *s, const struct side *other)
{
	union address a = {.v4 = {.sin_family = AF_INET,
				   .sin_port = htons(udp_port(&other->udp)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};

	device_set_endpoint(&s->device, s->peer, &a);
}

/* Two sides that know each other, with a session, and everything allowed. */
static inline void sides_open(struct side *a, struct side *b, unsigned offload)
{
	side_open(a, 1, offload);
	side_open(b, 2, offload);
	side_knows(a, b);
	side_knows(b, a);
	for (int i = 0; i < 2; i++) {
		side_allow(i ? a : b, "0.0.0.0/0");
		side_allow(i ? a : b, "::/0");
	}
	side_session(a, 100, 200, 1, 2);
	side_session(b, 200, 100, 2, 1);
}

/* The stack sends a frame. */
static inline void stack_write(
	const struct side *s, const struct virtio_net_hdr *vnet, const void *frame, size_t length)
{
	struct iovec pieces[] = {
		{(void *)(uintptr_t)vnet, sizeof(*vnet)}, {(void *)(uintptr_t)frame, length}};

	CHECK(writev(s->stack, pieces, 2) == (ssize_t)(sizeof(*vnet) + length));
}

/* The stack takes a frame; -1: there is none. */
static inline ssize_t stack_read(const struct side *s, struct virtio_net_hdr *vnet, void *frame)
{
	struct iovec pieces[] = {{vnet, sizeof(*vnet)}, {frame, FRAME_ROOM}};
	ssize_t n = readv(s->stack, pieces, 2);

	return n < 0 ? -1 : n - (ssize_t)sizeof(*vnet);
}

/* Everything that is under way from a to b arrives. */
static inline void carry(struct side *a, struct side *b)
{
	int more;

	do
		more = outbound_burst(&a->outbound, clock_now());
	while (more > 0);
	CHECK(!more);
	for (int quiet = 0; quiet < 3;) {
		more = inbound_burst(&b->inbound, b->udp.in4, clock_now());
		CHECK(more >= 0);
		if (b->inbound.receiver.count)
			quiet = 0;
		else
			quiet++, usleep(500);
	}
}
