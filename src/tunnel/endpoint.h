/* endpoint.h - where a peer is on the outer network
 *
 * The peer's address and port, and on our side the address and device through
 * which its last authenticated packet came: answers leave from there ("sticky
 * source"), until a handshake has to be repeated.
 *
 * Inbound workers move it (the peer roams), control sets or clears it, and
 * outbound workers read it for every run of datagrams.  So it lies behind a
 * sequence counter: a reader that met a writer reads again, a writer that met
 * another leaves it to that one, as the next packet will tell anyway.
 */
#pragma once
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/address.h"

struct endpoint {
	union address remote; /* family AF_UNSPEC: none is known */
	uint32_t ifindex;     /* of the device it came in by; 0: let the routing table choose */
	union {		      /* our address it was sent to, of remote's family; all 0 likewise */
		struct in_addr v4;
		struct in6_addr v6;
	} local;
};

enum { ENDPOINT_WORDS = sizeof(struct endpoint) / sizeof(uint64_t) };
_Static_assert(sizeof(struct endpoint) % sizeof(uint64_t) == 0, "copied in words");

/* An endpoint that several threads share.  Zeroed: none. */
struct endpoint_slot {
	_Atomic uint32_t sequence; /* odd while somebody writes */
	_Atomic uint64_t words[ENDPOINT_WORDS];
};

static inline bool endpoint_is_known(const struct endpoint *e)
{
	return e->remote.sa.sa_family != AF_UNSPEC;
}

/* endpoint_equal - the same remote address and port, and the same way to it? */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* endpoint_read - a consistent copy; returns false when none is known */
bool endpoint_read(const struct endpoint_slot *slot, struct endpoint *out);

/* endpoint_follow - set it from an authenticated packet, when it differs; any thread, never waits
 *
 * Only fields that mean something for the family may be set in `from`: it is
 * compared byte by byte (start from a zeroed struct).
 */
void endpoint_follow(struct endpoint_slot *slot, const struct endpoint *from);

/* endpoint_set - set it in any case: waits for a writer to finish */
void endpoint_set(struct endpoint_slot *slot, const struct endpoint *to);

/* endpoint_forget_source - drop the sticky source, keep the remote address */
void endpoint_forget_source(struct endpoint_slot *slot);
