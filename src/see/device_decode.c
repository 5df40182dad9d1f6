#include "see/device_decode.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

/* A number of whatever size the kernel has sent it in; 0 for any other size. */
static uint32_t number(const struct nlattr *a)
{
	switch (mnl_attr_get_payload_len(a)) {
	case 1:
		return mnl_attr_get_u8(a);
	case 2:
		return mnl_attr_get_u16(a);
	case 4:
		return mnl_attr_get_u32(a);
	}
	return 0;
}

static bool flag(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) ? number(a) != 0 : true;
}

static void text(const struct nlattr *a, char *out, size_t size)
{
	size_t length = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (length >= size)
		length = size - 1;
	memcpy(out, mnl_attr_get_payload(a), length);
	out[length] = '\0';
}

/* The longest that fits; returns the bytes taken. */
static size_t octets(const struct nlattr *a, void *out, size_t size)
{
	size_t length = mnl_attr_get_payload_len(a);

	if (length > size)
		length = size;
	memcpy(out, mnl_attr_get_payload(a), length);
	return length;
}

static int bridge_attribute(const struct nlattr *a, void *arg)
{
	struct bridge *b = &((struct device *)arg)->bridge;

	switch (mnl_attr_get_type(a)) {
	case IFLA_BR_STP_STATE:
		b->stp = flag(a);
		break;
	case IFLA_BR_VLAN_FILTERING:
		b->vlan_filtering = flag(a);
		break;
	case IFLA_BR_VLAN_DEFAULT_PVID:
		b->vlan_default_pvid = (uint16_t)number(a);
		break;
	}
	return MNL_CB_OK;
}

static int port_attribute(const struct nlattr *a, void *arg)
{
	struct bridge_port *p = &((struct device *)arg)->port;

	switch (mnl_attr_get_type(a)) {
	case IFLA_BRPORT_STATE:
		p->state = (uint8_t)number(a);
		break;
	case IFLA_BRPORT_MODE:
		p->hairpin = flag(a);
		break;
	case IFLA_BRPORT_LEARNING:
		p->learning = flag(a);
		break;
	case IFLA_BRPORT_UNICAST_FLOOD:
		p->unicast_flood = flag(a);
		break;
	case IFLA_BRPORT_MCAST_FLOOD:
		p->multicast_flood = flag(a);
		break;
	case IFLA_BRPORT_BCAST_FLOOD:
		p->broadcast_flood = flag(a);
		break;
	case IFLA_BRPORT_NEIGH_SUPPRESS:
		p->neigh_suppress = flag(a);
		break;
	case IFLA_BRPORT_ISOLATED:
		p->isolated = flag(a);
		break;
	case IFLA_BRPORT_LOCKED:
		p->locked = flag(a);
		break;
	}
	return MNL_CB_OK;
}

static void endpoint(const struct nlattr *a, struct encapsulation *e, uint8_t out[16])
{
	size_t length = mnl_attr_get_payload_len(a);
	static const uint8_t none[16];

	if ((length != 4 && length != 16) || !memcmp(mnl_attr_get_payload(a), none, length))
		return;
	memcpy(out, mnl_attr_get_payload(a), length);
	e->family = length == 4 ? AF_INET : AF_INET6;
}

static int vxlan_attribute(const struct nlattr *a, void *arg)
{
	struct encapsulation *e = &((struct device *)arg)->tunnel;

	switch (mnl_attr_get_type(a)) {
	case IFLA_VXLAN_ID:
		e->id = number(a);
		break;
	case IFLA_VXLAN_GROUP:
	case IFLA_VXLAN_GROUP6:
		endpoint(a, e, e->remote);
		break;
	case IFLA_VXLAN_LOCAL:
	case IFLA_VXLAN_LOCAL6:
		endpoint(a, e, e->local);
		break;
	case IFLA_VXLAN_LINK:
		e->lower = number(a);
		break;
	case IFLA_VXLAN_PORT:
		e->port = ntohs((uint16_t)number(a));
		break;
	case IFLA_VXLAN_LEARNING:
		e->learning = flag(a);
		break;
	case IFLA_VXLAN_DF:
		e->df_set = number(a) == VXLAN_DF_SET;
		break;
	case IFLA_VXLAN_COLLECT_METADATA:
		e->external = flag(a);
		break;
	}
	return MNL_CB_OK;
}

