/* Reads what is there: links, addresses, routes, shapes, settings, processes of each node. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "net/addr.h"
#include "net/current.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nft.h"
#include "net/process.h"
#include "net/route.h"
#include "net/shape.h"
#include "net/state.h"
#include "net/sysctl.h"
#include "net/tuntap.h"

struct reader_node {
	int netns;
	struct netlink nl;
	struct link_facts *facts; /* of node->devices */
	size_t device_room, route_room;
};

struct reader {
	struct current *out;
	const struct plan *plan;
	const struct state *state;
	struct reader_node *nodes; /* as out->nodes */
	struct error *error;
};

/* A dump in one node. */
struct dump {
	struct reader *reader;
	struct current_node *node;
	struct reader_node *at;
};

/* Room for one more in an array of the current; the old array stays until current_free(). */
static void *grow(struct current *c, void *list, size_t count, size_t *room, size_t size)
{
	void *grown;

	if (count < *room)
		return list;
	*room = *room ? 2 * *room : 8;
	grown = current_take(c, *room * size);
	if (grown && count)
		memcpy(grown, list, count * size);
	return grown;
}

static int link_read(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	struct current_device device;
	struct link_facts facts, *grown;

	if (!link_decode(h, &device, &facts))
		return 0;
	d->node->devices = grow(d->reader->out, d->node->devices, d->node->device_count,
		&d->at->device_room, sizeof(device));
	grown = reallocarray(d->at->facts, d->node->device_count + 1, sizeof(facts));
	if (!d->node->devices || !grown)
		return -ENOMEM;
	d->at->facts = grown;
	d->at->facts[d->node->device_count] = facts;
	d->node->devices[d->node->device_count++] = device;
	return 0;
}

static struct current_device *device_by_index(const struct current_node *n, uint32_t index)
{
	for (size_t i = 0; i < n->device_count; i++)
		if (index && n->devices[i].index == (int)index)
			return &n->devices[i];
	return NULL;
}

