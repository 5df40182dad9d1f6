/* status.h - what a tunnel that runs says about itself
 *
 * The answer to status=1 (uapi.h, config.h), read back into a struct: for
 * `warren tunnel status` and for the metrics.  The lines are those of get=1
 * without keys that are secret, and besides
 *
 *	now=SECONDS  up=true  own_key=HEX
 *	offload=KIND ...                     what is carried in superframes: tcp4 tcp6 udp, runs
 *	drop=REASON COUNT                    of the device before the first peer, then of each peer
 *	stranger=WHY ADDRESS SECONDS COUNT HEX
 *	session=current initiator AGE_MS SENT
 *	attempts=N                           of the handshake under way
 *	trouble=WHY ERRNO SECONDS
 *
 * A reader ignores keys that it does not know.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/address.h"
#include "tunnel/drop.h"
#include "tunnel/settings.h"
#include "tunnel/trouble.h"

enum { STATUS_SESSIONS = 3, STATUS_STRANGERS = 20, STATUS_OFFLOAD = 64 };

struct status_session {
	char which[16]; /* "current", "previous", "next" */
	bool initiator;
	uint64_t age;  /* milliseconds */
	uint64_t sent; /* packets */
};

struct status_stranger {
	enum trouble why;
	union address from;
	uint64_t at, count; /* seconds since 1970; how often */
	uint8_t key[SETTINGS_KEY];
};

struct status_peer {
	uint8_t public_key[SETTINGS_KEY];
	union address endpoint;
	uint64_t last_handshake; /* seconds since 1970; 0: never */
	uint64_t rx_bytes, tx_bytes;
	uint16_t keepalive;
	size_t allowed_ip, allowed_ips; /* first of status->allowed_ips, and how many */
	struct status_session sessions[STATUS_SESSIONS];
	unsigned session_count;
	unsigned attempts;    /* of the handshake under way; 0: none is */
	enum trouble trouble; /* why there is no handshake */
	int trouble_errno;
	uint64_t trouble_at; /* seconds since 1970 */
	uint64_t drops[DROP_REASONS];
};

/* A zeroed struct is valid. */
struct status {
	uint64_t now; /* seconds since 1970 */
	bool up;
	bool has_key;
	uint8_t own_key[SETTINGS_KEY];
	uint16_t listen_port;
	uint32_t fwmark;
	char offload[STATUS_OFFLOAD]; /* words, with a space between */
	uint64_t drops[DROP_REASONS];
	struct status_stranger strangers[STATUS_STRANGERS];
	unsigned stranger_count;
	struct status_peer *peers;
	size_t peer_count, peer_room;
	struct prefix *allowed_ips;
	size_t allowed_count, allowed_room;
	int error; /* the answer's errno: 0 or -errno */
};

/* status_parse - read an answer; 0, -EBADMSG, or -ENOMEM.  status_done() in any case. */
int status_parse(struct status *out, const char *text, size_t size);
void status_done(struct status *s);

/* status_has_session - one that may be used; `next` waits for the initiator to use it */
bool status_has_session(const struct status_peer *p);

/* status_reason - why a peer has no session; NULL: it has one
 *
 * What was recorded goes first; else what can be told from the settings.
 * text  out: the sentence
 */
const char *status_reason(const struct status *s, const struct status_peer *p, const char **text);
