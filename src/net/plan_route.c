/* Routes, as `ip route add` takes them, and whether the node can have them. */
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/plan_build.h"
#include "net/suggest.h"
#include "net/value.h"

enum { WORDS = 64, WORD = 64 };

/* The words of one route, taken one after the other. */
struct words {
	struct build *b;
	const struct tree *t;
	const char *words[WORDS];
	struct place places[WORDS];
	size_t count, next;
	int node;
};

/* A word and the number that the kernel knows it by. */
struct code {
	const char *word;
	uint32_t number;
};

static const struct code types[] = {{"unicast", RTN_UNICAST}, {"local", RTN_LOCAL},
	{"blackhole", RTN_BLACKHOLE}, {"unreachable", RTN_UNREACHABLE}, {"prohibit", RTN_PROHIBIT},
	{"throw", RTN_THROW}, {0}};
static const struct code tables[] = {
	{"main", RT_TABLE_MAIN}, {"local", RT_TABLE_LOCAL}, {"default", RT_TABLE_DEFAULT}, {0}};
static const struct code scopes[] = {{"global", RT_SCOPE_UNIVERSE}, {"universe", RT_SCOPE_UNIVERSE},
	{"site", RT_SCOPE_SITE}, {"link", RT_SCOPE_LINK}, {"host", RT_SCOPE_HOST},
	{"nowhere", RT_SCOPE_NOWHERE}, {0}};
static const struct code protocols[] = {{"static", RTPROT_STATIC}, {"kernel", RTPROT_KERNEL},
	{"boot", RTPROT_BOOT}, {"dhcp", RTPROT_DHCP}, {"ra", RTPROT_RA}, {0}};

static bool code_find(uint32_t *out, const struct code *codes, const char *word)
{
	for (; codes->word; codes++)
		if (!strcmp(codes->word, word)) {
			*out = codes->number;
			return true;
		}
	return false;
}

/* What is there: the next word, or NULL at the end. */
static const char *peek(const struct words *w)
{
	return w->next < w->count ? w->words[w->next] : NULL;
}

static struct place place(const struct words *w)
{
	return w->next < w->count ? w->places[w->next] : w->t->at;
}

#define FAIL(w, ...) BUILD_FAIL((w)->b, place(w), __VA_ARGS__)

/* Fails at the next word: "found 'x' behind via, expected an address". */
static int expected(const struct words *w, const char *what)
{
	const char *before = w->next ? w->words[w->next - 1] : NULL;
	char quote[PLACE_QUOTE];

	if (peek(w))
		place_quote(quote, peek(w));
	return FAIL(w, "found %s%s%s in the route, expected %s", peek(w) ? quote : "nothing",
		before ? " behind " : "", before ? before : "", what);
}

static int split(struct words *w)
{
	const char *text = w->t->text, *at = text;

	for (;;) {
		size_t n;

		at += strspn(at, " \t");
		n = strcspn(at, " \t");
		if (!n)
			return 0;
		if (w->count == WORDS || n >= WORD)
			return BUILD_FAIL(w->b, build_within(w->t, (size_t)(at - text)),
				"found too long a route, expected at most %d words", WORDS);
		w->places[w->count] = build_within(w->t, (size_t)(at - text));
		w->words[w->count++] = arena_copy(w->b->arena, at, n);
		at += n;
	}
}

static int take_number(struct words *w, uint32_t *out, uint64_t high, const struct code *codes)
{
	char what[64];
	uint64_t n;

	if (peek(w) && value_number(&n, peek(w)) && n <= high) {
		*out = (uint32_t)n;
	} else if (!peek(w) || !codes || !code_find(out, codes, peek(w))) {
		snprintf(what, sizeof(what), "a number up to %llu%s", (unsigned long long)high,
			codes ? " or a name" : "");
		return expected(w, what);
	}
	w->next++;
	return 0;
}

static int take_address(struct words *w, struct address *out)
{
	sa_family_t wanted = AF_UNSPEC;

	if (peek(w) && (!strcmp(peek(w), "inet") || !strcmp(peek(w), "inet6")))
		wanted = strcmp(w->words[w->next++], "inet") ? AF_INET6 : AF_INET;
	if (!peek(w) || !ip_parse(out, peek(w)) || (wanted && out->family != wanted))
		return expected(w, wanted == AF_INET	? "an IPv4 address"
				   : wanted == AF_INET6 ? "an IPv6 address"
							: "an address");
	w->next++;
	return 0;
}

