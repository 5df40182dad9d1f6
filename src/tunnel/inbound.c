#include "tunnel/inbound.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/packet.h"
#include "tunnel/probe.h"

int inbound_init(struct inbound *i, struct device *device, struct tun *tun, struct ring *handshakes,
	struct inbound_part *own, unsigned id)
{
	memset(i, 0, sizeof(*i));
	i->device = device;
	i->tun = tun;
	i->handshakes = handshakes;
	i->id = id;
	i->parts[0] = own;
	return udp_receiver_init(&i->receiver);
}

void inbound_done(struct inbound *i)
{
	udp_receiver_done(&i->receiver);
}

void inbound_add(struct inbound *i, struct team_member *m, struct inbound_part *part)
{
	team_add(&i->team, m);
	i->parts[i->team.count] = part;
}

void inbound_del(struct inbound *i)
{
	team_del(&i->team);
}

/* --- join, write ---------------------------------------------------------- */

/* The device declined a superframe: its packets one by one. */
static void write_singly(
	struct tun *tun, const struct join *j, unsigned frame, struct join_write *w)
{
	const struct join_frame *f = &j->frames[frame];

	for (unsigned k = 0; k < f->count; k++) {
		enum drop why;

		join_single(j, frame, k, w);
		why = tun_write(tun, w);
		if (why != DROP_NONE)
			peer_drop(f->owner, why, 1);
	}
}

/* A socket of the usual size holds so many large datagrams.  More of them in one go would only
 * push one another out, before the program that reads it has had the processor. */
enum { DATAGRAMS = 64 };

/* Who gives way may come back only after others have had their turns, which never sleep: where
 * that takes longer than a turn, it is not done again for so many times as long, and costs no
 * more than 2 % of the time. */
#define WAY_MOST (3 * MILLISECOND)
enum { WAY_APART = 50 };

static void give_way(struct inbound_part *part)
{
	int64_t before = clock_now(), took;

	if (before < part->keeps_until)
		return;
	sched_yield();
	took = clock_now() - before;
	if (took > WAY_MOST)
		part->keeps_until = before + WAY_APART * took;
}

static void write_frames(struct tun *tun, struct inbound_part *part)
{
	const struct join *j = &part->join;
	unsigned datagrams = 0;
	struct join_write w;

	for (unsigned k = 0; k < j->frame_count; k++) {
		const struct join_frame *f = &j->frames[k];
		enum drop why;

		join_frame(j, k, &w);
		why = tun_write(tun, &w);
		if (why == DROP_DEVICE_REFUSED && f->count > 1)
			write_singly(tun, j, k, &w);
		else if (why != DROP_NONE)
			peer_drop(f->owner, why, f->count);
		if (j->packets[f->first].packet.protocol == IPPROTO_UDP)
			datagrams += f->count;
		if (datagrams >= DATAGRAMS) {
			give_way(part);
			datagrams = 0;
		}
	}
}

static bool has_packet(const struct inbound *i, uint32_t k)
{
	return i->arrivals[k].why == DROP_NONE && i->jobs[k].length;
}

/* The flows of this part. */
static void write_part(void *arg, unsigned part)
{
	struct inbound *i = arg;
	struct join *j = &i->parts[part]->join;

	j->allowed = tun_joins(i->tun);
	for (uint32_t k = 0; k < i->count; k++) {
		const struct arrival *a = &i->arrivals[k];

		if (has_packet(i, k) && (i->shares == 1 || a->slot % i->shares == part))
			join_add(j, &a->packet, a->session->peer);
	}
	write_frames(i->tun, i->parts[part]);
	join_clear(j);
}

/* The same writes a flow in each burst, so that all of it goes the same way behind the device,
 * too.  Where something may belong to any flow, and has to keep its place among all: one. */
static void write_all(struct inbound *i)
{
	uint32_t parts = 0;

	i->shares = i->team.count + 1;
	for (uint32_t k = 0; k < i->count; k++) {
		if (!has_packet(i, k))
			continue;
		parts |= UINT32_C(1) << i->arrivals[k].slot % i->shares;
		if (i->arrivals[k].slot == JOIN_SLOTS)
			i->shares = parts = 1;
	}
	team_run(&i->team, parts, write_part, i);
}

/* --- replay ---------------------------------------------------------------- */

static void flush_record(struct inbound *i)
{
	struct inbound_record *r = &i->record;

	if (r->session)
		peer_received(r->session, i->now, r->bytes, r->data, &r->bundle->from);
	*r = (struct inbound_record){0};
}

static void record(struct inbound *i, const struct arrival *a, uint32_t datagram, bool data)
{
	struct inbound_record *r = &i->record;

	if (r->session != a->session || r->bundle != a->bundle)
		flush_record(i);
	r->session = a->session;
	r->bundle = a->bundle;
	r->bytes += datagram;
	r->data |= data;
}

static uint32_t inner_length(const struct arrival *a, const struct aead_job *j)
{
	return j->length && a->why != DROP_IN_NOT_IP ? a->packet.length : j->length;
}

