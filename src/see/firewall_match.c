#include "see/firewall_match.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static enum truth truth_not(enum truth t)
{
	return t == MAYBE ? MAYBE : t == YES ? NO : YES;
}

/* ---- one value ---- */

/* What a left side is, on this packet: a number, a text or an address. */
struct value {
	enum { NOT_KNOWN, NOT_THERE, NUMBER, TEXT, IP, MAC } kind;
	uint64_t number;
	const char *text;
	const uint8_t *ip;
	uint8_t family;
};

static struct value number(uint64_t n)
{
	return (struct value){.kind = NUMBER, .number = n};
}

static struct value payload_value(
	const struct firewall_packet *p, const char *protocol, const char *field)
{
	struct value none = {.kind = NOT_THERE};
	bool ip4 = !strcmp(protocol, "ip"), ip6 = !strcmp(protocol, "ip6");

	if (ip4 || ip6) {
		if (p->family != (ip4 ? 4 : 6))
			return none;
		if (!strcmp(field, "saddr"))
			return (struct value){.kind = IP, .ip = p->source, .family = p->family};
		if (!strcmp(field, "daddr"))
			return (struct value){
				.kind = IP, .ip = p->destination, .family = p->family};
		if (!strcmp(field, "protocol") || !strcmp(field, "nexthdr"))
			return number(p->proto);
		if (!strcmp(field, "ttl") || !strcmp(field, "hoplimit"))
			return p->ttl ? number(p->ttl) : (struct value){0};
		if (!strcmp(field, "length") && p->length)
			return number(ip4 ? p->length : p->length - 40);
	}
	if (!strcmp(protocol, "icmp") || !strcmp(protocol, "icmpv6")) {
		if (p->proto != (!strcmp(protocol, "icmp") ? IPPROTO_ICMP : IPPROTO_ICMPV6))
			return none;
		if (!strcmp(field, "type"))
			return number(p->icmp_type);
		if (!strcmp(field, "code"))
			return number(0);
	}
	if (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp") || !strcmp(protocol, "th")) {
		bool fits = !strcmp(protocol, "th") ||
			    p->proto == (!strcmp(protocol, "tcp") ? IPPROTO_TCP : IPPROTO_UDP);

		if (!fits || !p->has_ports)
			return none;
		if (!strcmp(field, "sport"))
			return number(p->first);
		if (!strcmp(field, "dport"))
			return number(p->second);
	}
	if (!strcmp(protocol, "tcp") && !strcmp(field, "flags"))
		return p->proto == IPPROTO_TCP ? number(p->tcp_flags) : none;
	if (!strcmp(protocol, "ether") && p->has_ether) {
		if (!strcmp(field, "saddr"))
			return (struct value){.kind = MAC, .ip = p->ether + 6};
		if (!strcmp(field, "daddr"))
			return (struct value){.kind = MAC, .ip = p->ether};
		if (!strcmp(field, "type"))
			return number(p->family == 6 ? 0x86dd : p->family == 4 ? 0x0800 : 0x0806);
	}
	if (!strcmp(protocol, "arp") && p->family != 0)
		return none;
	if (!strcmp(protocol, "arp") && !strcmp(field, "operation") && p->arp_operation)
		return number(p->arp_operation);
	if (!strcmp(protocol, "arp") && !strcmp(field, "saddr ip"))
		return (struct value){.kind = IP, .ip = p->source, .family = 4};
	if (!strcmp(protocol, "arp") && !strcmp(field, "daddr ip"))
		return (struct value){.kind = IP, .ip = p->destination, .family = 4};
	return (struct value){0};
}

static struct value meta_value(const struct situation *s, const char *key)
{
	const struct firewall_packet *p = s->packet;

	if (!strcmp(key, "iifname") || !strcmp(key, "iif"))
		return (struct value){.kind = TEXT, .text = p->iif};
	if (!strcmp(key, "oifname") || !strcmp(key, "oif"))
		return (struct value){.kind = TEXT, .text = p->oif};
	if (!strcmp(key, "l4proto"))
		return p->family ? number(p->proto) : (struct value){.kind = NOT_THERE};
	if (!strcmp(key, "nfproto"))
		return number(p->family == 6 ? 10 : 2);
	if (!strcmp(key, "protocol"))
		return number(p->family == 6 ? 0x86dd : p->family == 4 ? 0x0800 : 0x0806);
	if (!strcmp(key, "length") && p->length)
		return number(p->length);
	if (!strcmp(key, "mark") && s->marked != MAYBE)
		return number(s->mark);
	return (struct value){0};
}

