/* frame.h - small work on frames as packet sockets hand them over
 *
 * The kernel takes an 802.1Q tag out of a frame and keeps it beside it.  What
 * is written to a file, and what a "vlan" filter reads, has it where the wire
 * had it: behind the two addresses.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FRAME_TAG_SIZE = 4, FRAME_ADDRESSES = 12 };

/* frame_tag - put a VLAN tag back into an Ethernet frame, in place
 *
 * start  in: the frame, with FRAME_TAG_SIZE bytes of room before it; out: the
 *        frame with the tag, FRAME_TAG_SIZE longer
 * held   bytes of the frame that are there
 *
 * Returns false, and nothing is changed, when the addresses are not all there.
 */
bool frame_tag(uint8_t **start, uint32_t held, uint16_t tpid, uint16_t tci);
