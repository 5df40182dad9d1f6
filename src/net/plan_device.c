/* Devices, once links, nets and tunnels have said which kind each one is. */
#include <stdio.h>
#include <string.h>

#include "net/plan_build.h"
#include "net/range.h"
#include "net/schema.h"
#include "net/suggest.h"
#include "net/value.h"

enum { IPV6_LEAST_MTU = 1280 }; /* RFC 8200 section 5 */

/* Who the error is about. */
struct subject {
	struct build *b;
	struct plan_node *node;
	struct plan_device *device;
	const struct draft *draft;
	int index; /* of the node */
};

static bool address_is_usable(const struct address *a)
{
	static const struct address none4 = {.family = AF_INET}, none6 = {.family = AF_INET6};

	if (ip_equal(a, &none4) || ip_equal(a, &none6))
		return false;
	if (a->family == AF_INET6)
		return a->bytes[0] != 0xff;
	return a->bytes[0] < 224 ||
	       (a->bytes[0] >= 240 && memcmp(a->bytes, "\xff\xff\xff\xff", 4) != 0);
}

int plan_device_addresses(struct build *b, int node, int device)
{
	struct plan_device *d = &b->plan->nodes[node].devices[device];
	const struct tree *t = b->drafts[node].devices[device].tree, *list, *items;
	char quote[PLACE_QUOTE];
	size_t n;

	list = t && t->kind == TREE_MAP ? tree_get(t, "addr") : t;
	items = build_items(list, &n);
	for (size_t i = 0; i < n; i++) {
		struct prefix p;

		ip_prefix_parse(&p, items[i].text, false);
		if (!address_is_usable(&p.address))
			return BUILD_FAIL(b, items[i].at,
				"found %s, expected an address that one device can have",
				place_quote(quote, items[i].text));
		if (build_spend(b, items[i].at, 1))
			return -EINVAL;
		*ARENA_PUSH(b->arena, d->addresses, d->address_count) =
			(struct plan_address){.at = items[i].at, .prefix = p};
	}
	return 0;
}

static void kind_names(char *out, size_t size, unsigned set)
{
	size_t used = 0;

	for (unsigned k = 0; k <= KIND_TUNNEL && used < size; k++) {
		unsigned rest = set >> k >> 1;

		if (set & 1u << k)
			used += (size_t)snprintf(out + used, size - used, "%s%s", plan_kind_name(k),
				!rest		    ? ""
				: rest & (rest - 1) ? ", "
						    : " or ");
	}
}

/* Keys that only other kinds have are errors, not silently idle. */
static int check_keys(const struct subject *s)
{
	static const char *const of_a_port[] = {"isolated", "hairpin", "flood", "cost"};
	const struct tree *t = s->draft->tree;
	char names[128];

	if (!t || t->kind != TREE_MAP)
		return 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct schema_field *f = schema_field(&schema_device, t->items[i].key);
		bool port = !strcmp(f->name, "learning") && s->device->kind != KIND_VXLAN;

		if (f->kinds && !(f->kinds & 1u << s->device->kind)) {
			kind_names(names, sizeof(names), f->kinds & ~(1u << KIND_TUNNEL));
			return BUILD_FAIL(s->b, t->items[i].key_at,
				"found '%s' for %s:%s, which is a %s, expected it for a %s only",
				f->name, s->node->name, s->device->name,
				plan_kind_name(s->device->kind), names);
		}
		for (size_t j = 0; j < sizeof(of_a_port) / sizeof(of_a_port[0]); j++)
			port |= !strcmp(f->name, of_a_port[j]);
		if (port && s->device->master < 0)
			return BUILD_FAIL(s->b, t->items[i].key_at,
				"found '%s' for %s:%s, expected it for a port of a bridge only",
				f->name, s->node->name, s->device->name);
	}
	return 0;
}

/* Who has an Ethernet side that a bridge can take. */
static bool is_port(const struct plan_device *d, const char **why)
{
	*why = NULL;
	if (d->kind == KIND_LOOPBACK)
		*why = "it is the loopback";
	else if (d->kind == KIND_BRIDGE)
		*why = "a bridge cannot be a port of a bridge";
	else if (d->kind == KIND_TUN)
		*why = "a tun carries packets without Ethernet; a tap could be one";
	return !*why;
}