static uint64_t flags_number(const json_t *flags)
{
	static const char *const list[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
	uint64_t bits = 0;

	if (json_is_integer(flags))
		return (uint64_t)json_integer_value(flags);
	for (size_t i = 0; i < 8; i++)
		if (json_is_string(flags) && !strcmp(json_string_value(flags), list[i]))
			bits |= UINT64_C(1) << i;
	for (size_t i = 0; i < json_array_size(flags); i++)
		bits |= flags_number(json_array_get(flags, i));
	return json_object_get(flags, "|") ? flags_number(json_object_get(flags, "|")) : bits;
}

static struct value left_value(const struct situation *s, const json_t *left)
{
	const struct firewall_packet *p = s->packet;
	const json_t *o;

	if ((o = json_object_get(left, "payload")))
		return payload_value(p, text_of(o, "protocol"), text_of(o, "field"));
	if ((o = json_object_get(left, "meta")))
		return meta_value(s, text_of(o, "key"));
	if ((o = json_object_get(left, "ct"))) {
		if (!strcmp(text_of(o, "key"), "state"))
			return (struct value){.kind = TEXT,
				.text = p->astray   ? "invalid"
					: p->answer ? "established"
						    : "new"};
		if (!strcmp(text_of(o, "key"), "direction"))
			return (struct value){
				.kind = TEXT, .text = p->answer ? "reply" : "original"};
	}
	if ((o = json_object_get(left, "&"))) {
		struct value v = left_value(s, json_array_get(o, 0));

		if (v.kind == NUMBER)
			v.number &= flags_number(json_array_get(o, 1));
		return v;
	}
	return (struct value){0};
}

/* Names that nft prints instead of numbers. */
static const struct {
	const char *name;
	uint64_t number;
} names[] = {
	{"icmp", IPPROTO_ICMP},
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"ipv6-icmp", IPPROTO_ICMPV6},
	{"icmpv6", IPPROTO_ICMPV6},
	{"sctp", IPPROTO_SCTP},
	{"esp", IPPROTO_ESP},
	{"gre", IPPROTO_GRE},
	{"ipv4", 2},
	{"ip", 0x0800},
	{"ip6", 0x86dd},
	{"arp", 0x0806},
	{"request", 1},
	{"reply", 2},
	{"echo-reply", 0},
	{"destination-unreachable", 3},
	{"echo-request", 8},
	{"time-exceeded", 11},
};

static bool name_number(const struct value *left, const char *name, uint64_t *out)
{
	char *end;

	/* ICMPv6 shares the names, not the numbers. */
	if (!strcmp(name, "ipv6")) {
		*out = left->number == 0x86dd || left->number == 0x0800 || left->number == 0x0806
			       ? 0x86dd
			       : 10;
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, name)) {
			*out = names[i].number;
			return true;
		}
	*out = strtoull(name, &end, 0);
	return *name && !*end;
}

static bool icmp6_name(const char *name, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t number;
	} list[] = {{"echo-request", 128}, {"echo-reply", 129}, {"destination-unreachable", 1},
		{"packet-too-big", 2}, {"time-exceeded", 3}, {"nd-neighbor-solicit", 135},
		{"nd-neighbor-advert", 136}, {"nd-router-advert", 134}, {"nd-router-solicit", 133}};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (!strcmp(list[i].name, name)) {
			*out = list[i].number;
			return true;
		}
	return false;
}

/* -1, 0, 1; false when not comparable. */
static bool value_compare(const struct value *left, const json_t *right, bool six, int *order)
{
	uint8_t ip[16];
	uint64_t n;

	if (left->kind == IP) {
		if (!json_is_string(right) || inet_pton(left->family == 6 ? AF_INET6 : AF_INET,
						      json_string_value(right), ip) != 1)
			return false;
		*order = memcmp(left->ip, ip, left->family == 6 ? 16 : 4);
		return true;
	}
	if (left->kind == MAC) {
		unsigned int m[6];

		if (!json_is_string(right) ||
			sscanf(json_string_value(right), "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2],
				&m[3], &m[4], &m[5]) != 6)
			return false;
		for (int i = 0; i < 6; i++)
			ip[i] = (uint8_t)m[i];
		*order = memcmp(left->ip, ip, 6);
		return true;
	}
	if (left->kind == TEXT) {
		const char *text = json_string_value(right);
		size_t size = text ? strlen(text) : 0;

		if (!text)
			return false;
		if (size && text[size - 1] == '*')
			*order = strncmp(left->text, text, size - 1);
		else
			*order = strcmp(left->text, text);
		return true;
	}
	if (json_is_integer(right))
		n = (uint64_t)json_integer_value(right);
	else if (!json_is_string(right) || !((six && icmp6_name(json_string_value(right), &n)) ||
						   name_number(left, json_string_value(right), &n)))
		return false;
	*order = left->number < n ? -1 : left->number > n;
	return true;
}

