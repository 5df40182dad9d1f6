/* Links and nets: both become cables. */
#include <stdio.h>
#include <string.h>

#include "net/plan_build.h"
#include "net/range.h"
#include "net/value.h"

static const char cable_words[] = "a cable: NODE:DEVICE -- NODE:DEVICE";

static struct plan_device *device_of(struct build *b, const struct plan_end *e)
{
	return &b->plan->nodes[e->node].devices[e->device];
}

static struct plan_shape shape_of(const struct tree *t)
{
	const struct tree *shape = tree_get(t, "shape");
	struct plan_shape s = {0};

	if (tree_get(shape, "rate"))
		value_rate(&s.rate, build_text(shape, "rate"));
	if (tree_get(shape, "delay"))
		value_duration(&s.delay, build_text(shape, "delay"));
	if (tree_get(shape, "loss"))
		value_share(&s.loss, build_text(shape, "loss"));
	return s;
}

static int add_cable(struct build *b, const struct plan_link *cable, uint32_t mtu)
{
	int err = build_spend(b, cable->at, 1);

	if (err)
		return err;
	*ARENA_PUSH(b->arena, b->plan->links, b->plan->link_count) = *cable;
	for (int i = 0; i < 2; i++)
		if (mtu)
			device_of(b, &cable->ends[i])->mtu = mtu;
	return 0;
}

static int add_link(struct build *b, const struct tree *t)
{
	struct plan_link cable = {.at = t->at, .shape = shape_of(t)};
	uint32_t mtu = (uint32_t)build_number(t, "mtu", 0);
	struct build_pair pair;
	struct range ranges[2];
	int err = build_pair(b, &pair, t, "--", "==", cable_words);

	for (int i = 0; !err && i < 2; i++)
		err = build_range(b, &ranges[i], pair.places[i], pair.texts[i]);
	if (err)
		return err;
	if (ranges[0].count != ranges[1].count)
		return BUILD_FAIL(b, pair.places[1],
			"found %zu ends here and %zu on the other side, expected as many",
			ranges[1].count, ranges[0].count);
	for (size_t i = 0; !err && i < ranges[0].count; i++) {
		for (int j = 0; !err && j < 2; j++)
			err = build_end(b, &cable.ends[j], ranges[j].names[i], pair.places[j],
				KIND_VETH, "link");
		if (!err)
			err = add_cable(b, &cable, mtu);
	}
	return err;
}

int plan_links_build(struct build *b, const struct tree *file)
{
	const struct tree *t = tree_get(file, "links");
	int err = 0;

	for (size_t i = 0; t && !err && i < t->count; i++)
		err = add_link(b, &t->items[i]);
	return err;
}

/* --- nets ----------------------------------------------------------------- */

/* A segment while it is made: the node with the bridge, and who has joined it. */
struct segment {
	struct build *b;
	const struct tree *tree;
	int node;
	struct plan_end *members;
	size_t count;
};

/* The port is called after the member's node where that is possible, else p1, p2, ... */
static const char *port_name(const struct segment *s, const struct plan_end *member)
{
	const char *name = s->b->plan->nodes[member->node].name;

	if (value_is_device(name) && strcmp(name, "lo") != 0 && strcmp(name, "br0") != 0 &&
		names_find(&s->b->names, s->node, name, strlen(name)) < 0)
		return name;
	for (size_t i = s->count;; i++) {
		name = arena_print(s->b->arena, "p%zu", i);
		if (names_find(&s->b->names, s->node, name, strlen(name)) < 0)
			return name;
	}
}

static int add_member(struct segment *s, const char *text, struct place at)
{
	struct build *b = s->b;
	struct plan_link cable = {.at = at, .shape = shape_of(s->tree)};
	struct plan_end member, port;
	int err = build_end(b, &member, text, at, KIND_VETH, "net");

	if (err)
		return err;
	if (b->plan->nodes[member.node].segment)
		return BUILD_FAIL(b, at, "found the net '%s' as a member of a net, expected a node",
			b->plan->nodes[member.node].name);
	*ARENA_PUSH(b->arena, s->members, s->count) = member;
	err = build_end(b, &port,
		arena_print(b->arena, "%s:%s", b->plan->nodes[s->node].name, port_name(s, &member)),
		at, KIND_VETH, "net");
	if (err)
		return err;
	device_of(b, &port)->master = 0;
	cable.ends[0] = member;
	cable.ends[1] = port;
	return add_cable(b, &cable, (uint32_t)build_number(s->tree, "mtu", 0));
}

