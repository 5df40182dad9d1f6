#include "see/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"
#include "see/headers.h"

enum { FRAMES_MAX = 512 };

/* A TCP segment of ours: by its ports, in either direction; NAT is not followed. */
static bool tcp_is_ours(const struct path_watch *w, const struct headers *h)
{
	return (h->first == w->first && h->second == w->second) ||
	       (h->first == w->second && h->second == w->first);
}

enum path_match frame_match(
	struct path_watch *w, uint32_t netns, uint16_t type, const uint8_t *bytes, size_t n)
{
	struct headers h, outer, quoted;
	bool token;

	(void)netns;
	if (!headers_decode(&outer, type, bytes, n) || !headers_innermost(&h, type, bytes, n))
		return PATH_NOTHING;
	if (h.kind == HEADER_ARP || h.kind == HEADER_SOLICIT || h.kind == HEADER_ADVERTISE)
		return PATH_NEIGHBOUR;
	token = memmem(bytes, n, w->token, PATH_TOKEN) != NULL;
	if (outer.kind == HEADER_ICMP_ERROR) {
		if (token)
			return PATH_QUOTE;
		return headers_quoted(&quoted, &outer, bytes, n) && quoted.proto == w->proto &&
				       quoted.has_ports && quoted.first == w->first &&
				       quoted.second == w->second
			       ? PATH_QUOTE
			       : PATH_NOTHING;
	}
	if (token)
		return PATH_PROBE;
	return w->proto == IPPROTO_TCP && h.kind == HEADER_TCP && tcp_is_ours(w, &h) ? PATH_PROBE
										     : PATH_NOTHING;
}

static int listen_in(int netns)
{
	SCOPED_FD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int one = 1, size = 4 << 20, fd, saved;

	if (home < 0 || node_go(netns))
		return -errno;
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	saved = errno;
	if (node_go(home))
		abort();
	if (fd < 0)
		return -saved;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int sockets_open(struct sockets *s, const struct topology *t, const bool *in,
	void (*event)(const struct path_event *, void *), void *arg, struct error *e)
{
	int last = EPERM;

	*s = (struct sockets){
		.epoll = epoll_create1(EPOLL_CLOEXEC), .topology = t, .event = event, .arg = arg};
	s->list = calloc(t->netns_count + 1, sizeof(*s->list));
	if (s->epoll < 0 || !s->list) {
		sockets_close(s);
		return error_errno(e, ENOMEM, "packet sockets");
	}
	for (size_t i = 0; i < t->netns_count; i++) {
		struct epoll_event ready = {.events = EPOLLIN};
		int fd = in[i] && !t->netns[i].closed ? listen_in(t->netns[i].node.fd) : -ENOENT;

		if (fd < 0) {
			last = fd == -ENOENT ? last : -fd;
			continue;
		}
		s->list[s->count++] = (struct sockets_one){fd, (uint32_t)t->netns[i].node.inode};
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ready);
	}
	if (s->count)
		return 0;
	sockets_close(s);
	return error_errno(e, last, "packet sockets (CAP_NET_RAW is needed)");
}

void sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->list[i].fd);
	free(s->list);
	if (s->epoll > 0)
		close(s->epoll);
	*s = (struct sockets){0};
}

void sockets_watch(struct sockets *s, const struct path_watch *watch)
{
	s->watch = *watch;
}

/* Events have one clock: the kernel stamps frames with the wall's, we tell CLOCK_MONOTONIC. */
static int64_t monotonic_of(const struct timespec *wall)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (wall->tv_sec - real.tv_sec + mono.tv_sec) * SECOND + wall->tv_nsec - real.tv_nsec +
	       mono.tv_nsec;
}

static void place_name(const struct sockets *s, struct path_event *e)
{
	int device = topology_device(s->topology, e->netns, e->ifindex);

	if (device == TOPOLOGY_NONE)
		return;
	snprintf(e->device, sizeof(e->device), "%s", s->topology->devices[device].name);
	snprintf(e->link, sizeof(e->link), "%.7s", s->topology->devices[device].link_kind);
}

static bool is_port(const struct sockets *s, const struct path_event *e)
{
	int device = topology_device(s->topology, e->netns, e->ifindex);

	return device != TOPOLOGY_NONE && s->topology->devices[device].master;
}

/* One frame; false when there is none, or none of ours: then e->kind tells which. */
static int frame_take(struct sockets *s, const struct sockets_one *one, struct path_event *e)
{
	char control[256];
	struct sockaddr_ll from = {0};
	struct iovec data = {e->bytes, sizeof(e->bytes)};
	struct msghdr m = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct timespec stamp = {0};
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	ssize_t n;

	*e = (struct path_event){.netns = one->netns};
	n = recvmsg(one->fd, &m, MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
	e->length = (uint32_t)n;
	e->captured = (uint16_t)((size_t)n > sizeof(e->bytes) ? sizeof(e->bytes) : (size_t)n);
	e->protocol = ntohs(from.sll_protocol);
	e->match = frame_match(&s->watch, one->netns, e->protocol, e->bytes, e->captured);
	if (!e->match)
		return 0;
	e->kind = from.sll_pkttype == PACKET_OUTGOING ? PATH_TX : PATH_RX;
	e->ifindex = (uint32_t)from.sll_ifindex;
	e->time = (uint64_t)monotonic_of(&stamp);
	for (size_t i = 0; i < e->captured; i++)
		hash = (hash ^ e->bytes[i]) * 1099511628211u;
	e->skb = hash; /* the best identity there is: the same bytes */
	place_name(s, e);
	/* Flooded to a stack it is not for: there it ends.  A port passes it on. */
	return from.sll_pkttype == PACKET_OTHERHOST && !is_port(s, e) ? 0 : 1;
}

static int time_compare(const void *a, const void *b)
{
	const struct path_event *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

void sockets_read(struct sockets *s)
{
	struct path_event *frames = malloc(FRAMES_MAX * sizeof(*frames));
	size_t count = 0;

	for (size_t i = 0; frames && i < s->count; i++) {
		int got;

		while (count < FRAMES_MAX &&
			(got = frame_take(s, &s->list[i], &frames[count])) >= 0)
			count += got == 1;
	}
	if (count)
		qsort(frames, count, sizeof(*frames), time_compare);
	for (size_t i = 0; i < count; i++)
		s->event(&frames[i], s->arg);
	free(frames);
}
