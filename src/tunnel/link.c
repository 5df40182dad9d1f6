#include "tunnel/link.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static size_t address_bytes(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

/* ---- the device ---- */

static int state_attribute(const struct nlattr *attr, void *arg)
{
	struct link_state *out = arg;

	if (mnl_attr_get_type(attr) == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		out->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int state_reply(const struct nlmsghdr *header, void *arg)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	struct link_state *out = arg;

	if (header->nlmsg_type != RTM_NEWLINK)
		return 0;
	out->index = link->ifi_index;
	out->up = link->ifi_flags & IFF_UP;
	mnl_attr_parse(header, sizeof(*link), state_attribute, out);
	return 0;
}

int link_read(struct netlink *nl, const char *name, int index, struct link_state *out)
{
	struct message m;
	struct ifinfomsg *link = message_begin(&m, RTM_GETLINK, 0, sizeof(*link));
	struct link_state state = {0};
	int err;

	link->ifi_index = index;
	if (name)
		mnl_attr_put_strz(m.header, IFLA_IFNAME, name);
	err = netlink_ask(nl, &m, state_reply, &state, NULL);
	if (!err)
		*out = state;
	return err;
}

int link_set(struct netlink *nl, int index, uint32_t mtu, bool up, struct error *e)
{
	struct message m;
	struct ifinfomsg *link = message_begin(&m, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = index;
	if (up)
		link->ifi_flags = link->ifi_change = IFF_UP;
	if (mtu)
		mnl_attr_put_u32(m.header, IFLA_MTU, mtu);
	return netlink_call(nl, &m, e);
}

int link_generate_none(struct netlink *nl, int index)
{
	struct message m;
	struct ifinfomsg *link = message_begin(&m, RTM_NEWLINK, 0, sizeof(*link));
	struct nlattr *families, *ipv6;

	link->ifi_index = index;
	families = mnl_attr_nest_start(m.header, IFLA_AF_SPEC);
	ipv6 = mnl_attr_nest_start(m.header, AF_INET6);
	mnl_attr_put_u8(m.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(m.header, ipv6);
	mnl_attr_nest_end(m.header, families);
	return netlink_call(nl, &m, NULL);
}

int link_address(struct netlink *nl, int index, const struct prefix *p, bool add, struct error *e)
{
	struct message m;
	struct ifaddrmsg *address = message_begin(&m, add ? RTM_NEWADDR : RTM_DELADDR,
		add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*address));
	int err;

	address->ifa_family = p->family;
	address->ifa_prefixlen = p->length;
	address->ifa_index = (uint32_t)index;
	mnl_attr_put(m.header, IFA_LOCAL, address_bytes(p->family), p->address);
	mnl_attr_put(m.header, IFA_ADDRESS, address_bytes(p->family), p->address);
	err = netlink_call(nl, &m, e);
	return err == (add ? -EEXIST : -EADDRNOTAVAIL) ? 0 : err;
}

/* ---- routes and rules ---- */

int link_route(struct netlink *nl, int index, const struct prefix *p, uint32_t table, bool add,
	struct error *e)
{
	struct message m;
	struct rtmsg *route = message_begin(&m, add ? RTM_NEWROUTE : RTM_DELROUTE,
		add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*route));
	int err;

	route->rtm_family = p->family;
	route->rtm_dst_len = p->length;
	route->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	route->rtm_protocol = RTPROT_BOOT;
	route->rtm_scope = p->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(m.header, RTA_TABLE, table);
	mnl_attr_put(m.header, RTA_DST, address_bytes(p->family), p->address);
	mnl_attr_put_u32(m.header, RTA_OIF, (uint32_t)index);
	err = netlink_call(nl, &m, e);
	return err == (add ? -EEXIST : -ESRCH) ? 0 : err;
}

/* One of the two rules; see the header. */
static int rule_call(struct netlink *nl, uint8_t family, uint32_t table, bool suppress, bool add,
	struct error *e)
{
	struct message m;
	struct fib_rule_hdr *rule = message_begin(&m, add ? RTM_NEWRULE : RTM_DELRULE,
		add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*rule));
	uint32_t lookup = suppress ? RT_TABLE_MAIN : table;
	int err;

	rule->family = family;
	rule->action = FR_ACT_TO_TBL;
	rule->table = lookup < 256 ? (uint8_t)lookup : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(m.header, FRA_TABLE, lookup);
	if (suppress) {
		mnl_attr_put_u32(m.header, FRA_SUPPRESS_PREFIXLEN, 0);
	} else {
		rule->flags = FIB_RULE_INVERT;
		mnl_attr_put_u32(m.header, FRA_FWMARK, table);
	}
	err = netlink_call(nl, &m, e);
	return add && err == -EEXIST ? 0 : err;
}

