#include "see/story.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *reason, *symbol; /* NULL: any */
} harmless[] = {
	{"NO_SOCKET", "ping_rcv"}, /* the raw socket has got its copy already */
	{"NO_SOCKET", "icmp_rcv"}, /* the same, where the compiler has made one of the two */
	{"QUEUE_PURGE", NULL},	   /* a socket or a neighbour entry was closed */
	{"NOT_SPECIFIED", "ip6_mc_input"},
	{"NOT_SPECIFIED", "icmpv6_rcv"},
	{"NO_TX_TARGET", "br_dev_xmit"},
	{"PACKET_SOCK_ERROR", NULL}, /* a copy for tcpdump */
	{NULL, "packet_rcv"},
	{NULL, "tpacket_rcv"},
	{NULL, "packet_rcv_spkt"},
	{NULL, "inet_rtm_getroute"}, /* somebody asks for a route: no packet */
	{NULL, "inet6_rtm_getroute"},
	{"SOCKET_CLOSE", NULL},
	{"CONSUMED", NULL},
	{"NOT_DROPPED_YET", NULL},
	{NULL, "skb_release_data"}, /* fragments, with the packet that they had been made */
	{"TC_RECLASSIFY_LOOP", NULL},
};

bool seen_is_harmless(const struct seen *n)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if ((!harmless[i].reason || !strcmp(harmless[i].reason, n->reason)) &&
			(!harmless[i].symbol || !strcmp(harmless[i].symbol, n->symbol)))
			return true;
	return false;
}

/* The end of a copy that was not for this receiver: a bridge floods. */
static bool seen_is_stray(const struct seen *n)
{
	return n->event.kind == PATH_DROP && !strcmp(n->reason, "OTHERHOST");
}

static size_t address_size(uint8_t family)
{
	return family == 6 ? 16 : 4;
}

bool seen_asks(const struct seen *n, uint8_t family, const uint8_t *ip)
{
	if (n->inner.kind == HEADER_ARP)
		return family == 4 && n->inner.operation == 1 &&
		       !memcmp(n->inner.destination, ip, 4);
	return n->inner.kind == HEADER_SOLICIT && family == 6 && !memcmp(n->inner.target, ip, 16);
}

bool seen_tells(const struct seen *n, uint8_t family, const uint8_t *ip)
{
	if (n->inner.kind == HEADER_ARP)
		return family == 4 && n->inner.operation == 2 && !memcmp(n->inner.source, ip, 4);
	return n->inner.kind == HEADER_ADVERTISE && family == 6 && !memcmp(n->inner.target, ip, 16);
}

