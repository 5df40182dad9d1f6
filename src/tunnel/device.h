/* device.h - one tunnel interface: who we are, our peers, and what is under way
 *
 * The protocol core.  It has no socket and no clock: datagrams and the time are
 * arguments, what it wants sent goes through device_calls.  Tests join two of
 * them by a lossy network in virtual time.
 *
 *	workers (data)                          control (this page)
 *	 find peers, sessions, endpoints         handshakes, timers, settings
 *	 record facts in them     --mailbox-->   device_step()
 *	 handshake datagrams      --a ring--->   device_receive()
 *	 staged packets, keepalives <--calls---  ready, keepalive, purge
 *
 * One thread, control, calls everything here.  The loop around it:
 *
 *	for each handshake datagram that waits: device_receive(d, &m, ...)
 *	deadline = device_step(d, &m)
 *	wait until deadline, or a datagram, or calls.wake, or the UAPI
 *
 * After any other call here (a setting, a new peer) device_step() is due at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/cookie.h"
#include "tunnel/drop.h"
#include "tunnel/endpoint.h"
#include "tunnel/index.h"
#include "tunnel/mail.h"
#include "tunnel/noise.h"
#include "tunnel/peer.h"
#include "tunnel/quiet.h"
#include "tunnel/ratelimit.h"
#include "tunnel/routes.h"
#include "tunnel/schedule.h"
#include "tunnel/wire.h"

enum {
	DEVICE_PEERS = 1 << 20, /* at most */
	DEVICE_LOAD = 512,	/* handshake datagrams waiting: under load */
	DEVICE_FAILURES = 500,	/* expensive handshakes in vain, a second: under load as well */
	DEVICE_STRANGERS = 20,	/* refused handshakes that are remembered, */
	DEVICE_ALIKE = 4,	/* and so many for each of the five reasons */
};

#define DEVICE_LOAD_LASTS SECOND /* and that long after */

/* Now, on both clocks (clock.h). */
struct moment {
	int64_t now;  /* ns, never jumps back */
	int64_t wall; /* ns since 1970 */
};

/* What the core asks of those around it; from control's thread, but for wake. */
struct device_calls {
	/* Send a handshake message (DSCP AF41).  0 or -errno; must not wait. */
	int (*send)(void *arg, const struct endpoint *to, const void *message, size_t length);

	/* The peer has a session to send under: send what is staged; when nothing is and
	 * `keepalive` is set, an empty packet. */
	void (*ready)(void *arg, struct peer *p, bool keepalive);

	/* The handshake was given up: drop what is staged. */
	void (*purge)(void *arg, struct peer *p);

	/* No worker sees this peer any more and it is about to be freed: free p->staged. */
	void (*release)(void *arg, struct peer *p);

	/* Any thread: let control run device_step() soon. */
	void (*wake)(void *arg);

	/* Fill with random bytes; NULL: from the kernel.  Tests put dice here. */
	void (*random)(void *arg, void *out, size_t n);

	/* For the log, each may be NULL: a handshake was completed; trouble that is new. */
	void (*completed)(void *arg, struct peer *p);
	void (*trouble)(void *arg, struct peer *p, enum trouble why);
};

/* A refused handshake that belongs to no peer. */
struct stranger {
	enum trouble why; /* TROUBLE_NONE: this place is empty */
	struct endpoint from;
	int64_t wall;
	uint8_t key[WIRE_KEY]; /* of TROUBLE_UNKNOWN_KEY: its public key, authenticated */
	uint64_t count;
};

struct device_walk;

struct device {
	const struct device_calls *calls;
	void *arg;

	/* shared with the workers */
	struct index index;
	struct routes routes;
	struct quiet quiet;
	struct mailbox mailbox;
	struct drops drops; /* of packets that belong to no peer */

	/* control's own */
	bool up;
	struct noise_identity identity; /* .known false: no private key */
	struct cookie_maker cookies;
	struct ratelimit ratelimit;
	struct schedule schedule;
	int64_t loaded_until;  /* under load */
	int64_t failures;      /* until when the bucket of failures is not empty */
	int64_t path_error_at; /* the last one that was looked at */
	int64_t wall_ahead;    /* device_stamp() */
	struct peer **hash;
	uint32_t hash_size, peer_count;
	uint8_t hash_key[16];
	struct peer *first, *last; /* in the order they were added */
	struct peer *spare;	   /* that were reserved; linked by `after` */
	uint32_t naming;	   /* config.c: which settings name a peer */
	struct device_walk *walks; /* that pause */
	struct stranger strangers[DEVICE_STRANGERS];
};

/* device_init - down, without a key and peers; device_done - workers have ended: wipe and free */
int device_init(struct device *d, const struct device_calls *calls, void *arg);
void device_done(struct device *d);

/* device_step - what workers posted, what is due by time, what can be freed
 *
 * Returns when to call it again at the latest (TIMERS_NEVER: when something happens).
 */
