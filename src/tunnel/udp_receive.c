#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tunnel/udp.h"
#include "tunnel/vnet.h"

int udp_receiver_init(struct udp_receiver *r)
{
	/* Mapped, so that buffers which a quiet tunnel never fills take no memory. */
	void *memory = mmap(NULL, UDP_BUNDLES * UDP_BUNDLE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*r = (struct udp_receiver){.memory = memory};
	return 0;
}

void udp_receiver_done(struct udp_receiver *r)
{
	if (r->memory)
		munmap(r->memory, UDP_BUNDLES * UDP_BUNDLE_BYTES);
	r->memory = NULL;
}

static void read_control(struct udp_bundle *b, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		const void *at = CMSG_DATA(c);
		int number;

		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&number, at, sizeof(number));
			if (number > 0)
				b->size = (uint32_t)number;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			b->ecn = *(const uint8_t *)at & 3;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&number, at, sizeof(number));
			b->ecn = number & 3;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, at, sizeof(info));
			b->from.local.v4 = info.ipi_spec_dst;
			b->from.ifindex = (uint32_t)info.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, at, sizeof(info));
			b->from.local.v6 = info.ipi6_addr;
			b->from.ifindex = (uint32_t)info.ipi6_ifindex;
		}
	}
}

/* Only what names the source, so that endpoints compare byte by byte. */
static void read_source(struct udp_bundle *b, const struct sockaddr_in6 *name)
{
	const struct sockaddr_in *in4 = (const void *)name;

	if (name->sin6_family == AF_INET) {
		b->from.remote.v4.sin_family = AF_INET;
		b->from.remote.v4.sin_port = in4->sin_port;
		b->from.remote.v4.sin_addr = in4->sin_addr;
	} else {
		b->from.remote.v6.sin6_family = AF_INET6;
		b->from.remote.v6.sin6_port = name->sin6_port;
		b->from.remote.v6.sin6_addr = name->sin6_addr;
		b->from.remote.v6.sin6_scope_id = name->sin6_scope_id;
	}
}

int udp_receive(struct udp_receiver *r, int fd)
{
	struct mmsghdr messages[UDP_BUNDLES];
	struct iovec pieces[UDP_BUNDLES];
	struct sockaddr_in6 names[UDP_BUNDLES];
	_Alignas(struct cmsghdr) char control[UDP_BUNDLES][UDP_CONTROL];
	int n;

	r->count = 0;
	for (int i = 0; i < UDP_BUNDLES; i++) {
		pieces[i] = (struct iovec){r->memory + i * UDP_BUNDLE_BYTES, UDP_BUNDLE_BYTES};
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &names[i],
			.msg_namelen = sizeof(names[i]),
			.msg_iov = &pieces[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = UDP_CONTROL,
		};
	}
	n = recvmmsg(fd, messages, UDP_BUNDLES, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct udp_bundle *b = &r->bundles[i];
		struct msghdr *m = &messages[i].msg_hdr;

		memset(b, 0, sizeof(*b));
		b->at = pieces[i].iov_base;
		b->length = b->size = messages[i].msg_len;
		b->cut_off = m->msg_flags & MSG_TRUNC;
		read_source(b, &names[i]);
		read_control(b, m);
	}
	r->count = (unsigned)n;
	return 0;
}
