/* Causes in a node: nobody listens, checksums, filters beside the firewall, full queues, stale
 * neighbours. */
#include "see/asked.h"
#include "see/firewall.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- no-listener ---- */

/* Packet sockets see no drop, but the refusal that came back, and where the request arrived. */
static const struct seen *refused_at(const struct scene *s)
{
	const struct seen *found = NULL;

	for (size_t i = 0; s->probe->error == ECONNREFUSED && i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];

		if (n->event.kind == PATH_RX && n->leg == LEG_REQUEST &&
			scene_is_local(s, scene_netns(s, n), n->outer.family,
				n->outer.destination) != TOPOLOGY_NONE)
			found = n;
	}
	return found;
}

static bool no_listener_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	const char *proto;
	char text[ADDRESS_TEXT];

	/* A refused TCP connection ends with the RST that came back: who received the SYN? */
	if (s->blind) {
		at = refused_at(s);
		netns = scene_netns(s, at);
	} else if (!at || at->event.kind != PATH_DROP) {
		for (size_t i = 0; i < s->story->count; i++)
			if (s->story->list[i].event.kind == PATH_DROP &&
				!strcmp(s->story->list[i].reason, "NO_SOCKET") &&
				s->story->list[i].leg == LEG_REQUEST)
				at = &s->story->list[i];
		netns = scene_netns(s, at);
	}
	if (!at || netns < 0 || (at->event.kind != PATH_DROP && !s->blind) ||
		at->leg != LEG_REQUEST || at->event.match != PATH_PROBE ||
		(at->outer.proto != IPPROTO_UDP && at->outer.proto != IPPROTO_TCP) ||
		at->outer.kind == HEADER_VXLAN)
		return false;
	if (live_listener(scene_fd(s, netns), at->outer.family, at->outer.proto,
		    at->outer.destination, at->outer.second))
		return false;
	proto = at->outer.proto == IPPROTO_UDP ? "UDP" : "TCP";
	address_text(text, at->outer.family, at->outer.destination);
	scene_at(s, netns, at->event.device);
	scene_why(s,
		"nobody in %s listens on %s port %u of %s: start the program that should, or have "
		"it listen on that address",
		scene_name(s, netns), proto, at->outer.second, text);
	verdict_fact(s->verdict, "sock_diag", "no %s socket for %s port %u in %s", proto, text,
		at->outer.second, scene_name(s, netns));
	return true;
}

const struct cause cause_no_listener = {
	.id = "no-listener",
	.title = "nobody listens on the port",
	.proof =
		"UDP: NO_SOCKET in __udp4_lib_rcv, ICMP 3/3 (ICMPv6 1/4). TCP: NO_SOCKET in tcp_v4_rcv, an RST "
		"from the destination. Confirmed: sock_diag shows no socket, and no firewall verdict.",
	.repair = "start the service, or bind it to that address",
	.signs = {{SIGN_DROP, "NO_SOCKET", NULL, 0}, {SIGN_DROP, NULL, "__udp4_lib_rcv", 0},
		{SIGN_DROP, NULL, "__udp6_lib_rcv", 0}, {SIGN_DROP, NULL, "tcp_v4_rcv", 0},
		{SIGN_DROP, NULL, "tcp_v6_rcv", 0}, {SIGN_REFUSED, NULL, NULL, ECONNREFUSED}},
	.confirm = no_listener_confirm,
};

/* ---- bad-checksum ---- */

