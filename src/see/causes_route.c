/* Causes in routing: no route, a router that does not forward. */
#include "see/scene.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* At a port: its bridge passes frames on, and routes none of them. */
static bool is_passing(const struct scene *s)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);

	return at && at->event.kind != PATH_DROP && device != TOPOLOGY_NONE &&
	       s->topology->devices[device].port.is_port;
}

static bool no_route_confirm(struct scene *s, const struct cause *c)
{
	struct packet_view p;
	struct route_reply r;
	char to[ADDRESS_TEXT];
	uint32_t iif;
	int netns = scene_router(s, &iif);
	const struct device *tunnel = scene_underlay(s);

	scene_packet(s, &p);
	if (netns < 0 || is_passing(s) || !scene_route(s, netns, &p, iif, &r))
		return false;
	/* A receiver without a route to the source refuses, too: the question is the destination.
	 */
	if (r.error != ENETUNREACH || r.matched)
		return false;
	address_text(to, p.family, p.destination);
	scene_at(s, netns, tunnel ? tunnel->name : iif ? scene_seen(s)->event.device : "");
	if (tunnel)
		scene_why(s, "%s has no route to %s, the other end of %s", scene_name(s, netns), to,
			tunnel->name);
	else
		scene_why(s, "%s has no route to %s", scene_name(s, netns), to);
	verdict_fact(s->verdict, "rtnetlink", "RTM_GETROUTE to %s in %s: %s", to,
		scene_name(s, netns), strerror(r.error));
	scene_suggest_route(s, netns, p.family, p.destination);
	return true;
}

const struct cause cause_no_route = {
	.id = "no-route",
	.title = "there is no route to the destination",
	.proof =
		"Local: ENETUNREACH. At a router: IP_INNOROUTES in ip_error or ip6_pkt_discard, and an "
		"ICMP error. Confirmed: RTM_GETROUTE (with the incoming device, at a router) fails.",
	.repair = "ip -n N route add DST via G",
	.signs = {{SIGN_CALL, NULL, NULL, ENETUNREACH}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, "IP_OUTNOROUTES", NULL, 0}, {SIGN_DROP, NULL, "vxlan_xmit_one", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip6_pkt_discard", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip6_pkt_drop", 0}},
	.confirm = no_route_confirm,
};

static bool forwarding_off_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at);
	struct packet_view p;
	char to[ADDRESS_TEXT], exec[COMMAND_PREFIX];
	long all, device;

	scene_packet(s, &p);
	if (!at || netns < 0 || is_passing(s) ||
		(at->event.kind != PATH_DROP && at->event.kind != PATH_RX) ||
		scene_is_local(s, netns, p.family, p.destination) != TOPOLOGY_NONE ||
		(p.family == 4 && p.destination[0] == 127)) /* nobody forwards that */
		return false;
	if (p.family == 6) {
		all = device = live_sysctl(scene_fd(s, netns), -1, "net/ipv6/conf/all/forwarding");
	} else {
		all = live_sysctl(scene_fd(s, netns), -1, "net/ipv4/ip_forward");
		device = live_sysctl(
			scene_fd(s, netns), -1, "net/ipv4/conf/%s/forwarding", at->event.device);
	}
	if (device != 0)
		return false;
	address_text(to, p.family, p.destination);
	scene_at(s, netns, at->event.device);
	scene_why(s, "%s received %s for %s on %s, and does not forward", scene_name(s, netns),
		scene_leg(s), to, at->event.device);
	scene_exec(s, netns, exec);
	if (p.family == 6) {
		verdict_fact(s->verdict, "sysctl", "net.ipv6.conf.all.forwarding is 0 in %s",
			scene_name(s, netns));
		verdict_fix(s->verdict, "%ssysctl -w net.ipv6.conf.all.forwarding=1", exec);
	} else {
		verdict_fact(s->verdict, "sysctl", "net.ipv4.conf.%s.forwarding is 0 in %s",
			at->event.device, scene_name(s, netns));
		if (all)
			verdict_fix(s->verdict, "%ssysctl -w net.ipv4.conf.%s.forwarding=1", exec,
				at->event.device);
		else
			verdict_fix(s->verdict, "%ssysctl -w net.ipv4.ip_forward=1", exec);
	}
	return true;
}

const struct cause cause_forwarding_off = {
	.id = "forwarding-off",
	.title = "a node in the middle does not forward",
	.proof =
		"IP_INADDRERRORS in ip_error (IPv6: in ip6_forward), no ICMP error. Confirmed: forwarding "
		"of the incoming device is 0 and the destination is not local.",
	.repair = "ip netns exec N sysctl -w net.ipv4.ip_forward=1",
	.signs = {{SIGN_DROP, "IP_INADDRERRORS", NULL, 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip6_forward", 0}, {SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = forwarding_off_confirm,
};
