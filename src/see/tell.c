/* tell.c - the story as numbered steps (story_tell) */
#include "see/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ROUTES_TOLD = 64 };

struct teller {
	const struct story *story;
	const char *(*node)(uint32_t netns, void *arg);
	void *arg;
	struct verdict *verdict;
	const struct seen *routes[ROUTES_TOLD]; /* decisions that were told already */
	size_t route_count;
};

/* In a circle the same happens again and again: told twice, then only counted. */
static bool told_often(struct teller *t, const struct step *now)
{
	struct step *first = NULL;
	int times = 0;

	for (size_t i = 0; i + 1 < t->verdict->step_count; i++) {
		struct step *s = &t->verdict->steps[i];

		if (strcmp(s->node, now->node) || strcmp(s->device, now->device) ||
			strcmp(s->event, now->event) || strcmp(s->packet, now->packet))
			continue;
		first = s;
		times++;
	}
	if (times < 2)
		return false;
	snprintf(first->note, sizeof(first->note), "and again, and again");
	t->verdict->step_count--;
	return true;
}

static struct step *step_begin(struct teller *t, const struct seen *n, const char *event)
{
	struct step *step = verdict_step(t->verdict);

	if (!step)
		return NULL;
	snprintf(step->node, sizeof(step->node), "%s", t->node(n->event.netns, t->arg));
	snprintf(step->device, sizeof(step->device), "%s", n->event.device);
	snprintf(step->event, sizeof(step->event), "%s", event);
	if (n->event.kind != PATH_ROUTE)
		headers_text(step->packet, sizeof(step->packet), n->event.protocol, n->event.bytes,
			n->event.captured);
	step->time = (int64_t)(n->event.time - t->story->subject.sent);
	if (n->event.kind != PATH_ROUTE && told_often(t, step))
		return NULL;
	return step;
}

static void note(struct step *step, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct step *step, const char *format, ...)
{
	va_list args;

	if (!step)
		return;
	va_start(args, format);
	vsnprintf(step->note, sizeof(step->note), format, args);
	va_end(args);
}

static void route_tell(struct teller *t, const struct seen *n)
{
	const struct path_route *r = &n->event.route;
	char gateway[ADDRESS_TEXT], to[ADDRESS_TEXT];
	struct step *step;

	for (size_t i = 0; i < t->route_count; i++) {
		const struct path_event *o = &t->routes[i]->event;

		if (o->netns == n->event.netns && !strcmp(o->route.device, r->device) &&
			!memcmp(o->route.destination, r->destination, sizeof(r->destination)))
			return;
	}
	step = step_begin(t, n, "route");
	if (!step)
		return;
	if (t->route_count < ROUTES_TOLD)
		t->routes[t->route_count++] = n;
	address_text(to, r->family, r->destination);
	snprintf(step->device, sizeof(step->device), "%s", r->device);
	snprintf(step->packet, sizeof(step->packet), "to %s", to);
	if (r->error)
		note(step, "no route in table %u", r->table);
	else if (r->gateway_family)
		note(step, "routed to %s via %s", r->device,
			address_text(gateway, r->gateway_family == 10 ? 6 : 4, r->gateway));
	else
		note(step, "routed to %s, directly", r->device);
}

/* The routing decision that led to this sending, if one was seen. */
static const struct seen *route_before(const struct story *s, size_t at)
{
	const struct seen *n = &s->list[at];
	size_t size = n->outer.family == 6 ? 16 : 4;

	for (size_t i = at; i-- > 0;) {
		const struct seen *r = &s->list[i];

		if (r->event.kind == PATH_ROUTE && r->event.netns == n->event.netns &&
			!r->event.route.error && !strcmp(r->event.route.device, n->event.device) &&
			!memcmp(r->event.route.destination, n->outer.destination, size))
			return r;
	}
	return NULL;
}

