/* Attributes of devices that can change while they live, and what cables do to packets. */
#include "net/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the kernel gives when nothing is said: for attributes that were in the file and are not
 * any more. */
enum {
	DEFAULT_MTU = 1500,
	DEFAULT_LO_MTU = 65536,
	DEFAULT_TXQUEUELEN = 1000,
	DEFAULT_PORT_COST = 2, /* of 10 Gb/s, which is what a veth says of itself */
	DEFAULT_FORWARD_DELAY = 1500,
	DEFAULT_AGEING_TIME = 30000,
	DEFAULT_PRIORITY = 32768,
};

/* One attribute more in the texts of the operation. */
static void changed(
	struct operation *o, enum device_change what, const char *value, const char *was)
{
	size_t at = strlen(o->value), was_at = strlen(o->was);

	o->changes |= what;
	snprintf(o->value + at, OPERATION_TEXT - at, "%s%s", at ? " " : "", value);
	if (was && *was)
		snprintf(o->was + was_at, OPERATION_TEXT - was_at, "%s%s", was_at ? " " : "", was);
}

static enum plan_setting settle(
	enum plan_setting want, enum plan_setting before, enum plan_setting usual)
{
	return want == SETTING_DEFAULT && before != SETTING_DEFAULT ? usual : want;
}

static bool differs(enum plan_setting want, enum plan_setting is)
{
	return want != SETTING_DEFAULT && want != is;
}

static void set_mtu(struct operation *o, const struct plan_device *d,
	const struct plan_device *before, const struct plan_device *is)
{
	char value[64], was[64];

	if (!d->mtu && before && before->mtu)
		o->want.mtu = d->kind == KIND_LOOPBACK ? DEFAULT_LO_MTU : DEFAULT_MTU;
	if (o->want.mtu && o->want.mtu != is->mtu) {
		snprintf(value, sizeof(value), "mtu %u", o->want.mtu);
		snprintf(was, sizeof(was), "mtu %u", is->mtu);
		changed(o, CHANGE_MTU, value, is->mtu ? was : NULL);
	}
}

static void set_numbers(struct operation *o, const struct plan_device *d,
	const struct plan_device *before, const struct plan_device *is)
{
	char value[64];

	set_mtu(o, d, before, is);
	if (!d->has_txqueuelen && before && before->has_txqueuelen) {
		o->want.has_txqueuelen = true;
		o->want.txqueuelen = DEFAULT_TXQUEUELEN;
	}
	if (o->want.has_txqueuelen && o->want.txqueuelen != is->txqueuelen) {
		snprintf(value, sizeof(value), "txqueuelen %u", o->want.txqueuelen);
		changed(o, CHANGE_TXQUEUELEN, value, NULL);
	}
	if (d->has_mac && (!is->has_mac || memcmp(d->mac, is->mac, ETH_ALEN))) {
		snprintf(value, sizeof(value), "mac %02x:%02x:%02x:%02x:%02x:%02x", d->mac[0],
			d->mac[1], d->mac[2], d->mac[3], d->mac[4], d->mac[5]);
		changed(o, CHANGE_MAC, value, NULL);
	}
	o->want.arp = settle(d->arp, before ? before->arp : SETTING_DEFAULT, SETTING_ON);
	if (differs(o->want.arp, is->arp))
		changed(o, CHANGE_ARP, o->want.arp == SETTING_ON ? "arp on" : "arp off", NULL);
}

/* A setting that is to be changed is named; one that is as wanted is not sent to the kernel. */
static void set_setting(struct operation *o, enum device_change what, const char *name,
	enum plan_setting *want, enum plan_setting before, enum plan_setting is,
	enum plan_setting usual)
{
	char value[64];

	*want = settle(*want, before, usual);
	if (!differs(*want, is)) {
		*want = SETTING_DEFAULT;
		return;
	}
	snprintf(value, sizeof(value), "%s %s", name, *want == SETTING_ON ? "on" : "off");
	changed(o, what, value, NULL);
}

