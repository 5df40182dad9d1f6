/* Causes in tunnels: tun and tap devices and their processes, vxlan, what a tunnel adds. */
#include "see/asked.h"
#include "see/mtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct device *place_device(const struct scene *s)
{
	int device = scene_device(s, scene_seen(s));

	return device == TOPOLOGY_NONE ? NULL : &s->topology->devices[device];
}

static bool is_tun(const struct device *d)
{
	return d && (d->kind == DEVICE_TUN || d->kind == DEVICE_TAP);
}

/* ---- tun-no-process ---- */

static bool tun_no_process_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d = place_device(s);
	struct packet_view p;
	struct route_reply r;

	/* Nothing was sent, because the device has no carrier: which one would it have been? */
	if (!is_tun(d)) {
		int netns = scene_seen(s) ? scene_netns(s, scene_seen(s)) : s->asker, out;

		scene_packet(s, &p);
		if (!scene_route(s, netns, &p, 0, &r))
			return false;
		out = topology_device_at(s->topology, netns, r.oif);
		d = out == TOPOLOGY_NONE ? NULL : &s->topology->devices[out];
	}
	if (!is_tun(d) || d->holder_count || d->carrier)
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s,
		"no process has %s in %s open, so nobody reads what is sent into it: start its "
		"program; no other command helps",
		d->name, scene_name(s, d->netns));
	verdict_fact(s->verdict, "proc", "no /proc/PID/fdinfo names %s in %s", d->name,
		scene_name(s, d->netns));
	verdict_fact(
		s->verdict, "rtnetlink", "%s has %s carrier", d->name, d->carrier ? "a" : "no");
	return true;
}

const struct cause cause_tun_no_process = {
	.id = "tun-no-process",
	.title = "no process has the tun or tap device open",
	.proof =
		"QDISC_DROP in __dev_queue_xmit; older kernels DEV_READY in tun_net_xmit. Confirmed: no "
		"carrier, and no process holds it (/proc/PID/fdinfo).",
	.repair = "start the program",
	.signs = {{SIGN_DROP, "QDISC_DROP", NULL, 0}, {SIGN_DROP, NULL, "tun_net_xmit", 0},
		{SIGN_DROP, NULL, "__dev_queue_xmit", 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = tun_no_process_confirm,
};

/* ---- tun-not-reading ---- */

static bool tun_not_reading_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d = place_device(s);
	const struct process *owner;
	char state;

	if (!is_tun(d) || !d->holder_count)
		return false;
	owner = &d->holders[0].process;
	state = live_process_state(owner->pid);
	/* A process that is only slow reads yet; and packet sockets do not see who reads. */
	if (state != 'T' && state != 't' && (!s->final || s->blind))
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s, "%s (pid %d) holds %s in %s and does not read it%s", owner->comm,
		(int)owner->pid, d->name, scene_name(s, d->netns),
		state == 'T' || state == 't' ? ": it is stopped" : "");
	if (!s->blind)
		verdict_fact(s->verdict, "tracepoint", "the packet was given to %s and not read",
			d->name);
	verdict_fact(s->verdict, "proc", "pid %d (%s) has state %c", (int)owner->pid, owner->comm,
		state);
	if (state == 'T' || state == 't')
		verdict_fix(s->verdict, "kill -CONT %d", (int)owner->pid);
	return true;
}

const struct cause cause_tun_not_reading = {
	.id = "tun-not-reading",
	.title = "the process does not read",
	.proof =
		"Sent, but never read; when the ring is full FULL_RING in tun_net_xmit. Confirmed: the owner "
		"and its state.",
	.repair = "kill -CONT PID, or restart it",
	.signs = {{SIGN_SENT, NULL, NULL, 0}, {SIGN_DROP, "FULL_RING", NULL, 0},
		{SIGN_DROP, NULL, "tun_net_xmit", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = tun_not_reading_confirm,
};

/* ---- tun-no-answer ---- */

static bool tun_no_answer_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d = place_device(s);
	const struct seen *at = scene_seen(s);

	if (s->ending->kind == ENDING_UNRESOLVED) { /* ARP on a tap: read, and not answered */
		for (size_t i = 0; i < s->story->count; i++) {
			const struct seen *n = &s->story->list[i];

			if (n->event.kind == PATH_CONSUME && n->leg == LEG_NEIGHBOUR &&
				!strcmp(n->event.link, "tun") &&
				strstr(n->symbol, "tun_") == n->symbol &&
				seen_asks(n, s->ending->family, s->ending->wanted))
				at = n;
		}
		if (at->event.kind != PATH_CONSUME)
			return false;
	}
	/* A process may take its time. */
	if (!is_tun(d) || !s->final)
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s,
		"%.16s (pid %u) has read %s from %s, and nothing came back: what it does with it is "
		"its own affair, so no command can be named",
		at->event.comm, at->event.pid,
		s->ending->kind == ENDING_UNRESOLVED ? "the question" : scene_leg(s), d->name);
	verdict_fact(s->verdict, "tracepoint",
		"read by pid %u (%.16s); no packet was written to %s after it", at->event.pid,
		at->event.comm, d->name);
	return true;
}

