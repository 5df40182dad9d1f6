#include "net/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "net/addr.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nft.h"
#include "net/route.h"
#include "net/shape.h"
#include "net/sysctl.h"
#include "net/tuntap.h"

/* The cables of a network have ifindexes of their own, all different. */
enum { FIRST_INDEX = 10 };

struct apply_node {
	const char *name;
	int netns;
	struct netlink nl;
};

static void netns_name_of(const struct apply *a, const char *node, char out[512])
{
	snprintf(out, 512, "%s.%s", a->state->network, node);
}

int apply_node_netns(const struct apply_node *n)
{
	return n->netns;
}

struct netlink *apply_node_netlink(struct apply_node *n)
{
	return &n->nl;
}

static struct apply_node *node_enter_list(
	struct apply *a, const char *name, int netns, struct error *e)
{
	struct apply_node *grown = reallocarray(a->nodes, a->node_count + 1, sizeof(*grown));
	int err;

	if (!grown) {
		close(netns);
		error_errno(e, ENOMEM, "node %s", name);
		return NULL;
	}
	a->nodes = grown;
	grown = &a->nodes[a->node_count];
	*grown = (struct apply_node){.name = name, .netns = netns};
	err = netlink_open(&grown->nl, NETLINK_ROUTE, netns);
	if (err) {
		close(netns);
		error_errno(e, -err, "node %s: netlink", name);
		return NULL;
	}
	a->node_count++;
	return grown;
}

struct apply_node *apply_node_find(struct apply *a, const char *name, struct error *e)
{
	char netns[512];
	int fd;

	/* The one used last is mostly the one wanted next. */
	for (size_t i = a->node_count; i-- > 0;)
		if (!strcmp(a->nodes[i].name, name))
			return &a->nodes[i];
	netns_name_of(a, name, netns);
	fd = netns_open(netns);
	if (fd < 0) {
		error_errno(e, -fd, "the namespace %s", netns);
		return NULL;
	}
	return node_enter_list(a, name, fd, e);
}

static void node_leave(struct apply *a, const char *name)
{
	for (size_t i = 0; i < a->node_count; i++)
		if (!strcmp(a->nodes[i].name, name)) {
			netlink_close(&a->nodes[i].nl);
			close(a->nodes[i].netns);
			a->nodes[i] = a->nodes[--a->node_count];
			return;
		}
}

void apply_done(struct apply *a)
{
	while (a->node_count)
		node_leave(a, a->nodes[0].name);
	free(a->nodes);
	a->nodes = NULL;
}

static int link_index(const struct nlmsghdr *h, void *arg)
{
	*(uint32_t *)arg =
		(uint32_t)((const struct ifinfomsg *)mnl_nlmsg_get_payload(h))->ifi_index;
	return 0;
}

/* The ifindex of a device by name; 0 with the error set. */
static uint32_t index_of(struct apply_node *n, const char *device, struct error *e)
{
	uint32_t index = 0;
	struct message m;

	link_encode_get(&m, device);
	if (netlink_ask(&n->nl, &m, link_index, &index, e))
		error_set(e, ENODEV, "there is no device %s", device);
	return index;
}

static int node_add(struct apply *a, const struct operation *o, struct error *e)
{
	char name[512], folder[600];
	int home, fd = netns_make(e), err = fd < 0 ? fd : 0;

	/* A node that somebody removed may have left its programs. */
	if (!err)
		err = apply_end_processes(a->state, o->node, e);
	if (!err)
		err = state_put_node(a->state, o->node, netns_inode(fd), e);
	if (!err) {
		netns_name_of(a, o->node, name);
		err = netns_name(fd, name, e);
	}
	if (!err) {
		/* What is in the file are not strangers' addresses: link-local ones can be used
		 * at once too, and `up` need not wait out their detection of duplicates. */
		home = netns_visit(fd);
		err = home < 0 ? error_errno(e, -home, "cannot enter it") : 0;
		if (!err) {
			sysctl_set("net/ipv6/conf/default/accept_dad", "0", NULL);
			netns_return(home);
		}
	}
	snprintf(folder, sizeof(folder), "%s", o->node);
	if (!err && mkdirat(a->state->directory, folder, 0700) && errno != EEXIST)
		err = error_errno(e, errno, "its folder");
	snprintf(folder, sizeof(folder), "%s/wireguard", o->node);
	if (!err && mkdirat(a->state->directory, folder, 0700) && errno != EEXIST)
		err = error_errno(e, errno, "its folder");
	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	return node_enter_list(a, o->node, fd, e) ? 0 : -EIO;
}

