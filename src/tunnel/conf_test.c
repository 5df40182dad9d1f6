#include "tunnel/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define KEY_A "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static int parse(struct conf *c, const char *text, struct error *e)
{
	*c = (struct conf){0};
	return conf_parse(c, "wg0.conf", text, strlen(text), e);
}

/* What it says about a text that it must refuse. */
static const char *complaint(const char *text)
{
	static struct error e;
	struct conf c;

	e.text[0] = '\0';
	if (!parse(&c, text, &e)) {
		conf_done(&c);
		return "accepted";
	}
	CHECK(!c.settings.peers && !c.addresses);
	return e.text;
}

TEST(a_file_of_wg_quick_is_read_whole)
{
	struct conf c;
	struct error e = {0};
	char text[PREFIX_TEXT], address[ADDRESS_TEXT];

	CHECK(parse(&c,
		      "# a comment\n"
		      "[Interface]\n"
		      "  PrivateKey = " KEY_A "  # another\r\n"
		      "address=192.168.3.11/24, 2001:db8::1/64\n"
		      "Address = 10.0.0.1\n"
		      "LISTENPORT = 51820\n"
		      "FwMark = 0xca6c\n"
		      "MTU = 1380\n"
		      "Table = 1234\n"
		      "DNS = 10.0.0.53, 2001:db8::53, example.org\n"
		      "SaveConfig = true\n"
		      "PreUp = echo %i, one\n"
		      "PostUp = echo two; echo a=b\n"
		      "PostUp = echo three\n"
		      "PreDown = echo four\n"
		      "PostDown = echo five\n"
		      "\n"
		      "[peer]\n"
		      "PublicKey = " KEY_A "\n"
		      "PresharedKey = " KEY_B "\n"
		      "AllowedIPs = 192.168.4.9/24,2001:db8:1::/48\n"
		      "AllowedIPs = 1.2.3.4\n"
		      "Endpoint = [2001:db8::2]:51820\n"
		      "PersistentKeepalive = 25\n"
		      "[Peer]\n"
		      "Endpoint = vpn.example.org:7\n"
		      "AllowedIPs = 0.0.0.0/0\n"
		      "PublicKey = " KEY_B,
		      &e) == 0);
	CHECK_TEXT(e.text, "");

	struct settings *s = &c.settings;

	CHECK(s->given == (GIVEN_PRIVATE_KEY | GIVEN_LISTEN_PORT | GIVEN_FWMARK));
	CHECK(s->sync_peers && !s->replace_peers);
	CHECK(s->private_key[0] == 1 && s->listen_port == 51820 && s->fwmark == 0xca6c);
	CHECK(c.mtu == 1380 && c.routes == CONF_ROUTES_TABLE && c.table == 1234 && c.save);
	CHECK(c.address_count == 3);
	prefix_format(text, &c.addresses[0]);
	CHECK_TEXT(text, "192.168.3.11/24");
	prefix_format(text, &c.addresses[2]);
	CHECK_TEXT(text, "10.0.0.1/32");
	CHECK(c.dns.count == 2 && c.search.count == 1);
	CHECK_TEXT(c.dns.item[1], "2001:db8::53");
	CHECK_TEXT(c.search.item[0], "example.org");
	CHECK_TEXT(c.hooks[CONF_PRE_UP].item[0], "echo %i, one");
	CHECK(c.hooks[CONF_POST_UP].count == 2);
	CHECK_TEXT(c.hooks[CONF_POST_UP].item[0], "echo two; echo a=b");
	CHECK_TEXT(c.hooks[CONF_PRE_DOWN].item[0], "echo four");
	CHECK_TEXT(c.hooks[CONF_POST_DOWN].item[0], "echo five");

	CHECK(s->peer_count == 2);
	CHECK(s->peers[0].preshared_key[0] == 2 && s->peers[0].keepalive == 25);
	CHECK(s->peers[0].allowed_ips == 3 && s->peers[0].replace_allowed_ips);
	address_format(address, &s->peers[0].endpoint);
	CHECK_TEXT(address, "[2001:db8::2]:51820");
	CHECK(s->peers[1].public_key[0] == 2 && s->peers[1].allowed_ips == 1);
	CHECK(s->peers[1].allowed_ip == 3 && !(s->peers[1].given & GIVEN_ENDPOINT));
	CHECK(s->peers[1].given & GIVEN_PRESHARED_KEY && s->peers[1].given & GIVEN_KEEPALIVE);
	CHECK(c.name_count == 1 && c.names[0].port == 7 && c.names[0].public_key[0] == 2);
	CHECK_TEXT(c.names[0].host, "vpn.example.org");
	conf_done(&c);
}

