/* What a peer may have sealed: packets that are parsed, congestion-marked, joined,
 * and cut again.  Joined frames must cut into the very packets that went in.
 *
 * Input: a byte of flags, then packets: a 16-bit length and the bytes; and, with
 * bit 7, one frame of the device instead: a vnet header and the frame.
 */
#include <stdlib.h>

#include "tunnel/cut.h"
#include "tunnel/join.h"
#include "tunnel/join_test.h"

static uint8_t bytes[JOIN_PACKETS][4096], frame[70000], one[70000];
static struct join join;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void cut_frame(const uint8_t *in, size_t size)
{
	struct virtio_net_hdr vnet;
	struct cut c;

	if (size < sizeof(vnet) || size > CUT_FRAME_MOST)
		return;
	memcpy(&vnet, in, sizeof(vnet));
	memcpy(frame, in + sizeof(vnet), size - sizeof(vnet));
	if (cut_begin(&c, &vnet, frame, size - sizeof(vnet)) != DROP_NONE)
		return;
	while (cut_count(&c)) {
		uint32_t length = cut_length(&c);

		check(length <= CUT_FRAME_MOST);
		check(cut_next(&c, one) == length);
	}
}

static void check_joined(void)
{
	for (unsigned i = 0; i < join.frame_count; i++) {
		struct join_write w, alone;
		struct cut c;
		uint32_t n = 0, length;
		unsigned k = 0, count = join.frames[i].count;

		check(count <= JOIN_MOST && join.frames[i].length <= CUT_FRAME_MOST);
		join_frame(&join, i, &w);
		for (int v = 1; v < w.count; v++) {
			memcpy(frame + n, w.pieces[v].iov_base, w.pieces[v].iov_len);
			n += (uint32_t)w.pieces[v].iov_len;
		}
		check(n == join.frames[i].length);
		if (count > 1)
			check(!*superframe_fault(&w.vnet, frame, n, count));
		check(cut_begin(&c, &w.vnet, frame, n) == DROP_NONE);
		check(cut_count(&c) == count);
		for (; cut_count(&c); k++) {
			length = cut_next(&c, one);
			join_single(&join, i, k, &alone);
			check(alone.pieces[1].iov_len == length);
			/* Without DF ids count on; with it the kernel numbers as it likes. */
			if (one[0] >> 4 == 4 && count > 1)
				memcpy(one + 4, (uint8_t *)alone.pieces[1].iov_base + 4, 2),
					packet_finish_ip4(one);
			check(!memcmp(one, alone.pieces[1].iov_base, length));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t size)
{
	uint8_t flags;

	if (!size)
		return 0;
	flags = *in++;
	size--;
	if (flags & 0x80) {
		cut_frame(in, size);
		return 0;
	}
	join_clear(&join);
	join.allowed = flags & 7;
	for (unsigned i = 0; size > 2 && i < JOIN_PACKETS; i++) {
		size_t length = (size_t)(in[0] | in[1] << 8) % sizeof(bytes[0]);
		size_t have = length < size - 2 ? length : size - 2;
		struct packet p;

		memset(bytes[i], 0, sizeof(bytes[i]));
		memcpy(bytes[i], in + 2, have);
		in += 2 + have;
		size -= 2 + have;
		if (packet_parse(&p, bytes[i], length) && packet_decapsulate(&p, flags >> 3))
			check(join_add(&join, &p, NULL));
	}
	check_joined();
	return 0;
}
