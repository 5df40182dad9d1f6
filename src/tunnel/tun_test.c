#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "tun.h"

/* A device that is a socket: what it refuses, it refuses by the same numbers. */
static struct tun device_open(int type, int *other)
{
	struct tun t = {.fd = -1, .joins = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP};
	int pair[2];

	CHECK(!socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair));
	t.fd = pair[0];
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

	CHECK(tun_read(&t, at) == -EAGAIN);
	CHECK(writev(other, pieces, 2) > 0);
	CHECK(tun_read(&t, at) == 5000);
	CHECK(!memcmp(at, &vnet, sizeof(vnet)));
	CHECK(tun_read(&t, at) == -EAGAIN);
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
	if (tun_open(&t, "t0", true, &e))
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

TEST(a_device_that_is_down_takes_nothing_and_its_queue_is_long)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(try_a_device_that_is_down());
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	CHECK(!WEXITSTATUS(status) || WEXITSTATUS(status) == NO_DEVICE);
}
