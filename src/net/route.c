#include "net/route.h"

#include <string.h>

#include <linux/rtnetlink.h>

static size_t bytes_of(const struct address *a)
{
	return ip_bits(a) / 8;
}

static void put_via(struct message *m, sa_family_t family, const struct address *via)
{
	/* struct rtvia: the family, then the address. */
	struct {
		sa_family_t family;
		uint8_t bytes[16];
	} other = {.family = via->family};

	if (via->family == AF_UNSPEC)
		return;
	if (via->family == family) {
		mnl_attr_put(m->header, RTA_GATEWAY, bytes_of(via), via->bytes);
		return;
	}
	memcpy(other.bytes, via->bytes, sizeof(other.bytes));
	mnl_attr_put(m->header, RTA_VIA, sizeof(other.family) + bytes_of(via), &other);
}

static void put_hops(struct message *m, const struct plan_route *r, const uint32_t *indexes)
{
	struct nlattr *multipath = mnl_attr_nest_start(m->header, RTA_MULTIPATH);

	for (size_t i = 0; i < r->hop_count && i < ROUTE_HOPS; i++) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(m->header);

		memset(hop, 0, sizeof(*hop));
		m->header->nlmsg_len += (uint32_t)sizeof(*hop);
		hop->rtnh_ifindex = (int)indexes[i];
		hop->rtnh_hops = (uint8_t)((r->hops[i].weight ? r->hops[i].weight : 1) - 1);
		hop->rtnh_flags = r->hops[i].onlink ? RTNH_F_ONLINK : 0;
		put_via(m, r->to.address.family, &r->hops[i].via);
		hop->rtnh_len =
			(uint16_t)((char *)mnl_nlmsg_get_payload_tail(m->header) - (char *)hop);
	}
	mnl_attr_nest_end(m->header, multipath);
}

static uint8_t scope_of(const struct plan_route *r)
{
	if (r->has_scope)
		return r->scope;
	if (r->type == RTN_LOCAL)
		return RT_SCOPE_HOST;
	/* As `ip route` does: without a gateway the destination is on the link. */
	if (r->to.address.family == AF_INET && r->type == RTN_UNICAST && r->hop_count == 1 &&
		r->hops[0].via.family == AF_UNSPEC)
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

static void put_metrics(struct message *m, const struct plan_route *r)
{
	struct nlattr *nest;

	if (!r->mtu && !r->advmss)
		return;
	nest = mnl_attr_nest_start(m->header, RTA_METRICS);
	if (r->mtu)
		mnl_attr_put_u32(m->header, RTAX_MTU, r->mtu);
	if (r->advmss)
		mnl_attr_put_u32(m->header, RTAX_ADVMSS, r->advmss);
	mnl_attr_nest_end(m->header, nest);
}

void route_encode(struct message *m, uint16_t type, bool replace, const struct plan_route *r,
	const uint32_t indexes[ROUTE_HOPS])
{
	uint16_t flags = type != RTM_NEWROUTE ? 0
			 : replace	      ? NLM_F_CREATE | NLM_F_REPLACE
					      : NLM_F_CREATE | NLM_F_EXCL;
	struct rtmsg *route = message_begin(m, type, flags, sizeof(*route));

	route->rtm_family = (uint8_t)r->to.address.family;
	route->rtm_dst_len = r->to.length;
	route->rtm_tos = r->tos;
	route->rtm_table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	route->rtm_protocol = r->protocol;
	route->rtm_scope = type == RTM_DELROUTE && !r->has_scope ? RT_SCOPE_NOWHERE : scope_of(r);
	route->rtm_type = r->type;
	if (r->to.length)
		mnl_attr_put(m->header, RTA_DST, bytes_of(&r->to.address), r->to.address.bytes);
	mnl_attr_put_u32(m->header, RTA_TABLE, r->table);
	if (r->metric)
		mnl_attr_put_u32(m->header, RTA_PRIORITY, r->metric);
	if (r->src.family != AF_UNSPEC)
		mnl_attr_put(m->header, RTA_PREFSRC, bytes_of(&r->src), r->src.bytes);
	put_metrics(m, r);
	if (r->hop_count == 1) {
		put_via(m, r->to.address.family, &r->hops[0].via);
		if (indexes[0])
			mnl_attr_put_u32(m->header, RTA_OIF, indexes[0]);
		if (r->hops[0].onlink)
			route->rtm_flags |= RTNH_F_ONLINK;
	} else if (r->hop_count > 1) {
		put_hops(m, r, indexes);
	}
}

void route_encode_dump(struct message *m, sa_family_t family)
{
	struct rtmsg *route = message_begin(m, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));

	route->rtm_family = (uint8_t)family;
}

