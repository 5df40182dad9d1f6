/* Devices: which stay as they are, which are removed, which are made; then their addresses. */
#include "net/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct compare_node *node_named(struct compare *c, const char *name)
{
	int index = plan_find_node(c->plan, name);

	return index < 0 ? NULL : &c->nodes[index];
}

static struct current_device *device_now(const struct compare_node *n, const char *name)
{
	return n->now ? current_find_device(n->now, name) : NULL;
}

static void mark_gone(struct compare *c, const char *node, const char *device)
{
	struct compare_node *n = node_named(c, node);
	struct current_device *now = n ? device_now(n, device) : NULL;

	if (now)
		n->gone[now - n->now->devices] = true;
}

static void device_remove(struct compare *c, struct compare_node *n, const char *name)
{
	struct current_device *now = device_now(n, name);
	struct operation *o;

	if (!now || n->gone[now - n->now->devices])
		return;
	o = compare_add(c, OPERATION_DEVICE_DEL, (struct place){0}, n->plan->name, now->is.name);
	compare_text(o->value, "%s", now->known ? plan_kind_name(now->is.kind) : "");
	mark_gone(c, n->plan->name, name);
	if (now->is.kind == KIND_VETH && now->twin_node)
		mark_gone(c, now->twin_node, now->twin);
}

static void tunnel_remove(struct compare *c, struct compare_node *n, const char *name)
{
	struct current_device *now = device_now(n, name);

	if (!now)
		return;
	compare_add(c, OPERATION_TUNNEL_STOP, (struct place){0}, n->plan->name, now->is.name);
	mark_gone(c, n->plan->name, name);
}

/* What an earlier file made and this one does not have. */
static void removed_devices(struct compare *c, struct compare_node *n)
{
	for (size_t i = 0; n->now && i < n->now->device_count; i++) {
		const struct current_device *now = &n->now->devices[i];
		const struct plan_device *before;

		before = compare_before_device(c, n->plan->name, now->is.name);
		if (!before || before->kind == KIND_LOOPBACK ||
			plan_find_device(n->plan, now->is.name) >= 0)
			continue;
		if (before->kind == KIND_TUNNEL)
			tunnel_remove(c, n, now->is.name);
		else
			device_remove(c, n, now->is.name);
	}
}

/* A device of that name that no file of ours named is not ours to take or to change. */
static void foreign_devices(struct compare *c, const struct compare_node *n)
{
	for (size_t i = 0; i < n->plan->device_count; i++) {
		const struct plan_device *d = &n->plan->devices[i];

		if (d->kind == KIND_LOOPBACK || !device_now(n, d->name) ||
			compare_before_device(c, n->plan->name, d->name) || c->failed)
			continue;
		c->failed = plan_error(c->error, c->plan, d->at, EEXIST,
			"device %s:%s exists already, and Warren did not make it", n->plan->name,
			d->name);
	}
}

static bool link_stands(const struct compare *c, const struct plan_link *l)
{
	const struct compare_node *a = &c->nodes[l->ends[0].node], *b = &c->nodes[l->ends[1].node];
	const char *name_a = a->plan->devices[l->ends[0].device].name;
	const char *name_b = b->plan->devices[l->ends[1].device].name;
	const struct plan_device *before_a = compare_before_device(c, a->plan->name, name_a);
	const struct plan_device *before_b = compare_before_device(c, b->plan->name, name_b);
	const struct current_device *now = device_now(a, name_a);
	const struct current_device *twin = device_now(b, name_b);

	/* Once a MAC was given, only a new device has one of the kernel's choice again. */
	if ((before_a && before_a->has_mac && !a->plan->devices[l->ends[0].device].has_mac) ||
		(before_b && before_b->has_mac && !b->plan->devices[l->ends[1].device].has_mac))
		return false;
	return now && twin && now->known && now->is.kind == KIND_VETH && now->twin_node &&
	       !strcmp(now->twin_node, b->plan->name) && !strcmp(now->twin, name_b);
}

static void compare_link(struct compare *c, int index)
{
	const struct plan_link *l = &c->plan->links[index];
	struct compare_node *a = &c->nodes[l->ends[0].node], *b = &c->nodes[l->ends[1].node];
	const struct plan_device *end_a = &a->plan->devices[l->ends[0].device];
	const struct plan_device *end_b = &b->plan->devices[l->ends[1].device];
	enum fate fate = link_stands(c, l) ? FATE_KEEP : FATE_NEW;
	struct operation *o;

	a->fates[l->ends[0].device] = fate;
	b->fates[l->ends[1].device] = fate;
	if (fate == FATE_KEEP)
		return;
	device_remove(c, a, end_a->name);
	device_remove(c, b, end_b->name);
	o = compare_add(c, OPERATION_LINK_ADD, l->at, a->plan->name, end_a->name);
	o->link_index = index;
	compare_text(
		o->value, "%s:%s -- %s:%s", a->plan->name, end_a->name, b->plan->name, end_b->name);
}

