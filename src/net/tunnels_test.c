#include "net/tunnels.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static const char file[] =
	"name: t\n"
	"nodes:\n"
	"  hub: {devices: {e1: 10.1.0.254/24, e2: 10.2.0.254/24, tun0: 192.168.7.254/24}}\n"
	"  s1: {devices: {e0: 10.1.0.1/24, tun0: 192.168.7.1/24}}\n"
	"  s2: {devices: {e0: 10.2.0.1/24, tun0: 192.168.7.2/24}}\n"
	"links: [s1:e0 -- hub:e1, s2:e0 -- hub:e2]\n"
	"tunnels:\n"
	"  - {ends: [s1:tun0, hub:tun0], psk: true, allowed: {s1: [192.168.7.1/32], hub: [192.168.7.0/24]}}\n"
	"  - {ends: [s2:tun0, hub:tun0], allowed: {s2: [192.168.7.2/32], hub: [192.168.7.0/24]}}\n";

static char *config_of(const struct plan *p, struct keys *keys, const char *node)
{
	int n = plan_find_node(p, node);
	char *text = NULL;

	CHECK(!tunnels_config(&text, p, n, plan_find_device(&p->nodes[n], "tun0"), keys, NULL));
	return text;
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

TEST(a_tunnel_is_told_its_peers_as_a_wg_file)
{
	struct keys keys = {.directory = -1};
	struct plan p = {0};
	char public[KEY_BASE64], *hub, *spoke;

	CHECK(!plan_parse(&p, "t.yaml", file, strlen(file), NULL));
	hub = config_of(&p, &keys, "hub");
	spoke = config_of(&p, &keys, "s1");
	CHECK(has(hub, "[Interface]\nPrivateKey = "));
	CHECK(has(hub, "\nTable = off\n"));
	CHECK(has(hub, "AllowedIPs = 192.168.7.1/32\n"));
	CHECK(has(hub, "AllowedIPs = 192.168.7.2/32\n"));
	CHECK(has(spoke, "AllowedIPs = 192.168.7.0/24\n"));
	CHECK(has(spoke, "PresharedKey = "));
	CHECK(!keys_public(&keys, "hub", "tun0", public, NULL));
	CHECK(has(spoke, public));
	free(hub);
	free(spoke);
	keys_done(&keys);
	plan_free(&p);
}

TEST(both_ends_of_a_tunnel_share_one_key_in_either_order)
{
	struct keys keys = {.directory = -1};
	char one[KEY_BASE64], two[KEY_BASE64], other[KEY_BASE64];

	CHECK(!keys_shared(&keys, "a", "t", "b", "t", one, NULL));
	CHECK(!keys_shared(&keys, "b", "t", "a", "t", two, NULL));
	CHECK(!keys_shared(&keys, "a", "t", "c", "t", other, NULL));
	CHECK_TEXT(one, two);
	CHECK(strcmp(one, other) != 0);
	keys_done(&keys);
}

static const char interface[] = "[Interface]\nPrivateKey = AAAA\nListenPort = 1\nTable = off\n";
#define KEY_A "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
#define KEY_B "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
#define HEX_A "6161616161616161616161616161616161616161616161616161616161616161"
#define HEX_B "6262626262626262626262626262626262626262626262626262626262626262"

static char *joined(const char *a, const char *b, const char *c)
{
	static char text[3][2048];
	static int turn;
	char *out = text[turn++ % 3];

	strcpy(out, a);
	strcat(out, b);
	strcat(out, c);
	return out;
}

TEST(a_running_tunnel_is_told_only_what_changed)
{
	const char *a = "\n[Peer]\nPublicKey = " KEY_A
			"\nAllowedIPs = 10.0.0.0/24, fd00::/64\nEndpoint = [fd00::1]:5\n";
	const char *b = "\n[Peer]\nPublicKey = " KEY_B
			"\nAllowedIPs = 10.1.0.0/24\nPersistentKeepalive = 25\n";
	char *text;

	CHECK(!tunnels_change(&text, joined(interface, a, b), joined(interface, a, b)));
	CHECK_TEXT(text, "set=1\n\n");
	free(text);
	CHECK(!tunnels_change(&text, joined(interface, a, ""), joined(interface, b, a)));
	CHECK_TEXT(text,
		"set=1\npublic_key=" HEX_B "\n"
		"preshared_key=0000000000000000000000000000000000000000000000000000000000000000\n"
		"persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
		"allowed_ip=10.1.0.0/24\n\n");
	free(text);
	CHECK(!tunnels_change(&text, joined(interface, a, b), joined(interface, b, "")));
	CHECK_TEXT(text, "set=1\npublic_key=" HEX_A "\nremove=true\n\n");
	free(text);
	CHECK(!tunnels_change(&text, interface,
		joined("[Interface]\nPrivateKey = AAAA\nListenPort = 2\nTable = off\n", "", "")));
	CHECK_TEXT(text, "set=1\nlisten_port=2\n\n");
	free(text);
}
