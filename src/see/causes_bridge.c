/* Causes on a segment: what bridges, macvlans and their ports keep from each other. */
#include "see/asked.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { WAY_MAX = 64, FORWARDING = 3 };

/* From where the frame was, to where it should have gone. */
struct way {
	int from, to;
	int path[WAY_MAX];
	size_t length;
	bool broadcast, multicast; /* an ARP request; a solicitation */
};

/* The owner of a MAC address; NONE. */
static int mac_owner(const struct scene *s, const uint8_t *mac)
{
	const struct topology *t = s->topology;

	for (size_t i = 0; i < t->device_count; i++)
		if (t->devices[i].mac_size == 6 && !memcmp(t->devices[i].mac, mac, 6) &&
			t->devices[i].kind != DEVICE_BRIDGE && !t->devices[i].port.is_port)
			return (int)i;
	return TOPOLOGY_NONE;
}

/* The device by which `netns` is on the segment of device `from`. */
static int entrance(const struct scene *s, int from, int netns)
{
	const struct topology *t = s->topology;
	int path[WAY_MAX];
	size_t best = WAY_MAX + 1;
	int found = TOPOLOGY_NONE;

	for (size_t i = 0; i < t->netns[netns].device_count; i++) {
		int d = (int)(t->netns[netns].first_device + i);
		size_t n = d == from ? 0 : cable_path(t, from, d, path, WAY_MAX);

		if (n && n < best) {
			best = n;
			found = d;
		}
	}
	return found;
}

/* A bridge gave the frame to everybody but the one it was for: by whom was it sent? */
static const struct seen *flooded_by(const struct scene *s)
{
	const struct seen *at = scene_seen(s);

	if (s->ending->kind != ENDING_DROP || !at || strcmp(at->reason, "OTHERHOST") != 0)
		return NULL;
	for (int i = s->ending->at; i >= 0; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && n->event.has_link && d != TOPOLOGY_NONE &&
			!s->topology->devices[d].port.is_port)
			return n;
	}
	return NULL;
}

/* Packet sockets see no MAC addresses: the way to whom the routing of the last node names. */
static bool way_routed(const struct scene *s, struct way *w)
{
	const struct topology *t = s->topology;
	const struct seen *last = NULL;
	struct packet_view p;
	struct route_reply r;
	struct neighbour_reply entry;
	const uint8_t *next;
	int owner, netns;

	for (int i = s->ending->at; i >= 0 && !last; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_RX) &&
			n->leg == s->ending->leg && d != TOPOLOGY_NONE &&
			!t->devices[d].port.is_port)
			last = n;
	}
	scene_packet(s, &p);
	netns = scene_netns(s, last);
	if (!last || netns < 0 ||
		scene_is_local(s, netns, p.family, p.destination) != TOPOLOGY_NONE ||
		!scene_route(
			s, netns, &p, last->event.kind == PATH_RX ? last->event.ifindex : 0, &r) ||
		r.error || (r.gateway_family && r.gateway_family != p.family))
		return false;
	w->from = topology_device_at(t, netns, r.oif);
	next = r.gateway_family ? r.gateway : p.destination;
	/* The neighbour entry says to whom the frame goes, even when his address has gone. */
	if (live_neighbour(scene_fd(s, netns), r.oif, p.family, next, &entry) && entry.has_mac) {
		w->to = mac_owner(s, entry.mac);
		return true;
	}
	owner = scene_owner(s, p.family == 6 ? AF_INET6 : AF_INET, next, TOPOLOGY_NONE);
	if (owner != TOPOLOGY_NONE && w->from != TOPOLOGY_NONE)
		w->to = entrance(s, w->from, t->devices[owner].netns);
	return true;
}

static bool way_find(const struct scene *s, struct way *w)
{
	const struct topology *t = s->topology;
	const struct seen *at = scene_seen(s);
	struct asked a;

	*w = (struct way){.from = TOPOLOGY_NONE, .to = TOPOLOGY_NONE};
	if (asked_find(s, &a)) {
		if (a.owner == TOPOLOGY_NONE)
			return false;
		w->from = a.device;
		w->to = a.heard_device != TOPOLOGY_NONE
				? a.heard_device
				: entrance(s, a.device, t->devices[a.owner].netns);
		/* Heard, and not told: that is the owner's affair.  Told: the way back. */
		if (a.heard && !a.told)
			return false;
		if (a.told) {
			int swap = w->from;

			w->from = w->to;
			w->to = swap;
		}
		w->broadcast = !a.told && s->ending->family == 4;
		w->multicast = !a.told && s->ending->family == 6;
	} else if (at && at->event.has_link &&
		   (s->ending->kind == ENDING_SENT || s->ending->kind == ENDING_RECEIVED ||
			   s->ending->kind == ENDING_DROP)) {
		if (flooded_by(s))
			at = flooded_by(s);
		w->from = scene_device(s, at);
		w->to = mac_owner(s, at->event.lladdr);
	} else if (s->blind && at &&
		   (s->ending->kind == ENDING_SENT || s->ending->kind == ENDING_RECEIVED) &&
		   !way_routed(s, w)) {
		return false;
	}
	if (w->from == TOPOLOGY_NONE || w->to == TOPOLOGY_NONE || w->from == w->to)
		return false;
	w->length = cable_path(t, w->from, w->to, w->path, WAY_MAX);
	return w->length > 0;
}

