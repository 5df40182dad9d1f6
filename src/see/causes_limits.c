/* Causes that are limits of the whole machine: tables and queues that are full. */
#include "see/asked.h"
#include "see/pressure.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Was a packet of the journey that ended (or a question for its sake) freed for this reason? */
static const struct seen *freed_for(const struct scene *s, const char *reason, const char *symbol)
{
	for (size_t i = s->story->count; i-- > 0;) {
		const struct seen *n = &s->story->list[i];
		bool question = n->leg == LEG_NEIGHBOUR && s->ending->kind == ENDING_UNRESOLVED &&
				(seen_asks(n, s->ending->family, s->ending->wanted) ||
					seen_tells(n, s->ending->family, s->ending->wanted));

		if (n->event.kind == PATH_DROP &&
			(n->leg == s->ending->leg || question || (int)i == s->ending->at) &&
			((reason && !strcmp(n->reason, reason)) ||
				(symbol && !strcmp(n->symbol, symbol))))
			return n;
	}
	return NULL;
}

/* ---- neighbour-table-full ---- */

/* The queue of packets that wait for one neighbour, when that is what was too small. */
static bool waiting_queue_say(struct scene *s, const struct seen *at)
{
	int netns = scene_netns(s, at), family = at->outer.family == 6 ? 6 : 4;
	char exec[COMMAND_PREFIX];
	long room;

	if (netns < 0)
		return false;
	room = live_sysctl(scene_fd(s, netns), -1, "net/ipv%d/neigh/%s/unres_qlen_bytes", family,
		at->event.device);
	if (room < 0)
		return false;
	scene_at(s, netns, at->event.device);
	scene_why(s,
		"more packets wait for one neighbour on %s in %s than its queue holds (%ld bytes), so %s "
		"was thrown away",
		at->event.device, scene_name(s, netns), room, scene_leg(s));
	verdict_fact(s->verdict, "sysctl", "net.ipv%d.neigh.%s.unres_qlen_bytes is %ld in %s",
		family, at->event.device, room, scene_name(s, netns));
	verdict_fix(s->verdict, "%ssysctl -w net.ipv%d.neigh.%s.unres_qlen_bytes=%ld",
		scene_exec(s, netns, exec), family, at->event.device,
		room < 262144 ? 1048576 : 4 * room);
	return true;
}

static bool neighbour_table_full_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = freed_for(s, "NEIGH_CREATEFAIL", NULL);
	const struct seen *waiting = freed_for(s, "NEIGH_QUEUEFULL", NULL);
	struct packet_view p;
	struct pressure now;
	const struct neighbour_table *was, *table;
	struct asked a;
	int netns, family;
	bool grew;
	long most;

	/* A queue that was full is the reason only when the neighbour did answer. */
	if (!at && waiting && s->ending->kind != ENDING_UNRESOLVED)
		return waiting_queue_say(s, waiting);
	scene_packet(s, &p);
	family = s->ending->kind == ENDING_UNRESOLVED ? s->ending->family : p.family;
	pressure_read(&now);
	table = family == 6 ? &now.ndisc : &now.arp;
	was = family == 6 ? &s->before->ndisc : &s->before->arp;
	grew = table->fulls > was->fulls;
	most = live_sysctl(-1, -1, "net/ipv%d/neigh/default/gc_thresh3", family);
	/* Who cannot remember the asker does not answer him either. */
	if (!at && asked_find(s, &a) && (!a.heard || a.told))
		return false;
	if (!at && !grew)
		return false;
	if (!at && s->ending->kind == ENDING_UNRESOLVED)
		at = a.heard;
	else if (!at)
		at = scene_seen(s);
	netns = at ? scene_netns(s, at) : s->asker;
	scene_at(s, netns, at ? at->event.device : "");
	scene_why(s,
		"the kernel's table of IPv%d neighbours, one for all namespaces, is full, so %s cannot "
		"learn a further MAC address",
		family, scene_name(s, netns));
	verdict_fact(s->verdict, "procfs", "%llu entries; refused since the machine began: %llu%s",
		(unsigned long long)table->entries, (unsigned long long)table->fulls,
		grew ? ", and more while the probe was on its way" : "");
	if (most >= 0)
		verdict_fact(s->verdict, "sysctl", "net.ipv%d.neigh.default.gc_thresh3 is %ld",
			family, most);
	most = most > (long)table->entries ? most : (long)table->entries;
	verdict_fix(s->verdict, "sysctl -w net.ipv%d.neigh.default.gc_thresh3=%ld", family,
		most < 1024 ? 4096 : 4 * most);
	return true;
}

