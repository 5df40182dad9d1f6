/* ip.h - an IPv4 or IPv6 address, and a prefix of them
 *
 * Bytes lie in network order in the first 4 or 16 of `bytes`; the rest is
 * zero, so that two equal addresses are equal bytes.  A zeroed struct is "no
 * address" (family AF_UNSPEC).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	sa_family_t family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint8_t bytes[16];
};

/* An address with its prefix length: the address of a device (10.0.0.1/24, host bits kept) or a
 * set of addresses (10.0.0.0/24, host bits zero). */
struct prefix {
	struct address address;
	uint8_t length;
};

enum { ADDRESS_TEXT = 46, PREFIX_TEXT = 50 };

/* ip_parse - "10.0.0.1" or "fd00::1" and nothing else */
bool ip_parse(struct address *out, const char *text);

/* ip_prefix_parse - "10.0.0.0/24"; without a length when `bare` allows it: then /32 or /128 */
bool ip_prefix_parse(struct prefix *out, const char *text, bool bare);

void ip_format(char out[ADDRESS_TEXT], const struct address *a);
void ip_prefix_format(char out[PREFIX_TEXT], const struct prefix *p);

bool ip_equal(const struct address *a, const struct address *b);

/* ip_bits - 32 or 128 */
unsigned ip_bits(const struct address *a);

/* ip_prefix_holds - true when `a` lies inside `p` (of one family, first p->length bits equal) */
bool ip_prefix_holds(const struct prefix *p, const struct address *a);

/* ip_prefix_mask - the same prefix with its host bits zero: 10.0.0.1/24 -> 10.0.0.0/24 */
struct prefix ip_prefix_mask(struct prefix p);

/* ip_add - a + n as a number; false when it passes the last address there is */
bool ip_add(struct address *a, uint64_t n);