static enum truth prefix_matches(const struct value *left, const json_t *prefix)
{
	uint8_t ip[16];
	json_int_t bits = json_integer_value(json_object_get(prefix, "len"));

	if (left->kind != IP || bits < 0 || bits > 128 ||
		inet_pton(left->family == 6 ? AF_INET6 : AF_INET, text_of(prefix, "addr"), ip) != 1)
		return left->kind == IP ? NO : MAYBE;
	for (json_int_t i = 0; i < bits; i++)
		if ((left->ip[i / 8] ^ ip[i / 8]) >> (7 - i % 8) & 1)
			return NO;
	return YES;
}

/* The elements of a named set or map ("@name"); NULL: no such one.  An empty one is an empty array.
 */
static const json_t *named_elements(const struct situation *s, const char *kind, const char *name)
{
	for (size_t i = 0; i < json_array_size(s->items); i++) {
		const json_t *set = json_object_get(json_array_get(s->items, i), kind);

		if (set && !strcmp(text_of(set, "name"), name))
			return json_object_get(set, "elem") ? json_object_get(set, "elem") : set;
	}
	return NULL;
}

/* An element with a timeout, a counter or a comment is wrapped. */
static const json_t *element_bare(const json_t *element)
{
	const json_t *inside = json_object_get(element, "elem");
	const json_t *bare = json_object_get(inside, "val");

	return bare ? bare : element;
}

static enum truth right_matches(
	const struct situation *s, const struct value *left, const json_t *right, bool six)
{
	const json_t *set, *range, *prefix;
	int low, high;

	right = element_bare(right);
	set = json_is_array(right) ? right : json_object_get(right, "set");
	range = json_object_get(right, "range");
	prefix = json_object_get(right, "prefix");
	if (json_is_string(right) && json_string_value(right)[0] == '@') {
		set = named_elements(s, "set", json_string_value(right) + 1);
		if (!set)
			return MAYBE;
		if (!json_is_array(set))
			return NO;
	}
	if (set) {
		enum truth best = NO;

		if (!json_is_array(set)) /* a single one */
			return right_matches(s, left, set, six);
		for (size_t i = 0; i < json_array_size(set); i++) {
			enum truth t = right_matches(s, left, json_array_get(set, i), six);

			best = t > best ? t : best;
		}
		return best;
	}
	if (range) {
		if (!value_compare(left, json_array_get(range, 0), six, &low) ||
			!value_compare(left, json_array_get(range, 1), six, &high))
			return MAYBE;
		return low >= 0 && high <= 0 ? YES : NO;
	}
	if (prefix)
		return prefix_matches(left, prefix);
	if (!value_compare(left, right, six, &low))
		return MAYBE;
	return low == 0 ? YES : NO;
}

static bool is_icmp6(const json_t *left)
{
	const json_t *payload = json_object_get(left, "payload");

	return payload && !strcmp(text_of(payload, "protocol"), "icmpv6");
}

/* Each part of a concatenation against its part of the other side. */
static enum truth parts_match(const struct situation *s, const json_t *left, const json_t *right);

static enum truth part_matches(const struct situation *s, const json_t *left, const json_t *right)
{
	struct value v;

	if (json_object_get(left, "concat"))
		return parts_match(s, json_object_get(left, "concat"), right);
	v = left_value(s, left);
	if (v.kind == NOT_THERE)
		return NO;
	if (v.kind == NOT_KNOWN)
		return MAYBE;
	return right_matches(s, &v, right, is_icmp6(left));
}

static enum truth parts_match(const struct situation *s, const json_t *left, const json_t *right)
{
	const json_t *parts, *set;
	enum truth all = YES, best = NO;

