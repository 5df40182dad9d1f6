/* checksum.h - the Internet checksum: sums of 16-bit words in ones' complement
 *
 * A sum grows in 64 bits, in the machine's own byte order, and is folded to the
 * 16 bits of the wire once, at the end:
 *
 *	uint64_t sum = checksum_pseudo(&p, packet);    addresses, protocol, length
 *	sum = checksum_add(sum, packet + p.l4, ...);   header and payload
 *	check = checksum_fold(sum);                    as it is stored; complement of the sum
 *
 * Pieces can be added in any order as long as each begins at an even offset of
 * the whole.  Over data that contains its own right checksum, the sum is
 * checksum_is_right().
 *
 * Source: RFC 1071, RFC 1624.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* checksum_add - the sum with `n` bytes more; an odd last byte counts as if a zero followed */
uint64_t checksum_add(uint64_t sum, const void *from, size_t n);

/* checksum_copy - the same, and copies the bytes on the way; they must not overlap */
uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t n);

/* checksum_reduce - to 16 bits, not complemented: what NEEDS_CSUM wants in the check field */
static inline uint16_t checksum_reduce(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* checksum_fold - the check field as it lies in the packet: store it with memcpy */
static inline uint16_t checksum_fold(uint64_t sum)
{
	return (uint16_t)~checksum_reduce(sum);
}

/* checksum_is_right - of a sum over data with its check field in it */
static inline bool checksum_is_right(uint64_t sum)
{
	return checksum_reduce(sum) == 0xffff;
}
