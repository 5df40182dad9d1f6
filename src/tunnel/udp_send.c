/* udp_send.c - runs go out; every way in which the kernel may decline has its line here */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/udp.h"
#include "tunnel/vnet.h"

enum { PATIENCE = 100 }; /* ms */

struct udp_sender {
	struct udp_calls calls;
	bool one_by_one; /* UDP_SEGMENT was refused for good */
	int patience;	 /* ms that this call of udp_send() may still wait */
	_Atomic int64_t waited;
	struct mmsghdr messages[UDP_RUNS];
	struct iovec pieces[UDP_RUNS];
	_Alignas(struct cmsghdr) char control[UDP_RUNS][UDP_CONTROL];
};

static int wait_writable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int64_t end = clock_now() + ms * MILLISECOND, left;

	if (poll(&p, 1, ms) <= 0)
		return 0;
	left = (end - clock_now()) / MILLISECOND;
	return left > 0 ? (int)left : 0;
}

static int kernel_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	return sendmmsg(fd, messages, n, flags);
}

static const struct udp_calls kernel_calls = {.sendmmsg = kernel_sendmmsg, .wait = wait_writable};

struct udp_sender *udp_sender_new(const struct udp_calls *calls)
{
	struct udp_sender *s = calloc(1, sizeof(*s));

	if (s)
		s->calls = calls ? *calls : kernel_calls;
	return s;
}

void udp_sender_free(struct udp_sender *s)
{
	free(s);
}

bool udp_sends_runs(const struct udp_sender *s)
{
	return !s->one_by_one;
}

int64_t udp_waited(const struct udp_sender *s)
{
	return atomic_load_explicit(&s->waited, memory_order_relaxed);
}

static void put_control(struct msghdr *m, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *c = (void *)((char *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), value, size);
	m->msg_controllen += CMSG_SPACE(size);
}

/* The source only, not the device: bound to a device that has lost its route, the kernel would
 * take every destination for a neighbour there. */
