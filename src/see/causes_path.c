/* Causes on the way: sizes, hop limits, routes that refuse, rules, impossible addresses. */
#include "see/mtu.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct device *device_of(const struct scene *s, int netns, uint32_t ifindex)
{
	int device = netns >= 0 ? topology_device_at(s->topology, netns, ifindex) : TOPOLOGY_NONE;

	return device == TOPOLOGY_NONE ? NULL : &s->topology->devices[device];
}

/* The other end of a cable, where the MTU must be raised as well. */
static const struct device *twin_of(const struct scene *s, const struct device *d)
{
	return d->kind == DEVICE_VETH && d->end.device != TOPOLOGY_NONE
		       ? &s->topology->devices[d->end.device]
		       : NULL;
}

static void mtu_fix(struct scene *s, const struct device *d, uint32_t mtu)
{
	const struct device *twin = twin_of(s, d);
	char ip[COMMAND_PREFIX];

	if (d->mtu < mtu)
		verdict_fix(s->verdict, "%s link set dev %s mtu %u", scene_ip(s, d->netns, ip),
			d->name, mtu);
	if (twin && twin->mtu < mtu)
		verdict_fix(s->verdict, "%s link set dev %s mtu %u", scene_ip(s, twin->netns, ip),
			twin->name, mtu);
}

/* ---- path-mtu ---- */

/* The MTU of an ICMP "too big" that came to the asker, or of the drop. */
static bool path_mtu_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	struct packet_view p;
	struct route_reply r;
	const struct device *out;
	char ip[COMMAND_PREFIX];
	uint32_t mtu, length;

	if (!at || netns < 0)
		return false;
	scene_packet(s, &p);
	/* Without having seen the drop: a router has it, and may not cut it. */
	if (at->event.kind != PATH_DROP &&
		(!s->blind || at->event.kind != PATH_RX || (p.family == 4 && !s->question->df) ||
			scene_is_local(s, netns, p.family, p.destination) != TOPOLOGY_NONE))
		return false;
	if (!scene_route(s, netns, &p, 0, &r) || !r.oif)
		return false;
	out = device_of(s, netns, r.oif);
	mtu = !out ? 0 : r.mtu && r.mtu < out->mtu ? r.mtu : out->mtu;
	if (!out || p.length <= mtu)
		return false;
	scene_at(s, netns, out->name);
	scene_why(s, "%s of %u bytes may not be cut, and %s in %s carries at most %u", scene_leg(s),
		p.length, out->name, scene_name(s, netns), mtu);
	verdict_fact(s->verdict, "rtnetlink", "MTU of %s in %s is %u, the packet has %u bytes",
		out->name, scene_name(s, netns), mtu, p.length);
	length = p.length > 1500 ? p.length : 1500;
	if (!mtu_raise(s, netns, &p, length))
		mtu_fix(s, out, length);
	/* The sender remembers what it was told. */
	verdict_fix(s->verdict, "%s route flush cache", scene_ip(s, s->asker, ip));
	if (p.family == 6)
		verdict_fix(s->verdict, "%s -6 route flush cache", scene_ip(s, s->asker, ip));
	return true;
}

const struct cause cause_path_mtu = {
	.id = "path-mtu",
	.title = "a packet that may not be cut is larger than a router's next link",
	.proof =
		"PKT_TOO_BIG in ip_forward or ip6_forward, ICMP 3/4 or ICMPv6 2 with the MTU. Confirmed: the "
		"MTU of the outgoing device or route is less than the packet's length.",
	.repair = "ip -n N link set D mtu M on both ends, or a smaller MTU at the sender",
	.signs = {{SIGN_DROP, "PKT_TOO_BIG", NULL, 0}, {SIGN_DROP, NULL, "ip_forward", 0},
		{SIGN_DROP, NULL, "ip6_forward", 0}, {SIGN_DROP, NULL, "ip_fragment", 0},
		{SIGN_DROP, NULL, "ip_finish_output", 0}},
	.confirm = path_mtu_confirm,
};

/* ---- peer-mtu ---- */

