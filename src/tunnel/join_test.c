#include <stdlib.h>

#include "cut.h"
#include "join.h"
#include "packet_test.h"

enum { FLOWS = 6, ROOM = 1600, ALL = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP };

static uint8_t bytes[JOIN_PACKETS][ROOM];
static struct join join;

static struct packet add(unsigned i, const struct made *m)
{
	struct packet p;

	CHECK(packet_parse(&p, bytes[i], make_packet(bytes[i], m)));
	CHECK(join_add(&join, &p, &join));
	return p;
}

static void begin(unsigned allowed)
{
	join = (struct join){.allowed = allowed};
}

/* Lay a write out as the device would see it; returns the length behind the vnet header. */
static uint32_t flatten(const struct join_write *w, uint8_t *to)
{
	uint32_t n = 0;

	CHECK(w->pieces[0].iov_base == &w->vnet && w->pieces[0].iov_len == sizeof(w->vnet));
	CHECK(w->count <= JOIN_PIECES);
	for (int i = 1; i < w->count; i++) {
		memcpy(to + n, w->pieces[i].iov_base, w->pieces[i].iov_len);
		n += (uint32_t)w->pieces[i].iov_len;
	}
	return n;
}

static const struct made data = {4, IPPROTO_TCP, .host = 1, .flags = TCP_ACK, .payload = 1000};

TEST(packets_that_follow_each_other_become_one_frame)
{
	begin(ALL);
	for (unsigned i = 0; i < 10; i++) {
		struct made m = data;

		m.sequence = 1000 * i;
		add(i, &m);
	}
	CHECK(join.frame_count == 1 && join.frames[0].count == 10);
}

/* Each of these, as the second packet, must begin a frame of its own. */
TEST(what_differs_is_not_joined)
{
	struct made m = data;

	m.sequence = 1000;
	for (int what = 0; what < 14; what++) {
		struct packet p;

		begin(ALL);
		add(0, &data);
		CHECK(packet_parse(&p, bytes[1], make_packet(bytes[1], &m)));
		switch (what) {
		case 0:
			bytes[1][1] ^= 4;
			break; /* TOS */
		case 1:
			bytes[1][8] ^= 1;
			break; /* TTL */
		case 2:
			bytes[1][6] ^= 0x40;
			break; /* DF */
		case 3:
			bytes[1][15] ^= 1;
			break; /* source */
		case 4:
			bytes[1][23] ^= 1;
			break; /* port */
		case 5:
			bytes[1][27] ^= 1;
			break; /* sequence */
		case 6:
			bytes[1][31] ^= 1;
			break; /* ack */
		case 7:
			bytes[1][33] |= TCP_ECE;
			break;
		case 8:
			bytes[1][33] |= TCP_FIN;
			break;
		case 9:
			bytes[1][34] ^= 1;
			break; /* window */
		case 12:
			bytes[1][39] ^= 1;
			break; /* urgent */
		case 13:
			bytes[1][32] ^= 1;
			break; /* reserved */
		case 10:
			bytes[1][99] ^= 1;
			break; /* payload: now the checksum is wrong */
		case 11:
			bytes[1][10] ^= 1;
			break; /* header checksum */
		}
		if (what != 10 &&
			what != 11) { /* right again, so that only the difference counts */
			uint16_t check = 0;

			packet_finish_ip4(bytes[1]);
			memset(bytes[1] + 36, 0, 2);
			check = checksum_fold(
				checksum_add(packet_pseudo(&p, 1020), bytes[1] + 20, 1020));
			memcpy(bytes[1] + 36, &check, 2);
		}
		CHECK(packet_parse(&p, bytes[1], 1040) && join_add(&join, &p, &join));
		CHECK(join.frame_count == 2);
	}
	begin(ALL);
	add(0, &data);
	add(1, &m);
	CHECK(join.frame_count == 1);
}

TEST(a_push_or_a_shorter_packet_ends_the_frame)
{
	struct made m = data;

	begin(ALL);
	m.flags |= TCP_PSH;
	add(0, &m);
	m.flags = TCP_ACK;
	m.sequence = 1000;
	add(1, &m);
	m.sequence = 2000;
	m.payload = 999;
	add(2, &m);
	m.sequence = 2999;
	add(3, &m);
	m.sequence = 3998;
	m.payload = 1000; /* longer than the first of its frame */
	add(4, &m);
	CHECK(join.frame_count == 4);
	CHECK(join.frames[1].count == 2);
}

TEST(an_acknowledgement_between_them_keeps_its_place)
{
	struct made m = data;

	begin(ALL);
	add(0, &m);
	m.sequence = 1000;
	m.payload = 0;
	add(1, &m);
	m.payload = 1000;
	add(2, &m);
	CHECK(join.frame_count == 3);
}

