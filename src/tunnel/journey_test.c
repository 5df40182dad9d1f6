#include <stdio.h>

#include "journey_test.h"
#include "log_test.h"

enum { ALL = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP, FLOWS = 5 };

static struct side a, b;
static uint8_t frame[FRAME_ROOM], packet[FRAME_ROOM];

static uint64_t dropped(const struct side *s, enum drop why)
{
	return drop_read(&s->device.drops, why) + drop_read(&s->peer->drops, why);
}

static uint64_t all_drops(const struct side *s)
{
	return drops_total(&s->device.drops) + drops_total(&s->peer->drops);
}

/* What the stack of `to` got: packets of each flow, counted and checked to be in order. */
struct seen {
	uint32_t next[FLOWS]; /* sequence, in bytes of payload */
	unsigned frames, packets;
};

static void look(const struct side *to, struct seen *seen)
{
	struct virtio_net_hdr vnet;
	ssize_t n;

	while ((n = stack_read(to, &vnet, frame)) > 0) {
		struct cut c;

		seen->frames++;
		CHECK(cut_begin(&c, &vnet, frame, (size_t)n) == DROP_NONE);
		for (; cut_count(&c); seen->packets++) {
			uint32_t length = cut_next(&c, packet), sequence;
			struct packet p;
			unsigned flow;

			CHECK(packet_parse(&p, packet, length) && packet_check_is_right(&p));
			flow = packet[p.version == 4 ? 15 : 23];
			CHECK(flow < FLOWS);
			/* The payload follows from its place in the flow: TCP says which, UDP
			 * carries it. */
			sequence = be32_get(
				((const struct tcp *)(const void *)(p.at + p.l4))->sequence);
			if (p.protocol == IPPROTO_UDP)
				memcpy(&sequence, p.at + p.payload, 4);
			CHECK(sequence == seen->next[flow]);
			seen->next[flow] += p.length - p.payload;
		}
	}
}

/* A frame of a flow, one packet or many, as the stack would send it. */
static void send_flow(const struct side *from, unsigned flow, uint32_t *sequence, bool large)
{
	bool tcp = flow % 2;
	struct made m = {flow % 3 ? 4 : 6, tcp ? IPPROTO_TCP : IPPROTO_UDP, .host = (uint8_t)flow,
		.flags = TCP_ACK, .sequence = *sequence, .options = tcp ? 12 : 0,
		.payload = 8 + (uint32_t)dice(1300)};
	struct virtio_net_hdr vnet = {0};
	struct packet p;
	uint32_t n;

	if (large && tcp)
		m.payload = 2000 + (uint32_t)dice(60000);
	n = make_packet(frame, &m);
	CHECK(packet_parse(&p, frame, n));
	if (!tcp) {
		uint16_t check = 0;

		memcpy(frame + p.payload, sequence, 4);
		memset(frame + p.l4 + 6, 0, 2);
		check = checksum_fold(
			checksum_add(packet_pseudo(&p, n - p.l4), frame + p.l4, n - p.l4));
		memcpy(frame + p.l4 + 6, &check, 2);
	}
	if (m.payload > 1380)
		vnet = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = m.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
						   : VIRTIO_NET_HDR_GSO_TCPV6,
			.gso_size = 1348,
			.csum_start = p.l4,
			.csum_offset = 16};
	stack_write(from, &vnet, frame, n);
	*sequence += m.payload;
}

static void random_traffic(unsigned offload, bool large)
{
	uint32_t sent[FLOWS] = {0};
	struct seen seen = {0};

	sides_open(&a, &b, offload);
	for (int round = 0; round < 60; round++) {
		for (uint64_t n = 1 + dice(large ? 8 : 70); n; n--) {
			unsigned flow = (unsigned)dice(FLOWS);

			send_flow(&a, flow, &sent[flow], large && dice(2));
		}
		carry(&a, &b);
		look(&b, &seen);
	}
	CHECK(!memcmp(sent, seen.next, sizeof(sent)));
	CHECK(!all_drops(&a) && !all_drops(&b));
	CHECK(offload ? seen.frames < seen.packets : seen.frames == seen.packets);
	CHECK(atomic_load(&a.peer->tx_bytes) == atomic_load(&b.peer->rx_bytes));
	side_close(&a);
	side_close(&b);
}

