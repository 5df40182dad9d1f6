/* cut.h - a superframe of the device becomes packets of the MTU
 *
 * With offload the kernel hands us up to 64 KiB of one flow as one frame, with
 * one header and a size to cut its payload to:
 *
 *	vnet    gso_type, gso_size, csum_start
 *	frame   | IP TCP | payload ............................................ |
 *	                 <- gso_size -><- gso_size -><- gso_size -><-   rest   ->
 *
 *	cut_next()   | IP TCP | payload |     once for each, into the place where
 *	             | IP TCP | payload |     it will be sealed; lengths, sequence
 *	             | IP TCP | rest |        numbers and checksums are right
 *
 * A frame that is one packet already comes out as it is, with its checksum
 * completed where the kernel left that to us.  Copy and checksum are one pass.
 *
 * Source: virtio 1.2 section 5.1.6; Linux Documentation/networking/segmentation-offloads.rst.
 */
#pragma once
#include "tunnel/drop.h"
#include "tunnel/packet.h"
#include "tunnel/vnet.h"

enum { CUT_FRAME_MOST = 65535 };

struct cut {
	struct packet packet; /* the frame, as if it were one packet */
	uint32_t header;      /* bytes in front of each payload: IP and transport headers */
	uint32_t size;	      /* payload of each packet but the last */
	uint32_t at;	      /* how much of the payload is cut off already */
	uint32_t payload;     /* of the whole frame */
	uint16_t l4;	      /* the transport header */
	uint16_t index;	      /* of the next packet */
	uint16_t check;	      /* single packet: where the checksum goes; 0: it is complete */
	bool single;
};

/* cut_begin - look at a frame
 *
 * vnet, frame, length  as tun_read() gave them; the frame must stay until the last cut_next()
 *
 * Returns DROP_NONE, or DROP_OUT_NOT_IP, DROP_OUT_FRAME: then there is nothing to cut.
 */
enum drop cut_begin(struct cut *c, const struct virtio_net_hdr *vnet, void *frame, size_t length);

/* cut_count - how many packets it will be, from here on */
static inline uint32_t cut_count(const struct cut *c)
{
	if (c->single)
		return 1 - c->index;
	return (c->payload - c->at + c->size - 1) / c->size;
}

/* cut_length - of the next packet; the largest of those that follow */
static inline uint32_t cut_length(const struct cut *c)
{
	uint32_t rest = c->payload - c->at;

	return c->header + (rest < c->size ? rest : c->size);
}

/* cut_next - write the next packet to `to`, which holds cut_length() bytes; returns its length
 *
 * Only while cut_count() is not 0.
 */
uint32_t cut_next(struct cut *c, uint8_t *to);
