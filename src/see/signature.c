#include "see/signature.h"

#include <stddef.h>
#include <string.h>

#include <pcap/dlt.h>

#include "base/bytes.h"

/* Of a dropped packet only the first 192 bytes are known (trace_event.h). */
enum { PAYLOAD_READ = 64, LAYERS_DEEP = 5, EXTENSIONS_LONG = 8 };
enum { ETHERNET_SIZE = 14, VLAN_SIZE = 4, IPV6_SIZE = 40 };
enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_IPV6 = 0x86dd,
	TYPE_ETHERNET = 0x6558, /* as GRE names a frame inside */
};
enum {
	PROTO_ICMP = 1,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_GRE = 47,
	PROTO_ICMPV6 = 58,
};
enum { EXT_HOPS = 0, EXT_ROUTING = 43, EXT_FRAGMENT = 44, EXT_DESTINATION = 60 };
enum { PORT_VXLAN = 4789, PORT_VXLAN_LINUX = 8472, VXLAN_SIZE = 8 };

/* What is left to read.  `n` only shrinks; reading past it gives zeroes. */
struct view {
	const uint8_t *at;
	uint32_t n;
};

static uint16_t word(struct view v, uint32_t offset)
{
	return v.n >= offset + 2 ? (uint16_t)(v.at[offset] << 8 | v.at[offset + 1]) : 0;
}

static uint8_t octet(struct view v, uint32_t offset)
{
	return v.n > offset ? v.at[offset] : 0;
}

static struct view skip(struct view v, uint32_t n)
{
	if (n > v.n)
		n = v.n;
	return (struct view){v.at + n, v.n - n};
}

static struct view cut(struct view v, uint32_t n)
{
	return (struct view){v.at, n < v.n ? n : v.n};
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, struct view v)
{
	uint64_t part;

	hash = mix(hash, v.n);
	for (; v.n >= 8; v = skip(v, 8)) {
		memcpy(&part, v.at, 8);
		hash = mix(hash, part);
	}
	part = 0;
	if (v.n)
		memcpy(&part, v.at, v.n);
	return mix(hash, part);
}

/* Into both hashes. */
static void add(struct signature *s, uint64_t value)
{
	s->whole = mix(s->whole, value);
	s->loose = mix(s->loose, value);
}

static void add_payload(struct signature *s, struct view v)
{
	uint64_t hash = mix_bytes(1, cut(v, PAYLOAD_READ));

	add(s, hash);
}

static void layer_read(struct signature *s, struct view v, uint16_t type, int depth);

/* VXLAN as the kernel writes it: the flag for a valid number set, all reserved bits zero. */
static bool is_vxlan(struct view v)
{
	uint16_t port = word(v, 2);

	return (port == PORT_VXLAN || port == PORT_VXLAN_LINUX) && v.n > 8 + VXLAN_SIZE &&
	       octet(v, 8) == 0x08 && octet(v, 15) == 0;
}

static void tcp_read(struct signature *s, struct view v)
{
	uint32_t header = (uint32_t)(octet(v, 12) >> 4) * 4;

	s->whole = mix(s->whole, (uint64_t)word(v, 0) << 16 | word(v, 2));
	for (uint32_t i = 4; i < 12; i += 2) /* sequence and acknowledgement */
		add(s, word(v, i));
	add(s, octet(v, 13) & 0x3f); /* the flags without those of ECN */
	add_payload(s, skip(v, header));
}

static void udp_read(struct signature *s, struct view v, int depth)
{
	if (depth < LAYERS_DEEP && is_vxlan(v)) {
		layer_read(s, skip(v, 8 + VXLAN_SIZE), TYPE_ETHERNET, depth + 1);
		return;
	}
	s->whole = mix(s->whole, (uint64_t)word(v, 0) << 16 | word(v, 2));
	add(s, word(v, 4));
	add_payload(s, skip(v, 8));
}

static void icmp_read(struct signature *s, struct view v)
{
	add(s, word(v, 0)); /* type and code; then the checksum, which is left out */
	s->whole = mix(s->whole, word(v, 4));
	add(s, word(v, 6));
	add_payload(s, skip(v, 8));
}

/* RFC 2784, RFC 2890: key and sequence number may stand behind the checksum. */
static void gre_read(struct signature *s, struct view v, int depth)
{
	uint8_t flags = octet(v, 0);
	uint32_t header = 4;

	header += flags & 0x80 ? 4 : 0;
	header += flags & 0x20 ? 4 : 0;
	header += flags & 0x10 ? 4 : 0;
	layer_read(s, skip(v, header), word(v, 2), depth + 1);
}

