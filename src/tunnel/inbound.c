#include "tunnel/inbound.h"

#include <errno.h>
#include <string.h>

#include "tunnel/packet.h"
#include "tunnel/probe.h"

int inbound_init(struct inbound *i, struct device *device, struct tun *tun, struct ring *handshakes,
	unsigned id, const char *aead)
{
	int err;

	memset(i, 0, sizeof(*i));
	i->device = device;
	i->tun = tun;
	i->handshakes = handshakes;
	i->id = id;
	i->join.allowed = tun->joins;
	err = udp_receiver_init(&i->receiver);
	if (err)
		return err;
	i->aead = aead_new(aead);
	if (i->aead)
		return 0;
	udp_receiver_done(&i->receiver);
	return -ENOMEM;
}

void inbound_done(struct inbound *i)
{
	udp_receiver_done(&i->receiver);
	aead_free(i->aead);
	i->aead = NULL;
}

/* --- write --------------------------------------------------------------- */

/* The device declined a superframe: its packets one by one. */
static void write_singly(struct inbound *i, unsigned frame, struct join_write *w)
{
	const struct join_frame *f = &i->join.frames[frame];

	for (unsigned k = 0; k < f->count; k++) {
		enum drop why;

		join_single(&i->join, frame, k, w);
		why = tun_write(i->tun, w);
		if (why != DROP_NONE)
			peer_drop(f->owner, why, 1);
	}
}

static void write_all(struct inbound *i)
{
	struct join_write w;

	for (unsigned k = 0; k < i->join.frame_count; k++) {
		const struct join_frame *f = &i->join.frames[k];
		enum drop why;

		join_frame(&i->join, k, &w);
		why = tun_write(i->tun, &w);
		if (why == DROP_DEVICE_REFUSED && f->count > 1)
			write_singly(i, k, &w);
		else if (why != DROP_NONE)
			peer_drop(f->owner, why, f->count);
	}
	join_clear(&i->join);
	i->join.allowed = i->tun->joins;
}

/* --- replay, source, join ------------------------------------------------ */

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

static bool source_is_of(const struct inbound *i, const struct packet *p, const struct peer *peer)
{
	const struct routes *r = &i->device->routes;
	const uint8_t *source = packet_source(p);

	return (p->version == 4 ? routes_find4(r, source) : routes_find6(r, source)) == peer;
}

/* An authentic, fresh packet: may it go to the device? */
static enum drop admit(
	struct inbound *i, const struct arrival *a, const struct aead_job *j, struct packet *p)
{
	if (!packet_parse(p, j->data, j->length))
		return DROP_IN_NOT_IP;
	if (!source_is_of(i, p, a->session->peer))
		return DROP_SOURCE_NOT_ALLOWED;
	if (!packet_decapsulate(p, a->bundle->ecn))
		return DROP_ECN_INVALID;
	return DROP_NONE;
}

static enum drop accept_one(struct inbound *i, const struct arrival *a, const struct aead_job *j)
{
	uint32_t datagram = WIRE_DATA_LEAST + j->length;
	struct packet p;
	enum drop why;

	if (!j->authentic)
		return DROP_NOT_AUTHENTIC;
	if (!session_accept(a->session, j->counter))
		return DROP_REPLAYED;
	record(i, a, datagram, j->length > 0);
	if (!j->length) {
		if (PROBE_OPEN_IS_ON)
			probe_open(j->data, 0, a->session->index.number, j->counter, datagram);
		return DROP_NONE; /* a keepalive */
	}
	why = admit(i, a, j, &p);
	if (PROBE_OPEN_IS_ON)
		probe_open(j->data, why == DROP_IN_NOT_IP ? j->length : p.length,
			a->session->index.number, j->counter, datagram);
	if (why != DROP_NONE)
		return why;
	if (!join_add(&i->join, &p, a->session->peer)) {
		flush_record(i); /* before an answer can come back */
		write_all(i);
		join_add(&i->join, &p, a->session->peer);
	}
	return DROP_NONE;
}

/* --- open ---------------------------------------------------------------- */

static void open_all(struct inbound *i)
{
	aead_open(i->aead, i->jobs, i->count);
	for (uint32_t k = 0; k < i->count; k++) {
		enum drop why = accept_one(i, &i->arrivals[k], &i->jobs[k]);

		if (why != DROP_NONE)
			peer_drop(i->arrivals[k].session->peer, why, 1);
	}
	flush_record(i);
	i->count = 0;
}

void inbound_write(struct inbound *i)
{
	open_all(i);
	write_all(i);
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
		open_all(i);
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
	if (b->cut_off || !b->size) {
		drop_count(&i->device->drops, DROP_NOT_A_MESSAGE, 1);
		return;
	}
	for (uint32_t at = 0; at < b->length; at += b->size) {
		uint32_t rest = b->length - at;
		enum drop why = sort(i, b, b->at + at, rest < b->size ? rest : b->size);

		if (why != DROP_NONE)
			drop_count(&i->device->drops, why, 1);
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
