#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"
#include "udp.h"
#include "vnet.h"

/* A kernel to send to: it fails as it is told, and keeps what it was given. */
static struct {
	int fail_at;	/* the message, counted over all calls, that is refused; -1: none */
	int fail_times; /* how often; -1: always */
	int fail_errno;
	bool fail_only_runs; /* messages with UDP_SEGMENT */
	bool fail_only_sourced;
	int most;	/* messages taken by one call */
	int wait_takes; /* ms until there is room */

	int calls, waits, seen;
	size_t bytes;
	uint8_t data[1 << 20];
	int datagrams, messages;
} kernel;

static const struct cmsghdr *find_control(const struct msghdr *m, int level, int type)
{
	struct msghdr *h = (struct msghdr *)(uintptr_t)m;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return c;
	return NULL;
}

static bool refuses(const struct msghdr *m)
{
	if (kernel.fail_only_runs && !find_control(m, IPPROTO_UDP, UDP_SEGMENT))
		return false;
	if (kernel.fail_only_sourced && !find_control(m, IPPROTO_IP, IP_PKTINFO))
		return false;
	if (!kernel.fail_times || (kernel.fail_at >= 0 && kernel.seen != kernel.fail_at))
		return false;
	return true;
}

static void take(const struct msghdr *m)
{
	const struct cmsghdr *c = find_control(m, IPPROTO_UDP, UDP_SEGMENT);
	size_t length = m->msg_iov->iov_len;
	uint16_t size = (uint16_t)length;

	if (c)
		memcpy(&size, CMSG_DATA(c), sizeof(size));
	memcpy(kernel.data + kernel.bytes, m->msg_iov->iov_base, length);
	kernel.bytes += length;
	kernel.datagrams += (int)((length + size - 1) / size);
	kernel.messages++;
	kernel.seen++;
}

static int fake_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	kernel.calls++;
	for (unsigned i = 0; i < n; i++) {
		if (kernel.most && (int)i == kernel.most)
			return (int)i;
		if (refuses(&messages[i].msg_hdr)) {
			if (i)
				return (int)
					i; /* as the kernel: the error comes with the next call */
			kernel.fail_times -= kernel.fail_times > 0;
			errno = kernel.fail_errno;
			return -1;
		}
		take(&messages[i].msg_hdr);
	}
	return (int)n;
}

static int fake_wait(int fd, int ms)
{
	kernel.waits++;
	return ms > kernel.wait_takes ? ms - kernel.wait_takes : 0;
}

static const struct udp_calls fake = {fake_sendmmsg, fake_wait};
static const struct udp sockets = {4, 6};
static uint8_t bytes[UDP_RUNS * 8 * 100];
static struct udp_run runs[UDP_RUNS];

/* n runs of 8 datagrams of 100 bytes, the last of them shorter. */
static void make_runs(unsigned n)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.fail_at = -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)dice(256);
	for (unsigned i = 0; i < n; i++) {
		runs[i] = (struct udp_run){
			.at = bytes + i * 800, .length = 790, .size = 100, .ecn = 2};
		runs[i].to.remote.v4.sin_family = AF_INET;
		runs[i].to.local.v4.s_addr = htonl(0x0a000001);
	}
}

static uint32_t lost(unsigned n)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += runs[i].lost;
	return sum;
}

static bool all_arrived_in_order(unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; at += 790, i++)
		if (memcmp(kernel.data + at, runs[i].at, 790) != 0)
			return false;
	return kernel.bytes == at && kernel.datagrams == (int)(8 * n);
}

#define WITH_SENDER(s)                                                                             \
	for (struct udp_sender *s = udp_sender_new(&fake); s; udp_sender_free(s), s = NULL)

TEST(runs_go_out_by_one_call)
{
	WITH_SENDER(s)
	{
		make_runs(10);
		udp_send(s, &sockets, runs, 10);
		CHECK(kernel.calls == 1 && kernel.messages == 10);
		CHECK(all_arrived_in_order(10) && !lost(10));
	}
}

TEST(after_a_partial_send_the_rest_follows)
{
	WITH_SENDER(s)
	{
		for (int most = 1; most < 10; most++) {
			make_runs(10);
			kernel.most = most;
			udp_send(s, &sockets, runs, 10);
			CHECK(kernel.calls == (10 + most - 1) / most);
			CHECK(all_arrived_in_order(10) && !lost(10));
		}
	}
}

TEST(a_full_socket_is_waited_for)
{
	WITH_SENDER(s)
	{
		make_runs(10);
		kernel.fail_at = 4;
		kernel.fail_times = 1;
		kernel.fail_errno = EAGAIN;
		udp_send(s, &sockets, runs, 10);
		CHECK(kernel.waits == 1 && all_arrived_in_order(10) && !lost(10));
	}
}

