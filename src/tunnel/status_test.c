#include "tunnel/status.h"

#include <errno.h>
#include <string.h>

#include "test.h"

#define KEY_A "aa00000000000000000000000000000000000000000000000000000000000001"
#define KEY_B "bb00000000000000000000000000000000000000000000000000000000000002"

static const char whole[] = "now=1000\nup=true\nlisten_port=51820\nfwmark=7\nown_key=" KEY_A "\n"
			    "offload=tcp4 udp\n"
			    "drop=no-peer 3\ndrop=some-new-reason 4\n"
			    "stranger=unknown-key 10.0.0.9:5 990 2 " KEY_B "\n"
			    "public_key=" KEY_B "\nprotocol_version=1\nendpoint=10.33.0.1:51820\n"
			    "last_handshake_time_sec=900\nlast_handshake_time_nsec=5\nrx_bytes=10\n"
			    "tx_bytes=20\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
			    "allowed_ip=::/0\nsession=current initiator 1500 33\n"
			    "session=previous responder 130000 9\ndrop=replayed 1\nfuture=1\n"
			    "public_key=" KEY_A "\nattempts=3\ntrouble=no-reply 0 995\n"
			    "errno=0\n\n";

TEST(a_status_is_read_back_as_it_was_told)
{
	struct status s;
	const char *text;

	CHECK(status_parse(&s, whole, strlen(whole)) == 0);
	CHECK(s.now == 1000 && s.up && s.listen_port == 51820 && s.fwmark == 7 && s.has_key);
	CHECK_TEXT(s.offload, "tcp4 udp");
	CHECK(s.drops[DROP_NO_PEER] == 3);
	CHECK(s.stranger_count == 1 && s.strangers[0].why == TROUBLE_UNKNOWN_KEY);
	CHECK(s.strangers[0].at == 990 && s.strangers[0].count == 2);
	CHECK(s.peer_count == 2 && s.error == 0);

	struct status_peer *p = s.peers;

	CHECK(p->public_key[0] == 0xbb && p->last_handshake == 900 && p->rx_bytes == 10);
	CHECK(p->tx_bytes == 20 && p->keepalive == 25 && p->allowed_ips == 2);
	CHECK(p->session_count == 2 && p->sessions[0].initiator && p->sessions[0].age == 1500);
	CHECK(!p->sessions[1].initiator && p->sessions[1].sent == 9);
	CHECK_TEXT(p->sessions[1].which, "previous");
	CHECK(p->drops[DROP_REPLAYED] == 1 && p->trouble == TROUBLE_NONE);
	CHECK(!status_reason(&s, p, &text));
	p++;
	CHECK(p->attempts == 3 && p->trouble == TROUBLE_NO_REPLY && p->trouble_at == 995);
	CHECK_TEXT(status_reason(&s, p, &text), "no-reply");
	status_done(&s);
}

TEST(without_a_recorded_reason_the_settings_tell_it)
{
	struct status s = {.up = true, .has_key = true};
	struct status_peer p = {0};
	const char *text;

	CHECK_TEXT(status_reason(&s, &p, &text), "no-endpoint");
	CHECK(address_parse(&p.endpoint, "1.2.3.4:5"));
	CHECK_TEXT(status_reason(&s, &p, &text), "idle");
	p.attempts = 1;
	CHECK_TEXT(status_reason(&s, &p, &text), "under-way");
	s.has_key = false;
	CHECK_TEXT(status_reason(&s, &p, &text), "no-private-key");
	s.up = false;
	CHECK_TEXT(status_reason(&s, &p, &text), "device-down");
}

TEST(what_is_no_status_is_refused)
{
	static const char *const wrong[] = {"now=1", "now=x\n", "hello\n", "public_key=aa\n",
		"drop=5\n", "offload=\033[2J\n", "stranger=a b c\n",
		"public_key=" KEY_A "\nsession=current\n", "public_key=" KEY_A "\nallowed_ip=1\n",
		"public_key=" KEY_A "\nendpoint=1\n"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct status s;

		CHECK(status_parse(&s, wrong[i], strlen(wrong[i])) == -EBADMSG);
		status_done(&s);
	}
}
