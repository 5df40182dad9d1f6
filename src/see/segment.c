/* A frame is followed as a set of journeys: (device, tag, direction).  It is
 * `out` when it leaves a device towards its other end, `in` when the device
 * receives it.  Each journey is made once. */
#include "see/topology.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct journey {
	int device;
	uint16_t tag; /* VLAN id, 0 untagged */
	bool in;
};

struct frontier {
	const struct topology *t;
	enum segment_walk walk;
	bool *reached;
	struct journey *list; /* made ones, then those to make */
	size_t count, room;
	bool failed;
};

static bool is_open(const struct frontier *f, const struct device *d)
{
	return f->walk == SEGMENT_CABLED || d->up;
}

static bool is_forwarding(const struct frontier *f, const struct device *port)
{
	return f->walk == SEGMENT_CABLED || !port->port.is_port ||
	       port->port.state == BR_STATE_FORWARDING;
}

static void go(struct frontier *f, int device, uint16_t tag, bool in)
{
	if (device < 0 || !is_open(f, &f->t->devices[device]))
		return;
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].device == device && f->list[i].tag == tag && f->list[i].in == in)
			return;
	if (f->count == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct journey *grown = reallocarray(f->list, room, sizeof(*grown));

		if (!grown) {
			f->failed = true;
			return;
		}
		f->list = grown;
		f->room = room;
	}
	f->list[f->count++] = (struct journey){device, tag, in};
}

/* Out of every port of `master` but the one it came from. */
static void ports_out(
	struct frontier *f, const struct device *master, const struct device *from, uint16_t tag)
{
	const struct netns_view *n = device_netns(f->t, master);

	for (size_t i = n->first_device; i < n->first_device + n->device_count; i++) {
		const struct device *port = &f->t->devices[i];
		bool apart = from && from->port.isolated && port->port.isolated;

		if (port->master != master->ifindex || (port == from && !port->port.hairpin))
			continue;
		if (is_forwarding(f, port) && (f->walk == SEGMENT_CABLED || !apart))
			go(f, (int)i, tag, false);
	}
}

static bool stands_on(const struct device *d, int lower)
{
	return device_stands_on_another(d) && d->end.device == lower;
}

/* Into what stands on device `lower`: macvlans see what is untagged for them, VLANs their own tag.
 */
static void upper_in(struct frontier *f, int lower, uint16_t tag)
{
	for (size_t i = 0; i < f->t->device_count; i++) {
		const struct device *d = &f->t->devices[i];

		if (!stands_on(d, lower))
			continue;
		if (d->kind != DEVICE_VLAN)
			go(f, (int)i, tag, true);
		else if (!d->vlan_id || d->vlan_id == tag)
			go(f, (int)i, 0, true);
	}
}

static bool keeps_apart(const struct frontier *f, const struct device *d)
{
	return f->walk == SEGMENT_PASSING && d->kind == DEVICE_MACVLAN &&
	       d->macvlan_mode != MACVLAN_MODE_BRIDGE;
}

static void macvlan_out(struct frontier *f, const struct device *d, uint16_t tag)
{
	int lower = d->end.device;

	go(f, lower, tag, false);
	if (f->walk == SEGMENT_CABLED) /* joined, though the driver lets them not talk */
		go(f, lower, tag, true);
	if (keeps_apart(f, d) || lower < 0)
		return;
	for (size_t i = 0; i < f->t->device_count; i++) {
		const struct device *sibling = &f->t->devices[i];

		if (sibling != d && sibling->kind == d->kind && stands_on(sibling, lower) &&
			!keeps_apart(f, sibling))
			go(f, (int)i, tag, true);
	}
}

static bool is_multicast(const struct encapsulation *e)
{
	return e->family == AF_INET ? (e->remote[0] & 0xf0) == 0xe0 : e->remote[0] == 0xff;
}

bool topology_vxlan_leads(const struct topology *t, const struct device *a, const struct device *b)
{
	static const uint8_t none[16];
	const struct encapsulation *e = &a->tunnel;

	if (e->id != b->tunnel.id || e->port != b->tunnel.port || a == b)
		return false;
	if (!memcmp(e->remote, none, 16) || is_multicast(e))
		return true; /* by forwarding table or group: whoever has the id */
	for (int at = TOPOLOGY_NONE;
		(at = topology_owner(t, e->family, e->remote, at)) != TOPOLOGY_NONE;)
		if (t->devices[at].netns == b->end.netns)
			return true;
	return false;
}

static void out(struct frontier *f, const struct journey *j)
{
	const struct device *d = &f->t->devices[j->device];

	switch (d->kind) {
	case DEVICE_VETH:
		go(f, d->end.device, j->tag, true);
		break;
	case DEVICE_BRIDGE:
	case DEVICE_BOND:
		ports_out(f, d, NULL, j->tag);
		break;
	case DEVICE_MACVLAN:
	case DEVICE_IPVLAN:
		macvlan_out(f, d, j->tag);
		break;
	case DEVICE_VLAN:
		go(f, d->end.device, d->vlan_id, false);
		break;
	case DEVICE_VXLAN:
		for (size_t i = 0; i < f->t->device_count; i++)
			if (f->t->devices[i].kind == DEVICE_VXLAN &&
				topology_vxlan_leads(f->t, d, &f->t->devices[i]))
				go(f, (int)i, j->tag, true);
		break;
	default: /* a process, the wire, routing: no segment goes on behind them */
		break;
	}
}

static void in(struct frontier *f, const struct journey *j)
{
	const struct device *d = &f->t->devices[j->device];
	const struct device *master = device_master(f->t, d);

	upper_in(f, j->device, j->tag);
	if (master && master->kind == DEVICE_BRIDGE) {
		if (!is_forwarding(f, d) || !is_open(f, master))
			return;
		go(f, (int)(master - f->t->devices), j->tag, true);
		ports_out(f, master, d, j->tag);
	} else if (master && !strcmp(master->link_kind, "vrf")) {
		f->reached[j->device] |= !j->tag;
	} else if (master) {
		go(f, (int)(master - f->t->devices), j->tag, true);
	} else {
		f->reached[j->device] |= !j->tag;
	}
}

ssize_t topology_segment(const struct topology *t, int from, enum segment_walk walk, bool *reached)
{
	struct frontier f = {.t = t, .walk = walk, .reached = reached};
	ssize_t count = 0;

	memset(reached, 0, t->device_count * sizeof(*reached));
	go(&f, from, 0, false);
	for (size_t i = 0; i < f.count && !f.failed; i++) {
		struct journey j = f.list[i]; /* the list moves as it grows */

		if (j.in)
			in(&f, &j);
		else
			out(&f, &j);
	}
	free(f.list);
	if (f.failed)
		return -ENOMEM;
	/* What came to the lower device "came" to the one that sent it, too. */
	if (t->devices[from].kind == DEVICE_MACVLAN || t->devices[from].kind == DEVICE_IPVLAN)
		reached[from] = false;
	for (size_t i = 0; i < t->device_count; i++)
		count += reached[i];
	return count;
}