TEST(a_fragment_closes_every_frame)
{
	struct made m = {4, IPPROTO_UDP, .host = 3, .payload = 100}, f = m;
	struct packet p;

	begin(ALL);
	add(0, &m);
	f.id = 9;
	make_packet(bytes[1], &f);
	bytes[1][6] = 0x20;
	CHECK(packet_parse(&p, bytes[1], 128) && !p.whole);
	CHECK(join_add(&join, &p, &join));
	add(2, &m);
	CHECK(join.frame_count == 3);
}

TEST(packets_of_different_owners_are_not_joined)
{
	struct made m = data;
	struct packet p;

	begin(ALL);
	add(0, &m);
	m.sequence = 1000;
	CHECK(packet_parse(&p, bytes[1], make_packet(bytes[1], &m)));
	CHECK(join_add(&join, &p, bytes));
	CHECK(join.frame_count == 2);
}

TEST(what_the_device_does_not_take_is_not_joined)
{
	struct made m = data;

	begin(JOIN_TCP6 | JOIN_UDP);
	add(0, &m);
	m.sequence = 1000;
	add(1, &m);
	CHECK(join.frame_count == 2);
}

TEST(a_single_packet_is_marked_valid_only_when_it_is)
{
	struct join_write w;
	struct packet p;

	begin(ALL);
	add(0, &data);
	make_packet(bytes[1], &data);
	bytes[1][300] ^= 1;
	CHECK(packet_parse(&p, bytes[1], 1040) && join_add(&join, &p, &join));
	join_frame(&join, 0, &w);
	CHECK(w.vnet.flags == VIRTIO_NET_HDR_F_DATA_VALID && w.count == 2);
	join_frame(&join, 1, &w);
	CHECK(w.vnet.flags == 0 && w.vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE);
}

struct stream {
	struct made next;
	unsigned added, seen;
	unsigned order[JOIN_PACKETS]; /* which packets, as they were added */
};

/* The frames, cut again as the kernel would, must give every flow's packets in their order. */
static void check_frames(struct stream *flows, unsigned n)
{
	static uint8_t frame[65536], one[65536];
	unsigned packets = 0;

	for (unsigned i = 0; i < join.frame_count; i++) {
		struct join_write w;
		struct cut c;
		uint32_t length;
		unsigned k = 0;

		join_frame(&join, i, &w);
		length = flatten(&w, frame);
		CHECK(cut_begin(&c, &w.vnet, frame, length) == DROP_NONE);
		for (; cut_count(&c); k++, packets++) {
			struct stream *s;
			struct join_write alone;
			unsigned index;

			length = cut_next(&c, one);
			s = &flows[one[0] >> 4 == 4 ? one[15] : one[23]];
			CHECK(s->seen < s->added);
			index = s->order[s->seen++];
			if (one[0] >> 4 == 4 && one[6] & 0x40) { /* with DF ids mean nothing */
				memcpy(one + 4, bytes[index] + 4, 2);
				packet_finish_ip4(one);
			}
			CHECK(!memcmp(one, bytes[index], length));
			join_single(&join, i, k, &alone);
			CHECK(flatten(&alone, one) == length && !memcmp(one, bytes[index], length));
		}
	}
	CHECK(packets == n);
}

TEST(no_packet_of_any_flow_is_lost_changed_or_overtaken)
{
	for (int round = 0; round < 300; round++) {
		static struct stream flows[FLOWS];
		unsigned n = 1 + (unsigned)dice(JOIN_PACKETS), burst = 0, f = 0;

		begin(ALL);
		for (unsigned i = 0; i < FLOWS; i++) {
			flows[i] = (struct stream){
				.next = {i % 2 ? 4 : 6, i % 3 ? IPPROTO_TCP : IPPROTO_UDP,
					.host = (uint8_t)i, .flags = TCP_ACK,
					.payload = 1 + (uint32_t)dice(1300), .id = i == 1 ? 100 : 0,
					.options = i % 3 ? 12 : 0}};
		}
		for (unsigned i = 0; i < n; i++) {
			struct stream *s;
			struct made m;

			if (!burst--) {
				f = (unsigned)dice(FLOWS);
				burst = (unsigned)dice(20);
			}
			s = &flows[f];
			m = s->next;
			if (!dice(9))
				m.payload = (uint32_t)dice(m.payload + 1);
			if (!dice(9) && m.protocol == IPPROTO_TCP)
				m.flags |= (uint8_t)(1 << dice(8));
			add(i, &m);
			s->order[s->added++] = i;
			s->next.sequence += m.payload;
			s->next.id = (uint16_t)(s->next.id + (s->next.id ? 1 : 0));
		}
		CHECK(join.packets_held == n);
		check_frames(flows, n);
		join_clear(&join);
		CHECK(!join.packets_held && !join.frame_count);
	}
}

TEST(when_it_is_full_it_says_so)
{
	struct packet p;

	begin(ALL);
	for (unsigned i = 0; i < JOIN_PACKETS; i++)
		p = add(i, &data);
	CHECK(!join_add(&join, &p, NULL));
	join_clear(&join);
	CHECK(join_add(&join, &p, NULL));
}
