/* Reading links. */
#include <arpa/inet.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what is here */
#include <string.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "net/link.h"

/* An attribute table: the attribute of each type, or NULL. */
struct table {
	const struct nlattr **at;
	unsigned highest;
};

static int table_fill(const struct nlattr *attr, void *arg)
{
	struct table *t = arg;

	if (mnl_attr_get_type(attr) <= t->highest)
		t->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static uint32_t u32(const struct nlattr *a, uint32_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : otherwise;
}

static uint16_t u16(const struct nlattr *a, uint16_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= 2 ? mnl_attr_get_u16(a) : otherwise;
}

static uint8_t u8(const struct nlattr *a, uint8_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= 1 ? mnl_attr_get_u8(a) : otherwise;
}

static enum plan_setting setting(const struct nlattr *a)
{
	return !a ? SETTING_DEFAULT : u8(a, 0) ? SETTING_ON : SETTING_OFF;
}

static void text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = a ? mnl_attr_get_payload_len(a) : 0;

	n = n < size ? n : size - 1;
	if (n)
		memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

static struct address address(const struct nlattr *four, const struct nlattr *six)
{
	struct address a = {0};

	if (four && mnl_attr_get_payload_len(four) == 4) {
		a.family = AF_INET;
		memcpy(a.bytes, mnl_attr_get_payload(four), 4);
	} else if (six && mnl_attr_get_payload_len(six) == 16) {
		a.family = AF_INET6;
		memcpy(a.bytes, mnl_attr_get_payload(six), 16);
	}
	return a;
}

static void bridge_read(const struct nlattr *data, struct plan_bridge *b)
{
	const struct nlattr *at[IFLA_BR_MAX + 1] = {0};
	struct table t = {at, IFLA_BR_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	b->stp = u32(at[IFLA_BR_STP_STATE], 0) ? SETTING_ON : SETTING_OFF;
	/* A kernel without it says nothing about it: off. */
	b->vlan_filtering = u8(at[IFLA_BR_VLAN_FILTERING], 0) ? SETTING_ON : SETTING_OFF;
	b->mcast_snooping = setting(at[IFLA_BR_MCAST_SNOOPING]);
	b->forward_delay = u32(at[IFLA_BR_FORWARD_DELAY], 0);
	b->ageing_time = u32(at[IFLA_BR_AGEING_TIME], 0);
	b->priority = u16(at[IFLA_BR_PRIORITY], 0);
	b->has_forward_delay = b->has_ageing_time = b->has_priority = true;
}

static void port_read(
	const struct nlattr *data, struct plan_bridge_port *p, struct link_facts *facts)
{
	const struct nlattr *at[IFLA_BRPORT_MAX + 1] = {0};
	struct table t = {at, IFLA_BRPORT_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	p->isolated = setting(at[IFLA_BRPORT_ISOLATED]);
	p->hairpin = setting(at[IFLA_BRPORT_MODE]);
	p->learning = setting(at[IFLA_BRPORT_LEARNING]);
	p->flood = setting(at[IFLA_BRPORT_UNICAST_FLOOD]);
	p->cost = u32(at[IFLA_BRPORT_COST], 0);
	facts->port_state = u8(at[IFLA_BRPORT_STATE], 0);
}

static void vxlan_read(const struct nlattr *data, struct plan_vxlan *v, struct link_facts *facts)
{
	const struct nlattr *at[IFLA_VXLAN_MAX + 1] = {0};
	struct table t = {at, IFLA_VXLAN_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	v->id = u32(at[IFLA_VXLAN_ID], 0);
	v->local = address(at[IFLA_VXLAN_LOCAL], at[IFLA_VXLAN_LOCAL6]);
	v->remote = address(at[IFLA_VXLAN_GROUP], at[IFLA_VXLAN_GROUP6]);
	v->dstport = ntohs(u16(at[IFLA_VXLAN_PORT], 0));
	v->learning = setting(at[IFLA_VXLAN_LEARNING]);
	v->df = setting(at[IFLA_VXLAN_DF]);
	v->ttl = u8(at[IFLA_VXLAN_TTL], 0);
	facts->lower = u32(at[IFLA_VXLAN_LINK], 0);
}

static void tuntap_read(
	const struct nlattr *data, struct current_device *d, struct link_facts *facts)
{
	const struct nlattr *at[IFLA_TUN_MAX + 1] = {0};
	struct table t = {at, IFLA_TUN_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	d->is.kind = u8(at[IFLA_TUN_TYPE], IFF_TUN) == IFF_TAP ? KIND_TAP : KIND_TUN;
	d->is.tuntap.persist = u8(at[IFLA_TUN_PERSIST], 0);
	d->is.tuntap.multi_queue = u8(at[IFLA_TUN_MULTI_QUEUE], 0);
	d->is.tuntap.vnet_hdr = u8(at[IFLA_TUN_VNET_HDR], 0);
	d->is.tuntap.pi = u8(at[IFLA_TUN_PI], 0);
	facts->owner = u32(at[IFLA_TUN_OWNER], UINT32_MAX);
	facts->group = u32(at[IFLA_TUN_GROUP], UINT32_MAX);
}

static enum plan_macvlan_mode macvlan_mode(const struct nlattr *data)
{
	const struct nlattr *at[IFLA_MACVLAN_MAX + 1] = {0};
	struct table t = {at, IFLA_MACVLAN_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	switch (u32(at[IFLA_MACVLAN_MODE], 0)) {
	case MACVLAN_MODE_PRIVATE:
		return MACVLAN_PRIVATE;
	case MACVLAN_MODE_VEPA:
		return MACVLAN_VEPA;
	case MACVLAN_MODE_PASSTHRU:
		return MACVLAN_PASSTHRU;
	default:
		return MACVLAN_BRIDGE;
	}
}

static uint16_t vlan_id(const struct nlattr *data)
{
	const struct nlattr *at[IFLA_VLAN_MAX + 1] = {0};
	struct table t = {at, IFLA_VLAN_MAX};

	mnl_attr_parse_nested(data, table_fill, &t);
	return u16(at[IFLA_VLAN_ID], 0);
}

static void kind_read(const struct nlattr *info, struct current_device *d, struct link_facts *facts)
{
	static const enum plan_kind kinds[] = {
		KIND_VETH, KIND_BRIDGE, KIND_VXLAN, KIND_MACVLAN, KIND_VLAN, KIND_IFB, KIND_DUMMY};
	const struct nlattr *at[IFLA_INFO_MAX + 1] = {0}, *data;
	struct table t = {at, IFLA_INFO_MAX};
	char kind[32], slave[32];

	mnl_attr_parse_nested(info, table_fill, &t);
	text(at[IFLA_INFO_KIND], kind, sizeof(kind));
	text(at[IFLA_INFO_SLAVE_KIND], slave, sizeof(slave));
	data = at[IFLA_INFO_DATA];
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kind, plan_kind_name(kinds[i]))) {
			d->known = true;
			d->is.kind = kinds[i];
		}
	if (!strcmp(kind, "tun") && data) {
		d->known = true;
		tuntap_read(data, d, facts);
	}
	if (d->known && data && d->is.kind == KIND_BRIDGE)
		bridge_read(data, &d->is.bridge);
	else if (d->known && data && d->is.kind == KIND_VXLAN)
		vxlan_read(data, &d->is.vxlan, facts);
	else if (d->known && data && d->is.kind == KIND_MACVLAN)
		d->is.macvlan.mode = macvlan_mode(data);
	else if (d->known && data && d->is.kind == KIND_VLAN)
		d->is.vlan.id = vlan_id(data);
	if (!strcmp(slave, "bridge") && at[IFLA_INFO_SLAVE_DATA])
		port_read(at[IFLA_INFO_SLAVE_DATA], &d->is.port, facts);
}

bool link_decode(const struct nlmsghdr *h, struct current_device *out, struct link_facts *facts)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	const struct nlattr *at[IFLA_MAX + 1] = {0};
	struct table t = {at, IFLA_MAX};
	uint8_t operstate;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(*link) ||
		link->ifi_family != AF_UNSPEC)
		return false;
	*out = (struct current_device){.index = link->ifi_index};
	*facts = (struct link_facts){.lower_netns = -1, .owner = UINT32_MAX, .group = UINT32_MAX};
	mnl_attr_parse(h, sizeof(*link), table_fill, &t);
	text(at[IFLA_IFNAME], out->is.name, sizeof(out->is.name));
	out->is.master = -1;
	out->is.mtu = u32(at[IFLA_MTU], 0);
	out->is.txqueuelen = u32(at[IFLA_TXQLEN], 0);
	out->is.has_txqueuelen = true;
	out->is.up = link->ifi_flags & IFF_UP;
	out->is.arp = link->ifi_flags & IFF_NOARP ? SETTING_OFF : SETTING_ON;
	if (at[IFLA_ADDRESS] && mnl_attr_get_payload_len(at[IFLA_ADDRESS]) == ETH_ALEN) {
		out->is.has_mac = true;
		memcpy(out->is.mac, mnl_attr_get_payload(at[IFLA_ADDRESS]), ETH_ALEN);
	}
	facts->master = u32(at[IFLA_MASTER], 0);
	facts->lower = u32(at[IFLA_LINK], 0);
	facts->lower_netns = (int)u32(at[IFLA_LINK_NETNSID], UINT32_MAX);
	facts->carrier = u8(at[IFLA_CARRIER], 0);
	operstate = u8(at[IFLA_OPERSTATE], 0);
	facts->settled = operstate == IF_OPER_UP || operstate == IF_OPER_UNKNOWN;
	if (link->ifi_flags & IFF_LOOPBACK) {
		out->known = true;
		out->is.kind = KIND_LOOPBACK;
	}
	if (at[IFLA_LINKINFO])
		kind_read(at[IFLA_LINKINFO], out, facts);
	return true;
}