static bool bad_checksum_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at), sender = TOPOLOGY_NONE;
	const char *device = "";
	char exec[COMMAND_PREFIX];

	if (!at || netns < 0)
		return false;
	/* It left with that sum by the device that last sent it. */
	for (int i = s->ending->at; i >= 0 && sender == TOPOLOGY_NONE; i--)
		if (s->story->list[i].event.kind == PATH_TX && s->story->list[i].leg == at->leg) {
			sender = scene_netns(s, &s->story->list[i]);
			device = s->story->list[i].event.device;
		}
	scene_at(s, netns, at->event.device);
	scene_why(s, "%s came to %s on %s with a wrong checksum", scene_leg(s),
		scene_name(s, netns), at->event.device);
	verdict_fact(s->verdict, "tracepoint", "%s in %s", at->reason, at->symbol);
	/* A rule of any node that it has passed. */
	for (int i = s->ending->at; i >= 0; i--) {
		int passed = scene_netns(s, &s->story->list[i]);

		if (passed >= 0 && s->story->list[i].leg == at->leg &&
			(i == s->ending->at || passed != scene_netns(s, &s->story->list[i + 1])) &&
			firewall_writes(s, passed, NULL))
			return true;
	}
	if (sender != TOPOLOGY_NONE)
		verdict_fix(
			s->verdict, "%sethtool -K %s tx off", scene_exec(s, sender, exec), device);
	return true;
}

const struct cause cause_bad_checksum = {
	.id = "bad-checksum",
	.title = "the checksum is wrong on arrival",
	.proof =
		"ICMP_CSUM in icmp_rcv, UDP_CSUM, TCP_CSUM, IP_CSUM. Confirmed: offload to user space without a "
		"checksum, or a rule that writes it.",
	.repair = "ip netns exec N ethtool -K D tx off, or remove the rule",
	.signs = {{SIGN_DROP, "ICMP_CSUM", NULL, 0}, {SIGN_DROP, "UDP_CSUM", NULL, 0},
		{SIGN_DROP, "TCP_CSUM", NULL, 0}, {SIGN_DROP, "IP_CSUM", NULL, 0}},
	.needs_drop = true,
	.confirm = bad_checksum_confirm,
};

/* ---- tc-drop, xdp-drop, qdisc-drop ---- */

static bool tc_has(const struct scene *s, const struct device *d, const char *kind)
{
	const char *const argv[] = {"tc", "-j", "qdisc", "show", "dev", d->name, NULL};
	json_t *list = live_json(scene_fd(s, d->netns), argv);
	bool found = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
			json_string_value(json_object_get(json_array_get(list, i), "kind"));

		found = found || (name && !strcmp(name, kind));
	}
	json_decref(list);
	return found;
}

static bool tc_drop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);
	const struct device *d;
	char tool[COMMAND_PREFIX];
	bool ingress, clsact, old;

	if (device == TOPOLOGY_NONE)
		return false;
	d = &s->topology->devices[device];
	ingress = strstr(at->reason, "INGRESS") || strstr(at->symbol, "netif_receive_skb");
	clsact = tc_has(s, d, "clsact");
	old = tc_has(s, d, "ingress");
	if (!clsact && !old)
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s, "a tc filter on %s of %s in %s drops %s", ingress ? "ingress" : "egress",
		d->name, scene_name(s, d->netns), scene_leg(s));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has a %s qdisc", d->name,
		scene_name(s, d->netns), clsact ? "clsact" : "ingress");
	scene_tool(s, d->netns, "tc", tool);
	if (clsact)
		verdict_fix(s->verdict, "%s filter del dev %s %s", tool, d->name,
			ingress ? "ingress" : "egress");
	else
		verdict_fix(s->verdict, "%s qdisc del dev %s ingress", tool, d->name);
	return true;
}

const struct cause cause_tc_drop = {
	.id = "tc-drop",
	.title = "a tc filter or action drops",
	.proof =
		"TC_INGRESS in __netif_receive_skb_core, TC_EGRESS in __dev_queue_xmit. Confirmed: a clsact or "
		"ingress qdisc on the device.",
	.repair = "tc -n N filter del dev D ingress",
	.signs = {{SIGN_DROP, "TC_INGRESS", NULL, 0}, {SIGN_DROP, "TC_EGRESS", NULL, 0},
		{SIGN_DROP, "NOT_SPECIFIED", "__netif_receive_skb_core", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "__dev_queue_xmit", 0}},
	.needs_drop = true,
	.confirm = tc_drop_confirm,
};

