#include "tunnel/path_error.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <string.h>

#include "base/bytes.h"

enum { ICMP_HEAD = 8, IP4_HEAD = 20, IP6_HEAD = 40, UDP = 17 };

int path_error_open(int family)
{
	int protocol = family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	struct icmp_filter four = {.data = ~(1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED)};
	struct icmp6_filter six;

	if (fd < 0)
		return -errno;
	if (family == AF_INET) {
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four));
	} else {
		ICMP6_FILTER_SETBLOCKALL(&six);
		ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &six);
		ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &six);
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six));
	}
	return fd;
}

/* As the kernel maps them for its own sockets. */
static int error4(uint8_t type, uint8_t code)
{
	if (type == ICMP_TIME_EXCEEDED)
		return EHOSTUNREACH;
	if (type != ICMP_DEST_UNREACH)
		return 0;
	switch (code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_NET_ANO:
	case ICMP_NET_UNR_TOS:
		return ENETUNREACH;
	case ICMP_PROT_UNREACH:
		return ENOPROTOOPT;
	case ICMP_PORT_UNREACH:
		return ECONNREFUSED;
	case ICMP_FRAG_NEEDED:
		return 0; /* the kernel sees to it */
	case ICMP_PKT_FILTERED:
		return EACCES;
	default:
		return EHOSTUNREACH;
	}
}

static int error6(uint8_t type, uint8_t code)
{
	if (type == ICMP6_TIME_EXCEEDED)
		return EHOSTUNREACH;
	if (type != ICMP6_DST_UNREACH)
		return 0;
	switch (code) {
	case ICMP6_DST_UNREACH_NOROUTE:
		return ENETUNREACH;
	case ICMP6_DST_UNREACH_NOPORT:
		return ECONNREFUSED;
	case ICMP6_DST_UNREACH_ADMIN:
	case 5: /* RFC 4443: source address failed policy; reject route */
	case 6:
		return EACCES;
	default:
		return EHOSTUNREACH;
	}
}

static uint16_t port_at(const uint8_t *at)
{
	be16 port;

	memcpy(port.b, at, sizeof(port));
	return be16_get(port);
}

/* The IPv4 socket delivers the outer header too, the IPv6 one does not. */
static int parse4(const uint8_t *at, size_t size, uint16_t port, union address *to)
{
	size_t head = size ? (size_t)(at[0] & 15) * 4 : 0;
	int error;

	if (head < IP4_HEAD || size < head + ICMP_HEAD + IP4_HEAD)
		return 0;
	error = error4(at[head], at[head + 1]);
	at += head + ICMP_HEAD;
	size -= head + ICMP_HEAD;
	head = (size_t)(at[0] & 15) * 4;
	if (at[0] >> 4 != 4 || head < IP4_HEAD || size < head + 4 || at[9] != UDP ||
		port_at(at + head) != port)
		return 0;
	*to = (union address){.v4 = {.sin_family = AF_INET}};
	memcpy(&to->v4.sin_addr, at + 16, 4);
	memcpy(&to->v4.sin_port, at + head + 2, 2);
	return error;
}

static int parse6(const uint8_t *at, size_t size, uint16_t port, union address *to)
{
	int error;

	if (size < ICMP_HEAD + IP6_HEAD + 4)
		return 0;
	error = error6(at[0], at[1]);
	at += ICMP_HEAD;
	if (at[0] >> 4 != 6 || at[6] != UDP || port_at(at + IP6_HEAD) != port)
		return 0;
	*to = (union address){.v6 = {.sin6_family = AF_INET6}};
	memcpy(&to->v6.sin6_addr, at + 24, 16);
	memcpy(&to->v6.sin6_port, at + IP6_HEAD + 2, 2);
	return error;
}

int path_error_parse(
	int family, const uint8_t *packet, size_t size, uint16_t port, union address *to)
{
	return family == AF_INET ? parse4(packet, size, port, to) : parse6(packet, size, port, to);
}
