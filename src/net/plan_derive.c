/* What a tunnel needs and the file need not say: ports, endpoints, allowed-ips, MTU. */
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/plan_build.h"
#include "net/value.h"

enum {
	FIRST_PORT = 51820,
	DEFAULT_MTU = 1420,
	ETHERNET = 14,
	OVERHEAD = 80, /* IPv6 40, UDP 8, WireGuard 32 */
	LEAST_MTU = 576,
	LEAST_MTU6 = 1280,
};

/* One end of a tunnel, and the other, as the steps below look at them. */
struct side {
	struct build *b;
	struct plan_tunnel *tunnel;
	const struct draft_tunnel *draft;
	struct plan_tunnel_end *end;
	const struct plan_node *node, *far;
	struct plan_device *device, *far_device;
	int index; /* of the end in the tunnel */
};

static struct side side_of(struct build *b, size_t tunnel, int end)
{
	struct plan_tunnel *t = &b->plan->tunnels[tunnel];
	const struct plan_end *e = &t->ends[end].end, *far = &t->ends[!end].end;

	return (struct side){
		.b = b,
		.tunnel = t,
		.draft = &b->tunnels[tunnel],
		.end = &t->ends[end],
		.node = &b->plan->nodes[e->node],
		.far = &b->plan->nodes[far->node],
		.device = &b->plan->nodes[e->node].devices[e->device],
		.far_device = &b->plan->nodes[far->node].devices[far->device],
		.index = end,
	};
}

static unsigned peers(const struct side *s, int end)
{
	const struct plan_end *e = &s->tunnel->ends[end].end;

	return s->b->drafts[e->node].devices[e->device].peers;
}

/* What the file says for this end under `key`: {NODE: ...} or {NODE:DEVICE: ...}. */
static const struct tree *said(const struct side *s, const char *key)
{
	const struct tree *map = tree_get(s->draft->tree, key);
	size_t n = strlen(s->node->name);

	for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
		const char *name = map->items[i].key;

		if (!strcmp(name, s->node->name) ||
			(!strncmp(name, s->node->name, n) && name[n] == ':' &&
				!strcmp(name + n + 1, s->device->name)))
			return &map->items[i];
	}
	return NULL;
}

/* Each name in such a mapping must be one of the two ends, and not both. */
static int check_names(struct build *b, size_t tunnel, const char *key)
{
	const struct side s[2] = {side_of(b, tunnel, 0), side_of(b, tunnel, 1)};
	const struct tree *map = tree_get(s[0].draft->tree, key);

	for (size_t i = 0; map && map->kind == TREE_MAP && i < map->count; i++) {
		const struct tree *item = &map->items[i];
		int node, device, matches = 0;
		int err = build_end_or_node(b, item->key, item->key_at, &node, &device);

		if (err)
			return err;
		for (int j = 0; j < 2; j++)
			matches += s[j].end->end.node == node &&
				   (device < 0 || s[j].end->end.device == device);
		/* A range makes several tunnels of one text: the name is in one of them. */
		if (matches == 1 || (!matches && s[0].draft->of_range))
			continue;
		return BUILD_FAIL(b, item->key_at,
			"found '%s' for the tunnel %s:%s == %s:%s, expected one of its ends",
			item->key, s[0].node->name, s[0].device->name, s[1].node->name,
			s[1].device->name);
	}
	return 0;
}

/* --- ports ---------------------------------------------------------------- */

static int port_said(const struct side *s, struct names *taken)
{
	const struct tree *t = said(s, "listen_port");
	uint16_t *key = arena_get(s->b->arena, sizeof(*key));
	int owner = s->end->end.device;
	uint64_t n = 0;

	if (!t)
		return 0;
	value_number(&n, t->text);
	*key = (uint16_t)n;
	if (s->device->tunnel.listen_port && s->device->tunnel.listen_port != *key)
		return BUILD_FAIL(s->b, t->at,
			"found port %u for %s:%s, expected %u as in its other tunnel", *key,
			s->node->name, s->device->name, s->device->tunnel.listen_port);
	if (!names_add(taken, s->end->end.node, key, sizeof(*key), owner) &&
		names_find(taken, s->end->end.node, key, sizeof(*key)) != owner)
		return BUILD_FAIL(s->b, t->at,
			"found port %u a second time in node %s, expected another one", *key,
			s->node->name);
	s->device->tunnel.listen_port = *key;
	return 0;
}

