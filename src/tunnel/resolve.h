/* resolve.h - endpoints that are names
 *
 * A name may get another address at any time (dynamic DNS), and a WireGuard
 * endpoint that was looked up once stays dead when it does.  So a name is
 * looked up at the start, and again whenever the handshake with its peer goes
 * unanswered; each time the peer gets the next of its addresses, so that A and
 * AAAA records are tried in turn.
 *
 *	start, or a handshake unanswered --> a helper process asks --> addresses
 *	                                                                  |
 *	       packet process <--PRIVILEGE_ENDPOINT-- the one after the last tried
 *
 * Asking may take many seconds and is done by a process of its own for each
 * question, so that nothing here waits.  A name that cannot be resolved is
 * asked for again, less and less often.  In the parent, on its loop.
 */
#pragma once
#include "base/loop.h"
#include "tunnel/address.h"
#include "tunnel/conf.h"

struct resolve_name;

/* An address for a peer was found. */
typedef void resolve_found(void *arg, const uint8_t key[SETTINGS_KEY], const union address *at);

struct resolve {
	struct loop *loop;
	resolve_found *found;
	void *arg;
	struct resolve_name *first;
	struct watch timer; /* names that have to be asked for again */
};

int resolve_open(struct resolve *r, struct loop *loop, resolve_found *found, void *arg);
void resolve_close(struct resolve *r);

/* resolve_set - these are the names now; those that are new are asked for */
int resolve_set(struct resolve *r, const struct conf_name *names, size_t count);

/* resolve_again - the handshake with this peer goes unanswered; nothing for one without a name */
void resolve_again(struct resolve *r, const uint8_t key[SETTINGS_KEY]);

/* resolve_pick - which address to try: the one after `last`, else the first
 *
 * Pure.  Addresses of the same host in A and AAAA records come interleaved
 * from the caller; last may be AF_UNSPEC.
 */
size_t resolve_pick(const union address *list, size_t count, const union address *last);