TEST(an_empty_file_is_a_device_without_anything)
{
	struct conf c;

	CHECK(parse(&c, "", NULL) == 0);
	CHECK(c.settings.peer_count == 0 && c.routes == CONF_ROUTES_AUTO);
	conf_done(&c);
}

TEST(each_mistake_is_told_with_its_line)
{
	static const char *const wrong[][2] = {
		{"MTU = 5\n",
			"wg0.conf:1: 'MTU' stands before the first section: expected [Interface] "
			"or [Peer]"},
		{"\n[Interfaces]\n", "wg0.conf:2: '[Interfaces]': expected [Interface] or [Peer]"},
		{"[Interface]\nhello\n", "wg0.conf:2: expected KEY = VALUE"},
		{"[Interface]\nMtuu = 3\n", "wg0.conf:2: [Interface] has no key 'Mtuu'"},
		{"[Interface]\nAllowedIPs = ::/0\n",
			"wg0.conf:2: AllowedIPs does not belong in [Interface]"},
		{"[Interface]\n\nMTU = 5\n",
			"wg0.conf:3: MTU '5': expected a number from 68 to 65535"},
		{"[Interface]\nListenPort = 65536\n",
			"wg0.conf:2: ListenPort '65536': expected a port from 0 to 65535"},
		{"[Interface]\nFwMark = 0x1ffffffff\n",
			"wg0.conf:2: FwMark '0x1ffffffff': expected off, or a number of 32 bits"},
		{"[Interface]\nAddress = 10.0.0.1/33\n",
			"wg0.conf:2: Address '10.0.0.1/33': expected an address such as 192.168.3.11/24"},
		{"[Interface]\nAddress = 10.0.0.1, x\n",
			"wg0.conf:2: Address 'x': expected an address such as 192.168.3.11/24"},
		{"[Peer]\nPublicKey=" KEY_A "\nEndpoint = 1.2.3.4:0\n",
			"wg0.conf:3: Endpoint '1.2.3.4:0': "
			"expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT"},
		{"[Interface]\nTable = 0\n",
			"wg0.conf:2: Table '0': expected off, auto, or a table's number"},
		{"[Interface]\nDNS = $(reboot)\n",
			"wg0.conf:2: DNS '$(reboot)': expected an address or a domain"},
		{"[Interface]\nSaveConfig = yes\n",
			"wg0.conf:2: SaveConfig 'yes': expected true or false"},
		{"[Interface]\nPostUp =\n", "wg0.conf:2: PostUp '': expected a command"},
		{"[Interface]\n[Peer]\nAllowedIPs = ::/0\n",
			"wg0.conf:2: this [Peer] has no PublicKey"},
		{"[Peer]\n[Interface]\n", "wg0.conf:1: this [Peer] has no PublicKey"},
		{"[Peer]\nPublicKey = x\n",
			"wg0.conf:2: PublicKey 'x': expected 32 bytes in base64"},
		{"[Peer]\nAllowedIPs = 10.0.0.0/8 10.1.0.0/8\n",
			"wg0.conf:2: AllowedIPs '10.0.0.0/8 10.1.0.0/8': expected prefixes such as "
			"192.168.3.0/24"},
		{"[Peer]\nPersistentKeepalive = -1\n",
			"wg0.conf:2: PersistentKeepalive '-1': expected off, or seconds from 0 to 65535"},
		{"[Peer]\nEndpoint = 10.0.0.256:1\n",
			"wg0.conf:2: Endpoint '10.0.0.256:1': expected "
			"ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT"},
		{"[Peer]\nEndpoint = host\n",
			"wg0.conf:2: Endpoint 'host': expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT"},
		{"[Peer]\nEndpoint = ho st:1\n",
			"wg0.conf:2: Endpoint 'ho st:1': expected ADDRESS:PORT, [ADDRESS]:PORT or NAME:PORT"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_TEXT(complaint(wrong[i][0]), wrong[i][1]);
}

TEST(a_wrong_secret_is_not_repeated)
{
	CHECK_TEXT(complaint("[Interface]\nPrivateKey = secret\n"),
		"wg0.conf:2: PrivateKey: expected 32 bytes in base64");
	CHECK_TEXT(complaint("[Peer]\nPresharedKey = secret\n"),
		"wg0.conf:2: PresharedKey: expected 32 bytes in base64");
	CHECK_TEXT(complaint("[Interface]\n" KEY_A "\n"), "wg0.conf:2: expected KEY = VALUE");
	CHECK_TEXT(complaint("[Interface] PrivateKey = " KEY_A "\n"),
		"wg0.conf:1: '[Interface] PrivateK': expected [Interface] or [Peer]");
}

/* Whatever a key is taken for, and also when a part of it was lost. */
TEST(a_key_at_the_wrong_place_is_not_repeated)
{
	static const char *const places[] = {"ListenPort", "FwMark", "Address", "MTU", "Table",
		"DNS", "SaveConfig", "PublicKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"};
	static const char key[] = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
	static const char hex[] =
		"c809f3e5317e9575c9b5ed78b638b7ce530dabe85ddab614220241801ddf0669";
	char text[512];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		for (size_t cut = 0; cut < 3; cut++) {
			const char *value = cut == 2 ? hex : key + 10 * cut;

			snprintf(text, sizeof(text), "[%s]\n%s = %s\n",
				i < 7 ? "Interface" : "Peer", places[i], value);
			const char *said = complaint(text);

			if (!strcmp(said, "accepted"))
				CHECK(i == 7 && cut == 0); /* a public key looks the same */
			else
				CHECK(!strstr(said, key + 24) && !strstr(said, hex + 40));
		}
	}
	snprintf(text, sizeof(text), "[Interface]\n%.31s = 1\n", key);
	CHECK(!strstr(complaint(text), "yAnz"));
	snprintf(text, sizeof(text), "[%s\n", key);
	CHECK(!strstr(complaint(text), "yAnz"));
	CHECK(conf_may_hold_key(
		"wg set %i private-key <(echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=)"));
	CHECK(!conf_may_hold_key("iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"));
}

TEST(the_last_endpoint_of_a_peer_wins)
{
	struct conf c;

	CHECK(!parse(&c,
		"[Peer]\nPublicKey=" KEY_A "\nEndpoint=a:1\nEndpoint=1.2.3.4:5\n"
		"[Peer]\nPublicKey=" KEY_B "\nEndpoint=1.2.3.4:5\nEndpoint=b:1\nEndpoint=c:2\n",
		NULL));
	CHECK(c.name_count == 1);
	CHECK_TEXT(c.names[0].host, "c");
	CHECK(c.names[0].public_key[0] == 2);
	CHECK(c.settings.peers[0].given & GIVEN_ENDPOINT);
	CHECK(!(c.settings.peers[1].given & GIVEN_ENDPOINT));
	conf_done(&c);
}

TEST(zero_bytes_and_endless_lines_are_mistakes)
{
	static char text[40000];
	struct conf c = {0};
	struct error e;

	memset(text, 'x', sizeof(text));
	CHECK(conf_parse(&c, "f", text, sizeof(text), &e) == -EINVAL);
	CHECK_TEXT(e.text, "f:1: the line is longer than 16383 bytes");
	CHECK(conf_parse(&c, "f", "\n[Interface]\0\n", 15, &e) == -EINVAL);
	CHECK_TEXT(e.text, "f:2: there is a zero byte in it");
}