static int set_master(const struct subject *s, int port, int bridge, struct place at)
{
	struct plan_device *d = &s->node->devices[port];
	const char *why;

	if (s->node->devices[bridge].kind != KIND_BRIDGE)
		return BUILD_FAIL(s->b, at,
			"found %s as the master of %s, expected a bridge: it is a %s",
			s->node->devices[bridge].name, d->name,
			plan_kind_name(s->node->devices[bridge].kind));
	if (!is_port(d, &why))
		return BUILD_FAIL(s->b, at, "found %s as a port of %s, expected another device: %s",
			d->name, s->node->devices[bridge].name, why);
	if (d->master >= 0 && d->master != bridge)
		return BUILD_FAIL(s->b, at,
			"found %s as a port of %s, expected a free device: it is a port of %s",
			d->name, s->node->devices[bridge].name, s->node->devices[d->master].name);
	d->master = bridge;
	return 0;
}

/* `ports:` of a bridge and `master:` of a port say the same thing. */
static int join(const struct subject *s)
{
	const struct tree *t = s->draft->tree, *master = tree_get(t, "master");
	int self = (int)(s->device - s->node->devices), other, err;
	const struct tree *ports;
	size_t n;

	if (master) {
		other = build_device_find(s->b, s->index, master->text, master->at);
		err = other < 0 ? other : set_master(s, self, other, master->at);
		if (err)
			return err;
	}
	if (s->device->kind != KIND_BRIDGE)
		return 0;
	ports = build_items(tree_get(t, "ports"), &n);
	for (size_t i = 0; i < n; i++) {
		struct range range;

		err = build_range(s->b, &range, ports[i].at, ports[i].text);
		for (size_t j = 0; !err && j < range.count; j++) {
			other = build_device_find(s->b, s->index, range.names[j], ports[i].at);
			err = other < 0 ? other : set_master(s, other, self, ports[i].at);
		}
		if (err)
			return err;
	}
	return 0;
}

static int find_lower(const struct subject *s, int *out, bool required)
{
	const struct tree *t = tree_get(s->draft->tree, "dev");
	int found;

	*out = -1;
	if (!t && required)
		return BUILD_FAIL(s->b, s->device->at,
			"found the %s %s:%s without 'dev', expected the device below",
			plan_kind_name(s->device->kind), s->node->name, s->device->name);
	if (!t)
		return 0;
	found = build_device_find(s->b, s->index, t->text, t->at);
	if (found < 0)
		return found;
	if (&s->node->devices[found] == s->device || s->node->devices[found].kind == KIND_LOOPBACK)
		return BUILD_FAIL(s->b, t->at,
			"found %s as the device below %s, expected another one", t->text,
			s->device->name);
	*out = found;
	return 0;
}

static void fill_bridge(struct plan_bridge *br, const struct tree *t)
{
	br->stp = build_setting(t, "stp");
	br->vlan_filtering = build_setting(t, "vlan_filtering");
	br->mcast_snooping = build_setting(t, "mcast_snooping");
	br->forward_delay = (uint32_t)build_number(t, "forward_delay", 0);
	br->ageing_time = (uint32_t)build_number(t, "ageing_time", 0);
	br->priority = (uint32_t)build_number(t, "priority", 0);
	br->has_forward_delay = tree_get(t, "forward_delay");
	br->has_ageing_time = tree_get(t, "ageing_time");
	br->has_priority = tree_get(t, "priority");
}

static void fill_tuntap(struct plan_tuntap *tt, const struct tree *t)
{
	tt->owner = build_text(t, "owner");
	tt->group = build_text(t, "group");
	tt->persist = build_bool(t, "persist", true);
	tt->multi_queue = build_bool(t, "multi_queue", false);
	tt->vnet_hdr = build_bool(t, "vnet_hdr", false);
	tt->pi = build_bool(t, "pi", false);
}

static bool address_is_multicast(const struct address *a)
{
	return a->family == AF_INET6 ? a->bytes[0] == 0xff
				     : a->family == AF_INET && a->bytes[0] >> 4 == 14;
}

