#include "tunnel/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool number_parse(uint64_t *out, const char *text, uint64_t max)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		uint64_t digit = (uint64_t)(*text - '0');

		if (v > (max - digit) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

/* Splits "ADDRESS:PORT" or "[ADDRESS]:PORT"; the port is returned as text. */
static const char *address_split(char *host, size_t size, const char *text, bool *bracketed)
{
	const char *begin = text, *end;

	*bracketed = text[0] == '[';
	if (*bracketed) {
		begin = text + 1;
		end = strchr(begin, ']');
		if (!end || end[1] != ':')
			return NULL;
	} else {
		end = strchr(begin, ':');
		if (!end)
			return NULL;
	}
	if ((size_t)(end - begin) >= size)
		return NULL;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	return end + (*bracketed ? 2 : 1);
}

static int scopes = -1;

void address_scopes_open(void)
{
	scopes = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (scopes < 0)
		scopes = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static uint32_t scope_of(const char *name)
{
	struct ifreq r = {0};

	if (scopes < 0)
		return if_nametoindex(name);
	if (strlen(name) >= sizeof(r.ifr_name))
		return 0;
	memcpy(r.ifr_name, name, strlen(name));
	return ioctl(scopes, SIOCGIFINDEX, &r) ? 0 : (uint32_t)r.ifr_ifindex;
}

static bool scope_parse(uint32_t *out, const char *text)
{
	uint64_t number;

	if (number_parse(&number, text, UINT32_MAX))
		*out = (uint32_t)number;
	else
		*out = scope_of(text);
	return *out != 0;
}

bool address_parse(union address *out, const char *text)
{
	union address e = {0};
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	bool bracketed;
	const char *port = address_split(host, sizeof(host), text, &bracketed);
	char *scope;
	uint64_t number;

	if (!port || !number_parse(&number, port, UINT16_MAX))
		return false;
	scope = bracketed ? strchr(host, '%') : NULL;
	if (scope)
		*scope++ = '\0';
	if (bracketed) {
		e.v6.sin6_family = AF_INET6;
		e.v6.sin6_port = htons((uint16_t)number);
		if (inet_pton(AF_INET6, host, &e.v6.sin6_addr) != 1)
			return false;
		if (scope && !scope_parse(&e.v6.sin6_scope_id, scope))
			return false;
	} else {
		e.v4.sin_family = AF_INET;
		e.v4.sin_port = htons((uint16_t)number);
		if (inet_pton(AF_INET, host, &e.v4.sin_addr) != 1)
			return false;
	}
	*out = e;
	return true;
}

size_t address_format(char out[ADDRESS_TEXT], const union address *e)
{
	char host[INET6_ADDRSTRLEN] = "", scope[16] = "";

	out[0] = '\0';
	if (e->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &e->v4.sin_addr, host, sizeof(host));
		return (size_t)snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(e->v4.sin_port));
	}
	if (e->sa.sa_family != AF_INET6)
		return 0;
	inet_ntop(AF_INET6, &e->v6.sin6_addr, host, sizeof(host));
	if (e->v6.sin6_scope_id)
		snprintf(scope, sizeof(scope), "%%%u", e->v6.sin6_scope_id);
	return (size_t)snprintf(
		out, ADDRESS_TEXT, "[%s%s]:%u", host, scope, ntohs(e->v6.sin6_port));
}

bool address_equal(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	if (a->sa.sa_family == AF_INET6)
		return a->v6.sin6_port == b->v6.sin6_port &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
	return true;
}

socklen_t address_size(const union address *e)
{
	return e->sa.sa_family == AF_INET6 ? sizeof(e->v6) : sizeof(e->v4);
}

uint16_t address_port(const union address *e)
{
	/* The port lies at the same place in both. */
	return ntohs(e->v4.sin_port);
}

static bool prefix_read(struct prefix *out, const char *text, bool alone)
{
	struct prefix p = {.family = AF_INET};
	char host[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	uint64_t bits;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, p.address) != 1) {
		p.family = AF_INET6;
		if (inet_pton(AF_INET6, host, p.address) != 1)
			return false;
	}
	bits = p.family == AF_INET ? 32 : 128;
	if (text[n] ? !number_parse(&bits, text + n + 1, bits) : !alone)
		return false;
	p.length = (uint8_t)bits;
	*out = p;
	return true;
}

bool prefix_parse(struct prefix *out, const char *text, bool alone)
{
	if (!prefix_read(out, text, alone))
		return false;
	for (unsigned bit = out->length; bit < 128; bit++)
		out->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return true;
}

bool prefix_parse_host(struct prefix *out, const char *text)
{
	return prefix_read(out, text, true);
}

size_t prefix_format(char out[PREFIX_TEXT], const struct prefix *p)
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(p->family, p->address, host, sizeof(host));
	return (size_t)snprintf(out, PREFIX_TEXT, "%s/%u", host, p->length);
}
