#include "see/scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "see/gateway.h"

const char *scene_name(const struct scene *s, int netns)
{
	return netns >= 0 ? s->topology->netns[netns].node.name : "?";
}

int scene_fd(const struct scene *s, int netns)
{
	return netns >= 0 ? s->topology->netns[netns].node.fd : -1;
}

/* How to get into a namespace that has no name: through somebody who lives there. */
static pid_t resident(const struct scene *s, int netns)
{
	const struct netns_view *view = &s->topology->netns[netns];

	return view->resident_count ? view->residents[0].pid : 0;
}

const char *scene_tool(const struct scene *s, int netns, const char *tool, char out[COMMAND_PREFIX])
{
	const struct netns_view *view = netns >= 0 ? &s->topology->netns[netns] : NULL;

	if (!view || view->host)
		snprintf(out, COMMAND_PREFIX, "%s", tool);
	else if (view->node.netns[0] && node_is_hidden())
		snprintf(out, COMMAND_PREFIX, "%s exec %s -- %s", program_invocation_name,
			view->node.netns, tool);
	else if (view->node.netns[0])
		snprintf(out, COMMAND_PREFIX, "%s -n %s", tool, view->node.netns);
	else
		snprintf(out, COMMAND_PREFIX, "nsenter -t %d -n %s", (int)resident(s, netns), tool);
	return out;
}

const char *scene_ip(const struct scene *s, int netns, char out[COMMAND_PREFIX])
{
	return scene_tool(s, netns, "ip", out);
}

const char *scene_exec(const struct scene *s, int netns, char out[COMMAND_PREFIX])
{
	const struct netns_view *view = netns >= 0 ? &s->topology->netns[netns] : NULL;

	if (!view || view->host)
		out[0] = '\0';
	else if (view->node.netns[0] && node_is_hidden())
		snprintf(out, COMMAND_PREFIX, "%s exec %s -- ", program_invocation_name,
			view->node.netns);
	else if (view->node.netns[0])
		snprintf(out, COMMAND_PREFIX, "ip netns exec %s ", view->node.netns);
	else
		snprintf(out, COMMAND_PREFIX, "nsenter -t %d -n ", (int)resident(s, netns));
	return out;
}

long scene_conf4(const struct scene *s, int netns, const char *device, const char *key)
{
	return live_sysctl(scene_fd(s, netns), 0, "net/ipv4/conf/%s/%s", device, key);
}

long scene_conf4_max(const struct scene *s, int netns, const char *device, const char *key)
{
	long all = scene_conf4(s, netns, "all", key), own = scene_conf4(s, netns, device, key);

	return all > own ? all : own;
}

void scene_at(struct scene *s, int netns, const char *device)
{
	snprintf(s->verdict->node, sizeof(s->verdict->node), "%s", scene_name(s, netns));
	snprintf(s->verdict->device, sizeof(s->verdict->device), "%s", device);
}

void scene_why(struct scene *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->verdict->why, sizeof(s->verdict->why), format, args);
	va_end(args);
}

const struct seen *scene_seen(const struct scene *s)
{
	return s->ending->at >= 0 ? &s->story->list[s->ending->at] : NULL;
}

int scene_netns(const struct scene *s, const struct seen *n)
{
	return n ? topology_netns(s->topology, n->event.netns) : TOPOLOGY_NONE;
}

int scene_device(const struct scene *s, const struct seen *n)
{
	if (!n || !n->event.ifindex)
		return TOPOLOGY_NONE;
	return topology_device(s->topology, n->event.netns, n->event.ifindex);
}

uint8_t address_family(const struct address *a)
{
	return a->family == AF_INET6 ? 6 : 4;
}

bool scene_address_equal(uint8_t family, const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, family == 6 ? 16 : 4);
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return !memcmp(a, b, whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool address_covers(const struct address *a, uint8_t family, const uint8_t *ip)
{
	return address_family(a) == family && prefix_equal(a->ip, ip, a->prefix);
}

bool prefix_holds(const char *text, uint8_t family, const uint8_t *ip)
{
	struct address a = {.family = family == 6 ? AF_INET6 : AF_INET};
	unsigned long most = family == 6 ? 128 : 32, bits = most;
	char copy[64], *slash, *end = NULL;

	if (!strcmp(text, "default"))
		return true;
	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash) {
		*slash++ = '\0';
		bits = strtoul(slash, &end, 10);
		if (end == slash || *end || bits > most)
			return false;
	}
	a.prefix = (uint8_t)bits;
	return inet_pton(a.family, copy, a.ip) == 1 && address_covers(&a, family, ip);
}

