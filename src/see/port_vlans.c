#include "see/port_vlans.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "see/device_decode.h"

#pragma GCC diagnostic ignored "-Wconversion" /* in libmnl's loops over attributes */

/* A message holds no more: 4094 numbers, each alone at the worst. */
enum { VLANS_MAX = 4096 };

/* A range comes as two entries; one that ends without having begun is a VLAN of its own. */
static void vlan_add(
	const struct bridge_vlan_info *v, struct port_vlan *list, size_t *count, size_t room)
{
	struct port_vlan *last = *count ? &list[*count - 1] : NULL;

	if (last && last->open && v->flags & BRIDGE_VLAN_INFO_RANGE_END && v->vid >= last->first) {
		last->last = v->vid;
		last->open = false;
		return;
	}
	if (last)
		last->open = false;
	if (*count == room)
		return;
	list[(*count)++] = (struct port_vlan){
		.first = v->vid,
		.last = v->vid,
		.pvid = v->flags & BRIDGE_VLAN_INFO_PVID,
		.untagged = v->flags & BRIDGE_VLAN_INFO_UNTAGGED,
		.open = v->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN,
	};
}

size_t port_vlans_decode(
	const struct nlmsghdr *header, uint32_t *ifindex, struct port_vlan *list, size_t room)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	const struct nlattr *a, *inner;
	size_t count = 0;

	if (!message_is_whole(header, RTM_NEWLINK, sizeof(*link)) || link->ifi_family != AF_BRIDGE)
		return 0;
	*ifindex = (uint32_t)link->ifi_index;
	mnl_attr_for_each(a, header, sizeof(*link))
	{
		if (mnl_attr_get_type(a) != IFLA_AF_SPEC)
			continue;
		mnl_attr_for_each_nested(inner, a)
		{
			struct bridge_vlan_info v;

			if (mnl_attr_get_type(inner) != IFLA_BRIDGE_VLAN_INFO ||
				mnl_attr_get_payload_len(inner) < sizeof(v))
				continue;
			memcpy(&v, mnl_attr_get_payload(inner), sizeof(v));
			vlan_add(&v, list, &count, room);
		}
	}
	return count;
}

struct ports {
	struct device *devices;
	size_t count;
};

static int port_take(const struct nlmsghdr *header, void *arg)
{
	struct ports *p = arg;
	struct port_vlan *list = calloc(VLANS_MAX, sizeof(*list)), *fit;
	uint32_t ifindex = 0;
	size_t count = list ? port_vlans_decode(header, &ifindex, list, VLANS_MAX) : 0;

	for (size_t i = 0; count && i < p->count; i++) {
		struct device *d = &p->devices[i];

		if (d->ifindex != ifindex || d->vlans)
			continue;
		fit = reallocarray(list, count, sizeof(*list));
		d->vlans = fit ? fit : list;
		d->vlan_count = count;
		return 0;
	}
	free(list);
	return 0;
}

int port_vlans_read(struct netlink *nl, struct device *devices, size_t count)
{
	struct ports p = {devices, count};
	struct ifinfomsg *link;
	struct message m;
	bool filtering = false;

	for (size_t i = 0; i < count; i++)
		filtering |= devices[i].kind == DEVICE_BRIDGE && devices[i].bridge.vlan_filtering;
	if (!filtering)
		return 0;
	link = message_begin(&m, RTM_GETLINK, NLM_F_DUMP, sizeof(*link));
	link->ifi_family = AF_BRIDGE;
	mnl_attr_put_u32(m.header, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
	return netlink_ask(nl, &m, port_take, &p, NULL);
}
