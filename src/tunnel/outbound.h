/* outbound.h - the journey of packets from the device to their peers
 *
 *	read      superframes and packets from tun0, until there are no more
 *	route     whose packets are these?  longest prefix of the destination
 *	session   none: stage, and ask control for one
 *	cut       superframes into packets of the MTU, checksums completed
 *	seal      all packets of the burst
 *	send      in runs, by one call
 *
 * One thread owns a struct outbound and runs burst after burst.  A packet is
 * sent, waits in staging, or is counted under the reason for its end.
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

struct outbound_frame {
	struct cut cut;
	struct peer *peer; /* NULL: it has been dealt with */
};

struct outbound {
	struct device *device;
	struct tun *tun;
	struct staging *staging;
	_Atomic uint32_t *mtu;
	unsigned id; /* in device->quiet */
	int64_t now;
	struct unreachable_limit unreachable;
	uint8_t *memory; /* what is read, and room for one packet that was staged */
	struct burst burst;
	uint32_t at[OUTBOUND_FRAMES], lengths[OUTBOUND_FRAMES];
	uint32_t count, bytes; /* of the last burst */
	struct outbound_frame frames[OUTBOUND_FRAMES];
};

/* outbound_init - what o points to stays the caller's; aead: a kind, or NULL for the best */
int outbound_init(struct outbound *o, struct device *device, struct tun *tun, const struct udp *udp,
	struct staging *staging, _Atomic uint32_t *mtu, unsigned id, const char *aead);
void outbound_done(struct outbound *o);

/* outbound_burst - carry what the device has now; never waits but for a full socket
 *
 * Returns 0 when the device is empty, 1 when there may be more, or -errno of
 * the device.
 */
int outbound_burst(struct outbound *o, int64_t now);

/* outbound_flush - send what waits for peers that control has declared ready */
void outbound_flush(struct outbound *o, int64_t now);