static int geneve_attribute(const struct nlattr *a, void *arg)
{
	struct encapsulation *e = &((struct device *)arg)->tunnel;

	switch (mnl_attr_get_type(a)) {
	case IFLA_GENEVE_ID:
		e->id = number(a);
		break;
	case IFLA_GENEVE_REMOTE:
	case IFLA_GENEVE_REMOTE6:
		endpoint(a, e, e->remote);
		break;
	case IFLA_GENEVE_PORT:
		e->port = ntohs((uint16_t)number(a));
		break;
	}
	return MNL_CB_OK;
}

static int gre_attribute(const struct nlattr *a, void *arg)
{
	struct encapsulation *e = &((struct device *)arg)->tunnel;

	switch (mnl_attr_get_type(a)) {
	case IFLA_GRE_LINK:
		e->lower = number(a);
		break;
	case IFLA_GRE_OKEY:
		e->id = ntohl(number(a));
		break;
	case IFLA_GRE_LOCAL:
		endpoint(a, e, e->local);
		break;
	case IFLA_GRE_REMOTE:
		endpoint(a, e, e->remote);
		break;
	}
	return MNL_CB_OK;
}

static int iptun_attribute(const struct nlattr *a, void *arg)
{
	struct encapsulation *e = &((struct device *)arg)->tunnel;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IPTUN_LINK:
		e->lower = number(a);
		break;
	case IFLA_IPTUN_LOCAL:
		endpoint(a, e, e->local);
		break;
	case IFLA_IPTUN_REMOTE:
		endpoint(a, e, e->remote);
		break;
	}
	return MNL_CB_OK;
}

static int tun_attribute(const struct nlattr *a, void *arg)
{
	struct device *d = arg;

	switch (mnl_attr_get_type(a)) {
	case IFLA_TUN_OWNER:
		d->tun.owner = number(a);
		break;
	case IFLA_TUN_GROUP:
		d->tun.group = number(a);
		break;
	case IFLA_TUN_TYPE: /* IFF_TUN is 1, IFF_TAP 2 */
		d->kind = number(a) == 2 ? DEVICE_TAP : DEVICE_TUN;
		break;
	case IFLA_TUN_PI:
		d->tun.packet_information = flag(a);
		break;
	case IFLA_TUN_VNET_HDR:
		d->tun.vnet_header = flag(a);
		break;
	case IFLA_TUN_PERSIST:
		d->tun.persist = flag(a);
		break;
	case IFLA_TUN_MULTI_QUEUE:
		d->tun.multi_queue = flag(a);
		break;
	case IFLA_TUN_NUM_QUEUES:
		d->tun.queues = number(a);
		break;
	case IFLA_TUN_NUM_DISABLED_QUEUES:
		d->tun.queues_disabled = number(a);
		break;
	}
	return MNL_CB_OK;
}

static int macvlan_attribute(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == IFLA_MACVLAN_MODE)
		((struct device *)arg)->macvlan_mode = number(a);
	return MNL_CB_OK;
}

static int vlan_attribute(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == IFLA_VLAN_ID)
		((struct device *)arg)->vlan_id = (uint16_t)number(a);
	return MNL_CB_OK;
}

/* What each link kind is to us, and who reads its IFLA_INFO_DATA. */
static const struct kind_row {
	const char *name;
	enum device_kind kind;
	mnl_attr_cb_t attribute;
} kinds[] = {
	{"bond", DEVICE_BOND, NULL},
	{"bridge", DEVICE_BRIDGE, bridge_attribute},
	{"dummy", DEVICE_DUMMY, NULL},
	{"erspan", DEVICE_TUNNEL, gre_attribute},
	{"geneve", DEVICE_TUNNEL, geneve_attribute},
	{"gre", DEVICE_TUNNEL, gre_attribute},
	{"gretap", DEVICE_TUNNEL, gre_attribute},
	{"ifb", DEVICE_IFB, NULL},
	{"ip6gre", DEVICE_TUNNEL, gre_attribute},
	{"ip6gretap", DEVICE_TUNNEL, gre_attribute},
	{"ip6tnl", DEVICE_TUNNEL, iptun_attribute},
	{"ipip", DEVICE_TUNNEL, iptun_attribute},
	{"ipvlan", DEVICE_IPVLAN, NULL},
	{"ipvtap", DEVICE_IPVLAN, NULL},
	{"macsec", DEVICE_VLAN, NULL},
	{"macvlan", DEVICE_MACVLAN, macvlan_attribute},
	{"macvtap", DEVICE_MACVLAN, macvlan_attribute},
	{"netkit", DEVICE_VETH, NULL},
	{"sit", DEVICE_TUNNEL, iptun_attribute},
	{"team", DEVICE_BOND, NULL},
	{"tun", DEVICE_TUN, tun_attribute},
	{"veth", DEVICE_VETH, NULL},
	{"vlan", DEVICE_VLAN, vlan_attribute},
	{"vrf", DEVICE_BOND, NULL},
	{"vti", DEVICE_TUNNEL, NULL},
	{"vti6", DEVICE_TUNNEL, NULL},
	{"vxcan", DEVICE_VETH, NULL},
	{"vxlan", DEVICE_VXLAN, vxlan_attribute},
	{"wireguard", DEVICE_TUNNEL, NULL},
	{"xfrm", DEVICE_TUNNEL, NULL},
};

