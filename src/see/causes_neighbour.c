/* Causes between neighbours: who has the address, and does he say so. */
#include "see/scene.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Does any namespace of the segment have the address? */
static bool segment_owns(
	const struct scene *s, const bool *reached, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	int owner = TOPOLOGY_NONE;

	while ((owner = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, ip, owner)) !=
		TOPOLOGY_NONE)
		for (size_t i = 0; i < t->device_count; i++)
			if (reached[i] && t->devices[i].netns == t->devices[owner].netns)
				return true;
	return false;
}

/* The stack that heard the question, other than the asker's: the likeliest to be meant. */
static int hearer_find(
	const struct scene *s, const bool *reached, int asker, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	int best = TOPOLOGY_NONE, score = -1;

	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];
		int points = 0;

		if (!reached[i] || d->kind == DEVICE_LOOPBACK || (int)i == asker)
			continue;
		points += d->netns != t->devices[asker].netns ? 4 : 0;
		points += d->up ? 2 : 0;
		points += d->kind != DEVICE_BRIDGE ? 1 : 0;
		for (size_t k = 0; k < d->address_count; k++)
			points += address_covers(&d->addresses[k], family, ip) ? 1 : 0;
		if (points > score) {
			score = points;
			best = (int)i;
		}
	}
	return best;
}

/* Someone of the segment who would do as a gateway instead: the route is corrected. */
static bool gateway_instead(
	struct scene *s, int netns, const struct packet_view *p, const struct route_reply *route)
{
	char ip[COMMAND_PREFIX], prefix[64], way[WAY_TEXT];

	if (!scene_way(s, netns, p->family, p->destination, way))
		return false;
	if (route->prefix_length)
		prefix_text(prefix, p->family, route->prefix, route->prefix_length);
	else
		snprintf(prefix, sizeof(prefix), "default");
	verdict_fix(s->verdict, "%s%s route replace %s %s", scene_ip(s, netns, ip),
		p->family == 6 ? " -6" : "", prefix, way);
	return true;
}

/* Does this node need the address to send the packet on? */
static bool is_next(const struct scene *s, int netns, const struct packet_view *p)
{
	const struct ending *x = s->ending;
	struct route_reply r;

	if (p->family == x->family && scene_address_equal(x->family, x->wanted, p->destination))
		return true;
	return scene_route(s, netns, p, 0, &r) && r.gateway_family == x->family &&
	       scene_address_equal(x->family, x->wanted, r.gateway);
}

/* For which packet was it asked?  When not for the one that is followed, for the datagram of an
 * overlay that starts here. */
static void asked_for(const struct scene *s, int netns, struct packet_view *p)
{
	const struct topology *t = s->topology;

	scene_packet(s, p);
	if (is_next(s, netns, p))
		return;
	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];
		struct packet_view outer = {
			.family = d->tunnel.family == AF_INET6 ? 6 : 4, .proto = IPPROTO_UDP};

		if (d->kind != DEVICE_VXLAN ||
			(d->end.netns >= 0 ? d->end.netns : d->netns) != netns)
			continue;
		memcpy(outer.source, d->tunnel.local, 16);
		memcpy(outer.destination, d->tunnel.remote, 16);
		if (!is_next(s, netns, &outer))
			continue;
		*p = outer;
		return;
	}
}

/* Somebody on the segment answers for others, after a delay of up to a second. */
static bool segment_answers_for_others(const struct scene *s, const bool *reached)
{
	for (size_t i = 0; i < s->topology->device_count; i++) {
		const struct device *d = &s->topology->devices[i];

		if (reached[i] && (live_sysctl(scene_fd(s, d->netns), 0,
					   "net/ipv4/conf/%s/proxy_arp", d->name) > 0 ||
					  live_sysctl(scene_fd(s, d->netns), 0,
						  "net/ipv4/conf/all/proxy_arp") > 0))
			return true;
	}
	return false;
}

