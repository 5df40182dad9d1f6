#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ipv6.h>

#include "log_test.h"
#include "packet_test.h"
#include "tun.h"

/* A device that is a socket: what it refuses, it refuses by the same numbers. */
static struct tun device_open(int type, int *other)
{
	struct tun t = {.queues = 1, .name = "t0", .joins = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP};
	int pair[2];

	CHECK(!socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair));
	t.queue[0] = pair[0];
	*other = pair[1];
	return t;
}

static void frame_fill(struct join_write *w, uint8_t *bytes, size_t length, uint8_t gso_type)
{
	memset(w, 0, sizeof(*w));
	w->vnet.gso_type = gso_type;
	w->pieces[0] = (struct iovec){&w->vnet, sizeof(w->vnet)};
	w->pieces[1] = (struct iovec){bytes, length};
	w->count = 2;
}

static uint8_t bytes[400000];

TEST(a_frame_for_a_device_whose_queue_is_full_is_lost_as_such)
{
	int other;
	struct tun t = device_open(SOCK_DGRAM, &other);
	struct join_write w;
	enum drop why = DROP_NONE;

	frame_fill(&w, bytes, 1000, VIRTIO_NET_HDR_GSO_NONE);
	for (int i = 0; i < 10000 && why == DROP_NONE; i++)
		why = tun_write(&t, &w); /* at last EAGAIN */
	CHECK(why == DROP_DEVICE_FULL);
	CHECK(t.joins == (JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP));
	tun_close(&t);
	close(other);
}

TEST(a_kind_of_superframe_that_is_refused_is_not_tried_again_and_the_others_are)
{
	static const struct {
		uint8_t type;
		unsigned left;
		const char *said;
	} kinds[] = {{VIRTIO_NET_HDR_GSO_TCPV4, JOIN_TCP6 | JOIN_UDP, "TCP over IPv4"},
		{VIRTIO_NET_HDR_GSO_TCPV6, JOIN_TCP4 | JOIN_UDP, "TCP over IPv6"},
		{VIRTIO_NET_HDR_GSO_UDP_L4, JOIN_TCP4 | JOIN_TCP6, "UDP"},
		{VIRTIO_NET_HDR_GSO_NONE, JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP, NULL}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int other;
		struct tun t = device_open(SOCK_DGRAM, &other);
		struct join_write w;
		char want[128] = "", *log;

		frame_fill(&w, bytes, sizeof(bytes), kinds[i].type); /* EMSGSIZE */
		log_catch();
		CHECK(tun_write(&t, &w) == DROP_DEVICE_REFUSED);
		CHECK(tun_write(&t, &w) == DROP_DEVICE_REFUSED);
		log = log_caught();
		CHECK(t.joins == kinds[i].left);
		if (kinds[i].said) /* once */
			snprintf(want, sizeof(want),
				"the device refuses superframes of %s (Message too long): from now "
				"on packet by packet\n",
				kinds[i].said);
		CHECK_TEXT(log, want);
		tun_close(&t);
		close(other);
	}
}

TEST(an_empty_device_says_so_and_a_frame_comes_behind_its_header)
{
	static uint8_t at[TUN_READ_MOST];
	struct virtio_net_hdr vnet = {.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1200};
	int other;
	struct tun t = device_open(SOCK_DGRAM, &other);
	struct iovec pieces[] = {{&vnet, sizeof(vnet)}, {bytes, 5000}};

	CHECK(tun_read(&t, 0, at) == -EAGAIN);
	CHECK(writev(other, pieces, 2) > 0);
	CHECK(tun_read(&t, 0, at) == 5000);
	CHECK(!memcmp(at, &vnet, sizeof(vnet)));
	CHECK(tun_read(&t, 0, at) == -EAGAIN);
	tun_close(&t);
	close(other);
}

enum { NO_DEVICE = 77 };

/* A real one, in a network namespace of a process of its own. */
static int try_a_device_that_is_down(void)
{
	struct ifreq r = {.ifr_name = "t0"};
	struct error e;
	struct join_write w;
	struct tun t;
	int fd;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return NO_DEVICE;
	if (tun_open(&t, "t0", true, 1, &e))
		return NO_DEVICE;
	bytes[0] = 0x45; /* IPv4 */
	frame_fill(&w, bytes, 100, VIRTIO_NET_HDR_GSO_NONE);
	if (tun_write(&t, &w) != DROP_DEVICE_DOWN) /* EIO */
		return 1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCGIFTXQLEN, &r) || r.ifr_qlen <= 500)
		return 2;
	return 0;
}