static bool xdp_drop_confirm(struct scene *s, const struct cause *c)
{
	static const char *const modes[] = {"none", "xdpdrv", "xdpgeneric", "xdpoffload", "xdp"};
	const struct seen *at = scene_seen(s);
	const struct topology *t = s->topology;
	int device = scene_device(s, at);
	const struct device *d;
	char ip[COMMAND_PREFIX];

	if (device == TOPOLOGY_NONE)
		return false;
	d = &t->devices[device];
	/* A native program takes the frame before the stack sees it: the drop, or the last sight of
	 * it, is told with the sender. */
	if (!d->xdp.mode && d->end.type == END_DEVICE && d->end.device != TOPOLOGY_NONE)
		d = &t->devices[d->end.device];
	if (!d->xdp.mode)
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s, "an XDP program (id %u) on %s in %s takes %s away", d->xdp.program, d->name,
		scene_name(s, d->netns),
		s->ending->kind == ENDING_UNRESOLVED ? "the ARP request" : scene_leg(s));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has XDP program %u attached (%s)", d->name,
		scene_name(s, d->netns), d->xdp.program, modes[d->xdp.mode < 5 ? d->xdp.mode : 4]);
	verdict_fix(s->verdict, "%s link set dev %s %s off", scene_ip(s, d->netns, ip), d->name,
		d->xdp.mode == 2   ? "xdpgeneric"
		: d->xdp.mode == 1 ? "xdpdrv"
				   : "xdp");
	return true;
}

const struct cause cause_xdp_drop = {
	.id = "xdp-drop",
	.title = "an XDP program drops",
	.proof =
		"NOT_SPECIFIED in do_xdp_generic or veth_xdp_rcv_skb; with XDP frames sent on one end and never "
		"received on the other. Confirmed: IFLA_XDP attached.",
	.repair = "ip -n N link set D xdp off",
	.signs = {{SIGN_DROP, NULL, "do_xdp_generic", 0}, {SIGN_DROP, NULL, "veth_xdp_rcv_skb", 0},
		{SIGN_DROP, NULL, "netif_receive_generic_xdp", 0}, {SIGN_DROP, "XDP", NULL, 0},
		{SIGN_DROP, NULL, "veth_xdp_rcv", 0}, {SIGN_DROP, NULL, "veth_poll", 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = xdp_drop_confirm,
};

static bool qdisc_drop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);
	const struct device *d;
	char tool[COMMAND_PREFIX];

	if (device == TOPOLOGY_NONE)
		return false;
	d = &s->topology->devices[device];
	if (!d->up || !d->carrier || !d->qdisc[0] || !strcmp(d->qdisc, "noop") ||
		!strcmp(d->qdisc, "noqueue"))
		return false;
	scene_at(s, d->netns, d->name);
	scene_why(s, "the %s queue of %s in %s drops %s", d->qdisc, d->name,
		scene_name(s, d->netns), scene_leg(s));
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has qdisc %s", d->name,
		scene_name(s, d->netns), d->qdisc);
	verdict_fix(s->verdict, "%s qdisc del dev %s root", scene_tool(s, d->netns, "tc", tool),
		d->name);
	return true;
}

const struct cause cause_qdisc_drop = {
	.id = "qdisc-drop",
	.title = "a queueing discipline drops",
	.proof = "QDISC_DROP in __dev_queue_xmit with carrier and a qdisc other than noop; newer: "
		 "QDISC_OVERLIMIT, FQ_*. Confirmed: the device's qdisc.",
	.repair = "tc -n N qdisc del dev D root",
	.signs = {{SIGN_DROP, "QDISC_DROP", NULL, 0}, {SIGN_DROP, "QDISC_OVERLIMIT", NULL, 0},
		{SIGN_DROP, NULL, "__dev_queue_xmit", 0}, {SIGN_DROP, NULL, "__dev_xmit_skb", 0}},
	.needs_drop = true,
	.confirm = qdisc_drop_confirm,
};

/* ---- xfrm-policy ---- */