static bool peer_mtu_confirm(struct scene *s, const struct cause *c)
{
	enum { ETHERNET = 14, TAG = 4 };
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);
	const struct device *d, *twin;
	char ip[COMMAND_PREFIX];

	if (device == TOPOLOGY_NONE)
		return false;
	d = &s->topology->devices[device];
	twin = twin_of(s, d);
	/* The drop is told with the device that sends or the one that receives. */
	if (twin && d->mtu < twin->mtu) {
		const struct device *swap = d;

		d = twin;
		twin = swap;
	}
	if (!twin || twin->mtu >= d->mtu || at->event.length <= twin->mtu + TAG || !twin->up ||
		!d->up)
		return false;
	scene_at(s, twin->netns, twin->name);
	scene_why(s,
		"%s of %u bytes fits %s (MTU %u) in %s, but not its other end %s (MTU %u) in %s",
		scene_leg(s), at->event.length, d->name, d->mtu, scene_name(s, d->netns),
		twin->name, twin->mtu, scene_name(s, twin->netns));
	verdict_fact(s->verdict, "rtnetlink", "MTU %u on %s in %s, %u on %s in %s", d->mtu, d->name,
		scene_name(s, d->netns), twin->mtu, twin->name, scene_name(s, twin->netns));
	verdict_fix(s->verdict, "%s link set dev %s mtu %u", scene_ip(s, twin->netns, ip),
		twin->name, d->mtu);
	return true;
}

const struct cause cause_peer_mtu = {
	.id = "peer-mtu",
	.title = "the two ends of a cable have different MTUs",
	.proof =
		"NOT_SPECIFIED in __dev_forward_skb2, no ICMP, small packets pass. Confirmed: IFLA_MTU of "
		"both ends (the receiver allows MTU + 14 + 4).",
	.repair = "ip -n B link set b0 mtu M",
	.signs = {{SIGN_DROP, NULL, "__dev_forward_skb2", 0},
		{SIGN_DROP, NULL, "__dev_forward_skb", 0}, {SIGN_DROP, NULL, "veth_xmit", 0},
		{SIGN_DROP, NULL, "dev_hard_start_xmit", 0},
		{SIGN_DROP, NULL, "br_dev_queue_push_xmit", 0}, {SIGN_SENT, NULL, NULL, 0}},
	.confirm = peer_mtu_confirm,
};

/* ---- local-mtu ---- */

/* The route itself has an MTU of its own, less than `length`: the command that takes it away. */
static bool route_mtu_fix(struct scene *s, const struct packet_view *p, uint32_t length)
{
	char to[ADDRESS_TEXT], ip[COMMAND_PREFIX], words[256] = "";
	const char *const argv[] = {"ip", p->family == 6 ? "-6" : "-4", "-j", "route", "show",
		"match", address_text(to, p->family, p->destination), NULL};
	static const char *const keys[][2] = {
		{"gateway", "via"}, {"dev", "dev"}, {"prefsrc", "src"}};
	json_t *list = live_json(scene_fd(s, s->asker), argv);
	json_t *route = NULL, *metrics;
	int best = -1;
	json_int_t mtu = 0, metric;
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *dst = json_string_value(json_object_get(one, "dst"));
		const char *slash = dst ? strchr(dst, '/') : NULL;
		int bits = !dst || !strcmp(dst, "default") ? 0 : slash ? atoi(slash + 1) : 128;

		if (bits > best) {
			best = bits;
			route = one;
		}
	}
	metrics = json_object_get(route, "metrics");
	for (size_t i = 0; i < json_array_size(metrics); i++)
		if (json_object_get(json_array_get(metrics, i), "mtu"))
			mtu = json_integer_value(
				json_object_get(json_array_get(metrics, i), "mtu"));
	for (size_t i = 0; i < 3; i++) {
		const char *value = json_string_value(json_object_get(route, keys[i][0]));

		if (value && used < sizeof(words))
			used += (size_t)snprintf(
				words + used, sizeof(words) - used, " %s %s", keys[i][1], value);
	}
	metric = json_integer_value(json_object_get(route, "metric"));
	if (metric && used < sizeof(words))
		snprintf(words + used, sizeof(words) - used, " metric %d", (int)metric);
	if (mtu && mtu < length) {
		const char *dst = json_string_value(json_object_get(route, "dst"));

		verdict_fact(s->verdict, "rtnetlink",
			"the route %s in %s has an MTU of its own: %d", dst ? dst : "?",
			scene_name(s, s->asker), (int)mtu);
		verdict_fix(s->verdict, "%s%s route replace %s%s", scene_ip(s, s->asker, ip),
			p->family == 6 ? " -6" : "", dst ? dst : "default", words);
	}
	json_decref(list);
	return mtu && mtu < length;
}