const struct cause cause_tun_no_answer = {
	.id = "tun-no-answer",
	.title = "the process reads the packet, and nothing comes back",
	.proof =
		"Consumed in tun_do_read, nothing written to the device after it. Confirmed: the process.",
	.repair = "none in general: look at the program's far side",
	.signs = {{SIGN_READ, NULL, NULL, 0}, {SIGN_OPENED, NULL, NULL, 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = tun_no_answer_confirm,
};

/* ---- vxlan ---- */

/* The vxlan of the node that sent the outer packet, and the one it is meant for. */
static bool vxlan_pair(const struct scene *s, const struct seen *at, const struct device **mine,
	const struct device **other)
{
	const struct topology *t = s->topology;
	int netns = scene_netns(s, at);

	*mine = *other = NULL;
	for (int i = s->ending->at; i >= 0 && !*mine; i--) {
		int device = scene_device(s, &s->story->list[i]);

		if (device != TOPOLOGY_NONE && t->devices[device].kind == DEVICE_VXLAN &&
			t->devices[device].netns != netns)
			*mine = &t->devices[device];
	}
	for (size_t i = 0; netns >= 0 && i < t->netns[netns].device_count; i++) {
		const struct device *d = &t->devices[t->netns[netns].first_device + i];

		if (d->kind == DEVICE_VXLAN &&
			(!*other || (*mine && d->tunnel.id == (*mine)->tunnel.id)))
			*other = d;
	}
	return *mine && *other;
}

/* Packet sockets see that a frame has left by a vxlan; whom it was meant for says the remote. */
static bool vxlan_facing(const struct scene *s, const struct seen *at, const struct device **mine,
	const struct device **other)
{
	const struct topology *t = s->topology;
	int device = scene_device(s, at), owner = TOPOLOGY_NONE;
	uint8_t family;

	*mine = device >= 0 ? &t->devices[device] : NULL;
	*other = NULL;
	if (!*mine || (*mine)->kind != DEVICE_VXLAN || !(*mine)->tunnel.family)
		return false;
	family = (*mine)->tunnel.family;
	while ((owner = scene_owner(s, family, (*mine)->tunnel.remote, owner)) >= 0)
		for (size_t i = 0; i < t->device_count; i++) {
			const struct device *d = &t->devices[i];

			if (d->kind == DEVICE_VXLAN && d != *mine &&
				d->end.netns == t->devices[owner].netns &&
				(!*other || d->tunnel.id == (*mine)->tunnel.id))
				*other = d;
		}
	return *other;
}

/* The vxlan that the frame left by, and the one that should have got it. */
static bool vxlan_ends(
	const struct scene *s, const struct device **mine, const struct device **other)
{
	const struct seen *at = scene_seen(s);

	if (at && at->outer.kind == HEADER_VXLAN && vxlan_pair(s, at, mine, other))
		return true;
	return at && s->blind && vxlan_facing(s, at, mine, other);
}

/* The routes over a device go with it. */
static void routes_again(struct scene *s, const struct device *d, bool ipv6)
{
	const char *const argv[] = {
		"ip", "-j", ipv6 ? "-6" : "-4", "route", "show", "dev", d->name, NULL};
	json_t *routes = live_json(scene_fd(s, d->netns), argv);
	char ip[COMMAND_PREFIX], via[80], metric[32];

	for (size_t i = 0; i < json_array_size(routes); i++) {
		json_t *r = json_array_get(routes, i);
		const char *to = json_string_value(json_object_get(r, "dst"));
		const char *gateway = json_string_value(json_object_get(r, "gateway"));
		const char *protocol = json_string_value(json_object_get(r, "protocol"));
		json_int_t preference = json_integer_value(json_object_get(r, "metric"));

		if (!to || (protocol && !strcmp(protocol, "kernel")))
			continue;
		snprintf(via, sizeof(via), "%s%s", gateway ? " via " : "", gateway ? gateway : "");
		snprintf(metric, sizeof(metric), " metric %lld", (long long)preference);
		verdict_fix(s->verdict, "%s%s route add %s%s dev %s%s", scene_ip(s, d->netns, ip),
			ipv6 ? " -6" : "", to, via, d->name, preference ? metric : "");
	}
	json_decref(routes);
}

/* A vxlan cannot change its id or port: it is made anew, with what it had. */
static void vxlan_again(struct scene *s, const struct device *d, uint32_t id, uint16_t port)
{
	char ip[COMMAND_PREFIX], text[ADDRESS_TEXT], line[512];
	const struct device *lower = NULL;
	uint8_t family = d->tunnel.family == AF_INET6 || d->tunnel.family == 6 ? 6 : 4;
	static const uint8_t zero[16];
	size_t used;
	int device;

	scene_ip(s, d->netns, ip);
	device = d->tunnel.lower ? topology_device_at(s->topology, d->netns, d->tunnel.lower)
				 : TOPOLOGY_NONE;
	if (device != TOPOLOGY_NONE)
		lower = &s->topology->devices[device];
	verdict_fix(s->verdict, "%s link del %s", ip, d->name);
	used = (size_t)snprintf(line, sizeof(line), "%s link add %s type vxlan id %u dstport %u",
		ip, d->name, id, port);
	if (memcmp(d->tunnel.local, zero, 16))
		used += (size_t)snprintf(line + used, sizeof(line) - used, " local %s",
			address_text(text, family, d->tunnel.local));
	if (memcmp(d->tunnel.remote, zero, 16))
		used += (size_t)snprintf(line + used, sizeof(line) - used, " remote %s",
			address_text(text, family, d->tunnel.remote));
	if (lower)
		snprintf(line + used, sizeof(line) - used, " dev %s", lower->name);
	verdict_fix(s->verdict, "%s", line);
	/* The other end knows this one by its MAC for a while yet. */
	if (d->mac_size == 6)
		verdict_fix(s->verdict, "%s link set dev %s address %02x:%02x:%02x:%02x:%02x:%02x",
			ip, d->name, d->mac[0], d->mac[1], d->mac[2], d->mac[3], d->mac[4],
			d->mac[5]);
	for (size_t k = 0; k < d->address_count; k++) {
		const struct address *a = &d->addresses[k];

		if (a->scope >= 253)
			continue;
		verdict_fix(s->verdict, "%s addr add %s/%u dev %s%s", ip,
			address_text(text, address_family(a), a->ip), a->prefix, d->name,
			address_family(a) == 6 ? " nodad" : "");
	}
	if (d->master) {
		device = topology_device_at(s->topology, d->netns, d->master);
		if (device != TOPOLOGY_NONE)
			verdict_fix(s->verdict, "%s link set dev %s master %s", ip, d->name,
				s->topology->devices[device].name);
	}
	verdict_fix(s->verdict, "%s link set dev %s up", ip, d->name);
	routes_again(s, d, false);
	routes_again(s, d, true);
}

static bool vxlan_vni_confirm(struct scene *s, const struct cause *c)
{
	const struct device *mine, *other;

	if (!vxlan_ends(s, &mine, &other) || mine->tunnel.id == other->tunnel.id)
		return false;
	scene_at(s, other->netns, other->name);
	scene_why(s, "%s in %s uses VXLAN id %u, %s in %s uses %u", mine->name,
		scene_name(s, mine->netns), mine->tunnel.id, other->name,
		scene_name(s, other->netns), other->tunnel.id);
	verdict_fact(s->verdict, "rtnetlink", "IFLA_VXLAN_ID is %u in %s and %u in %s",
		mine->tunnel.id, scene_name(s, mine->netns), other->tunnel.id,
		scene_name(s, other->netns));
	vxlan_again(s, other, mine->tunnel.id, other->tunnel.port);
	return true;
}

const struct cause cause_vxlan_vni = {
	.id = "vxlan-vni",
	.title = "the two ends have different VXLAN ids",
	.proof = "VXLAN_VNI_NOT_FOUND in vxlan_rcv. Confirmed: IFLA_VXLAN_ID of both ends.",
	.repair = "make the device again with the same id",
	.signs = {{SIGN_DROP, "VXLAN_VNI_NOT_FOUND", NULL, 0}, {SIGN_DROP, NULL, "vxlan_rcv", 0},
		{SIGN_DROP, NULL, "udp_queue_rcv_one_skb", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = vxlan_vni_confirm,
};

static bool vxlan_port_confirm(struct scene *s, const struct cause *c)
{
	const struct device *mine, *other;

	if (!vxlan_ends(s, &mine, &other) || mine->tunnel.port == other->tunnel.port)
		return false;
	scene_at(s, other->netns, other->name);
	scene_why(s, "%s in %s sends to UDP port %u, %s in %s listens on %u", mine->name,
		scene_name(s, mine->netns), mine->tunnel.port, other->name,
		scene_name(s, other->netns), other->tunnel.port);
	verdict_fact(s->verdict, "rtnetlink", "IFLA_VXLAN_PORT is %u in %s and %u in %s",
		mine->tunnel.port, scene_name(s, mine->netns), other->tunnel.port,
		scene_name(s, other->netns));
	vxlan_again(s, other, other->tunnel.id, mine->tunnel.port);
	return true;
}

const struct cause cause_vxlan_port = {
	.id = "vxlan-port",
	.title = "the two ends use different UDP ports",
	.proof =
		"NO_SOCKET in __udp4_lib_rcv for the outer packet, ICMP 3/3. Confirmed: IFLA_VXLAN_PORT.",
	.repair = "make the device again with the same dstport",
	.signs = {{SIGN_DROP, "NO_SOCKET", NULL, 0}, {SIGN_DROP, NULL, "__udp4_lib_rcv", 0},
		{SIGN_DROP, NULL, "__udp6_lib_rcv", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = vxlan_port_confirm,
};

static bool vxlan_no_remote_confirm(struct scene *s, const struct cause *c)
{
	const struct device *d = place_device(s), *far = NULL;
	static const uint8_t zero[16];
	const struct topology *t = s->topology;
	char tool[COMMAND_PREFIX], text[ADDRESS_TEXT];

	if (!d || d->kind != DEVICE_VXLAN || memcmp(d->tunnel.remote, zero, 16))
		return false;
	for (size_t i = 0; i < t->device_count; i++)
		if (t->devices[i].kind == DEVICE_VXLAN && &t->devices[i] != d &&
			t->devices[i].tunnel.id == d->tunnel.id &&
			memcmp(t->devices[i].tunnel.local, zero, 16))
			if (!far || scene_address_equal(
					    4, t->devices[i].tunnel.remote, d->tunnel.local))
				far = &t->devices[i];
	scene_at(s, d->netns, d->name);
	scene_why(s,
		"%s in %s has no remote and no default forwarding entry, so it knows nobody to send to",
		d->name, scene_name(s, d->netns));
	verdict_fact(s->verdict, "rtnetlink", "no IFLA_VXLAN_GROUP on %s in %s", d->name,
		scene_name(s, d->netns));
	if (far)
		verdict_fix(s->verdict, "%s fdb append 00:00:00:00:00:00 dst %s dev %s",
			scene_tool(s, d->netns, "bridge", tool),
			address_text(text,
				far->tunnel.family == AF_INET6 || far->tunnel.family == 6 ? 6 : 4,
				far->tunnel.local),
			d->name);
	return true;
}

const struct cause cause_vxlan_no_remote = {
	.id = "vxlan-no-remote",
	.title = "the vxlan has no remote and no default entry",
	.proof = "NO_TX_TARGET in vxlan_xmit, tx_dropped. Confirmed: no IFLA_VXLAN_GROUP.",
	.repair = "bridge -n N fdb append 00:00:00:00:00:00 dst IP dev vx0",
	.signs = {{SIGN_DROP, "NO_TX_TARGET", NULL, 0}, {SIGN_DROP, NULL, "vxlan_xmit", 0},
		{SIGN_DROP, NULL, "vxlan_mdb_xmit", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}},
	.confirm = vxlan_no_remote_confirm,
};

/* ---- tunnel-mtu ---- */

static bool tunnel_mtu_confirm(struct scene *s, const struct cause *c)
{
	enum { OVERHEAD4 = 50, OVERHEAD6 = 70 };
	const struct seen *at = scene_seen(s);
	const struct topology *t = s->topology;
	const struct device *tunnel = NULL, *out = NULL;
	struct packet_view p;
	struct route_reply r;
	uint32_t overhead;
	char ip[COMMAND_PREFIX];
	int netns = scene_netns(s, at);

	if (!at || netns < 0)
		return false;
	/* The tunnel device by which it came to be an outer packet. */
	for (int i = s->ending->at; i >= 0 && !tunnel; i--) {
		int device = scene_device(s, &s->story->list[i]);

		if (device != TOPOLOGY_NONE && (t->devices[device].kind == DEVICE_VXLAN ||
						       t->devices[device].kind == DEVICE_TUNNEL))
			tunnel = &t->devices[device];
	}
	if (!tunnel)
		return false;
	scene_packet(s, &p);
	if (at->outer.kind == HEADER_VXLAN && scene_route(s, netns, &p, 0, &r))
		out = topology_device_at(t, netns, r.oif) == TOPOLOGY_NONE
			      ? NULL
			      : &t->devices[topology_device_at(t, netns, r.oif)];
	else if (tunnel->tunnel.lower)
		out = topology_device_at(t, tunnel->netns, tunnel->tunnel.lower) == TOPOLOGY_NONE
			      ? NULL
			      : &t->devices[topology_device_at(
					t, tunnel->netns, tunnel->tunnel.lower)];
	overhead = p.family == 6 ? OVERHEAD6 : OVERHEAD4;
	if (!out || tunnel->mtu + overhead <= out->mtu || at->event.length <= out->mtu)
		return false;
	scene_at(s, tunnel->netns, tunnel->name);
	scene_why(s,
		"%s in %s lets packets of %u bytes in, but with %u more they do not fit %s (MTU %u) in %s",
		tunnel->name, scene_name(s, tunnel->netns), tunnel->mtu, overhead, out->name,
		out->mtu, scene_name(s, out->netns));
	verdict_fact(s->verdict, "rtnetlink",
		"MTU %u of %s + %u > MTU %u of %s; the packet has %u bytes", tunnel->mtu,
		tunnel->name, overhead, out->mtu, out->name, at->event.length);
	/* The size that was asked for is to pass, where the underlay can be widened. */
	if (mtu_raise(s, out->netns, &p, tunnel->mtu + overhead)) {
		/* What the tunnel has learnt to be too large is remembered by who sent it. */
		verdict_fix(s->verdict, "%s route flush cache", scene_ip(s, tunnel->netns, ip));
		verdict_fix(s->verdict, "%s -6 route flush cache", scene_ip(s, tunnel->netns, ip));
		if (s->asker != tunnel->netns)
			verdict_fix(s->verdict, "%s route flush cache", scene_ip(s, s->asker, ip));
		return true;
	}
	verdict_fact(s->verdict, "rtnetlink", "packets of at most %u bytes pass %s",
		out->mtu - overhead, out->name);
	verdict_fix(s->verdict, "%s link set dev %s mtu %u", scene_ip(s, tunnel->netns, ip),
		tunnel->name, out->mtu - overhead);
	return true;
}

const struct cause cause_tunnel_mtu = {
	.id = "tunnel-mtu",
	.title = "the encapsulated packet is larger than the underlay allows",
	.proof =
		"NOT_SPECIFIED in ip_fragment, vx0 tx_dropped, or as path-mtu for the outer packet; small "
		"packets pass. Confirmed: tunnel MTU + overhead > lower MTU.",
	.repair = "ip -n N link set vx0 mtu LOWER-50",
	.signs = {{SIGN_DROP, NULL, "ip_fragment", 0}, {SIGN_DROP, "PKT_TOO_BIG", NULL, 0},
		{SIGN_DROP, NULL, "ip_do_fragment", 0}, {SIGN_DROP, NULL, "ip_finish_output", 0},
		{SIGN_DROP, NULL, "__ip_finish_output", 0}, {SIGN_DROP, NULL, "vxlan_xmit_one", 0},
		{SIGN_DROP, NULL, "vxlan_xmit", 0}, {SIGN_DROP, NULL, "ip6_fragment", 0},
		{SIGN_DROP, NULL, "ip_mc_finish_output", 0}},
	.confirm = tunnel_mtu_confirm,
};
