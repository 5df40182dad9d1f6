#include "tunnel/address.h"

#include <string.h>

#include "test.h"

static const char *address_again(const char *text)
{
	static char out[ADDRESS_TEXT];
	union address e = {0};

	if (!address_parse(&e, text))
		return "refused";
	address_format(out, &e);
	return out;
}

TEST(an_address_comes_back_as_it_was_written)
{
	CHECK_TEXT(address_again("10.33.0.1:51820"), "10.33.0.1:51820");
	CHECK_TEXT(address_again("[2001:db8::1]:1"), "[2001:db8::1]:1");
	CHECK_TEXT(address_again("[fe80::1%7]:65535"), "[fe80::1%7]:65535");
	CHECK_TEXT(address_again("[fe80::1%lo]:9"), "[fe80::1%1]:9");
}

TEST(what_is_no_address_is_refused)
{
	static const char *const wrong[] = {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536",
		"10.0.0.1:-1", "10.0.0.1:+1", "10.0.0.1: 1", "10.0.0.1:1 ", "10.0.0.256:1",
		"10.0.0:1", "host:1", "::1:1", "[::1]", "[::1]1", "[::1]:", "[::1:1",
		"[10.0.0.1]:1", "[fe80::1%]:1", "[fe80::1%nosuchdevice0]:1",
		"[::1]:99999999999999999999"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_TEXT(address_again(wrong[i]), "refused");
}

TEST(addresses_are_equal_when_family_address_port_and_scope_are)
{
	union address a = {0}, b = {0};

	CHECK(address_equal(&a, &b));
	CHECK(address_parse(&a, "[fe80::1%7]:5"));
	CHECK(!address_equal(&a, &b));
	CHECK(address_parse(&b, "[fe80::1%8]:5"));
	CHECK(!address_equal(&a, &b));
	CHECK(address_parse(&b, "[fe80::1%7]:5"));
	CHECK(address_equal(&a, &b));
	CHECK(address_parse(&a, "1.2.3.4:5"));
	CHECK(address_parse(&b, "1.2.3.4:6"));
	CHECK(!address_equal(&a, &b));
	CHECK(address_port(&b) == 6);
}

static const char *prefix_again(const char *text, bool alone)
{
	static char out[PREFIX_TEXT];
	struct prefix p = {0};

	if (!prefix_parse(&p, text, alone))
		return "refused";
	prefix_format(out, &p);
	return out;
}

TEST(a_prefix_loses_its_host_bits)
{
	CHECK_TEXT(prefix_again("192.168.3.11/24", false), "192.168.3.0/24");
	CHECK_TEXT(prefix_again("255.255.255.255/0", false), "0.0.0.0/0");
	CHECK_TEXT(prefix_again("10.255.255.255/9", false), "10.128.0.0/9");
	CHECK_TEXT(prefix_again("2001:db8::1/33", false), "2001:db8::/33");
	CHECK_TEXT(prefix_again("ffff::1/128", false), "ffff::1/128");
	CHECK_TEXT(prefix_again("10.0.0.1", true), "10.0.0.1/32");
	CHECK_TEXT(prefix_again("::1", true), "::1/128");
}

TEST(what_is_no_prefix_is_refused)
{
	static const char *const wrong[] = {"", "/", "10.0.0.1", "::1", "10.0.0.1/", "10.0.0.1/33",
		"::/129", "10.0.0/8", "10.0.0.1/-1", "10.0.0.1/ 1", " 10.0.0.1/1", "10.0.0.1/1/1",
		"a/1"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK_TEXT(prefix_again(wrong[i], false), "refused");
}

TEST(the_address_of_a_device_keeps_its_host_bits)
{
	struct prefix p;
	char out[PREFIX_TEXT];

	CHECK(prefix_parse_host(&p, "192.168.3.11/24"));
	prefix_format(out, &p);
	CHECK_TEXT(out, "192.168.3.11/24");
}

TEST(a_number_is_digits_within_its_bound)
{
	uint64_t v;

	CHECK(number_parse(&v, "65535", 65535) && v == 65535);
	CHECK(number_parse(&v, "0065535", 65535) && v == 65535);
	CHECK(number_parse(&v, "18446744073709551615", UINT64_MAX) && v == UINT64_MAX);
	CHECK(!number_parse(&v, "18446744073709551616", UINT64_MAX));
	CHECK(!number_parse(&v, "65536", 65535));
	CHECK(!number_parse(&v, "5", 4));
	CHECK(!number_parse(&v, "", 9));
	CHECK(!number_parse(&v, "0x1", 100));
}
