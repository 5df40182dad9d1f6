#include "see/rooms.h"

#include <string.h>

#include "test.h"

static const struct node site = {
	.name = "site-a", .netns = "vpn.site-a", .network = "vpn", .fd = -1};
static const struct node plain = {.name = "A", .netns = "A", .fd = -1};

TEST(a_device_is_meant_by_its_name_or_a_pattern)
{
	CHECK(wish_matches("eth0", "eth0", &site));
	CHECK(!wish_matches("eth0", "eth01", &site));
	CHECK(wish_matches("eth*", "eth01", &site));
	CHECK(wish_matches("[ev]*", "veth1", &site));
}

TEST(a_device_is_meant_in_one_node_only_when_that_is_named)
{
	CHECK(wish_matches("eth0@site-a", "eth0", &site));
	CHECK(wish_matches("eth0@vpn/site-a", "eth0", &site));
	CHECK(wish_matches("eth0@vpn/*", "eth0", &site));
	CHECK(wish_matches("eth0@vpn", "eth0", &site));
	CHECK(wish_matches("*@vpn.site-a", "eth0", &site));
	CHECK(!wish_matches("eth0@site-b", "eth0", &site));
	CHECK(!wish_matches("eth0@vpn", "eth0", &plain));
	CHECK(wish_matches("eth0@A", "eth0", &plain));
}

TEST(a_pattern_is_told_from_a_name)
{
	CHECK(wish_is_pattern("eth*") && wish_is_pattern("eth?") && wish_is_pattern("eth[01]"));
	CHECK(!wish_is_pattern("eth0@site-a"));
}
