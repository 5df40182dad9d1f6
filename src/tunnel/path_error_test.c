#include "tunnel/path_error.h"

#include <errno.h>
#include <string.h>

#include "test.h"

/* "port unreachable" from 10.33.0.1 about 10.32.0.11:51820 -> 10.33.0.1:7 */
static const uint8_t four[] = {
	0x45,
	0,
	0,
	56,
	0,
	0,
	0,
	0,
	64,
	1,
	0,
	0,
	10,
	33,
	0,
	1,
	10,
	32,
	0,
	11, /* IP */
	3,
	3,
	0,
	0,
	0,
	0,
	0,
	0, /* ICMP */
	0x45,
	0,
	0,
	176,
	0,
	0,
	0,
	0,
	64,
	17,
	0,
	0,
	10,
	32,
	0,
	11,
	10,
	33,
	0,
	1,
	0xca,
	0x6c,
	0,
	7,
	0,
	156,
	0,
	0,
};

static const uint8_t six[] = {
	1,
	0,
	0,
	0,
	0,
	0,
	0,
	0, /* ICMPv6: no route */
	0x60,
	0,
	0,
	0,
	0,
	156,
	17,
	64, /* IPv6 */
	0xfd,
	0,
	0,
	0x32,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	1, /* from */
	0xfd,
	0,
	0,
	0x33,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	2, /* to */
	0xca,
	0x6c,
	0,
	7,
	0,
	156,
	0,
	0,
};

TEST(an_icmp_error_about_our_datagram_tells_whom_it_was_for_and_why)
{
	union address to;
	char text[ADDRESS_TEXT];

	CHECK(path_error_parse(AF_INET, four, sizeof(four), 51820, &to) == ECONNREFUSED);
	address_format(text, &to);
	CHECK_TEXT(text, "10.33.0.1:7");
	CHECK(path_error_parse(AF_INET6, six, sizeof(six), 51820, &to) == ENETUNREACH);
	address_format(text, &to);
	CHECK_TEXT(text, "[fd00:33::2]:7");
}

TEST(errors_about_other_datagrams_are_not_ours)
{
	uint8_t other[sizeof(four)];
	union address to;

	CHECK(!path_error_parse(AF_INET, four, sizeof(four), 51821, &to));
	CHECK(!path_error_parse(AF_INET6, six, sizeof(six), 51821, &to));
	memcpy(other, four, sizeof(four));
	other[28 + 9] = 6; /* TCP */
	CHECK(!path_error_parse(AF_INET, other, sizeof(other), 51820, &to));
	memcpy(other, four, sizeof(four));
	other[20] = 8; /* an echo request */
	CHECK(!path_error_parse(AF_INET, other, sizeof(other), 51820, &to));
}

TEST(cut_off_icmp_errors_are_nothing)
{
	union address to;

	for (size_t n = 0; n < sizeof(four) - 4; n++)
		CHECK(!path_error_parse(AF_INET, four, n, 51820, &to));
	for (size_t n = 0; n < sizeof(six) - 4; n++)
		CHECK(!path_error_parse(AF_INET6, six, n, 51820, &to));
	/* Any bytes at all: the sanitizers watch. */
	for (int i = 0; i < 100000; i++) {
		uint8_t bytes[80];
		size_t n = dice(sizeof(bytes) + 1);

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)dice(256);
		path_error_parse(
			dice(2) ? AF_INET : AF_INET6, bytes, n, (uint16_t)dice(65536), &to);
	}
}
