#include "see/asked.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct seen *heard_in(const struct scene *s, int netns, bool own, int asker_device)
{
	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];
		int device;

		/* What an underlay carries is not heard until it is out of the datagram. */
		if (n->event.kind != PATH_RX || n->leg != LEG_NEIGHBOUR ||
			n->outer.kind != n->inner.kind ||
			!seen_asks(n, s->ending->family, s->ending->wanted) ||
			scene_netns(s, n) != netns)
			continue;
		/* Over a cable whose two ends are in one namespace, the other end hears. */
		device = scene_device(s, n);
		if (own && device == asker_device)
			continue;
		/* A bridge hears on each port; its stack hears on the bridge. */
		if (device != TOPOLOGY_NONE && s->topology->devices[device].port.is_port)
			continue;
		return n;
	}
	return NULL;
}

static bool told_in(const struct scene *s, int netns)
{
	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == LEG_NEIGHBOUR && scene_netns(s, n) == netns &&
			seen_tells(n, s->ending->family, s->ending->wanted))
			return true;
	}
	return false;
}

bool asked_find(const struct scene *s, struct asked *a)
{
	const struct seen *at = scene_seen(s);
	const struct topology *t = s->topology;
	int owner = TOPOLOGY_NONE, family = s->ending->family == 6 ? AF_INET6 : AF_INET;
	bool open, *reached;

	*a = (struct asked){.owner = TOPOLOGY_NONE, .heard_device = TOPOLOGY_NONE};
	if (s->ending->kind != ENDING_UNRESOLVED)
		return false;
	a->netns = scene_netns(s, at);
	a->device = scene_device(s, at);
	if (a->device == TOPOLOGY_NONE)
		return false;
	reached = scene_segment(s, a->device, SEGMENT_CABLED, &open);
	while ((owner = scene_owner(s, (uint8_t)family, s->ending->wanted, owner)) !=
		TOPOLOGY_NONE) {
		int netns = t->devices[owner].netns;
		const struct seen *heard = heard_in(s, netns, netns == a->netns, a->device);
		bool on = reached && reached[owner];

		for (size_t i = 0; reached && i < t->device_count; i++)
			on = on || (reached[i] && t->devices[i].netns == netns);
		if (a->owner != TOPOLOGY_NONE && (a->heard || (!heard && !on)))
			continue;
		if (!heard && !on)
			continue;
		a->owner = owner;
		a->heard = heard;
	}
	free(reached);
	if (a->heard)
		a->heard_device = scene_device(s, a->heard);
	if (a->owner != TOPOLOGY_NONE)
		a->told = told_in(s, t->devices[a->owner].netns);
	return true;
}

static bool stands_on(const struct device *d, int lower)
{
	return device_stands_on_another(d) && d->end.device == lower;
}

/* The devices that are one step away: the other end, the bridge, its ports, what it stands on, the
 * VXLAN that an overlay leads to. */
static bool joined(const struct topology *t, int a, int b)
{
	const struct device *x = &t->devices[a], *y = &t->devices[b];

	if (x->end.type == END_DEVICE && x->kind == DEVICE_VETH && x->end.device == b)
		return true;
	if (stands_on(x, b) || stands_on(y, a))
		return true;
	if (x->kind == DEVICE_VXLAN && y->kind == DEVICE_VXLAN)
		return topology_vxlan_leads(t, x, y) && topology_vxlan_leads(t, y, x);
	if (x->netns != y->netns)
		return false;
	return (x->master && x->master == y->ifindex) || (y->master && y->master == x->ifindex);
}

size_t cable_path(const struct topology *t, int from, int to, int *path, size_t room)
{
	int *before = malloc((t->device_count + 1) * sizeof(*before));
	int *queue = malloc((t->device_count + 1) * sizeof(*queue));
	size_t head = 0, tail = 0, n = 0;

	for (size_t i = 0; before && i < t->device_count; i++)
		before[i] = TOPOLOGY_NONE;
	if (before && queue && from >= 0 && to >= 0) {
		before[from] = from;
		queue[tail++] = from;
	}
	while (head < tail && before[to] == TOPOLOGY_NONE) {
		int d = queue[head++];

		for (size_t i = 0; i < t->device_count; i++)
			if (before[i] == TOPOLOGY_NONE && joined(t, d, (int)i)) {
				before[i] = d;
				queue[tail++] = (int)i;
			}
	}
	if (tail && before[to] != TOPOLOGY_NONE) {
		for (int d = to; n < room; d = before[d]) {
			path[n++] = d;
			if (d == from)
				break;
		}
		if (path[n - 1] != from)
			n = 0;
		for (size_t i = 0; i < n / 2; i++) {
			int swap = path[i];

			path[i] = path[n - 1 - i];
			path[n - 1 - i] = swap;
		}
	}
	free(before);
	free(queue);
	return n;
}