static const struct device *on_way(const struct scene *s, const struct way *w, size_t i)
{
	return &s->topology->devices[w->path[i]];
}

static const char *lost_what(const struct scene *s)
{
	if (s->ending->kind != ENDING_UNRESOLVED)
		return scene_leg(s);
	return s->ending->family == 6 ? "the neighbour solicitation" : "the ARP request";
}

/* ---- a cable's end that is down, anywhere on the way ---- */

static bool way_down_confirm(struct scene *s, const struct cause *c)
{
	struct way w;
	char ip[COMMAND_PREFIX];

	if (!way_find(s, &w))
		return false;
	for (size_t i = 0; i < w.length; i++) {
		const struct device *d = on_way(s, &w, i);
		bool bridge = d->kind == DEVICE_BRIDGE, peer;

		/* What a macvlan stands on needs its own other end, though no frame goes there. */
		if (d->up && d->kind == DEVICE_VETH && d->end.device != TOPOLOGY_NONE)
			d = &s->topology->devices[d->end.device];
		if (d->up || bridge)
			continue;
		/* Seen from the one that is up, it is the peer that is down. */
		peer = d->kind == DEVICE_VETH && d->end.device != TOPOLOGY_NONE &&
		       s->topology->devices[d->end.device].up;
		if (peer != !strcmp(c->id, "peer-down"))
			continue;
		scene_at(s, d->netns, d->name);
		scene_why(s, "%s in %s, on the way of %s, is down", d->name,
			scene_name(s, d->netns), lost_what(s));
		verdict_fact(s->verdict, "rtnetlink", "%s in %s lacks IFF_UP", d->name,
			scene_name(s, d->netns));
		verdict_fix(
			s->verdict, "%s link set dev %s up", scene_ip(s, d->netns, ip), d->name);
		return true;
	}
	return false;
}

#define SIGNS_SEGMENT                                                                              \
	{                                                                                          \
		{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},                      \
			{SIGN_DROP, "OTHERHOST", NULL, 0},                                         \
			{SIGN_DROP, NULL, "br_handle_frame_finish", 0},                            \
		{                                                                                  \
			SIGN_RECEIVED, NULL, NULL, 0                                               \
		}                                                                                  \
	}

const struct cause cause_way_peer_down = {
	.id = "peer-down",
	.title = "the other end of a cable on the way is down",
	.proof =
		"No drop; a bridge does not use a port without carrier. Confirmed: IFF_UP is missing.",
	.repair = "ip -n B link set b0 up",
	.signs = SIGNS_SEGMENT,
	.confirm = way_down_confirm,
};

const struct cause cause_way_device_down = {
	.id = "device-down",
	.title = "both ends of a cable on the way are down",
	.proof = "No drop. Confirmed: IFF_UP is missing.",
	.repair = "ip -n N link set D up",
	.signs = SIGNS_SEGMENT,
	.confirm = way_down_confirm,
};

/* ---- bridge-down ---- */

static bool bridge_down_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	int device = scene_device(s, scene_seen(s));
	const struct device *bridge = NULL;
	char ip[COMMAND_PREFIX];
	struct way w;

	if (device != TOPOLOGY_NONE)
		bridge = device_master(t, &t->devices[device]);
	if (way_find(s, &w))
		for (size_t i = 0; i < w.length; i++)
			if (on_way(s, &w, i)->kind == DEVICE_BRIDGE && !on_way(s, &w, i)->up)
				bridge = on_way(s, &w, i);
	if (!bridge || bridge->kind != DEVICE_BRIDGE || bridge->up)
		return false;
	scene_at(s, bridge->netns, bridge->name);
	scene_why(s, "the bridge %s in %s is down, so its ports forward nothing", bridge->name,
		scene_name(s, bridge->netns));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s lacks IFF_UP", bridge->name,
		scene_name(s, bridge->netns));
	verdict_fix(
		s->verdict, "%s link set dev %s up", scene_ip(s, bridge->netns, ip), bridge->name);
	return true;
}