static int fill_vxlan(const struct subject *s, struct plan_vxlan *vx, const struct tree *t)
{
	const struct tree *local = tree_get(t, "local"), *remote = tree_get(t, "remote");

	if (!tree_get(t, "id"))
		return BUILD_FAIL(s->b, s->device->at,
			"found the vxlan %s:%s without 'id', expected the network identifier",
			s->node->name, s->device->name);
	vx->id = (uint32_t)build_number(t, "id", 0);
	if (local)
		ip_parse(&vx->local, local->text);
	if (remote)
		ip_parse(&vx->remote, remote->text);
	if (local && remote && vx->local.family != vx->remote.family)
		return BUILD_FAIL(s->b, remote->at,
			"found %s for a vxlan from %s, expected one family", remote->text,
			local->text);
	if (address_is_multicast(&vx->remote) && !tree_get(t, "dev"))
		return BUILD_FAIL(s->b, remote->at,
			"found the multicast group %s without 'dev', expected the "
			"device that it is joined on",
			remote->text);
	vx->dstport = (uint16_t)build_number(t, "dstport", 4789);
	vx->ttl = (uint8_t)build_number(t, "ttl", 0);
	vx->df = build_setting(t, "df");
	vx->learning = build_setting(t, "learning");
	return find_lower(s, &vx->dev, false);
}

static int fill_vlan(const struct subject *s, struct plan_vlan *v, const struct tree *t)
{
	const struct tree *id = tree_get(t, "id");
	uint64_t n = build_number(t, "id", 0);

	if (!id || !n || n > 4094)
		return BUILD_FAIL(s->b, id ? id->at : s->device->at,
			"id: found %s, expected a VLAN from 1 to 4094", id ? id->text : "nothing");
	v->id = (uint16_t)n;
	return find_lower(s, &v->dev, true);
}

static int fill_macvlan(const struct subject *s, struct plan_macvlan *m, const struct tree *t)
{
	static const char *const modes[] = {[MACVLAN_BRIDGE] = "bridge",
		[MACVLAN_PRIVATE] = "private",
		[MACVLAN_VEPA] = "vepa",
		[MACVLAN_PASSTHRU] = "passthru"};
	const char *mode = build_text(t, "mode");

	for (unsigned i = 0; mode && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(mode, modes[i]))
			m->mode = (enum plan_macvlan_mode)i;
	return find_lower(s, &m->dev, true);
}

/* What all devices have. */
static int fill_common(const struct subject *s)
{
	const struct tree *t = s->draft->tree;
	struct plan_device *d = s->device;

	d->mtu = (uint32_t)build_number(t, "mtu", d->mtu);
	d->up = build_bool(t, "up", true);
	d->arp = build_setting(t, "arp");
	d->has_txqueuelen = tree_get(t, "txqueuelen");
	d->txqueuelen = (uint32_t)build_number(t, "txqueuelen", 0);
	d->has_mac = tree_get(t, "mac");
	if (d->has_mac)
		value_mac(d->mac, build_text(t, "mac"));
	d->port.isolated = build_setting(t, "isolated");
	d->port.hairpin = build_setting(t, "hairpin");
	d->port.flood = build_setting(t, "flood");
	d->port.learning = d->kind == KIND_VXLAN ? SETTING_DEFAULT : build_setting(t, "learning");
	d->port.cost = (uint32_t)build_number(t, "cost", 0);
	for (size_t i = 0; i < d->address_count; i++)
		if (d->mtu && d->mtu < IPV6_LEAST_MTU &&
			d->addresses[i].prefix.address.family == AF_INET6) {
			char text[PREFIX_TEXT];

			ip_prefix_format(text, &d->addresses[i].prefix);
			return BUILD_FAIL(s->b, d->addresses[i].at,
				"found %s on a device with an MTU of %u, expected at least %d for IPv6",
				text, d->mtu, IPV6_LEAST_MTU);
		}
	return 0;
}