static void transport_read(struct signature *s, struct view v, uint8_t protocol, int depth)
{
	if (depth < LAYERS_DEEP && protocol == PROTO_IPIP)
		layer_read(s, v, TYPE_IPV4, depth + 1);
	else if (depth < LAYERS_DEEP && protocol == PROTO_IPV6)
		layer_read(s, v, TYPE_IPV6, depth + 1);
	else if (depth < LAYERS_DEEP && protocol == PROTO_GRE)
		gre_read(s, v, depth);
	else if (protocol == PROTO_TCP)
		tcp_read(s, v);
	else if (protocol == PROTO_UDP)
		udp_read(s, v, depth);
	else if (protocol == PROTO_ICMP || protocol == PROTO_ICMPV6)
		icmp_read(s, v);
	else
		add_payload(s, v);
}

static void addresses_read(struct signature *s, struct view from, struct view to)
{
	uint64_t a = mix_bytes(2, from), b = mix_bytes(3, to);

	s->from = (uint32_t)(a >> 32) | 1;
	s->to = (uint32_t)(b >> 32) | 1;
	s->whole = mix(mix(s->whole, a), b);
}

static void ipv4_read(struct signature *s, struct view v, int depth)
{
	uint32_t header = (uint32_t)(octet(v, 0) & 0xf) * 4, total = word(v, 2);
	uint16_t fragment = word(v, 6) & 0x3fff; /* more to come, and the offset */
	uint8_t protocol = octet(v, 9);

	*s = (struct signature){TYPE_IPV4, TYPE_IPV4, 0, 0, octet(v, 8)};
	add(s, (uint64_t)protocol << 48 | (uint64_t)total << 32 | (uint64_t)word(v, 4) << 16 |
			fragment);
	addresses_read(s, cut(skip(v, 12), 4), cut(skip(v, 16), 4));
	if (total)		   /* a superframe beyond 64 KiB says 0 */
		v = cut(v, total); /* without what Ethernet pads */
	v = skip(v, header < 20 ? 20 : header);
	if (fragment)
		add_payload(s, v);
	else
		transport_read(s, v, protocol, depth);
}

static void ipv6_read(struct signature *s, struct view v, int depth)
{
	uint32_t total = word(v, 4);
	uint8_t next = octet(v, 6);

	*s = (struct signature){TYPE_IPV6, TYPE_IPV6, 0, 0, octet(v, 7)};
	addresses_read(s, cut(skip(v, 8), 16), cut(skip(v, 24), 16));
	v = skip(v, IPV6_SIZE);
	if (total)
		v = cut(v, total);
	for (int i = 0; i < EXTENSIONS_LONG; i++) {
		uint32_t size = ((uint32_t)octet(v, 1) + 1) * 8;

		if (next == EXT_FRAGMENT) {
			add(s, (uint64_t)word(v, 2) << 32 | (uint64_t)word(v, 4) << 16 |
					word(v, 6));
			next = octet(v, 0);
			v = skip(v, 8);
			add(s, next);
			add_payload(s, v);
			return;
		}
		if (next != EXT_HOPS && next != EXT_ROUTING && next != EXT_DESTINATION)
			break;
		next = octet(v, 0);
		v = skip(v, size);
	}
	add(s, (uint64_t)next << 32 | total);
	transport_read(s, v, next, depth);
}

static void other_read(struct signature *s, struct view v, uint16_t type)
{
	*s = (struct signature){type, type, 0, 0, 0};
	add_payload(s, v);
}

static void ethernet_read(struct signature *s, struct view v, int depth)
{
	struct view frame = v;
	uint16_t type = word(v, 12);

	v = skip(v, ETHERNET_SIZE);
	for (int i = 0; i < 2 && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
		type = word(v, 2);
		v = skip(v, VLAN_SIZE);
	}
	if (type == TYPE_IPV4 || type == TYPE_IPV6 || type == TYPE_ARP)
		layer_read(s, v, type, depth);
	else /* without addresses of a network it is told by those of Ethernet */
		other_read(s, frame, type);
}

static void layer_read(struct signature *s, struct view v, uint16_t type, int depth)
{
	if (type == TYPE_ETHERNET)
		ethernet_read(s, v, depth);
	else if (type == TYPE_IPV4)
		ipv4_read(s, v, depth);
	else if (type == TYPE_IPV6)
		ipv6_read(s, v, depth);
	else if (type == TYPE_ARP)
		other_read(s, cut(v, 28), type); /* Ethernet pads it */
	else
		other_read(s, v, type);
}

struct signature signature_read(const uint8_t *bytes, uint32_t held, int link)
{
	struct view v = {bytes, held};
	struct signature s = {0};

	if (link == DLT_EN10MB)
		layer_read(&s, v, TYPE_ETHERNET, 0);
	else
		layer_read(&s, v, octet(v, 0) >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4, 0);
	return s;
}