static int port_choose(const struct side *s, struct names *taken)
{
	if (s->device->tunnel.listen_port)
		return 0;
	for (uint32_t n = FIRST_PORT; n <= UINT16_MAX; n++) {
		uint16_t *key = arena_get(s->b->arena, sizeof(*key));

		*key = (uint16_t)n;
		if (names_add(taken, s->end->end.node, key, sizeof(*key), s->end->end.device)) {
			s->device->tunnel.listen_port = *key;
			return 0;
		}
	}
	return BUILD_FAIL(s->b, s->end->end.at, "found no free port for %s:%s", s->node->name,
		s->device->name);
}

/* --- endpoints -------------------------------------------------------------- */

/* Addresses that a datagram could go to: not of tunnels, not of one link only. */
static bool is_outside(const struct plan_device *d, const struct address *a)
{
	bool link_local =
		a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;

	return d->kind != KIND_TUNNEL && d->kind != KIND_TUN && !link_local;
}

static bool has_family_outside(const struct plan_node *n, sa_family_t family)
{
	for (size_t i = 0; i < n->device_count; i++)
		for (size_t j = 0; j < n->devices[i].address_count; j++) {
			const struct address *a = &n->devices[i].addresses[j].prefix.address;

			if (a->family == family && is_outside(&n->devices[i], a))
				return true;
		}
	return false;
}

/* Does `n` have an address outside of tunnels inside this subnet? */
static bool shares_subnet(const struct plan_node *n, const struct prefix *p)
{
	for (size_t i = 0; i < n->device_count; i++)
		for (size_t j = 0; j < n->devices[i].address_count; j++) {
			const struct address *a = &n->devices[i].addresses[j].prefix.address;

			if (is_outside(&n->devices[i], a) && ip_prefix_holds(p, a))
				return true;
		}
	return false;
}

/* Does a default route of this family leave by the device? */
static bool is_way_out(const struct plan_node *n, const struct plan_device *d, sa_family_t family)
{
	for (size_t i = 0; i < n->route_count; i++) {
		const struct plan_route *r = &n->routes[i];

		if (r->to.length || r->to.address.family != family)
			continue;
		for (size_t j = 0; j < r->hop_count; j++) {
			const struct plan_hop *h = &r->hops[j];

			if (h->dev[0] && !strcmp(h->dev, d->name))
				return true;
			for (size_t k = 0; !h->dev[0] && k < d->address_count; k++)
				if (ip_prefix_holds(&d->addresses[k].prefix, &h->via))
					return true;
		}
	}
	return false;
}

/* How good an address of this side is as the one where the far side finds it; 0: not at all. */
static int rank(const struct side *s, const struct plan_device *d, const struct prefix *p)
{
	sa_family_t family = p->address.family;

	if (!is_outside(d, &p->address) || !has_family_outside(s->far, family))
		return 0;
	if (d->kind == KIND_LOOPBACK)
		return 1;
	if (shares_subnet(s->far, p))
		return 4;
	return is_way_out(s->node, d, family) ? 3 : 2;
}

static const struct plan_device *endpoint_choose(const struct side *s, struct address *out)
{
	const struct plan_device *from = NULL;
	int best = 0;

	for (size_t i = 0; i < s->node->device_count; i++) {
		const struct plan_device *d = &s->node->devices[i];

		for (size_t j = 0; j < d->address_count; j++) {
			int r = rank(s, d, &d->addresses[j].prefix);

			if (r <= best)
				continue;
			best = r;
			from = d;
			*out = d->addresses[j].prefix.address;
		}
	}
	return from;
}

