#include "see/story.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "see/firewall.h"
#include "test.h"

/* Stories are written as one line an event:
 *
 *	KIND NETNS DEVICE PACKET [REASON SYMBOL]
 *
 * with namespaces 1 (who asks, 10.0.0.1), 2, 3 ... and packets
 *
 *	req, rep         echo request 10.0.0.1 > 10.0.0.2, its reply
 *	B?A, B!A         ARP: 10.0.0.B asks for 10.0.0.A; 10.0.0.B tells 10.0.0.A its address
 *	vx:B?A           the same in a datagram of an overlay
 */
static void ip_fill(uint8_t *ip, int last)
{
	ip[0] = 10;
	ip[3] = (uint8_t)last;
}

/* IPv4, UDP, VXLAN and Ethernet; returns where the ARP packet goes. */
static uint8_t *overlay_fill(struct path_event *e)
{
	e->protocol = ETHERTYPE_IP4;
	e->captured = e->length = 78;
	e->bytes[0] = 0x45;
	e->bytes[3] = 78;
	e->bytes[8] = 64;
	e->bytes[9] = IPPROTO_UDP;
	ip_fill(e->bytes + 12, 101);
	ip_fill(e->bytes + 16, 102);
	e->bytes[22] = 4789 >> 8;
	e->bytes[23] = 4789 & 255;
	e->bytes[25] = 58;
	e->bytes[28] = 8;
	e->bytes[48] = 8;
	e->bytes[49] = 6;
	return e->bytes + 50;
}

static void packet_fill(struct path_event *e, const char *text)
{
	uint8_t *arp = e->bytes;
	int from = 1, to = 2;

	if (!strcmp(text, "req") || !strcmp(text, "rep")) {
		bool reply = !strcmp(text, "rep");

		e->match = PATH_PROBE;
		e->protocol = ETHERTYPE_IP4;
		e->captured = 36;
		e->length = 84;
		e->bytes[0] = 0x45;
		e->bytes[3] = 84;
		e->bytes[8] = 64;
		e->bytes[9] = IPPROTO_ICMP;
		ip_fill(e->bytes + 12, reply ? 2 : 1);
		ip_fill(e->bytes + 16, reply ? 1 : 2);
		e->bytes[20] = reply ? 0 : 8;
		return;
	}
	e->match = PATH_NEIGHBOUR;
	e->protocol = ETHERTYPE_ARP4;
	e->captured = 28;
	if (!strncmp(text, "vx:", 3)) {
		arp = overlay_fill(e);
		text += 3;
	}
	arp[1] = 1;
	arp[2] = 8;
	arp[4] = 6;
	arp[5] = 4;
	if (sscanf(text, "%d?%d", &from, &to) == 2) {
		arp[7] = 1;
	} else {
		arp[7] = 2;
		sscanf(text, "%d!%d", &from, &to);
	}
	ip_fill(arp + 14, from);
	ip_fill(arp + 24, to);
}

static void tell(struct story *s, const char *text)
{
	static const char *const kinds[] = {
		"queue", "tx", "rx", "drop", "consume", "route", "icmp"};
	char line[128], kind[16], device[16], packet[16], reason[48], symbol[48];
	uint64_t skb = 1;

	s->subject = (struct subject){.netns = 1, .family = 4, .proto = IPPROTO_ICMP};
	ip_fill(s->subject.source, 1);
	ip_fill(s->subject.destination, 2);
	for (; *text; text += strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n')) {
		struct path_event e = {.time = s->count * 1000};
		unsigned int netns;
		int n;

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
		reason[0] = symbol[0] = '\0';
		n = sscanf(line, " %15s %u %15s %15s %47s %47s", kind, &netns, device, packet,
			reason, symbol);
		if (n < 4)
			continue;
		for (unsigned int k = 0; k < 7; k++)
			if (!strcmp(kinds[k], kind))
				e.kind = k;
		/* A new sending by the same node is a new skb; over a cable it stays itself. */
		if (e.kind == PATH_QUEUE)
			skb++;
		e.skb = skb;
		e.netns = netns;
		e.ifindex = (uint32_t)(device[0] * 16 + device[1]);
		snprintf(e.device, sizeof(e.device), "%s", device);
		packet_fill(&e, packet);
		story_add(s, &e);
		snprintf(s->list[s->count - 1].reason, STORY_NAME, "%s", reason);
		snprintf(s->list[s->count - 1].symbol, STORY_NAME, "%s", symbol);
	}
}

static struct ending ending_of(const char *text)
{
	struct story s = {0};
	struct ending x;