int scene_covering(const struct scene *s, int netns, uint8_t family, const uint8_t *ip,
	const struct address **with)
{
	const struct topology *t = s->topology;
	int best = TOPOLOGY_NONE;

	*with = NULL;
	if (netns < 0)
		return best;
	for (size_t i = 0; i < t->netns[netns].device_count; i++) {
		const struct device *d = &t->devices[t->netns[netns].first_device + i];

		for (size_t k = 0; k < d->address_count; k++)
			if (address_covers(&d->addresses[k], family, ip) &&
				(!*with || d->addresses[k].prefix > (*with)->prefix)) {
				*with = &d->addresses[k];
				best = (int)(t->netns[netns].first_device + i);
			}
	}
	return best;
}

int scene_owner(const struct scene *s, uint8_t family, const void *ip, int after)
{
	do
		after = topology_owner(s->topology, family, ip, after);
	while (after != TOPOLOGY_NONE && s->near && !s->near[s->topology->devices[after].netns]);
	return after;
}

int scene_is_local(const struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	int owner = TOPOLOGY_NONE;

	while ((owner = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, ip, owner)) !=
		TOPOLOGY_NONE)
		if (s->topology->devices[owner].netns == netns)
			return owner;
	return TOPOLOGY_NONE;
}

const char *prefix_text(char out[64], uint8_t family, const uint8_t *ip, unsigned int length)
{
	uint8_t masked[16] = {0};
	char text[ADDRESS_TEXT];

	for (unsigned int i = 0; i < (family == 6 ? 16u : 4u); i++) {
		unsigned int bits = length > 8 * i ? length - 8 * i : 0;

		masked[i] = (uint8_t)(ip[i] & (bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits)));
	}
	snprintf(out, 64, "%s/%u", address_text(text, family, masked), length);
	return out;
}

bool *scene_segment(const struct scene *s, int device, enum segment_walk walk, bool *open)
{
	const struct topology *t = s->topology;
	bool *reached = calloc(t->device_count + 1, sizeof(*reached));

	*open = false;
	if (!reached || device < 0 || topology_segment(t, device, walk, reached) < 0) {
		free(reached);
		return NULL;
	}
	for (size_t i = 0; i < t->device_count; i++) {
		const struct device *d = &t->devices[i];
		const struct device *master;
		bool on = reached[i] || (int)i == device;

		if (!on) { /* ports are walked through without a mark: their bridge tells */
			master = device_master(t, d);
			on = master && (reached[master - t->devices]);
		}
		if (!on)
			continue;
		if (d->end.type == END_PROCESS || d->end.type == END_WIRE ||
			d->end.type == END_UNKNOWN ||
			(d->end.type == END_DEVICE && d->end.device == TOPOLOGY_NONE))
			*open = true;
	}
	return reached;
}

const char *scene_leg(const struct scene *s)
{
	return s->ending->leg == LEG_ANSWER ? "the answer" : "the request";
}

static void view_of(struct packet_view *p, const struct seen *n)
{
	const struct headers *h = &n->outer;

	*p = (struct packet_view){.family = h->family,
		.proto = h->proto,
		.first = h->first,
		.second = h->second,
		.length = n->event.length,
		.icmp_type = h->type};
	memcpy(p->source, h->source, 16);
	memcpy(p->destination, h->destination, 16);
}

void scene_turn(struct packet_view *p)
{
	uint8_t swap[16];
	uint16_t port = p->first;

	memcpy(swap, p->source, 16);
	memcpy(p->source, p->destination, 16);
	memcpy(p->destination, swap, 16);
	if (p->proto == IPPROTO_UDP || p->proto == IPPROTO_TCP) {
		p->first = p->second;
		p->second = port;
	} else {
		p->icmp_type = p->family == 6 ? 129 : 0;
	}
}

const struct device *scene_underlay(const struct scene *s)
{
	const struct seen *at = scene_seen(s);
	int device = scene_device(s, at);
	static const uint8_t zero[16];
	const struct device *d;

	if (device == TOPOLOGY_NONE || at->event.kind != PATH_DROP ||
		strncmp(at->symbol, "vxlan_xmit", 10) != 0 || !strcmp(at->reason, "NO_TX_TARGET"))
		return NULL;
	d = &s->topology->devices[device];
	return d->kind == DEVICE_VXLAN && memcmp(d->tunnel.remote, zero, 16) ? d : NULL;
}