/* IFLA_LINKINFO: the kind decides what the data beside it means, whatever their order. */
struct link_info {
	char kind[KIND_NAME], port_kind[KIND_NAME];
	const struct nlattr *data, *port_data;
};

static int info_attribute(const struct nlattr *a, void *arg)
{
	struct link_info *info = arg;

	switch (mnl_attr_get_type(a)) {
	case IFLA_INFO_KIND:
		text(a, info->kind, sizeof(info->kind));
		break;
	case IFLA_INFO_DATA:
		info->data = a;
		break;
	case IFLA_INFO_SLAVE_KIND:
		text(a, info->port_kind, sizeof(info->port_kind));
		break;
	case IFLA_INFO_SLAVE_DATA:
		info->port_data = a;
		break;
	}
	return MNL_CB_OK;
}

static void info_decode(const struct nlattr *nest, struct device *d)
{
	struct link_info info = {0};

	mnl_attr_parse_nested(nest, info_attribute, &info);
	memcpy(d->link_kind, info.kind, sizeof(d->link_kind));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, info.kind) != 0)
			continue;
		d->kind = kinds[i].kind;
		if (kinds[i].attribute && info.data)
			mnl_attr_parse_nested(info.data, kinds[i].attribute, d);
		break;
	}
	if (!strcmp(info.port_kind, "bridge")) {
		d->port.is_port = true;
		if (info.port_data)
			mnl_attr_parse_nested(info.port_data, port_attribute, d);
	}
}

static int xdp_attribute(const struct nlattr *a, void *arg)
{
	struct xdp *x = &((struct device *)arg)->xdp;

	switch (mnl_attr_get_type(a)) {
	case IFLA_XDP_ATTACHED:
		x->mode = (uint8_t)number(a);
		break;
	case IFLA_XDP_PROG_ID: /* the one, or with several: the driver's */
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		if (!x->program)
			x->program = number(a);
		break;
	}
	return MNL_CB_OK;
}

static void counters_decode(const struct nlattr *a, struct counters *c)
{
	struct rtnl_link_stats64 s = {0}; /* shorter on older kernels */

	octets(a, &s, sizeof(s));
	*c = (struct counters){
		.rx_packets = s.rx_packets,
		.tx_packets = s.tx_packets,
		.rx_bytes = s.rx_bytes,
		.tx_bytes = s.tx_bytes,
		.rx_errors = s.rx_errors,
		.tx_errors = s.tx_errors,
		.rx_dropped = s.rx_dropped,
		.tx_dropped = s.tx_dropped,
		.rx_nohandler = s.rx_nohandler,
		.carrier_changes = c->carrier_changes,
	};
}

static int link_attribute(const struct nlattr *a, void *arg)
{
	struct device *d = arg;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		text(a, d->name, sizeof(d->name));
		break;
	case IFLA_IFALIAS:
		text(a, d->alias, sizeof(d->alias));
		break;
	case IFLA_QDISC:
		text(a, d->qdisc, sizeof(d->qdisc));
		break;
	case IFLA_PARENT_DEV_NAME:
		text(a, d->bus, sizeof(d->bus));
		break;
	case IFLA_ADDRESS:
		d->mac_size = (uint8_t)octets(a, d->mac, sizeof(d->mac));
		break;
	case IFLA_MTU:
		d->mtu = number(a);
		break;
	case IFLA_TXQLEN:
		d->queue_length = number(a);
		break;
	case IFLA_OPERSTATE:
		d->operstate = (uint8_t)number(a);
		break;
	case IFLA_CARRIER:
		d->carrier = flag(a);
		break;
	case IFLA_CARRIER_CHANGES:
		d->counters.carrier_changes = number(a);
		break;
	case IFLA_MASTER:
		d->master = number(a);
		break;
	case IFLA_LINK:
		d->link = number(a);
		break;
	case IFLA_LINK_NETNSID:
		d->link_nsid = (int32_t)number(a);
		break;
	case IFLA_STATS64:
		counters_decode(a, &d->counters);
		break;
	case IFLA_XDP:
		mnl_attr_parse_nested(a, xdp_attribute, d);
		break;
	case IFLA_LINKINFO:
		info_decode(a, d);
		break;
	}
	return MNL_CB_OK;
}