TEST(big_and_small_frames_of_many_flows_arrive_whole_and_in_order)
{
	random_traffic(ALL, true);
}

TEST(small_packets_of_many_flows_arrive_whole_and_in_order)
{
	random_traffic(ALL, false);
}

TEST(without_offload_they_arrive_too)
{
	random_traffic(0, true);
}

/* Four packets as one frame do not fit into the socket's buffer, which is refused as by a kernel
 * that does not know their kind; one after the other they do. */
TEST(a_device_that_refuses_superframes_gets_their_packets)
{
	struct made m = {4, IPPROTO_TCP, .host = 1, .flags = TCP_ACK, .payload = 4 * 7800};
	struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = 7800,
		.csum_start = 20,
		.csum_offset = 16};
	struct seen seen = {0};

	sides_open(&a, &b, ALL);
	setsockopt(b.tun.queue[0], SOL_SOCKET, SO_SNDBUF, &(int){14000}, sizeof(int)); /* twice */
	for (unsigned i = 1; i <= 2; i++) {
		stack_write(&a, &vnet, frame, make_packet(frame, &m));
		carry(&a, &b);
		look(&b, &seen);
		CHECK(!(b.tun.joins & JOIN_TCP4) && b.tun.joins & JOIN_UDP);
		m.sequence += m.payload;
		CHECK(seen.next[1] == m.sequence && seen.packets == 4 * i);
	}
	CHECK(seen.frames == seen.packets && !all_drops(&b));
	side_close(&a);
	side_close(&b);
}

/* A kernel that sends no runs. */
static int sendmmsg_without_runs(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *m = &messages[i].msg_hdr;

		for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
			if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_SEGMENT)
				continue;
			errno = EIO;
			return i ? (int)i : -1;
		}
		wire_put(m);
	}
	return (int)n;
}

TEST(a_kernel_that_refuses_runs_gets_datagrams_and_the_log_says_so_once)
{
	static const struct udp_calls calls = {sendmmsg_without_runs, wire_wait};
	uint32_t sent[FLOWS] = {0};
	struct seen seen = {0};

	sides_open(&a, &b, ALL);
	snprintf(a.tun.name, sizeof(a.tun.name), "t0");
	udp_sender_free(a.outbound.burst.sender);
	a.outbound.burst.sender = udp_sender_new(&calls);
	log_catch();
	for (int round = 0; round < 10; round++) {
		send_flow(&a, 1, &sent[1], true);
		carry(&a, &b);
		look(&b, &seen);
	}
	CHECK_TEXT(log_caught(), "the kernel refuses runs of datagrams (UDP_SEGMENT): from now "
				 "on one by one\n");
	CHECK(atomic_load(&a.out.one_by_one) && !atomic_load(&b.out.one_by_one));
	CHECK(!memcmp(sent, seen.next, sizeof(sent)));
	CHECK(!all_drops(&a) && !all_drops(&b));
	side_close(&a);
	side_close(&b);
}

static void send_one(const struct side *from, const struct made *m)
{
	struct virtio_net_hdr vnet = {0};

	stack_write(from, &vnet, frame, make_packet(frame, m));
}

static const struct made one = {4, IPPROTO_UDP, .host = 1, .payload = 100};

TEST(a_destination_that_is_nobodys_is_answered_and_counted)
{
	struct virtio_net_hdr vnet;
	struct packet p;
	ssize_t n;

	sides_open(&a, &b, ALL);
	device_disallow_all(&a.device, a.peer);
	send_one(&a, &one);
	carry(&a, &b);
	CHECK(dropped(&a, DROP_NO_PEER) == 1 && all_drops(&a) == 1);
	n = stack_read(&a, &vnet, frame);
	CHECK(n > 0 && packet_parse(&p, frame, (size_t)n));
	CHECK(p.protocol == IPPROTO_ICMP && frame[20] == 3 && frame[21] == 1);
	side_close(&a);
	side_close(&b);
}

TEST(a_source_outside_the_peers_prefixes_is_not_let_in)
{
	sides_open(&a, &b, ALL);
	device_disallow_all(&b.device, b.peer);
	side_allow(&b, "10.0.0.0/32"); /* not 10.0.0.1 */
	send_one(&a, &one);
	carry(&a, &b);
	CHECK(dropped(&b, DROP_SOURCE_NOT_ALLOWED) == 1 && all_drops(&b) == 1);
	side_close(&a);
	side_close(&b);
}