/* Forgets the entries of a node that begin with `what`/NODE. */
static int journal_forget(struct state *s, const char *what, const char *node, struct error *e)
{
	char prefix[300], key[1024];
	const char *rest, *value;
	size_t at = 0;
	int err = 0;

	snprintf(prefix, sizeof(prefix), "%s/%s", what, node);
	while (!err && state_next(s, prefix, &at, &rest, &value)) {
		if (*rest && *rest != '/')
			continue;
		snprintf(key, sizeof(key), "%s%s", prefix, rest);
		err = journal_del(&s->journal, key, e);
		at = 0;
	}
	return err;
}

static int node_del(struct apply *a, const struct operation *o, struct error *e)
{
	char name[512];
	int err = apply_end_processes(a->state, o->node, e);

	node_leave(a, o->node);
	netns_name_of(a, o->node, name);
	if (!err)
		err = netns_unname(name, state_node(a->state, o->node), e);
	if (!err)
		err = journal_forget(a->state, "sysctl", o->node, e);
	if (!err)
		err = journal_forget(a->state, "nft", o->node, e);
	if (!err)
		err = journal_forget(a->state, "node", o->node, e);
	if (!err)
		err = state_remove_folder(a->state, o->node, e);
	return err;
}

static int sysctl_apply(
	struct apply *a, struct apply_node *n, const struct operation *o, struct error *e)
{
	char key[512], original[SYSCTL_VALUE];
	const char *value = o->sysctl ? o->sysctl->value : NULL;
	int err = 0, home = netns_visit(n->netns);

	if (home < 0)
		return error_errno(e, -home, "cannot enter the node");
	snprintf(key, sizeof(key), "sysctl/%s/%s", o->node, o->name);
	if (!value)
		value = journal_get(&a->state->journal, key);
	else if (!journal_get(&a->state->journal, key) && !sysctl_get(o->name, original))
		err = journal_put(&a->state->journal, key, original, e);
	if (!err && value)
		err = sysctl_set(o->name, value, e);
	if (!err && !o->sysctl)
		err = journal_del(&a->state->journal, key, e);
	netns_return(home);
	return err;
}

static int link_add(struct apply *a, const struct operation *o, struct error *e)
{
	const struct plan_link *l = &a->plan->links[o->link_index];
	const struct plan_node *node_a = &a->plan->nodes[l->ends[0].node];
	const struct plan_node *node_b = &a->plan->nodes[l->ends[1].node];
	struct apply_node *n = apply_node_find(a, node_a->name, e);
	int netns_a = n ? n->netns : -1;
	int index = FIRST_INDEX + 2 * o->link_index, err;
	struct message m;

	n = netns_a < 0 ? NULL : apply_node_find(a, node_b->name, e);
	if (!n)
		return -ENOENT;
	do {
		link_encode_cable(&m, &node_a->devices[l->ends[0].device], netns_a,
			&node_b->devices[l->ends[1].device], n->netns, index);
		err = netlink_call(&n->nl, &m, e);
		/* Another device may have the number: then the kernel finds one. */
	} while (err && index && !(index = 0));
	return err;
}

static int lower_index(struct apply *a, const struct operation *o)
{
	const struct plan_device *d = &a->plan->nodes[o->node_index].devices[o->device_index];

	return d->kind == KIND_VXLAN	 ? d->vxlan.dev
	       : d->kind == KIND_MACVLAN ? d->macvlan.dev
	       : d->kind == KIND_VLAN	 ? d->vlan.dev
					 : -1;
}

static int device_add(
	struct apply *a, struct apply_node *n, const struct operation *o, struct error *e)
{
	const struct plan_node *node = &a->plan->nodes[o->node_index];
	const struct plan_device *d = &node->devices[o->device_index];
	int lower = lower_index(a, o), err, home;
	uint32_t index = 0;
	struct message m;

