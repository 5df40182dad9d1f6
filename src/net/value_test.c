#include "net/value.h"

#include <string.h>

#include "net/ip.h"
#include "net/suggest.h"
#include "test.h"

TEST(a_number_is_digits_and_nothing_else)
{
	uint64_t n = 7;

	CHECK(value_number(&n, "0") && n == 0);
	CHECK(value_number(&n, "18446744073709551615") && n == UINT64_MAX);
	CHECK(value_number(&n, "0x1F") && n == 31);
	n = 7;
	CHECK(!value_number(&n, "18446744073709551616"));
	CHECK(!value_number(&n, "") && !value_number(&n, "0x") && !value_number(&n, "-1"));
	CHECK(!value_number(&n, "1 ") && !value_number(&n, "1e3") && !value_number(&n, "a"));
	CHECK(n == 7);
}

TEST(yes_and_no_have_six_spellings)
{
	bool b = false;

	CHECK(value_bool(&b, "yes") && b && value_bool(&b, "Off") && !b && value_bool(&b, "TRUE") &&
		b);
	CHECK(!value_bool(&b, "1") && !value_bool(&b, "y") && !value_bool(&b, ""));
}

TEST(rates_times_and_shares_have_units)
{
	uint64_t n = 0;
	double s = 0;

	CHECK(value_rate(&n, "10mbit") && n == 10000000);
	CHECK(value_rate(&n, "1.5Gbit") && n == 1500000000);
	CHECK(value_rate(&n, "1kbps") && n == 8000);
	CHECK(!value_rate(&n, "10") && !value_rate(&n, "0mbit") && !value_rate(&n, "-1mbit") &&
		!value_rate(&n, "1.2.3mbit") && !value_rate(&n, "mbit") &&
		!value_rate(&n, "99999999999gbit"));
	CHECK(value_duration(&n, "20ms") && n == 20000000);
	CHECK(value_duration(&n, "0.5") && n == 500000000);
	CHECK(value_duration(&n, "3s") && n == 3000000000);
	CHECK(!value_duration(&n, "fast") && !value_duration(&n, "1h"));
	CHECK(value_share(&s, "50%") && s > 0.49 && s < 0.51);
	CHECK(!value_share(&s, "0.5") && !value_share(&s, "101%"));
}

TEST(a_count_is_an_interval)
{
	static const struct {
		const char *text;
		uint32_t least, most;
	} good[] = {{"3", 3, 3}, {"=3", 3, 3}, {">=1", 1, UINT32_MAX}, {">1", 2, UINT32_MAX},
		{"<=2", 0, 2}, {"<2", 0, 1}, {"2..4", 2, 4}, {"0", 0, 0}, {">= 2", 2, UINT32_MAX}};
	static const char *const bad[] = {
		"", "x", "<0", "4..2", ">", "..", "1..", "-1", "1.5", "=>1", "0x10"};
	uint32_t least = 0, most = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(value_count(&least, &most, good[i].text) && least == good[i].least &&
			most == good[i].most);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!value_count(&least, &most, bad[i]));
}

TEST(names_are_those_that_can_be_a_namespace_and_a_device)
{
	CHECK(value_is_name("site-a") && value_is_name("A_1") && value_is_name("0"));
	CHECK(!value_is_name("") && !value_is_name("a.b") && !value_is_name("-a") &&
		!value_is_name("a b"));
	CHECK(value_is_name("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"));
	CHECK(!value_is_name("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"));
	CHECK(value_is_device("eth0.5") && value_is_device("abcdefghijklmno") &&
		value_is_device("@x"));
	CHECK(!value_is_device("abcdefghijklmnop") && !value_is_device("..") &&
		!value_is_device("a:b"));
	CHECK(!value_is_device("a/b") && !value_is_device("a b") && !value_is_device("x%d") &&
		!value_is_device(""));
}

