/* Whole workers, two of them, joined by UDP over loopback:
 *
 *	stack a <==socketpair==> worker a <--UDP--> worker b <==socketpair==> stack b
 */
#include <poll.h>

#include "journey_test.h"
#include "tunnel/worker.h"

enum {
	ALL = JOIN_TCP4 | JOIN_TCP6 | JOIN_UDP,
	FLOWS = 8,
	BYTES = 6 << 20,
	AHEAD = 200000,
	QUEUES = 3,
};

static struct side a, b;
static uint8_t frame[FRAME_ROOM], packet[FRAME_ROOM];

/* One way through the tunnel. */
struct way {
	struct side *from, *to;
	int ends[QUEUES];		  /* the stack's, of the queues of from->tun */
	uint32_t sent[FLOWS], got[FLOWS]; /* bytes of payload of each flow */
	uint32_t all_sent, all_got;
	bool fragments; /* some of the datagrams over IPv4 are */
	bool wrong;
};

/* What comes in a flow behind `sequence` bytes of payload. */
static struct made packet_of(unsigned flow, uint32_t sequence, uint32_t payload)
{
	return (struct made){.version = flow % 2 ? 4 : 6,
		.protocol = flow % 4 < 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.host = (uint8_t)flow,
		.flags = TCP_ACK,
		.sequence = sequence,
		.payload = payload};
}

/* A packet, or more than one as a superframe, of some flow. */
static void send_some(struct way *w)
{
	unsigned flow = (unsigned)dice(FLOWS);
	struct made m = packet_of(flow, w->sent[flow],
		dice(3) ? 1 + (uint32_t)dice(1300) : 2000 + (uint32_t)dice(20000));
	struct virtio_net_hdr vnet = {0};
	struct iovec pieces[] = {{&vnet, sizeof(vnet)}, {frame, 0}};
	uint32_t n = make_packet(frame, &m);
	bool tcp = m.protocol == IPPROTO_TCP;

	if (m.payload > 1380) {
		vnet = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = !tcp	     ? VIRTIO_NET_HDR_GSO_UDP_L4
				    : m.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
						     : VIRTIO_NET_HDR_GSO_TCPV6,
			.gso_size = 1300,
			.csum_start = m.version == 4 ? 20 : 40,
			.csum_offset = tcp ? 16 : 6};
	} else if (w->fragments && m.version == 4 && !tcp && !dice(8)) {
		frame[6] = 0x20;
		packet_finish_ip4(frame);
	}
	pieces[1].iov_len = n;
	CHECK(writev(w->ends[flow % QUEUES], pieces, 2) == (ssize_t)(sizeof(vnet) + n));
	w->sent[flow] += m.payload;
	w->all_sent += m.payload;
}

/* Is it the next of its flow, with the payload that comes next? */
static bool is_next(struct way *w, const struct packet *p)
{
	static uint8_t want[FRAME_ROOM];
	unsigned flow = p->at[p->version == 4 ? 15 : 23];
	uint32_t header = p->l4 + (p->protocol == IPPROTO_TCP ? 20 : 8);
	struct made m = packet_of(flow, w->got[flow % FLOWS], p->length - header);

	if (flow >= FLOWS || !packet_check_is_right(p) || make_packet(want, &m) != p->length)
		return false;
	w->got[flow] += m.payload;
	w->all_got += m.payload;
	return !memcmp(p->at + header, want + header, m.payload) &&
	       (p->protocol == IPPROTO_UDP || !memcmp(p->at + p->l4 + 4, want + p->l4 + 4, 4));
}

/* Each packet is the next of its flow. */
static void take_all(struct way *w)
{
	struct virtio_net_hdr vnet;
	ssize_t n;

	while ((n = stack_read(w->to, &vnet, frame)) > 0) {
		struct cut c;

		w->wrong |= cut_begin(&c, &vnet, frame, (size_t)n) != DROP_NONE;
		while (!w->wrong && cut_count(&c)) {
			struct packet p;

			w->wrong |=
				!packet_parse(&p, packet, cut_next(&c, packet)) || !is_next(w, &p);
		}
	}
}

static bool is_over(const struct way *w)
{
	return w->wrong || (w->all_sent >= BYTES && w->all_got == w->all_sent);
}

/* More queues; each flow is in one, as the kernel does it (steer.h). */
static void add_queues(struct way *w)
{
	struct tun *tun = &w->from->tun;

	w->ends[0] = w->from->stack;
	while (tun->queues < QUEUES) {
		int pair[2];

		CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &(int){4 << 20}, sizeof(int));
		w->ends[tun->queues] = pair[1];
		tun->queue[tun->queues++] = pair[0];
	}
}

/* Traffic both ways at once, never so much under way that somebody's buffer overflows. */
static void carry_both_ways(const struct worker_options *options, bool fragments)
{
	struct worker *wa, *wb;
	struct way ways[2] = {{.from = &a, .to = &b, .fragments = fragments},
		{.from = &b, .to = &a, .fragments = fragments}};
	struct error e;
	int idle = 0;

	sides_open(&a, &b, ALL);
	add_queues(&ways[0]);
	add_queues(&ways[1]);
	CHECK(!worker_start(&wa, &a.device, &a.tun, &a.udp, options, &e));
	CHECK(!worker_start(&wb, &b.device, &b.tun, &b.udp, options, &e));
	while ((!is_over(&ways[0]) || !is_over(&ways[1])) && idle < 100) {
		struct pollfd ready[2] = {{a.stack, POLLIN, 0}, {b.stack, POLLIN, 0}};

		for (int i = 0; i < 2; i++)
			while (ways[i].all_sent < BYTES &&
				ways[i].all_sent - ways[i].all_got < AHEAD)
				send_some(&ways[i]);
		idle = poll(ready, 2, 100) > 0 ? 0 : idle + 1;
		take_all(&ways[0]);
		take_all(&ways[1]);
	}
	for (int i = 0; i < 2; i++) {
		CHECK(!ways[i].wrong);
		CHECK(ways[i].all_got == ways[i].all_sent);
		for (int q = 1; q < QUEUES; q++)
			close(ways[i].ends[q]);
	}
	worker_stop(wa);
	worker_stop(wb);
	side_close(&a);
	side_close(&b);
}

TEST(one_thread_carries_both_directions)
{
	carry_both_ways(&(struct worker_options){.threads = 1, .mtu = 1420}, false);
}

TEST(many_threads_carry_each_flow_in_order)
{
	carry_both_ways(&(struct worker_options){.threads = 2, .mtu = 1420}, false);
	carry_both_ways(&(struct worker_options){.threads = 7, .mtu = 1420}, false);
}

/* A fragment belongs to a flow that cannot be told: the packets behind it must wait for it. */
TEST(a_team_keeps_a_fragment_in_its_place)
{
	carry_both_ways(&(struct worker_options){.threads = 7, .mtu = 1420}, true);
}

/* By these rules everybody calls for help, and every helper leaves: at each look. */
TEST(threads_that_come_and_go_all_the_time_carry_each_flow_in_order)
{
	static const struct load_rules restless = {.window = 1, .few = 1000, .little = 1000};

	carry_both_ways(
		&(struct worker_options){.threads = 5, .mtu = 1420, .rules = &restless}, false);
}

TEST(by_the_load_as_many_as_there_are_processors_carry_each_flow_in_order)
{
	carry_both_ways(&(struct worker_options){.mtu = 1420}, false);
}
