/* Over a message as Linux 6.18 sends it for "bridge vlan add dev p1 vid 10-20" beside the default.
 */
#include "see/port_vlans.h"

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "see/describe.h"
#include "test.h"

static _Alignas(struct nlmsghdr) char bytes[1024];

static struct nlmsghdr *message(uint16_t type, uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(header, sizeof(*link));

	header->nlmsg_type = type;
	link->ifi_family = family;
	link->ifi_index = 7;
	mnl_attr_put_strz(header, IFLA_IFNAME, "p1");
	return header;
}

static void vlans_put(struct nlmsghdr *header, const struct bridge_vlan_info *list, size_t count)
{
	struct nlattr *spec = mnl_attr_nest_start(header, IFLA_AF_SPEC);

	for (size_t i = 0; i < count; i++)
		mnl_attr_put(header, IFLA_BRIDGE_VLAN_INFO, sizeof(list[i]), &list[i]);
	mnl_attr_nest_end(header, spec);
}

TEST(a_port_tells_its_vlans_alone_and_in_ranges)
{
	static const struct bridge_vlan_info list[] = {
		{BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 1},
		{BRIDGE_VLAN_INFO_RANGE_BEGIN, 10}, {BRIDGE_VLAN_INFO_RANGE_END, 20}, {0, 30}};
	struct nlmsghdr *header = message(RTM_NEWLINK, AF_BRIDGE);
	struct port_vlan got[8];
	struct device d = {.vlans = got};
	char text[DESCRIBE_END];
	uint32_t ifindex = 0;

	vlans_put(header, list, 4);
	d.vlan_count = port_vlans_decode(header, &ifindex, got, 8);
	CHECK(ifindex == 7 && d.vlan_count == 3);
	CHECK_TEXT(describe_vlans(&d, text), "1 pvid untagged, 10-20, 30");
	CHECK(port_vlans_decode(header, &ifindex, got, 2) == 2);
}

TEST(a_range_that_does_not_end_or_does_not_begin_is_one_vlan)
{
	static const struct bridge_vlan_info list[] = {{BRIDGE_VLAN_INFO_RANGE_END, 5},
		{BRIDGE_VLAN_INFO_RANGE_BEGIN, 9}, {0, 11}, {BRIDGE_VLAN_INFO_RANGE_END, 12}};
	struct nlmsghdr *header = message(RTM_NEWLINK, AF_BRIDGE);
	struct port_vlan got[8];
	struct device d = {.vlans = got};
	char text[DESCRIBE_END];
	uint32_t ifindex;

	vlans_put(header, list, 4);
	d.vlan_count = port_vlans_decode(header, &ifindex, got, 8);
	CHECK_TEXT(describe_vlans(&d, text), "5, 9, 11, 12");
}

TEST(other_messages_have_no_vlans)
{
	struct port_vlan got[8];
	uint32_t ifindex;

	CHECK(port_vlans_decode(message(RTM_NEWLINK, AF_UNSPEC), &ifindex, got, 8) == 0);
	CHECK(port_vlans_decode(message(RTM_NEWADDR, AF_BRIDGE), &ifindex, got, 8) == 0);
	CHECK(port_vlans_decode(message(RTM_NEWLINK, AF_BRIDGE), &ifindex, got, 8) == 0);
}
