#include "see/wireguard_kernel.h"

#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>

#include "base/netlink.h"
#include "test.h"

static const uint8_t ones[WIREGUARD_KEY] = {1, 1, 1}, twos[WIREGUARD_KEY] = {2, 2, 2};

static void put_allowed(struct nlmsghdr *h, const char *ip, size_t size, uint8_t length)
{
	struct nlattr *nest = mnl_attr_nest_start(h, 0);

	mnl_attr_put_u16(h, WGALLOWEDIP_A_FAMILY, size == 4 ? AF_INET : AF_INET6);
	mnl_attr_put(h, WGALLOWEDIP_A_IPADDR, size, ip);
	mnl_attr_put_u8(h, WGALLOWEDIP_A_CIDR_MASK, length);
	mnl_attr_nest_end(h, nest);
}

/* A message with one peer, as the kernel writes them. */
static void answer(struct message *m, const uint8_t *peer, const char *allowed)
{
	struct sockaddr_in endpoint = {.sin_family = AF_INET, .sin_port = htons(51821)};
	struct __kernel_timespec time = {.tv_sec = 7};
	struct nlattr *peers, *one, *list;

	message_begin(m, 30, 0, sizeof(struct genlmsghdr));
	mnl_attr_put(m->header, WGDEVICE_A_PUBLIC_KEY, WIREGUARD_KEY, twos);
	mnl_attr_put_u16(m->header, WGDEVICE_A_LISTEN_PORT, 51820);
	memcpy(&endpoint.sin_addr, "\x0a\x21\x00\x01", 4);
	peers = mnl_attr_nest_start(m->header, WGDEVICE_A_PEERS);
	one = mnl_attr_nest_start(m->header, 0);
	mnl_attr_put(m->header, WGPEER_A_PUBLIC_KEY, WIREGUARD_KEY, peer);
	mnl_attr_put(m->header, WGPEER_A_ENDPOINT, sizeof(endpoint), &endpoint);
	mnl_attr_put(m->header, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(time), &time);
	mnl_attr_put_u16(m->header, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
	list = mnl_attr_nest_start(m->header, WGPEER_A_ALLOWEDIPS);
	put_allowed(m->header, allowed, 4, 16);
	put_allowed(m->header, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 64);
	put_allowed(m->header, allowed, 4, 33); /* no such prefix */
	mnl_attr_nest_end(m->header, list);
	mnl_attr_nest_end(m->header, one);
	mnl_attr_nest_end(m->header, peers);
}

TEST(the_kernel_tells_what_a_daemon_tells)
{
	struct wireguard w = {0};
	struct wireguard_peer *p;
	struct message m;

	answer(&m, ones, "\x0a\x00\x00\x00");
	CHECK(wireguard_kernel_decode(m.header, &w));
	CHECK(w.has_key && !memcmp(w.public_key, twos, sizeof(twos)) && w.port == 51820);
	CHECK(w.peer_count == 1);
	p = &w.peers[0];
	CHECK(!memcmp(p->key, ones, sizeof(ones)) && p->handshake == 7 && p->keepalive == 25);
	CHECK(p->has_endpoint && p->endpoint_family == AF_INET && p->port == 51821);
	CHECK(!memcmp(p->endpoint, "\x0a\x21\x00\x01", 4));
	CHECK(p->allowed_count == 2);
	CHECK(wireguard_peer_allows(p, 4, (const uint8_t[]){10, 0, 9, 9}) == 16);
	CHECK(wireguard_peer_allows(p, 6, (const uint8_t[16]){0xfd}) == 64);
	wireguard_done(&w);
}

TEST(a_peer_that_is_continued_in_the_next_message_stays_one)
{
	struct wireguard w = {0};
	struct message m;

	answer(&m, ones, "\x0a\x00\x00\x00");
	CHECK(wireguard_kernel_decode(m.header, &w));
	answer(&m, ones, "\x0a\x01\x00\x00");
	CHECK(wireguard_kernel_decode(m.header, &w));
	CHECK(w.peer_count == 1 && w.peers[0].allowed_count == 4);
	answer(&m, twos, "\x0a\x02\x00\x00");
	CHECK(wireguard_kernel_decode(m.header, &w));
	CHECK(w.peer_count == 2 && w.peers[1].allowed_count == 2);
	CHECK(wireguard_peer_for(&w, 4, (const uint8_t[]){10, 2, 0, 1}) == &w.peers[1]);
	wireguard_done(&w);
}
