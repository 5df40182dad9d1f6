#include "net/ready.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>

#include "base/clock.h"
#include "net/addr.h"
#include "net/link.h"

enum { PATIENCE = 10, PATIENCE_STP = 70 }; /* seconds */
enum { LOOK_DEVICES = 1024 };		   /* of a node that are looked at */

/* One look at a node. */
struct look {
	const struct plan *plan;
	const struct plan_node *node;
	int missing;			/* device that is not ready; -1: none */
	const char *what;		/* it waits for */
	uint32_t indexes[LOOK_DEVICES]; /* ifindexes of the node's devices, as node->devices */
	bool stp;			/* something waits for a spanning tree */
};

static void miss(struct look *l, int device, const char *what)
{
	if (l->missing < 0) {
		l->missing = device;
		l->what = what;
	}
}

/* Is the far end of the cable wanted up too?  Without it there is no carrier to wait for. */
static bool cable_is_up(const struct plan *p, const struct plan_node *node, int device)
{
	for (size_t i = 0; i < p->link_count; i++)
		for (int e = 0; e < 2; e++) {
			const struct plan_end *near = &p->links[i].ends[e];
			const struct plan_end *far = &p->links[i].ends[1 - e];

			if (&p->nodes[near->node] == node && near->device == device)
				return p->nodes[far->node].devices[far->device].up;
		}
	return false;
}

static int link_look(const struct nlmsghdr *h, void *arg)
{
	struct look *l = arg;
	struct current_device is;
	struct link_facts facts;
	const struct plan_device *want;
	int index;

	if (!link_decode(h, &is, &facts))
		return 0;
	index = plan_find_device(l->node, is.is.name);
	if (index < 0)
		return 0;
	want = &l->node->devices[index];
	if (index < LOOK_DEVICES)
		l->indexes[index] = (uint32_t)is.index;
	if (!want->up)
		return 0;
	if (want->kind == KIND_TUNNEL && !facts.carrier)
		miss(l, index, "carrier");
	if (want->kind == KIND_VETH && (!facts.carrier || !facts.settled) &&
		cable_is_up(l->plan, l->node, index))
		miss(l, index, "carrier");
	if (want->master >= 0 && facts.carrier && l->node->devices[want->master].up) {
		bool learns = facts.port_state == BR_STATE_LISTENING ||
			      facts.port_state == BR_STATE_LEARNING;
		bool stp = l->node->devices[want->master].bridge.stp == SETTING_ON;

		if (learns || (!stp && facts.port_state == BR_STATE_DISABLED)) {
			l->stp = l->stp || stp;
			miss(l, index, "its bridge to forward");
		}
	}
	return 0;
}

static int addr_look(const struct nlmsghdr *h, void *arg)
{
	struct look *l = arg;
	struct addr_facts facts;

	if (!addr_decode(h, &facts) || !facts.tentative || facts.failed)
		return 0;
	for (size_t i = 0; i < l->node->device_count && i < LOOK_DEVICES; i++) {
		const struct plan_device *d = &l->node->devices[i];
		bool six = false;

		for (size_t k = 0; k < d->address_count; k++)
			six = six || d->addresses[k].prefix.address.family == AF_INET6;
		/* Without carrier an address stays tentative for as long as that lasts. */
		if (l->indexes[i] == facts.index && d->up && six &&
			(d->kind == KIND_TUNNEL || cable_is_up(l->plan, l->node, (int)i)))
			miss(l, (int)i, "its IPv6 addresses");
	}
	return 0;
}

/* Multicast groups that devices of the node are in. */
struct groups {
	struct {
		uint32_t index;
		struct address group;
	} * list;
	size_t count;
};

static int group_look(const struct nlmsghdr *h, void *arg)
{
	struct groups *g = arg;
	struct address group;
	uint32_t index;
	void *grown;

	if (!addr_decode_group(h, &index, &group))
		return 0;
	grown = reallocarray(g->list, g->count + 1, sizeof(*g->list));
	if (!grown)
		return -ENOMEM;
	g->list = grown;
	g->list[g->count].index = index;
	g->list[g->count++].group = group;
	return 0;
}

