#include "tunnel/cut.h"

#include <netinet/in.h>

#include "tunnel/checksum.h"

enum { TCP_CHECK = offsetof(struct tcp, check), UDP_CHECK = offsetof(struct udp_header, check) };

/* One packet: the kernel may have left the checksum to us. */
static enum drop begin_single(struct cut *c, const struct virtio_net_hdr *vnet)
{
	c->single = true;
	c->header = 0;
	c->payload = c->size = c->packet.length;
	if (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		c->l4 = vnet->csum_start;
		c->check = (uint16_t)(vnet->csum_start + vnet->csum_offset);
		if (c->l4 < sizeof(struct ip4) || vnet->csum_offset > c->payload ||
			c->check + 2u > c->payload || c->check < c->l4)
			return DROP_OUT_FRAME;
	}
	return DROP_NONE;
}

enum drop cut_begin(struct cut *c, const struct virtio_net_hdr *vnet, void *frame, size_t length)
{
	uint8_t type = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	uint32_t transport = sizeof(struct udp_header);

	*c = (struct cut){0};
	if (!packet_parse(&c->packet, frame, length))
		return DROP_OUT_NOT_IP;
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return begin_single(c, vnet);

	c->l4 = vnet->csum_start;
	if (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6) {
		if (c->l4 + sizeof(struct tcp) > c->packet.length)
			return DROP_OUT_FRAME;
		transport = 4u * (c->packet.at[c->l4 + offsetof(struct tcp, offset)] >> 4);
		if (transport < sizeof(struct tcp) || vnet->csum_offset != TCP_CHECK)
			return DROP_OUT_FRAME;
	} else if (type != VIRTIO_NET_HDR_GSO_UDP_L4 || vnet->csum_offset != UDP_CHECK) {
		return DROP_OUT_FRAME;
	}
	c->header = c->l4 + transport;
	if (!vnet->gso_size || c->l4 < c->packet.l4 || c->header >= c->packet.length)
		return DROP_OUT_FRAME;
	c->size = vnet->gso_size;
	c->payload = c->packet.length - c->header;
	return DROP_NONE;
}

static uint32_t next_single(struct cut *c, uint8_t *to)
{
	c->index = 1;
	c->at = c->payload;
	memcpy(to, c->packet.at, c->payload);
	if (c->check) {
		/* The field holds the sum of the pseudo header. */
		uint16_t check = checksum_fold(checksum_add(0, to + c->l4, c->payload - c->l4));

		if (c->packet.protocol == IPPROTO_UDP && !check)
			check = 0xffff; /* RFC 768: 0 says that there is none */
		memcpy(to + c->check, &check, sizeof(check));
	}
	return c->payload;
}

/* What differs from packet to packet in the TCP header; the first and the last are special. */
static void number_tcp(const struct cut *c, struct tcp *tcp, bool last)
{
	tcp->sequence = be32_put(be32_get(tcp->sequence) + c->at);
	if (!last)
		tcp->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (c->index)
		tcp->flags &= (uint8_t)~TCP_CWR;
}

/* The pseudo header's sum.  Behind IPv6 extensions only the kernel knows it: it left the one of
 * the whole frame in the check field. */
static uint64_t pseudo(const struct cut *c, uint32_t check, uint32_t length)
{
	uint16_t left;
	uint32_t whole;

	if (c->packet.whole)
		return packet_pseudo(&c->packet, length);
	whole = c->packet.length - c->l4;
	memcpy(&left, c->packet.at + check, sizeof(left));
	return (uint64_t)left + (uint16_t)~__builtin_bswap16((uint16_t)whole) +
	       __builtin_bswap16((uint16_t)length);
}

static uint32_t next_piece(struct cut *c, uint8_t *to)
{
	uint32_t rest = c->payload - c->at;
	uint32_t size = rest < c->size ? rest : c->size;
	bool udp = c->header - c->l4 == sizeof(struct udp_header);
	uint32_t at_check = c->l4 + (uint32_t)(udp ? UDP_CHECK : TCP_CHECK);
	uint32_t length = c->header - c->l4 + size;
	struct packet p = c->packet;
	uint16_t check;
	uint64_t sum;

	memcpy(to, c->packet.at, c->header);
	p.at = to;
	if (p.version == 4) {
		struct ip4 *ip = (void *)to;

		ip->id = be16_put((uint16_t)(be16_get(ip->id) + c->index));
	}
	packet_set_length(&p, c->l4 + length);
	if (udp)
		((struct udp_header *)(void *)(to + c->l4))->length = be16_put((uint16_t)length);
	else
		number_tcp(c, (void *)(to + c->l4), size == rest);

	memset(to + at_check, 0, sizeof(check));
	sum = checksum_add(pseudo(c, at_check, length), to + c->l4, c->header - c->l4);
	sum = checksum_copy(sum, to + c->header, c->packet.at + c->header + c->at, size);
	check = checksum_fold(sum);
	if (udp && !check)
		check = 0xffff;
	memcpy(to + at_check, &check, sizeof(check));
	c->at += size;
	c->index++;
	return c->header + size;
}

uint32_t cut_next(struct cut *c, uint8_t *to)
{
	return c->single ? next_single(c, to) : next_piece(c, to);
}