static int lower_of(const struct plan_device *d)
{
	switch (d->kind) {
	case KIND_VXLAN:
		return d->vxlan.dev;
	case KIND_MACVLAN:
		return d->macvlan.dev;
	case KIND_VLAN:
		return d->vlan.dev;
	default:
		return -1;
	}
}

static bool setting_differs(enum plan_setting want, enum plan_setting is, enum plan_setting usual)
{
	return (want == SETTING_DEFAULT ? usual : want) != (is == SETTING_DEFAULT ? usual : is);
}

/* The attributes that a device gets at birth and keeps. */
static bool kind_stands(
	const struct compare_node *n, const struct plan_device *d, const struct current_device *now)
{
	int lower = lower_of(d);
	const char *lower_name = lower < 0 ? "" : n->plan->devices[lower].name;

	if (!now->known || now->is.kind != d->kind || strcmp(now->lower, lower_name) != 0)
		return false;
	switch (d->kind) {
	case KIND_TUN:
	case KIND_TAP:
		return now->is.tuntap.multi_queue == d->tuntap.multi_queue &&
		       !strcmp(now->is.tuntap.owner ? now->is.tuntap.owner : "",
			       d->tuntap.owner ? d->tuntap.owner : "") &&
		       !strcmp(now->is.tuntap.group ? now->is.tuntap.group : "",
			       d->tuntap.group ? d->tuntap.group : "");
	case KIND_VXLAN:
		return now->is.vxlan.id == d->vxlan.id &&
		       ip_equal(&now->is.vxlan.local, &d->vxlan.local) &&
		       ip_equal(&now->is.vxlan.remote, &d->vxlan.remote) &&
		       now->is.vxlan.dstport == d->vxlan.dstport &&
		       !setting_differs(d->vxlan.learning, now->is.vxlan.learning, SETTING_ON) &&
		       !setting_differs(d->vxlan.df, now->is.vxlan.df, SETTING_OFF) &&
		       now->is.vxlan.ttl == d->vxlan.ttl;
	case KIND_MACVLAN:
		return now->is.macvlan.mode == d->macvlan.mode;
	case KIND_VLAN:
		return now->is.vlan.id == d->vlan.id;
	default:
		return true;
	}
}

static bool device_stands(struct compare *c, struct compare_node *n, const struct plan_device *d)
{
	const struct current_device *now = device_now(n, d->name);
	const struct plan_device *before = compare_before_device(c, n->plan->name, d->name);

	if (!now || n->gone[now - n->now->devices])
		return false;
	if (d->kind == KIND_TUNNEL)
		return now->running;
	if (before &&
		((before->has_mac && !d->has_mac) ||
			(before->mtu && !d->mtu && d->kind != KIND_TUN && d->kind != KIND_TAP &&
				d->kind != KIND_IFB && d->kind != KIND_DUMMY)))
		return false; /* only a new one has the kernel's choice again */
	return kind_stands(n, d, now);
}

static void device_decide(struct compare *c, struct compare_node *n, int index)
{
	const struct plan_device *d = &n->plan->devices[index];
	const struct plan_device *before = compare_before_device(c, n->plan->name, d->name);
	int lower = lower_of(d);
	struct operation *o;

	if (n->fates[index] != FATE_UNDECIDED)
		return;
	n->fates[index] = FATE_NEW; /* ends a circle, which the plan does not allow anyway */
	if (lower >= 0)
		device_decide(c, n, lower);
	if (d->kind == KIND_LOOPBACK ||
		((lower < 0 || n->fates[lower] == FATE_KEEP) && device_stands(c, n, d))) {
		n->fates[index] = FATE_KEEP;
		return;
	}
	/* Of a dead tunnel the record is left, of a living one whose device is gone the process. */
	if ((before && before->kind == KIND_TUNNEL) || (d->kind == KIND_TUNNEL && before))
		tunnel_remove(c, n, d->name);
	else
		device_remove(c, n, d->name);
	if (d->kind == KIND_TUNNEL)
		return; /* compare_tunnels() starts it */
	o = compare_add(c, OPERATION_DEVICE_ADD, d->at, n->plan->name, d->name);
	o->device_index = index;
	compare_text(o->value, "%s", plan_kind_name(d->kind));
}

