#include "see/identity.h"

#include <string.h>

#include <pcap/dlt.h>

#include "base/clock.h"
#include "test.h"

enum { A0_OUT = 1, R1_IN, R2_OUT, B0_IN, B0_OUT, R2_IN, R1_OUT, A0_IN };
enum { NODE_A = 1, NODE_R, NODE_B };

static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};

/* An echo request 10.0.0.1 -> 10.0.2.2 with 16 bytes of payload. */
static const uint8_t echo[44] = {0x45, 0, 0, 44, 0x12, 0x34, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10,
	0, 2, 2,		      /* IPv4 */
	8, 0, 0xab, 0xcd, 0, 7, 0, 1, /* ICMP */
	't', 'o', 'k', 'e', 'n', '5', '5', '5', '5', '5', '5', '5', '5', '5', '5', '5'};

static const uint8_t arp[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, /* Ethernet */
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

struct packet {
	uint8_t bytes[256];
	uint32_t n;
};

/* The echo request as it looks after `hops` routers, from and to other last octets. */
static struct packet hop(uint8_t hops, uint8_t from, uint8_t to)
{
	struct packet p = {.n = sizeof(ethernet) + sizeof(echo)};

	memcpy(p.bytes, ethernet, sizeof(ethernet));
	memcpy(p.bytes + 14, echo, sizeof(echo));
	p.bytes[0] = hops; /* another Ethernet address, too */
	p.bytes[14 + 8] = (uint8_t)(64 - hops);
	p.bytes[14 + 11] = (uint8_t)(hops * 3); /* and checksum */
	p.bytes[14 + 15] = from;
	p.bytes[14 + 19] = to;
	return p;
}

static struct signature sign(const struct packet *p)
{
	return signature_read(p->bytes, p->n, DLT_EN10MB);
}

static uint64_t see(struct identity *t, int64_t time, uint32_t node, uint32_t place, bool leaves,
	const struct packet *p)
{
	struct sighting s = {time, node, place, leaves, sign(p)};

	return identity_see(t, &s);
}

TEST(a_packet_keeps_its_number_over_a_router)
{
	struct identity *t = identity_new();
	struct packet first = hop(0, 1, 2), second = hop(1, 1, 2);
	uint64_t id = see(t, 1, NODE_A, A0_OUT, true, &first);

	CHECK(id != 0);
	CHECK(see(t, 2, NODE_R, R1_IN, false, &first) == id);
	CHECK(see(t, 3, NODE_R, R2_OUT, true, &second) == id);
	CHECK(see(t, 4, NODE_B, B0_IN, false, &second) == id);
	identity_free(t);
}

TEST(a_bare_packet_has_the_signature_of_the_framed_one)
{
	struct packet p = hop(0, 1, 2);
	struct signature framed = sign(&p), bare;

	bare = signature_read(p.bytes + 14, p.n - 14, DLT_RAW);
	CHECK(framed.whole == bare.whole && framed.loose == bare.loose);
}

TEST(another_sequence_number_or_payload_is_another_packet)
{
	struct packet p = hop(0, 1, 2), q = p, r = p;

	q.bytes[14 + 27]++;
	r.bytes[14 + 40]++;
	CHECK(sign(&p).whole != sign(&q).whole);
	CHECK(sign(&p).whole != sign(&r).whole);
	CHECK(sign(&p).loose != sign(&q).loose);
}

TEST(it_keeps_its_number_across_translation_in_one_node_only)
{
	struct identity *t = identity_new();
	struct packet inside = hop(0, 1, 2), outside = hop(1, 77, 2), both = hop(1, 78, 79);
	uint64_t id = see(t, 1, NODE_A, A0_OUT, true, &inside);

	CHECK(see(t, 2, NODE_R, R1_IN, false, &inside) == id);
	CHECK(see(t, 3, NODE_B, B0_OUT, true, &outside) != id); /* not the node it came into */
	identity_free(t);

	t = identity_new();
	id = see(t, 2, NODE_R, R1_IN, false, &inside);
	CHECK(see(t, 3, NODE_R, R2_OUT, true, &outside) == id);
	CHECK(see(t, 4, NODE_B, B0_IN, false, &outside) == id);
	CHECK(see(t, 5, NODE_R, R2_OUT, true, &both) != id); /* neither address is left */
	identity_free(t);

	t = identity_new();
	id = see(t, 2, NODE_R, R1_IN, false, &inside);
	CHECK(see(t, 2 + 2 * SECOND, NODE_R, R2_OUT, true, &outside) != id); /* too late */
	identity_free(t);
}

TEST(the_same_bytes_sent_again_are_a_new_packet)
{
	struct identity *t = identity_new();
	struct packet p = {.n = sizeof(arp)};
	uint64_t first, second;

	memcpy(p.bytes, arp, sizeof(arp));
	first = see(t, 1, NODE_A, A0_OUT, true, &p);
	CHECK(see(t, 2, NODE_B, B0_IN, false, &p) == first);
	second = see(t, SECOND, NODE_A, A0_OUT, true, &p);
	CHECK(second != first);
	CHECK(see(t, SECOND + 1, NODE_B, B0_IN, false, &p) == second);
	identity_free(t);
}

TEST(a_packet_in_a_routing_loop_stays_itself)
{
	struct identity *t = identity_new();
	struct packet early = hop(0, 1, 2), late = hop(2, 1, 2);
	uint64_t id = see(t, 1, NODE_R, R2_OUT, true, &early);

	CHECK(see(t, 2, NODE_R, R2_OUT, true, &late) == id);
	identity_free(t);
}

TEST(what_is_wrapped_in_vxlan_or_gre_keeps_its_signature)
{
	static const uint8_t outer[36] = {0x45, 0, 0, 94, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1,
		10, 0, 0, 2,			     /* IPv4 */
		0x99, 0x99, 0x12, 0xb5, 0, 74, 0, 0, /* UDP to 4789 */
		8, 0, 0, 0, 0, 0, 100, 0};	     /* VXLAN, network 100 */
	static const uint8_t gre[28] = {0x45, 0, 0, 72, 0, 0, 0x40, 0, 64, 47, 0, 0, 10, 0, 0, 1,
		10, 0, 0, 2,		    /* IPv4 */
		0x20, 0, 8, 0, 0, 0, 0, 5}; /* with a key */
	struct packet p = hop(0, 1, 2);
	uint8_t wrapped[256];
	struct signature s;

	memcpy(wrapped, outer, sizeof(outer));
	memcpy(wrapped + sizeof(outer), p.bytes, p.n);
	s = signature_read(wrapped, (uint32_t)(sizeof(outer) + p.n), DLT_RAW);
	CHECK(s.whole == sign(&p).whole);
	memcpy(wrapped, gre, sizeof(gre));
	memcpy(wrapped + sizeof(gre), echo, sizeof(echo));
	s = signature_read(wrapped, sizeof(gre) + sizeof(echo), DLT_RAW);
	CHECK(s.whole == sign(&p).whole);
}

TEST(padding_of_short_frames_does_not_matter)
{
	struct packet p = hop(0, 1, 2), padded = p;

	padded.n += 2;
	padded.bytes[padded.n - 1] = 99;
	CHECK(sign(&p).whole == sign(&padded).whole);
}

TEST(any_cut_of_a_packet_has_a_signature_and_reads_nothing_beyond)
{
	struct packet p = hop(0, 1, 2);

	for (uint32_t n = 0; n <= p.n; n++) {
		uint8_t exact[sizeof(p.bytes)];

		memcpy(exact, p.bytes, n);
		signature_read(exact, n, DLT_EN10MB);
		signature_read(exact, n, DLT_RAW);
	}
}

/* Many packets under way at once, each seen on three devices. */
TEST(numbers_do_not_mix_in_a_crowd)
{
	enum { N = 5000, APART = 50 };
	static uint64_t id[N];
	struct identity *t = identity_new();

	for (uint32_t step = 0; step < N + 2 * APART; step++) {
		for (uint32_t at = 0; at < 3; at++) {
			uint32_t k = step - at * APART;
			struct packet p = hop((uint8_t)(at == 2), 1, 2);
			uint64_t got;

			if (step < at * APART || k >= N)
				continue;
			p.bytes[14 + 4] = (uint8_t)(k >> 8);
			p.bytes[14 + 5] = (uint8_t)k;
			got = see(t, step, at ? NODE_R : NODE_A, at + 1, at != 1, &p);
			if (at == 0)
				id[k] = got;
			CHECK(got == id[k]);
		}
	}
	for (uint32_t i = 1; i < N; i++)
		CHECK(id[i] != id[i - 1]);
	identity_free(t);
}
