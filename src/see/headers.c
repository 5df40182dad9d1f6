#include "see/headers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS_MAX = 4, VXLAN_PORT = 4789, ETHERNET = 14, LINE_MAX_TEXT = 512 };

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool arp_decode(struct headers *h, const uint8_t *p, size_t n)
{
	/* Ethernet and IPv4 only: hardware 1, protocol 0x0800, lengths 6 and 4. */
	if (n < 28 || u16_at(p) != 1 || u16_at(p + 2) != ETHERTYPE_IP4 || p[4] != 6 || p[5] != 4)
		return false;
	h->kind = HEADER_ARP;
	h->family = 4;
	h->operation = u16_at(p + 6);
	h->total = 28;
	memcpy(h->sender_mac, p + 8, 6);
	memcpy(h->source, p + 14, 4);
	memcpy(h->destination, p + 24, 4);
	return true;
}

static void icmp_decode(struct headers *h, const uint8_t *p, size_t n, size_t at)
{
	bool six = h->proto == IPPROTO_ICMPV6;
	const uint8_t *q = p + at;

	h->kind = HEADER_ICMP_OTHER;
	if (n < at + 8)
		return;
	h->type = q[0];
	h->code = q[1];
	if (six ? q[0] == 128 || q[0] == 129 : q[0] == 8 || q[0] == 0) {
		bool request = q[0] == 128 || q[0] == 8;

		h->kind = request ? HEADER_ECHO_REQUEST : HEADER_ECHO_REPLY;
		h->first = u16_at(q + 4);
		h->second = u16_at(q + 6);
		h->has_ports = true;
		h->payload = at + 8;
	} else if (six ? q[0] >= 1 && q[0] <= 4
		       : q[0] == 3 || q[0] == 5 || q[0] == 11 || q[0] == 12) {
		h->kind = HEADER_ICMP_ERROR;
		h->mtu = six && q[0] == 2		  ? u32_at(q + 4)
			 : !six && q[0] == 3 && q[1] == 4 ? u16_at(q + 6)
							  : 0;
		h->inner = at + 8;
		h->inner_type = six ? ETHERTYPE_IP6 : ETHERTYPE_IP4;
	} else if (six && (q[0] == 135 || q[0] == 136) && n >= at + 24) {
		h->kind = q[0] == 135 ? HEADER_SOLICIT : HEADER_ADVERTISE;
		memcpy(h->target, q + 8, 16);
		if (n >= at + 32 && q[25] == 1)
			memcpy(h->sender_mac, q + 26, 6);
	}
}

static void udp_decode(struct headers *h, const uint8_t *p, size_t n, size_t at)
{
	const uint8_t *q = p + at, *v = q + 8;

	h->kind = HEADER_UDP;
	if (n < at + 8)
		return;
	h->first = u16_at(q);
	h->second = u16_at(q + 2);
	h->has_ports = true;
	h->payload = at + 8;
	if (n < at + 8 + 8 + ETHERNET || v[0] != 0x08 || v[1] || v[2] || v[3] || v[7])
		return;
	h->kind = HEADER_VXLAN;
	h->vni = u32_at(v + 4) >> 8;
	h->inner = at + 8 + 8 + ETHERNET;
	h->inner_type = u16_at(p + h->inner - 2);
}

static void tcp_decode(struct headers *h, const uint8_t *p, size_t n, size_t at)
{
	const uint8_t *q = p + at;

	h->kind = HEADER_TCP;
	if (n < at + 8) /* all that an ICMP error must quote */
		return;
	h->first = u16_at(q);
	h->second = u16_at(q + 2);
	h->has_ports = true;
	h->sequence = u32_at(q + 4);
	if (n < at + 20)
		return;
	h->acknowledged = u32_at(q + 8);
	h->flags = q[13];
	if (n >= at + (size_t)(q[12] >> 4) * 4)
		h->payload = at + (size_t)(q[12] >> 4) * 4;
}

static void transport_decode(struct headers *h, const uint8_t *p, size_t n, size_t at)
{
	switch (h->proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp_decode(h, p, n, at);
		break;
	case IPPROTO_UDP:
		udp_decode(h, p, n, at);
		break;
	case IPPROTO_TCP:
		tcp_decode(h, p, n, at);
		break;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		h->kind = HEADER_IP_IN_IP;
		h->inner = at;
		h->inner_type = h->proto == IPPROTO_IPV6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4;
		break;
	default:
		h->kind = HEADER_IP_OTHER;
	}
	if (h->inner >= n)
		h->inner_type = 0;
}

static bool ip4_decode(struct headers *h, const uint8_t *p, size_t n)
{
	size_t header = (size_t)(p[0] & 15) * 4;

	if (n < 20 || header < 20)
		return false;
	h->family = 4;
	h->total = u16_at(p + 2);
	h->df = p[6] & 0x40;
	h->more_fragments = p[6] & 0x20;
	h->ttl = p[8];
	h->proto = p[9];
	memcpy(h->source, p + 12, 4);
	memcpy(h->destination, p + 16, 4);
	if (u16_at(p + 6) & 0x1fff)
		h->kind = HEADER_FRAGMENT;
	else if (n >= header)
		transport_decode(h, p, n, header);
	else
		h->kind = HEADER_IP_OTHER;
	return true;
}

