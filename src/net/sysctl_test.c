#include "net/sysctl.h"

#include "test.h"

TEST(blanks_and_bases_do_not_make_settings_different)
{
	CHECK(sysctl_equal("4096\t87380 6291456\n", "4096 87380 6291456"));
	CHECK(sysctl_equal("0x10", "16"));
	CHECK(sysctl_equal("cubic", " cubic "));
	CHECK(!sysctl_equal("1", "0"));
	CHECK(!sysctl_equal("1 2", "1"));
	CHECK(!sysctl_equal("1", "1 2"));
	CHECK(!sysctl_equal("reno", "cubic"));
	CHECK(!sysctl_equal("", "1"));
}

TEST(a_setting_of_a_device_is_told_from_one_of_the_node)
{
	char device[16];

	CHECK(sysctl_device("net/ipv4/conf/eth0.5/rp_filter", device, sizeof(device)));
	CHECK_TEXT(device, "eth0.5");
	CHECK(sysctl_device("net/ipv6/neigh/br0/gc_stale_time", device, sizeof(device)));
	CHECK_TEXT(device, "br0");
	CHECK(!sysctl_device("net/ipv4/conf/all/rp_filter", device, sizeof(device)));
	CHECK(!sysctl_device("net/ipv4/conf/default/rp_filter", device, sizeof(device)));
	CHECK(!sysctl_device("net/ipv4/ip_forward", device, sizeof(device)));
	CHECK(!sysctl_device("net/ipv4/conf/a-name-that-is-too-long/x", device, sizeof(device)));
}
