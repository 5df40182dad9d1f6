/* ring.h - frames of a packet socket, shared with the kernel in memory
 *
 *	      kernel fills                       we read and hold
 *	   .---- open -----.    .-- retired --. .-- retired --.
 *	   | f f f f       | <- | f f f f f f | | f f f       |   blocks of 256 KiB or more,
 *	   '---------------'    '-------------' '-------------'   used in turn
 *	        retires when full, or after ring->patience
 *
 * The kernel appends frames to its open block; when that is retired it is ours
 * until ring_release().  Nothing is copied on the way.  A frame that finds all
 * blocks taken is lost and counted (packet_counters()).
 *
 * To merge many rings by time one must know of a silent ring that it really
 * has nothing older: ring_floor() looks into the open block's count.
 *
 * One thread owns a ring.  Source: Linux Documentation/networking/packet_mmap.rst (TPACKET_V3).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ring {
	int socket;
	uint8_t *memory;
	uint32_t block_size, blocks;
	uint32_t next;	  /* the block that is retired next */
	uint32_t held;	  /* retired blocks that have not been released */
	int64_t patience; /* nanoseconds after which a block with frames in it retires */
	int64_t floor;
};

struct ring_frame {
	int64_t time; /* nanoseconds since 1970 */
	uint8_t *bytes;
	uint32_t held, length; /* bytes here, and bytes of the whole frame */
	int index;	       /* of the device */
	int hatype;	       /* ARPHRD_* */
	uint8_t kind;	       /* PACKET_HOST, PACKET_OUTGOING, ... */
	bool checksum_pending, checksum_valid, segments;
	bool tagged; /* `tpid` and `tci` were taken out of the frame; there is room before `bytes`
		      */
	uint16_t tpid, tci;
};

/* ring_open - give the socket a ring of about `size` bytes
 *
 * socket    from packet_open(), filter attached, not yet bound; stays the
 *           caller's
 * patience  nanoseconds, at least a millisecond
 *
 * Returns 0 or -errno (ENOMEM: ask for less).
 */
int ring_open(struct ring *r, int socket, size_t size, int64_t patience);
void ring_close(struct ring *r); /* of a zeroed struct: does nothing */

/* ring_next - the next retired block, to be read and then released; or -1
 *
 * Blocks come in the order of their frames, and are released in any.
 */
int ring_next(struct ring *r);

/* ring_read - call `each` for every frame of a block; returns how many there are
 *
 * at  for ring_frame(), until the block is released
 */
typedef void ring_each(int64_t time, const void *at, void *arg);
uint32_t ring_read(const struct ring *r, int block, ring_each *each, void *arg);

/* ring_frame - all about the frame; `bytes` last until its block is released */
struct ring_frame ring_frame(const void *at);

void ring_release(struct ring *r, int block);

/* ring_floor - no frame that is still to come is older than this
 *
 * now  nanoseconds since 1970, read before the last ring_next() that gave -1
 */
int64_t ring_floor(struct ring *r, int64_t now);