const struct cause cause_bridge_down = {
	.id = "bridge-down",
	.title = "the bridge device itself is down",
	.proof =
		"BRIDGE_INGRESS_STP_STATE in br_handle_frame (ports become disabled). Confirmed: the bridge "
		"lacks IFF_UP.",
	.repair = "ip -n R link set br0 up",
	.signs = {{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_DROP, NULL, "br_handle_frame", 0},
		{SIGN_DROP, "BRIDGE_INGRESS_STP_STATE", NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = bridge_down_confirm,
};

/* ---- bridge-port-state ---- */

static bool port_state_say(struct scene *s, const struct device *port)
{
	static const char *const names[] = {
		"disabled", "listening", "learning", "forwarding", "blocking"};
	const struct device *bridge = device_master(s->topology, port);
	char tool[COMMAND_PREFIX];

	scene_at(s, port->netns, port->name);
	scene_why(s, "port %s of bridge %s in %s is %s, not forwarding", port->name,
		bridge ? bridge->name : "?", scene_name(s, port->netns),
		port->port.state < 5 ? names[port->port.state] : "?");
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has port state %u", port->name,
		scene_name(s, port->netns), port->port.state);
	if (bridge && bridge->bridge.stp)
		verdict_fix(s->verdict, "%s link set dev %s type bridge stp_state 0",
			scene_ip(s, port->netns, tool), bridge->name);
	verdict_fix(s->verdict, "%s link set dev %s state 3",
		scene_tool(s, port->netns, "bridge", tool), port->name);
	return true;
}

/* Without one the kernel itself has the port disabled, and for up to a second after it is back. */
static bool has_carrier(const struct device *d)
{
	return d->up && (d->operstate == IF_OPER_UP || d->operstate == IF_OPER_UNKNOWN);
}

/* A bridge of which no port forwards has no carrier: its own node cannot send into it. */
static const struct device *port_of_silent(const struct scene *s, const struct device *bridge)
{
	const struct topology *t = s->topology;

	if (bridge->kind != DEVICE_BRIDGE || !bridge->up || bridge->carrier)
		return NULL;
	for (size_t i = 0; i < t->netns[bridge->netns].device_count; i++) {
		const struct device *d = &t->devices[t->netns[bridge->netns].first_device + i];

		if (d->port.is_port && d->master == bridge->ifindex && has_carrier(d) &&
			d->port.state != FORWARDING)
			return d;
	}
	return NULL;
}

static bool bridge_port_state_confirm(struct scene *s, const struct cause *c)
{
	int device = scene_device(s, scene_seen(s));
	struct way w;

	if (device != TOPOLOGY_NONE && s->ending->kind == ENDING_DROP) {
		const struct device *d = &s->topology->devices[device];

		if (d->port.is_port && has_carrier(d) && d->port.state != FORWARDING)
			return port_state_say(s, d);
		if (port_of_silent(s, d))
			return port_state_say(s, port_of_silent(s, d));
	}
	if (!way_find(s, &w))
		return false;
	for (size_t i = 0; i < w.length; i++)
		if (on_way(s, &w, i)->port.is_port && has_carrier(on_way(s, &w, i)) &&
			on_way(s, &w, i)->port.state != FORWARDING)
			return port_state_say(s, on_way(s, &w, i));
	return false;
}

const struct cause cause_bridge_port_state = {
	.id = "bridge-port-state",
	.title = "a bridge port is not forwarding",
	.proof =
		"BRIDGE_INGRESS_STP_STATE in br_handle_frame; at the far port nothing is sent. Confirmed: "
		"IFLA_BRPORT_STATE.",
	.repair =
		"bridge -n R link set dev P state 3, or ip -n R link set BR type bridge stp_state 0",
	.signs = {{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_DROP, NULL, "br_handle_frame", 0},
		{SIGN_DROP, "BRIDGE_INGRESS_STP_STATE", NULL, 0},
		{SIGN_DROP, NULL, "br_handle_frame_finish", 0},
		{SIGN_DROP, NULL, "__dev_queue_xmit", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = bridge_port_state_confirm,
};

/* ---- bridge-port-isolated ---- */

static bool port_flag_say(struct scene *s, const struct device *port, const char *flag,
	const char *value, const char *what)
{
	char tool[COMMAND_PREFIX];

	scene_at(s, port->netns, port->name);
	scene_why(s, "port %s in %s %s", port->name, scene_name(s, port->netns), what);
	verdict_fact(s->verdict, "rtnetlink", "%s in %s: %s is not %s", port->name,
		scene_name(s, port->netns), flag, value);
	verdict_fix(s->verdict, "%s link set dev %s %s %s",
		scene_tool(s, port->netns, "bridge", tool), port->name, flag, value);
	return true;
}

/* A locked port frees what comes from somebody it does not know. */
static const struct device *locked_port(const struct scene *s)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);

	return at && at->event.kind == PATH_DROP && device != TOPOLOGY_NONE &&
			       s->topology->devices[device].port.is_port &&
			       s->topology->devices[device].port.locked
		       ? &s->topology->devices[device]
		       : NULL;
}

static bool bridge_port_isolated_confirm(struct scene *s, const struct cause *c)
{
	struct way w;

	if (locked_port(s))
		return port_flag_say(s, locked_port(s), "locked", "off",
			"is locked and does not know the sender");
	if (!way_find(s, &w))
		return false;
	for (size_t i = 0; i + 2 < w.length; i++) {
		const struct device *in = on_way(s, &w, i), *bridge = on_way(s, &w, i + 1);
		const struct device *out = on_way(s, &w, i + 2);

		if (bridge->kind != DEVICE_BRIDGE || !in->port.is_port || !out->port.is_port)
			continue;
		if (in->port.isolated && out->port.isolated)
			return port_flag_say(s, in, "isolated", "off",
				"is isolated, as is the port behind which the other side is");
		if (in->port.locked)
			return port_flag_say(
				s, in, "locked", "off", "is locked and does not know the sender");
		if (w.broadcast && !out->port.broadcast_flood)
			return port_flag_say(s, out, "bcast_flood", "on",
				"is not flooded with broadcasts, so ARP does not get there");
		if (w.multicast && !out->port.multicast_flood)
			return port_flag_say(s, out, "mcast_flood", "on",
				"is not flooded with multicasts, so neighbour discovery does not get there");
		if ((w.broadcast || w.multicast) && out->port.neigh_suppress)
			return port_flag_say(
				s, out, "neigh_suppress", "off", "suppresses neighbour discovery");
		if (!w.broadcast && !w.multicast && !out->port.unicast_flood)
			return port_flag_say(s, out, "flood", "on",
				"is not flooded, and the bridge has not learnt who is behind it");
	}
	return false;
}

const struct cause cause_bridge_port_isolated = {
	.id = "bridge-port-isolated",
	.title = "port flags keep frames away (isolated, flood off, neigh_suppress, locked)",
	.proof = "No transmit on the port, no drop. Confirmed: the flags of both ports.",
	.repair = "bridge -n R link set dev P isolated off",
	.signs = {{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_DROP, NULL, "br_handle_frame_finish", 0}},
	.confirm = bridge_port_isolated_confirm,
};

/* ---- bridge-fdb ---- */

/* The forwarding entry of a MAC in a namespace: the port, and whether it is static. */
static bool fdb_find(const struct scene *s, int netns, const uint8_t *mac, char port[16])
{
	static const char *const argv[] = {"bridge", "-j", "fdb", "show", NULL};
	json_t *list = live_json(scene_fd(s, netns), argv);
	char text[18];
	bool found = false;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i);
		const char *entry_mac = json_string_value(json_object_get(entry, "mac"));
		const char *name = json_string_value(json_object_get(entry, "ifname"));
		const char *state = json_string_value(json_object_get(entry, "state"));

		/* "permanent" are the bridge's own addresses. */
		if (!entry_mac || !name || strcmp(entry_mac, text) != 0 ||
			!json_object_get(entry, "master") || (state && !strcmp(state, "permanent")))
			continue;
		snprintf(port, 16, "%s", name);
		found = true;
	}
	json_decref(list);
	return found;
}

