#include "see/trace.h"

#include <stdlib.h>
#include <string.h>

#include "see/reason.h"
#include "see/trace_filter.h"
#include "test.h"

static const struct trace_event drop = {.kind = TRACE_DROP};

TEST(a_drop_is_a_loss_unless_a_copy_lives_or_the_packet_had_arrived)
{
	struct trace_event shared = drop, passing = drop;

	shared.shared = 1;
	passing.kind = TRACE_TX;
	CHECK(trace_loss(&drop, "NETFILTER_DROP", "nft_do_chain"));
	CHECK(trace_loss(&drop, "NO_SOCKET", "__udp4_lib_rcv"));
	CHECK(trace_loss(&drop, "NOT_SPECIFIED", "ip_error"));
	CHECK(!trace_loss(&shared, "NETFILTER_DROP", "nft_do_chain"));
	CHECK(!trace_loss(&passing, "NETFILTER_DROP", "nft_do_chain"));
	CHECK(!trace_loss(&drop, "NO_SOCKET", "ping_rcv"));    /* the answer to a ping */
	CHECK(!trace_loss(&drop, "OTHERHOST", "ip_rcv_core")); /* flooded by a bridge */
	CHECK(!trace_loss(&drop, "QUEUE_PURGE", "skb_queue_purge_reason"));
}

TEST(words_come_from_the_reason_and_else_from_the_place)
{
	CHECK_TEXT(reason_words("NETFILTER_DROP", "nft_do_chain"), "a firewall rule dropped it");
	CHECK_TEXT(reason_words("", "nft_do_chain"), "a firewall rule dropped it");
	CHECK_TEXT(reason_words("NOT_SPECIFIED", "ip_error"),
		"a route or rule refuses its destination");
	CHECK_TEXT(reason_words("NOT_SPECIFIED", "nobody_knows"), "");
}

/* An object with room for a filter somewhere in it. */
enum { BEFORE = 160, ROOM_BYTES = 4096 * 8, OBJECT = BEFORE + ROOM_BYTES + 80 };

TEST(a_filter_is_written_into_its_room_and_nothing_else_moves)
{
	static const uint8_t marks[16] = {
		0xb7, 0, 0, 0, 0x1e, 0xf1, 0xa4, 0x57, 0xb7, 0, 0, 0, 0x57, 0xa4, 0xf1, 0x1e};
	uint8_t *object = malloc(OBJECT);
	struct filter_code f;
	struct instruction first[2];

	memset(object, 0xaa, OBJECT);
	memcpy(object + BEFORE, marks, sizeof(marks));
	CHECK(filter_code_make(&f, "icmp", NULL) == 0);
	CHECK(f.reach == 24); /* the protocol of IPv4 */
	CHECK(filter_code_place(&f, object, OBJECT) == 0);
	memcpy(first, object + BEFORE, sizeof(first));
	CHECK(first[0].code == 0xb7 && first[0].immediate == 0);
	CHECK(first[1].code == 0x55 && first[1].offset == f.size);
	CHECK(!memcmp(object + BEFORE + 16, f.code, (size_t)f.size * 8));
	for (int i = 0; i < BEFORE; i++)
		CHECK(object[i] == 0xaa);
	for (int i = BEFORE + ROOM_BYTES; i < OBJECT; i++)
		CHECK(object[i] == 0xaa);
	CHECK(filter_code_place(&f, object, OBJECT) != 0); /* the marks are gone */
	filter_code_done(&f);
	free(object);
}

TEST(a_filter_that_loops_is_refused_in_words)
{
	struct filter_code f;
	struct error e = {0};

	CHECK(filter_code_make(&f, "ip6 protochain 6", &e) < 0);
	CHECK(strstr(e.text, "cannot run in the kernel") != NULL);
}