static int take_device(struct words *w, char out[IFNAMSIZ])
{
	int found;

	if (!peek(w))
		return expected(w, "a device");
	if (strcmp(peek(w), "lo") != 0) {
		found = build_device_find(w->b, w->node, peek(w), place(w));
		if (found < 0)
			return found;
	}
	memcpy(out, peek(w), strlen(peek(w)) + 1);
	w->next++;
	return 0;
}

/* The type, where one is given, and the destination. */
static int take_destination(struct words *w, struct plan_route *r, bool *any_family)
{
	char text[PREFIX_TEXT];
	struct prefix masked;
	uint32_t type;

	r->type = RTN_UNICAST;
	if (peek(w) && code_find(&type, types, peek(w))) {
		r->type = (uint8_t)type;
		w->next++;
	}
	if (peek(w) && !strcmp(peek(w), "to"))
		w->next++;
	*any_family = peek(w) && (!strcmp(peek(w), "default") || !strcmp(peek(w), "all"));
	if (*any_family) {
		r->to = (struct prefix){.address.family = AF_INET};
	} else if (!peek(w) || !ip_prefix_parse(&r->to, peek(w), true)) {
		return expected(w, "a prefix, an address or default");
	}
	masked = ip_prefix_mask(r->to);
	ip_prefix_format(text, &masked);
	if (!ip_equal(&masked.address, &r->to.address))
		return FAIL(w, "found '%s' in the route, expected %s: its prefix has no host bits",
			peek(w), text);
	w->next++;
	return 0;
}

/* via, dev, onlink, weight: of one hop.  1: taken, 0: the word is another, or an error. */
static int take_hop_word(struct words *w, struct plan_hop *h, bool weighs)
{
	const char *word = peek(w);
	uint32_t n = 0;
	int err;

	if (!strcmp(word, "via")) {
		w->next++;
		h->at = place(w);
		err = take_address(w, &h->via);
	} else if (!strcmp(word, "dev") || !strcmp(word, "oif")) {
		w->next++;
		err = take_device(w, h->dev);
	} else if (!strcmp(word, "onlink")) {
		w->next++;
		h->onlink = true;
		err = 0;
	} else if (weighs && !strcmp(word, "weight")) {
		w->next++;
		err = take_number(w, &n, 256, NULL);
		if (!err && !n) {
			w->next--;
			err = expected(w, "a weight from 1 to 256");
		}
		h->weight = (uint16_t)n;
	} else {
		return 0;
	}
	return err ? err : 1;
}

static int take_option(struct words *w, struct plan_route *r)
{
	static const char *const known[] = {"via", "dev", "onlink", "src", "metric", "table",
		"scope", "proto", "tos", "mtu", "advmss", "nexthop"};
	const char *word = w->words[w->next++];
	struct suggestion meant = {0};
	uint32_t n = 0;
	int err;

	if (!strcmp(word, "src"))
		return take_address(w, &r->src);
	if (!strcmp(word, "metric") || !strcmp(word, "priority") || !strcmp(word, "preference"))
		return take_number(w, &r->metric, UINT32_MAX, NULL);
	if (!strcmp(word, "table"))
		return take_number(w, &r->table, UINT32_MAX, tables);
	if (!strcmp(word, "advmss"))
		return take_number(w, &r->advmss, UINT16_MAX, NULL);
	if (!strcmp(word, "mtu"))
		return take_number(w, &r->mtu, UINT16_MAX, NULL);
	if (!strcmp(word, "scope")) {
		err = take_number(w, &n, 255, scopes);
		r->scope = (uint8_t)n;
		r->has_scope = true;
		return err;
	}
	if (!strcmp(word, "proto") || !strcmp(word, "protocol")) {
		err = take_number(w, &n, 255, protocols);
		r->protocol = (uint8_t)n;
		return err;
	}
	if (!strcmp(word, "tos") || !strcmp(word, "dsfield")) {
		err = take_number(w, &n, 255, NULL);
		r->tos = (uint8_t)n;
		return err;
	}
	w->next--;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		suggest_offer(&meant, word, known[i], known[i]);
	if (meant.best)
		return FAIL(
			w, "unknown word '%s' in the route; did you mean '%s'?", word, meant.best);
	return FAIL(w,
		"unknown word '%s' in the route, expected one of via, dev, onlink, src, metric, table, "
		"scope, proto, tos, mtu, advmss, nexthop",
		word);
}

