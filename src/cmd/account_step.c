#include "cmd/account_step.h"

#include <stdio.h>
#include <string.h>

void account_shorten(const struct plan *p, char *out, size_t size, const char *text)
{
	char prefix[NODE_NAME];
	size_t n = (size_t)snprintf(prefix, sizeof(prefix), "%s/", p->name), used = 0;

	for (const char *at = text; *at && used + 1 < size; at++) {
		if (!strncmp(at, prefix, n) && (at == text || at[-1] == ' ' || at[-1] == '('))
			at += n;
		out[used++] = *at;
	}
	out[used] = '\0';
}

static const struct plan_device *device_of(
	const struct plan *p, const char *node, const char *device)
{
	int n = plan_find_node(p, node);
	int d = n < 0 ? -1 : plan_find_device(&p->nodes[n], device);

	return d < 0 ? NULL : &p->nodes[n].devices[d];
}

static bool is_end(const struct plan *p, const struct plan_end *e, const struct step *s)
{
	return !strcmp(p->nodes[e->node].name, s->node) &&
	       !strcmp(p->nodes[e->node].devices[e->device].name, s->device);
}

/* Is there a cable between the devices of the two steps? */
static bool are_joined(const struct plan *p, const struct step *a, const struct step *b)
{
	for (size_t i = 0; i < p->link_count; i++) {
		const struct plan_end *e = p->links[i].ends;

		if ((is_end(p, &e[0], a) && is_end(p, &e[1], b)) ||
			(is_end(p, &e[1], a) && is_end(p, &e[0], b)))
			return true;
	}
	return false;
}