static bool has_family(const struct plan_device *d, sa_family_t family)
{
	for (size_t i = 0; i < d->address_count; i++)
		if (d->addresses[i].prefix.address.family == family)
			return true;
	return false;
}

static bool node_has(const struct plan_node *n, const struct address *a)
{
	for (size_t i = 0; i < n->device_count; i++)
		for (size_t j = 0; j < n->devices[i].address_count; j++)
			if (ip_equal(&n->devices[i].addresses[j].prefix.address, a))
				return true;
	return false;
}

/* Neither the first address of an IPv4 subnet nor its last is a host's; of IPv6 the first is any
 * router's (RFC 4291 section 2.6.1).  Except where there are no more than two. */
static bool address_is_host(const struct prefix *p, struct address a)
{
	if (p->length + 2u > ip_bits(&a))
		return true;
	if (ip_equal(&a, &p->address))
		return false;
	return a.family == AF_INET6 || (ip_add(&a, 1) && ip_prefix_holds(p, &a));
}

/* Addresses from the prefix, in order, for the members that have none of its family. */
static int hand_out(struct segment *s, const struct tree *t)
{
	struct names taken = {.arena = s->b->arena};
	struct prefix p;
	struct address at;
	bool more = true;

	ip_prefix_parse(&p, t->text, false);
	at = p.address;
	for (size_t i = 0; i < s->count; i++) {
		const struct plan_device *d = device_of(s->b, &s->members[i]);

		for (size_t j = 0; j < d->address_count; j++)
			names_add(&taken, 0, &d->addresses[j].prefix.address,
				sizeof(struct address), 0);
	}
	for (size_t i = 0; i < s->count; i++) {
		struct plan_device *d = device_of(s->b, &s->members[i]);
		const struct plan_node *n = &s->b->plan->nodes[s->members[i].node];

		if (has_family(d, p.address.family))
			continue;
		while (more &&
			(!address_is_host(&p, at) || names_find(&taken, 0, &at, sizeof(at)) >= 0 ||
				node_has(n, &at)))
			more = ip_add(&at, 1) && ip_prefix_holds(&p, &at);
		if (!more)
			return BUILD_FAIL(s->b, t->at,
				"found no free address in %s for %s:%s, expected a wider prefix",
				t->text, n->name, d->name);
		if (build_spend(s->b, t->at, 1))
			return -EINVAL;
		*ARENA_PUSH(s->b->arena, d->addresses, d->address_count) = (struct plan_address){
			.at = s->members[i].at, .prefix = {.address = at, .length = p.length}};
		more = ip_add(&at, 1) && ip_prefix_holds(&p, &at);
	}
	return 0;
}

/* The node with the bridge: an ordinary one from here on. */
static int add_bridge(struct segment *s)
{
	struct build *b = s->b;
	struct plan_device *d;
	int bridge;

	s->node = build_node_add(b, s->tree->key, s->tree->key_at, NULL);
	if (s->node < 0)
		return s->node;
	b->plan->nodes[s->node].segment = true;
	bridge = build_device_add(b, s->node, "br0", s->tree->key_at, NULL);
	if (bridge < 0)
		return bridge;
	d = &b->plan->nodes[s->node].devices[bridge];
	d->kind = KIND_BRIDGE;
	d->mtu = (uint32_t)build_number(s->tree, "mtu", 0);
	d->bridge.stp = build_setting(s->tree, "stp");
	b->drafts[s->node].devices[bridge].has_kind = true;
	return 0;
}

static int add_net(struct build *b, const struct tree *t)
{
	struct segment s = {.b = b, .tree = t};
	const struct tree *items;
	int err = add_bridge(&s);
	size_t n;

	items = build_items(tree_get(t, "members"), &n);
	for (size_t i = 0; !err && i < n; i++) {
		struct range range;

		err = build_range(b, &range, items[i].at, items[i].text);
		for (size_t j = 0; !err && j < range.count; j++)
			err = add_member(&s, range.names[j], items[i].at);
	}
	items = build_items(tree_get(t, "prefix"), &n);
	for (size_t i = 0; !err && i < n; i++)
		err = hand_out(&s, &items[i]);
	return err;
}

int plan_nets_build(struct build *b, const struct tree *file)
{
	const struct tree *t = tree_get(file, "nets");
	int err = 0;

	for (size_t i = 0; t && !err && i < t->count; i++)
		err = add_net(b, &t->items[i]);
	return err;
}