static bool local_mtu_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view p;
	struct route_reply r;
	const struct device *out;
	char ip[COMMAND_PREFIX];
	uint32_t mtu, length;

	scene_packet(s, &p);
	if (!scene_route(s, s->asker, &p, 0, &r) || !(out = device_of(s, s->asker, r.oif)))
		return false;
	length = (uint32_t)s->probe->size + 8 + (p.family == 6 ? 40 : 20);
	mtu = r.mtu && r.mtu < out->mtu ? r.mtu : out->mtu;
	if (length <= mtu)
		return false;
	scene_at(s, s->asker, out->name);
	scene_why(s, "the packet of %u bytes may not be cut, and %s carries at most %u%s", length,
		mtu == out->mtu ? out->name : "the way there", mtu,
		mtu == out->mtu ? "" : ", as its route or a router has said");
	verdict_fact(s->verdict, "rtnetlink", "MTU of %s in %s is %u%s", out->name,
		scene_name(s, s->asker), out->mtu, r.mtu ? ", of the route less" : "");
	if (!mtu_raise(s, s->asker, &p, length)) {
		/* A tunnel's own MTU is bounded by what it adds: the size that passes is said. */
		if (out->kind != DEVICE_VXLAN && out->kind != DEVICE_MACVLAN)
			mtu_fix(s, out, length);
		verdict_fact(s->verdict, "rtnetlink", "a payload of %u bytes passes %s",
			mtu - 8 - (p.family == 6 ? 40 : 20), out->name);
	}
	if (r.mtu && !route_mtu_fix(s, &p, length)) {
		scene_ip(s, s->asker, ip);
		verdict_fix(s->verdict, "%s%s route flush cache", ip, p.family == 6 ? " -6" : "");
	}
	return true;
}

const struct cause cause_local_mtu = {
	.id = "local-mtu",
	.title =
		"a packet that may not be cut is larger than the own device or the known path allows",
	.proof =
		"EMSGSIZE, no packet. Confirmed: device MTU, route MTU and what routers have said.",
	.repair = "a smaller size, no DF, or ip -n A link set D mtu M",
	.signs = {{SIGN_CALL, NULL, NULL, EMSGSIZE}},
	.confirm = local_mtu_confirm,
};

/* ---- route-refuses, policy-rule ---- */

static const char *type_name(uint8_t type)
{
	switch (type) {
	case RTN_BLACKHOLE:
		return "blackhole";
	case RTN_UNREACHABLE:
		return "unreachable";
	case RTN_PROHIBIT:
		return "prohibit";
	case RTN_THROW:
		return "throw";
	default:
		return NULL;
	}
}

/* The node that refused, the packet as it would have been routed there, the device it came by. */
static int refuser(const struct scene *s, struct packet_view *p, uint32_t *iif)
{
	const struct seen *at = scene_seen(s);
	int netns;

	scene_packet(s, p);
	netns = scene_router(s, iif);
	if (!at || scene_underlay(s))
		return netns;
	*iif = at->event.kind == PATH_DROP ? *iif : 0;
	if (at->event.kind == PATH_RX && s->ending->leg == LEG_REQUEST && netns >= 0 &&
		scene_is_local(s, netns, p->family, p->destination) != TOPOLOGY_NONE) {
		/* Arrived: the answer was refused. */
		uint8_t swap[16];

		memcpy(swap, p->source, 16);
		memcpy(p->source, p->destination, 16);
		memcpy(p->destination, swap, 16);
		p->proto = 0;
	} else if (at->event.kind == PATH_RX) {
		*iif = at->event.ifindex;
	}
	return netns;
}

/* The kernel answers a question about such a route with its error only: find the route by type. */
static bool refusal_find(const struct scene *s, int netns, const struct packet_view *p,
	const char *type, char prefix[64], char table[32])
{
	const char *const argv4[] = {
		"ip", "-j", "route", "show", "type", type, "table", "all", NULL};
	const char *const argv6[] = {
		"ip", "-6", "-j", "route", "show", "type", type, "table", "all", NULL};
	json_t *list = live_json(scene_fd(s, netns), p->family == 6 ? argv6 : argv4);
	int best = -1;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *route = json_array_get(list, i);
		const char *text = json_string_value(json_object_get(route, "dst")), *slash;
		const char *in = json_string_value(json_object_get(route, "table"));
		int length;

		if (!text || !prefix_holds(text, p->family, p->destination))
			continue;
		slash = strchr(text, '/');
		length = !strcmp(text, "default") ? 0 : slash ? atoi(slash + 1) : 128;
		if (length <= best)
			continue;
		best = length;
		snprintf(prefix, 64, "%s", text);
		snprintf(table, 32, "%s", in ? in : "");
	}
	json_decref(list);
	return best >= 0;
}

