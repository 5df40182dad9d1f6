#include "see/wireguard.h"

#include <string.h>
#include <sys/socket.h>

#include "test.h"

#define ONE "0101010101010101010101010101010101010101010101010101010101010101"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define TWO "0202020202020202020202020202020202020202020202020202020202020202"

static const uint8_t ones[WIREGUARD_KEY] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

TEST(a_daemon_tells_where_it_listens_and_who_its_peers_are)
{
	struct wireguard w;
	struct wireguard_peer *p;

	CHECK(wireguard_parse(
		"private_key=" ONE "\nlisten_port=51820\npublic_key=" ONE "\npreshared_key=" TWO
		"\nendpoint=10.33.0.1:51821\nlast_handshake_time_sec=7\n"
		"persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/64\n"
		"public_key=" TWO "\nendpoint=[fd00::1]:7\nallowed_ip=10.1.0.0/16\nerrno=0\n\n",
		&w));
	CHECK(w.has_key && w.port == 51820 && w.peer_count == 2);
	p = &w.peers[0];
	CHECK(!memcmp(p->key, ones, sizeof(ones)) && p->preshared[0] == 2);
	CHECK(p->handshake == 7 && p->keepalive == 25 && p->allowed_count == 2);
	CHECK(p->has_endpoint && p->endpoint_family == AF_INET && p->port == 51821);
	CHECK(!memcmp(p->endpoint, (const uint8_t[]){10, 33, 0, 1}, 4));
	CHECK(w.peers[1].endpoint_family == AF_INET6 && w.peers[1].port == 7);
	CHECK(wireguard_peer_with(&w, ones) == p);
	wireguard_done(&w);
}

/* A pair of keys that `wg genkey` and `wg pubkey` have made. */
TEST(the_public_key_is_worked_out_from_the_private_one)
{
	struct wireguard w;
	char text[WIREGUARD_KEY_TEXT];

	CHECK(wireguard_parse(
		"private_key=187310da3e7fa459f95375d532782697dd7783cfa8af37c1b7ab969ba62bb662\n",
		&w));
	CHECK(w.has_key);
	CHECK(!strcmp(wireguard_key_text(w.public_key, text),
		"3vrst+K0L4sDguodfytLXSHCGNZZ51F5yL1d5PZ7kUQ="));
	wireguard_done(&w);
	CHECK(wireguard_parse("private_key=" ZERO "\n", &w) && !w.has_key);
	wireguard_done(&w);
	CHECK(wireguard_parse("private_key=77\n", &w) && !w.has_key);
	wireguard_done(&w);
}

TEST(the_longest_prefix_says_to_whom_an_address_goes)
{
	struct wireguard w;
	static const uint8_t far[16] = {10, 1, 2, 3}, near[16] = {10, 2, 0, 1}, none[16] = {11};

	CHECK(wireguard_parse("public_key=" ONE "\nallowed_ip=10.0.0.0/8\nallowed_ip=::/0\n"
			      "public_key=" TWO
			      "\nallowed_ip=10.1.0.0/16\nallowed_ip=10.1.2.0/23\n",
		&w));
	CHECK(wireguard_peer_for(&w, 4, far) == &w.peers[1]);
	CHECK(wireguard_peer_allows(&w.peers[1], 4, far) == 23);
	CHECK(wireguard_peer_for(&w, 4, near) == &w.peers[0]);
	CHECK(wireguard_peer_for(&w, 6, near) == &w.peers[0]);
	CHECK(!wireguard_peer_for(&w, 4, none));
	CHECK(wireguard_peer_allows(&w.peers[0], 4, none) == -1);
	wireguard_done(&w);
}

TEST(lines_that_are_not_understood_are_passed_over)
{
	struct wireguard w;

	CHECK(wireguard_parse(
		"endpoint=10.0.0.1:1\nfoo\n=\n\nprivate_key\nlisten_port=\n"
		"public_key=zz\nendpoint=\nallowed_ip=10.0.0.0\nallowed_ip=10.0.0.0/33\n"
		"allowed_ip=x/8\nallowed_ip=fd00::/129\npreshared_key=0\npublic_key=",
		&w));
	CHECK(w.peer_count == 2 && !w.peers[0].has_endpoint && !w.peers[0].allowed_count);
	wireguard_done(&w);
	CHECK(wireguard_parse("", &w) && !w.peer_count && !w.has_key);
	wireguard_done(&w);
}

static bool endpoint(const char *text, uint8_t *family, uint16_t *port)
{
	uint8_t ip[16];

	return wireguard_endpoint_parse(text, strlen(text), family, ip, port);
}

TEST(endpoints_that_are_none_are_refused)
{
	static const char *const bad[] = {"", "10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000",
		"[fd00::1:7", "x:7", "[]:7", "10.0.0.1:7x", "[", ":"};
	uint16_t port;
	uint8_t family;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!endpoint(bad[i], &family, &port));
	CHECK(endpoint("[fe80::1%eth0]:9", &family, &port) && family == AF_INET6 && port == 9);
}