/* One pair of rules.  Returns 1 when there is none. */
static int rules_del(struct netlink *nl, uint8_t family, uint32_t table, struct error *e)
{
	int err = rule_call(nl, family, table, false, false, e);

	if (!err)
		err = rule_call(nl, family, table, true, false, e);
	return err == -ENOENT ? 1 : err;
}

int link_rules(struct netlink *nl, uint8_t family, uint32_t table, bool add, struct error *e)
{
	int err;

	/* Adding, too: what a tunnel that was killed left behind is not to stay for ever. */
	do
		err = rules_del(nl, family, table, e);
	while (!err);
	if (err < 0 || !add)
		return err < 0 ? err : 0;
	err = rule_call(nl, family, table, false, true, e);

	/* The later rule is asked first: each is put in front of those that are there. */
	return err ? err : rule_call(nl, family, table, true, true, e);
}

struct table_question {
	uint32_t table;
	bool found;
};

static int table_attribute(const struct nlattr *attr, void *arg)
{
	struct table_question *q = arg;

	if (mnl_attr_get_type(attr) == RTA_TABLE && mnl_attr_get_u32(attr) == q->table)
		q->found = true;
	return MNL_CB_OK;
}

static int table_reply(const struct nlmsghdr *header, void *arg)
{
	if (header->nlmsg_type == RTM_NEWROUTE)
		mnl_attr_parse(header, sizeof(struct rtmsg), table_attribute, arg);
	return 0;
}

bool link_table_is_empty(struct netlink *nl, uint32_t table)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct table_question q = {.table = table};

	for (size_t i = 0; i < 2; i++) {
		struct message m;
		struct rtmsg *route = message_begin(&m, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));

		route->rtm_family = families[i];
		/* The kernel filters by it, and says -ENOENT of a table that does not exist. */
		mnl_attr_put_u32(m.header, RTA_TABLE, table);
		netlink_ask(nl, &m, table_reply, &q, NULL);
	}
	return !q.found;
}

struct path {
	int index;
	uint32_t mtu;
};

static int path_metric(const struct nlattr *attr, void *arg)
{
	struct path *p = arg;

	if (mnl_attr_get_type(attr) == RTAX_MTU)
		p->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int path_attribute(const struct nlattr *attr, void *arg)
{
	struct path *p = arg;

	if (mnl_attr_get_type(attr) == RTA_OIF)
		p->index = (int)mnl_attr_get_u32(attr);
	if (mnl_attr_get_type(attr) == RTA_METRICS)
		mnl_attr_parse_nested(attr, path_metric, p);
	return MNL_CB_OK;
}

static int path_reply(const struct nlmsghdr *header, void *arg)
{
	if (header->nlmsg_type == RTM_NEWROUTE)
		mnl_attr_parse(header, sizeof(struct rtmsg), path_attribute, arg);
	return 0;
}

uint32_t link_path_mtu(struct netlink *nl, const union address *to, uint32_t mark)
{
	struct message m;
	struct rtmsg *route = message_begin(&m, RTM_GETROUTE, 0, sizeof(*route));
	uint8_t family = (uint8_t)to->sa.sa_family;
	struct link_state state;
	struct path p = {0};

	route->rtm_family = family;
	route->rtm_dst_len = family == AF_INET ? 32 : 128;
	mnl_attr_put(m.header, RTA_DST, address_bytes(family),
		family == AF_INET ? (const void *)&to->v4.sin_addr : &to->v6.sin6_addr);
	if (mark)
		mnl_attr_put_u32(m.header, RTA_MARK, mark);
	if (netlink_ask(nl, &m, path_reply, &p, NULL) || !p.index)
		return 0;
	if (p.mtu)
		return p.mtu;
	return link_read(nl, NULL, p.index, &state) ? 0 : state.mtu;
}

struct default_route {
	int index;
	bool found;
};

/* The first default route of the main table. */
static int default_reply(const struct nlmsghdr *header, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(header);
	struct default_route *d = arg;
	struct path p = {0};

	if (header->nlmsg_type != RTM_NEWROUTE || d->found || route->rtm_dst_len ||
		route->rtm_table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST)
		return 0;
	mnl_attr_parse(header, sizeof(*route), path_attribute, &p);
	d->found = p.index;
	d->index = p.index;
	return 0;
}

uint32_t link_default_mtu(struct netlink *nl)
{
	struct message m;
	struct rtmsg *route = message_begin(&m, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));
	struct default_route d = {0};
	struct link_state state;

	route->rtm_family = AF_INET;
	if (netlink_ask(nl, &m, default_reply, &d, NULL) || !d.found)
		return 0;
	return link_read(nl, NULL, d.index, &state) ? 0 : state.mtu;
}

