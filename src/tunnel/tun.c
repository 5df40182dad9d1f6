#include "tunnel/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scoped.h"

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

int tun_open(struct tun *t, const char *name, bool offload, struct error *e)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	SCOPED_FD int fd = -1;

	if (!*name || strlen(name) >= sizeof(r.ifr_name))
		return error_set(e, EINVAL, "device %s: expected a name of 1 to %zu characters",
			name, sizeof(r.ifr_name) - 1);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_errno(e, errno, "/dev/net/tun");
	memcpy(r.ifr_name, name, strlen(name));
	if (ioctl(fd, TUNSETIFF, &r))
		return error_errno(e, errno, "device %s", name);
	lengthen_queue(&r);
	*t = (struct tun){.joins = negotiate(fd, offload)};
	memcpy(t->name, r.ifr_name, sizeof(t->name));
	t->fd = keep(&fd);
	return 0;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
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

ssize_t tun_read(const struct tun *t, void *at)
{
	ssize_t n = read(t->fd, at, TUN_READ_MOST);

	if (n < 0)
		return -errno;
	n -= (ssize_t)sizeof(struct virtio_net_hdr);
	return n > 0 ? n : 0;
}

static void demote(struct tun *t, uint8_t type)
{
	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		t->joins &= ~(unsigned)JOIN_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		t->joins &= ~(unsigned)JOIN_TCP6;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		t->joins &= ~(unsigned)JOIN_UDP;
		break;
	default:
		break;
	}
}

enum drop tun_write(struct tun *t, const struct join_write *w)
{
	while (writev(t->fd, w->pieces, w->count) < 0) {
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
			demote(t, w->vnet.gso_type);
			return DROP_DEVICE_REFUSED;
		}
	}
	return DROP_NONE;
}
