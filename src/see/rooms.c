#include "see/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "see/filter.h"
#include "see/namespaces.h"
#include "see/processes.h"
#include "see/topology.h"

/* `ip netns add` makes the name first and mounts the namespace there a little later. */
#define NAMES_SETTLE SECOND

bool wish_is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static bool node_matches(const char *pattern, const struct node *n)
{
	const char *dot = strchr(n->netns, '.');
	char full[2 * NODE_NAME + 2] = "";

	if (n->network[0] && dot)
		snprintf(full, sizeof(full), "%s/%s", n->network, dot + 1);
	return (n->network[0] && !strcmp(pattern, n->network)) || !fnmatch(pattern, n->name, 0) ||
	       (n->netns[0] && !fnmatch(pattern, n->netns, 0)) ||
	       (full[0] && !fnmatch(pattern, full, 0)) ||
	       (n->network[0] && dot && !fnmatch(pattern, dot + 1, 0));
}

bool wish_matches(const char *pattern, const char *device, const struct node *node)
{
	const char *at = strchr(pattern, '@');
	char name[128];

	if (!at)
		return !fnmatch(pattern, device, 0);
	snprintf(name, sizeof(name), "%.*s", (int)(at - pattern), pattern);
	return !fnmatch(name, device, 0) && node_matches(at + 1, node);
}

static bool device_wanted(const struct rooms_wish *w, const char *device, const struct node *node)
{
	for (size_t i = 0; i < w->device_count; i++)
		if (wish_matches(w->devices[i], device, node))
			return true;
	return !w->device_count;
}

static struct room_device *device_known(struct room *room, int index)
{
	for (size_t i = room->count; i-- > 0;) /* the newest of that index */
		if (room->devices[i]->index == index)
			return room->devices[i];
	return NULL;
}

static int device_add(struct room *room, const struct room_device *d)
{
	struct room_device **grown =
		realloc(room->devices, (room->count + 1) * sizeof(*room->devices));

	if (!grown)
		return -ENOMEM;
	room->devices = grown;
	room->devices[room->count] = malloc(sizeof(*d));
	if (!room->devices[room->count])
		return -ENOMEM;
	*room->devices[room->count++] = *d;
	return 0;
}