static enum leg transport_leg(struct subject *s, const struct headers *h)
{
	switch (h->kind) {
	case HEADER_ECHO_REQUEST:
		return LEG_REQUEST;
	case HEADER_ECHO_REPLY:
		return LEG_ANSWER;
	case HEADER_UDP:
		/* Translation changes one of the two ports at most on each side of the NAT. */
		return h->first == s->first || h->second == s->second ? LEG_REQUEST : LEG_ANSWER;
	case HEADER_TCP:
		if (!s->sequence_known && (h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
			s->sequence = h->sequence;
			s->sequence_known = true;
		}
		if (h->flags & TCP_RST) /* a refusal, as an ICMP error is one */
			return LEG_ERROR;
		if (h->sequence == s->sequence || h->sequence == s->sequence + 1)
			return LEG_REQUEST;
		return LEG_ANSWER;
	default:
		return LEG_OTHER;
	}
}

/* A datagram belongs to the leg of what was sealed into it, or of what the same process read. */
static enum leg carrier_leg(const struct story *s, const struct path_event *e)
{
	for (size_t i = s->count; i-- > 0;) {
		const struct seen *n = &s->list[i];
		bool sealed = n->event.kind == PATH_SEAL && !memcmp(n->event.key, e->key, PATH_KEY);
		bool seen = (n->event.match == PATH_CARRIER || n->event.match == PATH_GUESS) &&
			    !memcmp(n->event.key, e->key, PATH_KEY);
		bool caused = e->match == PATH_GUESS && n->event.kind == PATH_CONSUME &&
			      n->event.match != PATH_NEIGHBOUR && n->event.pid == e->pid;

		if (sealed || seen || caused)
			return n->leg == LEG_ERROR ? LEG_ERROR : n->leg;
	}
	return LEG_REQUEST;
}

static bool is_handshake(const struct path_event *e)
{
	return e->match == PATH_GUESS && e->key[0] >= 1 && e->key[0] <= 3 && !e->key[1] &&
	       !e->key[2] && !e->key[3];
}

void story_add(struct story *s, const struct path_event *event)
{
	struct seen *n;

	/* Neighbours may ask without end, as in a circle of bridges: the packet needs room, too. */
	if (s->count == STORY_EVENTS ||
		(event->match == PATH_NEIGHBOUR && s->count >= STORY_NEIGHBOURS)) {
		s->cut++;
		return;
	}
	if (s->count % 64 == 0) {
		struct seen *grown = reallocarray(s->list, s->count + 64, sizeof(*grown));

		if (!grown) {
			s->cut++;
			return;
		}
		s->list = grown;
	}
	n = &s->list[s->count];
	*n = (struct seen){.event = *event, .leg = LEG_OTHER};
	if (event->kind != PATH_ROUTE && event->captured <= PATH_BYTES) {
		headers_decode(&n->outer, event->protocol, event->bytes, event->captured);
		headers_innermost(&n->inner, event->protocol, event->bytes, event->captured);
	}
	switch (event->match) {
	case PATH_PROBE:
		if (event->kind != PATH_ROUTE)
			n->leg = n->inner.kind == HEADER_FRAGMENT && s->count
					 ? s->list[s->count - 1].leg
					 : transport_leg(&s->subject, &n->inner);
		break;
	case PATH_QUOTE:
		n->leg = LEG_ERROR;
		break;
	case PATH_CARRIER:
	case PATH_GUESS:
		n->leg = carrier_leg(s, event);
		n->handshake = is_handshake(event);
		break;
	case PATH_NEIGHBOUR:
		n->leg = LEG_NEIGHBOUR;
		break;
	default:
		break;
	}
	s->count++;
}

void story_done(struct story *s)
{
	free(s->list);
	*s = (struct story){0};
}

int story_find(const struct story *s, int after, enum path_kind kind, enum leg leg)
{
	for (size_t i = (size_t)(after + 1); i < s->count; i++)
		if (s->list[i].event.kind == kind && s->list[i].leg == leg)
			return (int)i;
	return -1;
}

bool story_passed(const struct story *s, enum leg leg, uint32_t netns)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].event.kind == PATH_RX && s->list[i].leg == leg &&
			s->list[i].event.netns == netns)
			return true;
	return false;
}

/* Is this event a place where the packet itself was? */
static bool is_progress(const struct seen *n)
{
	if (n->leg != LEG_REQUEST && n->leg != LEG_ANSWER)
		return false;
	/* Fragments go the way of the first one, which may have ended already. */
	if (n->inner.kind == HEADER_FRAGMENT)
		return false;
	switch (n->event.kind) {
	case PATH_QUEUE:
	case PATH_TX:
	case PATH_RX:
	case PATH_SEAL:
	case PATH_OPEN:
		return true;
	case PATH_CONSUME: /* by the reader of a tun */
		return !strcmp(n->event.link, "tun") && strstr(n->symbol, "tun_") == n->symbol;
	default:
		return false;
	}
}

/* Copies that went to somebody who had no use for them, and the sending that made them. */
static void strays_mark(const struct story *s, bool *stray)
{
	for (size_t i = 0; i < s->count; i++) {
		uint64_t skb = s->list[i].event.skb;

		if (!seen_is_stray(&s->list[i]))
			continue;
		for (size_t k = i; k-- > 0;) {
			const struct path_event *e = &s->list[k].event;

			if (e->skb != skb)
				continue;
			if (e->kind != PATH_RX && e->kind != PATH_TX && e->kind != PATH_QUEUE)
				break;
			if (e->kind == PATH_RX || e->netns != s->list[i].event.netns)
				stray[k] = true;
			if (e->kind == PATH_QUEUE)
				break;
		}
	}
}

