/* Writing links.  Indentation mirrors nesting. */
#include "net/link.h"

#include <arpa/inet.h>
#include <string.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

static void put_setting(struct message *m, uint16_t attribute, enum plan_setting s)
{
	if (s != SETTING_DEFAULT)
		mnl_attr_put_u8(m->header, attribute, s == SETTING_ON);
}

/* What every device may be born with. */
static void put_birth(struct message *m, const struct plan_device *d)
{
	mnl_attr_put_strz(m->header, IFLA_IFNAME, d->name);
	if (d->mtu)
		mnl_attr_put_u32(m->header, IFLA_MTU, d->mtu);
	if (d->has_mac)
		mnl_attr_put(m->header, IFLA_ADDRESS, ETH_ALEN, d->mac);
	if (d->has_txqueuelen)
		mnl_attr_put_u32(m->header, IFLA_TXQLEN, d->txqueuelen);
}

static void set_arp(struct ifinfomsg *link, enum plan_setting arp)
{
	if (arp == SETTING_DEFAULT)
		return;
	link->ifi_change |= IFF_NOARP;
	link->ifi_flags |= arp == SETTING_OFF ? IFF_NOARP : 0;
}

/* clang-format off */
void link_encode_cable(struct message *m, const struct plan_device *a, int netns_a,
	const struct plan_device *b, int netns_b, int index)
{
	struct ifinfomsg *link = message_begin(
		m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link));
	struct nlattr *info, *data, *peer;

	link->ifi_index = index;
	set_arp(link, a->arp);
	put_birth(m, a);
	mnl_attr_put_u32(m->header, IFLA_NET_NS_FD, (uint32_t)netns_a);
	info = mnl_attr_nest_start(m->header, IFLA_LINKINFO);
		mnl_attr_put_strz(m->header, IFLA_INFO_KIND, "veth");
		data = mnl_attr_nest_start(m->header, IFLA_INFO_DATA);
			peer = mnl_attr_nest_start(m->header, VETH_INFO_PEER);
				link = mnl_nlmsg_get_payload_tail(m->header);
				memset(link, 0, sizeof(*link));
				m->header->nlmsg_len += (uint32_t)sizeof(*link);
				link->ifi_index = index ? index + 1 : 0;
				set_arp(link, b->arp);
				put_birth(m, b);
				mnl_attr_put_u32(m->header, IFLA_NET_NS_FD, (uint32_t)netns_b);
			mnl_attr_nest_end(m->header, peer);
		mnl_attr_nest_end(m->header, data);
	mnl_attr_nest_end(m->header, info);
}

/* clang-format on */

static void put_bridge(struct message *m, const struct plan_bridge *b)
{
	if (b->has_forward_delay)
		mnl_attr_put_u32(m->header, IFLA_BR_FORWARD_DELAY, b->forward_delay);
	if (b->has_ageing_time)
		mnl_attr_put_u32(m->header, IFLA_BR_AGEING_TIME, b->ageing_time);
	if (b->has_priority)
		mnl_attr_put_u16(m->header, IFLA_BR_PRIORITY, (uint16_t)b->priority);
	if (b->stp != SETTING_DEFAULT)
		mnl_attr_put_u32(m->header, IFLA_BR_STP_STATE, b->stp == SETTING_ON);
	put_setting(m, IFLA_BR_VLAN_FILTERING, b->vlan_filtering);
	put_setting(m, IFLA_BR_MCAST_SNOOPING, b->mcast_snooping);
}

static void put_address(struct message *m, uint16_t four, uint16_t six, const struct address *a)
{
	if (a->family == AF_INET)
		mnl_attr_put(m->header, four, 4, a->bytes);
	else if (a->family == AF_INET6)
		mnl_attr_put(m->header, six, 16, a->bytes);
}

static void put_vxlan(struct message *m, const struct plan_vxlan *v, uint32_t lower)
{
	mnl_attr_put_u32(m->header, IFLA_VXLAN_ID, v->id);
	mnl_attr_put_u16(m->header, IFLA_VXLAN_PORT, htons(v->dstport));
	put_address(m, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, &v->local);
	put_address(m, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, &v->remote);
	if (lower)
		mnl_attr_put_u32(m->header, IFLA_VXLAN_LINK, lower);
	if (v->ttl)
		mnl_attr_put_u8(m->header, IFLA_VXLAN_TTL, v->ttl);
	put_setting(m, IFLA_VXLAN_LEARNING, v->learning);
	put_setting(m, IFLA_VXLAN_DF, v->df);
}

static const uint32_t macvlan_modes[] = {
	[MACVLAN_BRIDGE] = MACVLAN_MODE_BRIDGE,
	[MACVLAN_PRIVATE] = MACVLAN_MODE_PRIVATE,
	[MACVLAN_VEPA] = MACVLAN_MODE_VEPA,
	[MACVLAN_PASSTHRU] = MACVLAN_MODE_PASSTHRU,
};