	tell(&s, text);
	story_ending(&s, &x);
	story_done(&s);
	return x;
}

TEST(an_arp_request_that_nobody_answers_is_where_it_ended)
{
	struct ending x = ending_of("queue 1 a0 1?2\n"
				    "tx 1 a0 1?2\n"
				    "rx 2 b0 1?2\n"
				    "consume 2 b0 1?2 - arp_process\n");

	CHECK(x.kind == ENDING_UNRESOLVED && x.at == 0 && x.leg == LEG_REQUEST);
	CHECK(x.wanted[0] == 10 && x.wanted[3] == 2);
}

TEST(an_answered_arp_request_is_no_end)
{
	struct ending x = ending_of("queue 1 a0 1?2\n"
				    "tx 1 a0 1?2\n"
				    "rx 2 b0 1?2\n"
				    "queue 2 b0 2!1\n"
				    "tx 2 b0 2!1\n"
				    "rx 1 a0 2!1\n"
				    "queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n");

	CHECK(x.kind == ENDING_RECEIVED && x.at == 8 && x.leg == LEG_REQUEST);
}

TEST(the_drop_that_every_ping_shows_is_harmless)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "queue 2 b0 rep\n"
				    "tx 2 b0 rep\n"
				    "rx 1 a0 rep\n"
				    "drop 1 a0 rep NO_SOCKET ping_rcv\n");

	CHECK(x.kind == ENDING_RECEIVED && x.at == 5 && x.leg == LEG_ANSWER);
}

TEST(a_request_that_is_repeated_after_its_answer_is_no_part_of_the_journey)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "queue 2 b0 rep\n"
				    "tx 2 b0 rep\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "drop 2 b0 req NOT_SPECIFIED tcp_v4_rcv\n");

	CHECK(x.kind == ENDING_SENT && x.at == 4 && x.leg == LEG_ANSWER);
}

TEST(a_drop_behind_the_last_sight_is_the_end)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 3 r1 req\n"
				    "drop 3 r1 req IP_INADDRERRORS ip_error\n");

	CHECK(x.kind == ENDING_DROP && x.at == 3 && x.leg == LEG_REQUEST);
}

TEST(a_copy_that_a_bridge_floods_to_others_is_not_the_packet)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 3 p1 req\n"
				    "queue 3 p2 req\n"
				    "tx 3 p2 req\n"
				    "rx 2 b0 req\n"
				    "queue 3 p3 req\n"
				    "tx 3 p3 req\n"
				    "rx 4 c0 req\n"
				    "drop 4 c0 req OTHERHOST ip_rcv_core\n");

	CHECK(x.kind == ENDING_RECEIVED && x.at == 5);
}

TEST(when_only_strangers_got_it_their_refusal_is_the_end)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "drop 2 b0 req OTHERHOST ip_rcv_core\n");

	CHECK(x.kind == ENDING_DROP && x.at == 3);
}

TEST(who_asks_for_the_askers_address_asks_for_the_answers_sake)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "queue 2 b0 2?1\n"
				    "tx 2 b0 2?1\n");

	CHECK(x.kind == ENDING_UNRESOLVED && x.leg == LEG_ANSWER);
}

TEST(giving_up_for_want_of_a_neighbour_is_told_by_the_question)
{
	struct ending x = ending_of("queue 1 a0 1?2\n"
				    "tx 1 a0 1?2\n"
				    "drop 1 a0 req NEIGH_FAILED neigh_invalidate\n");

	CHECK(x.kind == ENDING_UNRESOLVED && x.at == 0);
}

TEST(a_question_that_an_overlay_carries_ends_where_its_datagram_was_last)
{
	struct ending x = ending_of("queue 1 vx 1?2\n"
				    "tx 1 vx 1?2\n"
				    "queue 1 a0 vx:1?2\n"
				    "tx 1 a0 vx:1?2\n"
				    "rx 3 r1 vx:1?2\n");

	CHECK(x.kind == ENDING_RECEIVED && x.at == 4 && x.leg == LEG_REQUEST);
}

TEST(so_does_the_answer_to_it_which_travels_back)
{
	struct ending x = ending_of("queue 1 vx 1?2\n"
				    "tx 1 a0 vx:1?2\n"
				    "rx 2 b0 vx:1?2\n"
				    "rx 2 vx 1?2\n"
				    "queue 2 vx 2!1\n"
				    "drop 2 vx 2!1 IP_OUTNOROUTES vxlan_xmit_one\n");

	CHECK(x.kind == ENDING_DROP && x.at == 5 && x.leg == LEG_ANSWER);
}

