#include "tunnel/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scoped.h"
#include "tunnel/steer.h"

enum { QUEUE = 2000 }; /* frames */

/* What we ask for, in turn, until the kernel agrees. */
static const unsigned offers[] = {
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, /* before Linux 6.2 */
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
	TUN_F_CSUM,
	0,
};

static unsigned negotiate(int fd, bool offload)
{
	size_t i = offload ? 0 : sizeof(offers) / sizeof(offers[0]) - 1;

	while (offers[i] && ioctl(fd, TUNSETOFFLOAD, (unsigned long)offers[i]))
		i++;
	if (!offers[i])
		ioctl(fd, TUNSETOFFLOAD, 0UL);
	/* A kernel that cuts a kind for us also takes it. */
	return (offers[i] & TUN_F_TSO4 ? JOIN_TCP4 : 0) | (offers[i] & TUN_F_TSO6 ? JOIN_TCP6 : 0) |
	       (offers[i] & TUN_F_USO4 ? JOIN_UDP : 0);
}

/* Where it may not be, the device is as good with a short one. */
static void lengthen_queue(const struct ifreq *device)
{
	SCOPED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = *device;

	r.ifr_qlen = QUEUE;
	if (fd >= 0)
		ioctl(fd, SIOCSIFTXQLEN, &r);
}

/* Returns a descriptor, or -errno with where it was refused. */
static int queue_open(struct ifreq *r, const char **where)
{
	SCOPED_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	*where = ": /dev/net/tun";
	if (fd < 0)
		return -errno;
	*where = "";
	return ioctl(fd, TUNSETIFF, r) ? -errno : keep(&fd);
}

static int first_queue_open(struct ifreq *r, const char **where)
{
	int fd = queue_open(r, where);

	if (fd != -EINVAL)
		return fd;
	r->ifr_flags ^= IFF_MULTI_QUEUE; /* somebody else has made it, of the other kind */
	return queue_open(r, where);
}

/* As many as are wanted and can be had: one is enough. */
static void open_more(struct tun *t, struct ifreq *r, unsigned queues, int program)
{
	const char *where;

	if (program < 0 || !(r->ifr_flags & IFF_MULTI_QUEUE) || steer_set(t->queue[0], program))
		return;
	while (t->queues < queues) {
		int fd = queue_open(r, &where);

		if (fd < 0)
			return;
		t->queue[t->queues++] = fd;
	}
}

int tun_open(struct tun *t, const char *name, bool offload, unsigned queues, struct error *e)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	SCOPED_FD int program = queues > 1 ? steer_load() : -1;
	const char *where;
	int fd;

	if (!*name || strlen(name) >= sizeof(r.ifr_name))
		return error_set(e, EINVAL, "device %s: expected a name of 1 to %zu characters",
			name, sizeof(r.ifr_name) - 1);
	if (program >= 0)
		r.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(r.ifr_name, name, strlen(name));
	fd = first_queue_open(&r, &where);
	if (fd < 0)
		return error_errno(e, -fd, "device %s%s", name, where);
	lengthen_queue(&r);
	*t = (struct tun){.queue = {fd}, .queues = 1, .joins = negotiate(fd, offload)};
	memcpy(t->name, r.ifr_name, sizeof(t->name));
	open_more(t, &r, queues, program);
	if (t->queues < queues)
		log_info("the device has %u of %u queues: fewer threads can read it", t->queues,
			queues);
	return 0;
}

void tun_close(struct tun *t)
{
	while (t->queues)
		close(t->queue[--t->queues]);
}

int tun_set_mtu(const struct tun *t, uint32_t mtu, struct error *e)
{
	SCOPED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_mtu = (int)mtu};

	memcpy(r.ifr_name, t->name, sizeof(r.ifr_name));
	if (fd < 0 || ioctl(fd, SIOCSIFMTU, &r))
		return error_errno(e, errno, "device %s: MTU %u", t->name, mtu);
	return 0;
}

ssize_t tun_read(const struct tun *t, unsigned queue, void *at)
{
	ssize_t n = read(t->queue[queue], at, TUN_READ_MOST);

	if (n < 0)
		return -errno;
	n -= (ssize_t)sizeof(struct virtio_net_hdr);
	return n > 0 ? n : 0;
}

/* Said once: who asks for it first has taken it away. */
static void forget(struct tun *t, unsigned kind, const char *what, int error)
{
	if (atomic_fetch_and_explicit(&t->joins, ~kind, memory_order_relaxed) & kind)
		log_warning("the device refuses superframes of %s (%s): from now on packet by "
			    "packet",
			what, strerror(error));
}

static void demote(struct tun *t, uint8_t type, int error)
{
	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		forget(t, JOIN_TCP4, "TCP over IPv4", error);
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		forget(t, JOIN_TCP6, "TCP over IPv6", error);
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		forget(t, JOIN_UDP, "UDP", error);
		break;
	default:
		break;
	}
}

enum drop tun_write(struct tun *t, const struct join_write *w)
{
	while (writev(t->queue[0], w->pieces, w->count) < 0) {
		switch (errno) {
		case EINTR:
			continue;
		case EIO:    /* it is down */
		case EBADFD: /* somebody deleted it */
			return DROP_DEVICE_DOWN;
		case EAGAIN:
		case ENOMEM:
		case ENOBUFS:
			return DROP_DEVICE_FULL;
		default:
			demote(t, w->vnet.gso_type, errno);
			return DROP_DEVICE_REFUSED;
		}
	}
	return DROP_NONE;
}