void compare_devices(struct compare *c)
{
	for (size_t i = 0; i < c->plan->node_count; i++) {
		foreign_devices(c, &c->nodes[i]);
		removed_devices(c, &c->nodes[i]);
	}
	for (size_t i = 0; i < c->plan->link_count; i++)
		compare_link(c, (int)i);
	for (size_t i = 0; i < c->plan->node_count; i++)
		for (size_t k = 0; k < c->nodes[i].plan->device_count; k++)
			device_decide(c, &c->nodes[i], (int)k);
}

/* Is the address one that this Warren made? */
static bool address_before(
	const struct compare *c, const char *node, const char *device, const struct prefix *p)
{
	for (size_t i = 0; c->before && c->before[i]; i++) {
		int at = plan_find_node(c->before[i], node);
		int k = at < 0 ? -1 : plan_find_device(&c->before[i]->nodes[at], device);

		if (k < 0)
			continue;

		const struct plan_device *d = &c->before[i]->nodes[at].devices[k];

		for (size_t j = 0; j < d->address_count; j++)
			if (ip_equal(&d->addresses[j].prefix.address, &p->address) &&
				d->addresses[j].prefix.length == p->length)
				return true;
	}
	return false;
}

static bool address_in(const struct plan_device *d, const struct prefix *p)
{
	for (size_t i = 0; i < d->address_count; i++)
		if (ip_equal(&d->addresses[i].prefix.address, &p->address) &&
			d->addresses[i].prefix.length == p->length)
			return true;
	return false;
}

static void address_operation(struct compare *c, enum operation_kind kind, struct place at,
	const char *node, const char *device, const struct prefix *p)
{
	struct operation *o = compare_add(c, kind, at, node, device);

	o->address = *p;
	ip_prefix_format(o->value, p);
}

/* Removes what is no longer wanted.  What the kernel takes along is in `lost`: with the first
 * address of a subnet all others of it; with the last IPv4 address all IPv4 routes. */
static void addresses_remove(struct compare *c, struct compare_node *n,
	const struct current_device *now, const struct plan_device *d, bool *lost)
{
	size_t left = 0;

	for (size_t i = 0; i < now->is.address_count; i++) {
		const struct prefix *p = &now->is.addresses[i].prefix;
		struct prefix net = ip_prefix_mask(*p);

		if ((d && address_in(d, p)) || !address_before(c, n->plan->name, now->is.name, p))
			continue;
		address_operation(
			c, OPERATION_ADDR_DEL, (struct place){0}, n->plan->name, now->is.name, p);
		lost[i] = true;
		for (size_t k = i + 1; p->address.family == AF_INET && k < now->is.address_count;
			k++)
			if (now->is.addresses[k].prefix.length == p->length &&
				ip_prefix_holds(&net, &now->is.addresses[k].prefix.address))
				lost[k] = true;
	}
	for (size_t i = 0; i < now->is.address_count; i++)
		left += now->is.addresses[i].prefix.address.family == AF_INET && !lost[i];
	n->addresses_gone[now - n->now->devices] = !left;
}

static void device_addresses(struct compare *c, struct compare_node *n, int index)
{
	const struct plan_device *d = &n->plan->devices[index];
	const struct current_device *now =
		n->fates[index] == FATE_KEEP ? device_now(n, d->name) : NULL;
	size_t there = now ? now->is.address_count : 0;
	bool *lost = calloc(there + 1, sizeof(*lost));

	if (!lost) {
		c->failed = -ENOMEM;
		return;
	}
	if (now)
		addresses_remove(c, n, now, d, lost);
	for (size_t i = 0; i < d->address_count; i++) {
		const struct prefix *p = &d->addresses[i].prefix;
		bool has = false;

		for (size_t k = 0; k < there; k++)
			has = has ||
			      (!lost[k] &&
				      ip_equal(&now->is.addresses[k].prefix.address, &p->address) &&
				      now->is.addresses[k].prefix.length == p->length);
		if (!has)
			address_operation(c, OPERATION_ADDR_ADD, d->addresses[i].at, n->plan->name,
				d->name, p);
	}
	free(lost);
}

void compare_addresses(struct compare *c)
{
	for (size_t i = 0; i < c->plan->node_count; i++) {
		struct compare_node *n = &c->nodes[i];
		struct current_device *lo = device_now(n, "lo");

		for (size_t k = 0; k < n->plan->device_count; k++)
			device_addresses(c, n, (int)k);
		if (lo && plan_find_device(n->plan, "lo") < 0) {
			bool *lost = calloc(lo->is.address_count + 1, sizeof(*lost));

			if (lost)
				addresses_remove(c, n, lo, NULL, lost);
			free(lost);
		}
	}
}
