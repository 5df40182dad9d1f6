#include "base/clock.h"
#include "packet_test.h"
#include "unreachable.h"

static uint8_t in[2000], out[UNREACHABLE_MOST];

static uint32_t answer(const struct made *m)
{
	struct packet p;

	CHECK(packet_parse(&p, in, make_packet(in, m)));
	return unreachable_make(out, &p);
}

TEST(the_sender_learns_that_the_host_is_unreachable)
{
	struct packet p;
	uint32_t n = answer(&(struct made){4, IPPROTO_UDP, .host = 9, .payload = 1000});

	CHECK(n == 576 && packet_parse(&p, out, n) && p.protocol == IPPROTO_ICMP);
	CHECK(out[20] == 3 && out[21] == 1);
	CHECK(!memcmp(packet_source(&p), in + 16, 4) &&
		!memcmp(packet_destination(&p), in + 12, 4));
	CHECK(checksum_is_right(checksum_add(0, out, 20)));
	CHECK(checksum_is_right(checksum_add(0, out + 20, n - 20)));
	CHECK(!memcmp(out + 28, in, n - 28));
}

TEST(the_sender_learns_it_over_ipv6_too)
{
	struct packet p;
	uint32_t n = answer(&(struct made){6, IPPROTO_TCP, .host = 9, .payload = 1400});

	CHECK(n == 1280 && packet_parse(&p, out, n) && p.protocol == IPPROTO_ICMPV6);
	CHECK(out[40] == 1 && out[41] == 3);
	CHECK(checksum_is_right(checksum_add(packet_pseudo(&p, n - 40), out + 40, n - 40)));
	CHECK(!memcmp(out + 48, in, n - 48));
}

TEST(nothing_is_said_about_errors_multicast_and_later_fragments)
{
	struct packet p;

	make_packet(in, &(struct made){4, IPPROTO_ICMP, .payload = 0});
	answer(&(struct made){4, IPPROTO_ICMP, .payload = 20});
	CHECK(packet_parse(&p, in, 48));
	in[20] = 3; /* an error */
	CHECK(!unreachable_make(out, &p));
	in[20] = 8; /* an echo request */
	CHECK(unreachable_make(out, &p));
	in[20] = 0; /* an echo reply */
	CHECK(!unreachable_make(out, &p));
	in[20] = 8;
	in[7] = 9; /* a later fragment */
	CHECK(!unreachable_make(out, &p));
	in[7] = 0;
	in[16] = 224;
	CHECK(!unreachable_make(out, &p));
	in[16] = 255;
	CHECK(!unreachable_make(out, &p));
	in[16] = 10;
	in[12] = 0;
	CHECK(!unreachable_make(out, &p));

	answer(&(struct made){6, IPPROTO_ICMPV6, .payload = 20});
	CHECK(packet_parse(&p, in, 68));
	in[40] = 1;
	CHECK(!unreachable_make(out, &p));
	in[40] = 128;
	CHECK(unreachable_make(out, &p));
	in[24] = 0xff;
	CHECK(!unreachable_make(out, &p));
}

TEST(errors_are_limited_to_a_hundred_a_second_after_a_burst)
{
	struct unreachable_limit l = {0};
	int64_t now = 1000 * SECOND;
	int sent = 0;

	for (int i = 0; i < 1000; i++)
		sent += unreachable_may(&l, now);
	CHECK(sent == 50);
	for (int i = 0; i < 10000; i++)
		sent += unreachable_may(&l, now += MILLISECOND);
	CHECK(sent >= 1048 && sent <= 1052);
}