static void set_number(struct operation *o, const char *name, bool *has, uint32_t *want,
	bool before, uint32_t is, uint32_t usual)
{
	char value[64];

	if (!*has && before) {
		*has = true;
		*want = usual;
	}
	*has = *has && *want != is;
	if (!*has)
		return;
	snprintf(value, sizeof(value), "%s %u", name, *want);
	changed(o, CHANGE_BRIDGE, value, NULL);
}

static void set_bridge(struct operation *o, const struct plan_device *d,
	const struct plan_device *before, const struct plan_device *is)
{
	struct plan_bridge *want = &o->want.bridge;
	struct plan_bridge old = {0};

	if (before && before->kind == KIND_BRIDGE)
		old = before->bridge;
	*want = d->bridge;
	set_setting(o, CHANGE_BRIDGE, "stp", &want->stp, old.stp, is->bridge.stp, SETTING_OFF);
	set_setting(o, CHANGE_BRIDGE, "vlan_filtering", &want->vlan_filtering, old.vlan_filtering,
		is->bridge.vlan_filtering, SETTING_OFF);
	set_setting(o, CHANGE_BRIDGE, "mcast_snooping", &want->mcast_snooping, old.mcast_snooping,
		is->bridge.mcast_snooping, SETTING_ON);
	set_number(o, "forward_delay", &want->has_forward_delay, &want->forward_delay,
		old.has_forward_delay, is->bridge.forward_delay, DEFAULT_FORWARD_DELAY);
	set_number(o, "ageing_time", &want->has_ageing_time, &want->ageing_time,
		old.has_ageing_time, is->bridge.ageing_time, DEFAULT_AGEING_TIME);
	set_number(o, "priority", &want->has_priority, &want->priority, old.has_priority,
		is->bridge.priority, DEFAULT_PRIORITY);
}

static void set_port(struct operation *o, const struct plan_device *d,
	const struct plan_device *before, const struct plan_device *is)
{
	struct plan_bridge_port *want = &o->want.port;
	struct plan_bridge_port old = {0};
	char value[64];

	if (before && before->master >= 0)
		old = before->port;
	*want = d->port;
	set_setting(o, CHANGE_PORT, "isolated", &want->isolated, old.isolated, is->port.isolated,
		SETTING_OFF);
	set_setting(o, CHANGE_PORT, "hairpin", &want->hairpin, old.hairpin, is->port.hairpin,
		SETTING_OFF);
	set_setting(o, CHANGE_PORT, "learning", &want->learning, old.learning, is->port.learning,
		SETTING_ON);
	set_setting(o, CHANGE_PORT, "flood", &want->flood, old.flood, is->port.flood, SETTING_ON);
	if (!want->cost && old.cost)
		want->cost = DEFAULT_PORT_COST;
	if (!want->cost || want->cost == is->port.cost) {
		want->cost = 0;
		return;
	}
	snprintf(value, sizeof(value), "cost %u", want->cost);
	changed(o, CHANGE_PORT, value, NULL);
}

static void set_master(struct compare *c, struct compare_node *n, struct operation *o,
	const struct plan_device *d, const struct plan_device *before,
	const struct current_device *now)
{
	const char *want = d->master < 0 ? "" : n->plan->devices[d->master].name;
	bool bridge_new = d->master >= 0 && n->fates[d->master] == FATE_NEW;
	const char *is = now && !bridge_new ? now->master : "";
	char value[64], was[64];

	/* A master that no file gave is somebody else's work. */
	if (!*want && *is && !(before && before->master >= 0))
		return;
	if (!strcmp(want, is))
		return;
	snprintf(o->master, sizeof(o->master), "%s", want);
	snprintf(value, sizeof(value), *want ? "master %s" : "nomaster%s", want);
	snprintf(was, sizeof(was), "master %s", is);
	changed(o, CHANGE_MASTER, value, *is ? was : NULL);
}