/* The mistake that others made: a peer that may use 10.0.0.0/8 must not use what is another's. */
TEST(a_source_in_another_peers_longer_prefix_is_not_let_in)
{
	uint8_t key[WIRE_KEY] = {9, 77};
	struct peer *other;
	struct prefix p;

	sides_open(&a, &b, ALL);
	CHECK(!device_add(&b.device, key, &other));
	CHECK(prefix_parse(&p, "10.0.0.1/32", true));
	CHECK(!device_allow(&b.device, other, &p, NULL));
	send_one(&a, &one);
	carry(&a, &b);
	CHECK(dropped(&b, DROP_SOURCE_NOT_ALLOWED) == 1);
	side_close(&a);
	side_close(&b);
}

TEST(packets_wait_for_a_session_and_then_go_before_newer_ones)
{
	uint32_t sent[FLOWS] = {0};
	struct seen seen = {0};

	side_open(&a, 1, ALL);
	side_open(&b, 2, ALL);
	side_knows(&a, &b);
	side_allow(&a, "0.0.0.0/0");
	side_allow(&b, "0.0.0.0/0");
	for (int i = 0; i < 20; i++)
		send_flow(&a, 1, &sent[1], false);
	carry(&a, &b);
	CHECK(staging_pending(a.peer) && a.wanted && !all_drops(&a));
	side_session(&a, 100, 200, 1, 2);
	side_session(&b, 200, 100, 2, 1);
	CHECK(staging_ready(&a.out.staging, a.peer));
	for (int i = 0; i < 20; i++)
		send_flow(&a, 1, &sent[1], i % 2);
	carry(&a, &b);
	outbound_flush(&a.outbound, clock_now());
	carry(&a, &b);
	look(&b, &seen);
	CHECK(seen.next[1] == sent[1] && !all_drops(&a) && !all_drops(&b));
	CHECK(!staging_pending(a.peer));
	side_close(&a);
	side_close(&b);
}

TEST(what_waits_is_sent_when_control_says_so_without_any_new_packet)
{
	struct seen seen = {0};
	uint32_t sent = 0;

	side_open(&a, 1, ALL);
	side_open(&b, 2, ALL);
	side_knows(&a, &b);
	side_allow(&a, "0.0.0.0/0");
	side_allow(&b, "0.0.0.0/0");
	send_flow(&a, 1, &sent, false);
	carry(&a, &b);
	side_session(&a, 100, 200, 1, 2);
	side_session(&b, 200, 100, 2, 1);
	CHECK(staging_ready(&a.out.staging, a.peer));
	outbound_flush(&a.outbound, clock_now());
	carry(&a, &b);
	look(&b, &seen);
	CHECK(seen.next[1] == sent);
	side_close(&a);
	side_close(&b);
}

TEST(of_200_packets_that_wait_the_oldest_72_are_lost)
{
	uint32_t sent = 0;

	side_open(&a, 1, ALL);
	side_open(&b, 2, ALL);
	side_knows(&a, &b);
	side_allow(&a, "0.0.0.0/0");
	for (int i = 0; i < 200; i++) {
		send_flow(&a, 1, &sent, false);
		outbound_burst(&a.outbound, 0, clock_now());
	}
	CHECK(dropped(&a, DROP_STAGING_FULL) == 72 && all_drops(&a) == 72);
	side_close(&a);
	side_close(&b);
}

TEST(a_peer_without_an_endpoint_is_a_reason_of_its_own)
{
	side_open(&a, 1, ALL);
	side_allow(&a, "0.0.0.0/0");
	send_one(&a, &one);
	outbound_burst(&a.outbound, 0, clock_now());
	CHECK(dropped(&a, DROP_NO_ENDPOINT) == 1 && !staging_pending(a.peer));
	side_close(&a);
}

