/* Causes at the owner of an address who hears a question or a request and keeps silent. */
#include "see/asked.h"
#include "see/gateway.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- accept-local, duplicate-address ---- */

/* Who received a packet (or a question) whose source address is his own? */
static bool own_source(
	const struct scene *s, int *netns, int *device, uint8_t source[16], uint8_t *family)
{
	const struct seen *at = scene_seen(s);
	struct asked a;

	if (asked_find(s, &a)) {
		if (!a.heard || a.told)
			return false;
		*netns = s->topology->devices[a.owner].netns;
		*device = a.heard_device;
		at = a.heard;
	} else if (at) {
		*netns = scene_netns(s, at);
		*device = scene_device(s, at);
	} else {
		return false;
	}
	*family = at->outer.family;
	memcpy(source, at->outer.source, 16);
	return *netns >= 0 && *device != TOPOLOGY_NONE &&
	       scene_is_local(s, *netns, *family, source) != TOPOLOGY_NONE;
}

/* Where the packet with this source came from: the first who sent it. */
static int sender_netns(const struct scene *s)
{
	return s->ending->leg == LEG_ANSWER && s->ending->last >= 0
		       ? scene_netns(s, &s->story->list[s->ending->last])
		       : s->asker;
}

static bool accept_local_confirm(struct scene *s, const struct cause *c)
{
	char text[ADDRESS_TEXT], exec[COMMAND_PREFIX];
	uint8_t source[16], family;
	int netns, device;
	const struct device *d;

	if (!own_source(s, &netns, &device, source, &family) || family != 4 ||
		netns != sender_netns(s))
		return false;
	d = &s->topology->devices[device];
	if (scene_conf4_max(s, netns, d->name, "accept_local"))
		return false;
	address_text(text, family, source);
	scene_at(s, netns, d->name);
	scene_why(s,
		"%s comes in on %s with the source %s, which is an address of %s itself: "
		"accept_local forbids that",
		s->ending->kind == ENDING_UNRESOLVED ? "the ARP request" : scene_leg(s), d->name,
		text, scene_name(s, netns));
	verdict_fact(s->verdict, "rtnetlink", "%s is an address of %s", text, scene_name(s, netns));
	verdict_fact(s->verdict, "sysctl", "net.ipv4.conf.{all,%s}.accept_local are 0 in %s",
		d->name, scene_name(s, netns));
	verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.%s.accept_local=1",
		scene_exec(s, netns, exec), d->name);
	return true;
}

const struct cause cause_accept_local = {
	.id = "accept-local",
	.title = "the source address also belongs to the receiving namespace",
	.proof =
		"The ARP request is seen, its sender is local there, no answer; or IP_LOCAL_SOURCE in "
		"ip_rcv_finish_core. Confirmed: accept_local is 0 for all and for the device.",
	.repair = "ip netns exec N sysctl -w net.ipv4.conf.D.accept_local=1",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_DROP, "IP_LOCAL_SOURCE", NULL, 0},
		{SIGN_DROP, NULL, "ip_rcv_finish_core", 0}},
	.confirm = accept_local_confirm,
};

/* The answer never left: the one it is for is an address of who answers. */
static bool answered_itself(const struct scene *s, int *netns, uint8_t own[16], uint8_t *family)
{
	const struct seen *at = scene_seen(s);

	if (!at || at->leg != LEG_ANSWER || strcmp(at->event.device, "lo") != 0 ||
		(at->event.kind != PATH_RX && at->event.kind != PATH_DROP))
		return false;
	*netns = scene_netns(s, at);
	*family = at->outer.family;
	memcpy(own, at->outer.destination, 16);
	return *netns >= 0 && *netns != s->asker &&
	       scene_is_local(s, *netns, *family, own) != TOPOLOGY_NONE;
}

/* The asker has the address that it asks, and so has somebody else, who is meant. */
static bool asked_itself(const struct scene *s, int *other, uint8_t address[16], uint8_t *family)
{
	const struct seen *at = scene_seen(s);
	int owner = TOPOLOGY_NONE;

	if (!at || scene_netns(s, at) != s->asker || at->leg != LEG_REQUEST ||
		scene_is_local(s, s->asker, at->outer.family, at->outer.destination) ==
			TOPOLOGY_NONE)
		return false;
	*family = at->outer.family;
	memcpy(address, at->outer.destination, 16);
	while ((owner = scene_owner(s, *family == 6 ? AF_INET6 : AF_INET, address, owner)) !=
		TOPOLOGY_NONE) {
		*other = s->topology->devices[owner].netns;
		if (*other != s->asker)
			return true;
	}
	return false;
}