static bool bridge_fdb_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	char name[16], tool[COMMAND_PREFIX];
	const uint8_t *mac = at ? at->event.lladdr : NULL;
	struct way w = {0};
	int to, netns, path[WAY_MAX];
	size_t n;

	if (!at || !at->event.has_link)
		return false;
	if (s->ending->kind == ENDING_UNRESOLVED) {
		if (!way_find(s, &w) || w.broadcast || w.multicast)
			return false; /* questions are flooded; answers go by the table */
		to = w.to;
		mac = s->topology->devices[to].mac;
	} else {
		to = mac_owner(s, mac);
	}
	if (to == TOPOLOGY_NONE)
		return false;
	/* Any bridge that the frame came into, from here on back. */
	for (size_t i = 0; i < s->story->count; i++) {
		int device = scene_device(s, &s->story->list[i]);

		if (device == TOPOLOGY_NONE || !s->topology->devices[device].port.is_port)
			continue;
		netns = s->topology->devices[device].netns;
		n = cable_path(s->topology, device, to, path, WAY_MAX);
		if (n < 3 || !fdb_find(s, netns, mac, name) ||
			!strcmp(name, s->topology->devices[path[2]].name) ||
			s->topology->devices[path[1]].kind != DEVICE_BRIDGE)
			continue;
		scene_at(s, netns, s->topology->devices[device].name);
		scene_why(s,
			"the bridge in %s sends %02x:%02x:%02x:%02x:%02x:%02x to port %s, but its owner is "
			"behind %s",
			scene_name(s, netns), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], name,
			s->topology->devices[path[2]].name);
		verdict_fact(s->verdict, "rtnetlink", "the forwarding table has the address on %s",
			name);
		verdict_fix(s->verdict, "%s fdb del %02x:%02x:%02x:%02x:%02x:%02x dev %s master",
			scene_tool(s, netns, "bridge", tool), mac[0], mac[1], mac[2], mac[3],
			mac[4], mac[5], name);
		return true;
	}
	return false;
}

