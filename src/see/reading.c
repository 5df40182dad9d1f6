/* Only memory is an error here: namespaces come and go, and some are not ours to look into. */
#include "see/reading.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "see/device_decode.h"
#include "see/driver.h"
#include "see/ends.h"
#include "see/inside.h"
#include "see/port_vlans.h"
#include "see/redirect.h"

enum {
	DUMP_ATTEMPTS = 8, /* the kernel says when a dump was overtaken by a change */
	NOT_ASKED = -2,	   /* of a number */
};

int reading_begin(struct reading *r, struct topology *t, bool keep)
{
	*r = (struct reading){
		.t = t,
		.sockets = calloc(t->netns_count + 1, sizeof(*r->sockets)),
		.numbers = keep ? calloc(t->netns_count + 1, sizeof(*r->numbers)) : NULL,
	};
	for (size_t i = 0; i < t->netns_count; i++)
		t->netns[i].unread = true;
	return r->sockets && (r->numbers || !keep) ? 0 : -ENOMEM;
}

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

void reading_forget(struct reading *r, int netns)
{
	struct netns_view *n = &r->t->netns[netns];

	for (size_t i = n->first_device; i < r->t->device_count; i++) {
		free(r->t->devices[i].addresses);
		free(r->t->devices[i].vlans);
	}
	r->t->device_count = n->first_device;
	n->device_count = 0;
	n->unread = true;
}

static int dump_once(struct reading *r)
{
	struct netns_view *n = &r->t->netns[r->netns];
	struct netlink *nl = &r->sockets[r->netns];
	struct message m;
	int err;

	reading_forget(r, r->netns);
	message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	err = netlink_ask(nl, &m, device_add, r, NULL);
	if (err)
		return err;
	if (n->device_count)
		qsort(&r->t->devices[n->first_device], n->device_count, sizeof(struct device),
			device_compare);
	message_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	err = netlink_ask(nl, &m, address_add, r, NULL);
	if (err || !n->device_count)
		return err;
	/* What only some devices have; that it cannot be told is no reason to tell nothing. */
	port_vlans_read(nl, &r->t->devices[n->first_device], n->device_count);
	redirects_read(nl, &r->t->devices[n->first_device], n->device_count);
	return 0;
}

/* Returns 0, or why there is no socket inside. */
static int socket_open(struct reading *r, int netns)
{
	struct netns_view *n = &r->t->netns[netns];

	if (n->closed)
		return -n->closed_errno;
	return r->sockets[netns].socket
		       ? 0
		       : inside_open(&r->sockets[netns], NETLINK_ROUTE, n->node.fd);
}

int reading_netns(struct reading *r, int netns)
{
	struct netns_view *n = &r->t->netns[netns];
	int err = 0;

	r->netns = netns;
	n->first_device = r->t->device_count;
	n->unread = false;
	if (n->closed)
		return 0;
	err = socket_open(r, netns);
	if (!err) {
		for (int i = 0; i == 0 || (err == -EINTR && i < DUMP_ATTEMPTS); i++)
			err = dump_once(r);
		if (err == -EINTR) /* it never stands still: the last view is good enough */
			err = 0;
	}
	n->unread = false;
	if (err) {
		reading_forget(r, netns);
		n->unread = false;
		n->closed = true;
		n->closed_errno = -err;
	}
	for (size_t i = n->first_device; i < r->t->device_count; i++)
		if (r->t->devices[i].kind == DEVICE_PHYSICAL)
			driver_read(&r->t->devices[i], mnl_socket_get_fd(r->sockets[netns].socket));
	return err == -ENOMEM ? err : 0;
}

static int number_keep(const struct nlmsghdr *header, void *arg)
{
	nsid_decode(header, arg);
	return 0;
}

static int32_t number_ask(struct reading *r, int in, int other)
{
	int fd = r->t->netns[other].node.fd;
	int32_t nsid = -1;
	struct message m;

	if (fd < 0 || socket_open(r, in))
		return -1;
	message_begin(&m, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(m.header, NETNSA_FD, (uint32_t)fd);
	return netlink_ask(&r->sockets[in], &m, number_keep, &nsid, NULL) ? -1 : nsid;
}

int32_t reading_number(struct reading *r, int in, int other)
{
	int32_t *row = r->numbers ? r->numbers[in] : NULL;

	if (r->numbers && !row) {
		row = r->numbers[in] = malloc(r->t->netns_count * sizeof(*row));
		for (size_t i = 0; row && i < r->t->netns_count; i++)
			row[i] = NOT_ASKED;
	}
	if (!row)
		return number_ask(r, in, other);
	if (row[other] == NOT_ASKED)
		row[other] = number_ask(r, in, other);
	return row[other];
}

static int32_t number_of(void *arg, int in, int other)
{
	return reading_number(arg, in, other);
}

static int device_keep(const struct nlmsghdr *header, void *arg)
{
	device_decode(header, arg);
	return 0;
}

static bool device_look(void *arg, int in, int32_t number, uint32_t ifindex, struct device *d)
{
	struct reading *r = arg;
	struct ifinfomsg *link;
	struct message m;

	*d = (struct device){0};
	if (socket_open(r, in))
		return false;
	link = message_begin(&m, RTM_GETLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	mnl_attr_put_u32(m.header, IFLA_TARGET_NETNSID, (uint32_t)number);
	return !netlink_ask(&r->sockets[in], &m, device_keep, d, NULL) && d->name[0];
}

static int place_compare(const void *a, const void *b)
{
	const struct device *x = a, *y = b;

	if (x->netns != y->netns)
		return x->netns < y->netns ? -1 : 1;
	return device_compare(a, b);
}

/* Namespaces may have been read in any order. */
static void devices_order(struct topology *t)
{
	size_t at = 0;

	if (t->device_count)
		qsort(t->devices, t->device_count, sizeof(*t->devices), place_compare);
	for (size_t i = 0; i < t->netns_count; i++) {
		t->netns[i].first_device = at;
		at += t->netns[i].device_count;
	}
}

int reading_end(struct reading *r, int err)
{
	if (!err) {
		devices_order(r->t);
		err = ends_find(r->t, &(struct end_questions){
					      .number = number_of, .look = device_look, .arg = r});
	}
	for (size_t i = 0; i < r->t->netns_count; i++) {
		if (r->sockets)
			netlink_close(&r->sockets[i]);
		if (r->numbers)
			free(r->numbers[i]);
	}
	free(r->sockets);
	free(r->numbers);
	return err;
}