	if (d->kind == KIND_TUN || d->kind == KIND_TAP) {
		if (!d->tuntap.persist)
			return error_set(e, ENOTSUP,
				"`persist: false`: without a process it would be gone at once");
		home = netns_visit(n->netns);
		if (home < 0)
			return error_errno(e, -home, "cannot enter the node");
		err = tuntap_make(d, e);
		netns_return(home);
		index = err ? 0 : index_of(n, d->name, e);
		if (!index || (!d->mtu && !d->has_mac && !d->has_txqueuelen && !d->arp))
			return err;
		link_encode_set(&m, index, d,
			(d->mtu ? CHANGE_MTU : 0u) | (d->has_mac ? CHANGE_MAC : 0u) |
				(d->has_txqueuelen ? CHANGE_TXQUEUELEN : 0u) |
				(d->arp ? CHANGE_ARP : 0u),
			0);
		return netlink_call(&n->nl, &m, e);
	}
	if (lower >= 0) {
		index = index_of(n, node->devices[lower].name, e);
		if (!index)
			return -ENODEV;
	}
	link_encode_add(&m, d, index);
	err = netlink_call(&n->nl, &m, e);
	if (err == -EOPNOTSUPP && d->kind == KIND_BRIDGE && d->bridge.vlan_filtering == SETTING_ON)
		error_set(e, -err, "this kernel's bridges have no VLAN filtering");
	return err;
}

static int device_del(struct apply_node *n, const struct operation *o, struct error *e)
{
	uint32_t index = index_of(n, o->device, NULL);
	struct message m;
	int err;

	if (!index)
		return 0; /* it went with its twin, or with the device below it */
	link_encode_del(&m, index);
	err = netlink_call(&n->nl, &m, e);
	return err == -ENODEV ? 0 : err;
}

static int device_set(struct apply_node *n, const struct operation *o, struct error *e)
{
	uint32_t index = index_of(n, o->device, e), master = 0;
	unsigned plain = o->changes & (unsigned)~(CHANGE_PORT | CHANGE_BRIDGE);
	struct message m;
	int err = 0;

	if (!index)
		return -ENODEV;
	if (o->changes & CHANGE_MASTER && o->master[0]) {
		master = index_of(n, o->master, e);
		if (!master)
			return -ENODEV;
	}
	if (plain) {
		link_encode_set(&m, index, &o->want, plain, master);
		err = netlink_call(&n->nl, &m, e);
	}
	if (!err && o->changes & CHANGE_BRIDGE) {
		link_encode_bridge(&m, index, &o->want);
		err = netlink_call(&n->nl, &m, e);
	}
	if (!err && o->changes & CHANGE_PORT) {
		link_encode_port(&m, index, &o->want);
		err = netlink_call(&n->nl, &m, e);
	}
	return err;
}

static int shape_set(struct apply_node *n, const struct operation *o, struct error *e)
{
	uint32_t index = index_of(n, o->device, e);
	struct message m;
	int err;

	if (!index)
		return -ENODEV;
	if (shape_kind(&o->shape)) {
		/* Another kind cannot take the place of one that is there. */
		shape_encode_del(&m, index);
		netlink_call(&n->nl, &m, NULL);
		shape_encode(&m, index, &o->shape);
		err = netlink_call(&n->nl, &m, e);
		if (err == -ENOENT)
			return error_set(e, ENOENT,
				"this kernel has no queueing discipline '%s' (%s)",
				shape_kind(&o->shape),
				shape_kind(&o->shape)[0] == 'n' ? "needed for delay and loss"
								: "needed for a rate");
		return err;
	}
	shape_encode_del(&m, index);
	err = netlink_call(&n->nl, &m, e);
	return err == -ENOENT ? 0 : err;
}

static int addr_apply(struct apply_node *n, const struct operation *o, struct error *e)
{
	bool add = o->kind == OPERATION_ADDR_ADD;
	uint32_t index = index_of(n, o->device, e);
	struct message m;
	int err;

	if (!index)
		return -ENODEV;
	addr_encode(&m, add ? RTM_NEWADDR : RTM_DELADDR, index, &o->address);
	err = netlink_call(&n->nl, &m, e);
	return err == -EADDRNOTAVAIL && !add ? 0 : err;
}

static int route_apply(struct apply_node *n, const struct operation *o, struct error *e)
{
	bool add = o->kind == OPERATION_ROUTE_ADD;
	uint32_t indexes[ROUTE_HOPS] = {0};
	struct message m;
	int err;

	for (size_t i = 0; i < o->route->hop_count && i < ROUTE_HOPS; i++) {
		if (!o->route->hops[i].dev[0])
			continue;
		indexes[i] = index_of(n, o->route->hops[i].dev, e);
		if (!indexes[i])
			return -ENODEV;
	}
	route_encode(&m, add ? RTM_NEWROUTE : RTM_DELROUTE, o->was[0], o->route, indexes);
	err = netlink_call(&n->nl, &m, e);
	return err == -ESRCH && !add ? 0 : err;
}

