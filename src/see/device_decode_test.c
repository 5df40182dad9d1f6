/* Over messages recorded from Linux 6.18, which are also the fuzz target's corpus. */
#include "see/device_decode.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "see/describe.h"
#include "test.h"

static _Alignas(struct nlmsghdr) char bytes[8192];

static const struct nlmsghdr *recorded(const char *name)
{
	char path[128];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "test/fuzz/corpus/device_decode/%s", name);
	file = fopen(path, "re");
	CHECK(file != NULL);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	CHECK(n > sizeof(struct nlmsghdr));
	return (const struct nlmsghdr *)bytes;
}

static struct device device(const char *name)
{
	struct device d;

	CHECK(device_decode(recorded(name), &d));
	return d;
}

TEST(a_veth_tells_its_twin_and_in_which_namespace_it_is)
{
	struct device d = device("veth-elsewhere");

	CHECK_TEXT(d.name, "lan");
	CHECK(d.kind == DEVICE_VETH);
	CHECK(d.ifindex == 4);
	CHECK(d.link == 3);
	CHECK(d.link_nsid == 2);
	CHECK(d.up && d.carrier);
	CHECK(d.mtu == 1500);
	CHECK(d.mac_size == 6);
	CHECK_TEXT(d.qdisc, "noqueue");
	d = device("veth-here");
	CHECK(d.link_nsid == -1);
	CHECK(d.link != 0);
}

TEST(a_port_tells_its_bridge_and_how_it_stands_there)
{
	struct device d = device("port");

	CHECK(d.port.is_port);
	CHECK(d.master == 2);
	CHECK(d.port.state == BR_STATE_FORWARDING);
	CHECK(d.port.learning && d.port.unicast_flood && d.port.broadcast_flood &&
		d.port.multicast_flood);
	CHECK(!d.port.isolated && !d.port.hairpin && !d.port.locked && !d.port.neigh_suppress);
	d = device("bridge");
	CHECK(d.kind == DEVICE_BRIDGE);
	CHECK(!d.bridge.stp && !d.port.is_port);
}

TEST(a_vxlan_tells_its_id_and_both_endpoints)
{
	struct device d = device("vxlan");
	char text[DESCRIBE_ADDRESS];

	CHECK(d.kind == DEVICE_VXLAN);
	CHECK(d.tunnel.id == 100);
	CHECK(d.tunnel.port == 4789);
	CHECK(d.tunnel.lower == 2);
	CHECK_TEXT(describe_ip(d.tunnel.family, d.tunnel.local, text), "10.12.0.1");
	CHECK_TEXT(describe_ip(d.tunnel.family, d.tunnel.remote, text), "10.12.0.2");
}

TEST(a_tun_and_a_tap_are_told_apart)
{
	struct device d = device("tun");

	CHECK(d.kind == DEVICE_TUN);
	CHECK(d.mac_size == 0);
	CHECK(!d.tun.persist);
	CHECK(d.carrier);
	CHECK(d.tun.owner == UINT32_MAX);
	d = device("tap");
	CHECK(d.kind == DEVICE_TAP);
	CHECK(d.mac_size == 6);
	CHECK(d.tun.persist);
	CHECK(d.up && !d.carrier);
	CHECK_TEXT(describe_state(&d), "no carrier");
}

TEST(a_macvlan_tells_its_mode_and_what_it_stands_on)
{
	struct device d = device("macvlan");

	CHECK(d.kind == DEVICE_MACVLAN);
	CHECK(d.macvlan_mode == MACVLAN_MODE_BRIDGE);
	CHECK(d.link_nsid >= 0);
}

TEST(loopback_is_a_kind_of_its_own)
{
	struct device d = device("loopback");

	CHECK(d.kind == DEVICE_LOOPBACK);
	CHECK(d.link == 0);
	CHECK_TEXT(describe_kind(&d), "loopback");
}

TEST(an_address_tells_its_prefix_and_its_device)
{
	struct address a;
	uint32_t ifindex;
	char text[DESCRIBE_ADDRESS];

	CHECK(address_decode(recorded("address4"), &a, &ifindex));
	CHECK_TEXT(describe_address(&a, text), "127.0.0.1/8");
	CHECK(ifindex == 1);
	CHECK(a.scope == RT_SCOPE_HOST);
	CHECK(!memcmp(a.ip, a.remote, 16));
}

TEST(what_is_cut_off_or_of_another_type_is_refused)
{
	struct nlmsghdr *h = (struct nlmsghdr *)bytes;
	struct address a;
	struct device d;
	uint32_t ifindex;
	int32_t nsid;

	recorded("veth-here");
	h->nlmsg_len = NLMSG_LENGTH(4);
	CHECK(!device_decode(h, &d));
	recorded("veth-here");
	h->nlmsg_type = RTM_DELLINK;
	CHECK(!device_decode(h, &d));
	recorded("veth-here");
	h->nlmsg_len = (uint32_t)mnl_nlmsg_size(sizeof(struct ifinfomsg)); /* no name */
	CHECK(!device_decode(h, &d));
	recorded("address4");
	h->nlmsg_len = NLMSG_LENGTH(2);
	CHECK(!address_decode(h, &a, &ifindex));
	CHECK(!nsid_decode(h, &nsid));
}

/* Cut after every byte: whatever is left is read, and nothing beyond it (ASan watches). */
TEST(every_beginning_of_a_message_can_be_read)
{
	static const char *const names[] = {"bridge", "port", "vxlan", "tun", "macvlan"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct nlmsghdr *whole = recorded(names[i]);

		for (uint32_t n = NLMSG_HDRLEN; n <= whole->nlmsg_len; n++) {
			struct nlmsghdr *cut = malloc(n);
			struct device d;

			CHECK(cut != NULL);
			memcpy(cut, whole, n);
			cut->nlmsg_len = n;
			device_decode(cut, &d);
			free(cut);
		}
	}
}
