#include "see/gateway.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CANDIDATES_MAX = 64, HOPS_MAX = 32 };

/* An address of a neighbour, on a segment that we are on with an address, too. */
struct candidate {
	int netns;
	uint8_t ip[16];
};

struct search {
	const struct scene *s;
	int start;
	uint8_t family;
	const uint8_t *ip;
	bool owned; /* somebody on this machine has the address */
	struct candidate list[CANDIDATES_MAX];
	size_t count;
};

static bool forwards(const struct search *x, int netns)
{
	return live_sysctl(scene_fd(x->s, netns), 0,
		       x->family == 6 ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward") > 0;
}

static void candidates_of(struct search *x, int d)
{
	const struct topology *t = x->s->topology;
	const struct device *device = &t->devices[d];
	bool open, *reached = scene_segment(x->s, d, SEGMENT_PASSING, &open);

	for (size_t i = 0; reached && i < t->device_count; i++) {
		const struct device *n = &t->devices[i];

		if (!reached[i] || n->netns == device->netns || !n->up)
			continue;
		for (size_t k = 0; k < n->address_count && x->count < CANDIDATES_MAX; k++) {
			const struct address *a = &n->addresses[k], *with;

			if (address_family(a) != x->family || a->scope >= RT_SCOPE_LINK ||
				scene_covering(x->s, x->start, x->family, a->ip, &with) != d)
				continue;
			x->list[x->count].netns = n->netns;
			memcpy(x->list[x->count++].ip, a->ip, 16);
		}
	}
	free(reached);
}

/* The namespace of the segment's device that has the address; *open as scene_segment. */
static int hop_owner(const struct search *x, int device, const uint8_t *hop, bool *open)
{
	const struct topology *t = x->s->topology;
	bool *reached = scene_segment(x->s, device, SEGMENT_PASSING, open);
	int owner = TOPOLOGY_NONE, netns = TOPOLOGY_NONE;

	while (reached && netns == TOPOLOGY_NONE &&
		(owner = scene_owner(x->s, x->family == 6 ? AF_INET6 : AF_INET, hop, owner)) !=
			TOPOLOGY_NONE)
		for (size_t i = 0; i < t->device_count; i++)
			if (reached[i] && t->devices[i].netns == t->devices[owner].netns)
				netns = t->devices[owner].netns;
	free(reached);
	return netns;
}

/* Follows the routes from `netns` on; *out: they left what can be seen. */
static bool routes_lead(const struct search *x, int netns, bool *out)
{
	*out = false;
	for (int hops = 0; hops < HOPS_MAX && netns != x->start && netns >= 0; hops++) {
		struct route_question q = {.family = x->family, .to = x->ip};
		struct route_reply r;
		int device;

		if (scene_is_local(x->s, netns, x->family, x->ip) != TOPOLOGY_NONE)
			return true;
		if (!forwards(x, netns) || !live_route(scene_fd(x->s, netns), &q, &r) || r.error ||
			(r.gateway_family && r.gateway_family != x->family))
			return false;
		device = topology_device_at(x->s->topology, netns, r.oif);
		if (device == TOPOLOGY_NONE)
			return false;
		netns = hop_owner(x, device, r.gateway_family ? r.gateway : x->ip, out);
	}
	*out = *out && netns == TOPOLOGY_NONE;
	return false;
}

/* Over cables, whatever the routes say: the candidate that is nearest to the owner. */
static int cables_lead(const struct search *x, bool forwarding)
{
	const struct topology *t = x->s->topology;
	int *over = malloc((t->netns_count + 1) * sizeof(*over));
	int *queue = malloc((t->netns_count + 1) * sizeof(*queue));
	size_t head = 0, tail = 0;
	int found = TOPOLOGY_NONE;

	for (size_t i = 0; over && i < t->netns_count; i++)
		over[i] = TOPOLOGY_NONE;
	for (size_t i = 0; over && queue && i < x->count; i++)
		if (over[x->list[i].netns] == TOPOLOGY_NONE) {
			over[x->list[i].netns] = (int)i;
			queue[tail++] = x->list[i].netns;
		}
	while (head < tail && found == TOPOLOGY_NONE) {
		int netns = queue[head++];

		if (scene_is_local(x->s, netns, x->family, x->ip) != TOPOLOGY_NONE)
			found = over[netns];
		if (forwarding && !forwards(x, netns))
			continue;
		for (size_t i = 0; i < t->netns[netns].device_count; i++) {
			int d = (int)(t->netns[netns].first_device + i);
			bool open, *reached = t->devices[d].up ? scene_segment(x->s, d,
									 SEGMENT_PASSING, &open)
							       : NULL;

			for (size_t k = 0; reached && k < t->device_count; k++) {
				int next = t->devices[k].netns;

				if (!reached[k] || over[next] != TOPOLOGY_NONE || next == x->start)
					continue;
				over[next] = over[netns];
				queue[tail++] = next;
			}
			free(reached);
		}
	}
	free(queue);
	free(over);
	return found;
}

/* Has the packet come through this namespace? */
static bool was_passed(const struct search *x, int netns)
{
	const struct story *story = x->s->story;

	if (netns == x->s->asker)
		return true;
	for (size_t i = 0; i < story->count; i++)
		if (story->list[i].leg == LEG_REQUEST &&
			scene_netns(x->s, &story->list[i]) == netns)
			return true;
	return false;
}

static int choose(const struct search *x)
{
	int leaves = TOPOLOGY_NONE, over;
	bool out;

	for (size_t i = 0; i < x->count; i++) {
		if (routes_lead(x, x->list[i].netns, &out))
			return (int)i;
		if (out && leaves == TOPOLOGY_NONE)
			leaves = (int)i;
	}
	if (x->owned) {
		over = cables_lead(x, true);
		if (over == TOPOLOGY_NONE && leaves == TOPOLOGY_NONE)
			over = cables_lead(x, false);
		if (over != TOPOLOGY_NONE)
			return over;
	}
	for (size_t i = 0; i < x->count && leaves == TOPOLOGY_NONE; i++)
		if (!x->owned && !was_passed(x, x->list[i].netns))
			leaves = (int)i;
	return leaves;
}

/* Is it the underlay of a vxlan or another encapsulation of its namespace? */
static bool carries_overlay(const struct topology *t, int device)
{
	const struct netns_view *n = &t->netns[t->devices[device].netns];

	for (size_t i = n->first_device; i < n->first_device + n->device_count; i++) {
		const struct device *d = &t->devices[i];

		if (d->tunnel.lower && d->tunnel.lower == t->devices[device].ifindex)
			return true;
	}
	return false;
}

bool gateway_cabled(const struct scene *s, int device, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	int start = t->devices[device].netns;
	bool *joined = calloc(t->device_count + 1, sizeof(*joined));
	bool *seen = calloc(t->netns_count + 1, sizeof(*seen));
	bool found = false, open, again = true;

	if (joined && seen) {
		joined[device] = true;
		seen[start] = true;
	}
	/* A namespace that is reached is left by all its devices. */
	for (bool first = true; joined && seen && again && !found; first = false) {
		again = false;
		for (size_t i = 0; i < t->device_count && !found; i++) {
			bool *reached;

			if (first ? (int)i != device
				  : t->devices[i].netns == start || !seen[t->devices[i].netns] ||
						joined[i])
				continue;
			joined[i] = true;
			reached = scene_segment(s, (int)i, SEGMENT_CABLED, &open);
			for (size_t k = 0; reached && k < t->device_count; k++) {
				int netns = t->devices[k].netns;

				if (!reached[k] || seen[netns])
					continue;
				seen[netns] = again = true;
				found = found ||
					scene_is_local(s, netns, family, ip) != TOPOLOGY_NONE;
			}
			free(reached);
		}
	}
	free(seen);
	free(joined);
	return found;
}

bool gateway_leads(const struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	struct search x = {.s = s, .start = TOPOLOGY_NONE, .family = family, .ip = ip};
	struct route_question q = {.family = family, .to = ip};
	struct route_reply r;
	int device;
	bool out;

	/* A node sends its own packets whether it forwards or not. */
	if (!live_route(scene_fd(s, netns), &q, &r) || r.error ||
		(r.gateway_family && r.gateway_family != family))
		return false;
	device = topology_device_at(s->topology, netns, r.oif);
	if (device == TOPOLOGY_NONE || !s->topology->devices[device].up)
		return false;
	netns = hop_owner(&x, device, r.gateway_family ? r.gateway : ip, &out);
	return netns == TOPOLOGY_NONE ? out : routes_lead(&x, netns, &out) || out;
}

bool gateway_find(const struct scene *s, int netns, int device, uint8_t family, const uint8_t *ip,
	uint8_t gateway[16])
{
	const struct topology *t = s->topology;
	struct search x = {.s = s, .start = netns, .family = family, .ip = ip};
	int chosen;

	x.owned = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, ip, TOPOLOGY_NONE) !=
		  TOPOLOGY_NONE;
	/* The same neighbour over an overlay comes before it over what the overlay runs on. */
	for (int underlay = 0; underlay < 2; underlay++)
		for (size_t i = 0; i < t->netns[netns].device_count; i++) {
			int d = (int)(t->netns[netns].first_device + i);

			if (t->devices[d].up && t->devices[d].kind != DEVICE_LOOPBACK &&
				(device == TOPOLOGY_NONE || device == d) &&
				carries_overlay(t, d) == underlay)
				candidates_of(&x, d);
		}
	chosen = choose(&x);
	if (chosen == TOPOLOGY_NONE)
		return false;
	memcpy(gateway, x.list[chosen].ip, 16);
	return true;
}
