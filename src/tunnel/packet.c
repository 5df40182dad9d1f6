#include "tunnel/packet.h"

#include <netinet/in.h>

#include "tunnel/checksum.h"

static uint16_t transport_header(const struct packet *p)
{
	const struct tcp *tcp = (const void *)(p->at + p->l4);
	uint32_t have = p->length - p->l4;
	uint16_t n;

	switch (p->protocol) {
	case IPPROTO_UDP:
		return have >= sizeof(struct udp_header) ? sizeof(struct udp_header) : 0;
	case IPPROTO_TCP:
		if (have < sizeof(*tcp))
			return 0;
		n = (uint16_t)(4 * (tcp->offset >> 4));
		return n >= sizeof(*tcp) && n <= have ? n : 0;
	default:
		return 0;
	}
}

bool packet_parse(struct packet *out, void *at, size_t length)
{
	struct packet p = {.at = at};
	bool fragment = false;
	uint16_t header;

	if (length < sizeof(struct ip4))
		return false;
	p.version = p.at[0] >> 4;
	if (p.version == 4) {
		const struct ip4 *ip = at;

		p.l4 = (uint16_t)(4 * (ip->version_length & 15));
		p.length = be16_get(ip->length);
		p.protocol = ip->protocol;
		fragment = be16_get(ip->fragment) & IP4_FRAGMENT;
		if (p.l4 < sizeof(*ip))
			return false;
	} else if (p.version == 6 && length >= sizeof(struct ip6)) {
		const struct ip6 *ip = at;

		p.l4 = sizeof(*ip);
		p.length = p.l4 + (uint32_t)be16_get(ip->length);
		p.protocol = ip->protocol;
	} else {
		return false;
	}
	if (p.length < p.l4 || p.length > length)
		return false;
	header = fragment ? 0 : transport_header(&p);
	p.payload = (uint16_t)(p.l4 + header);
	p.whole = header > 0;
	*out = p;
	return true;
}

uint64_t packet_pseudo(const struct packet *p, uint32_t length)
{
	be32 tail[2] = {be32_put(length), be32_put(p->protocol)};
	size_t addresses = p->version == 4 ? 2 * 4 : 2 * 16;

	return checksum_add(checksum_add(0, packet_source(p), addresses), tail, sizeof(tail));
}

bool packet_check_is_right(const struct packet *p)
{
	uint32_t n = p->length - p->l4;

	if (p->protocol == IPPROTO_UDP) {
		const struct udp_header *udp = (const void *)(p->at + p->l4);

		if (be16_get(udp->length) != n)
			return false;
		if (p->version == 4 && !udp->check[0] && !udp->check[1])
			return true;
	}
	return checksum_is_right(checksum_add(packet_pseudo(p, n), p->at + p->l4, n));
}

void packet_finish_ip4(void *at)
{
	struct ip4 *ip = at;
	uint16_t check;

	memset(ip->check, 0, sizeof(ip->check));
	check = checksum_fold(checksum_add(0, at, 4 * (size_t)(ip->version_length & 15)));
	memcpy(ip->check, &check, sizeof(check));
}

void packet_set_length(struct packet *p, uint32_t length)
{
	p->length = length;
	if (p->version == 4) {
		((struct ip4 *)(void *)p->at)->length = be16_put((uint16_t)length);
		packet_finish_ip4(p->at);
	} else {
		((struct ip6 *)(void *)p->at)->length =
			be16_put((uint16_t)(length - sizeof(struct ip6)));
	}
}

/* RFC 6040, figure 4: rows are the inner header, columns the outer. */
enum { LOSE = 4 };
static const uint8_t decapsulated[4][4] = {
	/*               Not-ECT      ECT(1)       ECT(0)       CE */
	[ECN_NOT_ECT] = {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, LOSE},
	[ECN_ECT1] = {ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE},
	[ECN_ECT0] = {ECN_ECT0, ECN_ECT1, ECN_ECT0, ECN_CE},
	[ECN_CE] = {ECN_CE, ECN_CE, ECN_CE, ECN_CE},
};

bool packet_decapsulate(struct packet *p, uint8_t outer)
{
	uint8_t inner = packet_ecn(p);
	uint8_t want = decapsulated[inner][outer & ECN_MASK];

	if (want == LOSE)
		return false;
	if (want == inner)
		return true;
	if (p->version == 4) {
		struct ip4 *ip = (void *)p->at;
		uint16_t check, before, after;

		/* RFC 1624: adjusted, not computed anew, so that a wrong one stays wrong. */
		memcpy(&before, ip, sizeof(before));
		ip->tos = (uint8_t)((ip->tos & ~ECN_MASK) | want);
		memcpy(&after, ip, sizeof(after));
		memcpy(&check, ip->check, sizeof(check));
		check = checksum_fold((uint64_t)(uint16_t)~check + (uint16_t)~before + after);
		memcpy(ip->check, &check, sizeof(check));
	} else {
		p->at[1] = (uint8_t)((p->at[1] & ~(ECN_MASK << 4)) | want << 4);
	}
	return true;
}