TEST(the_answer_to_the_first_packet_of_a_new_session_goes_under_that_one)
{
	struct session *next;

	sides_open(&a, &b, ALL);
	next = session_new(); /* b as responder, before control has heard of anything */
	next->index = (struct index_entry){201, INDEX_SESSION};
	next->remote = 101;
	next->born = clock_now();
	next->peer = b.peer;
	memset(next->receive_key, 7, WIRE_KEY);
	CHECK(!index_add(&b.device.index, &next->index, &b.device.quiet));
	peer_install(b.peer, next);
	CHECK(peer_session(b.peer, clock_now()) == b.session);
	side_session(&a, 101, 201, 7, 8);
	send_one(&a, &one);
	carry(&a, &b);
	CHECK(peer_session(b.peer, clock_now()) == next);
	side_close(&a);
	side_close(&b);
}

/* Datagrams that a sends are caught, changed and handed to b. */
static uint32_t caught(uint8_t *datagram)
{
	struct wire_run *r;
	uint32_t n;

	outbound_burst(&a.outbound, 0, clock_now());
	r = wire_take();
	CHECK(r);
	n = r->length;
	memcpy(datagram, r->at, n);
	free(r);
	return n;
}

static void hand(uint8_t *at, uint32_t length, uint32_t size, uint8_t ecn)
{
	struct udp_bundle bundle = {.at = at, .length = length, .size = size, .ecn = ecn};

	bundle.from.remote.v4.sin_family = AF_INET;
	bundle.from.remote.v4.sin_port = 1;
	arrive(&b, &bundle);
}

TEST(a_datagram_is_accepted_once_and_only_as_it_was_sent)
{
	static uint8_t sent[65536], copy[65536];
	struct endpoint e;
	uint32_t n;

	sides_open(&a, &b, ALL);
	send_one(&a, &one);
	n = caught(sent);
	CHECK(n == 16 + 128 + 16); /* 128 bytes, a multiple of 16 already */
	for (uint32_t bit = 8 * 8; bit < 8 * n; bit += 5) {
		memcpy(copy, sent, n);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		hand(copy, n, n, 0);
	}
	CHECK(dropped(&b, DROP_NOT_AUTHENTIC) == all_drops(&b) && all_drops(&b) > 100);
	peer_endpoint(b.peer, &e);
	CHECK(e.remote.v4.sin_port == htons(udp_port(&a.udp))); /* no forgery moves it */
	memcpy(copy, sent, n);
	hand(copy, n, n, 0);
	CHECK(stack_read(&b, &(struct virtio_net_hdr){0}, frame) == 128);
	peer_endpoint(b.peer, &e);
	CHECK(e.remote.v4.sin_port == 1); /* what is authentic does */
	memcpy(copy, sent, n);
	hand(copy, n, n, 0);
	CHECK(dropped(&b, DROP_REPLAYED) == 1);
	CHECK(stack_read(&b, &(struct virtio_net_hdr){0}, frame) == -1);
	side_close(&a);
	side_close(&b);
}

TEST(coalesced_cut_off_and_oversized_datagrams_are_counted_one_by_one)
{
	static uint8_t bundle[65536], sent[65536];
	uint32_t n;

	sides_open(&a, &b, ALL);
	send_one(&a, &one);
	n = caught(sent);
	memcpy(bundle, sent, n);
	memcpy(bundle + n, sent, n);
	memcpy(bundle + 2 * n, sent, n);
	hand(bundle, 2 * n + 20, n, 0); /* one good, one replayed, one cut off */
	CHECK(dropped(&b, DROP_REPLAYED) == 1 && dropped(&b, DROP_NOT_A_MESSAGE) == 1);
	memset(bundle, 0, sizeof(bundle));
	hand(bundle, 65535, 1, 0);
	CHECK(dropped(&b, DROP_NOT_A_MESSAGE) == 1 + 65535);
	hand(bundle, 0, 0, 0);
	CHECK(dropped(&b, DROP_NOT_A_MESSAGE) == 2 + 65535);
	bundle[0] = 4; /* data for nobody, as large as can be */
	hand(bundle, 65535, 65535, 0);
	CHECK(dropped(&b, DROP_UNKNOWN_SESSION) == 1);
	hand(bundle, 65535, 32, 0);
	CHECK(dropped(&b, DROP_UNKNOWN_SESSION) == 2);
	side_close(&a);
	side_close(&b);
}

