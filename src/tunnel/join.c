#include "tunnel/join.h"

#include <netinet/in.h>

#include "tunnel/checksum.h"

static const struct tcp *tcp_of(const struct packet *p)
{
	return (const void *)(p->at + p->l4);
}

static uint32_t payload_length(const struct packet *p)
{
	return p->length - p->payload;
}

/* A fragment, or behind headers that are not read: its ports are not known. */
static bool may_be_of_any_flow(const struct packet *p)
{
	return !p->whole &&
	       (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP || p->version == 6);
}

/* Of what names a flow: addresses, and ports where there are some. */
static unsigned flow_hash(const struct packet *p)
{
	const uint8_t *at = packet_source(p);
	uint32_t word, hash = p->protocol;

	for (const uint8_t *end = at + (p->version == 4 ? 8 : 32); at < end; at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b1;
	}
	if (p->whole) {
		memcpy(&word, p->at + p->l4, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b1;
	}
	return hash >> 26;
}
_Static_assert(JOIN_SLOTS == 1 << (32 - 26), "flow_hash() gives a slot");

uint8_t join_slot(const struct packet *p)
{
	return may_be_of_any_flow(p) ? JOIN_SLOTS : (uint8_t)flow_hash(p);
}

/* May the packet be in a frame with others, by itself? */
static bool is_joinable(const struct join *j, const struct packet *p)
{
	if (!payload_length(p))
		return false;
	if (p->version == 4 &&
		(p->l4 != sizeof(struct ip4) || !checksum_is_right(checksum_add(0, p->at, p->l4))))
		return false;
	if (p->protocol == IPPROTO_UDP) {
		const struct udp_header *udp = (const void *)(p->at + p->l4);

		return j->allowed & JOIN_UDP && (udp->check[0] || udp->check[1]);
	}
	return j->allowed & (p->version == 4 ? JOIN_TCP4 : JOIN_TCP6) &&
	       (tcp_of(p)->flags | TCP_PSH) == (TCP_ACK | TCP_PSH);
}

/* Headers that must be the same, all but lengths, checksums, id and sequence. */
static bool same_headers(const struct join_frame *f, const struct packet *a, const struct packet *b)
{
	if (a->version != b->version || a->protocol != b->protocol || a->payload != b->payload)
		return false;
	if (a->version == 4) {
		const struct ip4 *x = (const void *)a->at, *y = (const void *)b->at;

		if (x->tos != y->tos || x->ttl != y->ttl ||
			memcmp(&x->fragment, &y->fragment, sizeof(x->fragment)) != 0)
			return false;
		/* Without DF the id tells packets apart: the kernel counts on from the first. */
		if (!(be16_get(x->fragment) & IP4_DF) &&
			be16_get(y->id) != (uint16_t)(be16_get(x->id) + f->count))
			return false;
		if (memcmp(x->source, y->source, 8) != 0)
			return false;
	} else {
		const struct ip6 *x = (const void *)a->at, *y = (const void *)b->at;

		if (memcmp(x, y, 4) != 0 || x->ttl != y->ttl ||
			memcmp(x->source, y->source, 32) != 0)
			return false;
	}
	return !memcmp(a->at + a->l4, b->at + b->l4, 4); /* ports */
}

static bool same_tcp(const struct join_frame *f, const struct packet *a, const struct packet *b)
{
	const struct tcp *x = tcp_of(a), *y = tcp_of(b);

	return be32_get(y->sequence) == f->sequence && !memcmp(&x->ack, &y->ack, 4) &&
	       !memcmp(&x->window, &y->window, 2) && !memcmp(&x->urgent, &y->urgent, 2) &&
	       x->offset == y->offset && /* and the reserved bits beside it */
	       !memcmp(x + 1, y + 1, (size_t)(a->payload - a->l4) - sizeof(*x));
}

static bool continues(
	const struct join *j, const struct join_frame *f, const struct packet *p, const void *owner)
{
	const struct packet *first = &j->packets[f->first].packet;
	uint32_t n = payload_length(p);

	return !f->closed && f->owner == owner && f->count < JOIN_MOST && n <= f->size &&
	       f->length + n <= UINT16_MAX && same_headers(f, first, p) &&
	       (p->protocol == IPPROTO_UDP || same_tcp(f, first, p)) && packet_check_is_right(p);
}

static void append(struct join_frame *f, const struct packet *p, uint16_t at)
{
	uint32_t n = payload_length(p);

	f->last = at;
	f->count++;
	f->length += n;
	f->sequence += n;
	f->closed = n < f->size || (p->protocol == IPPROTO_TCP && tcp_of(p)->flags & TCP_PSH);
}

bool join_add(struct join *j, const struct packet *p, void *owner)
{
	uint16_t at = j->packets_held;
	struct join_frame *f;
	uint16_t *slot = NULL;

	if (at == JOIN_PACKETS)
		return false;
	j->packets[at] = (struct join_packet){.packet = *p};
	j->packets_held++;

	if (p->whole) {
		slot = &j->open[flow_hash(p)];
		f = *slot ? &j->frames[*slot - 1] : NULL;
		if (is_joinable(j, p)) {
			if (f && continues(j, f, p, owner)) {
				j->packets[f->last].next = (uint16_t)(at + 1);
				append(f, p, at);
				return true;
			}
		} else {
			*slot = 0;
			slot = NULL;
		}
	} else if (may_be_of_any_flow(p)) {
		memset(j->open, 0, sizeof(j->open));
	}

	f = &j->frames[j->frame_count++];
	*f = (struct join_frame){.owner = owner, .length = p->payload, .first = at, .closed = true};
	if (slot) {
		*slot = j->frame_count;
		f->size = (uint16_t)payload_length(p);
		f->sequence = p->protocol == IPPROTO_TCP ? be32_get(tcp_of(p)->sequence) : 0;
	}
	append(f, p, at);
	f->verified = p->whole && packet_check_is_right(p);
	f->closed |= !slot || !f->verified;
	return true;
}

static void gather(struct join_write *w, void *at, size_t length)
{
	w->pieces[w->count++] = (struct iovec){at, length};
}

static void write_single(const struct packet *p, bool verified, struct join_write *out)
{
	out->vnet = (struct virtio_net_hdr){0};
	if (verified)
		out->vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	out->count = 0;
	gather(out, &out->vnet, sizeof(out->vnet));
	gather(out, p->at, p->length);
}

void join_single(const struct join *j, unsigned i, unsigned k, struct join_write *out)
{
	const struct join_frame *f = &j->frames[i];
	const struct join_packet *p = &j->packets[f->first];

	while (k--)
		p = &j->packets[p->next - 1];
	write_single(&p->packet, f->verified, out);
}

/* The first packet's header, as the header of all. */
static void write_header(const struct join *j, const struct join_frame *f, struct join_write *out)
{
	struct packet p = j->packets[f->first].packet;
	uint32_t length = f->length - p.l4;
	bool udp = p.protocol == IPPROTO_UDP;
	uint16_t check;

	memcpy(out->header, p.at, p.payload);
	p.at = out->header;
	packet_set_length(&p, f->length);
	out->vnet = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = udp		     ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : p.version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
					     : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = p.payload,
		.gso_size = f->size,
		.csum_start = p.l4,
		.csum_offset =
			udp ? offsetof(struct udp_header, check) : offsetof(struct tcp, check),
	};
	if (udp) {
		((struct udp_header *)(void *)(p.at + p.l4))->length = be16_put((uint16_t)length);
	} else if (tcp_of(&j->packets[f->last].packet)->flags & TCP_PSH) {
		((struct tcp *)(void *)(p.at + p.l4))->flags |= TCP_PSH;
	}
	check = checksum_reduce(packet_pseudo(&p, length));
	memcpy(p.at + p.l4 + out->vnet.csum_offset, &check, sizeof(check));
}

void join_frame(const struct join *j, unsigned i, struct join_write *out)
{
	const struct join_frame *f = &j->frames[i];
	const struct join_packet *p = &j->packets[f->first];

	if (f->count == 1) {
		write_single(&p->packet, f->verified, out);
		return;
	}
	write_header(j, f, out);
	out->count = 0;
	gather(out, &out->vnet, sizeof(out->vnet));
	gather(out, out->header, p->packet.payload);
	for (;; p = &j->packets[p->next - 1]) {
		gather(out, p->packet.at + p->packet.payload, payload_length(&p->packet));
		if (!p->next)
			break;
	}
}

void join_clear(struct join *j)
{
	j->packets_held = 0;
	j->frame_count = 0;
	memset(j->open, 0, sizeof(j->open));
}