static bool duplicate_address_confirm(struct scene *s, const struct cause *c)
{
	char text[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	uint8_t source[16], family;
	int netns, device, owner, other = sender_netns(s);
	const struct address *with = NULL;
	const struct device *d;

	if (answered_itself(s, &netns, source, &family))
		other = s->asker;
	else if (asked_itself(s, &other, source, &family))
		netns = s->asker;
	else if (!own_source(s, &netns, &device, source, &family))
		return false;
	if (netns == other || scene_is_local(s, other, family, source) == TOPOLOGY_NONE)
		return false;
	owner = scene_is_local(s, netns, family, source);
	d = &s->topology->devices[owner];
	for (size_t k = 0; k < d->address_count; k++)
		if (address_family(&d->addresses[k]) == family &&
			scene_address_equal(family, d->addresses[k].ip, source))
			with = &d->addresses[k];
	if (!with)
		return false;
	address_text(text, family, source);
	scene_at(s, netns, d->name);
	scene_why(s,
		"%s is an address of both %s and %s, so %s takes the packet for its own and keeps "
		"silent",
		text, scene_name(s, other), scene_name(s, netns), scene_name(s, netns));
	verdict_fact(s->verdict, "rtnetlink", "%s has %s on %s, %s has it, too",
		scene_name(s, netns), text, d->name, scene_name(s, other));
	verdict_fix(s->verdict, "%s addr del %s/%u dev %s", scene_ip(s, netns, ip), text,
		with->prefix, d->name);
	return true;
}

const struct cause cause_duplicate_address = {
	.id = "duplicate-address",
	.title = "one address has two owners on a segment",
	.proof =
		"The target ignores the asker, whose address is its own. Confirmed: the address is in "
		"two namespaces joined by one segment.",
	.repair = "ip -n N addr del X/LEN dev D",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_DROP, "IP_LOCAL_SOURCE", NULL, 0},
		{SIGN_DROP, NULL, "ip_rcv_finish_core", 0}, {SIGN_RECEIVED, NULL, NULL, 0},
		{SIGN_DROP, "NO_SOCKET", NULL, 0}},
	.confirm = duplicate_address_confirm,
};

/* ---- rp-filter ---- */

/* The way back, over the device that the packet came in by: the route that is wrong, corrected. */
static bool route_back(struct scene *s, const struct device *in, const uint8_t *ip,
	const struct route_reply *wrong)
{
	char command[COMMAND_PREFIX], prefix[64], text[ADDRESS_TEXT];
	unsigned int length = scene_prefix_length(s, in->netns, 4, ip);
	const struct address *with;
	uint8_t gateway[16];
	int device = (int)(in - s->topology->devices);

	/* A route to less than the network it is in is wrong itself. */
	if (wrong && wrong->matched && wrong->prefix_length > length)
		length = wrong->prefix_length;
	scene_ip(s, in->netns, command);
	prefix_text(prefix, 4, ip, length);
	if (scene_covering(s, in->netns, 4, ip, &with) == device) {
		verdict_fix(s->verdict, "%s route replace %s dev %s", command, prefix, in->name);
		return true;
	}
	if (!gateway_find(s, in->netns, device, 4, ip, gateway))
		return false;
	verdict_fix(s->verdict, "%s route replace %s via %s dev %s", command, prefix,
		address_text(text, 4, gateway), in->name);
	return true;
}

