/* join.h - packets of one flow become a superframe for the device
 *
 * The opposite of cut.h.  Packets come in the order of their arrival, of many
 * flows; those that continue an open frame of their flow are hung on to it:
 *
 *	add    A1  B1  A2  A3  C1  B2  A4
 *	frames [A1 A2 A3 A4]  [B1 B2]  [C1]      written in the order of their first packet
 *
 *	written as  | vnet | header of A1, lengths adjusted | payload A1 | payload A2 | ...
 *
 * No byte of a payload is moved: a frame is written by one writev() that
 * gathers the payloads from where they were unsealed.  The packets are not
 * changed either, so that a refused frame can be written one by one.
 *
 * Not one packet of a flow overtakes another.  A packet that cannot continue
 * its flow's frame closes it and opens a new one behind; a fragment, whose
 * flow we cannot tell, closes all.
 *
 * TCP is joined where addresses, ports, ack, window, options, TOS, TTL and DF
 * are the same, flags are ACK (and PSH, which ends the frame), the sequence goes
 * on, and all payloads but a shorter last are of one size.  UDP likewise.  What
 * has a wrong checksum is never joined, as the kernel trusts a joined frame.
 *
 * Source: virtio 1.2 section 5.1.6.2; the kernel's GRO, net/ipv4/tcp_offload.c.
 */
#pragma once
#include <sys/uio.h>

#include "tunnel/packet.h"
#include "tunnel/vnet.h"

enum {
	JOIN_PACKETS = 512, /* held at once */
	JOIN_SLOTS = 64,    /* open frames, by hash of the flow */
	JOIN_MOST = 64,	    /* packets in a frame; kernels before 6.9 take no more of UDP */
	JOIN_PIECES = JOIN_MOST + 2,
};

/* What is joined: set from what the device takes. */
enum { JOIN_TCP4 = 1, JOIN_TCP6 = 2, JOIN_UDP = 4 };

struct join_packet {
	struct packet packet;
	uint16_t next; /* of the frame, as index + 1; 0: the last */
};

struct join_frame {
	void *owner;
	uint32_t length;   /* as one packet */
	uint32_t sequence; /* TCP: of the next packet */
	uint16_t first, last;
	uint16_t count;
	uint16_t size; /* payload of all packets but the last */
	bool closed;
	bool verified; /* its transport checksums were right */
};

/* A zeroed struct is empty. */
struct join {
	unsigned allowed; /* JOIN_TCP4 | ... */
	uint16_t packets_held, frame_count;
	uint16_t open[JOIN_SLOTS]; /* the newest frame of that hash, as index + 1; 0: none */
	struct join_packet packets[JOIN_PACKETS];
	struct join_frame frames[JOIN_PACKETS];
};

/* One write to the device. */
struct join_write {
	struct virtio_net_hdr vnet;
	uint8_t header[PACKET_HEADER_MOST];
	struct iovec pieces[JOIN_PIECES]; /* the first is vnet */
	int count;
};

/* join_slot - the hash of its flow, below JOIN_SLOTS; JOIN_SLOTS: it may belong to any */
uint8_t join_slot(const struct packet *p);

/* join_add - one more packet
 *
 * p      whose bytes stay where they are until join_clear()
 * owner  whose packet it is: packets of different owners are never joined
 *
 * Returns false when JOIN_PACKETS are held: write and clear first.
 */
bool join_add(struct join *j, const struct packet *p, void *owner);

/* join_frame - what to write for frame i, 0 .. j->frame_count - 1 */
void join_frame(const struct join *j, unsigned i, struct join_write *out);

/* join_single - what to write for packet k of frame i alone, where the frame was refused */
void join_single(const struct join *j, unsigned i, unsigned k, struct join_write *out);

/* join_clear - everything was written */
void join_clear(struct join *j);