/* 6.2 and later cut and take UDP, too. */
static unsigned kinds_of_this_kernel(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	return JOIN_TCP4 | JOIN_TCP6 | (major > 6 || (major == 6 && minor >= 2) ? JOIN_UDP : 0);
}

static bool device_up(const char *name, const char *address, const char *mask)
{
	struct ifreq r = {0};
	struct sockaddr_in *in = (void *)&r.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool ok;

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	ok = !ioctl(fd, SIOCSIFADDR, &r);
	inet_pton(AF_INET, mask, &in->sin_addr);
	ok = ok && !ioctl(fd, SIOCSIFNETMASK, &r);
	r.ifr_flags = IFF_UP;
	ok = ok && !ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return ok;
}

/* The kernel gives it free in its own time, though nobody is asked whether it is taken. */
static bool address6_add(const char *name, const char *address)
{
	struct in6_ifreq r = {.ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(name)};
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), tries = 5000;
	bool ok;

	inet_pton(AF_INET6, address, &r.ifr6_addr);
	a.sin6_addr = r.ifr6_addr;
	ok = fd >= 0 && !ioctl(fd, SIOCSIFADDR, &r);
	while (ok && bind(fd, (void *)&a, sizeof(a)) && --tries)
		usleep(1000);
	close(fd);
	return ok && tries;
}

/* --- superframes --------------------------------------------------------- */

enum { JOINED = 10, PAYLOAD = 1000 };

static uint32_t make_one(uint8_t *at, int version, int protocol, uint32_t i)
{
	struct made m = {version, protocol, .host = 1, .flags = TCP_ACK};

	m.sequence = i * PAYLOAD;
	m.payload = PAYLOAD;
	return make_packet(at, &m);
}

/* Packets of one flow as one frame; DROP_REASONS: they were not joined. */
static enum drop write_joined(struct tun *t, int version, int protocol)
{
	static uint8_t room[JOINED][PAYLOAD + PACKET_HEADER_MOST];
	static struct join j;
	struct join_write w;
	struct packet p;

	j = (struct join){.allowed = tun_joins(t)};
	for (uint32_t i = 0; i < JOINED; i++)
		if (!packet_parse(&p, room[i], make_one(room[i], version, protocol, i)) ||
			!join_add(&j, &p, NULL))
			return DROP_REASONS;
	if (j.frame_count != 1)
		return DROP_REASONS;
	join_frame(&j, 0, &w);
	return tun_write(t, &w);
}

static int listen_at(int family)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(5001)};
	int fd = socket(family, SOCK_DGRAM, 0), one = 1;

	a.sin6_port = htons(5001);
	if (family == AF_INET)
		return bind(fd, (void *)&a4, sizeof(a4)) ? -1 : fd;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	return bind(fd, (void *)&a, sizeof(a)) ? -1 : fd;
}

/* The payloads of write_joined(), each a datagram, in order. */
static bool datagrams_arrive(int fd, int version)
{
	uint8_t want[PAYLOAD + PACKET_HEADER_MOST], got[PAYLOAD + 1];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (uint32_t i = 0; i < JOINED; i++) {
		uint32_t length = make_one(want, version, IPPROTO_UDP, i);

		if (poll(&p, 1, 5000) != 1 || recv(fd, got, sizeof(got), 0) != PAYLOAD ||
			memcmp(got, want + length - PAYLOAD, PAYLOAD) != 0)
			return false;
	}
	return true;
}