static bool rp_filter_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	struct asked a;
	const struct device *d;
	struct route_question q = {.family = 4};
	struct route_reply r;
	char text[ADDRESS_TEXT], exec[COMMAND_PREFIX];
	int netns, device;
	long value;
	bool back;

	if (asked_find(s, &a)) {
		if (!a.heard || a.told)
			return false;
		at = a.heard;
	}
	netns = scene_netns(s, at);
	device = scene_device(s, at);
	if (netns < 0 || device == TOPOLOGY_NONE || at->outer.family != 4)
		return false;
	d = &s->topology->devices[device];
	value = scene_conf4_max(s, netns, d->name, "rp_filter");
	if (!value)
		return false;
	q.to = at->outer.source;
	back = live_route(scene_fd(s, netns), &q, &r) && !r.error;
	if (back && (value == 2 || r.oif == d->ifindex))
		return false;
	address_text(text, 4, at->outer.source);
	scene_at(s, netns, d->name);
	scene_why(s, "%s refuses %s from %s on %s: its own way back to there %s (rp_filter is %ld)",
		scene_name(s, netns), asked_find(s, &a) ? "the ARP request" : scene_leg(s), text,
		d->name, back ? "leaves by another device" : "does not exist", value);
	verdict_fact(s->verdict, "sysctl", "rp_filter is %ld for %s in %s", value, d->name,
		scene_name(s, netns));
	verdict_fact(s->verdict, "rtnetlink", "the route back to %s %s %s", text,
		back ? "uses device" : "is missing:",
		back ? (topology_device_at(s->topology, netns, r.oif) >= 0
				       ? s->topology
						 ->devices[topology_device_at(
							 s->topology, netns, r.oif)]
						 .name
				       : "?")
		     : strerror(r.error ? r.error : ENETUNREACH));
	scene_exec(s, netns, exec);
	/* There by one way and back by another is no fault where both lead home; a route that leads
	 * nowhere is one, and without the filter the answer would be lost on it. */
	if (back && !gateway_leads(s, netns, 4, at->outer.source)) {
		verdict_fact(s->verdict, "rtnetlink", "that route does not lead to %s", text);
		if (route_back(s, d, at->outer.source, &r))
			return true;
	}
	if (!back && (route_back(s, d, at->outer.source, NULL) ||
			     scene_suggest_route(s, netns, 4, at->outer.source)))
		return true;
	if (!back && scene_conf4(s, netns, "all", "rp_filter"))
		verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.all.rp_filter=0", exec);
	verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.%s.rp_filter=%d", exec, d->name,
		back ? 2 : 0);
	return true;
}

const struct cause cause_rp_filter = {
	.id = "rp-filter",
	.title = "the reverse path filter refuses the source",
	.proof =
		"IP_RPFILTER in ip_rcv_finish_core, or only an unanswered ARP request. Confirmed: "
		"max(all, D).rp_filter, and the route back does not use D (1) or does not exist (2).",
	.repair =
		"ip -n N route replace SRCNET via G dev D; where the other way back leads home, too: "
		"ip netns exec N sysctl -w net.ipv4.conf.D.rp_filter=2",
	.signs = {{SIGN_DROP, "IP_RPFILTER", NULL, 0}, {SIGN_DROP, NULL, "ip_rcv_finish_core", 0},
		{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = rp_filter_confirm,
};

/* ---- echo-ignored ---- */

static bool echo_ignored_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	char exec[COMMAND_PREFIX];
	const char *key;
	bool six;

	if (!at || netns < 0 || at->inner.kind != HEADER_ECHO_REQUEST ||
		at->event.match != PATH_PROBE)
		return false;
	six = at->inner.family == 6;
	key = six ? "net/ipv6/icmp/echo_ignore_all" : "net/ipv4/icmp_echo_ignore_all";
	if (!live_sysctl(scene_fd(s, netns), 0, "%s", key))
		return false;
	key = six ? "net.ipv6.icmp.echo_ignore_all" : "net.ipv4.icmp_echo_ignore_all";
	scene_at(s, netns, at->event.device);
	scene_why(s, "%s received the echo request on %s and is set to ignore all of them",
		scene_name(s, netns), at->event.device);
	verdict_fact(s->verdict, "sysctl", "%s is 1 in %s", key, scene_name(s, netns));
	verdict_fix(s->verdict, "%ssysctl -w %s=0", scene_exec(s, netns, exec), key);
	return true;
}

const struct cause cause_echo_ignored = {
	.id = "echo-ignored",
	.title = "the destination ignores echo requests",
	.proof =
		"The request is received, no reply, no drop. Confirmed: icmp_echo_ignore_all is 1.",
	.repair = "ip netns exec B sysctl -w net.ipv4.icmp_echo_ignore_all=0",
	.signs = {{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, NULL, "icmp_rcv", 0},
		{SIGN_DROP, NULL, "icmpv6_rcv", 0}},
	.confirm = echo_ignored_confirm,
};

/* ---- netmask-mismatch, no-return-route, missing-masquerade ---- */

/* Where the answer could not be routed: the destination that has received the request, or a
 * router that has received the answer.  view: the answer as it would leave. */
static int returner(const struct scene *s, struct packet_view *view, uint32_t *iif)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_router(s, iif);

	if (!at || netns < 0)
		return TOPOLOGY_NONE;
	scene_packet(s, view);
	if (at->leg == LEG_ANSWER || (at->leg == LEG_NEIGHBOUR && s->ending->leg == LEG_ANSWER))
		return netns;
	*iif = 0;
	if (at->leg != LEG_REQUEST ||
		scene_is_local(s, netns, view->family, view->destination) == TOPOLOGY_NONE)
		return TOPOLOGY_NONE;
	if (s->ending->leg == LEG_REQUEST) { /* turn it round: the answer was never seen */
		uint8_t swap[16];

		memcpy(swap, view->source, 16);
		memcpy(view->source, view->destination, 16);
		memcpy(view->destination, swap, 16);
		view->first = view->second = 0;
		view->proto = 0;
	}
	return netns;
}