TEST(the_underlay_asks_after_the_overlay_and_that_is_what_is_missing)
{
	struct ending x = ending_of("queue 1 vx 1?2\n"
				    "tx 1 a0 vx:1?2\n"
				    "queue 1 a0 101?102\n"
				    "queue 1 vx 1?2\n");

	CHECK(x.kind == ENDING_UNRESOLVED && x.at == 2 && x.wanted[3] == 102);
}

TEST(an_answer_to_a_wrong_mac_address_is_lost_there_not_at_who_received_the_request)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "queue 2 b0 rep\n"
				    "tx 2 b0 rep\n"
				    "rx 1 a0 rep\n"
				    "drop 1 a0 rep OTHERHOST ip_rcv_core\n");

	CHECK(x.kind == ENDING_DROP && x.at == 5 && x.leg == LEG_ANSWER);
}

TEST(nodes_that_the_packet_never_saw_may_ask_what_they_like)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n"
				    "rx 2 b0 req\n"
				    "queue 7 z0 9?2\n"
				    "tx 7 z0 9?2\n");

	CHECK(x.kind == ENDING_RECEIVED && x.at == 2);
}

TEST(sent_and_never_received_ends_with_the_sender)
{
	struct ending x = ending_of("queue 1 a0 req\n"
				    "tx 1 a0 req\n");

	CHECK(x.kind == ENDING_SENT && x.at == 1);
}

TEST(no_event_is_no_story)
{
	struct ending x = ending_of("");

	CHECK(x.kind == ENDING_NOTHING && x.at == -1);
}

static const char *name_of(uint32_t netns, void *arg)
{
	static char name[8];

	(void)arg;
	snprintf(name, sizeof(name), "n%u", netns);
	return name;
}

TEST(queue_and_transmit_of_one_hop_are_one_step)
{
	struct story s = {0};
	struct verdict v = {0};

	tell(&s, "queue 1 a0 req\n"
		 "tx 1 a0 req\n"
		 "rx 2 b0 req\n"
		 "queue 2 b0 rep\n"
		 "tx 2 b0 rep\n"
		 "rx 1 a0 rep\n");
	story_tell(&s, name_of, NULL, &v);
	CHECK(v.step_count == 5);
	CHECK_TEXT(v.steps[0].event, "tx");
	CHECK_TEXT(v.steps[1].event, "rx");
	CHECK_TEXT(v.steps[2].event, "deliver");
	CHECK_TEXT(v.steps[3].event, "tx");
	CHECK_TEXT(v.steps[4].node, "n1");
	verdict_done(&v);
	story_done(&s);
}

/* Dice: whatever the order of events, the answer stays inside the story. */
TEST(no_order_of_events_leads_out_of_the_story)
{
	static const char *const lines[] = {"queue 1 a0 req\n", "tx 1 a0 req\n", "rx 2 b0 req\n",
		"drop 2 b0 req OTHERHOST ip_rcv_core\n", "queue 1 a0 1?2\n", "rx 1 a0 2!1\n",
		"drop 3 r1 req NETFILTER_DROP nft_do_chain\n", "queue 2 b0 rep\n", "rx 1 a0 rep\n",
		"consume 1 a0 req - tun_do_read\n",
		"drop 1 a0 1?2 NOT_SPECIFIED __dev_forward_skb2\n"};

	for (int round = 0; round < 2000; round++) {
		char text[1024] = "";
		uint64_t n = dice(12);
		struct ending x;

		for (uint64_t i = 0; i < n; i++)
			strcat(text, lines[dice(sizeof(lines) / sizeof(lines[0]))]);
		x = ending_of(text);
		CHECK(x.at >= -1 && x.at < (int)n);
		CHECK(x.last >= -1 && x.last < (int)n);
		CHECK((x.at == -1) == (x.kind == ENDING_NOTHING));
	}
}

/* ---- the firewall's rules, read ---- */

static bool judged(const char *rules, struct firewall_packet *p, struct firewall_verdict *v)
{
	static const char *const hooks[] = {"prerouting", "forward", NULL};
	json_t *json = json_loads(rules, 0, NULL);
	bool found;

	CHECK(json != NULL);
	found = firewall_judge(json, p, NULL, hooks, v);
	json_decref(json);
	return found;
}

static struct firewall_packet echo_packet(void)
{
	struct firewall_packet p = {.family = 4,
		.proto = IPPROTO_ICMP,
		.icmp_type = 8,
		.iif = "r1",
		.oif = "r2",
		.length = 84,
		.ttl = 64};

	ip_fill(p.source, 1);
	ip_fill(p.destination, 2);
	return p;
}

