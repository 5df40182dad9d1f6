/* path_error.h - what routers and hosts on the way say about our datagrams
 *
 * A handshake to an address where nobody is often comes back as an ICMP error:
 * "host unreachable", "port unreachable", "prohibited".  A UDP socket could be
 * asked for those (IP_RECVERR), but then an error caused by one peer fails the
 * next send to another.  So two raw ICMP sockets listen beside, filtered to
 * such errors; what they say is only ever told to the user, since anybody can
 * forge it.
 *
 *	| ICMP header | our own packet's IP header | UDP header ...
 *	                destination: the peer         source port: ours
 *
 * Opened by the parent (CAP_NET_RAW; without it there is just less to tell),
 * read by the packet process.  Source: RFC 792, RFC 4443.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/address.h"

/* path_error_open - a socket for the errors of a family; -errno */
int path_error_open(int family);

/* path_error_parse - an ICMP message, as a raw socket of the family delivers it
 *
 * port  our UDP port: messages about other datagrams are not ours
 * to    out: whom the datagram was for
 *
 * Returns the errno that fits the error, or 0 for what is no error about us.
 */
int path_error_parse(
	int family, const uint8_t *packet, size_t size, uint16_t port, union address *to);
