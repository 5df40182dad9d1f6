#include "see/filter.h"

#include <net/if_arp.h>
#include <string.h>

#include "test.h"

/* An echo request from 10.0.0.1 to 10.0.0.2, bare and in an Ethernet frame. */
static const uint8_t echo[42] = {
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,			   /* Ethernet */
	0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
	8, 0, 0, 0, 0, 7, 0, 1,						   /* ICMP */
};

static bool matches(const char *text, int link)
{
	struct filter f = {0};
	struct error e = {0};
	size_t skip = link == DLT_RAW ? 14 : 0;
	bool yes;

	CHECK(filter_compile(&f, text, link, FILTER_SNAPLEN, &e) == 0);
	yes = filter_matches(
		&f, echo + skip, (uint32_t)(sizeof(echo) - skip), (uint32_t)(sizeof(echo) - skip));
	filter_done(&f);
	return yes;
}

TEST(a_filter_finds_the_same_packet_in_a_frame_and_bare)
{
	CHECK(matches("icmp and host 10.0.0.1", DLT_EN10MB));
	CHECK(matches("icmp and host 10.0.0.1", DLT_RAW));
	CHECK(!matches("icmp and host 10.0.0.3", DLT_EN10MB));
	CHECK(!matches("udp", DLT_RAW));
	CHECK(matches("", DLT_RAW));
	CHECK(matches(NULL, DLT_EN10MB));
}

TEST(a_wrong_filter_is_refused_in_the_words_of_libpcap)
{
	struct filter f = {0};
	struct error e = {0};

	CHECK(filter_compile(&f, "icmp and and", DLT_EN10MB, 100, &e) < 0);
	CHECK(!strncmp(e.text, "filter 'icmp and and': ", 23));
	CHECK(strstr(e.text, "syntax error") != NULL);
	CHECK(!f.program.bf_insns);
}

TEST(only_the_word_vlan_asks_for_the_tag)
{
	struct filter f = {0};

	CHECK(filter_compile(&f, "vlan 5 and icmp", DLT_EN10MB, 100, NULL) == 0);
	CHECK(f.needs_tag);
	filter_done(&f);
	CHECK(filter_compile(&f, "icmp", DLT_EN10MB, 100, NULL) == 0);
	CHECK(!f.needs_tag);
	filter_done(&f);
}

TEST(a_tun_is_raw_and_a_veth_is_ethernet)
{
	CHECK(filter_link(ARPHRD_ETHER) == DLT_EN10MB);
	CHECK(filter_link(ARPHRD_LOOPBACK) == DLT_EN10MB);
	CHECK(filter_link(ARPHRD_NONE) == DLT_RAW);
	CHECK(filter_link(ARPHRD_INFINIBAND) == -1);
}

TEST(what_only_ethernet_has_matches_no_bare_packet)
{
	CHECK(!matches("arp", DLT_RAW));
	CHECK(!matches("ether host 2:0:0:0:0:1", DLT_RAW));
	CHECK(matches("ether host 2:0:0:0:0:1", DLT_EN10MB));
}

TEST(a_pair_keeps_both_programs_whole)
{
	struct filter a = {0}, b = {0}, both = {0};

	CHECK(filter_compile(&a, "tcp port 80", DLT_EN10MB, 100, NULL) == 0);
	CHECK(filter_compile(&b, "tcp port 80", DLT_RAW, 100, NULL) == 0);
	CHECK(filter_pair(&both, &a, &b) == 0);
	CHECK(both.program.bf_len == a.program.bf_len + b.program.bf_len + 7);
	CHECK(bpf_validate(both.program.bf_insns, (int)both.program.bf_len));
	filter_done(&a);
	filter_done(&b);
	filter_done(&both);
}
