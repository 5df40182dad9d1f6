/* The snapshot is taken in this order: processes, namespaces, devices, their
 * ends.  A process that starts a namespace during the walk is missed; a
 * namespace that goes is `closed`. */
#include "see/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/netlink.h"
#include "see/device_decode.h"
#include "see/ends.h"
#include "see/inside.h"
#include "see/namespaces.h"
#include "see/owners.h"
#include "see/processes.h"
#include "see/driver.h"

enum { DUMP_ATTEMPTS = 8 }; /* the kernel says when a dump was overtaken by a change */

/* While it is read: a socket inside each namespace. */
struct reading {
	struct topology *t;
	struct netlink *sockets; /* netns_count; zeroed where closed */
	size_t room;		 /* of t->devices */
	int netns;		 /* now being read */
};

static int device_add(const struct nlmsghdr *header, void *arg)
{
	struct reading *r = arg;
	struct topology *t = r->t;
	struct device d;

	if (!device_decode(header, &d))
		return 0;
	if (t->device_count == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct device *grown = reallocarray(t->devices, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->devices = grown;
		r->room = room;
	}
	d.netns = r->netns;
	t->devices[t->device_count++] = d;
	t->netns[r->netns].device_count++;
	return 0;
}

static int address_add(const struct nlmsghdr *header, void *arg)
{
	struct reading *r = arg;
	struct address a, *grown;
	struct device *d;
	uint32_t ifindex;
	int at;

	if (!address_decode(header, &a, &ifindex))
		return 0;
	at = topology_device_at(r->t, r->netns, ifindex);
	if (at < 0)
		return 0; /* the device came after the links were read */
	d = &r->t->devices[at];
	grown = reallocarray(d->addresses, d->address_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	d->addresses = grown;
	grown[d->address_count++] = a;
	return 0;
}

static int device_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct device *)a)->ifindex, y = ((const struct device *)b)->ifindex;

	return x < y ? -1 : x > y;
}

static void devices_forget(struct reading *r)
{
	struct netns_view *n = &r->t->netns[r->netns];

	for (size_t i = n->first_device; i < r->t->device_count; i++)
		free(r->t->devices[i].addresses);
	r->t->device_count = n->first_device;
	n->device_count = 0;
}

static int dump_once(struct reading *r)
{
	struct netns_view *n = &r->t->netns[r->netns];
	struct netlink *nl = &r->sockets[r->netns];
	struct message m;
	int err;

	devices_forget(r);
	message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	err = netlink_ask(nl, &m, device_add, r, NULL);
	if (err)
		return err;
	if (n->device_count)
		qsort(&r->t->devices[n->first_device], n->device_count, sizeof(struct device),
			device_compare);
	message_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return netlink_ask(nl, &m, address_add, r, NULL);
}

/* Only memory is an error; a namespace that cannot be read is marked as closed. */
static int netns_read(struct reading *r, int netns)
{
	struct netns_view *n = &r->t->netns[netns];
	struct netlink *nl = &r->sockets[netns];
	int err = 0;

	r->netns = netns;
	n->first_device = r->t->device_count;
	if (n->closed)
		return 0;
	err = inside_open(nl, NETLINK_ROUTE, n->node.fd);
	if (!err) {
		for (int i = 0; i == 0 || (err == -EINTR && i < DUMP_ATTEMPTS); i++)
			err = dump_once(r);
		if (err == -EINTR) /* it never stands still: the last view is good enough */
			err = 0;
	}
	if (err) {
		devices_forget(r);
		n->closed = true;
		n->closed_errno = -err;
	}
	for (size_t i = n->first_device; i < r->t->device_count; i++)
		if (r->t->devices[i].kind == DEVICE_PHYSICAL)
			driver_read(&r->t->devices[i], mnl_socket_get_fd(nl->socket));
	return err == -ENOMEM ? err : 0;
}

static int nsid_keep(const struct nlmsghdr *header, void *arg)
{
	nsid_decode(header, arg);
	return 0;
}

static int32_t nsid_of(void *arg, int in, int other)
{
	struct reading *r = arg;
	int fd = r->t->netns[other].node.fd;
	int32_t nsid = -1;
	struct message m;

	if (!r->sockets[in].socket || fd < 0)
		return -1;
	message_begin(&m, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(m.header, NETNSA_FD, (uint32_t)fd);
	return netlink_ask(&r->sockets[in], &m, nsid_keep, &nsid, NULL) ? -1 : nsid;
}

static int devices_read(struct topology *t, struct error *e)
{
	struct reading r = {.t = t, .sockets = calloc(t->netns_count + 1, sizeof(*r.sockets))};
	int err = r.sockets ? 0 : -ENOMEM;

	for (int i = 0; !err && i < (int)t->netns_count; i++)
		err = netns_read(&r, i);
	if (!err)
		err = ends_find(t, nsid_of, &r);
	for (size_t i = 0; r.sockets && i < t->netns_count; i++)
		netlink_close(&r.sockets[i]);
	free(r.sockets);
	return err ? error_errno(e, -err, "reading the devices") : 0;
}

/* Each namespace takes two descriptors while it is read. */
static void descriptors_allow(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int topology_read(struct topology *t, struct error *e)
{
	struct topology seen = {.taken = clock_now()};
	struct processes p = {0};
	int err;

	descriptors_allow();
	err = processes_read(&p, e);
	if (!err) {
		seen.unseen_processes = p.unseen;
		err = namespaces_find(&seen, &p, e);
	}
	if (!err)
		err = devices_read(&seen, e);
	if (!err)
		err = owners_find(&seen, &p, e);
	processes_free(&p);
	if (err)
		topology_free(&seen);
	else
		*t = seen;
	return err;
}

int topology_read_one(struct topology *t, const struct node *node, struct error *e)
{
	struct topology one = {.taken = clock_now(), .netns_count = 1};
	int err;

	one.netns = calloc(1, sizeof(*one.netns));
	if (!one.netns)
		return error_errno(e, ENOMEM, "node '%s'", node->name);
	one.netns->node = *node;
	one.netns->node.fd = fcntl(node->fd, F_DUPFD_CLOEXEC, 0);
	err = one.netns->node.fd < 0 ? error_errno(e, errno, "node '%s'", node->name) : 0;
	if (!err)
		err = devices_read(&one, e);
	if (!err && one.netns->closed)
		err = error_errno(e, one.netns->closed_errno, "node '%s'", node->name);
	if (err)
		topology_free(&one);
	else
		*t = one;
	return err;
}

void topology_free(struct topology *t)
{
	for (size_t i = 0; i < t->netns_count; i++) {
		free(t->netns[i].residents);
		if (t->netns[i].node.fd >= 0)
			node_close(&t->netns[i].node);
	}
	for (size_t i = 0; i < t->device_count; i++) {
		free(t->devices[i].addresses);
		free(t->devices[i].holders);
	}
	free(t->netns);
	free(t->devices);
	*t = (struct topology){0};
}
