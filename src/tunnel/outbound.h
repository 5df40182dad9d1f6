/* outbound.h - the journey of packets from the device to their peers
 *
 *	read      superframes and packets from tun0, until there are no more
 *	route     whose packets are these?  longest prefix of the destination
 *	session   none: stage, and ask control for one
 *	cut       superframes into packets of the MTU, checksums completed
 *	seal      all packets of the burst
 *	send      in runs, by one call
 *
 * One thread owns a struct outbound and runs burst after burst.  Where there are
 * several, each reads its own queues of the device (tun.h); as a flow is always in
 * the same queue, none of its packets overtakes another.  Numbers are claimed
 * as bursts come.
 *
 * A packet is sent, waits in staging, or is counted under the reason for its end.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/burst.h"
#include "tunnel/cut.h"
#include "tunnel/device.h"
#include "tunnel/staging.h"
#include "tunnel/tun.h"
#include "tunnel/unreachable.h"

enum {
	OUTBOUND_FRAMES = 64,	     /* read for one burst */
	OUTBOUND_ENOUGH = 256 << 10, /* bytes read for one burst, and then one frame more */
};

/* What those share that read from one device. */
struct outbound_shared {
	struct device *device;
	struct tun *tun;
	struct staging staging;
	struct unreachable_limit unreachable;
	struct burst_losses losses;
	_Atomic uint32_t mtu;
	_Atomic bool one_by_one; /* a sender had to give up runs (udp_sends_runs) */
};

struct outbound_frame {
	struct cut cut;
	struct peer *peer; /* NULL: it has been dealt with */
};

struct outbound {
	struct outbound_shared *shared;
	unsigned id; /* in device->quiet */
	int64_t now;
	uint8_t *memory; /* what is read, and room for one packet that was staged */
	struct burst burst;
	uint32_t at[OUTBOUND_FRAMES], lengths[OUTBOUND_FRAMES];
	uint32_t count, bytes; /* of the last burst */
	struct outbound_frame frames[OUTBOUND_FRAMES];
};

/* outbound_shared_init - what s points to stays the caller's.  Returns 0 or -errno. */
int outbound_shared_init(
	struct outbound_shared *s, struct device *device, struct tun *tun, uint32_t mtu);
void outbound_shared_done(struct outbound_shared *s);

/* outbound_init - this thread's sockets and AEAD stay the caller's.  Returns 0 or -errno. */
int outbound_init(struct outbound *o, struct outbound_shared *shared, const struct udp *udp,
	struct aead *aead, unsigned id);
void outbound_done(struct outbound *o);

/* outbound_burst - carry what a queue of the device has now; never waits but for a full socket
 *
 * Returns 0 when the queue is empty, 1 when there may be more, or -errno of
 * the device.
 */
int outbound_burst(struct outbound *o, unsigned queue, int64_t now);

/* outbound_flush - send what waits for peers that control has declared ready */
void outbound_flush(struct outbound *o, int64_t now);