/* The routing decision because of which a neighbour is looked for. */
static const struct seen *route_behind(const struct story *s, size_t at)
{
	const struct seen *n = &s->list[at];
	size_t size = n->inner.family == 6 ? 16 : 4;
	const uint8_t *wanted =
		n->inner.kind == HEADER_ARP ? n->inner.destination : n->inner.target;

	if (n->inner.kind != HEADER_SOLICIT &&
		!(n->inner.kind == HEADER_ARP && n->inner.operation == 1))
		return NULL;
	for (size_t i = at; i-- > 0;) {
		const struct path_route *r = &s->list[i].event.route;

		if (s->list[i].event.kind == PATH_ROUTE &&
			s->list[i].event.netns == n->event.netns && !r->error &&
			!strcmp(r->device, n->event.device) &&
			!memcmp(r->gateway_family ? r->gateway : r->destination, wanted, size))
			return &s->list[i];
	}
	return NULL;
}

/* Have we sent this packet on this device already (queue, then transmit)? */
static bool told_before(const struct story *s, size_t at)
{
	const struct seen *n = &s->list[at];

	for (size_t i = at; i-- > 0;) {
		const struct seen *b = &s->list[i];

		if (b->event.skb == n->event.skb && b->event.kind == PATH_QUEUE &&
			b->event.netns == n->event.netns && b->event.ifindex == n->event.ifindex)
			return true;
		if (b->event.skb == n->event.skb && b->event.kind != PATH_ICMP)
			return false;
	}
	return false;
}

static bool received_here_before(const struct story *s, size_t at, enum leg leg)
{
	for (size_t i = 0; i < at; i++)
		if (s->list[i].event.kind == PATH_RX && s->list[i].leg == leg &&
			s->list[i].event.netns == s->list[at].event.netns)
			return true;
	return false;
}

static bool sent_here_before(const struct story *s, size_t at, enum leg leg)
{
	for (size_t i = 0; i < at; i++)
		if ((s->list[i].event.kind == PATH_QUEUE || s->list[i].event.kind == PATH_TX) &&
			s->list[i].leg == leg && s->list[i].event.netns == s->list[at].event.netns)
			return true;
	return false;
}

static void tx_tell(struct teller *t, size_t at)
{
	const struct story *s = t->story;
	const struct seen *n = &s->list[at];
	const struct seen *route;
	struct step *step;
	bool ours = n->event.match != PATH_CARRIER && n->event.match != PATH_GUESS;

	if (told_before(s, at))
		return;
	if (n->leg == LEG_ANSWER && ours && !sent_here_before(s, at, LEG_ANSWER) &&
		received_here_before(s, at, LEG_REQUEST) &&
		!received_here_before(s, at, LEG_ANSWER) && n->outer.kind != HEADER_VXLAN) {
		step = step_begin(t, n, "deliver");
		if (step) {
			step->device[0] = '\0';
			note(step, "the request has arrived; %s answers",
				n->inner.kind == HEADER_ECHO_REPLY ? "the stack" : "its receiver");
		}
	}
	route = n->leg == LEG_NEIGHBOUR ? route_behind(s, at) : route_before(s, at);
	if (route)
		route_tell(t, route);
	step = step_begin(t, n, "tx");
	if (n->event.match == PATH_CARRIER)
		note(step, "%s: carries the %s, encrypted", n->handshake ? "handshake" : "datagram",
			n->leg == LEG_ANSWER ? "answer" : "request");
	else if (n->handshake)
		note(step, "the tunnel's handshake, sent by %.16s (pid %u)", n->event.comm,
			n->event.pid);
	else if (n->event.match == PATH_GUESS)
		note(step, "sent by %.16s (pid %u) right after it read the packet: inferred",
			n->event.comm, n->event.pid);
	else if (n->leg != LEG_NEIGHBOUR && n->leg != LEG_ERROR &&
		 received_here_before(s, at, n->leg) && strcmp(n->event.link, "bridge") != 0)
		note(step, "forwarded");
}

static void rx_tell(struct teller *t, size_t at)
{
	const struct seen *n = &t->story->list[at];
	bool written = !strcmp(n->event.link, "tun");
	struct step *step = step_begin(t, n, written ? "write" : "rx");

	if (written)
		note(step, "written to %s by %.16s (pid %u)", n->event.device, n->event.comm,
			n->event.pid);
}