static int try_superframes(void)
{
	int in4, in6;
	struct error e;
	struct tun t;

	if (unshare(CLONE_NEWNET) || tun_open(&t, "t2", true, 1, &e) ||
		!device_up("t2", "10.0.1.1", "255.255.0.0"))
		return NO_DEVICE;
	if (tun_joins(&t) != kinds_of_this_kernel())
		return 1;
	if (write_joined(&t, 4, IPPROTO_TCP) != DROP_NONE)
		return 2;
	if (write_joined(&t, 6, IPPROTO_TCP) != DROP_NONE)
		return 3;
	if (!(tun_joins(&t) & JOIN_UDP))
		return 0; /* this kernel knows no more */
	if ((in4 = listen_at(AF_INET)) < 0 || write_joined(&t, 4, IPPROTO_UDP) != DROP_NONE)
		return 4;
	if (!datagrams_arrive(in4, 4))
		return 5;
	if (!address6_add("t2", "fd00::fe")) /* as in make_packet() */
		return NO_DEVICE;
	if ((in6 = listen_at(AF_INET6)) < 0 || write_joined(&t, 6, IPPROTO_UDP) != DROP_NONE)
		return 6;
	if (!datagrams_arrive(in6, 6))
		return 7;
	return tun_joins(&t) == kinds_of_this_kernel() ? 0 : 8;
}

static int try_without_offload(void)
{
	struct error e;
	struct tun t;

	if (unshare(CLONE_NEWNET) || tun_open(&t, "t3", false, 1, &e))
		return NO_DEVICE;
	return tun_joins(&t) ? 1 : 0;
}

/* --- queues -------------------------------------------------------------- */

/* A packet as it is, to the address in it. */
static bool send_raw(int fd, void *at, size_t length)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	struct packet p;
	ssize_t n;

	if (!packet_parse(&p, at, length))
		return false;
	memcpy(&to4.sin_addr, packet_destination(&p), sizeof(to4.sin_addr));
	if (p.version == 4)
		return sendto(fd, at, length, 0, (void *)&to4, sizeof(to4)) == (ssize_t)length;
	memcpy(&to6.sin6_addr, packet_destination(&p), sizeof(to6.sin6_addr));
	n = sendto(fd, at, length, 0, (void *)&to6, sizeof(to6));
	return n == (ssize_t)length;
}

enum { FLOWS = 64, EACH = 3, MANY = 4, FIRST_PORT = 4000 }; /* the port as in make_packet() */

/* Which flow: by the last byte of its source, and its source port where it has one. */
static unsigned flow_of(const struct packet *p)
{
	unsigned host = p->at[p->version == 4 ? offsetof(struct ip4, source) + 3
					      : offsetof(struct ip6, source) + 15];
	const be16 *port = (const void *)(p->at + p->l4);

	return (host + (p->whole ? be16_get(*port) - FIRST_PORT : 0U)) % FLOWS;
}

/* Returns 0 when all packets have come, those of a flow in one queue, and there are flows in all.
 * (64 flows miss one of four queues once in 10^7 runs.) */
static int queues_look(const struct tun *t)
{
	static uint8_t at[TUN_READ_MOST];
	int queue[FLOWS], n = 0, used = 0;

	for (int i = 0; i < FLOWS; i++)
		queue[i] = -1;
	for (unsigned q = 0; q < t->queues; q++) {
		ssize_t length;

		while ((length = tun_read(t, q, at)) > 0) {
			struct packet p;
			int *its;

			if (!packet_parse(&p, at + sizeof(struct virtio_net_hdr), (size_t)length) ||
				(p.protocol != IPPROTO_TCP && p.protocol != IPPROTO_UDP &&
					p.protocol != IPPROTO_FRAGMENT))
				continue; /* the stack's own */
			its = &queue[flow_of(&p)];
			if (*its >= 0 && *its != (int)q)
				return 1;
			*its = (int)q;
			used |= 1 << q;
			n++;
		}
	}
	if (n != FLOWS * EACH)
		return 2;
	return used == (1 << MANY) - 1 ? 0 : 3;
}

/* Makes a fragment of a packet: its first, or one behind it, which has no ports. */
static uint32_t make_fragment(uint8_t *at, int version, uint32_t length, bool first)
{
	struct ip6 *ip = (void *)at;

	if (version == 4) {
		((struct ip4 *)(void *)at)->fragment = be16_put(first ? 0x2000 : 8);
		packet_finish_ip4(at);
		if (!first)
			memset(at + sizeof(struct ip4), (int)length, 4);
		return length;
	}
	memmove(at + sizeof(*ip) + 8, at + sizeof(*ip), length - sizeof(*ip));
	memcpy(at + sizeof(*ip), (uint8_t[]){ip->protocol, 0, 0, first ? 1 : 64, 0, 0, 0, 7}, 8);
	ip->protocol = IPPROTO_FRAGMENT;
	ip->length = be16_put((uint16_t)(length + 8 - sizeof(*ip)));
	return length + 8;
}