const struct cause cause_bridge_fdb = {
	.id = "bridge-fdb",
	.title = "the forwarding table points to the wrong port",
	.proof =
		"The frame leaves on another port, or NOT_SPECIFIED in br_handle_frame_finish when the entry "
		"names the ingress port. Confirmed: the entry's port does not lead to the owner.",
	.repair = "bridge -n R fdb del MAC dev P master",
	.signs = {{SIGN_DROP, NULL, "br_handle_frame_finish", 0}, {SIGN_DROP, "OTHERHOST", NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = bridge_fdb_confirm,
};

/* ---- port-not-enslaved ---- */

/* A device whose twin is outside the bridge that its neighbours are in. */
static const struct device *port_loose(const struct scene *s, int end, const struct device **bridge)
{
	const struct topology *t = s->topology;
	const struct device *d = &t->devices[end], *twin;

	if (d->kind != DEVICE_VETH || d->end.device == TOPOLOGY_NONE)
		return NULL;
	twin = &t->devices[d->end.device];
	/* A port that serves no other purpose: no master, no address but link-local ones. */
	if (twin->master)
		return NULL;
	for (size_t k = 0; k < twin->address_count; k++)
		if (twin->addresses[k].scope < 253)
			return NULL;
	for (size_t i = 0; i < t->netns[twin->netns].device_count; i++) {
		*bridge = &t->devices[t->netns[twin->netns].first_device + i];
		if ((*bridge)->kind == DEVICE_BRIDGE)
			return twin;
	}
	return NULL;
}

/* Anywhere between the two: the device that, as a port, would join them. */
static const struct device *port_between(
	const struct scene *s, int from, int to, const struct device **bridge)
{
	const struct topology *t = s->topology;
	int path[WAY_MAX];

	for (size_t i = 0; from != TOPOLOGY_NONE && to != TOPOLOGY_NONE && i < t->device_count;
		i++) {
		const struct device *port;
		int end = t->devices[i].end.device, loose = (int)i, master;

		if (t->devices[i].kind != DEVICE_VETH || end == TOPOLOGY_NONE ||
			!(port = port_loose(s, end, bridge)) || port != &t->devices[i])
			continue;
		master = (int)(*bridge - t->devices);
		if ((cable_path(t, from, master, path, WAY_MAX) &&
			    cable_path(t, loose, to, path, WAY_MAX)) ||
			(cable_path(t, from, loose, path, WAY_MAX) &&
				cable_path(t, master, to, path, WAY_MAX)))
			return port;
	}
	return NULL;
}

static bool port_not_enslaved_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	const struct device *bridge = NULL, *port = NULL;
	const struct seen *at = scene_seen(s);
	const uint8_t *wanted = at->outer.destination;
	int device = scene_device(s, at), owner = TOPOLOGY_NONE;
	uint8_t family = at->outer.family;
	struct asked a;
	char ip[COMMAND_PREFIX];

	if (asked_find(s, &a)) {
		if (a.owner != TOPOLOGY_NONE)
			return false;
		wanted = s->ending->wanted;
		family = s->ending->family;
	}
	if (device == TOPOLOGY_NONE)
		return false;
	/* The asker's own cable; the place where it was lost; the owner's cable. */
	if (t->devices[device].kind == DEVICE_VETH &&
		t->devices[device].end.device != TOPOLOGY_NONE) {
		port = port_loose(s, device, &bridge);
		if (!port && s->ending->kind != ENDING_UNRESOLVED)
			port = port_loose(s, t->devices[device].end.device, &bridge);
	}
	while (!port && (owner = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, wanted, owner)) !=
				TOPOLOGY_NONE)
		port = port_loose(s, owner, &bridge);
	if (!port)
		port = port_between(s, device,
			at->event.has_link && s->ending->kind != ENDING_UNRESOLVED
				? mac_owner(s, at->event.lladdr)
				: scene_owner(s, family == 6 ? AF_INET6 : AF_INET, wanted,
					  TOPOLOGY_NONE),
			&bridge);
	if (!port)
		return false;
	scene_at(s, port->netns, port->name);
	scene_why(s, "%s in %s is not a port of bridge %s, so the two sides are not on one segment",
		port->name, scene_name(s, port->netns), bridge->name);
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has no master", port->name,
		scene_name(s, port->netns));
	verdict_fix(s->verdict, "%s link set dev %s master %s", scene_ip(s, port->netns, ip),
		port->name, bridge->name);
	return true;
}