TEST(a_full_socket_whose_room_somebody_else_took_is_waited_for_again)
{
	WITH_SENDER(s)
	{
		make_runs(10);
		kernel.fail_at = 4;
		kernel.fail_times = 3;
		kernel.fail_errno = EAGAIN;
		kernel.wait_takes = 30;
		udp_send(s, &sockets, runs, 10);
		CHECK(kernel.waits == 3 && all_arrived_in_order(10) && !lost(10));
		CHECK(udp_waited(s) == 90 * MILLISECOND);
	}
}

TEST(a_socket_that_stays_full_loses_what_does_not_fit_and_is_waited_for_100_ms_in_all)
{
	static const int takes[] = {1000, 40};

	for (int i = 0; i < 2; i++) {
		WITH_SENDER(s)
		{
			make_runs(3);
			kernel.fail_times = -1;
			kernel.fail_errno = EAGAIN;
			kernel.wait_takes = takes[i];
			udp_send(s, &sockets, runs, 3);
			CHECK(kernel.waits == (i ? 3 : 1));
			CHECK(lost(3) == 24 && runs[2].why == DROP_SEND_FULL);
			CHECK(runs[2].error == EAGAIN && udp_waited(s) == 100 * MILLISECOND);
		}
	}
}

TEST(a_full_queue_loses_that_run_and_no_other)
{
	WITH_SENDER(s)
	{
		make_runs(5);
		kernel.fail_at = 2;
		kernel.fail_times = 1;
		kernel.fail_errno = ENOBUFS;
		udp_send(s, &sockets, runs, 5);
		CHECK(runs[2].lost == 8 && runs[2].why == DROP_SEND_FULL && lost(5) == 8);
		CHECK(kernel.datagrams == 32 && udp_sends_runs(s));
	}
}

TEST(a_device_that_cannot_cut_gets_datagrams_one_by_one_from_then_on)
{
	WITH_SENDER(s)
	{
		make_runs(5);
		kernel.fail_times = -1;
		kernel.fail_only_runs = true;
		kernel.fail_errno = EIO;
		udp_send(s, &sockets, runs, 5);
		CHECK(all_arrived_in_order(5) && !lost(5) && !udp_sends_runs(s));
		make_runs(5);
		udp_send(s, &sockets, runs, 5);
		CHECK(all_arrived_in_order(5) && kernel.messages == 40);
	}
}

TEST(a_path_narrower_than_a_datagram_takes_that_run_one_by_one)
{
	static const int errors[] = {EMSGSIZE, EINVAL};

	for (size_t e = 0; e < 2; e++) {
		WITH_SENDER(s)
		{
			make_runs(5);
			kernel.fail_at = 3;
			kernel.fail_times = 1;
			kernel.fail_only_runs = true;
			kernel.fail_errno = errors[e];
			udp_send(s, &sockets, runs, 5);
			CHECK(all_arrived_in_order(5) && !lost(5) && udp_sends_runs(s));
			CHECK(kernel.messages == 4 + 8);
		}
	}
}

TEST(a_datagram_that_is_too_big_even_alone_is_lost_alone)
{
	WITH_SENDER(s)
	{
		make_runs(1);
		kernel.fail_times = 1;
		kernel.fail_errno = EMSGSIZE;
		kernel.fail_only_runs = true;
		udp_send(s, &sockets, runs, 1); /* one by one */
		CHECK(!lost(1));
		make_runs(1);
		runs[0].length = 100;
		kernel.fail_times = 1;
		kernel.fail_errno = EMSGSIZE;
		udp_send(s, &sockets, runs, 1);
		CHECK(runs[0].lost == 1 && runs[0].why == DROP_SEND_TOO_BIG);
	}
}

TEST(a_source_that_is_not_ours_any_more_is_forgotten)
{
	static const int errors[] = {EINVAL, ENETUNREACH, EADDRNOTAVAIL};

	for (size_t e = 0; e < 3; e++) {
		WITH_SENDER(s)
		{
			make_runs(2);
			kernel.fail_times = -1;
			kernel.fail_only_sourced = true;
			kernel.fail_errno = errors[e];
			udp_send(s, &sockets, runs, 2);
			CHECK(all_arrived_in_order(2) && !lost(2));
			CHECK(runs[0].forget && runs[1].forget);
		}
	}
}