/* Packets of FLOWS flows, whose lengths, numbers and congestion marks are all different. */
enum flows { BY_HOST, BY_PORT, UDP_AND_FRAGMENTS, TCP_FRAGMENTS, KINDS };

static bool send_flows(int raw, int version, enum flows kind)
{
	for (uint32_t i = 0; i < FLOWS * EACH; i++) {
		uint32_t flow = i % FLOWS, round = i / FLOWS, length;
		struct made m = {version, kind == UDP_AND_FRAGMENTS ? IPPROTO_UDP : IPPROTO_TCP,
			.host = (uint8_t)(kind == BY_PORT ? 0 : flow), .ecn = (uint8_t)round,
			.flags = TCP_ACK, .id = (uint16_t)(i + 1), .sequence = 1000 * i,
			.payload = 50 + 8 * round};

		length = make_packet(bytes, &m);
		if (kind == BY_PORT) {
			be16 port = be16_put((uint16_t)(FIRST_PORT + flow));

			memcpy(bytes + (version == 4 ? sizeof(struct ip4) : sizeof(struct ip6)),
				&port, sizeof(port));
		}
		if (kind == TCP_FRAGMENTS || (kind == UDP_AND_FRAGMENTS && round))
			length = make_fragment(bytes, version, length, !round);
		if (!send_raw(raw, bytes, length))
			return false;
	}
	return true;
}

static int try_flows_in_queues(int version)
{
	struct error e;
	struct tun t;
	int raw;

	if (unshare(CLONE_NEWNET) || tun_open(&t, "t1", true, MANY, &e) || t.queues < MANY)
		return NO_DEVICE;
	raw = socket(version == 4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (raw < 0 || !device_up("t1", "10.0.2.1", "255.255.0.0") ||
		(version == 6 && !address6_add("t1", "fd00::1:0")))
		return NO_DEVICE;
	for (enum flows kind = BY_HOST; kind < KINDS; kind++) {
		int wrong = send_flows(raw, version, kind) ? queues_look(&t) : 4;

		if (wrong)
			return 10 * (int)kind + wrong;
	}
	return 0;
}

/* Somebody else has made the device, for one queue or for several. */
static int try_a_device_that_is_there(void)
{
	struct error e;
	struct tun t;

	if (unshare(CLONE_NEWNET))
		return NO_DEVICE;
	for (unsigned made = 1; made <= 2; made++) {
		const char *name = made == 1 ? "t2" : "t3";

		if (tun_open(&t, name, true, made, &e) || t.queues != made)
			return NO_DEVICE;
		ioctl(t.queue[0], TUNSETPERSIST, 1UL);
		tun_close(&t);
		for (unsigned wanted = 1; wanted <= 2; wanted++) {
			if (tun_open(&t, name, true, wanted, &e))
				return 1;
			if (t.queues != (made < wanted ? made : wanted))
				return 2;
			tun_close(&t);
		}
	}
	return 0;
}

static int try_flows4_in_queues(void)
{
	return try_flows_in_queues(4);
}

static int try_flows6_in_queues(void)
{
	return try_flows_in_queues(6);
}

/* In a process of its own, which answers 0, or the number of what was wrong. */
static void check_in_a_process(int (*try)(void))
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(try());
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_DEVICE) {
		printf("# not tried: no such device can be had here\n");
		return;
	}
	if (WEXITSTATUS(status))
		printf("# it answered %d\n", WEXITSTATUS(status));
	CHECK(!WEXITSTATUS(status));
}

TEST(a_device_that_is_down_takes_nothing_and_its_queue_is_long)
{
	check_in_a_process(try_a_device_that_is_down);
}

TEST(the_kernel_takes_a_superframe_of_each_kind_and_hands_on_its_packets)
{
	check_in_a_process(try_superframes);
}

TEST(without_offload_there_are_no_superframes)
{
	check_in_a_process(try_without_offload);
}

TEST(a_flow_is_always_in_the_same_queue_and_flows_are_in_all)
{
	check_in_a_process(try_flows4_in_queues);
	check_in_a_process(try_flows6_in_queues);
}

TEST(a_device_that_somebody_else_made_is_opened_as_what_it_is)
{
	check_in_a_process(try_a_device_that_is_there);
}