/* Does the message have its fixed part, and end where attributes do?  The kernel pads them all;
 * libmnl would read on to the next multiple of 4. */
bool message_is_whole(const struct nlmsghdr *header, uint16_t type, size_t fixed)
{
	return header->nlmsg_type == type && header->nlmsg_len >= mnl_nlmsg_size(fixed) &&
	       header->nlmsg_len % NLMSG_ALIGNTO == 0;
}

bool device_decode(const struct nlmsghdr *header, struct device *out)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	struct device d = {
		.netns = TOPOLOGY_NONE,
		.link_nsid = -1,
		.tun = {.owner = UINT32_MAX, .group = UINT32_MAX},
		.end = {.netns = TOPOLOGY_NONE, .device = TOPOLOGY_NONE},
	};

	if (!message_is_whole(header, RTM_NEWLINK, sizeof(*link)) || link->ifi_index <= 0)
		return false;
	d.ifindex = (uint32_t)link->ifi_index;
	d.type = link->ifi_type;
	d.flags = link->ifi_flags;
	d.up = link->ifi_flags & IFF_UP;
	d.kind = link->ifi_type == ARPHRD_LOOPBACK ? DEVICE_LOOPBACK : DEVICE_PHYSICAL;
	mnl_attr_parse(header, sizeof(*link), link_attribute, &d);
	if (!d.name[0])
		return false;
	if (d.kind == DEVICE_PHYSICAL && d.link_kind[0])
		d.kind = DEVICE_OTHER;
	*out = d;
	return true;
}

/* IPv4 has its own address in LOCAL; IPv6 has it in ADDRESS, unless there is a LOCAL. */
struct address_parts {
	struct address address;
	bool has_local, has_address;
};

static int address_attribute(const struct nlattr *a, void *arg)
{
	struct address_parts *p = arg;
	size_t size = p->address.family == AF_INET ? 4 : 16;

	switch (mnl_attr_get_type(a)) {
	case IFA_LOCAL:
		if (mnl_attr_get_payload_len(a) == size) {
			memcpy(p->address.ip, mnl_attr_get_payload(a), size);
			p->has_local = true;
		}
		break;
	case IFA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == size) {
			memcpy(p->address.remote, mnl_attr_get_payload(a), size);
			p->has_address = true;
		}
		break;
	case IFA_FLAGS: /* all 32; the header's octet has only the first 8 */
		p->address.flags = number(a);
		break;
	}
	return MNL_CB_OK;
}

bool address_decode(const struct nlmsghdr *header, struct address *a, uint32_t *ifindex)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(header);
	struct address_parts parts = {0};

	if (!message_is_whole(header, RTM_NEWADDR, sizeof(*m)) ||
		(m->ifa_family != AF_INET && m->ifa_family != AF_INET6) ||
		m->ifa_prefixlen > (m->ifa_family == AF_INET ? 32 : 128))
		return false;
	parts.address = (struct address){
		.family = m->ifa_family,
		.prefix = m->ifa_prefixlen,
		.scope = m->ifa_scope,
		.flags = m->ifa_flags,
	};
	mnl_attr_parse(header, sizeof(*m), address_attribute, &parts);
	if (!parts.has_local && !parts.has_address)
		return false;
	if (!parts.has_local)
		memcpy(parts.address.ip, parts.address.remote, 16);
	if (!parts.has_address)
		memcpy(parts.address.remote, parts.address.ip, 16);
	*a = parts.address;
	*ifindex = m->ifa_index;
	return true;
}

static int nsid_attribute(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == NETNSA_NSID && mnl_attr_get_payload_len(a) == 4)
		*(int32_t *)arg = (int32_t)mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

bool nsid_decode(const struct nlmsghdr *header, int32_t *nsid)
{
	if (!message_is_whole(header, RTM_NEWNSID, sizeof(struct rtgenmsg)))
		return false;
	*nsid = -1;
	mnl_attr_parse(header, sizeof(struct rtgenmsg), nsid_attribute, nsid);
	return true;
}