TEST(every_other_refusal_has_its_reason)
{
	static const struct {
		int error;
		enum drop why;
	} table[] = {{ENETUNREACH, DROP_SEND_UNREACHABLE}, {EHOSTUNREACH, DROP_SEND_UNREACHABLE},
		{ENETDOWN, DROP_SEND_UNREACHABLE}, {EPERM, DROP_SEND_REFUSED},
		{EACCES, DROP_SEND_REFUSED}, {ENOMEM, DROP_SEND_FULL}, {EPROTO, DROP_SEND_FAILED}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		WITH_SENDER(s)
		{
			make_runs(2);
			kernel.fail_times = -1;
			kernel.fail_errno = table[i].error;
			udp_send(s, &sockets, runs, 2);
			CHECK(lost(2) == 16 && runs[0].why == table[i].why);
			CHECK(runs[1].error == table[i].error);
		}
	}
}

TEST(an_interrupted_call_is_repeated)
{
	WITH_SENDER(s)
	{
		make_runs(2);
		kernel.fail_times = 3;
		kernel.fail_errno = EINTR;
		udp_send(s, &sockets, runs, 2);
		CHECK(all_arrived_in_order(2) && !lost(2));
	}
}

/* From here on the real kernel, over the loopback device. */

static struct endpoint loopback(const struct udp *u, int family)
{
	struct endpoint e;

	memset(&e, 0, sizeof(e));
	if (family == AF_INET) {
		e.remote.v4.sin_family = AF_INET;
		e.remote.v4.sin_port = htons(udp_port(u));
		e.remote.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else {
		e.remote.v6.sin6_family = AF_INET6;
		e.remote.v6.sin6_port = htons(udp_port(u));
		e.remote.v6.sin6_addr = in6addr_loopback;
	}
	return e;
}

/* A run sent to `fd` of b; a busy machine may lose it, then it is sent again. */
static void send_and_receive(
	struct udp_sender *s, const struct udp *a, struct udp_receiver *r, int fd)
{
	uint8_t got[1000];
	uint32_t n = 0;

	for (int tries = 0; tries < 20000 && n < 790; tries++) {
		if (tries % 1000 == 0) {
			n = 0;
			udp_send(s, a, runs, 1);
			CHECK(!lost(1));
		}
		if (udp_receive(r, fd) == -EAGAIN) {
			usleep(500);
			continue;
		}
		for (unsigned i = 0; i < r->count && n < 790; i++) {
			const struct udp_bundle *b = &r->bundles[i];

			CHECK(b->size == 100 || b->length == 90);
			CHECK(!b->cut_off && endpoint_is_known(&b->from) && b->from.ifindex);
			CHECK(b->ecn == 2 && n + b->length <= sizeof(got));
			memcpy(got + n, b->at, b->length);
			n += b->length;
		}
	}
	CHECK(n == 790 && !memcmp(got, bytes, 790));
}

TEST(what_is_sent_arrives_with_its_congestion_bits_and_both_addresses)
{
	struct udp a, b;
	struct udp_receiver r;
	struct udp_sender *s = udp_sender_new(NULL);
	static const int families[] = {AF_INET, AF_INET6};

	CHECK(!udp_open(&a, 0, 0, NULL) && !udp_open(&b, 0, 0, NULL));
	CHECK(!udp_receiver_init(&r));
	for (int i = 0; i < 2; i++) {
		int fd = families[i] == AF_INET ? b.in4 : b.in6;

		if (fd < 0)
			continue; /* IPv6 is off here */
		make_runs(1);
		runs[0].to = loopback(&b, families[i]);
		send_and_receive(s, &a, &r, fd);
		CHECK(ntohs(r.bundles[0].from.remote.v4.sin_port) == udp_port(&a));
	}
	CHECK(udp_receive(&r, b.in4) == -EAGAIN);
	udp_receiver_done(&r);
	udp_sender_free(s);
	udp_close(&a);
	udp_close(&b);
}

TEST(a_port_in_use_is_refused_by_name)
{
	struct udp a, b;
	struct error e = {0};

	CHECK(!udp_open(&a, 0, 0, NULL));
	CHECK(udp_open(&b, udp_port(&a), 0, &e) == -EADDRINUSE);
	CHECK(strstr(e.text, "UDP port") && strstr(e.text, "in use"));
	udp_close(&a);
}

TEST(a_stale_source_does_not_stop_a_handshake)
{
	struct udp u;
	struct endpoint to;

	CHECK(!udp_open(&u, 0, 0, NULL));
	to = loopback(&u, AF_INET);
	to.local.v4.s_addr = htonl(0xc0000209); /* 192.0.2.9: nobody's */
	CHECK(!udp_send_one(&u, &to, UDP_TOS_HANDSHAKE, "x", 1));
	udp_close(&u);
}
