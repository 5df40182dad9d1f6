#include <stdlib.h>

#include "cut.h"
#include "packet_test.h"

static struct virtio_net_hdr header_of(const struct packet *p, uint16_t size)
{
	bool tcp = p->protocol == IPPROTO_TCP;

	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !tcp	      ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : p->version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
					      : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = 0xffff, /* not to be trusted */
		.gso_size = size,
		.csum_start = p->l4,
		.csum_offset = tcp ? 16 : 6,
	};
}

/* What the packets of a superframe must be: made one by one.  bits: more of gso_type. */
static void check_cut_of(struct made m, uint16_t size, uint8_t bits)
{
	static uint8_t frame[65536], got[65536], want[65536];
	uint32_t n = make_packet(frame, &m), payload = m.payload, at = 0, i = 0;
	struct virtio_net_hdr vnet;
	struct packet p;
	struct cut c;

	CHECK(packet_parse(&p, frame, n));
	vnet = header_of(&p, size);
	vnet.gso_type |= bits;
	CHECK(cut_begin(&c, &vnet, frame, n) == DROP_NONE);
	CHECK(cut_count(&c) == (payload + size - 1) / size);
	for (; cut_count(&c); i++) {
		struct made one = m;
		uint32_t length = cut_length(&c);

		one.payload = payload - at < size ? payload - at : size;
		one.id = (uint16_t)(m.id + i);
		one.sequence = m.sequence + at;
		one.flags = TCP_ACK;
		if (!i)
			one.flags |= m.flags & TCP_CWR;
		at += one.payload;
		if (at == payload)
			one.flags |= TCP_PSH | TCP_FIN;
		CHECK(make_packet(want, &one) == length);
		if (m.version == 4 && !one.id) { /* make_packet() takes id 0 for DF */
			want[6] = 0;
			packet_finish_ip4(want);
		}
		memset(got, 0xee, length + 1);
		CHECK(cut_next(&c, got) == length && got[length] == 0xee);
		CHECK(!memcmp(got, want, length));
	}
	CHECK(at == payload);
}

static void check_cut(int version, int protocol, uint32_t payload, uint16_t size, uint32_t options)
{
	check_cut_of((struct made){version, protocol, .host = 9, .id = 65530,
			     .sequence = 0xfffffff0, .options = options, .payload = payload,
			     .ecn = ECN_ECT0, .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR},
		size, 0);
}

TEST(a_superframe_is_cut_into_the_packets_it_stands_for)
{
	for (int version = 4; version <= 6; version += 2) {
		check_cut(version, IPPROTO_TCP, 60000, 1368, 12);
		check_cut(version, IPPROTO_TCP, 65000, 1380, 0);
		check_cut(version, IPPROTO_TCP, 1380, 1380, 0);
		check_cut(version, IPPROTO_TCP, 1381, 1380, 40);
		check_cut(version, IPPROTO_TCP, 3000, 48, 20);
		check_cut(version, IPPROTO_TCP, 40000, 8900, 12);
		check_cut(version, IPPROTO_UDP, 50000, 1300, 0);
		check_cut(version, IPPROTO_UDP, 64 * 128, 64, 0);
		check_cut(version, IPPROTO_UDP, 77, 7, 0);
	}
	for (int i = 0; i < 200; i++)
		check_cut(dice(2) ? 4 : 6, dice(2) ? IPPROTO_TCP : IPPROTO_UDP,
			1 + (uint32_t)dice(60000), (uint16_t)(20 + dice(9000)),
			4 * (uint32_t)dice(11));
}

/* The kernel marks the kind of a superframe with CWR. */
TEST(only_the_first_packet_says_that_the_congestion_window_was_reduced)
{
	for (int version = 4; version <= 6; version += 2) {
		struct made m = {version, IPPROTO_TCP, .host = 9, .id = 5, .payload = 9000,
			.ecn = ECN_ECT0, .flags = TCP_ACK | TCP_PSH | TCP_FIN};

		check_cut_of(m, 1380, 0);
		m.flags |= TCP_CWR;
		check_cut_of(m, 1380, VIRTIO_NET_HDR_GSO_ECN);
	}
}

