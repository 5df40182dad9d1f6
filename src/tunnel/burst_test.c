/* What a sends to b, before b gets it: the runs in the list of journey_test.h. */
#include "journey_test.h"

enum { ALL = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP, MOST = UDP_RUN_DATAGRAMS };

static struct side a, b;
static uint8_t frame[FRAME_ROOM];

/* Datagrams of a program that go in one frame, `size` bytes of payload each. */
static void send_datagrams(struct made m, uint16_t size)
{
	struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.gso_size = size,
		.csum_start = m.version == 4 ? 20 : 40,
		.csum_offset = 6};

	stack_write(&a, &vnet, frame, make_packet(frame, &m));
}

TEST(a_run_is_as_large_as_the_kernel_takes_and_no_larger)
{
	static const struct {
		uint16_t size;
		uint32_t count, runs[3];
	} table[] = {
		{20, 150, {MOST, MOST, 22}},
		{1392, 47, {45, 2}}, /* of 1452 bytes, sealed */
		{32693, 2, {2}},     /* of 32753: one byte less than there may be */
		{32694, 2, {1, 1}},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct made m = {4, IPPROTO_UDP, .payload = table[i].size * table[i].count};
		struct wire_run *r;

		sides_open(&a, &b, ALL);
		send_datagrams(m, table[i].size);
		CHECK(!outbound_burst(&a.outbound, 0, clock_now()));
		for (int k = 0; k < 3 && table[i].runs[k]; k++) {
			r = wire_take();
			CHECK(r && r->length == r->size * table[i].runs[k]);
			free(r);
		}
		CHECK(!wire_take());
		side_close(&a);
		side_close(&b);
	}
}

/* The congestion bits of what is in a datagram of a's. */
static uint8_t mark_inside(uint8_t *at, uint32_t length)
{
	struct wire_data *d = (void *)at;
	struct aead_job job = {.key = a.session->send_key,
		.counter = le64_get(d->counter),
		.data = d->sealed,
		.length = length - WIRE_DATA_LEAST};
	struct packet p;

	aead_open(a.aead, &job, 1);
	CHECK(job.authentic && packet_parse(&p, job.data, job.length));
	return packet_ecn(&p);
}

TEST(each_datagram_of_a_run_has_the_congestion_mark_of_its_packet)
{
	unsigned sent = 0, seen = 0;
	struct wire_run *r;

	sides_open(&a, &b, ALL);
	for (int i = 0; i < 60; i++) {
		uint32_t count = 1 + (uint32_t)dice(5);

		send_datagrams((struct made){dice(2) ? 4 : 6, IPPROTO_UDP, .ecn = (uint8_t)dice(4),
				       .payload = 200 * count},
			200);
		sent += count;
	}
	CHECK(!outbound_burst(&a.outbound, 0, clock_now()));
	for (; (r = wire_take()); free(r)) {
		for (uint32_t at = 0; at < r->length; at += r->size, seen++) {
			uint32_t rest = r->length - at;

			CHECK(mark_inside(r->at + at, rest < r->size ? rest : r->size) == r->ecn);
		}
	}
	CHECK(seen == sent);
	side_close(&a);
	side_close(&b);
}
