/* inbound.h - the journey of packets from peers to the device
 *
 *	receive   runs of datagrams from the socket
 *	sort      handshakes to control; data by the session it names
 *	open      all packets of the burst; what is forged ends here
 *	replay    what was accepted before ends here
 *	source    is it an IP packet, and may this peer send from that address?
 *	join      packets of a flow into superframes
 *	write     to tun0
 *
 * One thread owns a struct inbound and runs burst after burst.  Nothing of a
 * packet is looked at before its tag was verified, except what names its
 * session.  Unauthenticated packets get silence.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/aead.h"
#include "tunnel/device.h"
#include "tunnel/join.h"
#include "tunnel/ring.h"
#include "tunnel/tun.h"
#include "tunnel/udp.h"

enum { INBOUND_PACKETS = 128 }; /* opened at once */

struct arrival {
	struct session *session;
	const struct udp_bundle *bundle;
};

/* Authentic datagrams of one session and source that are not yet recorded. */
struct inbound_record {
	struct session *session; /* NULL: none */
	const struct udp_bundle *bundle;
	uint64_t bytes;
	bool data;
};

struct inbound {
	struct device *device;
	struct tun *tun;
	struct ring *handshakes;
	struct aead *aead;
	unsigned id; /* in device->quiet */
	int64_t now;
	struct udp_receiver receiver;
	uint32_t count;
	struct aead_job jobs[INBOUND_PACKETS];
	struct arrival arrivals[INBOUND_PACKETS];
	struct inbound_record record;
	struct join join;
};

/* inbound_init - what i points to stays the caller's; aead: a kind, or NULL for the best */
int inbound_init(struct inbound *i, struct device *device, struct tun *tun, struct ring *handshakes,
	unsigned id, const char *aead);
void inbound_done(struct inbound *i);

/* inbound_burst - carry what this socket has now; never waits
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