static bool return_route_missing(
	const struct scene *s, int *netns, struct packet_view *view, struct route_reply *r)
{
	uint32_t iif;

	*netns = returner(s, view, &iif);
	if (*netns < 0 || !scene_route(s, *netns, view, iif, r))
		return false;
	return r->error == ENETUNREACH && !r->matched;
}

static bool netmask_mismatch_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view view;
	struct route_reply r;
	const struct address *with, *own = NULL;
	char text[ADDRESS_TEXT], other[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	int netns, device, from;

	if (!return_route_missing(s, &netns, &view, &r))
		return false;
	/* The asker believes the destination to be on its own link. */
	from = scene_covering(s, s->asker, view.family, view.source, &with);
	device = scene_is_local(s, netns, view.family, view.source);
	if (from == TOPOLOGY_NONE || device == TOPOLOGY_NONE || netns == s->asker)
		return false;
	for (size_t k = 0; k < s->topology->devices[device].address_count; k++) {
		const struct address *a = &s->topology->devices[device].addresses[k];

		if (address_covers(a, view.family, view.destination))
			return false;
		if (address_family(a) == view.family &&
			scene_address_equal(view.family, a->ip, view.source))
			own = a;
	}
	if (!own || own->prefix == with->prefix)
		return false;
	address_text(text, view.family, view.source);
	address_text(other, view.family, view.destination);
	scene_at(s, netns, s->topology->devices[device].name);
	scene_why(s, "%s has %s/%u, so %s is not on its link; %s has /%u and thinks it is",
		scene_name(s, netns), text, own->prefix, other, scene_name(s, s->asker),
		with->prefix);
	verdict_fact(s->verdict, "rtnetlink", "%s/%u in %s, prefix /%u in %s, no route back to %s",
		text, own->prefix, scene_name(s, netns), with->prefix, scene_name(s, s->asker),
		other);
	scene_ip(s, netns, ip);
	verdict_fix(s->verdict, "%s addr add %s/%u dev %s", ip, text, with->prefix,
		s->topology->devices[device].name);
	return true;
}

const struct cause cause_netmask_mismatch = {
	.id = "netmask-mismatch",
	.title = "prefix lengths differ, so one side thinks the other is elsewhere",
	.proof =
		"As no-return-route. Confirmed: the destination is inside the asker's prefix, the asker is "
		"not inside the destination's.",
	.repair = "ip -n B addr add X/RIGHT dev b0",
	.signs = {{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = netmask_mismatch_confirm,
};

static bool is_private(const uint8_t *ip)
{
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168);
}

/* The last router that the request crossed, and the device by which it left; NONE */
static int router_crossed(const struct scene *s, const char **uplink)
{
	int found = TOPOLOGY_NONE;

	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];
		int netns = scene_netns(s, n), device = scene_device(s, n);

		if (n->leg != LEG_REQUEST || n->event.match != PATH_PROBE ||
			n->event.kind != PATH_TX || netns < 0 || netns == s->asker ||
			device == TOPOLOGY_NONE || s->topology->devices[device].port.is_port)
			continue;
		found = netns;
		*uplink = n->event.device;
	}
	return found;
}

