#include "tunnel/unreachable.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "base/clock.h"
#include "tunnel/checksum.h"

#define INTERVAL (SECOND / 100)
enum {
	BURST = 50,
	QUOTE4 = 548, /* so that the error has no more than 576 bytes: RFC 1812 */
	HEADER = 8,   /* of ICMP: type, code, checksum, unused */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void put_check(uint8_t *icmp, uint64_t sum, uint32_t length)
{
	uint16_t check = checksum_fold(checksum_add(sum, icmp, length));

	memcpy(icmp + 2, &check, sizeof(check));
}

static uint32_t make4(uint8_t *out, const struct packet *p)
{
	const struct ip4 *in = (const void *)p->at;
	struct ip4 *ip = (void *)out;
	uint32_t quote = smaller(p->length, QUOTE4);
	uint8_t *icmp = out + sizeof(*ip);

	if (be16_get(in->fragment) & 0x1fff)
		return 0;
	if (in->destination[0] >= 224 || in->source[0] >= 224 || !in->source[0])
		return 0;
	if (p->protocol == IPPROTO_ICMP &&
		(p->length == p->l4 ||
			(p->at[p->l4] != ICMP_ECHO && p->at[p->l4] != ICMP_TIMESTAMP)))
		return 0;
	memset(out, 0, sizeof(*ip) + HEADER);
	ip->version_length = 0x45;
	ip->tos = 0xc0; /* internetwork control, as the kernel's */
	ip->length = be16_put((uint16_t)(sizeof(*ip) + HEADER + quote));
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	memcpy(ip->source, in->destination, 4);
	memcpy(ip->destination, in->source, 4);
	packet_finish_ip4(ip);
	icmp[0] = ICMP_DEST_UNREACH;
	icmp[1] = ICMP_HOST_UNREACH;
	memcpy(icmp + HEADER, p->at, quote);
	put_check(icmp, 0, HEADER + quote);
	return (uint32_t)sizeof(*ip) + HEADER + quote;
}

static uint32_t make6(uint8_t *out, const struct packet *p)
{
	static const uint8_t unspecified[16];
	const struct ip6 *in = (const void *)p->at;
	struct ip6 *ip = (void *)out;
	uint32_t quote = smaller(p->length, UNREACHABLE_MOST - sizeof(*ip) - HEADER);
	uint8_t *icmp = out + sizeof(*ip);
	struct packet made = {.at = out, .version = 6, .protocol = IPPROTO_ICMPV6};

	if (in->destination[0] == 0xff || in->source[0] == 0xff ||
		!memcmp(in->source, unspecified, sizeof(unspecified)))
		return 0;
	if (p->protocol == IPPROTO_ICMPV6 &&
		(p->length == p->l4 || !(p->at[p->l4] & ICMP6_INFOMSG_MASK)))
		return 0;
	memset(out, 0, sizeof(*ip) + HEADER);
	ip->version_class_flow = be32_put(0x60000000);
	ip->length = be16_put((uint16_t)(HEADER + quote));
	ip->protocol = IPPROTO_ICMPV6;
	ip->ttl = 64;
	memcpy(ip->source, in->destination, 16);
	memcpy(ip->destination, in->source, 16);
	icmp[0] = ICMP6_DST_UNREACH;
	icmp[1] = ICMP6_DST_UNREACH_ADDR;
	memcpy(icmp + HEADER, p->at, quote);
	put_check(icmp, packet_pseudo(&made, HEADER + quote), HEADER + quote);
	return (uint32_t)sizeof(*ip) + HEADER + quote;
}

uint32_t unreachable_make(uint8_t out[UNREACHABLE_MOST], const struct packet *p)
{
	return p->version == 4 ? make4(out, p) : make6(out, p);
}

bool unreachable_may(struct unreachable_limit *l, int64_t now)
{
	int64_t was = atomic_load_explicit(&l->until, memory_order_relaxed), until;

	do {
		until = (was > now ? was : now) + INTERVAL;
		if (until > now + BURST * INTERVAL)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&l->until, &was, until, memory_order_relaxed, memory_order_relaxed));
	return true;
}