static void consume_tell(struct teller *t, const struct seen *n)
{
	struct step *step;

	if (!strcmp(n->event.link, "tun") && strstr(n->symbol, "tun_") == n->symbol) {
		step = step_begin(t, n, "read");
		note(step, "read from %s by %.16s (pid %u)", n->event.device, n->event.comm,
			n->event.pid);
	} else if (n->leg == LEG_REQUEST && n->event.match == PATH_PROBE &&
		   (strstr(n->symbol, "udp") && strstr(n->symbol, "consume"))) {
		step = step_begin(t, n, "deliver");
		note(step, "received by %.16s (pid %u)", n->event.comm, n->event.pid);
	}
}

static void tunnel_tell(struct teller *t, const struct seen *n)
{
	bool seal = n->event.kind == PATH_SEAL;
	struct step *step = step_begin(t, n, seal ? "seal" : "open");

	if (seal)
		note(step, "%.16s (pid %u) encrypts %u bytes into a datagram of %u", n->event.comm,
			n->event.pid, n->event.length, n->event.outer);
	else
		note(step, "%.16s (pid %u) decrypts %u bytes out of a datagram of %u",
			n->event.comm, n->event.pid, n->event.length, n->event.outer);
}

static void drop_tell(struct teller *t, const struct seen *n)
{
	struct step *step;

	if (seen_is_harmless(n) || !strcmp(n->reason, "OTHERHOST"))
		return;
	step = step_begin(t, n, "drop");
	note(step, "%s%s%s", n->reason[0] ? n->reason : "dropped", n->symbol[0] ? " in " : "",
		n->symbol);
}

/* Neighbours of other packets are not our story. */
static bool neighbour_is_told(const struct story *s, const struct seen *n)
{
	const struct headers *h = &n->inner;
	size_t size = h->family == 6 ? 16 : 4;
	const uint8_t *about =
		h->kind == HEADER_ARP ? h->operation == 1 ? h->destination : h->source : h->target;

	if (h->kind != HEADER_ARP && h->kind != HEADER_SOLICIT && h->kind != HEADER_ADVERTISE)
		return false;
	for (size_t i = 0; i < s->count; i++) {
		const struct seen *o = &s->list[i];
		const struct path_route *r = &o->event.route;

		if (o->event.kind == PATH_ROUTE) {
			if (!memcmp(r->gateway, about, size) && r->gateway_family)
				return true;
		} else if (o->leg != LEG_NEIGHBOUR && o->outer.family == h->family &&
			   (!memcmp(o->outer.destination, about, size))) {
			return true;
		}
	}
	return h->family == s->subject.family && (!memcmp(about, s->subject.destination, size) ||
							 !memcmp(about, s->subject.source, size));
}

void story_tell(
	const struct story *s, const char *(*node)(uint32_t, void *), void *arg, struct verdict *v)
{
	struct teller t = {.story = s, .node = node, .arg = arg, .verdict = v};

	for (size_t i = 0; i < s->count; i++) {
		const struct seen *n = &s->list[i];

		if (n->event.kind == PATH_ROUTE || n->leg == LEG_OTHER)
			continue;
		if (n->leg == LEG_NEIGHBOUR && !neighbour_is_told(s, n))
			continue;
		switch (n->event.kind) {
		case PATH_QUEUE:
		case PATH_TX:
			tx_tell(&t, i);
			break;
		case PATH_RX:
			rx_tell(&t, i);
			break;
		case PATH_CONSUME:
			consume_tell(&t, n);
			break;
		case PATH_SEAL:
		case PATH_OPEN:
			tunnel_tell(&t, n);
			break;
		case PATH_DROP:
			drop_tell(&t, n);
			break;
		case PATH_ICMP:
			note(step_begin(&t, n, "refuse"),
				"answered with an ICMP error (type %d, code %d)", n->event.type,
				n->event.code);
			break;
		default:
			break;
		}
	}
}