/* "10.0.0.1:51820", "[fd00::1]:51820", "10.0.0.1", "fd00::1", "none" */
static bool endpoint_parse(struct address *address, uint16_t *port, const char *text)
{
	const char *colon = strrchr(text, ':'), *begin = text, *end = text + strlen(text);
	char host[ADDRESS_TEXT];
	uint64_t n = 0;

	if (!strcmp(text, "none") || ip_parse(address, text))
		return true;
	if (!colon || !value_number(&n, colon + 1) || !n || n > UINT16_MAX)
		return false;
	end = colon;
	if (*begin == '[' && end[-1] == ']') {
		begin++;
		end--;
	}
	if (end <= begin || (size_t)(end - begin) >= sizeof(host))
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = (uint16_t)n;
	return ip_parse(address, host) && (address->family == AF_INET6) == (begin > text);
}

static int derive_endpoint(const struct side *s)
{
	const struct tree *t = said(s, "endpoint");
	const struct plan_device *below;
	struct address chosen = {0};
	char quote[PLACE_QUOTE];

	s->end->port = s->device->tunnel.listen_port;
	if (t && !endpoint_parse(&s->end->endpoint, &s->end->port, t->text))
		return BUILD_FAIL(s->b, t->at,
			"endpoint: found %s, expected ADDRESS:PORT, ADDRESS, or none",
			place_quote(quote, t->text));
	below = endpoint_choose(s, &chosen);
	if (!t)
		s->end->endpoint = chosen;
	if (!s->device->mtu) {
		uint32_t most =
			s->tunnel->mode == TUNNEL_TAP ? DEFAULT_MTU - ETHERNET : DEFAULT_MTU;
		uint32_t fits = most;

		if (below && below->mtu && below->mtu < most + OVERHEAD)
			fits = below->mtu > LEAST_MTU + OVERHEAD ? below->mtu - OVERHEAD
								 : LEAST_MTU;
		for (size_t i = 0; i < s->device->address_count; i++)
			if (s->device->addresses[i].prefix.address.family == AF_INET6 &&
				fits < LEAST_MTU6)
				fits = LEAST_MTU6;
		s->device->mtu = fits;
	}
	return 0;
}

/* --- allowed-ips -------------------------------------------------------------- */

static void allow(const struct side *s, struct prefix p)
{
	p = ip_prefix_mask(p);
	for (size_t i = 0; i < s->end->allowed_count; i++)
		if (s->end->allowed[i].length == p.length &&
			ip_equal(&s->end->allowed[i].address, &p.address))
			return;
	*ARENA_PUSH(s->b->arena, s->end->allowed, s->end->allowed_count) = p;
}

static bool device_has(const struct plan_device *d, const struct address *a)
{
	for (size_t i = 0; i < d->address_count; i++)
		if (ip_equal(&d->addresses[i].prefix.address, a))
			return true;
	return false;
}

static bool in_subnet(const struct plan_device *d, const struct address *a)
{
	for (size_t i = 0; i < d->address_count; i++)
		if (ip_prefix_holds(&d->addresses[i].prefix, a))
			return true;
	return false;
}

/* Does any tunnel of the far device say itself what is allowed? */
static bool any_said(const struct side *s)
{
	for (size_t i = 0; i < s->b->plan->tunnel_count; i++)
		for (int j = 0; j < 2; j++) {
			struct side o = side_of(s->b, i, j);

			if (o.far_device == s->far_device && said(&o, "allowed"))
				return true;
		}
	return false;
}

/* The far node sends what this route covers into its end: does it come out here? */
static int allow_route(const struct side *s, const struct plan_route *r, bool shared)
{
	for (size_t i = 0; i < r->hop_count; i++) {
		const struct plan_hop *h = &r->hops[i];
		bool ours = h->dev[0] ? !strcmp(h->dev, s->far_device->name)
				      : in_subnet(s->far_device, &h->via);

		if (!ours)
			continue;
		if (!shared || (h->via.family && device_has(s->device, &h->via)))
			allow(s, r->to);
		else if (!h->via.family && !any_said(s))
			return BUILD_FAIL(s->b, r->at,
				"found a route to %s:%s, which has several peers, expected via one of them, or `allowed:` "
				"in its tunnels",
				s->far->name, s->far_device->name);
	}
	return 0;
}