/* Which packet a policy would have had to let pass, where, and in which direction. */
static const char *xfrm_place(const struct scene *s, int *netns, struct packet_view *p)
{
	const struct seen *at = scene_seen(s);
	struct asked a;

	*netns = at ? scene_netns(s, at) : s->asker;
	scene_packet(s, p);
	if (!at)
		return "out";
	if (asked_find(s, &a)) { /* heard, and the advertisement is not let out */
		if (!a.heard || a.told || s->ending->family != 6)
			return NULL;
		*netns = s->topology->devices[a.owner].netns;
		*p = (struct packet_view){.family = 6, .proto = IPPROTO_ICMPV6, .icmp_type = 136};
		memcpy(p->source, s->ending->wanted, 16);
		memcpy(p->destination, a.heard->outer.source, 16);
		return "out";
	}
	if (at->event.kind == PATH_DROP && strstr(at->symbol, "forward"))
		return "fwd";
	if (*netns < 0 || scene_is_local(s, *netns, p->family, p->destination) == TOPOLOGY_NONE)
		return at->event.kind == PATH_RX ? "fwd" : "out";
	if (at->event.kind != PATH_RX || at->leg != LEG_REQUEST)
		return "in";
	/* Arrived, and not answered: the answer is not let out. */
	scene_turn(p);
	return "out";
}

/* "src 10.0.0.1/32 dst 10.0.0.0/8 proto icmp": does it select the packet? */
static bool selector_fits(const char *line, const struct packet_view *p)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protos[] = {{"icmp", IPPROTO_ICMP}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP},
		{"ipv6-icmp", IPPROTO_ICMPV6}};
	static const uint8_t zero[16];
	char from[64] = "", to[64] = "", proto[32] = "";
	const char *rest;

	if (sscanf(line, "src %63s dst %63s", from, to) != 2)
		return false;
	rest = strstr(line, " proto ");
	if (rest)
		sscanf(rest, " proto %31s", proto);
	for (size_t i = 0; proto[0] && i < sizeof(protos) / sizeof(protos[0]); i++)
		if (!strcmp(protos[i].name, proto) && protos[i].number != p->proto)
			return false;
	if ((strchr(from, ':') != NULL) != (p->family == 6))
		return false;
	/* A packet that was never sent may have no source yet. */
	return (!memcmp(p->source, zero, sizeof(zero)) ||
		       prefix_holds(from, p->family, p->source)) &&
	       prefix_holds(to, p->family, p->destination);
}

static bool has_states(const struct scene *s, int netns)
{
	const char *const argv[] = {"ip", "xfrm", "state", "list", NULL};
	char *text = live_command(scene_fd(s, netns), argv);
	bool any = text && strstr(text, "src ");

	free(text);
	return any;
}

/* The policy of that direction that blocks the packet, or wants a state that is not there. */
static bool policy_find(const struct scene *s, int netns, const struct packet_view *p,
	const char *want, char selector[128])
{
	const char *const argv[] = {"ip", "xfrm", "policy", "list", NULL};
	char *text = netns < 0 ? NULL : live_command(scene_fd(s, netns), argv), *rest = text;
	bool fits = false, found = false;
	char line_want[16];

	/* "src A dst B" begins a policy; "dir in action block priority 0" follows, and "tmpl ...".
	 */
	snprintf(line_want, sizeof(line_want), "dir %s ", want);
	for (char *line = strsep(&rest, "\n"); line && !found; line = strsep(&rest, "\n")) {
		const char *dir = strstr(line, "dir ");

		if (!strncmp(line, "src ", 4)) {
			snprintf(selector, 128, "%s", line);
			fits = selector_fits(line, p);
			if (selector[0] && selector[strlen(selector) - 1] == ' ')
				selector[strlen(selector) - 1] = '\0';
		} else if (dir) {
			fits = fits && !strncmp(dir, line_want, strlen(line_want));
			found = fits && strstr(line, "action block");
		} else if (strstr(line, "tmpl ")) {
			found = fits && !has_states(s, netns);
		}
	}
	free(text);
	return found;
}

static bool xfrm_policy_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	char exec[COMMAND_PREFIX], selector[128] = "";
	struct packet_view p;
	int netns;
	const char *direction = xfrm_place(s, &netns, &p);

	if (!direction || !policy_find(s, netns, &p, direction, selector))
		return false;
	scene_at(s, netns, at ? at->event.device : "");
	scene_why(s, "an IPsec policy of %s (%s, dir %s) stops %s", scene_name(s, netns), selector,
		direction, scene_leg(s));
	verdict_fact(
		s->verdict, "xfrm", "%s dir %s in %s", selector, direction, scene_name(s, netns));
	verdict_fix(s->verdict, "%sip xfrm policy delete %s dir %s", scene_exec(s, netns, exec),
		selector, direction);
	return true;
}