int scene_router(const struct scene *s, uint32_t *iif)
{
	const struct seen *at = scene_seen(s);
	const struct device *tunnel = scene_underlay(s);

	*iif = 0;
	if (tunnel)
		return tunnel->end.netns >= 0 ? tunnel->end.netns : tunnel->netns;
	if (at && (at->event.kind == PATH_DROP || at->event.kind == PATH_RX))
		*iif = at->event.ifindex;
	return at ? scene_netns(s, at) : s->asker;
}

static void view_underlay(struct packet_view *p, const struct device *tunnel, uint32_t inside)
{
	*p = (struct packet_view){.family = tunnel->tunnel.family == AF_INET6 ? 6 : 4,
		.proto = IPPROTO_UDP,
		.second = tunnel->tunnel.port};
	p->length = inside + 14 + 8 + 8 + (p->family == 6 ? 40 : 20);
	memcpy(p->source, tunnel->tunnel.local, 16);
	memcpy(p->destination, tunnel->tunnel.remote, 16);
}

void scene_packet(const struct scene *s, struct packet_view *p)
{
	const struct seen *at = scene_seen(s);
	const struct subject *u = &s->story->subject;
	const struct device *tunnel = scene_underlay(s);

	if (tunnel) {
		view_underlay(p, tunnel, at->event.length);
		return;
	}
	/* A neighbour's question inside a datagram: the datagram is what travels. */
	if (at && at->outer.family &&
		(at->leg != LEG_NEIGHBOUR || at->outer.kind == HEADER_VXLAN)) {
		view_of(p, at);
		/* Received, and no answer was seen: the answer is the request turned round. */
		if (s->ending->leg == LEG_ANSWER && at->leg == LEG_REQUEST)
			scene_turn(p);
		return;
	}
	if (s->ending->last >= 0 && s->story->list[s->ending->last].outer.family) {
		const struct seen *last = &s->story->list[s->ending->last];

		view_of(p, last);
		if (s->ending->leg == LEG_ANSWER && last->leg == LEG_REQUEST)
			scene_turn(p);
		return;
	}
	*p = (struct packet_view){.family = u->family,
		.proto = u->proto,
		.first = u->first,
		.second = u->second,
		.icmp_type = u->family == 6 ? 128 : 8};
	memcpy(p->source, u->source, 16);
	memcpy(p->destination, u->destination, 16);
}

bool scene_route(const struct scene *s, int netns, const struct packet_view *p, uint32_t iif,
	struct route_reply *r)
{
	bool ports = p->proto == IPPROTO_UDP || p->proto == IPPROTO_TCP;
	struct route_question q = {.family = p->family, .to = p->destination, .iif = iif};
	static const uint8_t zero[16];

	/* The kernel refuses to send from an address that is not its own; receiving is another
	 * matter. */
	if (memcmp(p->source, zero, 16) &&
		(iif || scene_is_local(s, netns, p->family, p->source) != TOPOLOGY_NONE))
		q.from = p->source;
	if (ports) {
		q.proto = p->proto;
		q.sport = p->first;
		q.dport = p->second;
	}
	return netns >= 0 && live_route(scene_fd(s, netns), &q, r);
}

bool scene_way(
	const struct scene *s, int netns, uint8_t family, const uint8_t *ip, char out[WAY_TEXT])
{
	const struct topology *t = s->topology;
	const struct address *with;
	int covering = scene_covering(s, netns, family, ip, &with);
	uint8_t gateway[16];
	char text[ADDRESS_TEXT];

	if (netns < 0)
		return false;
	if (covering != TOPOLOGY_NONE && t->devices[covering].up &&
		t->devices[covering].kind != DEVICE_LOOPBACK) {
		snprintf(out, WAY_TEXT, "dev %s", t->devices[covering].name);
		return true;
	}
	if (!gateway_find(s, netns, TOPOLOGY_NONE, family, ip, gateway))
		return false;
	snprintf(out, WAY_TEXT, "via %s", address_text(text, family, gateway));
	return true;
}

