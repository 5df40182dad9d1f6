/* What is encoded for the kernel is decoded as the same: the kernel gives back what it was told. */
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/addr.h"
#include "net/link.h"
#include "net/route.h"
#include "net/shape.h"
#include "test.h"

static struct address random_address(sa_family_t family)
{
	struct address a = {.family = family};

	for (unsigned i = 0; i < ip_bits(&a) / 8; i++)
		a.bytes[i] = (uint8_t)dice(256);
	return a;
}

static struct plan_route random_route(struct plan_hop *hops, uint32_t *indexes)
{
	static const uint8_t types[] = {RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT};
	sa_family_t family = dice(2) ? AF_INET : AF_INET6;
	struct plan_route r = {
		.type = types[dice(8) % 4 * (dice(3) == 0)],
		.table = dice(2) ? RT_TABLE_MAIN : (uint32_t)(1 + dice(100000)),
		.metric = (uint32_t)dice(3) * 17,
		.mtu = dice(2) ? 1280 : 0,
		.advmss = dice(2) ? 1200 : 0,
		.protocol = RTPROT_STATIC,
		.tos = family == AF_INET && dice(4) == 0 ? 16 : 0,
		.hops = hops,
	};

	r.to = (struct prefix){random_address(family), (uint8_t)dice(family == AF_INET ? 33 : 129)};
	r.to = ip_prefix_mask(r.to);
	if (dice(2))
		r.src = random_address(family);
	if (r.type == RTN_UNICAST)
		r.hop_count = 1 + dice(4);
	for (size_t i = 0; i < r.hop_count; i++) {
		hops[i] =
			(struct plan_hop){.weight = (uint16_t)(r.hop_count > 1 ? 1 + dice(200) : 1),
				.onlink = dice(2)};
		if (dice(4))
			hops[i].via =
				random_address(family == AF_INET && dice(3) ? AF_INET : AF_INET6);
		indexes[i] = (uint32_t)(1 + dice(1000));
	}
	return r;
}

TEST(a_route_is_read_as_it_was_written)
{
	for (int round = 0; round < 3000; round++) {
		struct plan_hop hops[ROUTE_HOPS], back_hops[ROUTE_HOPS];
		uint32_t indexes[ROUTE_HOPS] = {0}, back_indexes[ROUTE_HOPS] = {0};
		struct plan_route r = random_route(hops, indexes), back;
		struct message m;

		route_encode(&m, RTM_NEWROUTE, dice(2), &r, indexes);
		CHECK(m.header->nlmsg_len <= MESSAGE_SIZE);
		CHECK(route_decode(m.header, &back, back_hops, back_indexes));
		CHECK(ip_equal(&back.to.address, &r.to.address) || !r.to.length);
		CHECK(back.to.length == r.to.length && back.type == r.type);
		CHECK(back.table == r.table && back.metric == r.metric && back.tos == r.tos);
		CHECK(back.mtu == r.mtu && back.advmss == r.advmss);
		CHECK(ip_equal(&back.src, &r.src));
		CHECK(back.hop_count == r.hop_count);
		for (size_t i = 0; i < r.hop_count; i++) {
			CHECK(ip_equal(&back_hops[i].via, &hops[i].via));
			CHECK(back_hops[i].weight == hops[i].weight);
			CHECK(back_hops[i].onlink == hops[i].onlink);
			CHECK(back_indexes[i] == indexes[i]);
		}
	}
}

TEST(routes_of_the_kernel_itself_are_not_ours)
{
	struct plan_hop hops[ROUTE_HOPS];
	uint32_t indexes[ROUTE_HOPS] = {0};
	struct plan_route r = {
		.type = RTN_UNICAST, .table = RT_TABLE_MAIN, .protocol = RTPROT_KERNEL};
	struct message m;

	r.to.address.family = AF_INET;
	route_encode(&m, RTM_NEWROUTE, false, &r, indexes);
	CHECK(!route_decode(m.header, &r, hops, indexes));
}

