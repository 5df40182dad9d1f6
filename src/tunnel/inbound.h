/* inbound.h - the journey of packets from peers to the device
 *
 *	receive   runs of datagrams from the socket
 *	sort      handshakes to control; data by the session it names
 *	open      all packets of the burst; what is forged ends here
 *	source    is it an IP packet, and may this peer send from that address?
 *	replay    what was accepted before ends here
 *	join      packets of a flow into superframes
 *	write     to tun0
 *
 * One thread owns a struct inbound and runs burst after burst.  Others may take
 * part as members of its team (team.h): then each opens some of a burst's packets, one
 * thread accepts them all in the order of arrival, and each writes some of the flows.
 * As a flow is always written by the same, and one burst after the other, none of
 * its packets overtakes another.
 *
 * Nothing of a packet is looked at before its tag was verified, except what names
 * its session.  Unauthenticated packets get silence.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/aead.h"
#include "tunnel/device.h"
#include "tunnel/join.h"
#include "tunnel/ring.h"
#include "tunnel/team.h"
#include "tunnel/tun.h"
#include "tunnel/udp.h"

enum {
	INBOUND_PACKETS = 512, /* opened at once */
	INBOUND_SHARE = 64,    /* packets that are worth another thread's while */
};
_Static_assert((int)INBOUND_PACKETS <= (int)JOIN_PACKETS, "all that were opened can be held");

struct arrival {
	struct session *session;
	const struct udp_bundle *bundle;
	struct packet
		packet; /* once it was opened, where why is DROP_NONE and it is no keepalive */
	enum drop why;	/* likewise: may it go to the device? */
	uint8_t slot;	/* of its flow (join.h) */
};

/* Authentic datagrams of one session and source that are not yet recorded. */
struct inbound_record {
	struct session *session; /* NULL: none */
	const struct udp_bundle *bundle;
	uint64_t bytes;
	bool data;
};

/* What a thread takes part with. */
struct inbound_part {
	struct aead *aead;
	struct join join;
	int64_t keeps_until; /* time before which it does not give way to other programs */
};

struct inbound {
	struct device *device;
	struct tun *tun;
	struct ring *handshakes;
	unsigned id; /* in device->quiet */
	int64_t now;
	struct udp_receiver receiver;
	uint32_t count;
	struct aead_job jobs[INBOUND_PACKETS];
	struct arrival arrivals[INBOUND_PACKETS];
	struct inbound_record record;

	struct team team;
	unsigned shares; /* in which the work at hand is cut, at most one for each */
	struct inbound_part *parts[TEAM_MEMBERS + 1]; /* the first is our own */
};

/* inbound_init - what i points to stays the caller's.  Returns 0 or -errno. */
int inbound_init(struct inbound *i, struct device *device, struct tun *tun, struct ring *handshakes,
	struct inbound_part *own, unsigned id);
void inbound_done(struct inbound *i);

/* inbound_add - between two bursts: m, who has `part`, takes part from now on
 * inbound_del - the last one does not any more */
void inbound_add(struct inbound *i, struct team_member *m, struct inbound_part *part);
void inbound_del(struct inbound *i);

/* inbound_burst - carry what this socket has now; never waits but for its team
 *
 * Returns 0 when the socket is empty, 1 when there may be more, or -errno of it.
 */
int inbound_burst(struct inbound *i, int fd, int64_t now);

/* inbound_bundle - the same for datagrams that are in memory: what a test or a fuzzer calls
 *
 * Between quiet_enter() and quiet_leave(), with i->now set.  b and its bytes must stay until
 * inbound_write(), which follows the last one.
 */
void inbound_bundle(struct inbound *i, const struct udp_bundle *b);
void inbound_write(struct inbound *i);