const struct cause cause_neighbour_table_full = {
	.id = "neighbour-table-full",
	.title = "the kernel's table of neighbours, or the queue for one of them, is full",
	.proof =
		"NEIGH_CREATEFAIL, ENOBUFS or EINVAL; a node that cannot remember the asker does not answer "
		"its question. NEIGH_QUEUEFULL: too many packets wait for one neighbour. Confirmed: "
		"table_fulls in /proc/net/stat/arp_cache or ndisc_cache, gc_thresh3, unres_qlen_bytes.",
	.repair = "sysctl -w net.ipv4.neigh.default.gc_thresh3=...",
	.signs = {{SIGN_DROP, "NEIGH_CREATEFAIL", NULL, 0}, {SIGN_DROP, "NEIGH_QUEUEFULL", NULL, 0},
		{SIGN_DROP, NULL, "ip_finish_output2", 0},
		{SIGN_DROP, NULL, "ip6_finish_output2", 0}, {SIGN_CALL, NULL, NULL, ENOBUFS},
		{SIGN_CALL, NULL, NULL, EINVAL}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_RECEIVED, NULL, NULL, 0}},
	.confirm = neighbour_table_full_confirm,
};

/* ---- backlog-full ---- */

/* The queue of a veth that polls (GRO or XDP) belongs to the device, not to the CPU. */
static bool ring_full_say(struct scene *s, const struct seen *at)
{
	int device = scene_device(s, at);
	const struct device *d;
	char exec[COMMAND_PREFIX];

	if (device == TOPOLOGY_NONE || s->topology->devices[device].kind != DEVICE_VETH)
		return false;
	d = &s->topology->devices[device];
	if (d->end.device != TOPOLOGY_NONE && strcmp(at->event.device, d->name) != 0)
		d = &s->topology->devices[d->end.device];
	scene_at(s, d->netns, d->name);
	scene_why(s, "the receive ring of %s in %s is full: packets come faster than it polls",
		d->name, scene_name(s, d->netns));
	verdict_fact(s->verdict, "tracepoint", "%s in %s", at->reason, at->symbol);
	if (!d->xdp.mode)
		verdict_fix(s->verdict, "%sethtool -K %s gro off", scene_exec(s, d->netns, exec),
			d->name);
	return true;
}

static bool backlog_full_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = freed_for(s, "CPU_BACKLOG", "enqueue_to_backlog");
	const struct seen *ring = freed_for(s, "FULL_RING", NULL);
	struct pressure now;
	long most;

	if (!at && ring)
		return ring_full_say(s, ring);
	pressure_read(&now);
	if (now.backlog_drops <= s->before->backlog_drops)
		return false;
	/* Packet sockets do not see it: only that it was sent, and that somebody's was lost. */
	if (!at && (!s->blind || !s->final))
		return false;
	if (!at)
		at = scene_seen(s);
	most = live_sysctl(-1, -1, "net/core/netdev_max_backlog");
	scene_at(s, scene_netns(s, at), at->event.device);
	scene_why(s,
		"a CPU's queue of received packets was full when %s came to %s in %s: packets come faster "
		"than they are handled",
		at->leg == LEG_NEIGHBOUR ? "the neighbour's packet" : scene_leg(s),
		at->event.device, scene_name(s, scene_netns(s, at)));
	verdict_fact(s->verdict, "procfs",
		"/proc/net/softnet_stat: %llu packets were lost so, %llu while the probe was on its way",
		(unsigned long long)now.backlog_drops,
		(unsigned long long)(now.backlog_drops - s->before->backlog_drops));
	if (most >= 0)
		verdict_fact(s->verdict, "sysctl", "net.core.netdev_max_backlog is %ld", most);
	verdict_fix(s->verdict, "sysctl -w net.core.netdev_max_backlog=%ld",
		most < 1000 ? 10000 : 10 * most);
	return true;
}

const struct cause cause_backlog_full = {
	.id = "backlog-full",
	.title = "a queue of received packets is full: they come faster than they are handled",
	.proof =
		"CPU_BACKLOG in enqueue_to_backlog; FULL_RING at a veth that polls. Confirmed: the second "
		"column of /proc/net/softnet_stat grew.",
	.repair = "sysctl -w net.core.netdev_max_backlog=...",
	.signs = {{SIGN_DROP, "CPU_BACKLOG", NULL, 0}, {SIGN_DROP, NULL, "enqueue_to_backlog", 0},
		{SIGN_DROP, "FULL_RING", NULL, 0}, {SIGN_UNRESOLVED, NULL, NULL, 0},
		{SIGN_SENT, NULL, NULL, 0}},
	.confirm = backlog_full_confirm,
};