const struct cause cause_xfrm_policy = {
	.id = "xfrm-policy",
	.title = "an IPsec policy blocks or has no state",
	.proof =
		"In: XFRM_POLICY in icmp_rcv, tcp_v4_rcv, udp_queue_rcv_one_skb; forward: XFRM_POLICY in "
		"ip_forward; out: EPERM at connect. Confirmed: the policy.",
	.repair = "ip netns exec N ip xfrm policy delete ...",
	.signs = {{SIGN_DROP, "XFRM_POLICY", NULL, 0}, {SIGN_CALL, NULL, NULL, EPERM},
		{SIGN_CALL, NULL, NULL, EAGAIN}, {SIGN_NOTHING, NULL, NULL, 0},
		{SIGN_DROP, NULL, "ip6_forward", 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = xfrm_policy_confirm,
};

/* ---- conntrack-full ---- */

static bool conntrack_full_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = at ? scene_netns(s, at) : s->asker;
	long count, max;

	if (netns < 0)
		return false;
	count = live_sysctl(scene_fd(s, netns), -1, "net/netfilter/nf_conntrack_count");
	max = live_sysctl(scene_fd(s, netns), -1, "net/netfilter/nf_conntrack_max");
	if (count < 0 || max <= 0 || count < max)
		return false;
	scene_at(s, netns, at ? at->event.device : "");
	scene_why(s, "the connection table of %s is full (%ld of %ld)", scene_name(s, netns), count,
		max);
	verdict_fact(
		s->verdict, "sysctl", "nf_conntrack_count %ld, nf_conntrack_max %ld", count, max);
	/* The maximum is one for the machine. */
	verdict_fix(s->verdict, "sysctl -w net.netfilter.nf_conntrack_max=%ld",
		max < 65536 ? 262144 : 4 * max);
	return true;
}

const struct cause cause_conntrack_full = {
	.id = "conntrack-full",
	.title = "the connection table is full",
	.proof =
		"NETFILTER_DROP in nf_hook_slow, log \"table full\". Confirmed: nf_conntrack_count >= "
		"nf_conntrack_max.",
	.repair = "sysctl -w net.netfilter.nf_conntrack_max=...",
	.signs = {{SIGN_DROP, "NETFILTER_DROP", NULL, 0}, {SIGN_DROP, NULL, "nf_hook_slow", 0},
		{SIGN_CALL, NULL, NULL, EPERM}},
	.confirm = conntrack_full_confirm,
};

/* ---- neighbour-wrong, return-gateway-dead ---- */

/* Somebody who routes sent it, and looked the MAC address up: what was the entry? */
struct looked_up {
	const struct seen *sent;
	int netns, device;
	uint8_t family, next[16];
	struct neighbour_reply entry;
};

static bool looked_up(const struct scene *s, const struct seen *n, struct looked_up *l)
{
	struct packet_view p = {.family = n->outer.family};
	struct route_reply route;

	*l = (struct looked_up){
		.sent = n, .netns = scene_netns(s, n), .device = scene_device(s, n)};
	if (l->netns < 0 || l->device == TOPOLOGY_NONE || !p.family)
		return false;
	memcpy(p.destination, n->outer.destination, 16);
	if (!scene_route(s, l->netns, &p, 0, &route) || route.error ||
		route.oif != n->event.ifindex)
		return false;
	l->family = route.gateway_family ? route.gateway_family : p.family;
	memcpy(l->next, route.gateway_family ? route.gateway : p.destination, 16);
	return live_neighbour(
		       scene_fd(s, l->netns), n->event.ifindex, l->family, l->next, &l->entry) &&
	       l->entry.found && l->entry.has_mac && !(l->entry.state & NUD_NOARP);
}

/* Somebody on the segment has the address, and none of his devices there has that MAC. */
static bool entry_misleads(const struct scene *s, const struct looked_up *l)
{
	const struct topology *t = s->topology;
	bool open, right = false, found = false;
	bool *reached = scene_segment(s, l->device, SEGMENT_CABLED, &open);
	int owner = TOPOLOGY_NONE;

	while (reached && (owner = scene_owner(s, l->family == 6 ? AF_INET6 : AF_INET, l->next,
				   owner)) != TOPOLOGY_NONE)
		for (size_t i = 0; i < t->device_count; i++) {
			if (!reached[i] || t->devices[i].netns != t->devices[owner].netns)
				continue;
			found = true;
			right = right || !memcmp(t->devices[i].mac, l->entry.mac, 6);
		}
	free(reached);
	return found && !right;
}

static bool neighbour_wrong_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	char ip[COMMAND_PREFIX], text[ADDRESS_TEXT];
	struct looked_up l;
	const uint8_t *mac = l.entry.mac;
	bool wrong = false;

	for (int i = at ? s->ending->at : -1; i >= 0 && !wrong; i--) {
		const struct seen *n = &s->story->list[i];

		wrong = (n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && looked_up(s, n, &l) && entry_misleads(s, &l);
	}
	if (!wrong)
		return false;
	address_text(text, l.family, l.next);
	scene_at(s, l.netns, l.sent->event.device);
	scene_why(s,
		"%s takes %02x:%02x:%02x:%02x:%02x:%02x for the MAC address of %s, which it is not",
		scene_name(s, l.netns), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], text);
	verdict_fact(s->verdict, "rtnetlink",
		"neighbour %s on %s in %s is %s; no owner of the address has "
		"that MAC",
		text, l.sent->event.device, scene_name(s, l.netns),
		l.entry.state & NUD_PERMANENT ? "PERMANENT" : "stale");
	verdict_fix(s->verdict, "%s neigh del %s dev %s", scene_ip(s, l.netns, ip), text,
		l.sent->event.device);
	return true;
}

