/* Addresses that no packet may have. */
#include "see/scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* May a packet never come from there: multicast, broadcast, unspecified, ::1 by a device? */
static bool is_bad_source(uint8_t family, const uint8_t *ip)
{
	static const uint8_t zero[16];

	/* 0.0.0.1 and above are valid since Linux 5.3. */
	if (family == 6)
		return ip[0] == 0xff || !memcmp(ip, zero, 16) ||
		       (!memcmp(ip, zero, 15) && ip[15] == 1);
	return (ip[0] & 0xf0) == 0xe0 || !memcmp(ip, zero, 4) || !memcmp(ip, "\xff\xff\xff\xff", 4);
}

static bool is_bad_destination(uint8_t family, const uint8_t *ip)
{
	static const uint8_t zero[16];

	return family == 6 ? !memcmp(ip, zero, 16) : ip[0] == 0;
}

/* A unicast packet in a frame for all: whose neighbour entry says so? */
static bool frame_for_all_say(struct scene *s, const struct seen *at)
{
	char ip[COMMAND_PREFIX], exec[COMMAND_PREFIX], text[ADDRESS_TEXT];
	const struct topology *t = s->topology;
	int netns = scene_netns(s, at);
	const struct seen *sent = NULL;
	struct neighbour_reply entry;
	struct route_reply r;
	struct packet_view p;
	const uint8_t *next;

	scene_packet(s, &p);
	for (int i = s->ending->at; i >= 0 && !sent; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if (n->event.kind == PATH_TX && n->leg == at->leg && d != TOPOLOGY_NONE &&
			!t->devices[d].port.is_port)
			sent = n;
	}
	address_text(text, p.family, p.destination);
	scene_at(s, netns, at->event.device);
	scene_why(s,
		"%s to %s came in a broadcast or multicast frame, which %s does not accept on %s",
		scene_leg(s), text, scene_name(s, netns), at->event.device);
	if (sent && scene_route(s, scene_netns(s, sent), &p, 0, &r) && !r.error) {
		next = r.gateway_family ? r.gateway : p.destination;
		if (live_neighbour(scene_fd(s, scene_netns(s, sent)), sent->event.ifindex, p.family,
			    next, &entry) &&
			entry.has_mac && (entry.mac[0] & 1)) {
			address_text(text, p.family, next);
			verdict_fact(s->verdict, "rtnetlink",
				"neighbour %s on %s in %s has a MAC address of a group", text,
				sent->event.device, scene_name(s, scene_netns(s, sent)));
			verdict_fix(s->verdict, "%s neigh del %s dev %s",
				scene_ip(s, scene_netns(s, sent), ip), text, sent->event.device);
			return true;
		}
	}
	scene_exec(s, netns, exec);
	if (live_sysctl(scene_fd(s, netns), 0, "net/ipv%d/conf/all/drop_unicast_in_l2_multicast",
		    p.family))
		verdict_fix(s->verdict,
			"%ssysctl -w net.ipv%d.conf.all.drop_unicast_in_l2_multicast=0", exec,
			p.family);
	verdict_fix(s->verdict, "%ssysctl -w net.ipv%d.conf.%s.drop_unicast_in_l2_multicast=0",
		exec, p.family, at->event.device);
	return true;
}

static bool martian_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	char text[ADDRESS_TEXT];
	const uint8_t *ip;
	bool bad_source;

	if (!at || !at->outer.family || !strcmp(at->event.device, "lo"))
		return false;
	/* A solicitation is sent in the name of the packet that waits for it. */
	if (at->leg == LEG_NEIGHBOUR &&
		(at->outer.family != 6 || !is_bad_source(6, at->outer.source) ||
			scene_address_equal(6, at->outer.source, (const uint8_t[16]){0})))
		return false;
	if (!strcmp(at->reason, "UNICAST_IN_L2_MULTICAST"))
		return frame_for_all_say(s, at);
	bad_source = is_bad_source(at->outer.family, at->outer.source);
	if (!bad_source && !is_bad_destination(at->outer.family, at->outer.destination))
		return false;
	ip = bad_source ? at->outer.source : at->outer.destination;
	address_text(text, at->outer.family, ip);
	scene_at(s, scene_netns(s, at), at->event.device);
	scene_why(s, "%s cannot be: its %s is %s", scene_leg(s),
		bad_source ? "source" : "destination", text);
	verdict_fact(s->verdict, s->blind ? "sockets" : "tracepoint",
		"%s is multicast, broadcast or zero, and so no %s", text,
		bad_source ? "source" : "destination");
	/* Who has written it there?  Any node that the packet has passed. */
	for (int i = (int)s->story->count - 1; i >= 0; i--) {
		int netns = scene_netns(s, &s->story->list[i]);

		if (netns >= 0 && s->story->list[i].leg == at->leg &&
			firewall_writes(s, netns, text))
			break;
	}
	return true;
}

const struct cause cause_martian = {
	.id = "martian",
	.title = "the source or the destination is impossible",
	.proof =
		"IP_INVALID_SOURCE or IP_INVALID_DEST in ip_rcv_finish_core, ip6_rcv_core, "
		"UNICAST_IN_L2_MULTICAST. Confirmed: the address is multicast, broadcast or zero; the rule "
		"that writes it, the neighbour entry that has the MAC address of a group.",
	.repair = "nft delete rule FAMILY TABLE CHAIN handle H, or ip -n N neigh del X dev D",
	.signs = {{SIGN_DROP, "IP_INVALID_SOURCE", NULL, 0},
		{SIGN_DROP, "IP_INVALID_DEST", NULL, 0},
		{SIGN_DROP, "UNICAST_IN_L2_MULTICAST", NULL, 0},
		{SIGN_DROP, NULL, "ip_rcv_finish_core", 0}, {SIGN_DROP, NULL, "ip6_rcv_core", 0},
		{SIGN_DROP, NULL, "ip_route_input_slow", 0}, {SIGN_DROP, NULL, "ip_error", 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_DROP, NULL, "neigh_invalidate", 0}},
	.confirm = martian_confirm,
};