static bool route_refuses_confirm(struct scene *s, const struct cause *c)
{
	static const struct {
		const char *type;
		int error;
	} types[] = {{"blackhole", EINVAL}, {"prohibit", EACCES}, {"unreachable", EHOSTUNREACH},
		{"throw", ENETUNREACH}};
	struct packet_view p;
	struct route_reply r;
	char prefix[64], table[32], to[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	uint32_t iif;
	int netns = refuser(s, &p, &iif);
	size_t i;

	if (netns < 0 || !scene_route(s, netns, &p, iif, &r))
		return false;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((r.error == types[i].error ||
			    (r.type && type_name(r.type) &&
				    !strcmp(type_name(r.type), types[i].type))) &&
			refusal_find(s, netns, &p, types[i].type, prefix, table))
			break;
	if (i == sizeof(types) / sizeof(types[0]))
		return false;
	address_text(to, p.family, p.destination);
	scene_at(s, netns, iif && scene_seen(s) ? scene_seen(s)->event.device : "");
	scene_why(s, "%s has %s %s route for %s, which refuses %s to %s", scene_name(s, netns),
		types[i].type[0] == 'u' ? "an" : "a", types[i].type, prefix, scene_leg(s), to);
	verdict_fact(s->verdict, "rtnetlink", "route in %s: %s %s%s%s", scene_name(s, netns),
		types[i].type, prefix, table[0] ? " table " : "", table);
	verdict_fact(s->verdict, "rtnetlink", "RTM_GETROUTE to %s: %s", to,
		r.error ? strerror(r.error) : types[i].type);
	verdict_fix(s->verdict, "%s%s route del %s %s%s%s", scene_ip(s, netns, ip),
		p.family == 6 ? " -6" : "", types[i].type, prefix, table[0] ? " table " : "",
		table);
	return true;
}

const struct cause cause_route_refuses = {
	.id = "route-refuses",
	.title = "a blackhole, unreachable, prohibit or throw route matches",
	.proof =
		"Local: EINVAL (blackhole), EHOSTUNREACH, EACCES (prohibit). Router: NOT_SPECIFIED in "
		"ip_error with ICMP 3/1 or 3/13; blackhole: no ICMP. Confirmed: the type of the matching "
		"route.",
	.repair = "ip -n N route del TYPE PREFIX",
	.signs = {{SIGN_CALL, NULL, NULL, EINVAL}, {SIGN_CALL, NULL, NULL, EHOSTUNREACH},
		{SIGN_CALL, NULL, NULL, EACCES}, {SIGN_CALL, NULL, NULL, ENETUNREACH},
		{SIGN_DROP, NULL, "ip_error", 0}, {SIGN_DROP, NULL, "ip6_pkt_prohibit", 0},
		{SIGN_DROP, NULL, "ip6_pkt_discard", 0}, {SIGN_DROP, NULL, "ip6_pkt_drop", 0},
		{SIGN_DROP, NULL, "dst_discard", 0}, {SIGN_DROP, NULL, "dst_discard_out", 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, NULL, "vxlan_xmit_one", 0}},
	.confirm = route_refuses_confirm,
};

/* ---- ttl-expired, routing-loop ---- */

static bool expired_at(const struct scene *s, const struct seen **at)
{
	*at = scene_seen(s);
	return *at && (*at)->event.kind == PATH_DROP && (*at)->outer.ttl <= 1;
}

/* How often the same packet came in by the device where it died.  What was sent on from there came
 * in before: a macvlan shows no reception. */
static int arrivals(const struct scene *s, const struct seen *at)
{
	int received = 0, sent = 0;

	for (size_t i = 0; i < s->story->count; i++) {
		const struct path_event *e = &s->story->list[i].event;

		if (s->story->list[i].leg != at->leg || e->netns != at->event.netns)
			continue;
		received += e->kind == PATH_RX && e->ifindex == at->event.ifindex;
		sent += e->kind == PATH_TX;
	}
	if (received)
		return received;
	/* The sender's own hop is no arrival. */
	return at->event.netns == s->story->subject.netns ? sent : sent + 1;
}

/* The wrong route corrected: not back into the circle, but over somebody who leads out of it. */
static bool loop_way_out(
	struct scene *s, int router, const struct packet_view *p, const struct route_reply *wrong)
{
	char way[WAY_TEXT], gateway[ADDRESS_TEXT], ip[COMMAND_PREFIX], prefix[64];

	if (!scene_way(s, router, p->family, p->destination, way))
		return false;
	if (!strncmp(way, "via ", 4) &&
		!strcmp(way + 4, address_text(gateway, wrong->gateway_family, wrong->gateway)))
		return false;
	if (wrong->matched && wrong->prefix_length)
		prefix_text(prefix, p->family, wrong->prefix, wrong->prefix_length);
	else /* a default route may be right for others */
		prefix_text(prefix, p->family, p->destination, p->family == 6 ? 128 : 32);
	verdict_fix(s->verdict, "%s%s route replace %s %s", scene_ip(s, router, ip),
		p->family == 6 ? " -6" : "", prefix, way);
	return true;
}

/* Did the node send it onto a wire? */
static bool sent_from(const struct scene *s, enum leg leg, uint32_t netns)
{
	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];

		if (n->event.kind == PATH_TX && n->leg == leg && n->event.netns == netns)
			return true;
	}
	return false;
}

