/* udp.c - the sockets themselves; udp_send.c and udp_receive.c move the data */
#include "tunnel/udp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tunnel/vnet.h"

enum {
	BUFFER = 7 << 20, /* of each socket, both ways, where we may */
	PORT_TRIES = 50,  /* to find one that is free in both families */
};

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static void set_buffer(int fd, int force, int polite)
{
	if (set(fd, SOL_SOCKET, force, BUFFER))
		set(fd, SOL_SOCKET, polite, BUFFER);
}

static int set_options(int fd, int family, uint32_t fwmark)
{
	int err = 0;

	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	set(fd, IPPROTO_UDP, UDP_GRO, 1); /* without, datagrams come one by one */
	if (family == AF_INET) {
		err = err ? err : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		err = err ? err : set(fd, IPPROTO_IP, IP_RECVTOS, 1);
		err = err ? err : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	} else {
		err = err ? err : set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		err = err ? err : set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		err = err ? err : set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		err = err ? err : set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	}
	if (fwmark)
		err = err ? err : set(fd, SOL_SOCKET, SO_MARK, (int)fwmark);
	return err;
}

static int bind_one(int family, uint16_t port, uint32_t fwmark)
{
	struct sockaddr_storage any = {0};
	socklen_t size =
		family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int err;

	if (fd < 0)
		return -errno;
	any.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)&any)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&any)->sin6_port = htons(port);
	err = set_options(fd, family, fwmark);
	if (!err && bind(fd, (struct sockaddr *)&any, size))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static bool family_is_absent(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL || err == -EPROTONOSUPPORT;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t size = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&a, &size))
		return 0;
	return ntohs(a.sin6_port); /* at the same place in both families */
}
_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
	"port_of() reads both");

int udp_open(struct udp *u, uint16_t port, uint32_t fwmark, struct error *e)
{
	int in4 = -1, in6 = -1;

	for (int tries = 0; tries < (port ? 1 : PORT_TRIES); tries++) {
		in4 = bind_one(AF_INET, port, fwmark);
		if (in4 < 0 && !family_is_absent(in4))
			break;
		in6 = bind_one(AF_INET6, port ? port : port_of(in4), fwmark);
		if (in6 != -EADDRINUSE)
			break;
		if (in4 >= 0)
			close(in4);
		in4 = -EADDRINUSE;
	}
	if ((in4 < 0 && !family_is_absent(in4)) || (in4 < 0 && in6 < 0))
		return error_errno(e, -in4, "UDP port %u", port);
	if (in6 < 0 && !family_is_absent(in6)) {
		if (in4 >= 0)
			close(in4);
		return error_errno(e, -in6, "UDP port %u (IPv6)", port);
	}
	*u = (struct udp){.in4 = in4 < 0 ? -1 : in4, .in6 = in6 < 0 ? -1 : in6};
	return 0;
}

void udp_close(struct udp *u)
{
	if (u->in4 >= 0)
		close(u->in4);
	if (u->in6 >= 0)
		close(u->in6);
	*u = (struct udp){-1, -1};
}

uint16_t udp_port(const struct udp *u)
{
	return port_of(u->in4 >= 0 ? u->in4 : u->in6);
}

int udp_set_fwmark(const struct udp *u, uint32_t fwmark)
{
	int err = 0;

	if (u->in4 >= 0)
		err = set(u->in4, SOL_SOCKET, SO_MARK, (int)fwmark);
	if (!err && u->in6 >= 0)
		err = set(u->in6, SOL_SOCKET, SO_MARK, (int)fwmark);
	return err;
}
