#include "see/mtu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "see/asked.h"

enum {
	HOPS_MAX = 16,
	DEPTH_MAX = 4,
	DEVICES_MAX = 64,
	PATH_MAX_DEVICES = 64,
	VXLAN4 = 50, /* what an overlay adds */
	VXLAN6 = 70,
	SEALED = 80, /* what WireGuard adds, over IPv6 */
	MTU_MAX = 65535,
};

struct raise {
	const struct scene *s;
	struct {
		int device;
		uint32_t mtu;
	} list[DEVICES_MAX];
	size_t count;
	bool beyond; /* a part of the way is not ours to change */
};

static bool way_raise(
	struct raise *r, int netns, uint8_t family, const uint8_t *to, uint32_t mtu, int depth);

static void note(struct raise *r, int device, uint32_t mtu)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].device == device) {
			if (r->list[i].mtu < mtu)
				r->list[i].mtu = mtu;
			return;
		}
	if (mtu > MTU_MAX || r->count == DEVICES_MAX)
		r->beyond = true;
	else if (r->s->topology->devices[device].mtu < mtu) {
		r->list[r->count].device = device;
		r->list[r->count++].mtu = mtu;
	}
}

static void device_raise(struct raise *r, int device, uint32_t mtu, int depth)
{
	const struct topology *t = r->s->topology;
	const struct device *d = &t->devices[device];
	uint8_t family = d->tunnel.family == AF_INET6 ? 6 : 4;
	static const uint8_t zero[16];

	if (depth > DEPTH_MAX || d->kind == DEVICE_PHYSICAL || d->kind == DEVICE_TUNNEL) {
		r->beyond = r->beyond || d->mtu < mtu;
	} else if (d->kind == DEVICE_VXLAN && d->mtu < mtu && memcmp(d->tunnel.remote, zero, 16)) {
		way_raise(r, d->end.netns >= 0 ? d->end.netns : d->netns, family, d->tunnel.remote,
			mtu + (family == 6 ? VXLAN6 : VXLAN4), depth + 1);
	} else if ((d->kind == DEVICE_MACVLAN || d->kind == DEVICE_VLAN) &&
		   d->end.device != TOPOLOGY_NONE) {
		device_raise(r, d->end.device, mtu, depth + 1);
	}
	note(r, device, mtu);
}

/* The shortest way over cables from a device into a namespace. */
static size_t path_into(const struct topology *t, int from, int netns, int path[PATH_MAX_DEVICES])
{
	int way[PATH_MAX_DEVICES];
	size_t best = 0;

	for (size_t i = 0; i < t->netns[netns].device_count; i++) {
		int d = (int)(t->netns[netns].first_device + i);
		size_t n = cable_path(t, from, d, way, PATH_MAX_DEVICES);

		if (!n || (best && n >= best))
			continue;
		best = n;
		memcpy(path, way, n * sizeof(way[0]));
	}
	return best;
}

/* The namespace, on the segment of `device`, that has the address; with its device there. */
static int next_hop(const struct scene *s, int device, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	bool open, *reached = scene_segment(s, device, SEGMENT_CABLED, &open);
	int owner = TOPOLOGY_NONE, found = TOPOLOGY_NONE;

	while (reached && found == TOPOLOGY_NONE &&
		(owner = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, ip, owner)) !=
			TOPOLOGY_NONE)
		for (size_t i = 0; i < t->device_count && found == TOPOLOGY_NONE; i++)
			if (reached[i] && t->devices[i].netns == t->devices[owner].netns)
				found = t->devices[owner].netns;
	free(reached);
	return found;
}

static bool way_raise(
	struct raise *r, int netns, uint8_t family, const uint8_t *to, uint32_t mtu, int depth)
{
	const struct topology *t = r->s->topology;

	for (int hop = 0; hop < HOPS_MAX; hop++) {
		struct packet_view p = {.family = family};
		struct route_reply route;
		int path[PATH_MAX_DEVICES], out, next;
		size_t n;

		if (scene_is_local(r->s, netns, family, to) != TOPOLOGY_NONE)
			return true;
		memcpy(p.destination, to, 16);
		if (!scene_route(r->s, netns, &p, 0, &route) || route.error ||
			(route.gateway_family && route.gateway_family != family))
			break;
		out = topology_device_at(t, netns, route.oif);
		if (out == TOPOLOGY_NONE)
			break;
		device_raise(r, out, mtu, depth);
		/* What a tunnel's process makes of it is its own affair. */
		if (t->devices[out].kind == DEVICE_TUN || t->devices[out].kind == DEVICE_TAP)
			break;
		next = next_hop(r->s, out, family, route.gateway_family ? route.gateway : to);
		if (next == TOPOLOGY_NONE)
			break;
		n = path_into(t, out, next, path);
		for (size_t i = 0; i < n; i++)
			if (t->devices[path[i]].kind != DEVICE_BRIDGE)
				device_raise(r, path[i], mtu, depth);
		netns = next;
	}
	r->beyond = true;
	return false;
}

bool mtu_raise(struct scene *s, int netns, const struct packet_view *p, uint32_t length)
{
	struct raise r = {.s = s};
	char ip[COMMAND_PREFIX];

	if (netns < 0)
		return false;
	way_raise(&r, netns, p->family, p->destination, length, 0);
	if (r.beyond || !r.count)
		return false;
	for (size_t i = 0; i < r.count; i++) {
		const struct device *d = &s->topology->devices[r.list[i].device];

		verdict_fix(s->verdict, "%s link set dev %s mtu %u", scene_ip(s, d->netns, ip),
			d->name, r.list[i].mtu);
	}
	return true;
}
