#include "see/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/scoped.h"

/* Protocol 0 until packet_bind(), so that nothing arrives before the filter stands. */
static int socket_here(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int packet_open(int netns, struct error *e)
{
	SCOPED_FD int home = -1;
	int fd;

	if (netns >= 0) {
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0)
			return error_errno(e, errno, "/proc/thread-self/ns/net");
		if (setns(netns, CLONE_NEWNET))
			return error_errno(e, errno, "cannot enter the namespace");
	}
	fd = socket_here();
	if (netns >= 0 && setns(home, CLONE_NEWNET)) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return error_errno(e, err, "cannot return from the namespace");
	}
	if (fd < 0)
		return error_errno(e, -fd, "packet socket%s",
			fd == -EPERM ? " (needs the capability CAP_NET_RAW)" : "");
	return fd;
}

int packet_device_find(int socket, const char *name, struct packet_device *d)
{
	struct packet_device found = {0};
	struct ifreq r = {0};

	if (strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	memcpy(r.ifr_name, name, strlen(name));
	memcpy(found.name, name, strlen(name));
	if (ioctl(socket, SIOCGIFINDEX, &r))
		return -errno;
	found.index = r.ifr_ifindex;
	if (ioctl(socket, SIOCGIFHWADDR, &r))
		return -errno;
	found.hatype = r.ifr_hwaddr.sa_family;
	*d = found;
	return 0;
}

int packet_bind(int socket, int index)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};

	return bind(socket, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
}

int packet_counters(int socket, uint64_t *arrived, uint64_t *lost)
{
	struct tpacket_stats s;
	socklen_t size = sizeof(s);

	if (getsockopt(socket, SOL_PACKET, PACKET_STATISTICS, &s, &size))
		return -errno;
	*arrived = s.tp_packets; /* the kernel has added those lost */
	*lost = s.tp_drops;
	return 0;
}