static bool ip6_decode(struct headers *h, const uint8_t *p, size_t n)
{
	size_t at = 40;

	if (n < 40)
		return false;
	h->family = 6;
	h->total = u16_at(p + 4) + 40u;
	h->ttl = p[7];
	h->proto = p[6];
	memcpy(h->source, p + 8, 16);
	memcpy(h->destination, p + 24, 16);
	h->kind = HEADER_IP_OTHER;
	for (int i = 0; i < LAYERS_MAX; i++) {
		if (h->proto != IPPROTO_HOPOPTS && h->proto != IPPROTO_DSTOPTS &&
			h->proto != IPPROTO_ROUTING && h->proto != IPPROTO_FRAGMENT)
			break;
		if (n < at + 8)
			return true;
		if (h->proto == IPPROTO_FRAGMENT) {
			h->more_fragments = p[at + 3] & 1;
			if (u16_at(p + at + 2) & 0xfff8) {
				h->proto = p[at];
				h->kind = HEADER_FRAGMENT;
				return true;
			}
			h->proto = p[at];
			at += 8;
		} else {
			h->proto = p[at];
			at += 8 + (size_t)p[at + 1] * 8;
		}
	}
	if (at <= n)
		transport_decode(h, p, n, at);
	return true;
}

bool headers_decode(struct headers *h, uint16_t type, const uint8_t *bytes, size_t n)
{
	bool ok = false;

	*h = (struct headers){0};
	if (n == 0)
		return false;
	if (type == ETHERTYPE_ARP4)
		ok = arp_decode(h, bytes, n);
	else if (type == ETHERTYPE_IP4 && bytes[0] >> 4 == 4)
		ok = ip4_decode(h, bytes, n);
	else if (type == ETHERTYPE_IP6 && bytes[0] >> 4 == 6)
		ok = ip6_decode(h, bytes, n);
	if (!ok)
		*h = (struct headers){0};
	return ok;
}

bool headers_innermost(struct headers *h, uint16_t type, const uint8_t *bytes, size_t n)
{
	if (!headers_decode(h, type, bytes, n))
		return false;
	for (int i = 0; i < LAYERS_MAX; i++) {
		struct headers next;

		if ((h->kind != HEADER_VXLAN && h->kind != HEADER_IP_IN_IP) || !h->inner_type)
			break;
		if (!headers_decode(&next, h->inner_type, bytes + h->inner, n - h->inner))
			break;
		bytes += h->inner;
		n -= h->inner;
		*h = next;
	}
	return true;
}

bool headers_quoted(struct headers *h, const struct headers *error, const uint8_t *bytes, size_t n)
{
	if (error->kind != HEADER_ICMP_ERROR || !error->inner_type || error->inner >= n)
		return false;
	return headers_decode(h, error->inner_type, bytes + error->inner, n - error->inner);
}

const char *address_text(char out[ADDRESS_TEXT], uint8_t family, const uint8_t *ip)
{
	if (!inet_ntop(family == 6 ? AF_INET6 : AF_INET, ip, out, ADDRESS_TEXT))
		out[0] = '\0';
	return out;
}

/* What an ICMP error means; code -1 is any. */
static const struct {
	uint8_t family, type;
	int code;
	const char *words;
} icmp_words[] = {
	{4, 3, 0, "network unreachable"},
	{4, 3, 1, "host unreachable"},
	{4, 3, 2, "protocol unreachable"},
	{4, 3, 3, "port unreachable"},
	{4, 3, 4, "fragmentation needed"},
	{4, 3, 9, "network prohibited"},
	{4, 3, 10, "host prohibited"},
	{4, 3, 13, "administratively prohibited"},
	{4, 3, -1, "destination unreachable"},
	{4, 5, -1, "redirect"},
	{4, 11, 0, "time to live exceeded"},
	{4, 11, -1, "time exceeded"},
	{4, 12, -1, "parameter problem"},
	{6, 1, 0, "no route to destination"},
	{6, 1, 1, "administratively prohibited"},
	{6, 1, 3, "address unreachable"},
	{6, 1, 4, "port unreachable"},
	{6, 1, 6, "reject route"},
	{6, 1, -1, "destination unreachable"},
	{6, 2, -1, "packet too big"},
	{6, 3, 0, "hop limit exceeded"},
	{6, 3, -1, "time exceeded"},
	{6, 4, -1, "parameter problem"},
};

static const char *icmp_word(const struct headers *h)
{
	for (size_t i = 0; i < sizeof(icmp_words) / sizeof(icmp_words[0]); i++)
		if (icmp_words[i].family == h->family && icmp_words[i].type == h->type &&
			(icmp_words[i].code == -1 || icmp_words[i].code == h->code))
			return icmp_words[i].words;
	return "error";
}

