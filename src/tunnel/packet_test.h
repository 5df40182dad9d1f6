/* packet_test.h - packets to test with: whole, with right checksums */
#pragma once
#include <netinet/in.h>

#include "test.h"
#include "tunnel/checksum.h"
#include "tunnel/packet.h"

struct made {
	int version, protocol;
	uint8_t host; /* last byte of both addresses: which flow it is */
	uint8_t flags, ecn;
	uint16_t id;
	uint32_t sequence;
	uint32_t options; /* bytes of TCP options, a multiple of 4 */
	uint32_t payload;
};

/* make_packet - writes it to `at` with a payload that follows from its sequence; returns its length
 */
static inline uint32_t make_packet(uint8_t *at, const struct made *m)
{
	uint32_t l4 = m->version == 4 ? 20 : 40;
	uint32_t transport = m->protocol == IPPROTO_TCP ? 20 + m->options : 8;
	uint32_t length = l4 + transport + m->payload;
	struct packet p;
	uint16_t check;

	memset(at, 0, l4 + transport);
	if (m->version == 4) {
		struct ip4 *ip = (void *)at;

		ip->version_length = 0x45;
		ip->tos = m->ecn;
		ip->length = be16_put((uint16_t)length);
		ip->id = be16_put(m->id);
		ip->fragment = be16_put(m->id ? 0 : IP4_DF);
		ip->ttl = 64;
		ip->protocol = (uint8_t)m->protocol;
		memcpy(ip->source, (uint8_t[]){10, 0, 0, m->host}, 4);
		memcpy(ip->destination, (uint8_t[]){10, 0, 1, m->host}, 4);
		packet_finish_ip4(at);
	} else {
		struct ip6 *ip = (void *)at;

		ip->version_class_flow = be32_put(0x60000000 | (uint32_t)m->ecn << 20);
		ip->length = be16_put((uint16_t)(length - 40));
		ip->protocol = (uint8_t)m->protocol;
		ip->ttl = 64;
		ip->source[0] = ip->destination[0] = 0xfd;
		ip->source[15] = m->host;
		ip->destination[15] = (uint8_t)~m->host;
	}
	if (m->protocol == IPPROTO_TCP) {
		struct tcp *tcp = (void *)(at + l4);

		tcp->source = be16_put(4000);
		tcp->destination = be16_put(5001);
		tcp->sequence = be32_put(m->sequence);
		tcp->ack = be32_put(77);
		tcp->offset = (uint8_t)(transport / 4 << 4);
		tcp->flags = m->flags;
		tcp->window = be16_put(500);
		memset(tcp + 1, 1, m->options);
	} else if (m->protocol == IPPROTO_UDP) {
		struct udp_header *udp = (void *)(at + l4);

		udp->source = be16_put(4000);
		udp->destination = be16_put(5001);
		udp->length = be16_put((uint16_t)(length - l4));
	}
	for (uint32_t i = 0; i < m->payload; i++)
		at[l4 + transport + i] = (uint8_t)((m->sequence + i) * 7 >> 3);
	CHECK(packet_parse(&p, at, length));
	if (p.whole) {
		check = checksum_fold(
			checksum_add(packet_pseudo(&p, length - l4), at + l4, length - l4));
		memcpy(at + l4 + (m->protocol == IPPROTO_TCP ? 16 : 6), &check, 2);
	}
	return length;
}