const struct cause cause_port_not_enslaved = {
	.id = "port-not-enslaved",
	.title = "a device that should be a port is not in the bridge",
	.proof =
		"The frame is flooded to the other ports only, or received where nobody does anything with "
		"it. Confirmed: no IFLA_MASTER on the device whose peer is the destination or the asker.",
	.repair = "ip -n R link set P master BR",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_DROP, "QDISC_DROP", NULL, 0},
		{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_DROP, NULL, "br_handle_frame_finish", 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0}},
	.confirm = port_not_enslaved_confirm,
};

/* ---- bridge-netfilter ---- */

static bool bridge_netfilter_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at), netns = scene_netns(s, at);
	const struct device *d;
	char exec[COMMAND_PREFIX];
	const char *key;

	/* The packet is seen on a port, and dropped there although it only crosses. */
	for (int i = s->ending->at;
		i >= 0 && device != TOPOLOGY_NONE && !s->topology->devices[device].port.is_port;
		i--) {
		const struct seen *n = &s->story->list[i];

		if (n->event.netns == at->event.netns && n->event.kind == PATH_RX &&
			n->leg == at->leg)
			device = scene_device(s, n);
	}
	if (device == TOPOLOGY_NONE)
		return false;
	d = &s->topology->devices[device];
	if (!d->port.is_port ||
		scene_is_local(s, netns, at->outer.family, at->outer.destination) != TOPOLOGY_NONE)
		return false;
	key = at->outer.kind == HEADER_ARP ? "bridge-nf-call-arptables"
	      : at->outer.family == 6	   ? "bridge-nf-call-ip6tables"
					   : "bridge-nf-call-iptables";
	if (!live_sysctl(scene_fd(s, netns), 0, "net/bridge/%s", key))
		return false;
	/* A rule of the bridge family would drop it without that switch, too. */
	if (firewall_drops_bridged(s))
		return false;
	scene_at(s, netns, d->name);
	scene_why(s,
		"%s only crosses the bridge in %s, but %s hands it to the forward chain, which drops it",
		scene_leg(s), scene_name(s, netns), key);
	verdict_fact(s->verdict, "sysctl", "net.bridge.%s is 1 in %s", key, scene_name(s, netns));
	verdict_fix(s->verdict, "%ssysctl -w net.bridge.%s=0", scene_exec(s, netns, exec), key);
	return true;
}

const struct cause cause_bridge_netfilter = {
	.id = "bridge-netfilter",
	.title = "bridged IP packets are given to the IP forward chain",
	.proof =
		"NETFILTER_DROP of an IP packet while it only crosses the bridge; ARP passes. Confirmed: "
		"net.bridge.bridge-nf-call-iptables is 1, and no rule of the bridge family drops it.",
	.repair = "ip netns exec N sysctl -w net.bridge.bridge-nf-call-iptables=0",
	.signs = {{SIGN_DROP, "NETFILTER_DROP", NULL, 0}},
	.confirm = bridge_netfilter_confirm,
};

/* ---- bridge-vlan ---- */

/* The VLAN of frames without a tag at this port (or the bridge itself), of what `bridge` lists. */
static int pvid_of(json_t *list, const char *device)
{
	json_t *port, *vlan, *flag;
	size_t i, k, m;

	json_array_foreach(list, i, port)
	{
		const char *name = json_string_value(json_object_get(port, "ifname"));

		if (!name || strcmp(name, device) != 0)
			continue;
		json_array_foreach(json_object_get(port, "vlans"), k, vlan)
			json_array_foreach(json_object_get(vlan, "flags"), m,
				flag) if (json_is_string(flag) &&
					  !strcmp(json_string_value(flag), "PVID")) return (int)
				json_integer_value(json_object_get(vlan, "vlan"));
	}
	return 0;
}

static json_t *vlans_read(const struct scene *s, const struct device *bridge)
{
	static const char *const argv[] = {"bridge", "-j", "vlan", "show", NULL};

	return live_json(scene_fd(s, bridge->netns), argv);
}

static void bridge_vlan_repair(struct scene *s, const struct device *port, int vlan)
{
	char tool[COMMAND_PREFIX];

	verdict_fix(s->verdict, "%s vlan add dev %s vid %d pvid untagged",
		scene_tool(s, port->netns, "bridge", tool), port->name, vlan ? vlan : 1);
}