/* The bridge that the step's device is a port of, or NULL. */
static const char *bridge_of(const struct plan *p, const struct step *s)
{
	const struct plan_device *d = device_of(p, s->node, s->device);

	if (!d || d->master < 0)
		return NULL;
	return p->nodes[plan_find_node(p, s->node)].devices[d->master].name;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_question(const struct step *s)
{
	return begins(s->packet, "ARP who-has") || begins(s->packet, "ND who-has") ||
	       strstr(s->packet, "solicitation");
}

static bool is_neighbour_talk(const struct step *s)
{
	return begins(s->packet, "ARP") || begins(s->packet, "ND ") || is_question(s);
}

/* ": PACKET", where it is another one than in the step before. */
static const char *packet_words(const struct account_teller *t, const struct step *s, char out[256])
{
	if (!strcmp(t->last.packet, s->packet))
		return "";
	snprintf(out, 256, ": %s", s->packet);
	return out;
}

/* "ICMP echo reply 10.0.0.2 > 10.0.0.1, 84 bytes": is 10.0.0.1 an address of the step's own node?
 */
static bool is_own_destination(const struct plan *p, const struct step *s, char to[ADDRESS_TEXT])
{
	const char *arrow = strstr(s->packet, " > ");
	size_t n = arrow ? strcspn(arrow + 3, ", ") : 0;
	int node = plan_find_node(p, s->node);
	struct address a;

	if (!n || n >= ADDRESS_TEXT || node < 0)
		return false;
	memcpy(to, arrow + 3, n);
	to[n] = '\0';
	if (!ip_parse(&a, to))
		return false;
	for (size_t i = 0; i < p->nodes[node].device_count; i++) {
		const struct plan_device *d = &p->nodes[node].devices[i];

		for (size_t j = 0; j < d->address_count; j++)
			if (ip_equal(&d->addresses[j].prefix.address, &a))
				return true;
	}
	return false;
}

static void socket_words(struct account_teller *t, char *out, size_t size, const struct step *s)
{
	const char *device = t->check->device;

	snprintf(out, size, "A program in %s wants to send an %s%s%s.%s%s%s", s->node, s->packet,
		device[0] ? ", out of nothing but " : "", device, s->note[0] ? " It is " : "",
		s->note, s->note[0] ? "." : "");
}

static void route_words(char *out, size_t size, const struct step *s)
{
	const char *to = begins(s->packet, "to ") ? s->packet + 3 : s->packet,
		   *via = strstr(s->note, " via ");

	if (begins(s->note, "no route"))
		snprintf(out, size, "The routing tables of %s have no route to %s.", s->node, to);
	else if (!strcmp(s->device, "lo"))
		snprintf(out, size,
			"%s is an address of %s itself: the routing table says lo, whatever other "
			"devices there are.",
			to, s->node);
	else if (via)
		snprintf(out, size,
			"The routing table of %s says: %s is reached by %s, and the next hop is %s.",
			s->node, to, s->device, via + 5);
	else
		snprintf(out, size, "The routing table of %s says: %s is reached by %s, directly.",
			s->node, to, s->device);
}

static void question_words(struct account_teller *t, char *out, size_t size, const struct step *s)
{
	if (t->asked++)
		snprintf(out, size, "%s:%s asks again: %s.", s->node, s->device, s->packet);
	else
		snprintf(out, size, "%s:%s asks everybody on its segment: %s.%s", s->node,
			s->device, s->packet,
			t->explained_arp
				? ""
				: "  (A frame can leave only when the MAC address of the next hop "
				  "is known.)");
	t->explained_arp = true;
}

static void tx_words(struct account_teller *t, char *out, size_t size, const struct step *s)
{
	const char *bridge = bridge_of(t->plan, s);
	char buffer[256], to[ADDRESS_TEXT];

	if (bridge)
		snprintf(out, size, "The bridge %s of %s passes it on, out of its port %s%s.",
			bridge, s->node, s->device, packet_words(t, s, buffer));
	else if (is_question(s))
		question_words(t, out, size, s);
	else if (is_neighbour_talk(s))
		snprintf(out, size, "%s has that address and answers out of %s: %s.", s->node,
			s->device, s->packet);
	else if (!strcmp(s->device, "lo") && is_own_destination(t->plan, s, to))
		snprintf(out, size,
			"%s is an address of %s itself, and such packets go over lo, from the stack to "
			"the same stack, whatever device has the address: %s.",
			to, s->node, s->packet);
	else if (!strcmp(s->device, "lo"))
		snprintf(out, size, "It goes over lo, from the stack to the same stack: %s.",
			s->packet);
	else if (!strcmp(s->note, "forwarded"))
		snprintf(out, size, "%s forwards it, out of %s%s.", s->node, s->device,
			packet_words(t, s, buffer));
	else if (s->note[0])
		snprintf(out, size, "%s:%s sends %s (%s).", s->node, s->device, s->packet, s->note);
	else
		snprintf(out, size, "%s:%s sends %s.", s->node, s->device, s->packet);
}

static void rx_words(struct account_teller *t, char *out, size_t size, const struct step *s)
{
	const char *bridge = bridge_of(t->plan, s);
	const struct plan_device *d = device_of(t->plan, s->node, s->device);
	char who[512], buffer[256];
	const char *packet = packet_words(t, s, buffer);

	if (are_joined(t->plan, &t->last, s))
		snprintf(who, sizeof(who), "%s:%s, the other end of %s:%s,", s->node, s->device,
			t->last.node, t->last.device);
	else
		snprintf(who, sizeof(who), "%s:%s", s->node, s->device);
	if (!strcmp(s->device, "lo"))
		snprintf(out, size, "It arrives on lo%s.", packet);
	else if (bridge)
		snprintf(out, size, "%s receives it, and as a port gives it to the bridge %s%s.",
			who, bridge, packet);
	else if (d && d->kind == KIND_BRIDGE)
		snprintf(out, size,
			"The bridge's own device, %s, hands it to the stack of %s, too%s.",
			s->device, s->node, packet);
	else
		snprintf(out, size, "%s receives it for the stack of %s%s.", who, s->node, packet);
}

static void read_words(struct account_teller *t, char *out, size_t size, const struct step *s)
{
	const struct plan_device *d = device_of(t->plan, s->node, s->device);
	const char *by = strstr(s->note, " by ");
	char buffer[256];
	const char *what = d && d->kind == KIND_TAP ? "a tap gives it the whole Ethernet frame"
						    : "a tun gives it the bare packet";

	snprintf(out, size, "The other end of %s:%s is a process, %s, and that reads it; %s%s.",
		s->node, s->device, by ? by + 4 : "which is not known", what,
		packet_words(t, s, buffer));
}

static void other_words(char *out, size_t size, const struct step *s)
{
	const char *place = s->device[0] ? s->device : s->node;

	if (!strcmp(s->event, "drop"))
		snprintf(out, size, "At %s it is dropped: %s (%s).", place, s->packet, s->note);
	else if (!strcmp(s->event, "refuse"))
		snprintf(out, size, "The stack of %s gives up on it: %s (%s).", s->node, s->packet,
			s->note);
	else if (!strcmp(s->event, "write"))
		snprintf(out, size,
			"In %s it is %s, and so comes to the stack as if from outside: %s.",
			s->node, s->note, s->packet);
	else if (!strcmp(s->event, "deliver") || !strcmp(s->event, "receive"))
		snprintf(out, size, "In %s, %s.", s->node, s->note);
	else if (!strcmp(s->event, "seal") || !strcmp(s->event, "open"))
		snprintf(out, size, "In %s, %s: %s.", s->node, s->note, s->packet);
	else
		snprintf(out, size, "%s%s%s: %s%s%s%s%s.", s->node, s->device[0] ? ":" : "",
			s->device, s->event, s->packet[0] ? " " : "", s->packet,
			s->note[0] ? ", " : "", s->note);
}

void account_step(struct account_teller *t, char *out, size_t size, const struct step *step)
{
	struct step s = *step;

	account_shorten(t->plan, s.node, sizeof(s.node), step->node);
	account_shorten(t->plan, s.note, sizeof(s.note), step->note);
	if (!strcmp(s.event, "socket"))
		socket_words(t, out, size, &s);
	else if (!strcmp(s.event, "route"))
		route_words(out, size, &s);
	else if (!strcmp(s.event, "tx"))
		tx_words(t, out, size, &s);
	else if (!strcmp(s.event, "rx"))
		rx_words(t, out, size, &s);
	else if (!strcmp(s.event, "read"))
		read_words(t, out, size, &s);
	else
		other_words(out, size, &s);
	t->last = s;
}
