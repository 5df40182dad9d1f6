#include "tunnel/uapi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "test.h"

#define KEY_A "aa00000000000000000000000000000000000000000000000000000000000001"
#define KEY_B "bb00000000000000000000000000000000000000000000000000000000000002"
#define KEY_0 "0000000000000000000000000000000000000000000000000000000000000000"

/* Feeds the text in pieces of random size; true when it ends a request at its last byte. */
static bool feed(struct uapi_request *r, const char *text)
{
	size_t size = strlen(text), at = 0;

	while (at < size) {
		size_t piece = 1 + dice(size - at), taken;
		bool done = uapi_request_feed(r, text + at, piece, &taken);

		at += taken;
		if (done)
			return at == size;
		CHECK(taken == piece);
	}
	return false;
}

static int error_of(const char *text)
{
	struct uapi_request r = {0};
	int error;

	CHECK(feed(&r, text));
	error = r.error;
	uapi_request_done(&r);
	return error;
}

TEST(a_get_is_two_lines)
{
	struct uapi_request r = {0};

	CHECK(feed(&r, "get=1\n\n"));
	CHECK(r.kind == UAPI_GET && r.error == 0);
	uapi_request_done(&r);
}

TEST(a_set_says_everything_about_device_and_peers)
{
	struct uapi_request r = {0};
	struct settings *s = &r.settings;
	char text[PREFIX_TEXT];

	CHECK(feed(&r, "set=1\n"
		       "private_key=" KEY_A "\n"
		       "listen_port=51820\n"
		       "fwmark=4294967295\n"
		       "replace_peers=true\n"
		       "public_key=" KEY_A "\n"
		       "preshared_key=" KEY_B "\n"
		       "endpoint=[2001:db8::1]:7\n"
		       "persistent_keepalive_interval=25\n"
		       "replace_allowed_ips=true\n"
		       "allowed_ip=10.1.2.3/8\n"
		       "allowed_ip=-2001:db8::/32\n"
		       "public_key=" KEY_B "\n"
		       "remove=true\n"
		       "update_only=true\n"
		       "\n"));
	CHECK(r.kind == UAPI_SET && r.error == 0);
	CHECK(s->given == (GIVEN_PRIVATE_KEY | GIVEN_LISTEN_PORT | GIVEN_FWMARK));
	CHECK(s->private_key[0] == 0xaa && s->private_key[31] == 1);
	CHECK(s->listen_port == 51820 && s->fwmark == UINT32_MAX && s->replace_peers);
	CHECK(s->peer_count == 2);

	struct peer_change *p = s->peers;

	CHECK(p->public_key[0] == 0xaa && p->preshared_key[0] == 0xbb);
	CHECK(p->given == (GIVEN_PRESHARED_KEY | GIVEN_ENDPOINT | GIVEN_KEEPALIVE));
	CHECK(p->endpoint.sa.sa_family == AF_INET6 && address_port(&p->endpoint) == 7);
	CHECK(p->keepalive == 25 && p->replace_allowed_ips && !p->remove);
	CHECK(p->allowed_ip == 0 && p->allowed_ips == 2);
	prefix_format(text, &s->allowed_ips[0].prefix);
	CHECK_TEXT(text, "10.0.0.0/8");
	CHECK(!s->allowed_ips[0].remove && s->allowed_ips[1].remove);
	p++;
	CHECK(p->public_key[0] == 0xbb && p->remove && p->update_only && p->given == 0);
	CHECK(p->allowed_ips == 0);
	uapi_request_done(&r);
}

TEST(each_mistake_has_its_errno)
{
	static const char *const wrong[] = {"private_key=aa", "private_key=" KEY_A "0",
		"private_key=",
		"private_key=zz00000000000000000000000000000000000000000000000000000000000001",
		"listen_port=65536", "listen_port=-1", "listen_port=", "listen_port= 1",
		"fwmark=0x10", "fwmark=4294967296", "replace_peers=false", "replace_peers=1",
		"public_key=" KEY_A "aa", "nonsense=1", "=", "=1", "Listen_port=1",
		" listen_port=1", "get=1", "set=1",
		/* a peer's keys before any peer */
		"endpoint=1.2.3.4:5", "allowed_ip=1.2.3.4/5", "remove=true", "preshared_key=" KEY_A,
		/* in a peer */
		"public_key=" KEY_A "\nendpoint=1.2.3.4", "public_key=" KEY_A "\nendpoint=host:1",
		"public_key=" KEY_A "\nallowed_ip=1.2.3.4",
		"public_key=" KEY_A "\nallowed_ip=1.2.3.4/33",
		"public_key=" KEY_A "\nallowed_ip=--1.2.3.4/3",
		"public_key=" KEY_A "\npersistent_keepalive_interval=65536",
		"public_key=" KEY_A "\npersistent_keepalive_interval=off",
		"public_key=" KEY_A "\nremove=false", "public_key=" KEY_A "\nprivate_key=" KEY_A,
		"public_key=" KEY_A "\nlisten_port=1",
		"public_key=" KEY_A "\nlast_handshake_time_sec=1",
		"public_key=" KEY_A "\npreshared_key=aa"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char text[512];

		snprintf(text, sizeof(text), "set=1\n%s\nlisten_port=1\n\n", wrong[i]);
		CHECK(error_of(text) == -EINVAL);
	}
	CHECK(error_of("set=1\npublic_key=" KEY_A "\nprotocol_version=2\n\n") == -EINVAL);
	CHECK(error_of("set=1\nprivate_key\n\n") == -EPROTO);
	CHECK(error_of("set=1\npublic_key=" KEY_A "\nendpoint=1.2.3.4:0\n\n") == 0);
	CHECK(error_of("set=1\npublic_key=" KEY_A "\nprotocol_version=1\n\n") == 0);
	CHECK(error_of("set=1\n\n") == 0);
	CHECK(error_of("get=2\n\n") == -EINVAL);
	CHECK(error_of("get=1\nlisten_port=1\n\n") == -EINVAL);
	CHECK(error_of("hello\n\n") == -EINVAL);
}

