#include "see/probe.h"

#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"

enum { ECHO_HEADER = 8 };

static int64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

const uint8_t *probe_ip(const union probe_address *a)
{
	return a->any.sa_family == AF_INET6 ? a->v6.sin6_addr.s6_addr
					    : (const uint8_t *)&a->v4.sin_addr;
}

static socklen_t address_size(const union probe_address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

static uint16_t address_port(const union probe_address *a)
{
	return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

static void address_port_set(union probe_address *a, uint16_t port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

/* A raw socket where we may, as ping has always done; else a ping socket. */
static int socket_make(struct probe *p)
{
	int domain = p->destination.any.sa_family, flags = SOCK_CLOEXEC | SOCK_NONBLOCK, fd;
	int icmp = domain == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	if (p->proto == PROBE_UDP)
		return socket(domain, SOCK_DGRAM | flags, IPPROTO_UDP);
	if (p->proto == PROBE_TCP)
		return socket(domain, SOCK_STREAM | flags, IPPROTO_TCP);
	fd = socket(domain, SOCK_RAW | flags, icmp);
	p->raw = fd >= 0;
	if (fd < 0)
		fd = socket(domain, SOCK_DGRAM | flags, icmp);
	return fd;
}

static bool refused(struct probe *p, enum probe_stage stage)
{
	p->stage = stage;
	p->error = errno;
	return false;
}

static void options_set(const struct probe *p, const struct question *q)
{
	int discover = q->df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT, one = 1;

	/* With DF: refuse what our own device cannot carry, as `ping -M do` does. */
	if (q->df)
		discover = IP_PMTUDISC_DO;
	if (p->family == 4) {
		if (p->proto != PROBE_TCP)
			setsockopt(p->fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
		setsockopt(p->fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	} else {
		discover = q->df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_WANT;
		if (p->proto != PROBE_TCP)
			setsockopt(p->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover,
				sizeof(discover));
		if (q->df)
			setsockopt(p->fd, IPPROTO_IPV6, IPV6_DONTFRAG, &one, sizeof(one));
		setsockopt(p->fd, IPPROTO_IPV6, IPV6_RECVERR, &one, sizeof(one));
	}
}

static bool bind_to(struct probe *p, const struct question *q)
{
	union probe_address *a = &p->source;
	socklen_t size;

	a->any.sa_family = p->destination.any.sa_family;
	if (q->source &&
		inet_pton(a->any.sa_family, q->source,
			p->family == 6 ? (void *)&a->v6.sin6_addr : (void *)&a->v4.sin_addr) != 1) {
		errno = EINVAL;
		return refused(p, PROBE_SOURCE);
	}
	if (p->family == 6)
		a->v6.sin6_scope_id = p->destination.v6.sin6_scope_id;
	if (bind(p->fd, &a->any, address_size(a)))
		return refused(p, PROBE_SOURCE);
	size = sizeof(*a);
	getsockname(p->fd, &a->any, &size);
	return true;
}

static bool prepare(struct probe *p, const struct question *q)
{
	if (q->device && setsockopt(p->fd, SOL_SOCKET, SO_BINDTODEVICE, q->device,
				 (socklen_t)strlen(q->device) + 1))
		return refused(p, PROBE_DEVICE);
	options_set(p, q);
	if (!bind_to(p, q))
		return false;
	if (p->proto == PROBE_ICMP) {
		p->first = p->raw ? p->first : address_port(&p->source);
		p->second = 1;
	} else {
		p->first = address_port(&p->source);
		p->second = address_port(&p->destination);
	}
	return true;
}

int probe_open(struct probe *p, const struct question *q, int netns,
	const union probe_address *destination, struct error *e)
{
	SCOPED_FD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int saved;

	*p = (struct probe){.fd = -1, .proto = q->proto, .destination = *destination};
	p->family = destination->any.sa_family == AF_INET6 ? 6 : 4;
	p->size = q->size ? q->size : WHY_SIZE_DEFAULT;
	if (p->size < PATH_TOKEN)
		p->size = PATH_TOKEN;
	if (getrandom(p->token, sizeof(p->token), 0) != sizeof(p->token) ||
		getrandom(&p->first, sizeof(p->first), 0) != sizeof(p->first))
		return error_errno(e, errno, "random numbers");
	if (q->proto != PROBE_ICMP)
		address_port_set(&p->destination, q->port ? q->port : WHY_PORT_DEFAULT);
	if (home < 0 || (netns >= 0 && node_go(netns)))
		return error_errno(e, errno, "entering the namespace");
	p->fd = socket_make(p);
	saved = errno;
	if (node_go(home))
		return error_errno(e, errno, "leaving the namespace");
	errno = saved;
	if (p->fd < 0) {
		refused(p, PROBE_SOCKET);
		return 0;
	}
	prepare(p, q);
	return 0;
}

static void checksum_put(uint8_t *packet, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)packet[i] << 8 | (i + 1 < n ? packet[i + 1] : 0u);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	packet[2] = (uint8_t)(~sum >> 8);
	packet[3] = (uint8_t)~sum;
}

/* Header and payload; returns how many bytes to send.  The kernel checks ICMPv6's sum itself. */
static size_t packet_fill(const struct probe *p, uint8_t *packet)
{
	size_t header = p->proto == PROBE_ICMP ? ECHO_HEADER : 0, n = header + (size_t)p->size;

	for (size_t i = header; i < n; i++)
		packet[i] = (uint8_t)i;
	memcpy(packet + header, p->token, PATH_TOKEN);
	if (!header)
		return n;
	memset(packet, 0, header);
	packet[0] = p->family == 6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	packet[4] = (uint8_t)(p->first >> 8);
	packet[5] = (uint8_t)p->first;
	packet[6] = (uint8_t)(p->second >> 8);
	packet[7] = (uint8_t)p->second;
	if (p->family == 4)
		checksum_put(packet, n);
	return n;
}

bool probe_send(struct probe *p)
{
	SCOPED_FREE uint8_t *packet = malloc(ECHO_HEADER + (size_t)p->size);
	union probe_address local;
	socklen_t size = sizeof(local);
	int result;

	if (p->error)
		return false;
	if (!packet) {
		errno = ENOMEM;
		return refused(p, PROBE_SEND);
	}
	p->sent = monotonic();
	do
		result = connect(p->fd, &p->destination.any, address_size(&p->destination));
	while (result < 0 && errno == EINTR);
	if (result < 0 && errno != EINPROGRESS) {
		/* Of a local TCP connection the refusal is the answer, not a missing route. */
		if (p->proto == PROBE_TCP && errno == ECONNREFUSED) {
			p->stage = PROBE_SENT;
			p->error = ECONNREFUSED;
			return true;
		}
		return refused(p, PROBE_CONNECT);
	}
	if (!getsockname(p->fd, &local.any, &size))
		p->source = local;
	if (p->proto == PROBE_TCP) {
		p->stage = PROBE_SENT;
		return true;
	}
	size_t n = packet_fill(p, packet);

	if (send(p->fd, packet, n, MSG_NOSIGNAL) < 0)
		return refused(p, PROBE_SEND);
	p->stage = PROBE_SENT;
	return true;
}

static bool echo_is_ours(const struct probe *p, const uint8_t *packet, size_t n)
{
	uint8_t reply = p->family == 6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
	size_t header = 0;

	if (p->raw && p->family == 4) {
		if (n < 20)
			return false;
		header = (size_t)(packet[0] & 15) * 4;
	}
	return n >= header + ECHO_HEADER + PATH_TOKEN && packet[header] == reply &&
	       !memcmp(packet + header + ECHO_HEADER, p->token, PATH_TOKEN);
}

static enum probe_answer error_answer(struct probe *p, int error)
{
	p->error = error;
	p->received = monotonic();
	return error == ECONNREFUSED ? ANSWER_REFUSED : ANSWER_ERROR;
}

static enum probe_answer tcp_answer(struct probe *p)
{
	union probe_address peer;
	socklen_t size = sizeof(peer);
	int error = p->error;

	if (!error) {
		socklen_t length = sizeof(error);

		getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (error)
		return error_answer(p, error);
	if (getpeername(p->fd, &peer.any, &size))
		return ANSWER_NONE;
	p->received = monotonic();
	return ANSWER_GOOD;
}

enum probe_answer probe_answer(struct probe *p)
{
	uint8_t packet[2048];

	if (p->stage != PROBE_SENT || p->received)
		return ANSWER_NONE;
	if (p->proto == PROBE_TCP)
		return tcp_answer(p);
	for (int i = 0; i < 256; i++) { /* others' replies come to a raw socket as well */
		ssize_t n = recv(p->fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOMSG))
			return ANSWER_NONE;
		if (n < 0)
			return error_answer(p, errno);
		if (p->proto == PROBE_UDP || echo_is_ours(p, packet, (size_t)n)) {
			p->received = monotonic();
			return ANSWER_GOOD;
		}
	}
	return ANSWER_NONE;
}

void probe_close(struct probe *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

uint32_t probe_device_index(int netns, const char *name)
{
	SCOPED_FD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	uint32_t index;

	if (home < 0 || (netns >= 0 && node_go(netns)))
		return 0;
	index = if_nametoindex(name);
	if (node_go(home))
		abort();
	return index;
}
