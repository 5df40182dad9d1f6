#include "see/headers.h"

#include <string.h>

#include "base/bytes.h"
#include "test.h"

/* Hex without spaces -> bytes; returns how many. */
static size_t unhex(uint8_t out[256], const char *text)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n && n <= 256; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};

		CHECK(hex_parse(out + i, 1, pair));
	}
	return n;
}

static void check_line(uint16_t type, const char *hex, const char *want)
{
	uint8_t bytes[256];
	char line[192];
	size_t n = unhex(bytes, hex);

	headers_text(line, sizeof(line), type, bytes, n);
	CHECK_TEXT(line, want);
}

static const char echo[] = "450000540001400040010000"
			   "0a000001"
			   "0a000002"
			   "0800000012340001";
static const char arp[] = "0001080006040001"
			  "020000000001"
			  "0a000001"
			  "000000000000"
			  "0a000002";

TEST(an_arp_request_names_who_is_asked_and_who_asks)
{
	check_line(ETHERTYPE_ARP4, arp, "ARP who-has 10.0.0.2 tell 10.0.0.1");
}

TEST(an_echo_request_is_said_with_its_addresses_and_its_size)
{
	check_line(ETHERTYPE_IP4, echo, "ICMP echo request 10.0.0.1 > 10.0.0.2, 84 bytes");
}

TEST(an_icmp_error_says_what_it_is_about)
{
	char hex[512] = "450000380000000040010000"
			"0a000009"
			"0a000001"
			"0304000000000514";

	strcat(hex, echo);
	check_line(ETHERTYPE_IP4, hex,
		"ICMP fragmentation needed (MTU 1300) 10.0.0.9 > 10.0.0.1, about "
		"ICMP echo request 10.0.0.1 > 10.0.0.2, 84 bytes");
}

TEST(vxlan_is_said_with_what_it_carries)
{
	char hex[512] = "450000860000400040110000"
			"0a000001"
			"0a000002"
			"c00012b500720000"
			"0800000000006400"
			"020000000002"
			"020000000001"
			"0800";
	uint8_t bytes[256];
	struct headers h;
	size_t n;

	strcat(hex, echo);
	check_line(ETHERTYPE_IP4, hex,
		"VXLAN 100 10.0.0.1 > 10.0.0.2 [ICMP echo request 10.0.0.1 > 10.0.0.2, 84 bytes]");
	n = unhex(bytes, hex);
	CHECK(headers_innermost(&h, ETHERTYPE_IP4, bytes, n));
	CHECK(h.kind == HEADER_ECHO_REQUEST && h.first == 0x1234);
}

TEST(a_later_fragment_has_no_ports)
{
	check_line(ETHERTYPE_IP4,
		"450000540001200a40110000"
		"0a000001"
		"0a000002"
		"0800000012340001",
		"fragment 10.0.0.1 > 10.0.0.2, 84 bytes");
}

TEST(ipv6_neighbours_are_read_like_arp)
{
	check_line(ETHERTYPE_IP6,
		"6000000000203aff"
		"fd000000000000000000000000000001"
		"ff0200000000000000000001ff000002"
		"8700000000000000"
		"fd000000000000000000000000000002"
		"0101020000000001",
		"ND who-has fd00::2 tell fd00::1");
}

TEST(a_packet_cut_off_anywhere_gives_no_ports_that_are_not_there)
{
	uint8_t bytes[256];
	size_t n = unhex(bytes, echo);

	for (size_t cut = 0; cut <= n; cut++) {
		struct headers h;
		bool ok = headers_decode(&h, ETHERTYPE_IP4, bytes, cut);

		CHECK(ok == (cut >= 20));
		CHECK(h.has_ports == (cut >= 28));
	}
}