int64_t device_step(struct device *d, const struct moment *m);

/* A handshake datagram as it arrived. */
struct arrival_handshake {
	const void *datagram;
	size_t length;
	const struct endpoint
		*from; /* its source, and the local address and device it came in by */
};

/* device_receive - datagrams that wire_kind() calls handshake messages; others are ignored
 *
 * n        several at a time are cheaper than one by one (curve.h)
 * waiting  how many more wait: from DEVICE_LOAD on we are under load
 *
 * A flood that is too slow to make a queue would still cost the workers their
 * processor: so we are under load, too, while more than DEVICE_FAILURES
 * initiations a second are opened in vain.
 */
void device_receive(struct device *d, const struct moment *m, const struct arrival_handshake *a,
	size_t n, size_t waiting);

/* device_path_error - the network or the host says a datagram could not reach `to` (errno) */
void device_path_error(
	struct device *d, const struct moment *m, const union address *to, int error);

/* --- settings ------------------------------------------------------------ */

/* device_set_private_key - NULL: none
 *
 * All sessions end, since they belong to the old key, and begin anew when
 * packets want them.  A peer that has our own public key is removed.
 */
int device_set_private_key(struct device *d, const uint8_t key[WIRE_KEY], const struct moment *m);

/* device_up - handshakes may begin; persistent keepalives are sent at once
 * device_down - every session and handshake is wiped; settings stay */
void device_up(struct device *d, const struct moment *m);
void device_down(struct device *d);

/* device_find - by public key; NULL: no such peer */
struct peer *device_find(const struct device *d, const uint8_t key[WIRE_KEY]);

/* device_reserve - memory for so many new peers and allowed-ips: adding them cannot fail for want
 * of it, so that a list of changes is made whole or not at all
 * device_unreserve - free what was not used of it
 *
 * Returns 0, or -ENOMEM (nothing reserved).
 */
int device_reserve(struct device *d, size_t peers, size_t allowed_ips);
void device_unreserve(struct device *d);

/* A reader that goes from peer to peer and may pause meanwhile.  Zeroed: not begun. */
struct device_walk {
	struct device *device; /* NULL: not begun, or ended */
	struct peer *next;
	struct device_walk *other;
};

/* device_walk_begin - at the first peer
 * device_walk_next - a peer, or NULL after the last; what is added or removed during a pause is
 *                    met, or not met any more
 * device_walk_end - also where it was not begun; before the device is gone */
void device_walk_begin(struct device *d, struct device_walk *w);
struct peer *device_walk_next(struct device_walk *w);
void device_walk_end(struct device_walk *w);

/* device_add - a new peer, without endpoint, allowed-ips, preshared key
 *
 * peer  out: the peer, or NULL with 0 returned when the key is our own: then
 *       there is nothing to add, as a device is no peer of its own
 *
 * Returns 0, -EEXIST, -ENOSPC for too many, -ENOMEM.
 */
int device_add(struct device *d, const uint8_t key[WIRE_KEY], struct peer **peer);
void device_remove(struct device *d, struct peer *p);
void device_remove_all(struct device *d);

/* device_allow - an allowed-ip for a peer; loser: as routes_set() */
int device_allow(
	struct device *d, struct peer *p, const struct prefix *prefix, struct peer **loser);
bool device_disallow(struct device *d, struct peer *p, const struct prefix *prefix);
void device_disallow_all(struct device *d, struct peer *p);

/* device_set_preshared - all 0: none; applies from the next handshake, the session stays */
void device_set_preshared(struct device *d, struct peer *p, const uint8_t key[WIRE_KEY]);

/* device_set_endpoint - where to send from now on; the sticky source is forgotten */
void device_set_endpoint(struct device *d, struct peer *p, const union address *to);

/* device_set_keepalive - persistent keepalive in seconds, 0: off; when it is switched on while
 * the device is up, the first is sent at once */
void device_set_keepalive(
	struct device *d, struct peer *p, uint16_t seconds, const struct moment *m);

/* device_forget_source - the local address went away or may not be used: for all peers */
void device_forget_source(struct device *d);

/* --- for handshake.c ----------------------------------------------------- */

void device_random(struct device *d, void *out, size_t n);

/* device_jitter - 0 to TIMERS_JITTER at random */
int64_t device_jitter(struct device *d);

/* device_stamp - the time that goes into initiations, ns since 1970
 *
 * The wall clock, but it never goes back: peers accept only newer stamps, and
 * would refuse us until a clock that was set back has caught up.
 */
int64_t device_stamp(struct device *d, const struct moment *m);

/* device_settle - do what is due for a peer whose state changed, and know when to look again */
void device_settle(struct device *d, struct peer *p, const struct moment *m);

/* device_completed - both ends have the session */
void device_completed(struct device *d, struct peer *p, const struct moment *m);