struct table {
	const struct nlattr *at[RTA_MAX + 1];
};

static int table_fill(const struct nlattr *a, void *arg)
{
	struct table *t = arg;

	if (mnl_attr_get_type(a) <= RTA_MAX)
		t->at[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static struct address address_of(const struct nlattr *a, sa_family_t family)
{
	struct address out = {.family = family};

	if (!a || mnl_attr_get_payload_len(a) != bytes_of(&out))
		return (struct address){0};
	memcpy(out.bytes, mnl_attr_get_payload(a), bytes_of(&out));
	return out;
}

static struct address via_of(const struct table *t, sa_family_t family)
{
	const struct nlattr *via = t->at[RTA_VIA];
	struct address out = {0};
	uint16_t other;

	if (!via || mnl_attr_get_payload_len(via) < sizeof(other))
		return address_of(t->at[RTA_GATEWAY], family);
	memcpy(&other, mnl_attr_get_payload(via), sizeof(other));
	out.family = other;
	if ((other != AF_INET && other != AF_INET6) ||
		mnl_attr_get_payload_len(via) != sizeof(other) + bytes_of(&out))
		return (struct address){0};
	memcpy(out.bytes, (char *)mnl_attr_get_payload(via) + sizeof(other), bytes_of(&out));
	return out;
}

static void multipath_read(
	const struct nlattr *a, struct plan_route *r, struct plan_hop *hops, uint32_t *indexes)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(a);
	size_t left = mnl_attr_get_payload_len(a);

	while (r->hop_count < ROUTE_HOPS && left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
		hop->rtnh_len <= left) {
		struct table t = {0};
		size_t step = RTNH_ALIGN(hop->rtnh_len);

		mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof(*hop), table_fill, &t);
		hops[r->hop_count] = (struct plan_hop){
			.via = via_of(&t, r->to.address.family),
			.onlink = hop->rtnh_flags & RTNH_F_ONLINK,
			.weight = (uint16_t)(hop->rtnh_hops + 1),
		};
		indexes[r->hop_count++] = (uint32_t)hop->rtnh_ifindex;
		if (step >= left)
			break;
		left -= step;
		hop = (const struct rtnexthop *)((const char *)hop + step);
	}
}

static int metric(const struct nlattr *a, void *arg)
{
	struct plan_route *r = arg;

	if (mnl_attr_get_payload_len(a) < 4)
		return MNL_CB_OK;
	if (mnl_attr_get_type(a) == RTAX_MTU)
		r->mtu = mnl_attr_get_u32(a);
	else if (mnl_attr_get_type(a) == RTAX_ADVMSS)
		r->advmss = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static uint32_t u32(const struct nlattr *a, uint32_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : otherwise;
}

bool route_decode(const struct nlmsghdr *h, struct plan_route *out,
	struct plan_hop hops[ROUTE_HOPS], uint32_t indexes[ROUTE_HOPS])
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(h);
	struct table t = {0};
	bool refuses;

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(*route) ||
		(route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
		route->rtm_flags & RTM_F_CLONED || route->rtm_protocol == RTPROT_KERNEL ||
		route->rtm_protocol == RTPROT_RA || route->rtm_protocol == RTPROT_REDIRECT)
		return false;
	mnl_attr_parse(h, sizeof(*route), table_fill, &t);
	*out = (struct plan_route){
		.type = route->rtm_type,
		.scope = route->rtm_scope,
		.has_scope = true,
		.protocol = route->rtm_protocol,
		.tos = route->rtm_tos,
		.table = u32(t.at[RTA_TABLE], route->rtm_table),
		.metric = u32(t.at[RTA_PRIORITY], 0),
		.src = address_of(t.at[RTA_PREFSRC], route->rtm_family),
		.hops = hops,
	};
	out->to = (struct prefix){
		.address = address_of(t.at[RTA_DST], route->rtm_family),
		.length = route->rtm_dst_len,
	};
	out->to.address.family = route->rtm_family;
	if (t.at[RTA_METRICS])
		mnl_attr_parse_nested(t.at[RTA_METRICS], metric, out);
	refuses = out->type == RTN_BLACKHOLE || out->type == RTN_UNREACHABLE ||
		  out->type == RTN_PROHIBIT || out->type == RTN_THROW;
	if (t.at[RTA_MULTIPATH]) {
		multipath_read(t.at[RTA_MULTIPATH], out, hops, indexes);
	} else if (!refuses) {
		hops[0] = (struct plan_hop){
			.via = via_of(&t, route->rtm_family),
			.onlink = route->rtm_flags & RTNH_F_ONLINK,
			.weight = 1,
		};
		indexes[0] = u32(t.at[RTA_OIF], 0);
		out->hop_count = 1;
	}
	return true;
}