static int take_nexthop(struct words *w, struct plan_route *r)
{
	struct plan_hop h = {.weight = 1};
	int taken;

	w->next++;
	do {
		taken = peek(w) ? take_hop_word(w, &h, true) : 0;
	} while (taken > 0);
	if (taken < 0)
		return taken;
	if (!h.via.family && !h.dev[0])
		return expected(w, "via or dev");
	*ARENA_PUSH(w->b->arena, r->hops, r->hop_count) = h;
	return 0;
}

static int take_route(struct words *w, struct plan_route *r, bool *any_family)
{
	struct plan_hop only = {.weight = 1};
	int err = take_destination(w, r, any_family);

	while (!err && peek(w)) {
		int taken = take_hop_word(w, &only, false);

		if (taken < 0)
			return taken;
		if (taken)
			continue;
		err = strcmp(peek(w), "nexthop") ? take_option(w, r) : take_nexthop(w, r);
	}
	if (err)
		return err;
	if (only.via.family || only.dev[0]) {
		if (r->hop_count)
			return BUILD_FAIL(w->b, w->t->at,
				"found both nexthop and via or dev in the route, expected one of them");
		*ARENA_PUSH(w->b->arena, r->hops, r->hop_count) = only;
	}
	if (r->type == RTN_UNICAST && !r->hop_count)
		return BUILD_FAIL(
			w->b, w->t->at, "found a route without a way, expected via or dev");
	if (r->type != RTN_UNICAST && r->type != RTN_LOCAL && r->hop_count)
		return BUILD_FAIL(w->b, w->t->at,
			"found via or dev in a route of type %s, expected none", w->words[0]);
	return 0;
}

/* --- what the node must have for it --------------------------------------- */

static const struct plan_device *device_named(const struct words *w, const char *name)
{
	int i = names_find(&w->b->names, w->node, name, strlen(name));

	return i < 0 ? NULL : &w->b->plan->nodes[w->node].devices[i];
}

/* `default` takes its family from what follows it; without a gateway from the device's addresses.
 */
static void settle_family(const struct words *w, struct plan_route *r)
{
	sa_family_t family = AF_UNSPEC;

	for (size_t i = 0; i < r->hop_count && !family; i++)
		family = r->hops[i].via.family;
	if (!family)
		family = r->src.family;
	for (size_t i = 0; i < r->hop_count && !family; i++) {
		const struct plan_device *d = device_named(w, r->hops[i].dev);

		if (d && d->address_count)
			family = d->addresses[0].prefix.address.family;
	}
	r->to.address.family = family ? family : AF_INET;
}

static const struct plan_device *address_owner(const struct plan_node *n, const struct address *a)
{
	for (size_t i = 0; i < n->device_count; i++)
		for (size_t j = 0; j < n->devices[i].address_count; j++)
			if (ip_equal(&n->devices[i].addresses[j].prefix.address, a))
				return &n->devices[i];
	return NULL;
}

/* Is the gateway a neighbour: inside the subnet of a device, or behind a route without gateway? */
static bool gateway_is_near(const struct plan_node *n, const struct plan_hop *h)
{
	for (size_t i = 0; i < n->device_count; i++) {
		const struct plan_device *d = &n->devices[i];

		for (size_t j = 0; j < d->address_count; j++)
			if ((!h->dev[0] || !strcmp(h->dev, d->name)) &&
				ip_prefix_holds(&d->addresses[j].prefix, &h->via))
				return true;
	}
	for (size_t i = 0; i < n->route_count; i++) {
		const struct plan_route *r = &n->routes[i];

		if (r->type == RTN_UNICAST && r->hop_count == 1 && !r->hops[0].via.family &&
			(!h->dev[0] || !strcmp(h->dev, r->hops[0].dev)) &&
			ip_prefix_holds(&r->to, &h->via))
			return true;
	}
	return false;
}