/* Its own sender gets it back, and takes it for a forgery.  One that is for the sender himself has
 * rightly come. */
static bool came_back(const struct scene *s, const struct seen *at)
{
	return at && at->event.kind == PATH_DROP && !strcmp(at->reason, "IP_LOCAL_SOURCE") &&
	       sent_from(s, at->leg, at->event.netns) &&
	       scene_is_local(s, scene_netns(s, at), at->outer.family, at->outer.destination) ==
		       TOPOLOGY_NONE;
}

static bool routing_loop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at;
	struct packet_view p;
	char to[ADDRESS_TEXT], via[ADDRESS_TEXT];
	struct route_reply r;
	bool back;
	int netns;

	back = came_back(s, scene_seen(s));
	if (!back && (!expired_at(s, &at) || arrivals(s, at) < 2))
		return false;
	at = scene_seen(s);
	netns = scene_netns(s, at);
	scene_packet(s, &p);
	address_text(to, p.family, p.destination);
	scene_at(s, netns, at->event.device);
	if (back)
		scene_why(s, "a router sends %s to %s back to where it came from, %s", scene_leg(s),
			to, scene_name(s, netns));
	else
		scene_why(s,
			"routers send %s to %s in a circle until its hop limit is used up in %s",
			scene_leg(s), to, scene_name(s, netns));
	verdict_fact(s->verdict, "tracepoint", "the same packet came in by %s in %s %d times",
		at->event.device, scene_name(s, netns), arrivals(s, at));
	/* The routers of the circle; the one that has a better way is to be corrected. */
	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];
		int router = scene_netns(s, n);

		if (n->event.kind != PATH_RX || n->leg != at->leg || router < 0)
			continue;
		if (!scene_route(s, router, &p, 0, &r) || r.error || !r.gateway_family)
			continue;
		verdict_fact(s->verdict, "rtnetlink", "%s routes %s via %s", scene_name(s, router),
			to, address_text(via, r.gateway_family, r.gateway));
		/* Not back into the circle: over somebody who has the destination, or its link. */
		if (!s->verdict->fix_count && loop_way_out(s, router, &p, &r))
			break;
	}
	return true;
}

const struct cause cause_routing_loop = {
	.id = "routing-loop",
	.title = "routers send the packet in a circle",
	.proof =
		"As ttl-expired, and the same packet was received more than once by the same device. "
		"Confirmed: RTM_GETROUTE of the routers points at each other.",
	.repair = "ip -n R route replace DST via G",
	.signs = {{SIGN_DROP, "IP_LOCAL_SOURCE", NULL, 0}, {SIGN_DROP, "IP_INHDR", NULL, 0},
		{SIGN_DROP, NULL, "ip_forward", 0}, {SIGN_DROP, NULL, "ip6_forward", 0}},
	.confirm = routing_loop_confirm,
};

/* Who sent it first gave it its hop limit. */
static const struct seen *sent_first(const struct scene *s, enum leg leg)
{
	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) && n->leg == leg)
			return n;
	}
	return NULL;
}

static bool ttl_expired_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at, *first;
	char exec[COMMAND_PREFIX];
	int netns, ttl;

	if (!expired_at(s, &at))
		return false;
	scene_at(s, scene_netns(s, at), at->event.device);
	scene_why(s, "the hop limit of %s is used up in %s", scene_leg(s),
		scene_name(s, scene_netns(s, at)));
	verdict_fact(s->verdict, "tracepoint", "it arrived there with %u hops left", at->outer.ttl);
	first = sent_first(s, at->leg);
	netns = first ? scene_netns(s, first) : s->asker;
	scene_exec(s, netns, exec);
	if (at->outer.family == 4) {
		ttl = (int)live_sysctl(scene_fd(s, netns), 64, "net/ipv4/ip_default_ttl");
		verdict_fact(s->verdict, "sysctl", "net.ipv4.ip_default_ttl is %d in %s", ttl,
			scene_name(s, netns));
		verdict_fix(s->verdict, "%ssysctl -w net.ipv4.ip_default_ttl=64", exec);
	} else if (first) { /* the device's own value decides, not that of `all` */
		ttl = (int)live_sysctl(
			scene_fd(s, netns), 64, "net/ipv6/conf/%s/hop_limit", first->event.device);
		verdict_fact(s->verdict, "sysctl", "net.ipv6.conf.%s.hop_limit is %d in %s",
			first->event.device, ttl, scene_name(s, netns));
		verdict_fix(s->verdict, "%ssysctl -w net.ipv6.conf.%s.hop_limit=64", exec,
			first->event.device);
	}
	return true;
}