/* A line that grows and stops at its end. */
struct line {
	char *out;
	size_t size, used;
};

static void line_add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_add(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->out + l->used, l->size - l->used, format, args);
	va_end(args);
	if (n > 0)
		l->used = l->used + (size_t)n < l->size ? l->used + (size_t)n : l->size - 1;
}

static void line_mac(struct line *l, const uint8_t *mac)
{
	line_add(
		l, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void line_pair(struct line *l, const struct headers *h)
{
	char a[ADDRESS_TEXT], b[ADDRESS_TEXT];
	bool ports = h->has_ports && (h->kind == HEADER_UDP || h->kind == HEADER_TCP);

	address_text(a, h->family, h->source);
	address_text(b, h->family, h->destination);
	if (!ports)
		line_add(l, " %s > %s", a, b);
	else if (h->family == 6)
		line_add(l, " [%s]:%u > [%s]:%u", a, h->first, b, h->second);
	else
		line_add(l, " %s:%u > %s:%u", a, h->first, b, h->second);
}

static void line_packet(struct line *l, uint16_t type, const uint8_t *bytes, size_t n, int depth);

static void line_arp(struct line *l, const struct headers *h)
{
	char a[ADDRESS_TEXT], b[ADDRESS_TEXT];

	address_text(a, 4, h->source);
	address_text(b, 4, h->destination);
	if (h->operation == 1) {
		line_add(l, "ARP who-has %s tell %s", b, a);
		return;
	}
	line_add(l, "ARP reply %s is-at ", a);
	line_mac(l, h->sender_mac);
}

static void line_tcp(struct line *l, const struct headers *h)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK"};
	const char *between = " ";

	for (int i = 0; i < 5; i++) {
		if (!(h->flags >> i & 1))
			continue;
		line_add(l, "%s%s", between, names[i]);
		between = "-";
	}
}

static void line_packet(struct line *l, uint16_t type, const uint8_t *bytes, size_t n, int depth)
{
	struct headers h;
	char text[ADDRESS_TEXT];

	if ((type == ETHERTYPE_TAG || type == ETHERTYPE_TAG_OUTER) && n >= 4 &&
		depth <= LAYERS_MAX) {
		line_add(l, "VLAN %u: ", (unsigned)(bytes[0] << 8 | bytes[1]) & 0xfff);
		line_packet(l, (uint16_t)(bytes[2] << 8 | bytes[3]), bytes + 4, n - 4, depth + 1);
		return;
	}
	if (depth > LAYERS_MAX || !headers_decode(&h, type, bytes, n)) {
		line_add(l, "packet of type 0x%04x", type);
		return;
	}
	switch (h.kind) {
	case HEADER_ARP:
		line_arp(l, &h);
		return;
	case HEADER_SOLICIT:
		line_add(l, "ND who-has %s", address_text(text, 6, h.target));
		line_add(l, " tell %s", address_text(text, 6, h.source));
		return;
	case HEADER_ADVERTISE:
		line_add(l, "ND %s is-at ", address_text(text, 6, h.target));
		line_mac(l, h.sender_mac);
		return;
	case HEADER_ECHO_REQUEST:
		line_add(l, "%s echo request", h.family == 6 ? "ICMPv6" : "ICMP");
		break;
	case HEADER_ECHO_REPLY:
		line_add(l, "%s echo reply", h.family == 6 ? "ICMPv6" : "ICMP");
		break;
	case HEADER_ICMP_ERROR:
		line_add(l, "%s %s", h.family == 6 ? "ICMPv6" : "ICMP", icmp_word(&h));
		if (h.mtu)
			line_add(l, " (MTU %u)", h.mtu);
		line_pair(l, &h);
		if (h.inner_type && depth == 0) {
			line_add(l, ", about ");
			line_packet(l, h.inner_type, bytes + h.inner, n - h.inner, LAYERS_MAX);
		}
		return;
	case HEADER_UDP:
		line_add(l, "UDP");
		break;
	case HEADER_TCP:
		line_add(l, "TCP");
		line_tcp(l, &h);
		break;
	case HEADER_VXLAN:
	case HEADER_IP_IN_IP:
		line_add(l, h.kind == HEADER_VXLAN ? "VXLAN %u" : "IP in IP", h.vni);
		line_pair(l, &h);
		line_add(l, " [");
		if (h.inner_type)
			line_packet(l, h.inner_type, bytes + h.inner, n - h.inner, depth + 1);
		line_add(l, "]");
		return;
	case HEADER_FRAGMENT:
		line_add(l, "fragment");
		break;
	default:
		line_add(l, "IP protocol %u", h.proto);
	}
	line_pair(l, &h);
	line_add(l, ", %u bytes", h.total);
}

void headers_text(char *out, size_t size, uint16_t type, const uint8_t *bytes, size_t n)
{
	struct line l = {.out = out, .size = size};

	if (!size)
		return;
	out[0] = '\0';
	line_packet(&l, type, bytes, n, 0);
}