unsigned int scene_prefix_length(
	const struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	const struct address *with;
	int owner = scene_owner(s, family == 6 ? AF_INET6 : AF_INET, ip, TOPOLOGY_NONE);

	if (scene_covering(s, netns, family, ip, &with) != TOPOLOGY_NONE)
		return with->prefix;
	for (size_t k = 0; owner != TOPOLOGY_NONE && k < t->devices[owner].address_count; k++)
		if (address_family(&t->devices[owner].addresses[k]) == family &&
			scene_address_equal(family, t->devices[owner].addresses[k].ip, ip))
			return t->devices[owner].addresses[k].prefix;
	return family == 6 ? 128 : 32;
}

/* The first address of the prefix that nobody has. */
static bool free_address(
	const struct scene *s, const struct address *like, uint8_t family, uint8_t out[16])
{
	unsigned int size = family == 6 ? 16 : 4;

	memcpy(out, like->ip, 16);
	for (unsigned int host = 1; host < 255; host++) {
		out[size - 1] =
			(uint8_t)((like->ip[size - 1] &
					  (like->prefix >= size * 8 - 8
							  ? 0xff << (size * 8 - like->prefix)
							  : 0)) |
				  host);
		if (!address_covers(like, family, out))
			break;
		if (scene_owner(s, family == 6 ? AF_INET6 : AF_INET, out, TOPOLOGY_NONE) ==
			TOPOLOGY_NONE)
			return true;
	}
	return false;
}

/* A neighbour's address on the segment of `device`: one whose prefix covers ip, or any. */
static const struct address *neighbour_address(
	const struct scene *s, int device, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	const struct address *any = NULL, *covering = NULL;
	bool open, *reached = scene_segment(s, device, SEGMENT_PASSING, &open);

	for (size_t k = 0; reached && k < t->device_count && !covering; k++)
		for (size_t m = 0; reached[k] && m < t->devices[k].address_count; m++) {
			const struct address *a = &t->devices[k].addresses[m];

			if (t->devices[k].netns == t->devices[device].netns ||
				address_family(a) != family || a->scope)
				continue;
			any = any ? any : a;
			if (address_covers(a, family, ip))
				covering = a;
		}
	free(reached);
	return covering ? covering : any;
}

/* A node without an address on the link that leads to ip gets one, and a route if it is farther:
 * IPv6 addresses go when their device goes down. */
static bool suggest_address(struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	const struct topology *t = s->topology;
	const struct address *like = NULL;
	const struct device *on = NULL;
	char command[COMMAND_PREFIX], text[ADDRESS_TEXT], prefix[64];
	uint8_t own[16];

	for (size_t i = 0; i < t->netns[netns].device_count && !like; i++) {
		int d = (int)(t->netns[netns].first_device + i);

		on = &t->devices[d];
		if (on->up && on->kind != DEVICE_LOOPBACK && !on->port.is_port &&
			gateway_cabled(s, d, family, ip))
			like = neighbour_address(s, d, family, ip);
	}
	if (!like || !free_address(s, like, family, own))
		return false;
	verdict_fact(s->verdict, "rtnetlink", "%s in %s leads there, and has no address", on->name,
		scene_name(s, netns));
	scene_ip(s, netns, command);
	verdict_fix(s->verdict, "%s addr add %s/%u dev %s%s", command,
		address_text(text, family, own), like->prefix, on->name,
		family == 6 ? " nodad" : "");
	if (!address_covers(like, family, ip))
		verdict_fix(s->verdict, "%s route add %s via %s", command,
			prefix_text(prefix, family, ip, scene_prefix_length(s, netns, family, ip)),
			address_text(text, family, like->ip));
	return true;
}

bool scene_suggest_route(struct scene *s, int netns, uint8_t family, const uint8_t *ip)
{
	char command[COMMAND_PREFIX], prefix[64], way[WAY_TEXT], to[ADDRESS_TEXT];

	if (netns < 0)
		return false;
	if (!scene_way(s, netns, family, ip, way)) {
		if (suggest_address(s, netns, family, ip))
			return true;
		verdict_fact(s->verdict, "topology",
			"no neighbour of %s leads to %s: a gateway cannot be named",
			scene_name(s, netns), address_text(to, family, ip));
		return false;
	}
	verdict_fix(s->verdict, "%s route add %s %s", scene_ip(s, netns, command),
		prefix_text(prefix, family, ip, scene_prefix_length(s, netns, family, ip)), way);
	return true;
}