static bool group_joined(const struct groups *g, uint32_t index, const struct address *a)
{
	struct address group = addr_group(a);

	for (size_t i = 0; i < g->count; i++)
		if (g->list[i].index == index && ip_equal(&g->list[i].group, &group))
			return true;
	return false;
}

/* Can neighbours ask for the device's IPv6 addresses?  On some kinds they never do. */
static bool is_asked_for(const struct plan_device *d)
{
	return d->up && d->arp != SETTING_OFF && d->kind != KIND_LOOPBACK && d->kind != KIND_TUN &&
	       d->kind != KIND_TUNNEL && d->kind != KIND_DUMMY && d->kind != KIND_IFB;
}

static int groups_look(struct look *l, struct netlink *nl, struct error *e)
{
	struct groups groups = {0};
	struct message m;
	bool six = false;
	int err;

	for (size_t i = 0; i < l->node->device_count; i++)
		for (size_t k = 0; k < l->node->devices[i].address_count; k++)
			six = six ||
			      l->node->devices[i].addresses[k].prefix.address.family == AF_INET6;
	if (!six)
		return 0;
	addr_encode_groups(&m);
	err = netlink_ask(nl, &m, group_look, &groups, e);
	for (size_t i = 0; !err && i < l->node->device_count && i < LOOK_DEVICES; i++) {
		const struct plan_device *d = &l->node->devices[i];

		for (size_t k = 0; k < d->address_count && is_asked_for(d); k++)
			if (d->addresses[k].prefix.address.family == AF_INET6 &&
				!group_joined(
					&groups, l->indexes[i], &d->addresses[k].prefix.address))
				miss(l, (int)i, "neighbours to be able to ask for its addresses");
	}
	free(groups.list);
	return err == -EOPNOTSUPP ? 0 : err;
}

static int node_look(struct apply *a, struct look *l, struct error *e)
{
	struct apply_node *n = apply_node_find(a, l->node->name, e);
	struct message m;
	int err;

	if (!n)
		return -ENOENT;
	l->missing = -1;
	l->stp = false;
	memset(l->indexes, 0, sizeof(l->indexes));
	message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	err = netlink_ask(apply_node_netlink(n), &m, link_look, l, e);
	if (!err) {
		addr_encode_dump(&m);
		err = netlink_ask(apply_node_netlink(n), &m, addr_look, l, e);
	}
	if (!err)
		err = groups_look(l, apply_node_netlink(n), e);
	if (err == -EINTR) { /* something changed during the dump: look again */
		miss(l, 0, "it to settle");
		err = 0;
	}
	return err;
}

int ready_wait(struct apply *a, struct error *e)
{
	int64_t begin = clock_now(), pause = MILLISECOND;
	struct look look = {.plan = a->plan};

	for (size_t i = 0; i < a->plan->node_count;) {
		int64_t waited = clock_now() - begin;
		int err;

		look.node = &a->plan->nodes[i];
		err = node_look(a, &look, e);
		if (err) {
			error_prefix(e, "node %s", look.node->name);
			return err;
		}
		if (look.missing < 0) {
			i++;
			continue;
		}
		if (a->stop && *a->stop)
			return error_set(e, EINTR, "interrupted");
		if (waited > (look.stp ? PATIENCE_STP : PATIENCE) * SECOND)
			return plan_error(e, a->plan, look.node->devices[look.missing].at,
				ETIMEDOUT, "device %s:%s still waits for %s after %d seconds",
				look.node->name, look.node->devices[look.missing].name, look.what,
				(int)(waited / SECOND));
		if (a->progress && waited > SECOND)
			a->progress(i, a->plan->node_count, look.what);
		nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
		pause = pause < 50 * MILLISECOND ? 2 * pause : pause;
	}
	return 0;
}