TEST(a_line_without_end_is_one_mistake_and_no_more)
{
	struct uapi_request r = {0};
	char text[3 * UAPI_LINE];
	size_t taken;

	CHECK(!uapi_request_feed(&r, "set=1\n", 6, &taken));
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 100; i++)
		CHECK(!uapi_request_feed(&r, text, sizeof(text), &taken) && taken == sizeof(text));
	CHECK(feed(&r, "\nlisten_port=1\n\n"));
	CHECK(r.error == -EINVAL);
	uapi_request_done(&r);
	CHECK(feed(&r, "get=1\n\n") && r.kind == UAPI_GET && !r.error);
	uapi_request_done(&r);
}

TEST(a_zero_byte_is_a_mistake)
{
	static const char text[] = "set=1\nlisten_port=1\0002\n\n";
	struct uapi_request r = {0};
	size_t taken;

	CHECK(uapi_request_feed(&r, text, sizeof(text) - 1, &taken));
	CHECK(r.error == -EINVAL);
	uapi_request_done(&r);
}

TEST(requests_follow_one_another_on_a_connection)
{
	static const char text[] =
		"get=1\n\nset=1\nfwmark=x\nlisten_port=1\n\n\n\nset=1\nfwmark=7\n\nge";
	struct uapi_request r = {0};
	size_t at = 0, taken, size = sizeof(text) - 1;

	CHECK(uapi_request_feed(&r, text, size, &taken) && r.kind == UAPI_GET);
	uapi_request_done(&r);
	at += taken;
	CHECK(uapi_request_feed(&r, text + at, size - at, &taken) && r.error == -EINVAL);
	uapi_request_done(&r);
	at += taken;
	CHECK(uapi_request_feed(&r, text + at, size - at, &taken) && !r.error);
	CHECK(r.kind == UAPI_SET && r.settings.fwmark == 7);
	uapi_request_done(&r);
	at += taken;
	CHECK(!uapi_request_feed(&r, text + at, size - at, &taken) && at + taken == size);
	uapi_request_done(&r);
}

TEST(a_get_is_answered_as_wg_reads_it)
{
	struct uapi_reply r = {0};
	struct uapi_device d = {.listen_port = 12912, .fwmark = 3};
	struct uapi_peer p = {.last_handshake = 5 * SECOND + 7,
		.rx_bytes = UINT64_MAX,
		.tx_bytes = 10,
		.keepalive = 111};
	struct prefix prefix;

	hex_parse(d.private_key, 32, KEY_A);
	hex_parse(p.public_key, 32, KEY_B);
	CHECK(address_parse(&p.endpoint, "182.122.22.19:3233"));
	CHECK(prefix_parse(&prefix, "192.168.4.6/32", false));
	uapi_reply_device(&r, &d);
	uapi_reply_peer(&r, &p);
	uapi_reply_allowed_ip(&r, &prefix);
	uapi_reply_end(&r, 0);
	CHECK(r.size && r.bytes);
	r.bytes[r.size - 1] = '\0';
	CHECK_TEXT(r.bytes,
		"private_key=" KEY_A "\nlisten_port=12912\nfwmark=3\n"
		"public_key=" KEY_B "\npreshared_key=" KEY_0 "\nprotocol_version=1\n"
		"endpoint=182.122.22.19:3233\nlast_handshake_time_sec=5\n"
		"last_handshake_time_nsec=7\ntx_bytes=10\nrx_bytes=18446744073709551615\n"
		"persistent_keepalive_interval=111\nallowed_ip=192.168.4.6/32\nerrno=0\n");
	uapi_reply_done(&r);
}

TEST(an_error_is_a_negative_errno)
{
	struct uapi_reply r = {0};

	uapi_reply_end(&r, -EADDRINUSE);
	CHECK(r.size == 11 && !memcmp(r.bytes, "errno=-98\n\n", 11));
	uapi_reply_done(&r);
}

TEST(a_hundred_thousand_peers_are_set_and_told_in_linear_time)
{
	enum { PEERS = 100000 };
	struct uapi_request q = {0};
	struct uapi_reply r = {0};
	char line[256];
	size_t taken;

	CHECK(!uapi_request_feed(&q, "set=1\n", 6, &taken));
	for (unsigned i = 0; i < PEERS; i++) {
		int n = snprintf(line, sizeof(line),
			"public_key=%064x\nallowed_ip=10.%u.%u.%u/32\n", i, i >> 16, i >> 8 & 255,
			i & 255);

		CHECK(!uapi_request_feed(&q, line, (size_t)n, &taken));
	}
	CHECK(uapi_request_feed(&q, "\n", 1, &taken) && !q.error);
	CHECK(q.settings.peer_count == PEERS && q.settings.allowed_count == PEERS);
	for (size_t i = 0; i < PEERS; i++) {
		struct uapi_peer p = {0};

		memcpy(p.public_key, q.settings.peers[i].public_key, 32);
		uapi_reply_peer(&r, &p);
		uapi_reply_allowed_ip(&r, &q.settings.allowed_ips[i].prefix);
	}
	uapi_reply_end(&r, 0);
	CHECK(!r.failed && r.size > PEERS * 200);
	uapi_reply_done(&r);
	uapi_request_done(&q);
}