const struct cause cause_ttl_expired = {
	.id = "ttl-expired",
	.title = "the TTL or hop limit is used up",
	.proof =
		"IP_INHDR in ip_forward, ICMP 11/0. Confirmed: TTL of the packet, default of the sender.",
	.repair = "ip netns exec A sysctl -w net.ipv4.ip_default_ttl=64",
	.signs = {{SIGN_DROP, "IP_INHDR", NULL, 0}, {SIGN_DROP, NULL, "ip_forward", 0},
		{SIGN_DROP, NULL, "ip6_forward", 0}},
	.confirm = ttl_expired_confirm,
};

/* ---- policy-rule ---- */

/* Does the rule's selector (a prefix in two members; absent: anything) hold the address? */
static bool rule_selects(const json_t *rule, const char *key, const char *length_key,
	uint8_t family, const uint8_t *ip)
{
	const char *text = json_string_value(json_object_get(rule, key));
	json_t *length = json_object_get(rule, length_key);
	char prefix[64];

	if (!text || !strcmp(text, "all"))
		return true;
	if (length)
		snprintf(prefix, sizeof(prefix), "%s/%d", text, (int)json_integer_value(length));
	else
		snprintf(prefix, sizeof(prefix), "%s", text);
	return prefix_holds(prefix, family, ip);
}

/* A rule before main that refuses, or whose table does; its preference, or -1. */
static long rule_find(const struct scene *s, int netns, const struct packet_view *p, const char *in,
	char *words, size_t size)
{
	const char *const argv4[] = {"ip", "-j", "rule", "show", NULL};
	const char *const argv6[] = {"ip", "-6", "-j", "rule", "show", NULL};
	json_t *list = live_json(scene_fd(s, netns), p->family == 6 ? argv6 : argv4);
	long found = -1;

	for (size_t i = 0; i < json_array_size(list) && found < 0; i++) {
		json_t *rule = json_array_get(list, i);
		long priority = (long)json_integer_value(json_object_get(rule, "priority"));
		const char *table = json_string_value(json_object_get(rule, "table"));
		const char *action = json_string_value(json_object_get(rule, "action"));
		const char *iif = json_string_value(json_object_get(rule, "iif"));

		if (table && (!strcmp(table, "local") || !strcmp(table, "main") ||
				     !strcmp(table, "default")))
			continue;
		if (iif && strcmp(iif, in) != 0 && strcmp(iif, "lo") != 0)
			continue;
		if (!rule_selects(rule, "src", "srclen", p->family, p->source) ||
			!rule_selects(rule, "dst", "dstlen", p->family, p->destination) ||
			json_object_get(rule, "fwmark"))
			continue;
		found = priority;
		snprintf(words, size, "%s%s", action ? action : "lookup ",
			action	? ""
			: table ? table
				: "?");
	}
	json_decref(list);
	return found;
}

static bool policy_rule_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view p;
	struct route_reply r;
	char to[ADDRESS_TEXT], ip[COMMAND_PREFIX], words[64];
	uint32_t iif;
	int netns = refuser(s, &p, &iif);
	const struct device *in = device_of(s, netns, iif);
	long priority;

	if (netns < 0)
		return false;
	priority = rule_find(s, netns, &p, in ? in->name : "", words, sizeof(words));
	if (priority < 0)
		return false;
	if (scene_route(s, netns, &p, iif, &r) && !r.error && strncmp(words, "lookup", 6) != 0)
		return false;
	if (!strncmp(words, "lookup", 6) && (r.error || r.table == RT_TABLE_MAIN))
		return false;
	address_text(to, p.family, p.destination);
	scene_at(s, netns, in ? in->name : "");
	scene_why(s, "rule %ld of %s (%s) decides about %s to %s before the main table does",
		priority, scene_name(s, netns), words, scene_leg(s), to);
	verdict_fact(s->verdict, "rtnetlink", "ip rule %ld in %s: %s", priority,
		scene_name(s, netns), words);
	verdict_fact(s->verdict, "rtnetlink", "RTM_GETROUTE to %s: %s", to,
		r.error ? strerror(r.error) : "another table than main");
	verdict_fix(s->verdict, "%s%s rule del pref %ld", scene_ip(s, netns, ip),
		p.family == 6 ? " -6" : "", priority);
	return true;
}

