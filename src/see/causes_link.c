/* Causes on the link: devices that are down, ends that do not fit each other. */
#include "see/gateway.h"
#include "see/scene.h"

#include <errno.h>
#include <string.h>

/* A device of `netns` that is down and whose address covers ip. */
static int down_covering(const struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	const struct address *with;
	int device = scene_covering(s, netns, family, ip, &with);

	if (device == TOPOLOGY_NONE || s->topology->devices[device].up ||
		s->topology->devices[device].kind == DEVICE_LOOPBACK)
		return TOPOLOGY_NONE;
	return device;
}

/* Every device with addresses is down, so that the routes over them are gone. */
static int down_altogether(const struct scene *s, int netns)
{
	const struct topology *t = s->topology;
	int found = TOPOLOGY_NONE;

	for (size_t i = 0; netns >= 0 && i < t->netns[netns].device_count; i++) {
		const struct device *d = &t->devices[t->netns[netns].first_device + i];

		if (d->kind == DEVICE_LOOPBACK)
			continue;
		if (d->up)
			return TOPOLOGY_NONE;
		/* IPv6 addresses go with the device that goes down. */
		if (found == TOPOLOGY_NONE || d->address_count)
			found = (int)(d - t->devices);
	}
	return found;
}

/* The routes over a device that is down are gone, and so are its IPv6 addresses: is it the cables
 * of one such that lead to ip, and of no other that the packet has not come by? */
static int down_leading(const struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	const struct seen *at = scene_seen(s);
	int found = TOPOLOGY_NONE;

	for (size_t i = 0; netns >= 0 && i < t->netns[netns].device_count; i++) {
		int d = (int)(t->netns[netns].first_device + i);
		const struct device *device = &t->devices[d];

		if (device->kind == DEVICE_LOOPBACK || device->port.is_port ||
			(at && at->event.netns == t->netns[netns].node.inode &&
				at->event.ifindex == device->ifindex && device->up) ||
			!gateway_cabled(s, d, family, ip))
			continue;
		if (device->up)
			return TOPOLOGY_NONE;
		found = d;
	}
	return found;
}

static bool device_down_say(struct scene *s, int device)
{
	const struct device *d = &s->topology->devices[device];
	char ip[COMMAND_PREFIX];

	scene_at(s, d->netns, d->name);
	scene_why(s, "device %s in %s is down, so %s has no route over it", d->name,
		scene_name(s, d->netns), scene_leg(s));
	verdict_fact(
		s->verdict, "rtnetlink", "%s in %s lacks IFF_UP", d->name, scene_name(s, d->netns));
	verdict_fix(s->verdict, "%s link set dev %s up", scene_ip(s, d->netns, ip), d->name);
	return true;
}

/* A node has refused because it has no route: which? */
static bool no_way(const struct scene *s, int *netns)
{
	const struct seen *at = scene_seen(s);
	struct packet_view p;
	struct route_reply r;

	*netns = at ? scene_netns(s, at) : s->asker;
	scene_packet(s, &p);
	return *netns >= 0 && (!at || at->event.kind == PATH_DROP) &&
	       scene_route(s, *netns, &p, 0, &r) && r.error == ENETUNREACH && !r.matched;
}

/* The overlay's device that the datagram was for: while it is down nobody listens for it. */
static int overlay_down(const struct scene *s)
{
	const struct topology *t = s->topology;
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);

	if (!at || netns < 0 || at->event.kind != PATH_DROP || at->outer.kind != HEADER_VXLAN)
		return TOPOLOGY_NONE;
	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];

		if (d->kind == DEVICE_VXLAN && !d->up && d->tunnel.port == at->outer.second &&
			d->tunnel.id == at->outer.vni &&
			(d->netns == netns || d->end.netns == netns))
			return (int)i;
	}
	return TOPOLOGY_NONE;
}

/* What the device stands on, when that is down: it has no carrier then. */
static int lower_down(const struct scene *s)
{
	const struct topology *t = s->topology;
	int device = scene_device(s, scene_seen(s));
	const struct device *d = device == TOPOLOGY_NONE ? NULL : &t->devices[device];

	return d && device_stands_on_another(d) && d->end.device != TOPOLOGY_NONE &&
			       !t->devices[d->end.device].up
		       ? d->end.device
		       : TOPOLOGY_NONE;
}