static void device_settings(struct compare *c, struct compare_node *n, int index)
{
	const struct plan_device *d = &n->plan->devices[index];
	const struct plan_device *before = compare_before_device(c, n->plan->name, d->name);
	const struct current_device *now = n->fates[index] == FATE_KEEP && n->now
						   ? current_find_device(n->now, d->name)
						   : NULL;
	static const struct plan_device nothing;
	struct operation set = {.want = *d};

	if (!now)
		before = NULL;
	/* A new device is born with its numbers, but a tunnel's is born by its process, and the
	 * MTU that a bridge is born with gives way to that of its ports. */
	if (now || d->kind == KIND_TUNNEL)
		set_numbers(&set, d, before, now ? &now->is : &nothing);
	else if (d->kind == KIND_BRIDGE)
		set_mtu(&set, d, NULL, &nothing);
	if (now && d->kind == KIND_BRIDGE)
		set_bridge(&set, d, before, &now->is);
	set_master(c, n, &set, d, before, now);
	if (d->master >= 0) {
		bool joins = set.changes & CHANGE_MASTER; /* a port begins with the defaults */

		set_port(&set, d, joins ? NULL : before, joins || !now ? &nothing : &now->is);
	}
	if (now && now->is.up && !d->up)
		changed(&set, CHANGE_DOWN, "down", "up");
	if (set.changes) {
		struct operation *o =
			compare_add(c, OPERATION_DEVICE_SET, d->at, n->plan->name, d->name);

		o->device_index = index;
		o->changes = set.changes;
		o->want = set.want;
		memcpy(o->value, set.value, sizeof(o->value));
		memcpy(o->was, set.was, sizeof(o->was));
		memcpy(o->master, set.master, sizeof(o->master));
	}
	if (d->up && d->kind != KIND_LOOPBACK && !(now && now->is.up)) {
		struct operation *o =
			compare_add(c, OPERATION_DEVICE_UP, d->at, n->plan->name, d->name);

		o->device_index = index;
		compare_text(o->value, "up");
		compare_text(o->was, "%s", now ? "down" : "");
	}
}

static bool shape_is(const struct plan_shape *a, const struct plan_shape *b)
{
	/* The kernel keeps bytes a second, and the loss as a fraction of 2^32. */
	return a->rate / 8 == b->rate / 8 && a->delay == b->delay && fabs(a->loss - b->loss) < 1e-9;
}

static bool shape_is_none(const struct plan_shape *s)
{
	return !s->rate && !s->delay && s->loss <= 0;
}

static bool shaped_before(const struct compare *c, const char *node, const char *device)
{
	for (size_t i = 0; c->before && c->before[i]; i++) {
		const struct plan *p = c->before[i];

		for (size_t k = 0; k < p->link_count; k++)
			for (int e = 0; e < 2; e++) {
				const struct plan_end *end = &p->links[k].ends[e];
				const struct plan_node *at = &p->nodes[end->node];

				if (!strcmp(at->name, node) &&
					!strcmp(at->devices[end->device].name, device))
					return !shape_is_none(&p->links[k].shape);
			}
	}
	return false;
}

static void link_shape(struct compare *c, const struct plan_link *l, const struct plan_end *end)
{
	struct compare_node *n = &c->nodes[end->node];
	const struct plan_device *d = &n->plan->devices[end->device];
	const struct current_device *now =
		n->fates[end->device] == FATE_KEEP ? current_find_device(n->now, d->name) : NULL;
	struct operation *o;

	if (now ? shape_is(&l->shape, &now->shape) && !now->foreign_qdisc
		: shape_is_none(&l->shape))
		return;
	if (shape_is_none(&l->shape) && !shaped_before(c, n->plan->name, d->name))
		return;
	o = compare_add(c, OPERATION_SHAPE_SET, l->at, n->plan->name, d->name);
	o->device_index = end->device;
	o->shape = l->shape;
	if (shape_is_none(&l->shape))
		compare_text(o->value, "none");
	else
		compare_text(o->value, "rate %llu bit/s, delay %.3f ms, loss %g",
			(unsigned long long)l->shape.rate, (double)l->shape.delay / 1e6,
			l->shape.loss);
}

void compare_settings(struct compare *c)
{
	for (size_t i = 0; i < c->plan->node_count; i++)
		for (size_t k = 0; k < c->nodes[i].plan->device_count; k++)
			device_settings(c, &c->nodes[i], (int)k);
	for (size_t i = 0; i < c->plan->link_count; i++)
		for (int e = 0; e < 2; e++)
			link_shape(c, &c->plan->links[i], &c->plan->links[i].ends[e]);
}