static int name_read(const struct nlattr *a, void *name)
{
	if (mnl_attr_get_type(a) == IFLA_IFNAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(name, IFNAMSIZ, "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

/* A device that got another name is a new one to those who read by name. */
static int link_read(const struct nlmsghdr *h, void *arg)
{
	struct room *room = arg;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	struct room_device d = {.index = link->ifi_index, .hatype = link->ifi_type}, *known;

	mnl_attr_parse(h, sizeof(*link), name_read, d.name);
	known = device_known(room, d.index);
	if (known && !strcmp(known->name, d.name)) {
		known->gone = false;
		return 0;
	}
	d.wanted = filter_link(d.hatype) >= 0 &&
		   device_wanted(&room->rooms->wish, d.name, &room->node);
	return device_add(room, &d);
}

static int devices_read(struct room *room, struct error *e)
{
	struct message m;
	int err;

	room->stale = false;
	memset(room->recent, 0, sizeof(room->recent));
	for (size_t i = 0; i < room->count; i++)
		room->devices[i]->gone = true;
	do {
		message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		err = netlink_ask(&room->dump, &m, link_read, room, e);
	} while (err == -EINTR);
	if (err)
		error_prefix(e, "devices of %s", room->node.name);
	return err;
}

static void events_ready(struct watch *w, uint32_t events)
{
	struct room *room = watch_owner(w, struct room, watch);
	char buffer[8192];

	/* What happened does not matter, nor whether some of it was lost (ENOBUFS). */
	while (recv(w->fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	room->stale = room->rooms->stale = true;
}

void room_leave(struct room *room)
{
	if (room->left)
		return;
	room->left = true;
	if (room->events.socket)
		loop_del(room->rooms->loop, &room->watch);
	netlink_close(&room->events);
	netlink_close(&room->dump);
	node_close(&room->node);
	for (size_t i = 0; i < room->count; i++)
		room->devices[i]->gone = true;
}

static void room_free(struct room *room)
{
	room_leave(room);
	for (size_t i = 0; i < room->count; i++)
		free(room->devices[i]);
	free(room->devices);
	free(room);
}

static int room_start(struct room *room, struct error *e)
{
	int group = RTNLGRP_LINK;
	int err = netlink_open(&room->events, NETLINK_ROUTE, room->node.fd);

	if (!err)
		err = netlink_open(&room->dump, NETLINK_ROUTE, room->node.fd);
	if (!err && mnl_socket_setsockopt(
			    room->events.socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		err = -errno;
	if (!err) {
		room->watch = (struct watch){mnl_socket_get_fd(room->events.socket), events_ready};
		err = loop_add(room->rooms->loop, &room->watch, EPOLLIN);
	}
	if (err)
		return error_errno(e, -err, "node %s", room->node.name);
	return devices_read(room, e);
}

/* Takes over node->fd, also on failure. */
static int room_add(struct rooms *r, struct node *node, bool named, struct error *e)
{
	struct room **grown, *room;
	int err;

	for (size_t i = 0; i < r->count; i++) {
		const struct node *has = &r->list[i]->node;

		if (!r->list[i]->left && has->inode == node->inode && has->device == node->device) {
			node_close(node);
			return 0;
		}
	}
	room = calloc(1, sizeof(*room));
	grown = realloc(r->list, (r->count + 1) * sizeof(*r->list));
	if (grown)
		r->list = grown;
	if (!room || !grown) {
		free(room);
		node_close(node);
		return -ENOMEM;
	}
	*room = (struct room){
		.node = *node, .rooms = r, .number = (uint32_t)r->count, .named = named};
	node->fd = -1;
	err = room_start(room, e);
	if (err)
		room_free(room);
	else
		r->list[r->count++] = room;
	return err;
}

void rooms_refuse(struct rooms *r, const struct error *e)
{
	if (!r->refused++)
		snprintf(r->refusal, sizeof(r->refusal), "%.255s", e->text);
}

static bool node_wanted(const struct rooms_wish *w, const struct node *n)
{
	for (size_t i = 0; i < w->node_count; i++)
		if (node_matches(w->nodes[i], n))
			return true;
	return !w->node_count;
}

/* Every namespace that can be found; the descriptors are taken over.  One that goes away
 * meanwhile is no error. */
static int all_add(struct rooms *r, struct error *e)
{
	struct topology t = {0};
	struct processes p;
	int err = processes_read(&p, e);

	if (err)
		return err;
	err = namespaces_find(&t, &p, e);
	processes_free(&p);
	for (size_t i = 0; !err && i < t.netns_count; i++) {
		struct node *n = &t.netns[i].node;
		struct error why = {0};

		if (n->fd < 0 || !node_wanted(&r->wish, n))
			continue;
		if (room_add(r, n, t.netns[i].found_by == FOUND_BY_NAME, &why))
			rooms_refuse(r, &why);
	}
	if (!err)
		topology_free(&t);
	return err;
}

/* Names that have come since, and names that have gone. */
static int names_read(struct rooms *r)
{
	struct node *list;
	ssize_t n = node_list(&list);
	struct stat here;

	if (n < 0)
		return (int)n;
	if (stat("/proc/thread-self/ns/net", &here))
		here.st_dev = 0;
	for (size_t i = 0; i < r->count; i++) {
		bool there = !r->list[i]->named;

		for (ssize_t k = 0; k < n && !there; k++)
			there = list[k].inode == r->list[i]->node.inode;
		if (!there)
			room_leave(r->list[i]);
	}
	for (ssize_t k = 0; k < n; k++) {
		char path[1024];

		if (list[k].device != here.st_dev || !node_wanted(&r->wish, &list[k]))
			continue;
		snprintf(path, sizeof(path), "%s/%s", node_netns_directory(), list[k].netns);
		list[k].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (list[k].fd >= 0)
			room_add(r, &list[k], true, NULL);
	}
	free(list);
	return 0;
}

static void names_ready(struct watch *w, uint32_t events)
{
	struct rooms *r = watch_owner(w, struct rooms, watch);
	char buffer[4096];

	while (read(w->fd, buffer, sizeof(buffer)) > 0)
		;
	r->changed = clock_now();
	r->stale = true;
}

static int names_watch(struct rooms *r)
{
	r->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify < 0)
		return -errno;
	/* Without the directory there are no names; `ip netns` makes it with the first one. */
	inotify_add_watch(r->inotify, node_netns_directory(), IN_CREATE | IN_DELETE | IN_MOVE);
	r->watch = (struct watch){r->inotify, names_ready};
	return loop_add(r->loop, &r->watch, EPOLLIN);
}

/* A NODE that is one namespace.  Names of networks and patterns are left to all_add(). */
static int nodes_add(struct rooms *r, bool *all, struct error *e)
{
	int err = 0;

	*all = !r->wish.node_count;
	for (size_t i = 0; i < r->wish.node_count && !err; i++) {
		const char *spec = r->wish.nodes[i];
		char path[1024];
		struct node n;
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", node_state_directory(), spec);
		if (wish_is_pattern(spec)) {
			*all = true;
			continue;
		}
		err = node_open(&n, spec, e);
		if (!err) {
			err = room_add(r, &n, n.netns[0], e);
		} else if (err == -ENOENT && !strchr(spec, '/') && !stat(path, &st)) {
			*all = true;
			err = 0;
		}
	}
	return err;
}

int rooms_open(struct rooms *r, const struct rooms_wish *wish, struct loop *loop, struct error *e)
{
	bool all;
	int err;

	*r = (struct rooms){.wish = *wish, .loop = loop, .inotify = -1};
	err = nodes_add(r, &all, e);
	if (!err && all)
		err = all_add(r, e);
	if (!err)
		err = names_watch(r);
	if (err)
		rooms_close(r);
	return err;
}

void rooms_close(struct rooms *r)
{
	for (size_t i = 0; i < r->count; i++)
		room_free(r->list[i]);
	free(r->list);
	if (r->inotify >= 0) {
		loop_del(r->loop, &r->watch);
		close(r->inotify);
	}
	*r = (struct rooms){.inotify = -1};
}

bool rooms_pending(const struct rooms *r, int64_t now)
{
	return r->changed && now - r->changed < NAMES_SETTLE;
}

int rooms_refresh(struct rooms *r, int64_t now, struct error *e)
{
	int err = 0;

	if (r->stale || rooms_pending(r, now))
		err = names_read(r);
	r->stale = false;
	for (size_t i = 0; i < r->count && !err; i++)
		if (r->list[i]->stale && !r->list[i]->left)
			err = devices_read(r->list[i], e);
	return err;
}

struct room_device *room_device(struct room *room, int index)
{
	struct room_device **recent =
		&room->recent[(unsigned)index % (sizeof(room->recent) / sizeof(*room->recent))];

	if (*recent && (*recent)->index == index && !room->stale)
		return *recent;
	*recent = device_known(room, index);
	if ((!*recent || room->stale) && !room->left) {
		devices_read(room, NULL);
		*recent = device_known(room, index);
	}
	return *recent;
}