/* Refused where it came in, whoever it was for. */
static bool port_without_vlan(struct scene *s)
{
	int device = scene_device(s, scene_seen(s));
	const struct device *port = NULL, *bridge = NULL;
	int vlan, own;
	json_t *list;

	if (s->ending->kind == ENDING_DROP && device != TOPOLOGY_NONE)
		port = &s->topology->devices[device];
	if (port && port->port.is_port)
		bridge = device_master(s->topology, port);
	if (!bridge || bridge->kind != DEVICE_BRIDGE || !bridge->bridge.vlan_filtering)
		return false;
	list = vlans_read(s, bridge);
	vlan = pvid_of(list, port->name);
	own = pvid_of(list, bridge->name);
	json_decref(list);
	if (vlan)
		return false;
	scene_at(s, port->netns, port->name);
	scene_why(s, "%s in %s filters VLANs, and its port %s takes no frames without a tag",
		bridge->name, scene_name(s, port->netns), port->name);
	verdict_fact(s->verdict, "rtnetlink", "vlan_filtering of %s is 1; %s has no PVID",
		bridge->name, port->name);
	bridge_vlan_repair(s, port, own);
	return true;
}

static bool bridge_vlan_confirm(struct scene *s, const struct cause *c)
{
	struct way w;

	if (port_without_vlan(s))
		return true;
	if (!way_find(s, &w))
		return false;
	for (size_t i = 0; i + 2 < w.length; i++) {
		const struct device *ports[2] = {on_way(s, &w, i), on_way(s, &w, i + 2)};
		const struct device *bridge = on_way(s, &w, i + 1);
		int pvid[2], bad;
		json_t *list;

		if (bridge->kind != DEVICE_BRIDGE || !bridge->bridge.vlan_filtering)
			continue;
		list = vlans_read(s, bridge);
		pvid[0] = pvid_of(list, ports[0]->name);
		pvid[1] = pvid_of(list, ports[1]->name);
		json_decref(list);
		if (pvid[0] == pvid[1] && pvid[0])
			continue;
		bad = pvid[0] ? 1 : 0;
		scene_at(s, bridge->netns, ports[bad]->name);
		scene_why(s,
			"VLAN filtering of %s in %s keeps ports %s (VLAN %d) and %s (VLAN %d) apart",
			bridge->name, scene_name(s, bridge->netns), ports[0]->name, pvid[0],
			ports[1]->name, pvid[1]);
		verdict_fact(s->verdict, "rtnetlink",
			"vlan_filtering is 1; PVID of %s is %d, of %s %d", ports[0]->name, pvid[0],
			ports[1]->name, pvid[1]);
		bridge_vlan_repair(s, ports[bad], pvid[!bad]);
		return true;
	}
	return false;
}

const struct cause cause_bridge_vlan = {
	.id = "bridge-vlan",
	.title = "VLAN filtering removes the frame",
	.proof =
		"A drop in br_handle_frame, or no transmit on the port. Confirmed: vlan_filtering is 1 and "
		"the ports have different VLANs.",
	.repair = "bridge -n R vlan add dev P vid V pvid untagged",
	.signs = {{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_DROP, NULL, "br_handle_frame", 0}, {SIGN_DROP, NULL, "br_allowed_ingress", 0},
		{SIGN_DROP, NULL, "br_handle_frame_finish", 0}},
	.confirm = bridge_vlan_confirm,
};

/* ---- macvlan ---- */

/* The lower device of a macvlan: index, or NONE. */
static int lower_of(const struct scene *s, int device)
{
	const struct device *d = &s->topology->devices[device];

	if (d->kind != DEVICE_MACVLAN)
		return TOPOLOGY_NONE;
	if (d->end.device != TOPOLOGY_NONE)
		return d->end.device;
	return d->end.netns != TOPOLOGY_NONE && d->end.ifindex
		       ? topology_device_at(s->topology, d->end.netns, d->end.ifindex)
		       : TOPOLOGY_NONE;
}

/* Who sent the frame that was last seen: a macvlan, or the device it stands on, which also carries
 * what its macvlans send. */
static const struct seen *sender_of(const struct scene *s)
{
	const struct seen *at = scene_seen(s);

	for (int i = at ? s->ending->at : -1; i >= 0; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && n->event.has_link && d != TOPOLOGY_NONE &&
			s->topology->devices[d].kind == DEVICE_MACVLAN)
			return lower_of(s, d) == scene_device(s, at) ? n : at;
	}
	return at;
}