/* What a dump of addresses adds to. */
struct address_list {
	int index;
	struct prefix *list;
	size_t count;
	bool failed;
};

static int address_attribute(const struct nlattr *attr, void *arg)
{
	struct prefix *p = arg;
	uint16_t type = mnl_attr_get_type(attr);
	bool local = type == IFA_LOCAL;

	if ((local || (type == IFA_ADDRESS && p->family == AF_INET6)) &&
		mnl_attr_get_payload_len(attr) == address_bytes(p->family))
		memcpy(p->address, mnl_attr_get_payload(attr), address_bytes(p->family));
	return MNL_CB_OK;
}

static int address_reply(const struct nlmsghdr *header, void *arg)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(header);
	struct address_list *all = arg;
	struct prefix *list;

	if (header->nlmsg_type != RTM_NEWADDR || (int)address->ifa_index != all->index)
		return 0;
	list = realloc(all->list, (all->count + 1) * sizeof(*list));
	if (!list) {
		all->failed = true;
		return 0;
	}
	all->list = list;
	list += all->count++;
	*list = (struct prefix){.family = address->ifa_family, .length = address->ifa_prefixlen};
	mnl_attr_parse(header, sizeof(*address), address_attribute, list);
	return 0;
}

int link_addresses(struct netlink *nl, int index, struct prefix **list, size_t *count)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct address_list all = {.index = index};
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++) {
		struct message m;
		struct ifaddrmsg *a = message_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(*a));

		a->ifa_family = families[i];
		err = netlink_ask(nl, &m, address_reply, &all, NULL);
	}
	if (!err && all.failed)
		err = -ENOMEM;
	if (err) {
		free(all.list);
		return err;
	}
	*list = all.list;
	*count = all.count;
	return 0;
}

/* ---- the watch ---- */

int link_watch_open(struct link_watch *w, int index)
{
	int group = RTNLGRP_LINK;
	int err = netlink_open(&w->netlink, NETLINK_ROUTE, -1);

	if (err)
		return err;
	w->index = index;
	w->watch.fd = mnl_socket_get_fd(w->netlink.socket);
	if (mnl_socket_setsockopt(
		    w->netlink.socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		err = -errno;
		link_watch_close(w);
	}
	return err;
}

void link_watch_close(struct link_watch *w)
{
	netlink_close(&w->netlink);
	w->watch.fd = -1;
}

static enum link_event notice_read(
	const struct link_watch *w, const struct nlmsghdr *h, struct link_state *state)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*link) || link->ifi_index != w->index)
		return LINK_NOTHING;
	/* Of AF_BRIDGE there are notices about ports, which say nothing of the device. */
	if (link->ifi_family != AF_UNSPEC)
		return LINK_NOTHING;
	if (h->nlmsg_type == RTM_DELLINK)
		return LINK_DELETED;
	if (h->nlmsg_type != RTM_NEWLINK)
		return LINK_NOTHING;
	state_reply(h, state);
	return LINK_CHANGED;
}

/* Notices were lost (ENOBUFS): ask, over a socket of its own so that answers do not mix. */
static enum link_event state_ask(const struct link_watch *w, struct link_state *state)
{
	struct netlink nl;
	int err = netlink_open(&nl, NETLINK_ROUTE, -1);

	if (err)
		return LINK_NOTHING;
	err = link_read(&nl, NULL, w->index, state);
	netlink_close(&nl);
	return err == -ENODEV ? LINK_DELETED : err ? LINK_NOTHING : LINK_CHANGED;
}

enum link_event link_watch_read(struct link_watch *w, struct link_state *state)
{
	enum link_event last = LINK_NOTHING;
	_Alignas(struct nlmsghdr) char buffer[8192];

	for (;;) {
		ssize_t got = recv(w->watch.fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		const struct nlmsghdr *h = (const struct nlmsghdr *)buffer;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) {
			last = state_ask(w, state);
			continue;
		}
		if (got <= 0)
			return last;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			enum link_event event = notice_read(w, h, state);

			if (event != LINK_NOTHING)
				last = event;
		}
	}
}
