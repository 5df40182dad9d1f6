#include "see/ring.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "see/frame.h"

enum {
	BLOCK_SMALL = 256 << 10, /* holds the largest superframe four times */
	BLOCK_LARGE = 1 << 20,
	BLOCKS_FEWEST = 4,
	FRAME_UNIT =
		2048, /* the kernel wants one; with blocks of frames of any size it means nothing */
};

#ifndef TP_STATUS_GSO_TCP /* since Linux 6.8 */
#define TP_STATUS_GSO_TCP (1 << 8)
#endif

/* Where the address stands behind a frame's header. */
enum { ADDRESS_OFFSET = (sizeof(struct tpacket3_hdr) + 15) / 16 * 16 };

/* A frame is stamped a little before it lies in the block: what an interrupt may take. */
#define IN_FLIGHT (2 * MILLISECOND)

static struct tpacket_block_desc *block_at(const struct ring *r, uint32_t block)
{
	return (struct tpacket_block_desc *)(r->memory + (size_t)block * r->block_size);
}

int ring_open(struct ring *r, int socket, size_t size, int64_t patience)
{
	struct tpacket_req3 want = {0};
	int version = TPACKET_V3, room = FRAME_TAG_SIZE;
	void *memory;

	want.tp_block_size = size >= 8 * (size_t)BLOCK_LARGE ? BLOCK_LARGE : BLOCK_SMALL;
	want.tp_block_nr = (unsigned)(size / want.tp_block_size);
	if (want.tp_block_nr < BLOCKS_FEWEST)
		want.tp_block_nr = BLOCKS_FEWEST;
	want.tp_frame_size = FRAME_UNIT;
	want.tp_frame_nr = want.tp_block_size / FRAME_UNIT * want.tp_block_nr;
	want.tp_retire_blk_tov = (unsigned)(patience / MILLISECOND);
	if (setsockopt(socket, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
		setsockopt(socket, SOL_PACKET, PACKET_RESERVE, &room, sizeof(room)) ||
		setsockopt(socket, SOL_PACKET, PACKET_RX_RING, &want, sizeof(want)))
		return -errno;
	memory = mmap(NULL, (size_t)want.tp_block_size * want.tp_block_nr, PROT_READ | PROT_WRITE,
		MAP_SHARED, socket, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*r = (struct ring){.socket = socket,
		.memory = memory,
		.block_size = want.tp_block_size,
		.blocks = want.tp_block_nr,
		.patience = patience};
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->memory)
		munmap(r->memory, (size_t)r->block_size * r->blocks);
	*r = (struct ring){0};
}

int ring_next(struct ring *r)
{
	const struct tpacket_bd_ts *last;
	uint32_t block = r->next;

	if (r->held == r->blocks)
		return -1;
	if (!(__atomic_load_n(&block_at(r, block)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
		    TP_STATUS_USER))
		return -1;
	/* What is to come comes after this block's last. */
	last = &block_at(r, block)->hdr.bh1.ts_last_pkt;
	if (r->floor < last->ts_sec * SECOND + last->ts_nsec - IN_FLIGHT)
		r->floor = last->ts_sec * SECOND + last->ts_nsec - IN_FLIGHT;
	r->next = (block + 1) % r->blocks;
	r->held++;
	return (int)block;
}

uint32_t ring_read(const struct ring *r, int block, ring_each *each, void *arg)
{
	const struct tpacket_block_desc *b = block_at(r, (uint32_t)block);
	const uint8_t *at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
	uint32_t n = b->hdr.bh1.num_pkts;

	for (uint32_t i = 0; i < n; i++) {
		const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)at;

		each(h->tp_sec * SECOND + h->tp_nsec, at, arg);
		at += h->tp_next_offset;
	}
	return n;
}

struct ring_frame ring_frame(const void *at)
{
	const struct tpacket3_hdr *h = at;
	const struct sockaddr_ll *from =
		(const struct sockaddr_ll *)((const uint8_t *)at + ADDRESS_OFFSET);

	return (struct ring_frame){.time = h->tp_sec * SECOND + h->tp_nsec,
		.bytes = (uint8_t *)at + h->tp_mac,
		.held = h->tp_snaplen,
		.length = h->tp_len,
		.index = from->sll_ifindex,
		.hatype = from->sll_hatype,
		.kind = from->sll_pkttype,
		.checksum_pending = h->tp_status & TP_STATUS_CSUMNOTREADY,
		.checksum_valid = h->tp_status & TP_STATUS_CSUM_VALID,
		.segments = h->tp_status & TP_STATUS_GSO_TCP,
		.tagged = h->tp_status & TP_STATUS_VLAN_VALID,
		.tpid = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : 0,
		.tci = (uint16_t)h->hv1.tp_vlan_tci};
}

void ring_release(struct ring *r, int block)
{
	struct tpacket_hdr_v1 *h = &block_at(r, (uint32_t)block)->hdr.bh1;

	h->num_pkts = 0; /* for ring_floor(), until the kernel opens it */
	__atomic_store_n(&h->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->held--;
}

int64_t ring_floor(struct ring *r, int64_t now)
{
	const struct tpacket_hdr_v1 *h = &block_at(r, r->next)->hdr.bh1;
	bool ours = __atomic_load_n(&h->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;

	/* Frames in the open block came after it was last seen empty: the old floor stands. */
	if (r->held < r->blocks && !ours && !__atomic_load_n(&h->num_pkts, __ATOMIC_RELAXED))
		r->floor = now - IN_FLIGHT;
	return r->floor;
}
