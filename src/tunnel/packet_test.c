#include "packet_test.h"

TEST(a_packet_is_told_from_bytes_that_are_none)
{
	uint8_t at[200];
	struct packet p;
	uint32_t n =
		make_packet(at, &(struct made){4, IPPROTO_TCP, .payload = 50, .flags = TCP_ACK});

	CHECK(packet_parse(&p, at, n + 13)); /* padding is welcome */
	CHECK(p.length == n && p.l4 == 20 && p.payload == 40 && p.whole);
	CHECK(packet_check_is_right(&p));
	CHECK(!packet_parse(&p, at, n - 1));
	CHECK(!packet_parse(&p, at, 19));
	CHECK(!packet_parse(&p, at, 0));
	at[0] = 0x44; /* a header shorter than the shortest */
	CHECK(!packet_parse(&p, at, n));
	at[0] = 0x75;
	CHECK(!packet_parse(&p, at, n));
	at[0] = 0x4f;
	at[3] = 30; /* shorter than its own header */
	CHECK(!packet_parse(&p, at, n));
}

TEST(a_transport_header_that_is_cut_off_is_not_looked_at)
{
	uint8_t at[200];
	struct packet p;
	uint32_t n = make_packet(at, &(struct made){6, IPPROTO_TCP, .options = 12, .payload = 0});

	CHECK(packet_parse(&p, at, n) && p.whole && p.payload == 72);
	at[40 + 12] = 0xf0;
	CHECK(packet_parse(&p, at, n) && !p.whole);
	at[40 + 12] = 0x40;
	CHECK(packet_parse(&p, at, n) && !p.whole);
	at[5] = 19; /* the IPv6 payload ends within the header */
	CHECK(packet_parse(&p, at, n) && !p.whole && p.payload == p.l4);
}

TEST(a_fragment_is_a_packet_but_not_a_whole_one)
{
	uint8_t at[200];
	struct packet p;
	uint32_t n = make_packet(at, &(struct made){4, IPPROTO_UDP, .id = 5, .payload = 50});

	CHECK(packet_parse(&p, at, n) && p.whole);
	at[6] = 0x20;
	CHECK(packet_parse(&p, at, n) && !p.whole);
	at[6] = 0;
	at[7] = 9;
	CHECK(packet_parse(&p, at, n) && !p.whole);
}

TEST(a_changed_byte_makes_the_checksum_wrong)
{
	for (int version = 4; version <= 6; version += 2) {
		uint8_t at[300];
		struct packet p;
		uint32_t n = make_packet(
			at, &(struct made){version, IPPROTO_UDP, .sequence = 1, .payload = 101});

		CHECK(packet_parse(&p, at, n) && packet_check_is_right(&p));
		for (uint32_t i = p.l4; i < n; i++) {
			at[i] ^= 0x10;
			CHECK(!packet_check_is_right(&p));
			at[i] ^= 0x10;
		}
	}
}

/* RFC 6040, figure 4, spelt out. */
TEST(congestion_marks_come_in_as_rfc_6040_says)
{
	static const struct {
		uint8_t inner, outer, want;
	} table[] = {
		{ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT},
		{ECN_NOT_ECT, ECN_ECT0, ECN_NOT_ECT},
		{ECN_NOT_ECT, ECN_ECT1, ECN_NOT_ECT},
		{ECN_ECT0, ECN_NOT_ECT, ECN_ECT0},
		{ECN_ECT0, ECN_ECT0, ECN_ECT0},
		{ECN_ECT0, ECN_ECT1, ECN_ECT1},
		{ECN_ECT0, ECN_CE, ECN_CE},
		{ECN_ECT1, ECN_NOT_ECT, ECN_ECT1},
		{ECN_ECT1, ECN_ECT0, ECN_ECT1},
		{ECN_ECT1, ECN_ECT1, ECN_ECT1},
		{ECN_ECT1, ECN_CE, ECN_CE},
		{ECN_CE, ECN_NOT_ECT, ECN_CE},
		{ECN_CE, ECN_ECT0, ECN_CE},
		{ECN_CE, ECN_ECT1, ECN_CE},
		{ECN_CE, ECN_CE, ECN_CE},
	};
	uint8_t at[100];
	struct packet p;

	for (int version = 4; version <= 6; version += 2) {
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			uint32_t n = make_packet(at, &(struct made){version, IPPROTO_UDP,
							     .ecn = table[i].inner, .payload = 20});

			CHECK(packet_parse(&p, at, n) && packet_ecn(&p) == table[i].inner);
			CHECK(packet_decapsulate(&p, table[i].outer));
			CHECK(packet_ecn(&p) == table[i].want);
			CHECK(version == 6 || checksum_is_right(checksum_add(0, at, 20)));
			CHECK(packet_check_is_right(&p));
		}
		make_packet(at, &(struct made){version, IPPROTO_UDP, .payload = 20});
		CHECK(!packet_decapsulate(&p, ECN_CE));
	}
}

TEST(a_wrong_header_checksum_is_not_repaired_by_a_congestion_mark)
{
	uint8_t at[100];
	struct packet p;
	uint32_t n =
		make_packet(at, &(struct made){4, IPPROTO_UDP, .ecn = ECN_ECT0, .payload = 20});

	at[10] ^= 1;
	CHECK(packet_parse(&p, at, n) && packet_decapsulate(&p, ECN_CE));
	CHECK(packet_ecn(&p) == ECN_CE && !checksum_is_right(checksum_add(0, at, 20)));
}