static int check_hop(struct build *b, const struct plan_node *n, const struct plan_route *r,
	const struct plan_hop *h)
{
	bool local6 = h->via.family == AF_INET6 && h->via.bytes[0] == 0xfe &&
		      (h->via.bytes[1] & 0xc0) == 0x80;
	bool said6 = strstr(r->text, "inet6");
	char via[ADDRESS_TEXT], subnets[200] = "";
	size_t used = 0;

	if (!h->via.family)
		return 0;
	ip_format(via, &h->via);
	if (r->to.address.family == AF_INET6 && h->via.family == AF_INET)
		return BUILD_FAIL(b, h->at,
			"found the IPv4 gateway %s for an IPv6 prefix, expected an IPv6 one", via);
	if (r->to.address.family == AF_INET && h->via.family == AF_INET6 && !said6)
		return BUILD_FAIL(b, h->at,
			"found the IPv6 gateway %s for an IPv4 prefix, expected an IPv4 one, or 'via inet6'",
			via);
	if (address_owner(n, &h->via))
		return BUILD_FAIL(b, h->at,
			"found the gateway %s, which %s has itself, expected a neighbour", via,
			n->name);
	if (local6 && !h->dev[0])
		return BUILD_FAIL(b, h->at,
			"found the link-local gateway %s without dev, expected dev behind it", via);
	if (h->onlink && !h->dev[0])
		return BUILD_FAIL(b, h->at, "found onlink without dev, expected dev as well");
	if (h->onlink || local6 || gateway_is_near(n, h))
		return 0;
	for (size_t i = 0; i < n->device_count; i++)
		for (size_t j = 0; j < n->devices[i].address_count && used < sizeof(subnets) / 2;
			j++) {
			char text[PREFIX_TEXT];

			if (h->dev[0] && strcmp(h->dev, n->devices[i].name) != 0)
				continue;
			ip_prefix_format(text, &n->devices[i].addresses[j].prefix);
			used += (size_t)snprintf(subnets + used, sizeof(subnets) - used,
				"%s%s on %s", used ? ", " : "", text, n->devices[i].name);
		}
	return BUILD_FAIL(b, h->at,
		"found the gateway %s, expected one in a subnet of %s: it has %s", via, n->name,
		used	    ? subnets
		: h->dev[0] ? "no address there"
			    : "no address");
}

static int check_route(struct build *b, const struct plan_node *n, size_t index)
{
	const struct plan_route *r = &n->routes[index];
	char src[ADDRESS_TEXT];

	for (size_t i = 0; i < r->hop_count; i++) {
		int err = check_hop(b, n, r, &r->hops[i]);

		if (err)
			return err;
	}
	if (r->src.family &&
		(r->src.family != r->to.address.family || !address_owner(n, &r->src))) {
		ip_format(src, &r->src);
		return BUILD_FAIL(b, r->at,
			"found src %s, expected an address of %s and of the route's family", src,
			n->name);
	}
	for (size_t i = 0; i < index; i++) {
		const struct plan_route *o = &n->routes[i];

		if (o->to.length == r->to.length && ip_equal(&o->to.address, &r->to.address) &&
			o->table == r->table && o->metric == r->metric && o->tos == r->tos)
			return BUILD_FAIL(b, r->at,
				"found a second route to the same prefix, expected another metric or table (first in line %u)",
				o->at.line);
	}
	return 0;
}

static int add_route(struct build *b, int node, const struct tree *t)
{
	struct plan_node *n = &b->plan->nodes[node];
	struct words w = {.b = b, .t = t, .node = node};
	struct plan_route r = {.at = t->at, .text = t->text, .protocol = RTPROT_STATIC};
	bool any_family = false;
	int err = split(&w);

	if (!err)
		err = take_route(&w, &r, &any_family);
	if (!err)
		err = build_spend(b, t->at, 1 + r.hop_count);
	if (err)
		return err;
	if (any_family)
		settle_family(&w, &r);
	if (!r.table)
		r.table = r.type == RTN_LOCAL ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	*ARENA_PUSH(b->arena, n->routes, n->route_count) = r;
	return 0;
}

int plan_routes_build(struct build *b)
{
	for (size_t i = 0; i < b->plan->node_count; i++) {
		const struct tree *items;
		size_t n;
		int err = 0;

		items = build_items(tree_get(b->drafts[i].tree, "routes"), &n);
		for (size_t j = 0; j < n && !err; j++)
			err = add_route(b, (int)i, &items[j]);
		/* A gateway may be near by a route that stands further down. */
		for (size_t j = 0; j < b->plan->nodes[i].route_count && !err; j++)
			err = check_route(b, &b->plan->nodes[i], j);
		if (err)
			return err;
	}
	return 0;
}