static bool device_down_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	struct packet_view p;
	int netns, device = TOPOLOGY_NONE;
	uint32_t iif;

	scene_packet(s, &p);
	device = overlay_down(s);
	if (device == TOPOLOGY_NONE)
		device = lower_down(s);
	if (device == TOPOLOGY_NONE && scene_underlay(s))
		device = down_covering(s, scene_router(s, &iif), p.family, p.destination);
	if (s->ending->kind == ENDING_NOTHING) {
		if (s->question->device)
			device = topology_device_named(t, s->asker, s->question->device);
		if (device != TOPOLOGY_NONE && t->devices[device].up)
			device = TOPOLOGY_NONE;
		if (device == TOPOLOGY_NONE)
			device = down_covering(s, s->asker, p.family, p.destination);
		if (device == TOPOLOGY_NONE && s->probe->error)
			device = down_altogether(s, s->asker);
	}
	/* Any node that had the packet: its own way to the destination may be down. */
	for (size_t i = 0; i < s->story->count && device == TOPOLOGY_NONE; i++) {
		const struct seen *n = &s->story->list[i];

		if (n->leg != s->ending->leg && n->leg != LEG_NEIGHBOUR)
			continue;
		netns = scene_netns(s, n);
		if (netns < 0 || scene_is_local(s, netns, p.family, p.destination) != TOPOLOGY_NONE)
			continue;
		if (n->leg != LEG_NEIGHBOUR || netns == s->asker)
			device = down_covering(s, netns, p.family, p.destination);
	}
	if (device == TOPOLOGY_NONE && no_way(s, &netns))
		device = down_leading(s, netns, p.family, p.destination);
	return device != TOPOLOGY_NONE && device_down_say(s, device);
}

const struct cause cause_device_down = {
	.id = "device-down",
	.title = "the node's own or an intermediate device is down",
	.proof =
		"No packet, ENETUNREACH, because the connected route is gone; at a router as no-route. "
		"Confirmed: a device whose address covers the destination lacks IFF_UP.",
	.repair = "ip -n N link set D up",
	.signs = {{SIGN_CALL, NULL, NULL, ENETUNREACH}, {SIGN_CALL, NULL, NULL, ENETDOWN},
		{SIGN_CALL, NULL, NULL, EADDRNOTAVAIL}, {SIGN_CALL, NULL, NULL, EHOSTUNREACH},
		{SIGN_DROP, "IP_INNOROUTES", NULL, 0}, {SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_NOTHING, NULL, NULL, 0}, {SIGN_DROP, NULL, "vxlan_xmit_one", 0},
		{SIGN_DROP, "NO_SOCKET", NULL, 0}, {SIGN_DROP, NULL, "__udp4_lib_rcv", 0},
		{SIGN_DROP, NULL, "__udp6_lib_rcv", 0}, {SIGN_DROP, NULL, "__dev_queue_xmit", 0}},
	.confirm = device_down_confirm,
};

static bool peer_down_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	int at = scene_device(s, scene_seen(s));
	const struct device *d, *peer;
	char ip[COMMAND_PREFIX];

	if (at == TOPOLOGY_NONE)
		return false;
	d = &t->devices[at];
	/* A macvlan or VLAN has the carrier of what it stands on. */
	while (device_stands_on_another(d) && d->end.device != TOPOLOGY_NONE)
		d = &t->devices[d->end.device];
	/* A drop while crossing the cable may name either end. */
	if (d->kind != DEVICE_VETH || d->end.device == TOPOLOGY_NONE)
		return false;
	peer = &t->devices[d->end.device];
	if (peer->up && !d->up) {
		const struct device *swap = d;

		d = peer;
		peer = swap;
	}
	if (peer->up || !d->up)
		return false;
	scene_at(s, peer->netns, peer->name);
	scene_why(s, "%s in %s, the other end of %s in %s, is down", peer->name,
		scene_name(s, peer->netns), d->name, scene_name(s, d->netns));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s lacks IFF_UP; %s in %s has no carrier",
		peer->name, scene_name(s, peer->netns), d->name, scene_name(s, d->netns));
	verdict_fix(s->verdict, "%s link set dev %s up", scene_ip(s, peer->netns, ip), peer->name);
	return true;
}

const struct cause cause_peer_down = {
	.id = "peer-down",
	.title = "the other end of the veth is down",
	.proof =
		"NOT_SPECIFIED in __dev_forward_skb2, later QDISC_DROP in __dev_queue_xmit (noop). "
		"Confirmed: the twin lacks IFF_UP, the device has no carrier.",
	.repair = "ip -n B link set b0 up",
	.signs = {{SIGN_DROP, NULL, "__dev_forward_skb2", 0},
		{SIGN_DROP, NULL, "__dev_forward_skb", 0}, {SIGN_DROP, NULL, "veth_xmit", 0},
		{SIGN_DROP, NULL, "__dev_queue_xmit", 0},
		{SIGN_DROP, NULL, "dev_hard_start_xmit", 0}, {SIGN_DROP, NULL, "__dev_xmit_skb", 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0}},
	.confirm = peer_down_confirm,
};