static int fill(const struct subject *s)
{
	const struct tree *t = s->draft->tree;
	int err = fill_common(s);

	if (err || !t) /* without a tree: what a link, a net or a tunnel made is complete */
		return err;
	switch (s->device->kind) {
	case KIND_BRIDGE:
		fill_bridge(&s->device->bridge, t);
		return 0;
	case KIND_TUN:
	case KIND_TAP:
		fill_tuntap(&s->device->tuntap, t);
		return 0;
	case KIND_VXLAN:
		return fill_vxlan(s, &s->device->vxlan, t);
	case KIND_VLAN:
		return fill_vlan(s, &s->device->vlan, t);
	case KIND_MACVLAN:
		return fill_macvlan(s, &s->device->macvlan, t);
	default:
		return 0;
	}
}

/* Somebody must have said what the device is. */
static int check_kind(const struct subject *s)
{
	const char *node = s->node->name, *name = s->device->name;
	const struct draft *drafts = s->b->drafts[s->index].devices;
	struct suggestion meant = {0};

	/* Perhaps an end that no one has listed is what it should be. */
	for (size_t i = 0; !s->draft->has_kind && i < s->node->device_count; i++)
		if (!drafts[i].tree)
			suggest_offer(
				&meant, name, s->node->devices[i].name, s->node->devices[i].name);
	if (meant.best)
		return BUILD_FAIL(s->b, s->device->at,
			"found device %s:%s in no link, net or tunnel; did you mean '%s'?", node,
			name, meant.best);
	if (!s->draft->has_kind)
		return BUILD_FAIL(s->b, s->device->at,
			"found device %s:%s in no link, net or tunnel, expected one of them to name it, or %s",
			node, name,
			tree_get(s->draft->tree, "ports") ? "'kind: bridge'" : "'kind'");
	if (s->device->kind == KIND_VETH && !s->draft->user)
		return BUILD_FAIL(s->b, s->device->at,
			"found the veth %s:%s in no link or net, expected one of them to be its cable",
			node, name);
	return 0;
}

/* The device below a vlan or macvlan, or -1. */
static int lower(const struct plan_device *d)
{
	return d->kind == KIND_VLAN ? d->vlan.dev : d->kind == KIND_MACVLAN ? d->macvlan.dev : -1;
}

static int check_tower(const struct subject *s)
{
	size_t height = 0;

	for (int below = lower(s->device); below >= 0; below = lower(&s->node->devices[below]))
		if (++height > s->node->device_count)
			return BUILD_FAIL(s->b, s->device->at,
				"found %s:%s below itself, expected a device that stands on another",
				s->node->name, s->device->name);
	return 0;
}

static int each(struct build *b, int (*step)(const struct subject *s))
{
	for (size_t i = 0; i < b->plan->node_count; i++) {
		struct plan_node *n = &b->plan->nodes[i];

		for (size_t j = 0; j < n->device_count; j++) {
			struct subject s = {.b = b,
				.node = n,
				.device = &n->devices[j],
				.draft = &b->drafts[i].devices[j],
				.index = (int)i};
			int err = step(&s);

			if (err)
				return err;
		}
	}
	return 0;
}

int plan_devices_build(struct build *b)
{
	static int (*const steps[])(const struct subject *) = {
		check_kind, join, check_keys, fill, check_tower};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = each(b, steps[i]);
	return err;
}

/* The same link-local address may stand on many devices: it means another neighbour on each. */
static bool address_is_link_local(const struct address *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

int plan_addresses_build(struct build *b)
{
	struct names seen = {.arena = b->arena};

	for (size_t i = 0; i < b->plan->node_count; i++) {
		const struct plan_node *n = &b->plan->nodes[i];

		for (size_t j = 0, number = 0; j < n->device_count; j++)
			for (size_t k = 0; k < n->devices[j].address_count; k++, number++) {
				const struct plan_address *a = &n->devices[j].addresses[k];
				const struct address *key = &a->prefix.address;
				char text[ADDRESS_TEXT];

				if (address_is_link_local(key))
					continue;
				ip_format(text, key);
				if (!names_add(&seen, (int)i, key, sizeof(*key), (int)a->at.line))
					return BUILD_FAIL(b, a->at,
						"found the address %s a second time in node %s, expected it once (first in line %d)",
						text, n->name,
						names_find(&seen, (int)i, key, sizeof(*key)));
			}
	}
	return 0;
}
