/* burst.h - datagrams that are sealed together and sent in runs
 *
 * Outbound's last stations.  Packets are written one behind the other into one
 * piece of memory, each with room for its header, padding and tag; neighbours
 * of the same peer, size and congestion bits are a run (udp.h):
 *
 *	burst_to(peer 1)                        burst_to(peer 2)
 *	burst_add x4                            burst_add
 *	| H packet T | H packet T | H pack. T |  | H packet T |
 *	 <------- run, one size but the last ->   <-- run --->
 *
 *	burst_send(): seal all, send all, record what was sent and what was lost
 *
 * What is lost is counted, and said in the log: once, and again only after a
 * minute without.
 *
 * A burst belongs to outbound, within one quiet_enter() and quiet_leave().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "tunnel/aead.h"
#include "tunnel/peer.h"
#include "tunnel/udp.h"

enum {
	BURST_PACKETS = 512,
	BURST_BYTES = 512 << 10,
	BURST_ENOUGH = 256 << 10,		/* from here on it is worth sending */
	BURST_PACKET_MOST = UDP_RUN_BYTES - 32, /* what a datagram can hold of a packet */
};

#define BURST_SAY_AGAIN (60 * SECOND)

/* When a run was last lost, for each reason; of all threads of a tunnel.  Zeroed: never. */
struct burst_losses {
	_Atomic int64_t at[DROP_REASONS];
};

struct burst {
	const struct udp *udp;
	struct udp_sender *sender;
	struct aead *aead;
	struct burst_losses *losses;
	uint8_t *memory;
	uint32_t used, packets, run_count;
	bool run_open; /* the last run may grow */

	/* where to, for the packets that are added */
	struct session *session;
	struct endpoint to;

	struct aead_job jobs[BURST_PACKETS];
	uint16_t lengths[BURST_PACKETS]; /* without padding */
	struct udp_run runs[UDP_RUNS];
	struct session *sessions[UDP_RUNS];
};

/* burst_init - udp, losses and aead, which is the thread's, stay the caller's.  Returns 0 or
 * -errno. */
int burst_init(
	struct burst *b, const struct udp *udp, struct aead *aead, struct burst_losses *losses);
void burst_done(struct burst *b);

/* burst_to - the packets that follow are for the peer of s, at this endpoint */
void burst_to(struct burst *b, struct session *s, const struct endpoint *to);

/* burst_add - room for one more packet
 *
 * counter  claimed of the session
 * length   of the packet, at most BURST_PACKET_MOST
 * mtu      no padding beyond it
 * ecn      the packet's congestion bits
 *
 * Returns where to write `length` bytes, before the next call; NULL when the
 * burst is full: send it first.
 */
uint8_t *burst_add(struct burst *b, uint64_t counter, uint32_t length, uint32_t mtu, uint8_t ecn);

/* burst_send - seal and send everything; the burst is empty afterwards */
void burst_send(struct burst *b, int64_t now);