const struct cause cause_policy_rule = {
	.id = "policy-rule",
	.title = "an ip rule sends it elsewhere or refuses",
	.proof =
		"Local EACCES or ENETUNREACH, or NOT_SPECIFIED in ip_error. Confirmed: a matching rule before "
		"main with an action, or a table other than main that answers.",
	.repair = "ip -n N rule del pref P",
	.signs = {{SIGN_CALL, NULL, NULL, 0}, {SIGN_DROP, NULL, "ip_error", 0},
		{SIGN_DROP, NULL, "ip6_pkt_prohibit", 0}, {SIGN_DROP, NULL, "ip6_pkt_discard", 0},
		{SIGN_DROP, NULL, "ip6_pkt_drop", 0}, {SIGN_DROP, NULL, "dst_discard", 0},
		{SIGN_DROP, NULL, "dst_discard_out", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, NULL, "vxlan_xmit_one", 0}},
	.confirm = policy_rule_confirm,
};

/* ---- source-not-local ---- */

static bool source_not_local_confirm(struct scene *s, const struct cause *c)
{
	const char *text = s->question->source;
	uint8_t ip[16] = {0};
	const struct address *with;
	char command[COMMAND_PREFIX];
	const struct topology *t = s->topology;
	struct route_reply r;
	struct packet_view p;
	const struct device *out = NULL;

	if (!text || s->probe->stage != PROBE_SOURCE)
		return false;
	memcpy(ip, probe_ip(&s->probe->source), s->probe->family == 6 ? 16 : 4);
	if (scene_is_local(s, s->asker, s->probe->family, ip) != TOPOLOGY_NONE)
		return false;
	scene_packet(s, &p);
	memset(p.source, 0, sizeof(p.source));
	if (s->question->device &&
		topology_device_named(t, s->asker, s->question->device) != TOPOLOGY_NONE)
		out = &t->devices[topology_device_named(t, s->asker, s->question->device)];
	else if (scene_route(s, s->asker, &p, 0, &r))
		out = device_of(s, s->asker, r.oif);
	scene_covering(s, s->asker, s->probe->family, ip, &with);
	scene_at(s, s->asker, out ? out->name : "");
	scene_why(s, "%s is no address of %s, so nothing can be sent from it", text,
		scene_name(s, s->asker));
	verdict_fact(
		s->verdict, "rtnetlink", "%s is on no device of %s", text, scene_name(s, s->asker));
	if (out)
		verdict_fix(s->verdict, "%s addr add %s/%u dev %s%s",
			scene_ip(s, s->asker, command), text, s->probe->family == 6 ? 128 : 32,
			out->name, s->probe->family == 6 ? " nodad" : "");
	return true;
}

const struct cause cause_source_not_local = {
	.id = "source-not-local",
	.title = "the wanted source address is not ours",
	.proof = "bind ends with EADDRNOTAVAIL, no packet. Confirmed: RTM_GETADDR.",
	.repair = "ip -n A addr add S/32 dev a0",
	.signs = {{SIGN_CALL, NULL, NULL, EADDRNOTAVAIL}},
	.confirm = source_not_local_confirm,
};

/* ---- wrong-namespace ---- */

static bool wrong_namespace_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	const char *name = s->question->device;
	const struct device *found = NULL;

	if (!name || topology_device_named(t, s->asker, name) != TOPOLOGY_NONE)
		return false;
	/* Prefer a namespace that is connected with the asker's. */
	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];

		if (strcmp(d->name, name) != 0)
			continue;
		if (!found)
			found = d;
		if (d->end.type == END_DEVICE && d->end.device != TOPOLOGY_NONE &&
			t->devices[d->end.device].netns == s->asker)
			found = d;
	}
	scene_at(s, s->asker, name);
	if (!found) {
		scene_why(s, "there is no device %s in %s, nor in any other namespace", name,
			scene_name(s, s->asker));
		verdict_fact(s->verdict, "rtnetlink", "no namespace has a device %s", name);
		return true;
	}
	scene_why(s, "there is no device %s in %s; %s has one", name, scene_name(s, s->asker),
		scene_name(s, found->netns));
	verdict_fact(
		s->verdict, "rtnetlink", "%s is a device of %s", name, scene_name(s, found->netns));
	verdict_fix(s->verdict, "warren why --from %s --device %s %s", scene_name(s, found->netns),
		name, s->question->destination);
	return true;
}

