#include "see/firewall.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUMPS_MAX = 16, CHAINS_MAX = 256 };

enum truth { NO, MAYBE, YES };
enum outcome { GO_ON, RETURN, ACCEPT, DROP };

struct judge {
	const json_t *items; /* the array of objects */
	const struct firewall_packet *packet;
	const char *hook;
	struct firewall_verdict *verdict;
	struct firewall_verdict suspect; /* a rule that might have done it */
};

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
	enum { NOT_KNOWN, NOT_THERE, NUMBER, TEXT, IP } kind;
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
	if (!strcmp(protocol, "arp") && p->family != 0)
		return none;
	return (struct value){0};
}

static struct value meta_value(const struct firewall_packet *p, const char *key)
{
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
	return (struct value){0};
}

static struct value left_value(const struct firewall_packet *p, const json_t *left)
{
	const json_t *o;

	if ((o = json_object_get(left, "payload")))
		return payload_value(p, text_of(o, "protocol"), text_of(o, "field"));
	if ((o = json_object_get(left, "meta")))
		return meta_value(p, text_of(o, "key"));
	if ((o = json_object_get(left, "ct")) && !strcmp(text_of(o, "key"), "state"))
		return (struct value){.kind = TEXT, .text = p->answer ? "established" : "new"};
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

static enum truth right_matches(
	const struct judge *j, const struct value *left, const json_t *right, bool six)
{
	const json_t *set = json_is_array(right) ? right : json_object_get(right, "set");
	const json_t *range = json_object_get(right, "range"),
		     *prefix = json_object_get(right, "prefix");
	int low, high;

	if (json_is_string(right) && json_string_value(right)[0] == '@') { /* a named set */
		for (size_t i = 0; i < json_array_size(j->items); i++) {
			const json_t *s = json_object_get(json_array_get(j->items, i), "set");

			if (s && !strcmp(text_of(s, "name"), json_string_value(right) + 1))
				return json_object_get(s, "elem")
					       ? right_matches(
							 j, left, json_object_get(s, "elem"), six)
					       : NO;
		}
		return MAYBE;
	}
	if (set) {
		enum truth best = NO;

		for (size_t i = 0; i < json_array_size(set); i++) {
			enum truth t = right_matches(j, left, json_array_get(set, i), six);

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

static enum truth match_holds(const struct judge *j, const json_t *match)
{
	const json_t *left = json_object_get(match, "left"),
		     *right = json_object_get(match, "right");
	const char *op = text_of(match, "op");
	const json_t *payload = json_object_get(left, "payload");
	bool six = payload && !strcmp(text_of(payload, "protocol"), "icmpv6");
	struct value v = left_value(j->packet, left);
	enum truth t;
	int order;

	if (v.kind == NOT_THERE)
		return NO;
	if (v.kind == NOT_KNOWN)
		return MAYBE;
	if (!strcmp(op, "==") || !strcmp(op, "in") || !*op)
		return right_matches(j, &v, right, six);
	if (!strcmp(op, "!=")) {
		t = right_matches(j, &v, right, six);
		return truth_not(t);
	}
	if (!value_compare(&v, right, six, &order))
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

/* ---- rules and chains ---- */

static void rule_note(
	struct judge *j, struct firewall_verdict *v, const json_t *rule, bool reject, bool certain)
{
	*v = (struct firewall_verdict){.found = true, .certain = certain, .reject = reject};
	snprintf(v->family, sizeof(v->family), "%s", text_of(rule, "family"));
	snprintf(v->table, sizeof(v->table), "%s", text_of(rule, "table"));
	snprintf(v->chain, sizeof(v->chain), "%s", text_of(rule, "chain"));
	snprintf(v->hook, sizeof(v->hook), "%s", j->hook);
	snprintf(v->text, sizeof(v->text), "%s", text_of(rule, "comment"));
	v->handle = (uint32_t)json_integer_value(json_object_get(rule, "handle"));
}

static enum outcome chain_run(
	struct judge *j, const json_t *like, const char *name, int depth, enum truth reached);

/* Expressions that neither match nor decide. */
static bool is_neutral(const char *key)
{
	static const char *const list[] = {"counter", "log", "comment", "mangle", "notrack", "flow",
		"meter", "ct helper", "dup", "quota", "last", NULL};

	for (int i = 0; list[i]; i++)
		if (!strcmp(list[i], key))
			return true;
	return false;
}

static enum outcome rule_run(struct judge *j, const json_t *rule, int depth, enum truth reached)
{
	const json_t *expr = json_object_get(rule, "expr");
	enum truth holds = reached;

	for (size_t i = 0; i < json_array_size(expr); i++) {
		json_t *item = json_array_get(expr, i);
		const char *key;
		json_t *body;

		json_object_foreach(item, key, body)
		{
			bool drop = !strcmp(key, "drop"), reject = !strcmp(key, "reject");

			if (!strcmp(key, "match")) {
				enum truth t = match_holds(j, body);

				holds = t < holds ? t : holds;
				if (holds == NO)
					return GO_ON;
			} else if (drop || reject) {
				if (holds == YES) {
					rule_note(j, j->verdict, rule, reject, true);
					return DROP;
				}
				if (!j->suspect.found)
					rule_note(j, &j->suspect, rule, reject, false);
				return GO_ON;
			} else if (!strcmp(key, "accept")) {
				return holds == YES ? ACCEPT : GO_ON;
			} else if (!strcmp(key, "return")) {
				return holds == YES ? RETURN : GO_ON;
			} else if (!strcmp(key, "jump") || !strcmp(key, "goto")) {
				enum outcome o = chain_run(
					j, rule, text_of(body, "target"), depth + 1, holds);

				if (o == ACCEPT || o == DROP)
					return o;
				if (key[0] == 'g' && holds == YES)
					return RETURN;
			} else if (!is_neutral(key)) {
				holds = holds > MAYBE ? MAYBE
						      : holds; /* limit, xt, vmap, fib ... */
			}
		}
	}
	return GO_ON;
}

static enum outcome chain_run(
	struct judge *j, const json_t *like, const char *name, int depth, enum truth reached)
{
	if (depth > JUMPS_MAX)
		return GO_ON;
	for (size_t i = 0; i < json_array_size(j->items); i++) {
		const json_t *rule = json_object_get(json_array_get(j->items, i), "rule");
		enum outcome o;

		if (!rule || strcmp(text_of(rule, "chain"), name) != 0 ||
			strcmp(text_of(rule, "table"), text_of(like, "table")) != 0 ||
			strcmp(text_of(rule, "family"), text_of(like, "family")) != 0)
			continue;
		o = rule_run(j, rule, depth, reached);
		if (o == RETURN)
			return GO_ON;
		if (o != GO_ON)
			return o;
	}
	return GO_ON;
}

static bool device_listed(const json_t *dev, const char *name)
{
	if (!dev) /* nft 1.0.6 leaves it out */
		return true;
	if (json_is_string(dev))
		return !strcmp(json_string_value(dev), name);
	for (size_t i = 0; i < json_array_size(dev); i++)
		if (!strcmp(json_string_value(json_array_get(dev, i)), name))
			return true;
	return false;
}

/* Does the packet pass this base chain at this hook? */
static bool chain_applies(const struct judge *j, const json_t *chain)
{
	const struct firewall_packet *p = j->packet;
	const char *family = text_of(chain, "family");
	bool ingress = !strcmp(j->hook, "ingress"), egress = !strcmp(j->hook, "egress");

	if (strcmp(text_of(chain, "hook"), j->hook) != 0)
		return false;
	if (ingress || egress)
		return (!strcmp(family, "netdev") || !strcmp(family, "inet")) &&
		       device_listed(json_object_get(chain, "dev"), ingress ? p->iif : p->oif);
	if (!strcmp(family, "bridge"))
		return p->bridged;
	if (p->bridged && !p->bridge_calls_ip)
		return false;
	if (!strcmp(family, "arp"))
		return p->family == 0;
	if (!strcmp(family, "inet"))
		return p->family != 0;
	return !strcmp(family, p->family == 6 ? "ip6" : "ip") && p->family != 0;
}

/* Symbolic priorities are printed as numbers in JSON. */
static int priority_compare(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(const json_t *const *)a, "prio"));
	json_int_t y = json_integer_value(json_object_get(*(const json_t *const *)b, "prio"));

	return (x > y) - (x < y);
}

static bool hook_run(struct judge *j)
{
	const json_t *chains[CHAINS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(j->items) && n < CHAINS_MAX; i++) {
		const json_t *chain = json_object_get(json_array_get(j->items, i), "chain");

		if (chain && chain_applies(j, chain))
			chains[n++] = chain;
	}
	if (n)
		qsort(chains, n, sizeof(chains[0]), priority_compare);
	for (size_t i = 0; i < n; i++) {
		const json_t *chain = chains[i];
		enum outcome o = chain_run(j, chain, text_of(chain, "name"), 0, YES);
		struct firewall_verdict *v = j->verdict;

		if (o == DROP)
			return true;
		if (o == ACCEPT || strcmp(text_of(chain, "policy"), "drop") != 0)
			continue;
		*v = (struct firewall_verdict){.found = true, .certain = true};
		snprintf(v->family, sizeof(v->family), "%s", text_of(chain, "family"));
		snprintf(v->table, sizeof(v->table), "%s", text_of(chain, "table"));
		snprintf(v->chain, sizeof(v->chain), "%s", text_of(chain, "name"));
		snprintf(v->hook, sizeof(v->hook), "%s", j->hook);
		return true;
	}
	return false;
}

bool firewall_judge(const json_t *ruleset, const struct firewall_packet *p,
	const char *const hooks[], struct firewall_verdict *v)
{
	struct judge j = {.items = json_object_get(ruleset, "nftables"), .packet = p, .verdict = v};

	*v = (struct firewall_verdict){0};
	for (int i = 0; hooks[i]; i++) {
		j.hook = hooks[i];
		if (hook_run(&j))
			return true;
	}
	if (j.suspect.found)
		*v = j.suspect;
	return v->found;
}