/* clang-format off */
void link_encode_add(struct message *m, const struct plan_device *d, uint32_t lower)
{
	struct ifinfomsg *link = message_begin(
		m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link));
	struct plan_device birth = *d;
	struct nlattr *info, *data;

	/* Off is what a bridge is born with, and some kernels know no other. */
	if (d->kind == KIND_BRIDGE && d->bridge.vlan_filtering == SETTING_OFF)
		birth.bridge.vlan_filtering = SETTING_DEFAULT;
	set_arp(link, d->arp);
	put_birth(m, d);
	if (lower && (d->kind == KIND_MACVLAN || d->kind == KIND_VLAN))
		mnl_attr_put_u32(m->header, IFLA_LINK, lower);
	info = mnl_attr_nest_start(m->header, IFLA_LINKINFO);
		mnl_attr_put_strz(m->header, IFLA_INFO_KIND, plan_kind_name(d->kind));
		data = mnl_attr_nest_start(m->header, IFLA_INFO_DATA);
			if (d->kind == KIND_BRIDGE)
				put_bridge(m, &birth.bridge);
			else if (d->kind == KIND_VXLAN)
				put_vxlan(m, &d->vxlan, lower);
			else if (d->kind == KIND_MACVLAN)
				mnl_attr_put_u32(m->header, IFLA_MACVLAN_MODE,
					macvlan_modes[d->macvlan.mode]);
			else if (d->kind == KIND_VLAN)
				mnl_attr_put_u16(m->header, IFLA_VLAN_ID, d->vlan.id);
		mnl_attr_nest_end(m->header, data);
	mnl_attr_nest_end(m->header, info);
}

/* clang-format on */

static struct ifinfomsg *begin(struct message *m, uint16_t type, uint32_t index)
{
	struct ifinfomsg *link = message_begin(m, type, 0, sizeof(*link));

	link->ifi_index = (int)index;
	return link;
}

void link_encode_set(struct message *m, uint32_t index, const struct plan_device *want,
	unsigned changes, uint32_t master)
{
	struct ifinfomsg *link = begin(m, RTM_NEWLINK, index);

	if (changes & CHANGE_ARP)
		set_arp(link, want->arp);
	if (changes & CHANGE_DOWN)
		link->ifi_change |= IFF_UP;
	if (changes & CHANGE_MTU)
		mnl_attr_put_u32(m->header, IFLA_MTU, want->mtu);
	if (changes & CHANGE_MAC)
		mnl_attr_put(m->header, IFLA_ADDRESS, ETH_ALEN, want->mac);
	if (changes & CHANGE_TXQUEUELEN)
		mnl_attr_put_u32(m->header, IFLA_TXQLEN, want->txqueuelen);
	if (changes & CHANGE_MASTER)
		mnl_attr_put_u32(m->header, IFLA_MASTER, master);
}

/* clang-format off */
void link_encode_bridge(struct message *m, uint32_t index, const struct plan_device *want)
{
	struct nlattr *info, *data;

	begin(m, RTM_NEWLINK, index);
	info = mnl_attr_nest_start(m->header, IFLA_LINKINFO);
		mnl_attr_put_strz(m->header, IFLA_INFO_KIND, "bridge");
		data = mnl_attr_nest_start(m->header, IFLA_INFO_DATA);
			put_bridge(m, &want->bridge);
		mnl_attr_nest_end(m->header, data);
	mnl_attr_nest_end(m->header, info);
}

void link_encode_port(struct message *m, uint32_t index, const struct plan_device *want)
{
	const struct plan_bridge_port *port = &want->port;
	struct nlattr *info, *data;

	begin(m, RTM_NEWLINK, index);
	info = mnl_attr_nest_start(m->header, IFLA_LINKINFO);
		mnl_attr_put_strz(m->header, IFLA_INFO_SLAVE_KIND, "bridge");
		data = mnl_attr_nest_start(m->header, IFLA_INFO_SLAVE_DATA);
			if (port->cost)
				mnl_attr_put_u32(m->header, IFLA_BRPORT_COST, port->cost);
			put_setting(m, IFLA_BRPORT_ISOLATED, port->isolated);
			put_setting(m, IFLA_BRPORT_MODE, port->hairpin);
			put_setting(m, IFLA_BRPORT_LEARNING, port->learning);
			put_setting(m, IFLA_BRPORT_UNICAST_FLOOD, port->flood);
		mnl_attr_nest_end(m->header, data);
	mnl_attr_nest_end(m->header, info);
}

/* clang-format on */

void link_encode_up(struct message *m, uint32_t index)
{
	struct ifinfomsg *link = begin(m, RTM_NEWLINK, index);

	link->ifi_change = IFF_UP;
	link->ifi_flags = IFF_UP;
}

void link_encode_del(struct message *m, uint32_t index)
{
	begin(m, RTM_DELLINK, index);
}

void link_encode_get(struct message *m, const char *name)
{
	struct ifinfomsg *link = message_begin(m, RTM_GETLINK, 0, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(m->header, IFLA_IFNAME, name);
}