const struct cause cause_wrong_namespace = {
	.id = "wrong-namespace",
	.title = "the named device is in another namespace",
	.proof =
		"SO_BINDTODEVICE ends with ENODEV. Confirmed: the name exists in another namespace.",
	.repair = "ask from there",
	.signs = {{SIGN_CALL, NULL, NULL, ENODEV}},
	.confirm = wrong_namespace_confirm,
};

/* ---- loopback-down, loopback-across-device ---- */

static bool is_loopback(uint8_t family, const uint8_t *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return family == 6 ? !memcmp(ip, one, 16) : ip[0] == 127;
}

static bool loopback_down_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	struct packet_view p;
	int netns = at ? scene_netns(s, at) : s->asker, lo;
	char ip[COMMAND_PREFIX];

	scene_packet(s, &p);
	/* ::1 goes when lo does, and then by whatever route there is. */
	if (is_loopback(s->story->subject.family, s->story->subject.destination)) {
		netns = s->asker;
		at = NULL;
		memcpy(p.destination, s->story->subject.destination, 16);
	}
	if (netns < 0)
		return false;
	lo = topology_device_named(s->topology, netns, "lo");
	if (lo == TOPOLOGY_NONE || s->topology->devices[lo].up)
		return false;
	if (at ? strcmp(at->event.device, "lo") != 0
	       : scene_is_local(s, netns, p.family, p.destination) == TOPOLOGY_NONE &&
				!is_loopback(p.family, p.destination))
		return false;
	scene_at(s, netns, "lo");
	scene_why(s, "%s is for an address of %s itself, which goes over lo, and lo is down",
		scene_leg(s), scene_name(s, netns));
	verdict_fact(s->verdict, "rtnetlink", "lo in %s lacks IFF_UP", scene_name(s, netns));
	verdict_fix(s->verdict, "%s link set lo up", scene_ip(s, netns, ip));
	return true;
}

const struct cause cause_loopback_down = {
	.id = "loopback-down",
	.title = "lo is down and an own address is asked",
	.proof = "QDISC_DROP in __dev_queue_xmit on lo. Confirmed: lo lacks IFF_UP.",
	.repair = "ip -n A link set lo up",
	.signs = {{SIGN_DROP, NULL, NULL, 0}, {SIGN_CALL, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}, {SIGN_NOTHING, NULL, NULL, 0}},
	.confirm = loopback_down_confirm,
};

static bool loopback_across_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	char exec[COMMAND_PREFIX], text[ADDRESS_TEXT];
	const uint8_t *ip;

	if (!at || netns < 0 || at->outer.family != 4)
		return false;
	ip = at->outer.destination[0] == 127 ? at->outer.destination : at->outer.source;
	if (at->leg == LEG_NEIGHBOUR && at->outer.kind == HEADER_ARP)
		ip = at->outer.destination[0] == 127 ? at->outer.destination : at->outer.source;
	if (ip[0] != 127 || !strcmp(at->event.device, "lo"))
		return false;
	if (live_sysctl(scene_fd(s, netns), 0, "net/ipv4/conf/all/route_localnet") ||
		live_sysctl(
			scene_fd(s, netns), 0, "net/ipv4/conf/%s/route_localnet", at->event.device))
		return false;
	scene_at(s, netns, at->event.device);
	scene_why(s, "%s is a loopback address, which %s does not accept from %s",
		address_text(text, 4, ip), scene_name(s, netns), at->event.device);
	verdict_fact(s->verdict, "sysctl", "net.ipv4.conf.{all,%s}.route_localnet are 0 in %s",
		at->event.device, scene_name(s, netns));
	verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.%s.route_localnet=1",
		scene_exec(s, netns, exec), at->event.device);
	return true;
}

const struct cause cause_loopback_across_device = {
	.id = "loopback-across-device",
	.title = "127/8 is destination or source on a real device",
	.proof = "IP_LOCALNET in ip_rcv_finish_core. Confirmed: route_localnet is 0 for all and D.",
	.repair = "ip netns exec N sysctl -w net.ipv4.conf.D.route_localnet=1",
	.signs = {{SIGN_DROP, "IP_LOCALNET", NULL, 0}, {SIGN_DROP, NULL, "ip_rcv_finish_core", 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_CALL, NULL, NULL, EINVAL}},
	.confirm = loopback_across_confirm,
};