static int derive_allowed(const struct side *s)
{
	const struct tree *t = said(s, "allowed"), *items;
	bool shared = peers(s, !s->index) > 1;
	int err = 0;
	size_t n;

	if (t) {
		items = build_items(t, &n);
		for (size_t i = 0; i < n; i++) {
			struct prefix p;

			ip_prefix_parse(&p, items[i].text, false);
			allow(s, p);
		}
		return build_spend(s->b, t->at, n);
	}
	for (size_t i = 0; i < s->device->address_count; i++) {
		struct prefix p = s->device->addresses[i].prefix;

		if (shared)
			p.length = (uint8_t)ip_bits(&p.address);
		allow(s, p);
	}
	for (size_t i = 0; !err && i < s->far->route_count; i++)
		err = allow_route(s, &s->far->routes[i], shared);
	return err ? err : build_spend(s->b, s->end->end.at, s->end->allowed_count);
}

/* A prefix belongs to one peer of a device; WireGuard would move it without a word. */
static int check_allowed(const struct side *s, struct names *owners)
{
	const struct plan_end *far = &s->tunnel->ends[!s->index].end;

	for (size_t i = 0; i < s->end->allowed_count; i++) {
		struct {
			int device;
			struct prefix prefix;
		} *key = arena_get(s->b->arena, sizeof(*key));
		char text[PREFIX_TEXT];

		key->device = far->device;
		key->prefix.address = s->end->allowed[i].address;
		key->prefix.length = s->end->allowed[i].length;
		ip_prefix_format(text, &key->prefix);
		if (!names_add(owners, far->node, key, sizeof(*key), (int)s->end->end.at.line))
			return BUILD_FAIL(s->b, s->end->end.at,
				"found %s as reached from %s:%s through two peers, expected one (the other in line %d)",
				text, s->far->name, s->far_device->name,
				names_find(owners, far->node, key, sizeof(*key)));
	}
	return 0;
}

static int derive_keepalive(const struct side *s)
{
	const struct tree *t = tree_get(s->draft->tree, "keepalive");
	uint64_t n = 0;

	if (t && t->kind == TREE_MAP)
		t = said(s, "keepalive");
	if (t)
		value_number(&n, t->text);
	s->end->keepalive = (uint16_t)n;
	return 0;
}

static int derive(struct build *b, size_t tunnel)
{
	for (int j = 0; j < 2; j++) {
		const struct side s = side_of(b, tunnel, j);
		int err = derive_endpoint(&s);

		if (!err)
			err = derive_allowed(&s);
		if (!err)
			err = derive_keepalive(&s);
		if (err)
			return err;
	}
	return 0;
}

static int check_reach(struct build *b, size_t tunnel)
{
	const struct side s[2] = {side_of(b, tunnel, 0), side_of(b, tunnel, 1)};

	if (s[0].end->endpoint.family || s[1].end->endpoint.family)
		return 0;
	return BUILD_FAIL(b, s[0].tunnel->at,
		"found a tunnel %s:%s == %s:%s that neither side can begin, expected an address outside of tunnels on "
		"one side, of a family that the other has, or `endpoint:`",
		s[0].node->name, s[0].device->name, s[1].node->name, s[1].device->name);
}

int plan_tunnels_derive(struct build *b)
{
	static const char *const maps[] = {"allowed", "endpoint", "listen_port", "keepalive"};
	struct names ports = {.arena = b->arena}, owners = {.arena = b->arena};
	size_t n = b->plan->tunnel_count;
	int err = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; !err && j < sizeof(maps) / sizeof(maps[0]); j++)
			err = check_names(b, i, maps[j]);
	for (size_t i = 0; !err && i < 2 * n; i++) {
		const struct side s = side_of(b, i / 2, (int)(i % 2));

		err = port_said(&s, &ports);
	}
	for (size_t i = 0; !err && i < 2 * n; i++) {
		const struct side s = side_of(b, i / 2, (int)(i % 2));

		err = port_choose(&s, &ports);
	}
	for (size_t i = 0; !err && i < n; i++)
		err = derive(b, i);
	for (size_t i = 0; !err && i < n; i++)
		err = check_reach(b, i);
	for (size_t i = 0; !err && i < 2 * n; i++) {
		const struct side s = side_of(b, i / 2, (int)(i % 2));

		err = check_allowed(&s, &owners);
	}
	return err;
}
