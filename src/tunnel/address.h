/* address.h - addresses with ports, and prefixes: as values and as text
 *
 *	address   10.33.0.1:51820  [2001:db8::1]:51820  [fe80::1%3]:51820
 *	prefix    192.168.3.0/24   2001:db8::/32
 *
 * An address is where datagrams come from and go to; it is the
 * socket address itself, so that a send needs no conversion.  A prefix has its
 * host bits cleared.  Nothing here asks a name server: names are resolve.h.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Zeroed (family AF_UNSPEC): no address. */
union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct prefix {
	uint8_t family;	     /* AF_INET or AF_INET6 */
	uint8_t length;	     /* in bits */
	uint8_t address[16]; /* big-endian; IPv4 uses the first 4 */
};

enum {
	ADDRESS_TEXT = 80, /* with the NUL */
	PREFIX_TEXT = 64,
};

/* address_parse - "ADDRESS:PORT" or "[ADDRESS]:PORT"; a scope is a number or an interface name
 *
 * Returns false, with *out untouched, for anything else: no name, no missing
 * port, no spaces.  Port 0 is a number, too: whether it makes sense the caller knows.
 */
bool address_parse(union address *out, const char *text);

/* address_scopes_open - from here on, names of interfaces are looked up over one socket that is
 * kept
 *
 * For a process that will not be allowed to open another (sandbox.h).
 */
void address_scopes_open(void);

/* address_format - as address_parse() reads it; "" for AF_UNSPEC; returns the length */
size_t address_format(char out[ADDRESS_TEXT], const union address *e);

bool address_equal(const union address *a, const union address *b);
socklen_t address_size(const union address *e);
uint16_t address_port(const union address *e);

/* prefix_parse - "ADDRESS/BITS", or with `alone` also "ADDRESS" (then all its bits)
 *
 * Clears the host bits.  Returns false, with *out untouched, for anything else.
 */
bool prefix_parse(struct prefix *out, const char *text, bool alone);

/* prefix_parse_host - as prefix_parse(.., true), but keeps the host bits: an address of a device */
bool prefix_parse_host(struct prefix *out, const char *text);

size_t prefix_format(char out[PREFIX_TEXT], const struct prefix *p);

/* number_parse - a decimal number from 0 to max: digits only, no sign, no spaces */
bool number_parse(uint64_t *out, const char *text, uint64_t max);
