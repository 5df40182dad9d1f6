/* join_test.h - is the header of a joined frame what the kernel must be told?
 *
 * Worked out from the bytes that the device gets, and from nothing of join.c:
 * cut.c, which takes such frames apart in tests, believes neither the flags, nor
 * hdr_len, nor the check field.
 *
 * Source: virtio 1.2 section 5.1.6.2.
 */
#pragma once
#include <netinet/in.h>

#include "tunnel/packet.h"
#include "tunnel/vnet.h"

static inline uint32_t word_of(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

/* The Internet checksum's sum, the plain way: a word after the other, of an even number of bytes.
 */
static inline uint32_t plain_sum(uint32_t sum, const uint8_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 2)
		sum += word_of(at + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* superframe_fault - which field is wrong; "": none is
 *
 * vnet, frame, n  as they are written to the device
 * count           packets in it, at least 2
 */
static inline const char *superframe_fault(
	const struct virtio_net_hdr *vnet, const uint8_t *frame, uint32_t n, unsigned count)
{
	bool four = frame[0] >> 4 == 4, udp = frame[four ? 9 : 6] == IPPROTO_UDP;
	uint32_t l4 = four ? 20 : 40;
	uint32_t header = l4 + (udp ? 8 : 4u * (frame[l4 + 12] >> 4));
	uint32_t check = udp ? 6 : 16;
	uint8_t kind = udp    ? VIRTIO_NET_HDR_GSO_UDP_L4
		       : four ? VIRTIO_NET_HDR_GSO_TCPV4
			      : VIRTIO_NET_HDR_GSO_TCPV6;
	uint32_t pseudo = plain_sum(
		n - l4 + (udp ? IPPROTO_UDP : IPPROTO_TCP), frame + (four ? 12 : 8), four ? 8 : 32);

	if (!udp && frame[l4 + 13] & TCP_CWR)
		kind |= VIRTIO_NET_HDR_GSO_ECN;
	if (vnet->flags != VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return "flags";
	if (vnet->gso_type != kind)
		return "gso_type";
	if (vnet->hdr_len != header)
		return "hdr_len";
	if (!vnet->gso_size || (n - header + vnet->gso_size - 1) / vnet->gso_size != count)
		return "gso_size";
	if (vnet->csum_start != l4)
		return "csum_start";
	if (vnet->csum_offset != check)
		return "csum_offset";
	if (four ? word_of(frame + 2) != n : word_of(frame + 4) != n - 40)
		return "length of IP";
	if (four && (frame[0] != 0x45 || plain_sum(0, frame, 20) != 0xffff))
		return "checksum of IPv4";
	if (udp && word_of(frame + l4 + 4) != n - l4)
		return "length of UDP";
	if (word_of(frame + l4 + check) != pseudo)
		return "check";
	return "";
}
