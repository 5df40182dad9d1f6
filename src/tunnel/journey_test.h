/* journey_test.h - both journeys, from one device to another, without a kernel's tun
 *
 *	stack a <==socketpair==> outbound --list of runs--> inbound <==socketpair==> stack b
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
	struct aead *aead;
	struct outbound_shared out;
	struct inbound_part part;
	struct ring handshakes;
	struct outbound outbound;
	struct inbound inbound;
	_Atomic int wanted; /* how often control was woken */
};

/* What is under way: a network that loses nothing, however busy the machine is. */
struct wire_run {
	struct wire_run *next;
	uint32_t length, size;
	uint8_t ecn;
	uint8_t at[];
};
static struct wire_run *wire_first, **wire_last = &wire_first;

static inline void wire_put(const struct msghdr *m)
{
	struct wire_run *r = malloc(sizeof(*r) + m->msg_iov->iov_len);
	struct msghdr *h = (struct msghdr *)(uintptr_t)m;

	*r = (struct wire_run){.length = (uint32_t)m->msg_iov->iov_len};
	r->size = r->length;
	memcpy(r->at, m->msg_iov->iov_base, r->length);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		uint16_t size;

		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			r->size = size;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			r->ecn = *CMSG_DATA(c);
		}
	}
	CHECK(r->length <= UDP_RUN_BYTES && r->length <= r->size * UDP_RUN_DATAGRAMS);
	*wire_last = r;
	wire_last = &r->next;
}

static inline struct wire_run *wire_take(void)
{
	struct wire_run *r = wire_first;

	if (r && !(wire_first = r->next))
		wire_last = &wire_first;
	return r;
}

static inline int wire_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	for (unsigned i = 0; i < n; i++)
		wire_put(&messages[i].msg_hdr);
	return (int)n;
}

static inline int wire_wait(int fd, int ms)
{
	return ms;
}

static const struct udp_calls wire_calls = {wire_sendmmsg, wire_wait};

static inline void side_woken(void *arg)
{
	((struct side *)arg)->wanted++;
}

static inline void side_release(void *arg, struct peer *p)
{
	staging_drop(&((struct side *)arg)->out.staging, p);
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
	s->tun = (struct tun){.queue = {pair[0]}, .queues = 1, .joins = offload};
	s->stack = pair[1];
	CHECK(!udp_open(&s->udp, 0, 0, NULL));
	CHECK(!outbound_shared_init(&s->out, &s->device, &s->tun, 1420));
	CHECK(!ring_init(&s->handshakes));
	s->aead = s->part.aead = aead_new(NULL);
	CHECK(!outbound_init(&s->outbound, &s->out, &s->udp, s->aead, 0));
	udp_sender_free(s->outbound.burst.sender);
	s->outbound.burst.sender = udp_sender_new(&wire_calls);
	CHECK(!inbound_init(&s->inbound, &s->device, &s->tun, &s->handshakes, &s->part, 1));
}

static inline void side_close(struct side *s)
{
	outbound_done(&s->outbound);
	inbound_done(&s->inbound);
	device_done(&s->device);
	outbound_shared_done(&s->out);
	ring_done(&s->handshakes);
	aead_free(s->aead);
	udp_close(&s->udp);
	tun_close(&s->tun);
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

static inline void arrive(struct side *s, const struct udp_bundle *bundle)
{
	s->inbound.now = clock_now();
	quiet_enter(&s->device.quiet, 1);
	inbound_bundle(&s->inbound, bundle);
	inbound_write(&s->inbound);
	quiet_leave(&s->device.quiet, 1);
}

/* Everything that a has for b goes and arrives; returns the congestion bits it came with. */
static inline uint8_t carry(struct side *a, struct side *b)
{
	struct wire_run *r;
	uint8_t ecn = 0;
	int more;

	do
		more = outbound_burst(&a->outbound, 0, clock_now());
	while (more > 0);
	CHECK(!more);
	while ((r = wire_take())) {
		struct udp_bundle bundle = {
			.at = r->at, .length = r->length, .size = r->size, .ecn = r->ecn};

		bundle.from.remote.v4.sin_family = AF_INET;
		bundle.from.remote.v4.sin_port = htons(udp_port(&a->udp));
		bundle.from.remote.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		arrive(b, &bundle);
		ecn = r->ecn;
		free(r);
	}
	return ecn;
}