	right = element_bare(right);
	parts = json_object_get(right, "concat");
	set = json_is_array(right) ? right : json_object_get(right, "set");
	if (json_is_string(right) && json_string_value(right)[0] == '@') {
		set = named_elements(s, "set", json_string_value(right) + 1);
		if (!set)
			return MAYBE;
	}
	for (size_t i = 0; set && i < json_array_size(set); i++) {
		enum truth t = parts_match(s, left, json_array_get(set, i));

		best = t > best ? t : best;
	}
	if (set)
		return best;
	if (!parts)
		return MAYBE;
	for (size_t i = 0; i < json_array_size(left); i++) {
		enum truth t = part_matches(s, json_array_get(left, i), json_array_get(parts, i));

		all = t < all ? t : all;
	}
	return all;
}

/* "tcp flags syn": is one of the bits set; "tcp flags & (syn|ack) == syn" is the other form. */
static enum truth bits_hold(const struct value *v, const json_t *right)
{
	uint64_t bits =
		flags_number(json_object_get(right, "set") ? json_object_get(right, "set") : right);

	return v->number & bits ? YES : NO;
}

enum truth match_holds(const struct situation *s, const json_t *match)
{
	const json_t *left = json_object_get(match, "left"),
		     *right = json_object_get(match, "right"), *mask = json_object_get(left, "&");
	const char *op = text_of(match, "op");
	bool flags = !strcmp(text_of(json_object_get(left, "payload"), "field"), "flags");
	struct value v;
	enum truth t;
	int order;

	if (json_object_get(left, "concat")) {
		t = parts_match(s, json_object_get(left, "concat"), right);
		return !strcmp(op, "!=") ? truth_not(t) : t;
	}
	v = left_value(s, left);
	if (v.kind == NOT_THERE)
		return NO;
	if (v.kind == NOT_KNOWN)
		return MAYBE;
	if (v.kind == NUMBER && flags && !strcmp(op, "in"))
		return bits_hold(&v, right);
	if (v.kind == NUMBER && (mask || flags) &&
		(json_is_array(right) || json_object_get(right, "|") || flags ||
			(json_is_string(right) && flags_number(right)))) {
		t = v.number == flags_number(right) ? YES : NO;
		return !strcmp(op, "!=") ? truth_not(t) : t;
	}
	if (!strcmp(op, "==") || !strcmp(op, "in") || !*op)
		return right_matches(s, &v, right, is_icmp6(left));
	if (!strcmp(op, "!=")) {
		t = right_matches(s, &v, right, is_icmp6(left));
		return truth_not(t);
	}
	if (!value_compare(&v, right, is_icmp6(left), &order))
		return MAYBE;
	if (!strcmp(op, "<"))
		return order < 0 ? YES : NO;
	if (!strcmp(op, ">"))
		return order > 0 ? YES : NO;
	if (!strcmp(op, "<="))
		return order <= 0 ? YES : NO;
	if (!strcmp(op, ">="))
		return order >= 0 ? YES : NO;
	return MAYBE;
}

/* ---- sets and maps ---- */

const json_t *map_find(
	const struct situation *s, const json_t *vmap, const json_t **element, enum truth *how)
{
	const json_t *key = json_object_get(vmap, "key"), *data = json_object_get(vmap, "data");
	const json_t *list = json_object_get(data, "set"), *maybe = NULL, *rest = NULL;

	*element = NULL;
	*how = YES;
	if (json_is_string(data) && json_string_value(data)[0] == '@')
		list = named_elements(s, "map", json_string_value(data) + 1);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *pair = json_array_get(list, i);
		const json_t *at = json_array_get(pair, 0), *verdict = json_array_get(pair, 1);
		const json_t *bare = element_bare(at);
		enum truth t;

		if (json_is_string(bare) && !strcmp(json_string_value(bare), "*")) {
			rest = verdict;
			continue;
		}
		t = part_matches(s, key, at);
		if (t == NO)
			continue;
		if (t == YES) {
			*element = at;
			return verdict;
		}
		if (!maybe) {
			*element = at;
			maybe = verdict;
		}
	}
	if (maybe)
		*how = MAYBE;
	return maybe ? maybe : rest;
}

const json_t *set_find(const struct situation *s, const json_t *match, const char **name)
{
	const json_t *left = json_object_get(match, "left"), *list,
		     *right = json_object_get(match, "right");

	if (!json_is_string(right) || json_string_value(right)[0] != '@' ||
		strcmp(text_of(match, "op"), "!=") == 0 || json_object_get(left, "concat"))
		return NULL;
	*name = json_string_value(right) + 1;
	list = named_elements(s, "set", *name);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *bare = element_bare(json_array_get(list, i));

		if ((json_is_string(bare) || json_is_integer(bare)) &&
			part_matches(s, left, bare) == YES)
			return bare;
	}
	return NULL;
}