static bool has_nat(const struct scene *s, int netns)
{
	static const char *const argv[] = {"nft", "-j", "list", "chains", NULL};
	json_t *rules = live_json(scene_fd(s, netns), argv);
	json_t *items = json_object_get(rules, "nftables");
	bool found = false;

	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *chain = json_object_get(json_array_get(items, i), "chain");
		const char *type = json_string_value(json_object_get(chain, "type"));
		const char *hook = json_string_value(json_object_get(chain, "hook"));

		found = found ||
			(type && hook && !strcmp(type, "nat") && !strcmp(hook, "postrouting"));
	}
	json_decref(rules);
	return found;
}

static bool missing_masquerade_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view view;
	struct route_reply r;
	const char *uplink = "";
	char text[ADDRESS_TEXT], exec[COMMAND_PREFIX];
	int netns, router;
	bool nat, public;

	if (!return_route_missing(s, &netns, &view, &r) || view.family != 4)
		return false;
	router = router_crossed(s, &uplink);
	if (router == TOPOLOGY_NONE || router == netns || !is_private(view.destination))
		return false;
	/* Between two private networks a missing route is the plain reading, unless the router
	 * translates at all; 172.16.0.0/12 behind another block is the usual inner network. */
	public = !is_private(view.source) || (view.destination[0] == 172 && view.source[0] != 172);
	nat = has_nat(s, router);
	if (!nat && !public)
		return false;
	address_text(text, 4, view.destination);
	scene_at(s, router, uplink);
	scene_why(s,
		"%s sends the request out of %s with the private source %s untranslated, and %s has "
		"no route back to it",
		scene_name(s, router), uplink, text, scene_name(s, netns));
	verdict_fact(s->verdict, "rtnetlink", "RTM_GETROUTE to %s in %s: %s", text,
		scene_name(s, netns), strerror(r.error));
	verdict_fact(s->verdict, "nft", "no rule in %s has translated %s on %s",
		scene_name(s, router), text, uplink);
	scene_exec(s, router, exec);
	if (!nat) {
		verdict_fix(s->verdict, "%snft add table ip nat", exec);
		verdict_fix(s->verdict,
			"%snft 'add chain ip nat POSTROUTING { type nat hook postrouting priority 100; }'",
			exec);
		verdict_fix(s->verdict, "%snft add rule ip nat POSTROUTING oifname %s masquerade",
			exec, uplink);
	} else {
		verdict_fix(s->verdict, "%snft add table ip warren_nat", exec);
		verdict_fix(s->verdict,
			"%snft 'add chain ip warren_nat POSTROUTING { type nat hook postrouting priority 101; }'",
			exec);
		verdict_fix(s->verdict,
			"%snft add rule ip warren_nat POSTROUTING oifname %s masquerade", exec,
			uplink);
	}
	return true;
}

const struct cause cause_missing_masquerade = {
	.id = "missing-masquerade",
	.title = "a private source leaves the gateway untranslated",
	.proof =
		"The request leaves the uplink with its inner source; the far side has no route for it. "
		"Confirmed: no translation was seen, the far side's RTM_GETROUTE fails.",
	.repair = "ip netns exec N nft add rule ip nat POSTROUTING oifname UP masquerade",
	.signs = {{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0}, {SIGN_DROP, "NO_SOCKET", NULL, 0},
		{SIGN_DROP, NULL, "tcp_v4_rcv", 0}, {SIGN_DROP, NULL, "ip6_pkt_discard", 0}},
	.confirm = missing_masquerade_confirm,
};

static bool no_return_route_confirm(struct scene *s, const struct cause *c)
{
	const struct device *tunnel = scene_underlay(s);
	struct packet_view view;
	struct route_reply r;
	char text[ADDRESS_TEXT];
	int netns;

	if (!return_route_missing(s, &netns, &view, &r))
		return false;
	address_text(text, view.family, view.destination);
	scene_at(s, netns, scene_seen(s)->event.device);
	scene_why(s, "the request has arrived, but %s has no route back to %s%s%s",
		scene_name(s, netns), text, tunnel ? ", the other end of " : "",
		tunnel ? tunnel->name : "");
	verdict_fact(s->verdict, "rtnetlink", "RTM_GETROUTE to %s in %s: %s", text,
		scene_name(s, netns), strerror(r.error));
	scene_suggest_route(s, netns, view.family, view.destination);
	return true;
}