/* Whoever was answered asks again only because the answer did not come: TCP's repeated SYN, and
 * what becomes of it, is no part of the journey. */
static bool is_repeated(const struct story *s, size_t i)
{
	if (s->list[i].leg != LEG_REQUEST)
		return false;
	while (i-- > 0)
		if (is_progress(&s->list[i]) && s->list[i].leg == LEG_ANSWER)
			return true;
	return false;
}

static int progress_last(const struct story *s, const bool *stray)
{
	int last = -1;

	for (size_t i = 0; i < s->count; i++)
		if (is_progress(&s->list[i]) && !stray[i] && !is_repeated(s, i))
			last = (int)i;
	return last;
}

/* Was what was received at `i` sent on from there, or answered? */
static bool passed_on(const struct story *s, int i)
{
	for (size_t k = (size_t)i + 1; k < s->count; k++)
		if ((s->list[k].event.kind == PATH_TX || s->list[k].event.kind == PATH_QUEUE) &&
			(s->list[k].leg == s->list[i].leg || s->list[k].leg == LEG_ANSWER) &&
			s->list[k].event.netns == s->list[i].event.netns)
			return true;
	return false;
}

static void wanted_of(const struct seen *n, uint8_t *family, uint8_t ip[16])
{
	*family = n->inner.family;
	memset(ip, 0, 16);
	if (n->inner.kind == HEADER_ARP)
		memcpy(ip, n->inner.destination, 4);
	else
		memcpy(ip, n->inner.target, 16);
}

static bool is_question(const struct seen *n)
{
	return n->leg == LEG_NEIGHBOUR &&
	       ((n->inner.kind == HEADER_ARP && n->inner.operation == 1) ||
		       n->inner.kind == HEADER_SOLICIT);
}

static bool address_is_zero(const uint8_t *ip, uint8_t family)
{
	static const uint8_t zero[16];

	return !memcmp(ip, zero, address_size(family));
}

/* Does the packet need this address: its destination, or a gateway that a routing decision named?
 */
static bool is_wanted(const struct story *s, uint8_t family, const uint8_t *ip)
{
	size_t size = address_size(family);

	for (size_t i = 0; i < s->gateway_count; i++)
		if (s->gateways[i].family == family && !memcmp(s->gateways[i].ip, ip, size))
			return true;
	for (size_t i = 0; i < s->count; i++) {
		const struct seen *n = &s->list[i];
		const struct path_route *r = &n->event.route;

		if (n->event.kind == PATH_ROUTE) {
			uint8_t gateway = r->gateway_family == 10  ? 6
					  : r->gateway_family == 2 ? 4
								   : 0;

			if (gateway == family && !memcmp(r->gateway, ip, size))
				return true;
			if (r->family == family && !gateway && !memcmp(r->destination, ip, size))
				return true;
		} else if ((n->leg != LEG_NEIGHBOUR || n->outer.kind == HEADER_VXLAN) &&
			   n->outer.family == family && !memcmp(n->outer.destination, ip, size)) {
			return true;
		}
	}
	return s->subject.family == family &&
	       (!memcmp(s->subject.destination, ip, size) || !memcmp(s->subject.source, ip, size));
}

/* The namespace that asked this first: a bridge and what a macvlan stands on pass it through. */
static uint32_t first_asker(const struct story *s, const struct seen *n)
{
	uint8_t family, ip[16];

	wanted_of(n, &family, ip);
	for (size_t i = 0; i < s->count; i++) {
		const struct seen *o = &s->list[i];

		if (o->leg == LEG_NEIGHBOUR && seen_asks(o, family, ip) &&
			!memcmp(o->inner.source, n->inner.source, address_size(family)) &&
			(o->event.kind == PATH_TX || o->event.kind == PATH_QUEUE))
			return o->event.netns;
	}
	return n->event.netns;
}

