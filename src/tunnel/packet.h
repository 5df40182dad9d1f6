/* packet.h - an inner IP packet, as far as a tunnel must understand it
 *
 *	0            l4              payload                  length     (trim)
 *	| IP header  | TCP or UDP    | ...                    | padding |
 *
 * A packet comes from the network sealed by a peer, which may be hostile: every
 * field is checked against the bytes that are there before it is believed.
 *
 * Source: RFC 791, RFC 8200, RFC 9293, RFC 768; RFC 6040 for ECN.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

struct ip4 {
	uint8_t version_length;
	uint8_t tos;
	be16 length;
	be16 id;
	be16 fragment;
	uint8_t ttl;
	uint8_t protocol;
	uint8_t check[2];
	uint8_t source[4];
	uint8_t destination[4];
};
struct ip6 {
	be32 version_class_flow;
	be16 length; /* of what follows this header */
	uint8_t protocol;
	uint8_t ttl;
	uint8_t source[16];
	uint8_t destination[16];
};
struct tcp {
	be16 source;
	be16 destination;
	be32 sequence;
	be32 ack;
	uint8_t offset; /* of the payload, in words, in the high half */
	uint8_t flags;
	be16 window;
	uint8_t check[2];
	be16 urgent;
};
struct udp_header {
	be16 source;
	be16 destination;
	be16 length;
	uint8_t check[2];
};
_Static_assert(sizeof(struct ip4) == 20 && sizeof(struct ip6) == 40, "RFC 791, RFC 8200");
_Static_assert(sizeof(struct tcp) == 20 && sizeof(struct udp_header) == 8, "RFC 9293, RFC 768");

enum {
	IP4_DF = 0x4000,
	IP4_FRAGMENT = 0x3fff, /* more fragments, or an offset: part of a datagram */

	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,

	ECN_MASK = 3,
	ECN_NOT_ECT = 0,
	ECN_ECT1 = 1,
	ECN_ECT0 = 2,
	ECN_CE = 3,

	PACKET_HEADER_MOST = 60 + 60, /* IPv4 with options, TCP with options */
};

/* What packet_parse() found.  Offsets are from the first byte of the packet. */
struct packet {
	uint8_t *at;
	uint32_t length; /* as the IP header says, so without padding */
	uint8_t version; /* 4 or 6 */
	uint8_t protocol;
	uint16_t l4;	  /* where the transport header begins */
	uint16_t payload; /* what follows it; l4 where `whole` is false */
	bool whole;	  /* TCP or UDP, not a fragment, no IPv6 extension, headers complete */
};

/* packet_parse - is this an IP packet, complete within `length` bytes?
 *
 * More bytes than the packet has are allowed (padding).  out is untouched on
 * failure.  A packet whose transport header is cut off or not understood is
 * still a packet, only not `whole`.
 */
bool packet_parse(struct packet *out, void *at, size_t length);

/* packet_source, packet_destination - 4 or 16 bytes, by packet->version */
static inline const uint8_t *packet_source(const struct packet *p)
{
	return p->at +
	       (p->version == 4 ? offsetof(struct ip4, source) : offsetof(struct ip6, source));
}

static inline const uint8_t *packet_destination(const struct packet *p)
{
	return p->at + (p->version == 4 ? offsetof(struct ip4, destination)
					: offsetof(struct ip6, destination));
}

/* packet_pseudo - sum of the pseudo header that TCP and UDP checksums cover
 *
 * length  of the transport header and its payload, in bytes
 */
uint64_t packet_pseudo(const struct packet *p, uint32_t length);

/* packet_check_is_right - of TCP or UDP, where p->whole; UDP over IPv4 may have none */
bool packet_check_is_right(const struct packet *p);

/* packet_set_length - the IP header's length, and with IPv4 its checksum */
void packet_set_length(struct packet *p, uint32_t length);

/* packet_finish_ip4 - compute the header's checksum anew */
void packet_finish_ip4(void *at);

/* packet_ecn - the two congestion bits */
static inline uint8_t packet_ecn(const struct packet *p)
{
	/* IPv6: 4 bits of version, 8 of traffic class */
	return (p->version == 4 ? p->at[1] : (uint8_t)(p->at[1] >> 4)) & ECN_MASK;
}

/* packet_decapsulate - what the outer header's congestion bits mean for the inner one
 *
 * Changes the inner header where needed (and IPv4's checksum).  Returns false
 * when the packet must be dropped.  Source: RFC 6040 section 4.2.
 */
bool packet_decapsulate(struct packet *p, uint8_t outer);