static void put_source(struct msghdr *m, const struct endpoint *to)
{
	if (to->remote.sa.sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = to->local.v4};

		if (info.ipi_spec_dst.s_addr)
			put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_addr = to->local.v6};

		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			info.ipi6_ifindex = to->ifindex;
		if (!IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr))
			put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void put_tos(struct msghdr *m, const struct endpoint *to, int tos)
{
	if (!tos)
		return;
	if (to->remote.sa.sa_family == AF_INET)
		put_control(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		put_control(m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

static void put_name(struct msghdr *m, const struct endpoint *to)
{
	m->msg_name = (void *)(uintptr_t)&to->remote;
	m->msg_namelen =
		to->remote.sa.sa_family == AF_INET ? sizeof(to->remote.v4) : sizeof(to->remote.v6);
}

static int socket_for(const struct udp *u, const struct endpoint *to)
{
	return to->remote.sa.sa_family == AF_INET ? u->in4 : u->in6;
}

static bool has_source(const struct endpoint *to)
{
	return to->remote.sa.sa_family == AF_INET ? to->local.v4.s_addr != 0
						  : !IN6_IS_ADDR_UNSPECIFIED(&to->local.v6);
}

/* Errors that an address of ours which went away can cause. */
static bool source_may_be_stale(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH;
}

static void forget_source(struct endpoint *to)
{
	memset(&to->local, 0, sizeof(to->local));
	to->ifindex = 0;
}

static enum drop reason(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return DROP_SEND_FULL;
	case EMSGSIZE:
		return DROP_SEND_TOO_BIG;
	case EPERM:
	case EACCES:
		return DROP_SEND_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EAFNOSUPPORT:
	case EBADF: /* no socket of this family */
		return DROP_SEND_UNREACHABLE;
	default:
		return DROP_SEND_FAILED;
	}
}

/* The socket is full: wait until there is room; false: not in time. */
static bool wait_for_room(struct udp_sender *s, int fd)
{
	int before = s->patience;

	if (before)
		s->patience = s->calls.wait(fd, before);
	atomic_fetch_add_explicit(
		&s->waited, (before - s->patience) * MILLISECOND, memory_order_relaxed);
	return s->patience > 0;
}

/* Send messages[0 .. n-1], waiting while the socket is full.  Returns how many went out before
 * one was refused; then *error is why. */
static unsigned send_some(struct udp_sender *s, int fd, unsigned n, int *error)
{
	unsigned done = 0;

	*error = 0;
	while (done < n) {
		int sent = s->calls.sendmmsg(fd, s->messages + done, n - done, MSG_DONTWAIT), why;

		if (sent > 0) {
			done += (unsigned)sent;
			continue;
		}
		why = sent < 0 ? errno : EIO;
		/* Where somebody else took the room that there was, it waits again. */
		if (why == EINTR || (why == EAGAIN && wait_for_room(s, fd)))
			continue;
		*error = why;
		break;
	}
	return done;
}

static void prepare(
	struct udp_sender *s, unsigned i, const struct udp_run *r, uint32_t from, uint32_t length)
{
	struct msghdr *m = &s->messages[i].msg_hdr;

	*m = (struct msghdr){
		.msg_iov = &s->pieces[i], .msg_iovlen = 1, .msg_control = s->control[i]};
	s->pieces[i] = (struct iovec){r->at + from, length};
	put_name(m, &r->to);
	put_source(m, &r->to);
	put_tos(m, &r->to, r->ecn);
	if (length > r->size)
		put_control(m, IPPROTO_UDP, UDP_SEGMENT, &r->size, sizeof(r->size));
}

static void lose(struct udp_run *r, uint32_t n, int error)
{
	r->lost += n;
	r->error = error;
	r->why = reason(error);
}

/* The datagrams of a run as messages of their own, from byte `at` on. */
static void send_one_by_one(struct udp_sender *s, const struct udp *u, struct udp_run *r)
{
	int fd = socket_for(u, &r->to);
	uint32_t at = 0;

	while (at < r->length) {
		uint32_t end = at;
		unsigned n = 0, sent;
		int error;

		for (; n < UDP_RUNS && end < r->length; n++) {
			uint32_t length = r->length - end < r->size ? r->length - end : r->size;

			prepare(s, n, r, end, length);
			end += length;
		}
		sent = send_some(s, fd, n, &error);
		for (unsigned i = 0; i < sent; i++)
			at += (uint32_t)s->pieces[i].iov_len;
		if (!error)
			continue;
		if (source_may_be_stale(error) && has_source(&r->to)) {
			forget_source(&r->to);
			r->forget = true;
			continue;
		}
		if (error == EAGAIN) { /* there is no patience left for the others */
			lose(r, (r->length - at + r->size - 1) / r->size, error);
			return;
		}
		lose(r, 1, error);
		at += (uint32_t)s->pieces[sent].iov_len;
	}
}

/* The kernel declined this run with `error`: what else can be done? */
static void send_refused(struct udp_sender *s, const struct udp *u, struct udp_run *r, int error)
{
	bool segmented = r->length > r->size;

	if (segmented && (error == EIO || error == ENOPROTOOPT))
		s->one_by_one = true;
	if (segmented &&
		(error == EIO || error == ENOPROTOOPT || error == EMSGSIZE || error == EINVAL))
		send_one_by_one(s, u, r);
	else if (source_may_be_stale(error) && has_source(&r->to))
		send_one_by_one(s, u, r);
	else
		lose(r, udp_run_count(r), error);
}

/* Runs to the same socket, in one call where the kernel takes them. */
static void send_group(struct udp_sender *s, const struct udp *u, struct udp_run *runs, unsigned n)
{
	int fd = socket_for(u, &runs->to);
	unsigned done = 0;

	while (done < n) {
		int error;

		for (unsigned i = done; i < n; i++)
			prepare(s, i - done, &runs[i], 0, runs[i].length);
		done += send_some(s, fd, n - done, &error);
		if (error)
			send_refused(s, u, &runs[done++], error);
		if (s->one_by_one)
			break;
	}
	for (; done < n; done++)
		send_one_by_one(s, u, &runs[done]);
}

void udp_send(struct udp_sender *s, const struct udp *u, struct udp_run *runs, unsigned n)
{
	unsigned end;

	s->patience = PATIENCE;
	for (unsigned i = 0; i < n; i++) {
		runs[i].lost = 0;
		runs[i].why = DROP_NONE;
		runs[i].error = 0;
		runs[i].forget = false;
	}
	for (unsigned at = 0; at < n; at = end) {
		for (end = at + 1; end < n; end++)
			if (runs[end].to.remote.sa.sa_family != runs[at].to.remote.sa.sa_family)
				break;
		if (s->one_by_one)
			for (unsigned i = at; i < end; i++)
				send_one_by_one(s, u, &runs[i]);
		else
			send_group(s, u, runs + at, end - at);
	}
}

int udp_send_one(const struct udp *u, const struct endpoint *to, uint8_t tos, const void *datagram,
	size_t length)
{
	_Alignas(struct cmsghdr) char control[UDP_CONTROL];
	struct iovec piece = {(void *)(uintptr_t)datagram, length};
	struct endpoint at = *to;

	for (;;) {
		struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control};

		put_name(&m, &at);
		put_source(&m, &at);
		put_tos(&m, &at, tos);
		if (sendmsg(socket_for(u, &at), &m, MSG_DONTWAIT) >= 0)
			return 0;
		if (source_may_be_stale(errno) && has_source(&at))
			forget_source(&at);
		else if (errno != EINTR)
			return -errno;
	}
}
