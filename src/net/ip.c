#include "net/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool ip_parse(struct address *out, const char *text)
{
	struct address a = {0};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = AF_INET6;
	else
		return false;
	*out = a;
	return true;
}

bool ip_prefix_parse(struct prefix *out, const char *text, bool bare)
{
	const char *slash = strchr(text, '/');
	struct prefix p = {0};
	char address[ADDRESS_TEXT];
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned length = 0;

	if (n >= sizeof(address) || (!slash && !bare))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!ip_parse(&p.address, address))
		return false;
	if (slash) {
		const char *c = slash + 1;

		if (!*c || (c[0] == '0' && c[1]))
			return false;
		for (; *c; c++) {
			if (*c < '0' || *c > '9' || length > 128)
				return false;
			length = 10 * length + (unsigned)(*c - '0');
		}
	} else {
		length = ip_bits(&p.address);
	}
	if (length > ip_bits(&p.address))
		return false;
	p.length = (uint8_t)length;
	*out = p;
	return true;
}

void ip_format(char out[ADDRESS_TEXT], const struct address *a)
{
	if (a->family == AF_UNSPEC || !inet_ntop(a->family, a->bytes, out, ADDRESS_TEXT))
		snprintf(out, ADDRESS_TEXT, "none");
}

void ip_prefix_format(char out[PREFIX_TEXT], const struct prefix *p)
{
	char address[ADDRESS_TEXT];

	ip_format(address, &p->address);
	snprintf(out, PREFIX_TEXT, "%s/%u", address, (unsigned)p->length);
}

bool ip_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

unsigned ip_bits(const struct address *a)
{
	return a->family == AF_INET6 ? 128 : 32;
}

bool ip_prefix_holds(const struct prefix *p, const struct address *a)
{
	struct prefix masked = {.address = *a, .length = p->length}, own = ip_prefix_mask(*p);

	if (p->address.family != a->family)
		return false;
	masked = ip_prefix_mask(masked);
	return ip_equal(&masked.address, &own.address);
}

struct prefix ip_prefix_mask(struct prefix p)
{
	for (unsigned i = 0; i < sizeof(p.address.bytes); i++) {
		unsigned kept = p.length > 8 * i ? p.length - 8 * i : 0;

		if (kept < 8)
			p.address.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
	return p;
}

bool ip_add(struct address *a, uint64_t n)
{
	struct address sum = *a;
	uint64_t carry = n;

	for (unsigned i = ip_bits(a) / 8; i-- > 0;) {
		carry += sum.bytes[i]; /* n < 2^64 - 255: no wrap for any sensible n */
		sum.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	if (carry)
		return false;
	*a = sum;
	return true;
}
