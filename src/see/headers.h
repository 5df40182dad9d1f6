/* headers.h - read the headers of a packet, and say them in one line
 *
 * From the network header on: ARP, IPv4 or IPv6, then ICMP, UDP or TCP.  What
 * is inside (the packet that an ICMP error quotes, the frame that vxlan or
 * the packet that IP in IP carries) begins at `inner`, to be decoded in turn:
 *
 *	IPv4 | UDP | vxlan | Ethernet | IPv4 | ICMP echo request
 *	^ bytes                       ^ inner
 *
 * Pure: bytes in, struct out, nothing trusted.  A packet that is cut off gives
 * what was there; has_ports and `inner` say how far it went.
 *
 * Source: RFC 826, 791, 8200, 792, 4443, 4861, 768, 9293, 7348.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum header_kind {
	HEADER_UNKNOWN,
	HEADER_ARP,
	HEADER_SOLICIT,	  /* ND: who has `target` */
	HEADER_ADVERTISE, /* ND: `target` is at ... */
	HEADER_ECHO_REQUEST,
	HEADER_ECHO_REPLY,
	HEADER_ICMP_ERROR, /* `inner` is what it is about */
	HEADER_ICMP_OTHER,
	HEADER_UDP,
	HEADER_TCP,
	HEADER_VXLAN,	 /* `inner` is the frame's packet */
	HEADER_IP_IN_IP, /* likewise */
	HEADER_FRAGMENT, /* not the first: no ports */
	HEADER_IP_OTHER,
};

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_ARP4 = 0x0806,
	ETHERTYPE_TAG = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_TAG_OUTER = 0x88a8,
};

struct headers {
	enum header_kind kind;
	uint8_t family; /* 4 or 6; ARP: 4 */
	uint8_t proto;	/* of IP */
	uint8_t ttl;
	bool df, more_fragments;
	bool has_ports; /* first, second are valid */
	uint8_t type, code;
	uint16_t first, second; /* ports; ICMP id and sequence */
	uint32_t mtu;		/* of "too big" */
	uint32_t sequence, acknowledged;
	uint8_t flags;			     /* TCP */
	uint32_t vni;			     /* vxlan */
	uint32_t total;			     /* bytes of the packet, as its own header says */
	uint8_t source[16], destination[16]; /* ARP: sender and target */
	uint8_t target[16];		     /* ND */
	uint16_t operation;		     /* ARP: 1 request, 2 reply */
	uint8_t sender_mac[6];		     /* ARP reply, ND advertisement */
	uint16_t inner_type;		     /* EtherType of what is inside; 0: nothing */
	size_t inner;			     /* its offset */
	size_t payload;			     /* offset behind UDP's or TCP's header; 0: not there */
};

/* headers_decode - read as far as the bytes go
 *
 * type  EtherType, host order
 *
 * Returns false when it is no packet of these protocols at all; *h is then zero.
 */
bool headers_decode(struct headers *h, uint16_t type, const uint8_t *bytes, size_t n);

/* headers_innermost - peel vxlan and IP in IP (not ICMP quotes) as far as they go */
bool headers_innermost(struct headers *h, uint16_t type, const uint8_t *bytes, size_t n);

/* headers_quoted - the packet that an ICMP error is about; false when it quotes none */
bool headers_quoted(struct headers *h, const struct headers *error, const uint8_t *bytes, size_t n);

/* headers_text - one line, as people write packets: "ICMP echo request 10.0.0.1 > 10.0.0.2, 84
 * bytes" */
void headers_text(char *out, size_t size, uint16_t type, const uint8_t *bytes, size_t n);

enum { ADDRESS_TEXT = 46 };

/* address_text - 4 (IPv4) or 16 bytes as text; family 4 or 6; returns out */
const char *address_text(char out[ADDRESS_TEXT], uint8_t family, const uint8_t *ip);