/* The devices of the asker and of the owner of what is wanted, wherever they are. */
static bool two_ends(const struct scene *s, int *from, int *to)
{
	struct asked a;
	const struct seen *at = scene_seen(s);
	int family = s->ending->family == 6 ? AF_INET6 : AF_INET;

	if (asked_find(s, &a)) {
		*from = a.device;
		*to = scene_owner(s, (uint8_t)family, s->ending->wanted, TOPOLOGY_NONE);
	} else {
		at = sender_of(s);
		*from = scene_device(s, at);
		*to = at && at->event.has_link ? mac_owner(s, at->event.lladdr) : TOPOLOGY_NONE;
	}
	return *from != TOPOLOGY_NONE && *to != TOPOLOGY_NONE && *from != *to;
}

static bool macvlan_private_confirm(struct scene *s, const struct cause *c)
{
	static const char *const modes[] = {"?", "private", "vepa", "?", "bridge"};
	const struct device *d[2];
	char ip[COMMAND_PREFIX];
	int from, to;

	if (!two_ends(s, &from, &to) || lower_of(s, from) == TOPOLOGY_NONE ||
		lower_of(s, from) != lower_of(s, to))
		return false;
	d[0] = &s->topology->devices[from];
	d[1] = &s->topology->devices[to];
	if (d[0]->macvlan_mode == MACVLAN_MODE_BRIDGE && d[1]->macvlan_mode == MACVLAN_MODE_BRIDGE)
		return false;
	scene_at(s, d[0]->netns, d[0]->name);
	scene_why(s,
		"%s in %s and %s in %s are macvlans on one device in mode %s, which keeps them apart",
		d[0]->name, scene_name(s, d[0]->netns), d[1]->name, scene_name(s, d[1]->netns),
		d[0]->macvlan_mode < 5 ? modes[d[0]->macvlan_mode] : "?");
	for (int i = 0; i < 2; i++) {
		verdict_fact(s->verdict, "rtnetlink", "%s in %s has macvlan mode %s", d[i]->name,
			scene_name(s, d[i]->netns),
			d[i]->macvlan_mode < 5 ? modes[d[i]->macvlan_mode] : "?");
		if (d[i]->macvlan_mode != MACVLAN_MODE_BRIDGE)
			verdict_fix(s->verdict, "%s link set dev %s type macvlan mode bridge",
				scene_ip(s, d[i]->netns, ip), d[i]->name);
	}
	return true;
}

const struct cause cause_macvlan_private = {
	.id = "macvlan-private",
	.title = "private or vepa mode keeps siblings apart",
	.proof = "The request leaves the child and never reaches the sibling, no drop. Confirmed: "
		 "IFLA_MACVLAN_MODE, the same lower device.",
	.repair = "ip -n N link set D type macvlan mode bridge, on both",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_DROP, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = macvlan_private_confirm,
};

static bool macvlan_parent_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	const struct device *child, *parent;
	const struct address *address = NULL;
	char ip[COMMAND_PREFIX], text[ADDRESS_TEXT];
	int from, to, lower;

	if (!two_ends(s, &from, &to))
		return false;
	child = &t->devices[lower_of(s, from) != TOPOLOGY_NONE ? from : to];
	lower = lower_of(s, (int)(child - t->devices));
	if (lower == TOPOLOGY_NONE || (lower != from && lower != to))
		return false;
	parent = &t->devices[lower];
	for (size_t k = 0; k < parent->address_count && !address; k++)
		if (address_family(&parent->addresses[k]) == s->story->subject.family &&
			parent->addresses[k].scope < 253)
			address = &parent->addresses[k];
	/* A lower device that only carries its macvlans is nobody's end. */
	if (!address)
		return false;
	scene_at(s, child->netns, child->name);
	scene_why(s, "%s in %s is a macvlan on %s in %s; a child and its parent cannot talk",
		child->name, scene_name(s, child->netns), parent->name,
		scene_name(s, parent->netns));
	verdict_fact(s->verdict, "rtnetlink", "the lower device of %s is %s in %s", child->name,
		parent->name, scene_name(s, parent->netns));
	scene_ip(s, parent->netns, ip);
	verdict_fix(
		s->verdict, "%s link add mv0 link %s type macvlan mode bridge", ip, parent->name);
	address_text(text, address_family(address), address->ip);
	verdict_fix(
		s->verdict, "%s addr del %s/%u dev %s", ip, text, address->prefix, parent->name);
	verdict_fix(s->verdict, "%s addr add %s/%u dev mv0", ip, text, address->prefix);
	verdict_fix(s->verdict, "%s link set mv0 up", ip);
	return true;
}

const struct cause cause_macvlan_parent = {
	.id = "macvlan-parent",
	.title = "a child and its parent device cannot talk",
	.proof =
		"The request may reach the parent's address, the answer never reaches the child. Confirmed: "
		"the destination is on the lower device of the asker's macvlan, or the reverse.",
	.repair = "ip -n P link add mv0 link LOWER type macvlan mode bridge",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_DROP, NULL, NULL, 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = macvlan_parent_confirm,
};
