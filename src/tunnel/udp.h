/* udp.h - the outer network: datagrams to and from peers, in runs
 *
 * Two sockets, one for each family, on the same port; where IPv6 is off there
 * is only the other.  The unit of work is a run: datagrams of one peer that
 * lie one after the other in memory, all of one size but a shorter last.  The
 * kernel sends a run with one call and one look at its routing table
 * (UDP_SEGMENT), and hands us runs likewise (UDP_GRO):
 *
 *	| datagram | datagram | datagram | last |
 *	 <- size -> <- size -> <- size ->
 *
 * The outer header of data has DSCP 0 and the congestion bits of what is inside
 * (RFC 6040).  Fragmentation is left to the kernel, which knows the path.
 *
 * Any thread may use a struct udp; a sender and a receiver belong to one.
 * Source: udp(7), ip(7), ipv6(7); Linux networking/segmentation-offloads.rst.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "tunnel/drop.h"
#include "tunnel/endpoint.h"

enum {
	UDP_RUN_BYTES = 65507,	  /* in one run, and in one datagram */
	UDP_RUN_DATAGRAMS = 64,	  /* kernels before 6.9 take no more */
	UDP_RUNS = 64,		  /* by one call of udp_send() */
	UDP_BUNDLES = 8,	  /* by one call of udp_receive() */
	UDP_BUNDLE_BYTES = 65536, /* the largest, and a byte more */
	UDP_TOS_HANDSHAKE = 0x88, /* DSCP AF41 */
	UDP_CONTROL = 128,	  /* ancillary data of one message */
};

/* The two sockets.  -1 for a family that is not there. */
struct udp {
	int in4, in6;
};

/* udp_open - bind both sockets to a port
 *
 * port    0: one that is free in both families
 * fwmark  0: none
 *
 * Needs privileges for a fwmark and for ports below 1024; without, buffers
 * are as large as the system allows.  Returns 0 or -errno.
 */
int udp_open(struct udp *u, uint16_t port, uint32_t fwmark, struct error *e);
void udp_close(struct udp *u);

/* udp_port - what they are bound to */
uint16_t udp_port(const struct udp *u);

/* udp_set_fwmark - of what is sent from now on; 0: none */
int udp_set_fwmark(const struct udp *u, uint32_t fwmark);

/* udp_send_one - one datagram, with its own TOS: for handshakes and keepalives
 *
 * Never waits.  Where the sticky source of `to` is not ours any more it goes
 * without.  Returns 0 or -errno.
 */
int udp_send_one(const struct udp *u, const struct endpoint *to, uint8_t tos, const void *datagram,
	size_t length);

/* A run, and what became of it. */
struct udp_run {
	struct endpoint to;
	uint8_t *at;
	uint32_t length; /* of all datagrams: at most UDP_RUN_BYTES */
	uint16_t size;	 /* of each but the last */
	uint8_t ecn;

	uint32_t lost; /* out: datagrams that were not sent */
	enum drop why; /* out, where lost: the reason of the last */
	int error;     /* out, where lost: errno */
	bool forget;   /* out: the sticky source is not ours any more */
};

static inline uint32_t udp_run_count(const struct udp_run *r)
{
	return (r->length + r->size - 1) / r->size;
}

struct udp_sender; /* the working memory of one thread */

/* The system calls of a sender, so that a test can be the kernel. */
struct udp_calls {
	int (*sendmmsg)(int fd, struct mmsghdr *messages, unsigned n, int flags);
	int (*wait)(int fd, int ms); /* until it can be written: the ms left then; 0: in vain */
};

struct udp_sender *udp_sender_new(const struct udp_calls *calls); /* NULL: the kernel's */
void udp_sender_free(struct udp_sender *s);

/* udp_sends_runs - false once the kernel or the device has refused UDP_SEGMENT for good */
bool udp_sends_runs(const struct udp_sender *s);

/* udp_send - send runs, in this order, at most UDP_RUNS
 *
 * What the kernel does not take at once:
 *
 *	part of the messages   the rest follows
 *	EAGAIN                 waits until there is room, at most 100 ms in all; then lost,
 *SEND_FULL ENOBUFS, ENOMEM        lost, SEND_FULL EIO                    this device cannot cut
 *runs: from now on one by one EMSGSIZE, EINVAL       this run one by one (the path may be narrower
 *than a datagram: then the kernel fragments); alone: lost, SEND_TOO_BIG a stale sticky source  the
 *run goes without it; `forget` is set anything else          lost, under its own reason
 */
void udp_send(struct udp_sender *s, const struct udp *u, struct udp_run *runs, unsigned n);

/* udp_waited - ns for which it has waited for room so far; any thread */
int64_t udp_waited(const struct udp_sender *s);

/* Datagrams of one source that came together. */
struct udp_bundle {
	struct endpoint from; /* only the fields of its family set, the rest 0 */
	uint8_t *at;
	uint32_t length;
	uint32_t size; /* of each datagram but a shorter last */
	uint8_t ecn;
	bool cut_off; /* larger than a datagram can be: to be dropped */
};

struct udp_receiver {
	unsigned count;
	struct udp_bundle bundles[UDP_BUNDLES];
	uint8_t *memory; /* UDP_BUNDLES * UDP_BUNDLE_BYTES */
};

int udp_receiver_init(struct udp_receiver *r);
void udp_receiver_done(struct udp_receiver *r);

/* udp_receive - what has arrived at one of the sockets, up to UDP_BUNDLES; never waits
 *
 * Returns 0 with r->count set, -EAGAIN when nothing is there, or -errno.
 */
int udp_receive(struct udp_receiver *r, int fd);
