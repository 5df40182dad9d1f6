#include <netinet/ip.h>
#include <stdlib.h>

#include "cut.h"
#include "join.h"
#include "join_test.h"
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

/* What is joined. */
enum { KINDS = 4 };
static const struct made kinds[KINDS] = {
	{4, IPPROTO_TCP, .host = 1, .flags = TCP_ACK, .options = 12, .payload = 1000},
	{6, IPPROTO_TCP, .host = 1, .flags = TCP_ACK, .options = 12, .payload = 1000},
	{4, IPPROTO_UDP, .host = 1, .payload = 1000},
	{6, IPPROTO_UDP, .host = 1, .payload = 1000},
};

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
		unsigned k = 0, count = join.frames[i].count;

		CHECK(count <= JOIN_MOST && join.frames[i].length <= CUT_FRAME_MOST);
		join_frame(&join, i, &w);
		length = flatten(&w, frame);
		if (count > 1)
			CHECK_TEXT(superframe_fault(&w.vnet, frame, length, count), "");
		CHECK(cut_begin(&c, &w.vnet, frame, length) == DROP_NONE);
		CHECK(cut_count(&c) == count);
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

/* n packets that follow each other, and nothing else; what is written is checked. */
static void add_in_a_row(const struct made *first, unsigned n)
{
	static struct stream flows[FLOWS];
	struct stream *s = &flows[first->host];
	struct made m = *first;

	*s = (struct stream){0};
	begin(ALL);
	for (unsigned i = 0; i < n; i++) {
		add(i, &m);
		s->order[s->added++] = i;
		m.sequence += m.payload;
		m.id = (uint16_t)(m.id + (m.id ? 1 : 0));
	}
	check_frames(flows, n);
}

TEST(packets_that_follow_each_other_become_one_frame)
{
	for (int kind = 0; kind < KINDS; kind++) {
		for (uint16_t id = 0; id <= 100; id += 100) { /* of IPv4: with DF, and without */
			struct made m = kinds[kind];

			m.id = id;
			add_in_a_row(&m, 10);
			CHECK(join.frame_count == 1 && join.frames[0].count == 10);
		}
	}
}

TEST(no_frame_has_more_packets_or_bytes_than_may_be)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct made m = kinds[kind];

		m.payload = 20;
		add_in_a_row(&m, 200);
		CHECK(join.frame_count == 4 && join.frames[0].count == JOIN_MOST);
		m.payload = 1400; /* 46 of them are less than 64 KiB */
		add_in_a_row(&m, 60);
		CHECK(join.frame_count == 2 && join.frames[0].count == 46);
	}
}

TEST(a_frame_may_be_as_long_as_a_packet_can_be_and_not_a_byte_more)
{
	for (uint32_t more = 0; more < 2; more++) {
		struct made m = data;

		m.payload = 1400;
		add_in_a_row(&m, 46);
		m.sequence = 46 * m.payload;
		m.payload = CUT_FRAME_MOST - 40 - m.sequence + more;
		add(46, &m);
		CHECK(join.frame_count == 1 + more);
		CHECK(more || join.frames[0].length == CUT_FRAME_MOST);
	}
}

/* --- what differs -------------------------------------------------------- */

enum { FIRST = 1, SECOND = 2, BOTH = FIRST | SECOND }; /* of two packets */
enum { IP, L4 };				       /* headers */
enum { RIGHT, WRONG, NONE };			       /* checksums, in the end */

/* A reason not to join two packets: some bits of a byte of a header.  Or, where it tells flows
 * apart, two bytes: changed so that the flows still share a slot, as it is there that they are
 * compared. */
struct difference {
	const char *what;
	int version, protocol; /* 0: any */
	int of, header;
	uint8_t at, bits;
	bool flow;
	int checksums;
	uint16_t id; /* 0: with DF */
};

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP };

static const struct difference differences[] = {
	{"TOS", 4, 0, SECOND, IP, 1, .bits = 0x04},
	{"IPv4 congestion mark", 4, 0, SECOND, IP, 1, .bits = ECN_CE},
	{"DF of the second", 4, 0, SECOND, IP, 6, .bits = 0x40},
	{"no DF on the second", 4, 0, SECOND, IP, 6, .bits = 0x40, .id = 100},
	{"the same id again", 4, 0, SECOND, IP, 5, .bits = 100 ^ 101, .id = 100},
	{"an id left out", 4, 0, SECOND, IP, 5, .bits = 101 ^ 102, .id = 100},
	{"reserved bit of the fragment field", 4, 0, SECOND, IP, 6, .bits = 0x80},
	{"first fragments", 4, 0, BOTH, IP, 6, .bits = 0x20},
	{"later fragments", 4, 0, BOTH, IP, 7, .bits = 0x01},
	{"TTL", 4, 0, SECOND, IP, 8, .bits = 0x01},
	{"IPv4 checksum of the first", 4, 0, FIRST, IP, 10, .bits = 0x01, .checksums = WRONG},
	{"IPv4 checksum of the second", 4, 0, SECOND, IP, 10, .bits = 0x01, .checksums = WRONG},
	{"IPv4 source", 4, 0, SECOND, IP, 14, .flow = true},
	{"IPv4 destination", 4, 0, SECOND, IP, 18, .flow = true},

	{"traffic class", 6, 0, SECOND, IP, 0, .bits = 0x01},
	{"IPv6 congestion mark", 6, 0, SECOND, IP, 1, .bits = ECN_CE << 4},
	{"flow label", 6, 0, SECOND, IP, 3, .bits = 0x01},
	{"hop limit", 6, 0, SECOND, IP, 7, .bits = 0x01},
	{"IPv6 source", 6, 0, SECOND, IP, 8 + 14, .flow = true},
	{"IPv6 destination", 6, 0, SECOND, IP, 24 + 14, .flow = true},

	{"source port", 0, 0, SECOND, L4, 0, .flow = true},
	{"destination port", 0, 0, SECOND, L4, 2, .flow = true},
	{"checksum of the first", 0, 0, FIRST, L4, 99, .bits = 0x01, .checksums = WRONG},
	{"checksum of the second", 0, 0, SECOND, L4, 99, .bits = 0x01, .checksums = WRONG},

	{"a gap in the sequence", 0, TCP, SECOND, L4, 7, .bits = 0x01},
	{"a sequence far away", 0, TCP, SECOND, L4, 4, .bits = 0x80},
	{"ack", 0, TCP, SECOND, L4, 11, .bits = 0x01},
	{"ack, in its first byte", 0, TCP, SECOND, L4, 8, .bits = 0x80},
	{"a longer header", 0, TCP, SECOND, L4, 12, .bits = 0x10},
	{"a reserved bit", 0, TCP, SECOND, L4, 12, .bits = 0x01},
	{"FIN", 0, TCP, BOTH, L4, 13, .bits = TCP_FIN},
	{"SYN", 0, TCP, BOTH, L4, 13, .bits = TCP_SYN},
	{"RST", 0, TCP, BOTH, L4, 13, .bits = TCP_RST},
	{"no ACK", 0, TCP, BOTH, L4, 13, .bits = TCP_ACK},
	{"URG", 0, TCP, BOTH, L4, 13, .bits = TCP_URG},
	{"ECE", 0, TCP, BOTH, L4, 13, .bits = TCP_ECE},
	{"CWR", 0, TCP, BOTH, L4, 13, .bits = TCP_CWR},
	{"FIN on the second", 0, TCP, SECOND, L4, 13, .bits = TCP_FIN},
	{"CWR on the first", 0, TCP, FIRST, L4, 13, .bits = TCP_CWR},
	{"window", 0, TCP, SECOND, L4, 15, .bits = 0x01},
	{"urgent pointer", 0, TCP, SECOND, L4, 19, .bits = 0x01},
	{"first byte of the options", 0, TCP, SECOND, L4, 20, .bits = 0x01},
	{"last byte of the options", 0, TCP, SECOND, L4, 31, .bits = 0x01},

	{"UDP length of the first", 0, UDP, FIRST, L4, 5, .bits = 0x01},
	{"UDP length of the second", 0, UDP, SECOND, L4, 5, .bits = 0x01},
	{"no checksum on the first", 0, UDP, FIRST, .checksums = NONE},
	{"no checksum on the second", 0, UDP, SECOND, .checksums = NONE},
	{"no checksums", 0, UDP, BOTH, .checksums = NONE},
};