TEST(a_mac_address_is_of_one_device)
{
	uint8_t mac[6];

	CHECK(value_mac(mac, "02:00:00:00:0a:Ff") && mac[0] == 2 && mac[4] == 10 && mac[5] == 255);
	CHECK(!value_mac(mac, "01:00:00:00:00:01") && !value_mac(mac, "00:00:00:00:00:00"));
	CHECK(!value_mac(mac, "02:00:00:00:00") && !value_mac(mac, "02-00-00-00-00-01"));
	CHECK(!value_mac(mac, "02:00:00:00:00:0g"));
}

TEST(a_prefix_holds_what_shares_its_first_bits)
{
	/* The obvious model: bit by bit. */
	for (int round = 0; round < 20000; round++) {
		struct prefix p = {.address.family = dice(2) ? AF_INET : AF_INET6};
		struct address a = {.family = p.address.family};
		unsigned bits = ip_bits(&a);
		bool want = true;

		p.length = (uint8_t)dice(bits + 1);
		for (unsigned i = 0; i < bits / 8; i++) {
			p.address.bytes[i] = (uint8_t)dice(256);
			a.bytes[i] = p.address.bytes[i];
		}
		if (dice(4)) {
			unsigned flip = (unsigned)dice(bits);

			a.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
		}
		for (unsigned i = 0; i < p.length; i++)
			want &= !((a.bytes[i / 8] ^ p.address.bytes[i / 8]) >> (7 - i % 8) & 1);
		CHECK(ip_prefix_holds(&p, &a) == want);
	}
}

TEST(addresses_and_prefixes_are_texts_and_back)
{
	static const char *const good[] = {
		"10.0.0.1/24", "0.0.0.0/0", "fd00::1/64", "::/0", "1.2.3.4/32"};
	static const char *const bad[] = {"10.0.0.1", "10.0.0/24", "10.0.0.1/", "10.0.0.1/33",
		"10.0.0.1/024", "10.0.0.1/1x", "fd00::/129", "/24", "10.0.0.1/-1",
		"10.0.0.1/99999999999", "fe80::1%1/64"};
	struct address a = {0};
	char text[PREFIX_TEXT];
	struct prefix p;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(ip_prefix_parse(&p, good[i], false));
		ip_prefix_format(text, &p);
		CHECK_TEXT(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!ip_prefix_parse(&p, bad[i], false));
	CHECK(ip_prefix_parse(&p, "10.0.0.1", true) && p.length == 32);
	CHECK(ip_parse(&a, "10.0.0.255") && ip_add(&a, 2));
	ip_format(text, &a);
	CHECK_TEXT(text, "10.0.1.1");
	CHECK(ip_parse(&a, "255.255.255.255") && !ip_add(&a, 1));
}

/* The textbook recursion: the last letters are equal, replaced, added, dropped or swapped. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t best, other;

	if (!n || !m)
		return n + m;
	best = distance(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
	other = distance(a, n - 1, b, m) + 1;
	best = other < best ? other : best;
	other = distance(a, n, b, m - 1) + 1;
	best = other < best ? other : best;
	if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1]) {
		other = distance(a, n - 2, b, m - 2) + 1;
		best = other < best ? other : best;
	}
	return best;
}

TEST(the_distance_of_two_words_agrees_with_the_textbook)
{
	for (int round = 0; round < 500; round++) {
		char a[8] = "", b[8] = "";
		size_t n = dice(7), m = dice(7);

		for (size_t i = 0; i < n; i++)
			a[i] = (char)('a' + dice(3));
		for (size_t i = 0; i < m; i++)
			b[i] = (char)('a' + dice(3));
		CHECK(suggest_distance(a, b) == distance(a, n, b, m));
	}
}

TEST(a_suggestion_is_near_or_none)
{
	struct suggestion s = {0};

	suggest_offer(&s, "adress", "address", "addr");
	CHECK_TEXT(s.best, "addr");
	s = (struct suggestion){0};
	suggest_offer(&s, "xyz", "addr", "addr");
	suggest_offer(&s, "a", "b", "b");
	CHECK(!s.best);
	suggest_offer(&s, "eht0", "eth1", "eth1");
	suggest_offer(&s, "eht0", "eth0", "eth0");
	CHECK_TEXT(s.best, "eth0");
}