TEST(handshake_messages_reach_control_with_their_source)
{
	uint8_t initiation[148] = {1}, short_one[147] = {1};
	struct worker_handshake h;
	size_t waiting;

	sides_open(&a, &b, ALL);
	hand(initiation, 148, 148, 0);
	hand(short_one, 147, 147, 0);
	CHECK(ring_take(&b.handshakes, &h, &waiting) && !waiting && h.length == 148);
	CHECK(h.from.remote.v4.sin_port == 1);
	CHECK(!ring_take(&b.handshakes, &h, &waiting) && dropped(&b, DROP_NOT_A_MESSAGE) == 1);
	for (int i = 0; i < RING_PLACES + 5; i++)
		hand(initiation, 148, 148, 0);
	CHECK(dropped(&b, DROP_HANDSHAKE_FULL) == 5);
	side_close(&a);
	side_close(&b);
}

TEST(congestion_marks_cross_the_tunnel_both_ways)
{
	static uint8_t sent[65536];
	struct made m = one;
	uint32_t n;

	sides_open(&a, &b, ALL);
	m.ecn = ECN_CE;
	send_one(&a, &m);
	CHECK(carry(&a, &b) == ECN_CE);
	CHECK(stack_read(&b, &(struct virtio_net_hdr){0}, frame) > 0 && (frame[1] & 3) == ECN_CE);
	m.ecn = ECN_ECT0;
	send_one(&a, &m);
	n = caught(sent);
	hand(sent, n, n, ECN_CE);
	CHECK(stack_read(&b, &(struct virtio_net_hdr){0}, frame) > 0 && (frame[1] & 3) == ECN_CE);
	m.ecn = ECN_NOT_ECT;
	send_one(&a, &m);
	n = caught(sent);
	hand(sent, n, n, ECN_CE);
	CHECK(dropped(&b, DROP_ECN_INVALID) == 1 && all_drops(&b) == 1);
	side_close(&a);
	side_close(&b);
}

TEST(padding_is_to_a_multiple_of_16_but_not_above_the_mtu)
{
	static uint8_t sent[65536];
	struct made m = one;

	sides_open(&a, &b, ALL);
	for (m.payload = 1; m.payload <= 1392; m.payload += 13) {
		uint32_t inner = 28 + m.payload, up = (inner + 15) / 16 * 16;

		send_one(&a, &m);
		CHECK(caught(sent) == 32 + (up > 1420 ? 1420 : up));
	}
	m.payload = 8972; /* the MTU was lowered meanwhile */
	send_one(&a, &m);
	CHECK(caught(sent) == 32 + 9000);
	side_close(&a);
	side_close(&b);
}

TEST(an_expired_session_neither_sends_nor_accepts)
{
	static uint8_t sent[65536];
	uint32_t n;

	sides_open(&a, &b, ALL);
	send_one(&a, &one);
	n = caught(sent);
	b.session->born -= SESSION_REJECT_AFTER;
	hand(sent, n, n, 0);
	CHECK(dropped(&b, DROP_SESSION_EXPIRED) == 1);
	a.session->born -= SESSION_REJECT_AFTER;
	send_one(&a, &one);
	outbound_burst(&a.outbound, 0, clock_now());
	CHECK(staging_pending(a.peer) && a.wanted);
	side_close(&a);
	side_close(&b);
}

TEST(a_session_at_the_end_of_its_numbers_sends_nothing)
{
	sides_open(&a, &b, ALL);
	atomic_store(&a.session->counter, REPLAY_END - 1);
	send_one(&a, &one);
	send_one(&a, &one);
	outbound_burst(&a.outbound, 0, clock_now());
	CHECK(dropped(&a, DROP_SESSION_SPENT) == 2 && a.wanted);
	side_close(&a);
	side_close(&b);
}

TEST(what_is_no_packet_is_counted_and_goes_nowhere)
{
	struct virtio_net_hdr vnet = {.gso_type = 99, .gso_size = 3};

	sides_open(&a, &b, ALL);
	memset(frame, 0xff, 200);
	stack_write(&a, &vnet, frame, 200);
	make_packet(frame, &one);
	stack_write(&a, &vnet, frame, 128);
	carry(&a, &b);
	CHECK(dropped(&a, DROP_OUT_NOT_IP) == 1 && dropped(&a, DROP_OUT_FRAME) == 1);
	side_close(&a);
	side_close(&b);
}
