#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "packet_test.h"
#include "tun.h"

/* A device that is a socket: what it refuses, it refuses by the same numbers. */
static struct tun device_open(int type, int *other)
{
	struct tun t = {.queues = 1, .joins = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP};
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
	} kinds[] = {{VIRTIO_NET_HDR_GSO_TCPV4, JOIN_TCP6 | JOIN_UDP},
		{VIRTIO_NET_HDR_GSO_TCPV6, JOIN_TCP4 | JOIN_UDP},
		{VIRTIO_NET_HDR_GSO_UDP_L4, JOIN_TCP4 | JOIN_TCP6},
		{VIRTIO_NET_HDR_GSO_NONE, JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int other;
		struct tun t = device_open(SOCK_DGRAM, &other);
		struct join_write w;

		frame_fill(&w, bytes, sizeof(bytes), kinds[i].type); /* EMSGSIZE */
		CHECK(tun_write(&t, &w) == DROP_DEVICE_REFUSED);
		CHECK(t.joins == kinds[i].left);
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

/* A packet as it is, to the address in it. */
static bool send_raw(int fd, const void *packet, size_t length)
{
	struct sockaddr_in to = {.sin_family = AF_INET};

	memcpy(&to.sin_addr, (const uint8_t *)packet + 16, 4);
	return sendto(fd, packet, length, 0, (void *)&to, sizeof(to)) == (ssize_t)length;
}

enum { HOSTS = 64, MANY = 4 };

/* In which queue the packets of each flow lie; false: in more than one.  Their number goes to n. */
static bool queues_of(const struct tun *t, int protocol, int queue[HOSTS], int *n)
{
	static uint8_t at[TUN_READ_MOST];
	struct packet p;

	*n = 0;
	for (int i = 0; i < HOSTS; i++)
		queue[i] = -1;
	for (unsigned q = 0; q < t->queues; q++) {
		ssize_t length;

		while ((length = tun_read(t, q, at)) > 0) {
			uint8_t *packet = at + sizeof(struct virtio_net_hdr);
			int *its = &queue[packet[15] % HOSTS];

			if (!packet_parse(&p, packet, (size_t)length) || p.version != 4 ||
				p.protocol != protocol)
				continue;
			if (*its >= 0 && *its != (int)q)
				return false;
			*its = (int)q;
			++*n;
		}
	}
	return true;
}

static int try_flows_in_queues(void)
{
	int raw, n, queue[HOSTS], used = 0;
	struct error e;
	struct tun t;

	if (unshare(CLONE_NEWNET) || tun_open(&t, "t1", true, MANY, &e) || t.queues < MANY)
		return NO_DEVICE;
	raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (raw < 0 || !device_up("t1", "10.0.2.1", "255.255.0.0"))
		return NO_DEVICE;
	for (int i = 0; i < 3 * HOSTS; i++) {
		struct made m = {4, IPPROTO_TCP, (uint8_t)(i % HOSTS), TCP_ACK, .payload = 50};

		if (!send_raw(raw, bytes, make_packet(bytes, &m)))
			return 1;
	}
	if (!queues_of(&t, IPPROTO_TCP, queue, &n) || n != 3 * HOSTS)
		return 2;
	for (int i = 0; i < HOSTS; i++)
		used |= 1 << queue[i];
	if (used != (1 << MANY) - 1) /* 64 flows miss one of four queues once in 10^7 runs */
		return 3;
	/* A fragment, which has no ports, and a whole datagram. */
	for (int i = 0; i < 2 * HOSTS; i++) {
		struct made m = {4, IPPROTO_UDP, (uint8_t)(i % HOSTS), .id = 7, .payload = 64};
		uint32_t length = make_packet(bytes, &m);

		if (i >= HOSTS) {
			((struct ip4 *)(void *)bytes)->fragment = be16_put(8);
			packet_finish_ip4(bytes);
		}
		if (!send_raw(raw, bytes, length))
			return 4;
	}
	return queues_of(&t, IPPROTO_UDP, queue, &n) && n == 2 * HOSTS ? 0 : 5;
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

static void check_in_a_process(int (*try)(void))
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(try());
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK(!WEXITSTATUS(status) || WEXITSTATUS(status) == NO_DEVICE);
}

TEST(a_device_that_is_down_takes_nothing_and_its_queue_is_long)
{
	check_in_a_process(try_a_device_that_is_down);
}

TEST(a_flow_is_always_in_the_same_queue_and_flows_are_in_all)
{
	check_in_a_process(try_flows_in_queues);
}

TEST(a_device_that_somebody_else_made_is_opened_as_what_it_is)
{
	check_in_a_process(try_a_device_that_is_there);
}