/* Was the packet ever in the node that asks this?  Nodes verify their neighbours all the time. */
static bool is_concerned(const struct story *s, const struct seen *n)
{
	uint32_t netns = first_asker(s, n);

	if (netns == s->subject.netns)
		return true;
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].event.netns == netns &&
			(s->list[i].leg != LEG_NEIGHBOUR ||
				s->list[i].outer.kind == HEADER_VXLAN) &&
			s->list[i].leg != LEG_OTHER && s->list[i].event.kind != PATH_ROUTE)
			return true;
	return false;
}

/* Has the same node asked the same before? */
static bool asked_before(const struct story *s, size_t i)
{
	const struct seen *n = &s->list[i];
	uint8_t family, ip[16];

	wanted_of(n, &family, ip);
	for (size_t k = 0; k < i; k++) {
		const struct seen *o = &s->list[k];

		if ((o->event.kind == PATH_TX || o->event.kind == PATH_QUEUE) &&
			o->event.netns == n->event.netns && o->event.ifindex == n->event.ifindex &&
			o->leg == LEG_NEIGHBOUR && seen_asks(o, family, ip))
			return true;
	}
	return false;
}

/* Was the same question asked before, in the same name, by another device?  Bridges and overlays
 * pass on what others ask. */
static bool is_passed_on(const struct story *s, size_t i)
{
	const struct seen *n = &s->list[i];
	uint8_t family, ip[16];

	wanted_of(n, &family, ip);
	for (size_t k = 0; k < i; k++) {
		const struct seen *o = &s->list[k];

		if ((o->event.kind == PATH_TX || o->event.kind == PATH_QUEUE) && is_question(o) &&
			seen_asks(o, family, ip) &&
			!memcmp(o->inner.source, n->inner.source, address_size(family)))
			return o->event.netns != n->event.netns ||
			       o->event.ifindex != n->event.ifindex;
	}
	return false;
}

/* An ARP or ND question, asked after the packet was last seen, that got no answer where it was
 * asked.  Of several the one that came up last: a question that an overlay carries makes the
 * underlay ask its own.  Returns the first sending of it, or -1. */
static int question_unanswered(const struct story *s, int after)
{
	int found = -1;

	for (size_t i = 0; i < s->count; i++) {
		const struct seen *n = &s->list[i];
		uint8_t family, ip[16];
		bool answered = false;

		if (!is_question(n) || (n->event.kind != PATH_TX && n->event.kind != PATH_QUEUE))
			continue;
		/* Only who asks for himself: a bridge passes the questions of others. */
		wanted_of(n, &family, ip);
		if (!is_wanted(s, family, ip) || address_is_zero(n->inner.source, family) ||
			!is_concerned(s, n) || is_passed_on(s, i))
			continue;
		/* IPv6 verifies a neighbour that it goes on using: that is no missing answer. */
		for (size_t k = i + 1; k < s->count && !answered; k++) {
			const struct seen *a = &s->list[k];

			answered = a->event.netns == n->event.netns &&
				   ((a->event.kind == PATH_RX && a->leg == LEG_NEIGHBOUR &&
					    seen_tells(a, family, ip)) ||
					   (is_progress(a) && a->event.kind != PATH_RX &&
						   a->event.ifindex == n->event.ifindex));
		}
		for (size_t k = 0; k < i && !answered; k++) /* passed through, not asked here */
			answered = s->list[k].event.kind == PATH_RX && is_question(&s->list[k]) &&
				   seen_asks(&s->list[k], family, ip) &&
				   s->list[k].event.skb == n->event.skb;
		answered = answered || first_asker(s, n) != n->event.netns;
		if (!answered && (int)i > after && !asked_before(s, i))
			found = (int)i;
	}
	return found;
}