static int address_read(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	struct current_device *device;
	struct addr_facts facts;
	struct plan_address *grown;

	if (!addr_decode(h, &facts) || facts.failed)
		return 0;
	device = device_by_index(d->node, facts.index);
	if (!device)
		return 0;
	grown = current_take(d->reader->out, (device->is.address_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	if (device->is.address_count)
		memcpy(grown, device->is.addresses, device->is.address_count * sizeof(*grown));
	grown[device->is.address_count++].prefix = facts.prefix;
	device->is.addresses = grown;
	return 0;
}

static int route_read(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	struct current_node *n = d->node;
	struct plan_hop hops[ROUTE_HOPS];
	uint32_t indexes[ROUTE_HOPS] = {0};
	struct plan_route route;
	size_t size;

	if (!route_decode(h, &route, hops, indexes))
		return 0;
	for (size_t i = 0; i < route.hop_count; i++) {
		const struct current_device *device = device_by_index(n, indexes[i]);

		if (device)
			memcpy(hops[i].dev, device->is.name, sizeof(hops[i].dev));
	}
	size = route.hop_count * sizeof(*hops);
	route.hops = current_take(d->reader->out, size);
	n->routes = grow(
		d->reader->out, n->routes, n->route_count, &d->at->route_room, sizeof(*n->routes));
	if (!route.hops || !n->routes)
		return -ENOMEM;
	memcpy(route.hops, hops, size);
	n->routes[n->route_count++].is = route;
	return 0;
}

static int shape_read(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	struct current_device *device;
	struct plan_shape shape;
	uint32_t index;
	bool foreign;

	if (!shape_decode(h, &index, &shape, &foreign))
		return 0;
	device = device_by_index(d->node, index);
	if (device) {
		device->shape = shape;
		device->foreign_qdisc = foreign;
	}
	return 0;
}

/* A dump that the kernel interrupted, because something changed meanwhile, is asked for again. */
static int dump(
	struct dump *d, struct message *m, netlink_reply *read, void (*again)(struct dump *))
{
	struct message copy;
	int err;

	do {
		if (again)
			again(d);
		memcpy(&copy, m, sizeof(copy));
		copy.header = (struct nlmsghdr *)copy.buffer;
		err = netlink_ask(&d->at->nl, &copy, read, d, d->reader->error);
	} while (err == -EINTR);
	return err;
}

static void forget_links(struct dump *d)
{
	d->node->device_count = 0;
}

static void forget_addresses(struct dump *d)
{
	for (size_t i = 0; i < d->node->device_count; i++)
		d->node->devices[i].is.address_count = 0;
}

static void forget_routes(struct dump *d)
{
	d->node->route_count = 0;
}

static int kernel_read(struct dump *d)
{
	struct message m;
	int err;

	message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	err = dump(d, &m, link_read, forget_links);
	if (!err) {
		addr_encode_dump(&m);
		err = dump(d, &m, address_read, forget_addresses);
	}
	if (!err) {
		size_t four;

		route_encode_dump(&m, AF_INET);
		err = dump(d, &m, route_read, forget_routes);
		four = d->node->route_count;
		if (!err) {
			route_encode_dump(&m, AF_INET6);
			do {
				struct message copy = m;

				d->node->route_count = four;
				copy.header = (struct nlmsghdr *)copy.buffer;
				err = netlink_ask(
					&d->at->nl, &copy, route_read, d, d->reader->error);
			} while (err == -EINTR);
		}
	}
	if (!err) {
		shape_encode_dump(&m);
		err = dump(d, &m, shape_read, NULL);
	}
	return err;
}

/* Names for the numbers that the kernel gives. */
static void names_resolve(struct dump *d)
{
	for (size_t i = 0; i < d->node->device_count; i++) {
		struct current_device *device = &d->node->devices[i], *other;
		const struct link_facts *facts = &d->at->facts[i];

		other = device_by_index(d->node, facts->master);
		if (other)
			memcpy(device->master, other->is.name, sizeof(device->master));
		other = facts->lower_netns < 0 ? device_by_index(d->node, facts->lower) : NULL;
		if (other && device->known && device->is.kind != KIND_VETH)
			memcpy(device->lower, other->is.name, sizeof(device->lower));
		if (other && device->known && device->is.kind == KIND_VETH) {
			device->twin_node = d->node->name;
			memcpy(device->twin, other->is.name, sizeof(device->twin));
		}
	}
}

/* The owner in the plan's own words where they mean the same: a name or a number. */
static const char *owner_text(struct current *c, uint32_t is, const char *want, bool group)
{
	char number[16];

	if (is == UINT32_MAX)
		return NULL;
	if (want && tuntap_owner(want, group) == (int64_t)is)
		return want;
	snprintf(number, sizeof(number), "%u", is);
	return current_text(c, number);
}

static void owners_resolve(struct dump *d, const struct plan_node *plan)
{
	for (size_t i = 0; i < d->node->device_count; i++) {
		struct current_device *device = &d->node->devices[i];
		int index = plan ? plan_find_device(plan, device->is.name) : -1;
		const struct plan_device *want = index < 0 ? NULL : &plan->devices[index];

		if (!device->known || (device->is.kind != KIND_TUN && device->is.kind != KIND_TAP))
			continue;
		if (want && want->kind != KIND_TUN && want->kind != KIND_TAP)
			want = NULL;
		device->is.tuntap.owner = owner_text(d->reader->out, d->at->facts[i].owner,
			want ? want->tuntap.owner : NULL, false);
		device->is.tuntap.group = owner_text(d->reader->out, d->at->facts[i].group,
			want ? want->tuntap.group : NULL, true);
	}
}

static void sysctl_add(struct dump *d, const char *name, const char *original)
{
	struct current_node *n = d->node;
	struct current_sysctl *s = &n->sysctls[n->sysctl_count++];
	char value[SYSCTL_VALUE];

	*s = (struct current_sysctl){.name = name, .original = original};
	if (!sysctl_get(name, value))
		s->value = current_text(d->reader->out, value);
}

static int sysctls_read(struct dump *d, const struct plan_node *plan)
{
	const struct state *state = d->reader->state;
	char prefix[256];
	const char *name, *value;
	size_t at = 0, room = plan ? plan->sysctl_count : 0;
	int home;

	snprintf(prefix, sizeof(prefix), "sysctl/%s/", d->node->name);
	while (state_next(state, prefix, &at, &name, &value))
		room++;
	if (!room)
		return 0;
	d->node->sysctls = current_take(d->reader->out, room * sizeof(*d->node->sysctls));
	home = netns_visit(d->at->netns);
	if (!d->node->sysctls || home < 0)
		return d->node->sysctls ? home : -ENOMEM;
	for (at = 0; state_next(state, prefix, &at, &name, &value);)
		sysctl_add(
			d, current_text(d->reader->out, name), current_text(d->reader->out, value));
	for (size_t i = 0; plan && i < plan->sysctl_count; i++) {
		bool known = false;

		for (size_t k = 0; k < d->node->sysctl_count; k++)
			known = known || !strcmp(d->node->sysctls[k].name, plan->sysctls[i].name);
		if (!known)
			sysctl_add(d, plan->sysctls[i].name, NULL);
	}
	netns_return(home);
	return 0;
}

static int processes_read(struct dump *d)
{
	const struct state *state = d->reader->state;
	struct current_node *n = d->node;
	const char *rest, *value;
	char prefix[256], path[512];
	size_t at = 0, room = 0;
	struct process p;

	snprintf(prefix, sizeof(prefix), "process/%s/run/", n->name);
	while (state_next(state, prefix, &at, &rest, &value))
		room++;
	n->processes = current_take(d->reader->out, room * sizeof(*n->processes));
	if (!n->processes)
		return -ENOMEM;
	for (at = 0; state_next(state, prefix, &at, &rest, &value);) {
		n->processes[n->process_count].run =
			current_text(d->reader->out, process_words(value));
		n->processes[n->process_count++].running =
			process_parse(&p, value) && process_lives(&p);
	}
	for (size_t i = 0; i < n->device_count; i++) {
		struct current_device *device = &n->devices[i];
		char key[300], *text;

		snprintf(key, sizeof(key), "process/%s/tunnel/%s", n->name, device->is.name);
		value = journal_get(&state->journal, key);
		device->running = value && process_parse(&p, value) && process_lives(&p);
		snprintf(path, sizeof(path), "%s/conf/%s.conf", n->name, device->is.name);
		text = value ? state_read_file(state, path) : NULL;
		device->config = text ? current_text(d->reader->out, text) : NULL;
		free(text);
	}
	return 0;
}

static void nft_read(struct dump *d)
{
	const struct state *state = d->reader->state;
	char key[256], path[256], *text;
	struct nft_mark mark;
	const char *value;

	snprintf(key, sizeof(key), "nft/%s", d->node->name);
	value = journal_get(&state->journal, key);
	if (!value)
		return;
	snprintf(path, sizeof(path), "%s/nft", d->node->name);
	text = state_read_file(state, path);
	/* Not what was loaded any more: different from every text, but something is there. */
	d->node->nft = "";
	if (text && nft_parse(&mark, value) && nft_stands(d->at->netns, &mark))
		d->node->nft = current_text(d->reader->out, text);
	free(text);
}

static int node_read(struct reader *r, size_t index)
{
	struct dump d = {r, &r->out->nodes[index], &r->nodes[index]};
	ino_t recorded = state_node(r->state, d.node->name);
	int planned = plan_find_node(r->plan, d.node->name);
	char name[512];
	int err;

	snprintf(name, sizeof(name), "%s.%s", r->plan->name, d.node->name);
	d.at->netns = netns_open(name);
	if (d.at->netns == -ENOENT)
		return 0; /* NODE_ABSENT */
	d.node->presence = NODE_FOREIGN;
	if (d.at->netns < 0 || !recorded)
		return 0;
	if (netns_inode(d.at->netns) != recorded) {
		/* The bare file that a killed `up` left is no namespace yet. */
		struct error ignored;

		if (netns_unname(name, recorded, &ignored))
			return 0;
		d.node->presence = NODE_ABSENT;
		return 0;
	}
	d.node->presence = NODE_OURS;
	err = netlink_open(&d.at->nl, NETLINK_ROUTE, d.at->netns);
	if (!err)
		err = kernel_read(&d);
	if (err)
		return err;
	names_resolve(&d);
	owners_resolve(&d, planned < 0 ? NULL : &r->plan->nodes[planned]);
	nft_read(&d);
	err = sysctls_read(&d, planned < 0 ? NULL : &r->plan->nodes[planned]);
	return err ? err : processes_read(&d);
}

static int nsid_attribute(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == NETNSA_NSID && mnl_attr_get_payload_len(a) >= 4)
		*(int *)arg = (int)mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int nsid_read(const struct nlmsghdr *h, void *arg)
{
	mnl_attr_parse(h, sizeof(struct rtgenmsg), nsid_attribute, arg);
	return 0;
}

/* Where is the other end of a cable?  Asked only for the ends that the plan has. */
static void twin_resolve(struct reader *r, const struct plan_end *near, const struct plan_end *far)
{
	const struct plan_node *plan_near = &r->plan->nodes[near->node];
	const struct plan_node *plan_far = &r->plan->nodes[far->node];
	struct current_node *a = current_find_node(r->out, plan_near->name);
	struct current_node *b = current_find_node(r->out, plan_far->name);
	struct current_device *device, *twin;
	const struct link_facts *facts;
	struct message m;
	int nsid = -1;

	if (a == b || a->presence != NODE_OURS || b->presence != NODE_OURS)
		return;
	device = current_find_device(a, plan_near->devices[near->device].name);
	if (!device || !device->known || device->is.kind != KIND_VETH)
		return;
	facts = &r->nodes[a - r->out->nodes].facts[device - a->devices];
	message_begin(&m, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(m.header, NETNSA_FD, (uint32_t)r->nodes[b - r->out->nodes].netns);
	if (netlink_ask(&r->nodes[a - r->out->nodes].nl, &m, nsid_read, &nsid, NULL) || nsid < 0 ||
		nsid != facts->lower_netns)
		return;
	twin = device_by_index(b, facts->lower);
	if (twin) {
		device->twin_node = b->name;
		memcpy(device->twin, twin->is.name, sizeof(device->twin));
	}
}

/* The nodes that the plan or the journal names. */
static int nodes_list(struct reader *r)
{
	size_t at = 0, room = r->plan->node_count;
	const char *name, *value;
	struct current *out = r->out;

	while (state_next(r->state, "node/", &at, &name, &value))
		room++;
	out->nodes = current_take(out, room * sizeof(*out->nodes));
	r->nodes = calloc(room + 1, sizeof(*r->nodes));
	if (!out->nodes || !r->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < r->plan->node_count; i++)
		out->nodes[out->node_count++].name = r->plan->nodes[i].name;
	for (at = 0; state_next(r->state, "node/", &at, &name, &value);)
		if (plan_find_node(r->plan, name) < 0)
			out->nodes[out->node_count++].name = current_text(out, name);
	for (size_t i = 0; i < out->node_count; i++)
		r->nodes[i].netns = -1;
	return 0;
}

int current_read(
	struct current *out, const struct plan *plan, const struct state *state, struct error *e)
{
	struct reader r = {.out = out, .plan = plan, .state = state, .error = e};
	int err;

	*out = (struct current){0};
	err = nodes_list(&r);
	for (size_t i = 0; i < out->node_count && !err; i++) {
		err = node_read(&r, i);
		if (err && err != -ENOMEM)
			error_prefix(e, "node %s", out->nodes[i].name);
	}
	if (err == -ENOMEM)
		error_errno(e, ENOMEM, "what is there");
	for (size_t i = 0; i < plan->link_count && !err; i++) {
		twin_resolve(&r, &plan->links[i].ends[0], &plan->links[i].ends[1]);
		twin_resolve(&r, &plan->links[i].ends[1], &plan->links[i].ends[0]);
	}
	for (size_t i = 0; r.nodes && i < out->node_count; i++) {
		netlink_close(&r.nodes[i].nl);
		if (r.nodes[i].netns >= 0)
			close(r.nodes[i].netns);
		free(r.nodes[i].facts);
	}
	free(r.nodes);
	if (err)
		current_free(out);
	return err;
}
