/* losses.h - which captured packets were lost afterwards, and why
 *
 * A capture shows frames where they pass a device; that the kernel then drops
 * one is not seen.  So the drops of packets that match the same filter are
 * taken from the kernel (trace.h) beside the capture, and found again by the
 * packet's signature:
 *
 *	r1@R  echo request   <-- "dropped in R: NETFILTER_DROP at nft_do_chain: ..."
 *
 * Frames are handed on some milliseconds late (capture.h), so the drop is
 * known when its frame is written, unless it comes much later: a packet that
 * waits three seconds for ARP.  Remembers the last few thousand drops.
 *
 * Needs what trace needs; without it there are no reasons.  One thread owns a
 * struct losses; a zeroed one finds nothing.
 */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "see/signature.h"
#include "see/trace.h"

enum { LOSSES_KEPT = 16384, LOSS_TEXT = 256 };

struct losses {
	struct trace trace;
	bool open;
	int64_t wall; /* of the kernel's clock */
	struct loss {
		uint64_t whole, location;
		int64_t time; /* nanoseconds since 1970 */
		uint32_t netns, reason;
	} * kept; /* by signature; the newer wins */
	char text[LOSS_TEXT];
};

/* losses_open - begin to note drops; 0 or -errno, and then the struct finds nothing */
int losses_open(struct losses *l, const char *filter, struct error *e);
void losses_close(struct losses *l);

/* losses_read - take in what has happened; never waits */
void losses_read(struct losses *l);

/* losses_find - what became of a packet that was in a namespace at a time
 *
 * node   the namespace's name, for the text
 * netns  its inode
 *
 * Returns a text that lasts until the next call, or NULL: not lost there.
 */
const char *losses_find(struct losses *l, const struct signature *s, const char *node,
	uint64_t netns, int64_t time);