const struct cause cause_neighbour_wrong = {
	.id = "neighbour-wrong",
	.title = "a static or stale neighbour entry has the wrong MAC address",
	.proof =
		"The frame goes to a MAC that is not the owner's; OTHERHOST in ip_rcv_core there. Confirmed: the "
		"neighbour entry against the MAC of the device that owns the address.",
	.repair = "ip -n A neigh del X dev a0",
	.signs = {{SIGN_DROP, "OTHERHOST", NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_DROP, "IP_INADDRERRORS", NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, NULL, "ip_error", 0}, {SIGN_DROP, NULL, "ip6_forward", 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, NULL, "ip6_rcv_core", 0},
		{SIGN_DROP, NULL, "ip_rcv_core", 0}, {SIGN_DROP, "NO_TX_TARGET", NULL, 0}},
	.confirm = neighbour_wrong_confirm,
};

/* A gateway that nobody has, of the way back: the book has a name of its own for that. */
static bool return_gateway_dead_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view p;

	if (s->ending->leg != LEG_ANSWER &&
		(s->ending->last < 0 || scene_seen(s)->event.netns == s->story->subject.netns ||
			s->story->list[s->ending->last].leg != LEG_REQUEST))
		return false;
	scene_packet(s, &p);
	/* Asked by one who has received the request for himself: it is for the answer. */
	if (s->ending->leg != LEG_ANSWER && scene_is_local(s, scene_netns(s, scene_seen(s)),
						    p.family, p.destination) == TOPOLOGY_NONE)
		return false;
	if (scene_address_equal(s->ending->family, s->ending->wanted, s->story->subject.source))
		return false;
	return cause_address_not_owned.confirm(s, c);
}

const struct cause cause_return_gateway_dead = {
	.id = "return-gateway-dead",
	.title = "the answer goes to a gateway that does not exist",
	.proof =
		"The request is received, then NEIGH_FAILED for the gateway at the destination. Confirmed: the "
		"next hop of the return route is owned by nobody.",
	.repair = "ip -n B route replace default via G",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = return_gateway_dead_confirm,
};