TEST(an_address_is_read_as_it_was_written)
{
	for (int round = 0; round < 500; round++) {
		struct prefix p = {random_address(dice(2) ? AF_INET : AF_INET6), (uint8_t)dice(33)};
		struct addr_facts back;
		struct message m;

		addr_encode(&m, RTM_NEWADDR, 7, &p);
		CHECK(addr_decode(m.header, &back));
		CHECK(back.index == 7 && back.prefix.length == p.length && !back.tentative);
		CHECK(ip_equal(&back.prefix.address, &p.address));
	}
}

TEST(a_shape_is_read_as_it_was_written)
{
	for (int round = 0; round < 1000; round++) {
		struct plan_shape s = {.rate = 8 * dice(UINT64_C(20) << 30)}, back;
		struct message m;
		uint32_t index;
		bool foreign;

		if (dice(2))
			s.delay = dice(UINT64_C(20000000000));
		if (dice(2))
			s.loss = (double)dice(1000) / 1000;
		if (!shape_kind(&s))
			continue;
		shape_encode(&m, 9, &s);
		((struct tcmsg *)mnl_nlmsg_get_payload(m.header))->tcm_handle = 1;
		CHECK(shape_decode(m.header, &index, &back, &foreign));
		CHECK(index == 9 && !foreign);
		CHECK(back.rate == s.rate);
		CHECK(back.delay == s.delay);
		CHECK(back.loss > s.loss - 1e-9 && back.loss < s.loss + 1e-9);
	}
}

TEST(a_device_is_read_as_it_was_written)
{
	struct plan_device bridge = {.name = "br0",
		.kind = KIND_BRIDGE,
		.mtu = 9000,
		.has_mac = true,
		.mac = {2, 0, 0, 0, 0, 1},
		.bridge = {.stp = SETTING_ON,
			.vlan_filtering = SETTING_OFF,
			.has_priority = true,
			.priority = 7,
			.has_forward_delay = true,
			.forward_delay = 200}};
	struct plan_device vxlan = {.name = "vx0",
		.kind = KIND_VXLAN,
		.vxlan = {.id = 100, .dstport = 4789, .learning = SETTING_OFF, .ttl = 9}};
	struct current_device back;
	struct link_facts facts;
	struct message m;

	link_encode_add(&m, &bridge, 0);
	CHECK(link_decode(m.header, &back, &facts));
	CHECK_TEXT(back.is.name, "br0");
	CHECK(back.known && back.is.kind == KIND_BRIDGE && back.is.mtu == 9000);
	CHECK(back.is.has_mac && back.is.mac[5] == 1);
	CHECK(back.is.bridge.stp == SETTING_ON && back.is.bridge.vlan_filtering == SETTING_OFF);
	CHECK(back.is.bridge.priority == 7 && back.is.bridge.forward_delay == 200);

	vxlan.vxlan.local = random_address(AF_INET);
	vxlan.vxlan.remote = random_address(AF_INET);
	link_encode_add(&m, &vxlan, 5);
	CHECK(link_decode(m.header, &back, &facts));
	CHECK(back.known && back.is.kind == KIND_VXLAN && facts.lower == 5);
	CHECK(back.is.vxlan.id == 100 && back.is.vxlan.dstport == 4789 && back.is.vxlan.ttl == 9);
	CHECK(ip_equal(&back.is.vxlan.local, &vxlan.vxlan.local));
	CHECK(ip_equal(&back.is.vxlan.remote, &vxlan.vxlan.remote));
	CHECK(back.is.vxlan.learning == SETTING_OFF);
}

TEST(neighbours_ask_for_an_address_on_the_group_that_the_standard_says)
{
	struct address a, group, want;

	CHECK(ip_parse(&a, "4037::01:800:200e:8c6c")); /* the example of RFC 4291, 2.7.1 */
	CHECK(ip_parse(&want, "ff02::1:ff0e:8c6c"));
	group = addr_group(&a);
	CHECK(ip_equal(&group, &want));
}