const struct cause cause_no_return_route = {
	.id = "no-return-route",
	.title = "the destination, or a router on the way back, has no route to the asker",
	.proof =
		"The request is received, no reply, no drop; or IP_INNOROUTES for the reply at a router. "
		"Confirmed: RTM_GETROUTE for the source address fails there.",
	.repair = "ip -n N route add SRCNET via G",
	.signs = {{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, "IP_OUTNOROUTES", NULL, 0}, {SIGN_DROP, NULL, "vxlan_xmit_one", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0}, {SIGN_DROP, "NO_SOCKET", NULL, 0},
		{SIGN_DROP, NULL, "tcp_v4_rcv", 0}, {SIGN_DROP, NULL, "ip6_pkt_discard", 0}},
	.confirm = no_return_route_confirm,
};

/* ---- ipv6-disabled, ipv6-duplicate ---- */

/* An address, of another node on the segment of `device`, whose prefix covers ip; NULL. */
static const struct address *neighbours_covering(
	const struct scene *s, int device, const uint8_t *ip)
{
	const struct address *with = NULL;
	bool open, *reached = scene_segment(s, device, SEGMENT_CABLED, &open);

	for (size_t i = 0; reached && i < s->topology->device_count && !with; i++) {
		const struct device *d = &s->topology->devices[i];

		for (size_t k = 0; reached[i] && k < d->address_count; k++)
			if (address_covers(&d->addresses[k], 6, ip))
				with = &d->addresses[k];
	}
	free(reached);
	return with;
}

static bool ipv6_disabled_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	char exec[COMMAND_PREFIX], ip[COMMAND_PREFIX], text[ADDRESS_TEXT];
	struct packet_view view;
	const struct address *with;
	const struct device *d;
	int netns, device = TOPOLOGY_NONE;

	scene_packet(s, &view);
	if (view.family != 6)
		return false;
	/* Who heard the question or got the packet; or the asker, when nothing could be sent. */
	if (at && at->event.kind == PATH_DROP) {
		device = scene_device(s, at);
	} else if (at) {
		for (size_t i = 0; i < s->story->count && device == TOPOLOGY_NONE; i++) {
			const struct seen *n = &s->story->list[i];

			if (n->event.kind != PATH_RX || n->leg != LEG_NEIGHBOUR ||
				scene_device(s, n) == TOPOLOGY_NONE)
				continue;
			d = &s->topology->devices[scene_device(s, n)];
			if (live_sysctl(scene_fd(s, d->netns), 0, "net/ipv6/conf/%s/disable_ipv6",
				    d->name))
				device = scene_device(s, n);
		}
	} else {
		for (size_t i = 0; s->asker >= 0 && i < s->topology->netns[s->asker].device_count;
			i++) {
			d = &s->topology->devices[s->topology->netns[s->asker].first_device + i];
			if (d->kind != DEVICE_LOOPBACK && d->up &&
				live_sysctl(scene_fd(s, s->asker), 0,
					"net/ipv6/conf/%s/disable_ipv6", d->name))
				device = (int)(d - s->topology->devices);
		}
	}
	if (device == TOPOLOGY_NONE)
		return false;
	d = &s->topology->devices[device];
	netns = d->netns;
	if (!live_sysctl(scene_fd(s, netns), 0, "net/ipv6/conf/%s/disable_ipv6", d->name))
		return false;
	scene_at(s, netns, d->name);
	scene_why(s, "IPv6 is off on %s in %s", d->name, scene_name(s, netns));
	verdict_fact(s->verdict, "sysctl", "net.ipv6.conf.%s.disable_ipv6 is 1 in %s", d->name,
		scene_name(s, netns));
	scene_exec(s, netns, exec);
	if (live_sysctl(scene_fd(s, netns), 0, "net/ipv6/conf/all/disable_ipv6"))
		verdict_fix(s->verdict, "%ssysctl -w net.ipv6.conf.all.disable_ipv6=0", exec);
	verdict_fix(s->verdict, "%ssysctl -w net.ipv6.conf.%s.disable_ipv6=0", exec, d->name);
	if (netns == s->asker || scene_is_local(s, netns, 6, view.destination) != TOPOLOGY_NONE)
		return true;
	/* The addresses went when it was switched off. */
	with = neighbours_covering(s, device, view.destination);
	if (with)
		verdict_fix(s->verdict, "%s addr add %s/%u dev %s nodad", scene_ip(s, netns, ip),
			address_text(text, 6, view.destination), with->prefix, d->name);
	return true;
}