/* In the order of arrival, and before an answer can come back. */
static void accept_all(struct inbound *i)
{
	for (uint32_t k = 0; k < i->count; k++) {
		const struct aead_job *j = &i->jobs[k];
		struct arrival *a = &i->arrivals[k];
		uint32_t datagram = WIRE_DATA_LEAST + j->length;

		if (!j->authentic) {
			a->why = DROP_NOT_AUTHENTIC;
		} else if (!session_accept(a->session, j->counter)) {
			a->why = DROP_REPLAYED;
		} else {
			record(i, a, datagram, j->length > 0);
			if (PROBE_OPEN_IS_ON)
				probe_open(j->data, inner_length(a, j), a->session->index.number,
					j->counter, datagram);
		}
		if (a->why != DROP_NONE)
			peer_drop(a->session->peer, a->why, 1);
	}
	flush_record(i);
}

/* --- open, source --------------------------------------------------------- */

static bool source_is_of(const struct inbound *i, const struct packet *p, const struct peer *peer)
{
	const struct routes *r = &i->device->routes;
	const uint8_t *source = packet_source(p);

	return (p->version == 4 ? routes_find4(r, source) : routes_find6(r, source)) == peer;
}

/* An authentic packet: may it go to the device? */
static enum drop admit(const struct inbound *i, struct arrival *a, const struct aead_job *j)
{
	struct packet *p = &a->packet;

	if (!packet_parse(p, j->data, j->length))
		return DROP_IN_NOT_IP;
	if (!source_is_of(i, p, a->session->peer))
		return DROP_SOURCE_NOT_ALLOWED;
	if (!packet_decapsulate(p, a->bundle->ecn))
		return DROP_ECN_INVALID;
	return DROP_NONE;
}

/* Some of the burst's packets; whole groups, as they are opened side by side. */
static void open_part(void *arg, unsigned part)
{
	enum { GROUP = 8 };
	struct inbound *i = arg;
	uint32_t groups = (i->count + GROUP - 1) / GROUP, shares = i->shares;
	uint32_t first = groups * part / shares * GROUP, end = groups * (part + 1) / shares * GROUP;

	if (end > i->count)
		end = i->count;
	aead_open(i->parts[part]->aead, i->jobs + first, end - first);
	for (uint32_t k = first; k < end; k++) {
		struct arrival *a = &i->arrivals[k];

		a->why = DROP_NONE;
		if (!i->jobs[k].authentic || !i->jobs[k].length)
			continue;
		a->why = admit(i, a, &i->jobs[k]);
		a->slot = a->why == DROP_NONE ? join_slot(&a->packet) : 0;
	}
}

static void open_all(struct inbound *i)
{
	unsigned all = i->team.count + 1, worth = 1 + i->count / INBOUND_SHARE;

	i->shares = worth < all ? worth : all;
	team_run(&i->team, (UINT32_C(1) << i->shares) - 1, open_part, i);
}

void inbound_write(struct inbound *i)
{
	if (!i->count)
		return;
	open_all(i);
	accept_all(i);
	write_all(i);
	i->count = 0;
}

/* --- sort ---------------------------------------------------------------- */

static enum drop sort_data(
	struct inbound *i, const struct udp_bundle *b, uint8_t *at, uint32_t length)
{
	const struct wire_data *d = (const void *)at;
	struct session *s = session_find(&i->device->index, le32_get(d->receiver));

	if (!s)
		return DROP_UNKNOWN_SESSION;
	if (!session_is_alive(s, i->now)) {
		peer_drop(s->peer, DROP_SESSION_EXPIRED, 1);
		return DROP_NONE;
	}
	if (i->count == INBOUND_PACKETS)
		inbound_write(i);
	i->arrivals[i->count] = (struct arrival){.session = s, .bundle = b};
	i->jobs[i->count] = (struct aead_job){
		.key = s->receive_key,
		.counter = le64_get(d->counter),
		.data = at + sizeof(*d),
		.length = length - WIRE_DATA_LEAST,
	};
	i->count++;
	return DROP_NONE;
}

static enum drop sort(struct inbound *i, const struct udp_bundle *b, uint8_t *at, uint32_t length)
{
	switch (wire_kind(at, length)) {
	case WIRE_DATA:
		return sort_data(i, b, at, length);
	case WIRE_INITIATION:
	case WIRE_RESPONSE:
	case WIRE_COOKIE:
		return ring_put(i->handshakes, &b->from, at, length) ? DROP_NONE
								     : DROP_HANDSHAKE_FULL;
	default:
		return DROP_NOT_A_MESSAGE;
	}
}

void inbound_bundle(struct inbound *i, const struct udp_bundle *b)
{
	struct drops *drops = &i->device->drops;

	if (b->cut_off || !b->size) {
		drop_count(drops, DROP_NOT_A_MESSAGE, 1);
		return;
	}
	for (uint32_t at = 0; at < b->length; at += b->size) {
		uint32_t rest = b->length - at;
		enum drop why = sort(i, b, b->at + at, rest < b->size ? rest : b->size);

		if (why != DROP_NONE)
			drop_count(drops, why, 1);
	}
}

int inbound_burst(struct inbound *i, int fd, int64_t now)
{
	int err = udp_receive(&i->receiver, fd);

	if (err)
		return err == -EAGAIN ? 0 : err;
	i->now = now;
	quiet_enter(&i->device->quiet, i->id);
	for (unsigned k = 0; k < i->receiver.count; k++)
		inbound_bundle(i, &i->receiver.bundles[k]);
	inbound_write(i);
	quiet_leave(&i->device->quiet, i->id);
	return i->receiver.count == UDP_BUNDLES;
}