/* Another flow of the same slot. */
static void change_flow(const struct packet *p, uint8_t *field)
{
	uint8_t slot = join_slot(p), high = field[0], low = field[1];

	for (unsigned bits = 1; bits <= UINT16_MAX; bits++) {
		field[0] = (uint8_t)(high ^ bits >> 8);
		field[1] = (uint8_t)(low ^ bits);
		if (join_slot(p) == slot)
			return;
	}
	CHECK(join_slot(p) == slot);
}

static void change(const struct packet *p, const struct difference *d)
{
	uint8_t *header = p->at + (d->header == L4 ? p->l4 : 0);
	uint8_t *check = p->at + p->l4 + (p->protocol == IPPROTO_TCP ? 16 : 6);
	uint32_t n = p->length - p->l4;
	uint16_t right;

	if (d->flow)
		change_flow(p, header + d->at);
	header[d->at] ^= d->bits;
	if (d->checksums == WRONG)
		return;
	if (p->version == 4)
		packet_finish_ip4(p->at);
	memset(check, 0, sizeof(right));
	right = checksum_fold(checksum_add(packet_pseudo(p, n), p->at + p->l4, n));
	if (d->checksums == RIGHT)
		memcpy(check, &right, sizeof(right));
}

/* Two packets of a kind, of which those named by `of` are changed; returns how many frames they
 * are. */
static unsigned join_two(const struct difference *d, const struct made *kind, int of)
{
	struct made m = *kind;

	m.id = d->id;
	begin(ALL);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t n = make_packet(bytes[i], &m);
		struct packet p;

		CHECK(packet_parse(&p, bytes[i], n) && p.whole);
		if (of & 1 << i)
			change(&p, d);
		CHECK(packet_parse(&p, bytes[i], n) && join_add(&join, &p, &join));
		m.sequence += m.payload;
		m.id = (uint16_t)(m.id + (m.id ? 1 : 0));
	}
	return join.frame_count;
}

TEST(what_differs_is_not_joined)
{
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		const struct difference *d = &differences[i];

		for (const struct made *m = kinds; m < kinds + KINDS; m++) {
			if ((d->version && d->version != m->version) ||
				(d->protocol && d->protocol != m->protocol))
				continue;
			CHECK(join_two(d, m, 0) == 1);
			CHECK_TEXT(join_two(d, m, d->of) == 2 ? "" : d->what, "");
		}
	}
}

/* Between IP and transport header: options of IPv4, or an extension header of IPv6.  Its bytes are
 * right as a fragment header (the first) and as options (which only pad).  Returns the length. */
static uint32_t insert(uint8_t *at, uint32_t n, uint8_t kind)
{
	static const uint8_t extension[] = {0, 0, 0, 1, 0, 0, 0, 0};
	bool four = at[0] >> 4 == 4;
	uint32_t l4 = four ? 20 : 40, more = four ? 4 : sizeof(extension);

	memmove(at + l4 + more, at + l4, n - l4);
	if (four) {
		at[0] = 0x46;
		memset(at + l4, IPOPT_NOP, more);
	} else {
		memcpy(at + l4, extension, more);
		at[l4] = at[6];
		at[6] = kind;
	}
	packet_set_length(&(struct packet){.at = at, .version = four ? 4 : 6}, n + more);
	return n + more;
}

TEST(what_has_ip_options_or_extension_headers_is_not_joined)
{
	static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT};

	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t k = 0; k < sizeof(extensions); k++) {
			struct made m = kinds[kind];

			begin(ALL);
			for (unsigned i = 0; i < 2; i++) {
				uint32_t n = make_packet(bytes[i], &m);
				struct packet p;

				n = insert(bytes[i], n, extensions[k]);
				CHECK(packet_parse(&p, bytes[i], n) && join_add(&join, &p, &join));
				CHECK(p.version == 6 || packet_check_is_right(&p));
				m.sequence += m.payload;
			}
			CHECK(join.frame_count == 2);
		}
	}
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
