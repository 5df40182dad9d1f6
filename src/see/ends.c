#include "see/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Answers so far: in namespace `in`, `nsid` is `other`. */
struct number {
	int in, other;
	int32_t nsid;
};

struct search {
	struct topology *t;
	const struct end_questions *ask;
	struct number *known;
	size_t known_count, known_room;
	bool failed; /* out of memory */
};

static void learn(struct search *s, int in, int32_t nsid, int other)
{
	if (s->known_count == s->known_room) {
		size_t room = s->known_room ? 2 * s->known_room : 64;
		struct number *grown = reallocarray(s->known, room, sizeof(*grown));

		if (!grown) {
			s->failed = true;
			return;
		}
		s->known = grown;
		s->known_room = room;
	}
	s->known[s->known_count++] = (struct number){in, other, nsid};
}

enum { FEW = 8 }; /* so many are asked one after the other */

/* Can `d` be linked to a device of namespace `other`, as far as the numbers go, and what is known
 * of that device (NULL: nothing)? */
static bool is_plausible(
	const struct topology *t, const struct device *d, int other, const struct device *known)
{
	int at = topology_device_at(t, other, d->link);

	if (at < 0 ||
		(known && (strcmp(t->devices[at].name, known->name) != 0 ||
				  memcmp(t->devices[at].mac, known->mac, sizeof(known->mac)))))
		return false;
	return d->kind != DEVICE_VETH ||
	       (t->devices[at].kind == DEVICE_VETH && t->devices[at].link == d->ifindex);
}

/* Many may be meant: let the kernel say more of the one.  Returns whether it did. */
static bool twin_look(const struct search *s, const struct device *d, struct device *twin)
{
	size_t many = 0;

	if (!s->ask->look)
		return false;
	for (int other = 0; many <= FEW && other < (int)s->t->netns_count; other++)
		many += other != d->netns && is_plausible(s->t, d, other, NULL);
	return many > FEW && s->ask->look(s->ask->arg, d->netns, d->link_nsid, d->link, twin);
}

static int namespace_of(struct search *s, const struct device *d)
{
	const struct topology *t = s->t;
	const struct device *known;
	struct device twin;

	if (d->link_nsid < 0)
		return d->netns;
	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].in == d->netns && s->known[i].nsid == d->link_nsid)
			return s->known[i].other;
	known = twin_look(s, d, &twin) ? &twin : NULL;
	/* Those that can be meant first, then the rest: the link may be to what we cannot see. */
	for (int plausible = 1; plausible >= 0; plausible--) {
		for (int other = 0; other < (int)t->netns_count; other++) {
			if (other == d->netns || is_plausible(t, d, other, known) != plausible ||
				s->ask->number(s->ask->arg, d->netns, other) != d->link_nsid)
				continue;
			learn(s, d->netns, d->link_nsid, other);
			return other;
		}
	}
	learn(s, d->netns, d->link_nsid, TOPOLOGY_NONE);
	return TOPOLOGY_NONE;
}

static void linked(struct search *s, struct device *d)
{
	struct device *twin;

	d->end.type = END_DEVICE;
	d->end.ifindex = d->link;
	d->end.netns = namespace_of(s, d);
	d->end.device = topology_device_at(s->t, d->end.netns, d->link);
	if (d->kind != DEVICE_VETH || d->end.device < 0)
		return;
	/* The twin's other end is this one: no need to ask again. */
	twin = &s->t->devices[d->end.device];
	if (twin->kind != DEVICE_VETH || twin->link != d->ifindex || twin->end.type != END_UNKNOWN)
		return;
	if (twin->link_nsid >= 0)
		learn(s, twin->netns, twin->link_nsid, d->netns);
	twin->end = (struct other_end){
		.type = END_DEVICE,
		.netns = d->netns,
		.device = (int)(d - s->t->devices),
		.ifindex = d->ifindex,
	};
}

static void end_find(struct search *s, struct device *d)
{
	switch (d->kind) {
	case DEVICE_PHYSICAL:
		d->end.type = END_WIRE;
		break;
	case DEVICE_LOOPBACK:
		d->end.type = END_STACK;
		d->end.netns = d->netns;
		break;
	case DEVICE_TUN:
	case DEVICE_TAP:
		d->end.type = END_PROCESS;
		break;
	case DEVICE_BRIDGE:
	case DEVICE_BOND:
		d->end.type = END_PORTS;
		d->end.netns = d->netns;
		break;
	case DEVICE_VXLAN:
	case DEVICE_TUNNEL:
		d->end.type = END_UNDERLAY;
		d->end.netns = namespace_of(s, d);
		d->end.ifindex = d->tunnel.lower ? d->tunnel.lower : d->link;
		d->end.device = topology_device_at(s->t, d->end.netns, d->end.ifindex);
		break;
	case DEVICE_IFB:
		if (!d->redirected_from)
			break;
		d->end.type = END_DEVICE;
		d->end.netns = d->netns;
		d->end.ifindex = d->redirected_from;
		d->end.device = topology_device_at(s->t, d->netns, d->redirected_from);
		break;
	case DEVICE_VETH:
	case DEVICE_MACVLAN:
	case DEVICE_IPVLAN:
	case DEVICE_VLAN:
	case DEVICE_DUMMY:
	case DEVICE_OTHER:
		if (d->link && d->end.type == END_UNKNOWN)
			linked(s, d);
		break;
	}
}

int ends_find(struct topology *t, const struct end_questions *ask)
{
	struct search s = {.t = t, .ask = ask};

	for (size_t i = 0; i < t->device_count; i++)
		end_find(&s, &t->devices[i]);
	free(s.known);
	return s.failed ? -ENOMEM : 0;
}
