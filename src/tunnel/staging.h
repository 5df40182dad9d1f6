/* staging.h - packets that wait until their peer has a session
 *
 *	outbound --staging_put()--> [ p p p ] of a peer --staging_next()--> outbound, when
 *	                                                 control said staging_ready(); then
 *	                                                 staging_sent()
 *
 * At most 128 packets a peer, then the oldest go.  They lie in blocks of a pool
 * that is taken at start; its pages are touched only when they are needed.
 *
 * This is off the way of packets whose peer has a session, so it may have a
 * lock: outbound puts and takes, control declares ready, drops, and lets go of
 * peers that are removed.  staging_pending() is what the others pay: one load.
 *
 * Source: WireGuard whitepaper 6.4; the kernel module's staged_packet_queue.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/peer.h"

enum {
	STAGING_BLOCKS = 8192, /* 16 MiB of address space */
	STAGING_BLOCK = 2048,
	STAGING_PEERS = 8192, /* that can wait at once */
};

/* One peer's packets; peer->staged points at it while there are some. */
struct staged {
	struct peer *peer;   /* NULL: this place is free */
	struct staged *next; /* of all that wait; or of the free ones */
	struct staged *before;
	uint32_t first, last; /* blocks, as index + 1 */
	uint32_t count;
	bool ready; /* control: the peer has a session */
};

struct staging_block;

struct staging {
	pthread_mutex_t lock;
	struct staging_block *blocks;
	struct staged *places;
	uint32_t blocks_used, places_used; /* never touched beyond */
	uint32_t free_block;		   /* as index + 1 */
	struct staged *free_place;
	struct staged *waiting;
};

int staging_init(struct staging *s);

/* staging_done - nobody uses it any more; all peers' `staged` are NULL afterwards */
void staging_done(struct staging *s);

/* staging_pending - does anything of this peer wait, or is it just being sent?  Without the lock.
 *
 * Where it is, a thread that has newer packets of the peer takes the lock first.
 */
static inline bool staging_pending(const struct peer *p)
{
	return atomic_load_explicit(&p->staged, memory_order_acquire) != NULL;
}

/* staging_put - outbound: one more packet; copied
 *
 * Returns how many packets were lost for it: old ones of the same peer, or,
 * when the pool is empty, itself.  Then look for a session once more: when
 * control has published one meanwhile, nobody else will come for the packet.
 */
uint32_t staging_put(struct staging *s, struct peer *p, const void *packet, uint32_t length);

/* staging_lock, staging_unlock - around those below, and the use of what they return
 *
 * One lock for all peers, held while what waited is sent: 100 ms where the socket is full.
 */
void staging_lock(struct staging *s);
void staging_unlock(struct staging *s);

/* staging_waits - outbound: has the peer a packet for staging_next()? */
bool staging_waits(const struct peer *p);

/* staging_next - outbound: take the oldest packet of a peer; returns its length, 0: no more
 *
 * to  room for 65,535 bytes
 */
uint32_t staging_next(struct staging *s, struct peer *p, void *to);

/* staging_sent - outbound: what was taken is sent; until then the peer is pending */
void staging_sent(struct staging *s, struct peer *p);

/* staging_next_ready - outbound: a peer that control declared ready; NULL: no more */
struct peer *staging_next_ready(struct staging *s);

/* staging_ready - control: p has a session; returns false when nothing waits for it */
bool staging_ready(struct staging *s, struct peer *p);

/* staging_drop - control: let everything of this peer go; returns how many packets */
uint32_t staging_drop(struct staging *s, struct peer *p);
