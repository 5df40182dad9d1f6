#include "net/value.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <net/if.h>

bool value_bool(bool *out, const char *text)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {{"yes", true}, {"no", false}, {"on", true}, {"off", false}, {"true", true},
		{"false", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i].text)) {
			*out = words[i].value;
			return true;
		}
	return false;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

bool value_number(uint64_t *out, const char *text)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned base = hex ? 16 : 10;
	uint64_t value = 0;

	text += hex ? 2 : 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned d = (unsigned)digit(*text);

		if (d >= base || __builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, d, &value))
			return false;
	}
	*out = value;
	return true;
}

/* "12.5mbit" -> 12.5 and "mbit".  Digits with at most one point; no sign, no exponent. */
static bool split(double *number, const char **unit, const char *text)
{
	double value = 0, scale = 1;
	bool digits = false, point = false;

	for (; isdigit((unsigned char)*text) || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		digits = true;
		value = 10 * value + (*text - '0');
		scale *= point ? 10 : 1;
	}
	if (!digits || value > 1e18)
		return false;
	*number = value / scale;
	*unit = text;
	return true;
}

struct unit {
	const char *name;
	double scale;
};

static bool scaled(uint64_t *out, const char *text, const struct unit *units, size_t n)
{
	const char *unit;
	double number;

	if (!split(&number, &unit, text))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(unit, units[i].name) && number * units[i].scale < 9e18) {
			*out = (uint64_t)(number * units[i].scale + 0.5);
			return true;
		}
	return false;
}

bool value_rate(uint64_t *out, const char *text)
{
	static const struct unit units[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9},
		{"bps", 8}, {"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9}};
	uint64_t rate;

	if (!scaled(&rate, text, units, sizeof(units) / sizeof(units[0])) || !rate)
		return false;
	*out = rate;
	return true;
}

bool value_duration(uint64_t *out, const char *text)
{
	static const struct unit units[] = {{"", 1e9}, {"s", 1e9}, {"sec", 1e9}, {"ms", 1e6},
		{"msec", 1e6}, {"us", 1e3}, {"usec", 1e3}, {"ns", 1}, {"min", 60e9}};

	return scaled(out, text, units, sizeof(units) / sizeof(units[0]));
}

bool value_share(double *out, const char *text)
{
	const char *unit;
	double number;

	if (!split(&number, &unit, text) || strcmp(unit, "%") != 0 || number > 100)
		return false;
	*out = number / 100;
	return true;
}

bool value_mac(uint8_t out[6], const char *text)
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);

		if (high > 15 || low > 15 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (mac[0] & 1 || !memcmp(mac, "\0\0\0\0\0", 6))
		return false;
	memcpy(out, mac, 6);
	return true;
}

static bool count_number(uint32_t *out, const char *text)
{
	uint64_t n;

	if (text[strspn(text, "0123456789")] || !value_number(&n, text) || n > 1000000000)
		return false;
	*out = (uint32_t)n;
	return true;
}

bool value_count(uint32_t *least, uint32_t *most, const char *text)
{
	const char *dots = strstr(text, "..");
	uint32_t low, high;

	if (dots) {
		char first[16];
		size_t n = (size_t)(dots - text);

		if (n >= sizeof(first))
			return false;
		memcpy(first, text, n);
		first[n] = '\0';
		if (!count_number(&low, first) || !count_number(&high, dots + 2) || high < low)
			return false;
	} else {
		bool less = text[0] == '<', more = text[0] == '>';
		bool strict = (less || more) && text[1] != '=';
		uint32_t n;

		text += less || more ? (strict ? 1 : 2) : text[0] == '=';
		while (*text == ' ')
			text++;
		if (!count_number(&n, text) || (less && strict && !n))
			return false;
		low = less ? 0 : n + (more && strict);
		high = more ? UINT32_MAX : n - (less && strict);
	}
	*least = low;
	*most = high;
	return true;
}

bool value_is_name(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return n >= 1 && n <= 63 && !text[n] && text[0] != '-';
}

bool value_is_device(const char *text)
{
	if (!text[0] || strlen(text) >= IFNAMSIZ || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	/* The kernel takes any other byte; those that would garble an output are refused here. */
	for (const char *c = text; *c; c++)
		if (*c == '/' || *c == ':' || *c == '%' || (unsigned char)*c <= ' ' ||
			(unsigned char)*c >= 0x7f)
			return false;
	return true;
}
