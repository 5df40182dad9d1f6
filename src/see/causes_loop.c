/* A circle of bridges, in which frames go round without end. */
#include "see/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FORWARDING = 3 };

static bool carries(const struct topology *t, const struct device *port)
{
	const struct device *bridge = device_master(t, port);

	return port->port.is_port && port->up && port->carrier && port->port.state == FORWARDING &&
	       bridge && bridge->kind == DEVICE_BRIDGE && bridge->up && !bridge->bridge.stp;
}

/* The port at the other end of a cable between two bridges (which may be one), or NONE. */
static int far_port(const struct topology *t, int port)
{
	const struct device *d = &t->devices[port];

	if (d->kind != DEVICE_VETH || d->end.device == TOPOLOGY_NONE || !carries(t, d) ||
		!carries(t, &t->devices[d->end.device]))
		return TOPOLOGY_NONE;
	return d->end.device;
}

static int group_of(const int *group, int device)
{
	while (group[device] != device)
		device = group[device];
	return device;
}

static int bridge_of(const struct topology *t, int port)
{
	return (int)(device_master(t, &t->devices[port]) - t->devices);
}

/* How often the frame that came in most often by this port did so: ARP and ND, which are flooded,
 * and the packet itself. */
static int laps(const struct scene *s, int port, const struct seen **what)
{
	const struct story *story = s->story;
	int most = 0;

	for (size_t i = 0; i < story->count; i++) {
		const struct seen *n = &story->list[i];
		int count = 0;

		if (n->event.kind != PATH_RX || scene_device(s, n) != port)
			continue;
		for (size_t k = i; k < story->count; k++) {
			const struct path_event *e = &story->list[k].event;

			count += e->kind == PATH_RX && e->netns == n->event.netns &&
				 e->ifindex == n->event.ifindex &&
				 e->captured == n->event.captured &&
				 !memcmp(e->bytes, n->event.bytes, e->captured);
		}
		if (count > most) {
			most = count;
			*what = n;
		}
		if (most > 100) /* enough */
			break;
	}
	return most;
}

/* How often the asker of that question has asked it: as often it may rightly pass. */
static int askings(const struct scene *s, const struct seen *frame)
{
	int count = 0;

	for (size_t i = 0; i < s->story->count; i++) {
		const struct seen *n = &s->story->list[i];
		int d = scene_device(s, n);

		count += n->event.kind == PATH_TX && n->event.captured == frame->event.captured &&
			 d != TOPOLOGY_NONE && !s->topology->devices[d].port.is_port &&
			 !memcmp(n->event.bytes, frame->event.bytes, frame->event.captured);
	}
	return count;
}

static bool l2_loop_say(struct scene *s, int port, int count, const struct seen *frame)
{
	const struct topology *t = s->topology;
	const struct device *d = &t->devices[port], *bridge = device_master(t, d);
	const struct device *peer = &t->devices[d->end.device], *other = device_master(t, peer);
	char ip[COMMAND_PREFIX];

	scene_at(s, d->netns, d->name);
	scene_why(s,
		"frames go round: the cable from %s (bridge %s in %s) to %s (bridge %s in %s) closes a "
		"circle of bridges, and spanning tree is off",
		d->name, bridge->name, scene_name(s, d->netns), peer->name, other->name,
		scene_name(s, peer->netns));
	verdict_fact(s->verdict, s->blind ? "sockets" : "tracepoint",
		"the same frame came in by %s in %s %d times", frame->event.device,
		scene_name(s, scene_netns(s, frame)), count);
	verdict_fact(s->verdict, "rtnetlink",
		"%s and %s forward; stp_state is 0 on %s in %s and %s in %s", d->name, peer->name,
		bridge->name, scene_name(s, d->netns), other->name, scene_name(s, peer->netns));
	verdict_fix(s->verdict, "%s link set dev %s down", scene_ip(s, d->netns, ip), d->name);
	/* What the bridges have learnt of frames that went round leads astray. */
	verdict_fix(s->verdict, "%s link set dev %s type bridge fdb_flush",
		scene_ip(s, d->netns, ip), bridge->name);
	if (other != bridge)
		verdict_fix(s->verdict, "%s link set dev %s type bridge fdb_flush",
			scene_ip(s, peer->netns, ip), other->name);
	return true;
}

static bool l2_loop_confirm(struct scene *s, const struct cause *c)
{
	enum { LAPS = 2 }; /* more than asked by so many */
	const struct topology *t = s->topology;
	int *group = malloc((t->device_count + 1) * sizeof(*group));
	int closing = TOPOLOGY_NONE, count = 0;
	const struct seen *frame = NULL;

	for (size_t i = 0; group && i < t->device_count; i++)
		group[i] = (int)i;
	/* Join bridges cable by cable: one between two that are joined already closes a circle. */
	for (size_t i = 0; group && i < t->device_count; i++) {
		int port = (int)i, far = far_port(t, port), a, b;

		if (far == TOPOLOGY_NONE || far < port ||
			(s->near && !s->near[t->devices[i].netns]))
			continue;
		a = group_of(group, bridge_of(t, port));
		b = group_of(group, bridge_of(t, far));
		if (a != b) {
			group[a] = b;
			continue;
		}
		for (int end = 0; end < 2 && closing == TOPOLOGY_NONE; end++) {
			count = laps(s, end ? far : port, &frame);
			if (count > LAPS && count > askings(s, frame) + LAPS)
				closing = port;
		}
	}
	free(group);
	return closing != TOPOLOGY_NONE && l2_loop_say(s, closing, count, frame);
}

const struct cause cause_l2_loop = {
	.id = "l2-loop",
	.title = "frames circulate between bridges",
	.proof =
		"The same frame comes in by the same port again and again; forwarding entries move with it. "
		"Confirmed: a circle of forwarding ports, spanning tree off.",
	.repair = "ip -n R link set dev P down, or ip -n R link set BR type bridge stp_state 1",
	.signs = {{SIGN_UNRESOLVED, NULL, NULL, 0}, {SIGN_SENT, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}, {SIGN_DROP, NULL, NULL, 0}},
	.confirm = l2_loop_confirm,
};