static bool address_not_owned_confirm(struct scene *s, const struct cause *c)
{
	const struct ending *x = s->ending;
	const struct topology *t = s->topology;
	const struct seen *at = scene_seen(s);
	int netns = scene_netns(s, at), device = scene_device(s, at), hearer;
	char text[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	const struct address *with;
	struct packet_view p;
	struct route_reply route;
	bool open, owned, proxied, gateway;
	bool *reached = scene_segment(s, device, SEGMENT_CABLED, &open);
	struct neighbour_reply entry;

	if (!reached)
		return false;
	owned = segment_owns(s, reached, x->family, x->wanted);
	proxied = x->family == 4 && segment_answers_for_others(s, reached);
	hearer = hearer_find(s, reached, device, x->family, x->wanted);
	free(reached);
	if (owned || ((open || proxied) && !s->final))
		return false;
	/* Resolved in the meantime? */
	if (live_neighbour(scene_fd(s, netns), at->event.ifindex, x->family, x->wanted, &entry) &&
		entry.found && !(entry.state & (NUD_INCOMPLETE | NUD_FAILED | NUD_PROBE)))
		return false;

	asked_for(s, netns, &p);
	gateway =
		!scene_address_equal(x->family, x->wanted, p.destination) || x->family != p.family;
	address_text(text, x->family, x->wanted);
	scene_at(s, netns, at->event.device);
	scene_why(s, "nobody on the segment of %s in %s has the %s %s", at->event.device,
		scene_name(s, netns), gateway ? "gateway" : "address", text);
	verdict_fact(s->verdict, "rtnetlink", "%s is an address of no namespace that %s reaches",
		text, at->event.device);
	if (entry.found)
		verdict_fact(s->verdict, "rtnetlink", "neighbour %s on %s in %s is %s", text,
			at->event.device, scene_name(s, netns),
			entry.state & NUD_FAILED ? "FAILED" : "INCOMPLETE");
	if (open)
		verdict_fact(s->verdict, "topology",
			"the segment goes on where I cannot look (a process, a wire); nobody answered there");
	if (gateway && scene_route(s, netns, &p, 0, &route) &&
		gateway_instead(s, netns, &p, &route))
		return true;
	scene_covering(s, netns, x->family, x->wanted, &with);
	if (hearer != TOPOLOGY_NONE)
		verdict_fix(s->verdict, "%s addr add %s/%u dev %s%s",
			scene_ip(s, t->devices[hearer].netns, ip), text,
			with		 ? with->prefix
			: x->family == 6 ? 128u
					 : 32u,
			t->devices[hearer].name, x->family == 6 ? " nodad" : "");
	return true;
}

const struct cause cause_address_not_owned = {
	.id = "address-not-owned",
	.title = "nobody on the segment has the address (or the gateway)",
	.proof =
		"The ARP request or neighbour solicitation leaves and is received at the other ends, "
		"nobody answers. Confirmed: the address is in no namespace that the segment reaches; "
		"the neighbour entry is INCOMPLETE or FAILED.",
	.repair = "ip -n B addr add X/LEN dev b0, or ip -n A route replace default via G",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}},
	.confirm = address_not_owned_confirm,
};

/* ---- address-not-owned, after somebody had it ---- */

/* Who sent the packet into the segment on which it was last received. */
static const struct seen *sender_before(const struct scene *s)
{
	const struct seen *at = scene_seen(s);

	for (int i = at ? s->ending->at : -1; i >= 0; i--) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		if ((n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) &&
			n->leg == at->leg && n->event.netns != at->event.netns &&
			n->outer.family == at->outer.family &&
			scene_address_equal(
				n->outer.family, n->outer.destination, at->outer.destination) &&
			d != TOPOLOGY_NONE && !s->topology->devices[d].port.is_port &&
			s->topology->devices[d].mac_size == 6)
			return n;
	}
	return NULL;
}

/* The sender takes the destination for a neighbour, from an entry of old; he who got the packet
 * does not have the address, and nobody has. */
static bool address_gone_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s), *sent = sender_before(s);
	const struct topology *t = s->topology;
	int receiver = scene_device(s, at), sender = scene_netns(s, sent);
	char text[ADDRESS_TEXT], ip[COMMAND_PREFIX];
	const struct address *with;
	struct packet_view p;
	struct route_reply route;

	scene_packet(s, &p);
	/* A port passes frames on: it is no receiver. */
	if (receiver != TOPOLOGY_NONE && at->event.kind != PATH_DROP &&
		t->devices[receiver].port.is_port)
		return false;
	if (!sent || sender < 0 || receiver == TOPOLOGY_NONE || sent->outer.family != p.family ||
		!scene_address_equal(p.family, sent->outer.destination, p.destination))
		return false;
	if (!scene_route(s, sender, &p, 0, &route) || route.error || route.gateway_family ||
		route.oif != sent->event.ifindex ||
		scene_owner(s, p.family == 6 ? AF_INET6 : AF_INET, p.destination, TOPOLOGY_NONE) !=
			TOPOLOGY_NONE)
		return false;
	address_text(text, p.family, p.destination);
	scene_at(s, sender, sent->event.device);
	scene_why(s,
		"nobody on the segment of %s in %s has the address %s (any more); its neighbour "
		"entry leads to %s",
		sent->event.device, scene_name(s, sender), text,
		scene_name(s, t->devices[receiver].netns));
	verdict_fact(s->verdict, "rtnetlink", "%s is an address of no namespace that %s reaches",
		text, sent->event.device);
	scene_covering(s, sender, p.family, p.destination, &with);
	verdict_fix(s->verdict, "%s addr add %s/%u dev %s%s",
		scene_ip(s, t->devices[receiver].netns, ip), text,
		with		? with->prefix
		: p.family == 6 ? 128u
				: 32u,
		t->devices[receiver].name, p.family == 6 ? " nodad" : "");
	return true;
}

const struct cause cause_address_gone = {
	.id = "address-not-owned",
	.title = "nobody has the address any more, but a neighbour entry still leads to who had it",
	.proof =
		"The packet is sent on the link, without a gateway, and ends at a receiver that does "
		"not have the address. Confirmed: it is in no namespace within reach.",
	.repair = "ip -n B addr add X/LEN dev b0",
	.signs = {{SIGN_DROP, "IP_INADDRERRORS", NULL, 0}, {SIGN_DROP, "IP_INNOROUTES", NULL, 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip_error", 0},
		{SIGN_DROP, "NOT_SPECIFIED", "ip6_forward", 0},
		{SIGN_DROP, NULL, "ip6_pkt_discard", 0}, {SIGN_DROP, NULL, "ip6_pkt_drop", 0},
		{SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = address_gone_confirm,
};