TEST(a_checksum_that_the_kernel_left_to_us_is_completed)
{
	for (int i = 0; i < 300; i++) {
		uint8_t frame[2000], want[2000], got[2000];
		struct made m = {dice(2) ? 4 : 6, dice(2) ? IPPROTO_TCP : IPPROTO_UDP,
			.sequence = (uint32_t)dice(UINT32_MAX), .payload = (uint32_t)dice(1400)};
		uint32_t n = make_packet(want, &m);
		struct virtio_net_hdr vnet;
		struct packet p;
		struct cut c;
		uint16_t partial;

		CHECK(packet_parse(&p, want, n));
		vnet = header_of(&p, 0);
		vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		memcpy(frame, want, n);
		partial = checksum_reduce(packet_pseudo(&p, n - p.l4));
		memcpy(frame + vnet.csum_start + vnet.csum_offset, &partial, 2);
		CHECK(cut_begin(&c, &vnet, frame, n) == DROP_NONE);
		CHECK(cut_count(&c) == 1 && cut_length(&c) == n);
		CHECK(cut_next(&c, got) == n && !cut_count(&c));
		CHECK(!memcmp(got, want, n));
	}
}

TEST(behind_an_ipv6_extension_the_kernels_own_sum_is_used)
{
	static uint8_t frame[20000], got[2000], plain[20000];
	uint32_t n = make_packet(
		plain, &(struct made){6, IPPROTO_TCP, .payload = 9000, .flags = TCP_ACK});
	struct virtio_net_hdr vnet;
	struct packet p;
	struct cut c;
	uint16_t partial;

	CHECK(packet_parse(&p, plain, n));
	vnet = header_of(&p, 1400);
	partial = checksum_reduce(packet_pseudo(&p, n - 40));
	memcpy(frame, plain, 40); /* eight bytes of destination options between the headers */
	memcpy(frame + 40, (uint8_t[]){IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0}, 8);
	memcpy(frame + 48, plain + 40, n - 40);
	frame[6] = IPPROTO_DSTOPTS;
	packet_set_length(&(struct packet){.at = frame, .version = 6}, n + 8);
	vnet.csum_start = 48;
	memcpy(frame + 48 + 16, &partial, 2);
	CHECK(cut_begin(&c, &vnet, frame, n + 8) == DROP_NONE);
	CHECK(cut_count(&c) == 7);
	while (cut_count(&c)) {
		uint32_t length = cut_next(&c, got);

		memmove(got + 40, got + 48, length - 48); /* without the extension it must check */
		got[6] = IPPROTO_TCP;
		packet_set_length(&(struct packet){.at = got, .version = 6}, length - 8);
		CHECK(packet_parse(&p, got, length - 8) && p.whole && packet_check_is_right(&p));
	}
}

TEST(a_frame_that_contradicts_its_header_is_refused)
{
	uint8_t frame[3000];
	uint32_t n = make_packet(frame, &(struct made){4, IPPROTO_TCP, .payload = 2000});
	struct packet p;
	struct virtio_net_hdr good, v;
	struct cut c;

	CHECK(packet_parse(&p, frame, n));
	v = good = header_of(&p, 500);
	CHECK(cut_begin(&c, &v, frame, n) == DROP_NONE);
	CHECK(cut_begin(&c, &v, frame, n - 1) == DROP_OUT_NOT_IP);
	v.gso_size = 0;
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
	v = good;
	v.csum_start = (uint16_t)(n - 10);
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
	v.csum_start = 3;
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
	v = good;
	v.gso_type = VIRTIO_NET_HDR_GSO_UDP; /* fragments: never asked for */
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
	v = good;
	v.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	v.csum_offset = 65535;
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
	frame[20 + 12] = 0x10;
	v = good;
	CHECK(cut_begin(&c, &v, frame, n) == DROP_OUT_FRAME);
}