static int nft_apply(
	struct apply *a, struct apply_node *n, const struct operation *o, struct error *e)
{
	bool load = o->kind == OPERATION_NFT_LOAD;
	const char *text = load ? a->plan->nodes[o->node_index].nft : NULL;
	char key[256], path[256], value[48];
	struct nft_mark mark;
	int err;

	snprintf(key, sizeof(key), "nft/%s", o->node);
	snprintf(path, sizeof(path), "%s/nft", o->node);
	err = nft_load(n->netns, text, &mark, e);
	if (err)
		return err;
	if (!load)
		return journal_del(&a->state->journal, key, e);
	nft_format(value, &mark);
	err = state_write_file(a->state, path, text, e);
	return err ? err : journal_put(&a->state->journal, key, value, e);
}

static int up_apply(struct apply_node *n, const struct operation *o, struct error *e)
{
	uint32_t index = index_of(n, o->device, e);
	struct message m;

	if (!index)
		return -ENODEV;
	link_encode_up(&m, index);
	return netlink_call(&n->nl, &m, e);
}

static int apply_one(struct apply *a, const struct operation *o, struct error *e)
{
	struct apply_node *n = NULL;

	switch (o->kind) {
	case OPERATION_NODE_ADD:
		return node_add(a, o, e);
	case OPERATION_NODE_DEL:
		return node_del(a, o, e);
	case OPERATION_LINK_ADD:
		return link_add(a, o, e);
	case OPERATION_TUNNEL_SET:
		return apply_tunnel_set(a, o, e);
	case OPERATION_TUNNEL_STOP:
		return apply_tunnel_stop(a, o, e);
	case OPERATION_PROCESS_START:
		return apply_process_start(a, o, e);
	case OPERATION_PROCESS_STOP:
		return apply_process_stop(a, o, e);
	default:
		n = apply_node_find(a, o->node, e);
	}
	if (!n)
		return -ENOENT;
	switch (o->kind) {
	case OPERATION_SYSCTL_SET:
		return sysctl_apply(a, n, o, e);
	case OPERATION_DEVICE_ADD:
		return device_add(a, n, o, e);
	case OPERATION_DEVICE_DEL:
		return device_del(n, o, e);
	case OPERATION_DEVICE_SET:
		return device_set(n, o, e);
	case OPERATION_DEVICE_UP:
		return up_apply(n, o, e);
	case OPERATION_SHAPE_SET:
		return shape_set(n, o, e);
	case OPERATION_ADDR_ADD:
	case OPERATION_ADDR_DEL:
		return addr_apply(n, o, e);
	case OPERATION_ROUTE_ADD:
	case OPERATION_ROUTE_DEL:
		return route_apply(n, o, e);
	default:
		return nft_apply(a, n, o, e);
	}
}

/* "vpn.yaml:9:5: addr site-a:eth0 10.32.0.11/24: what the kernel said" */
static void complain(const struct apply *a, const struct operation *o, int err, struct error *e,
	const struct error *said)
{
	char what[3 * OPERATION_TEXT];

	operation_format(what, o);
	if (o->at.line)
		plan_error(e, a->plan, o->at, -err, "%s: %s", what + 2, said->text);
	else
		error_set(e, -err, "%s: %s: %s", a->plan->file, what + 2, said->text);
}

int apply_all(struct apply *a, const struct operations *list, bool onward, struct error *e)
{
	int first = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct operation *o = &list->list[i];
		struct error said = {0};
		size_t tunnels = 0, failed = 0;
		int err;

		if (a->stop && *a->stop && !onward)
			return error_set(e, EINTR, "interrupted");
		while (i + tunnels < list->count &&
			list->list[i + tunnels].kind == OPERATION_TUNNEL_START)
			tunnels++;
		if (tunnels) {
			err = apply_tunnels_start(a, o, tunnels, &failed, &said);
			o = &list->list[i + failed];
			i += tunnels - 1;
		} else {
			err = apply_one(a, o, &said);
		}
		if (err && !first) {
			first = err;
			complain(a, o, err, e, &said);
		}
		if (err && !onward)
			return err;
		if (a->progress)
			a->progress(i + 1, list->count, operation_object(o));
	}
	return first;
}