/* fragments: of others than the first fragment; else of none of them
 * given_up: also packets that were given up for want of a neighbour; the question says more */
static int drop_last(const struct story *s, bool strays, bool fragments, bool given_up)
{
	int found = -1;

	for (size_t i = 0; i < s->count; i++) {
		const struct seen *n = &s->list[i];
		uint8_t family, ip[16];

		if (n->event.kind != PATH_DROP || seen_is_harmless(n) || n->leg == LEG_OTHER)
			continue;
		if (seen_is_stray(n) != strays || is_repeated(s, i) ||
			(n->inner.kind == HEADER_FRAGMENT) != fragments ||
			(!given_up && !strcmp(n->symbol, "neigh_invalidate")))
			continue;
		if (n->leg == LEG_NEIGHBOUR) {
			/* A stack that hears what is for a group it is not in. */
			if (!strcmp(n->symbol, "ip6_pkt_discard"))
				continue;
			wanted_of(n, &family, ip);
			if (n->inner.kind == HEADER_ARP && n->inner.operation == 2)
				memcpy(ip, n->inner.source, 4);
			if (!is_wanted(s, family, ip) || (is_question(n) && !is_concerned(s, n)))
				continue;
		}
		found = (int)i;
	}
	return found;
}

/* What the packet itself came to, when that was its end: neighbours that are asked for afterwards
 * are no longer its affair. */
static int drop_final(const struct story *s, int last, bool given_up)
{
	int drop = drop_last(s, false, false, given_up);

	if (drop < 0 || s->list[drop].leg != LEG_NEIGHBOUR)
		return drop;
	for (size_t i = last < 0 ? 0 : (size_t)last + 1; i < s->count; i++) {
		const struct seen *n = &s->list[i];

		if (n->event.kind == PATH_DROP && (n->leg == LEG_REQUEST || n->leg == LEG_ANSWER) &&
			!seen_is_harmless(n) && !seen_is_stray(n) && !is_repeated(s, i) &&
			n->inner.kind != HEADER_FRAGMENT &&
			strcmp(n->symbol, "neigh_invalidate") != 0)
			return (int)i;
	}
	return drop;
}

/* The request or the answer?  What depends on one of them counts as that one. */
static enum leg journey(const struct story *s, int at, int last)
{
	if (at >= 0 && (s->list[at].leg == LEG_REQUEST || s->list[at].leg == LEG_ANSWER))
		return s->list[at].leg;
	/* The answer of a node that received the request, and whose packet waits for a neighbour,
	 * was not seen yet: whoever asks there asks for the answer's sake. */
	if (at >= 0 && s->list[at].leg == LEG_NEIGHBOUR && is_question(&s->list[at])) {
		uint8_t family, ip[16];

		wanted_of(&s->list[at], &family, ip);
		if (family == s->subject.family &&
			!memcmp(ip, s->subject.source, address_size(family)))
			return LEG_ANSWER;
		/* Asked in the name of the destination: its answer needs a gateway. */
		if (last >= 0 && family == s->list[last].outer.family &&
			s->list[last].event.kind == PATH_RX &&
			s->list[last].event.netns == s->list[at].event.netns &&
			!memcmp(s->list[at].inner.source, s->list[last].outer.destination,
				address_size(family)))
			return LEG_ANSWER;
	}
	/* Who has just told a neighbour something that an overlay carries asks for its sake. */
	for (int i = at - 1; last < 0 && i >= 0 && is_question(&s->list[at]); i--)
		if (s->list[i].event.netns == s->list[at].event.netns &&
			s->list[i].leg == LEG_NEIGHBOUR && !is_question(&s->list[i]) &&
			s->list[i].event.kind == PATH_TX &&
			s->list[at].event.netns != s->subject.netns)
			return LEG_ANSWER;
	return last >= 0 ? s->list[last].leg : LEG_REQUEST;
}

static enum leg leg_back(enum leg leg)
{
	return leg == LEG_ANSWER ? LEG_REQUEST : LEG_ANSWER;
}