#define CHAIN(policy)                                                                               \
	"{\"nftables\":[{\"chain\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"f\",\"handle\":1," \
	"\"type\":\"filter\",\"hook\":\"forward\",\"prio\":0,\"policy\":\"" policy "\"}}"
#define RULE(chain, handle, expr)                                                                  \
	",{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"" chain "\",\"handle\":" handle \
	",\"expr\":[" expr "]}}"
#define MATCH(left, right) "{\"match\":{\"op\":\"==\",\"left\":" left ",\"right\":" right "}}"
#define ICMP_TYPE "{\"payload\":{\"protocol\":\"icmp\",\"field\":\"type\"}}"
#define DADDR "{\"payload\":{\"protocol\":\"ip\",\"field\":\"daddr\"}}"
#define DROP_IT "{\"drop\":null}"

TEST(the_rule_that_matches_is_named_not_its_neighbours)
{
	struct firewall_packet p = echo_packet();
	struct firewall_verdict v;

	CHECK(judged(CHAIN("accept") RULE("f", "4", MATCH(DADDR, "\"10.0.0.9\"") "," DROP_IT) RULE(
			     "f", "5", MATCH(ICMP_TYPE, "\"echo-reply\"") "," DROP_IT)
			     RULE("f", "6", MATCH(ICMP_TYPE, "\"echo-request\"") "," DROP_IT) "]}",
		&p, &v));
	CHECK(v.handle == 6 && v.certain && !v.reject);
	CHECK_TEXT(v.chain, "f");
}

TEST(an_accept_before_it_saves_the_packet)
{
	struct firewall_packet p = echo_packet();
	struct firewall_verdict v;

	CHECK(!judged(
		CHAIN("drop") RULE("f", "4",
			MATCH(DADDR,
				"{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":24}}") ",{\"accept\":null}") "]}",
		&p, &v));
}

TEST(a_policy_has_no_handle)
{
	struct firewall_packet p = echo_packet();
	struct firewall_verdict v;

	CHECK(judged(CHAIN("drop")
			     RULE("f", "4", MATCH(DADDR, "\"10.0.0.9\"") ",{\"accept\":null}") "]}",
		&p, &v));
	CHECK(v.handle == 0);
}

TEST(a_jump_leads_to_the_rule_and_comes_back)
{
	struct firewall_packet p = echo_packet();
	struct firewall_verdict v;

	CHECK(judged(CHAIN("accept") RULE("f", "4", "{\"jump\":{\"target\":\"g\"}}") RULE("f", "5",
			     DROP_IT) RULE("g", "7", MATCH(DADDR, "\"10.0.0.9\"") "," DROP_IT) "]}",
		&p, &v));
	CHECK(v.handle == 5);
}

TEST(a_rule_that_is_not_understood_is_only_suspected)
{
	struct firewall_packet p = echo_packet();
	struct firewall_verdict v;

	CHECK(judged(CHAIN("accept") RULE("f", "4", "{\"xt\":null}," DROP_IT) "]}", &p, &v));
	CHECK(v.handle == 4 && !v.certain);
}

TEST(neighbours_that_ask_without_end_leave_room_for_the_packet)
{
	struct story s = {0};
	struct ending x;

	for (int i = 0; i < STORY_EVENTS; i++)
		tell(&s, "queue 1 a0 1?9\n");
	CHECK(s.count == STORY_NEIGHBOURS && s.cut == STORY_EVENTS - STORY_NEIGHBOURS);
	tell(&s, "queue 1 a0 req\n"
		 "tx 1 a0 req\n"
		 "rx 2 b0 req\n");
	story_ending(&s, &x);
	CHECK(x.kind == ENDING_RECEIVED && x.at == STORY_NEIGHBOURS + 2);
	story_done(&s);
}

TEST(a_question_that_a_bridge_passes_on_is_still_the_askers)
{
	struct ending x = ending_of("queue 1 a0 1?2\n"
				    "tx 1 a0 1?2\n"
				    "rx 3 p1 1?2\n"
				    "queue 3 p2 1?2\n"
				    "tx 3 p2 1?2\n"
				    "rx 2 b0 1?2\n"
				    "queue 1 a0 req\n"
				    "drop 1 a0 req NEIGH_FAILED neigh_invalidate\n");

	CHECK(x.kind == ENDING_DROP || x.at == 0);
	x = ending_of("tx 1 a0 1?2\n"
		      "rx 3 p1 1?2\n"
		      "tx 3 p2 1?2\n"
		      "rx 2 b0 1?2\n");
	CHECK(x.kind == ENDING_UNRESOLVED && x.at == 0);
}