const struct cause cause_ipv6_disabled = {
	.id = "ipv6-disabled",
	.title = "IPv6 is off on the device",
	.proof =
		"IPV6DISABLED in ip6_rcv_core or ip6_output; often just an unanswered solicitation, since "
		"the addresses went. Confirmed: disable_ipv6 of the device.",
	.repair =
		"ip netns exec N sysctl -w net.ipv6.conf.D.disable_ipv6=0, then the address again",
	.signs = {{SIGN_DROP, "IPV6DISABLED", NULL, 0}, {SIGN_DROP, NULL, "ip6_rcv_core", 0},
		{SIGN_DROP, NULL, "ip6_output", 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_CALL, NULL, NULL, ENETUNREACH}, {SIGN_CALL, NULL, NULL, EADDRNOTAVAIL},
		{SIGN_CALL, NULL, NULL, EACCES}},
	.confirm = ipv6_disabled_confirm,
};

static bool ipv6_duplicate_confirm(struct scene *s, const struct cause *c)
{
	const struct topology *t = s->topology;
	const struct address *bad = NULL;
	const struct device *d = NULL;
	struct packet_view view;
	char text[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	int owner = TOPOLOGY_NONE;

	scene_packet(s, &view);
	if (view.family != 6)
		return false;
	while ((owner = scene_owner(s, AF_INET6, view.destination, owner)) != TOPOLOGY_NONE)
		for (size_t k = 0; k < t->devices[owner].address_count; k++) {
			const struct address *a = &t->devices[owner].addresses[k];

			if (scene_address_equal(6, a->ip, view.destination) &&
				(a->flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE)) &&
				!(a->flags & IFA_F_OPTIMISTIC)) {
				bad = a;
				d = &t->devices[owner];
			}
		}
	for (size_t i = 0; !bad && s->asker >= 0 && i < t->netns[s->asker].device_count; i++) {
		d = &t->devices[t->netns[s->asker].first_device + i];
		for (size_t k = 0; k < d->address_count && !bad; k++)
			if (address_family(&d->addresses[k]) == 6 &&
				(d->addresses[k].flags & IFA_F_DADFAILED))
				bad = &d->addresses[k];
		if (bad)
			break;
	}
	if (!bad)
		return false;
	address_text(text, 6, bad->ip);
	scene_at(s, d->netns, d->name);
	scene_why(s, "%s on %s in %s %s", text, d->name, scene_name(s, d->netns),
		bad->flags & IFA_F_DADFAILED
			? "failed duplicate address detection: somebody else has it"
			: "is still tentative: duplicate address detection has not ended");
	verdict_fact(s->verdict, "rtnetlink", "%s in %s has flag %s", text, scene_name(s, d->netns),
		bad->flags & IFA_F_DADFAILED ? "dadfailed" : "tentative");
	scene_ip(s, d->netns, ip);
	verdict_fix(s->verdict, "%s addr del %s/%u dev %s", ip, text, bad->prefix, d->name);
	verdict_fix(s->verdict, "%s addr add %s/%u dev %s nodad", ip, text, bad->prefix, d->name);
	return true;
}

const struct cause cause_ipv6_duplicate = {
	.id = "ipv6-duplicate",
	.title = "the address failed duplicate address detection",
	.proof = "The solicitation is received, no advertisement. Confirmed: IFA_F_DADFAILED or "
		 "IFA_F_TENTATIVE on the address.",
	.repair = "ip -n N addr del ...; ip -n N addr add ... nodad",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_DROP, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_CALL, NULL, NULL, 0}},
	.confirm = ipv6_duplicate_confirm,
};