/* What a neighbour says travels against the packet that waits for it. */
static enum leg neighbour_leg(const struct story *s, int at, enum leg leg)
{
	uint8_t family, ip[16];

	if (at < 0 || s->list[at].leg != LEG_NEIGHBOUR || is_question(&s->list[at]))
		return leg;
	family = s->list[at].inner.family;
	memset(ip, 0, sizeof(ip));
	if (s->list[at].inner.kind == HEADER_ARP)
		memcpy(ip, s->list[at].inner.source, 4);
	else
		memcpy(ip, s->list[at].inner.target, 16);
	return seen_tells(&s->list[at], family, ip) ? leg_back(leg) : leg;
}

/* A question may travel inside datagrams, and be lost with one of them, as may the answer to it:
 * the last that was seen of either, when that was a datagram; else -1. */
static int carried_last(const struct story *s, int question)
{
	uint8_t family, ip[16];
	int last = -1;

	if (question < 0)
		return -1;
	wanted_of(&s->list[question], &family, ip);
	for (size_t i = 0; i < s->count; i++) {
		const struct seen *n = &s->list[i];

		if (n->leg == LEG_NEIGHBOUR &&
			(seen_asks(n, family, ip) || seen_tells(n, family, ip)) &&
			(n->event.kind == PATH_TX || n->event.kind == PATH_RX ||
				n->event.kind == PATH_QUEUE))
			last = (int)i;
	}
	return last >= 0 && s->list[last].outer.kind == HEADER_VXLAN ? last : -1;
}

static int icmp_about(const struct story *s, int after)
{
	for (size_t i = after < 0 ? 0 : (size_t)after; i < s->count; i++)
		if (s->list[i].event.kind == PATH_ICMP || s->list[i].leg == LEG_ERROR)
			return (int)i;
	return -1;
}

void story_ending(const struct story *s, struct ending *x)
{
	bool *stray = calloc(s->count + 1, sizeof(*stray));
	int drop, question, carried, last, stray_drop;

	*x = (struct ending){.kind = ENDING_NOTHING, .at = -1, .last = -1, .icmp = -1};
	if (!stray)
		return;
	strays_mark(s, stray);
	x->last = last = progress_last(s, stray);
	question = question_unanswered(s, last);
	carried = carried_last(s, question);
	drop = drop_final(s, last, question < 0);
	if (drop <= last && question < 0)
		drop = drop_last(s, false, true, true);
	stray_drop = drop_last(s, true, false, true);
	x->icmp = icmp_about(s, last);
	free(stray);

	if (drop > last || (drop >= 0 && s->list[drop].leg == LEG_NEIGHBOUR && question >= 0)) {
		x->kind = ENDING_DROP;
		x->at = drop;
	} else if (carried >= 0) {
		x->at = carried;
		x->kind = s->list[x->at].event.kind == PATH_RX ? ENDING_RECEIVED : ENDING_SENT;
	} else if (question >= 0) {
		x->kind = ENDING_UNRESOLVED;
		x->at = question;
	} else if (last < 0 && stray_drop < 0) {
		return;
	} else {
		const struct seen *n = &s->list[last < 0 ? stray_drop : last];

		x->at = last;
		if (stray_drop > last && (last < 0 || passed_on(s, last))) {
			x->kind = ENDING_DROP;
			x->at = stray_drop;
		} else if (n->event.kind == PATH_TX || n->event.kind == PATH_QUEUE) {
			x->kind = ENDING_SENT;
		} else if (n->event.kind == PATH_RX) {
			x->kind = ENDING_RECEIVED;
		} else if (n->event.kind == PATH_OPEN) {
			x->kind = ENDING_OPENED;
		} else {
			x->kind = ENDING_READ;
		}
	}
	if (x->kind == ENDING_UNRESOLVED)
		wanted_of(&s->list[x->at], &x->family, x->wanted);
	x->leg = neighbour_leg(s, x->at, journey(s, x->at, last));
}
