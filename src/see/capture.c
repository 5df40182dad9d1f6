#include "see/capture.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "see/frame.h"
#include "see/packet.h"

enum {
	MEMORY_USUAL = 128 << 20,
	RING_LARGEST = 16 << 20,
	RING_SMALLEST = 1 << 20,
};

/* How often names that are about to become namespaces are looked at. */
#define SETTLE_STEP (50 * MILLISECOND)

/* ---- devices ---- */

static struct capture_device *device_open(
	struct capture *c, struct room *room, struct room_device *d)
{
	struct capture_device **grown, *made;

	if (d->user)
		return d->user;
	grown = realloc(c->devices, (c->device_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	c->devices = grown;
	made = calloc(1, sizeof(*made));
	if (!made)
		return NULL;
	snprintf(made->name, sizeof(made->name), "%s@%s", d->name, room->node.name);
	made->number = (uint32_t)c->device_count;
	made->room = room->number;
	made->link = filter_link(d->hatype);
	c->devices[c->device_count++] = made;
	d->user = made;
	return made;
}

/* A frame of a device that came and went before its name could be read. */
static struct capture_device *device_nameless(
	struct capture *c, struct room *room, const struct ring_frame *f)
{
	struct room_device **grown = realloc(room->devices, (room->count + 1) * sizeof(*grown));
	struct room_device *d = calloc(1, sizeof(*d));

	if (grown)
		room->devices = grown;
	if (!grown || !d) {
		free(d);
		return NULL;
	}
	*d = (struct room_device){.index = f->index,
		.hatype = f->hatype,
		.wanted = filter_link(f->hatype) >= 0,
		.gone = true};
	snprintf(d->name, sizeof(d->name), "if%d", f->index);
	room->devices[room->count++] = d;
	return device_open(c, room, d);
}

/* ---- sources ---- */

static void source_ready(struct watch *w, uint32_t events)
{
	/* Every step looks into every ring: waking up is all. */
}

static void source_free(struct capture_source *s)
{
	if (s->watch.ready)
		loop_del(&s->capture->loop, &s->watch);
	ring_close(&s->ring);
	if (s->socket >= 0)
		close(s->socket);
	free(s->left);
	free(s);
}

static int source_prepare(struct capture_source *s, struct room_device *d, struct error *e)
{
	struct capture *c = s->capture;
	const struct filter *f = &c->pair;
	int err, one = 1;

	s->socket = packet_open(s->room->node.fd, e);
	if (s->socket < 0)
		return s->socket;
	if (d) {
		f = filter_link(d->hatype) == DLT_RAW ? &c->raw : &c->ethernet;
		if (d->hatype == ARPHRD_LOOPBACK)
			setsockopt(
				s->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	}
	err = filter_attach(f, s->socket);
	if (!err)
		err = ring_open(&s->ring, s->socket, c->ring_size, c->patience);
	if (!err)
		err = packet_bind(s->socket, s->index);
	if (err)
		return error_errno(e, -err, "packet ring");
	s->left = calloc(s->ring.blocks, sizeof(*s->left));
	if (!s->left)
		return -ENOMEM;
	s->watch = (struct watch){s->socket, source_ready};
	/* By edge: while blocks are held back the socket stays readable. */
	err = loop_add(&c->loop, &s->watch, EPOLLIN | (uint32_t)EPOLLET);
	if (err)
		s->watch.ready = NULL;
	return err;
}

/* device NULL: one for the whole room. */
static int source_add(struct capture *c, struct room *room, struct room_device *d, struct error *e)
{
	struct capture_source **grown = realloc(c->sources, (c->source_count + 1) * sizeof(*grown));
	struct capture_source *s = calloc(1, sizeof(*s));
	int err;

	if (grown)
		c->sources = grown;
	if (!grown || !s) {
		free(s);
		return -ENOMEM;
	}
	*s = (struct capture_source){
		.capture = c, .room = room, .index = d ? d->index : 0, .socket = -1};
	err = source_prepare(s, d, e);
	if (!err && d) {
		s->device = device_open(c, room, d);
		err = s->device ? 0 : -ENOMEM;
	}
	if (err) {
		error_prefix(e, "%s%s%s", d ? d->name : "", d ? "@" : "", room->node.name);
		source_free(s);
		return err;
	}
	if (s->device)
		s->device->alone = true;
	c->sources[c->source_count++] = s;
	return 0;
}

static bool source_exists(const struct capture *c, const struct room *room, int index)
{
	for (size_t i = 0; i < c->source_count; i++)
		if (c->sources[i]->room == room && c->sources[i]->index == index)
			return true;
	return false;
}

/* Open what is new; let go of rooms that were left. */
static int sources_refresh(struct capture *c, bool first, struct error *e)
{
	bool each = c->wish.rooms.device_count > 0;
	int err = 0;

	for (size_t i = 0; i < c->source_count; i++)
		c->sources[i]->closing = c->sources[i]->closing || c->sources[i]->room->left;
	for (size_t i = 0; i < c->rooms.count && !err; i++) {
		struct room *room = c->rooms.list[i];
		struct error why = {0};

		if (room->left)
			continue;
		if (!each && !source_exists(c, room, 0))
			err = source_add(c, room, NULL, &why);
		for (size_t k = 0; k < room->count && !err; k++) {
			struct room_device *d = room->devices[k];

			if (!d->wanted || d->gone)
				continue;
			if (!each)
				err = device_open(c, room, d) ? 0 : -ENOMEM;
			else if (!source_exists(c, room, d->index))
				err = source_add(c, room, d, &why);
		}
		/* One that nobody named and that cannot be had, or that comes later, must not end
		 * the others. */
		if (err && (!first || !c->wish.rooms.node_count)) {
			rooms_refuse(&c->rooms, &why);
			room_leave(room);
			err = 0;
		}
		if (err && e)
			*e = why;
	}
	return err;
}

/* ---- opening ---- */

/* Each namespace takes five descriptors; the soft limit is often 1024. */
static void descriptors_allow(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int filters_compile(struct capture *c, struct error *e)
{
	int err = filter_compile(&c->ethernet, c->wish.filter, DLT_EN10MB, c->wish.snaplen, e);

	if (!err)
		err = filter_compile(&c->raw, c->wish.filter, DLT_RAW, c->wish.snaplen, e);
	if (err)
		return err;
	err = filter_pair(&c->pair, &c->ethernet, &c->raw);
	if (err)
		error_errno(e, -err, "filter '%s'", c->wish.filter ? c->wish.filter : "");
	return err;
}

/* Many rings are smaller, and wait longer before they hand over what they have. */
static void sizes_choose(struct capture *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->rooms.count; i++) {
		size_t wanted = 0;

		for (size_t k = 0; k < c->rooms.list[i]->count; k++)
			wanted += c->rooms.list[i]->devices[k]->wanted;
		n += c->wish.rooms.device_count ? wanted : 1;
	}
	n = n ? n : 1;
	c->ring_size = (c->wish.memory ? c->wish.memory : MEMORY_USUAL) / n;
	if (!c->wish.memory && c->ring_size > RING_LARGEST)
		c->ring_size = RING_LARGEST;
	if (c->ring_size < RING_SMALLEST)
		c->ring_size = RING_SMALLEST;
	c->patience = (int64_t)(n < 10 ? 10 : n > 100 ? 100 : n) * MILLISECOND;
}

/* A name that is written out must be there; a pattern may wait for its first device. */
static int devices_check(const struct capture *c, struct error *e)
{
	const struct rooms_wish *w = &c->wish.rooms;

	for (size_t i = 0; i < w->device_count; i++) {
		bool found = wish_is_pattern(w->devices[i]);

		for (size_t k = 0; k < c->rooms.count && !found; k++)
			for (size_t d = 0; d < c->rooms.list[k]->count && !found; d++)
				found = wish_matches(w->devices[i],
					c->rooms.list[k]->devices[d]->name,
					&c->rooms.list[k]->node);
		if (!found)
			return error_set(e, ENODEV, "no device '%s' in %s%s", w->devices[i],
				c->rooms.count == 1 ? c->rooms.list[0]->node.name
						    : "any of the namespaces",
				c->rooms.refused ? " that can be entered" : "");
	}
	if (!c->rooms.count && c->rooms.refused)
		return error_set(e, EPERM, "%s", c->rooms.refusal);
	return 0;
}

int capture_open(struct capture *c, const struct capture_wish *wish, struct error *e)
{
	int err;

	*c = (struct capture){.wish = *wish};
	c->rooms.inotify = -1;
	descriptors_allow();
	err = loop_open(&c->loop);
	if (err)
		return error_errno(e, -err, "epoll");
	err = filters_compile(c, e);
	if (!err)
		err = rooms_open(&c->rooms, &c->wish.rooms, &c->loop, e);
	if (!err)
		err = devices_check(c, e);
	c->identity = identity_new();
	if (!err && !c->identity)
		err = error_errno(e, ENOMEM, "capture");
	if (!err) {
		sizes_choose(c);
		err = sources_refresh(c, true, e);
	}
	if (!err && !c->source_count && c->rooms.refused)
		err = error_set(e, EPERM, "%s", c->rooms.refusal);
	if (err)
		capture_close(c);
	return err;
}

void capture_close(struct capture *c)
{
	for (size_t i = 0; i < c->source_count; i++)
		source_free(c->sources[i]);
	free(c->sources);
	if (c->rooms.loop)
		rooms_close(&c->rooms);
	for (size_t i = 0; i < c->device_count; i++)
		free(c->devices[i]);
	free(c->devices);
	identity_free(c->identity);
	merge_done(&c->merge);
	filter_done(&c->ethernet);
	filter_done(&c->raw);
	filter_done(&c->pair);
	loop_close(&c->loop);
	*c = (struct capture){0};
}

/* ---- frames ---- */

struct block_reader {
	struct capture_source *source;
	int block;
	uint32_t refused;
};

static void frame_queue(int64_t time, const void *at, void *arg)
{
	struct block_reader *b = arg;
	struct merge_item item = {.time = time, .source = b->source, .part = b->block, .what = at};

	if (!merge_add(&b->source->capture->merge, item))
		b->refused++;
}

/* Queue all frames that have come.  Returns the time before which none can come any more. */
static int64_t rings_read(struct capture *c)
{
	int64_t floor = INT64_MAX;

	for (size_t i = 0; i < c->source_count; i++) {
		struct capture_source *s = c->sources[i];
		int64_t now = clock_wall(), mine;

		for (int block; (block = ring_next(&s->ring)) >= 0;) {
			struct block_reader b = {s, block, 0};

			s->left[block] = ring_read(&s->ring, block, frame_queue, &b) - b.refused;
			s->lost += b.refused;
			if (!s->left[block])
				ring_release(&s->ring, block);
		}
		mine = ring_floor(&s->ring, now);
		floor = mine < floor ? mine : floor;
	}
	return floor;
}

static bool under_pressure(const struct capture *c)
{
	for (size_t i = 0; i < c->source_count; i++)
		if (c->sources[i]->ring.held > c->sources[i]->ring.blocks / 4 * 3)
			return true;
	return false;
}

static struct capture_device *frame_device(
	struct capture *c, struct capture_source *s, const struct ring_frame *f)
{
	struct room_device *d;

	if (s->device)
		return s->device;
	d = room_device(s->room, f->index);
	if (!d)
		return device_nameless(c, s->room, f);
	if (!d->wanted)
		return NULL;
	return d->user ? d->user : device_open(c, s->room, d);
}

static int frame_emit(struct capture *c, struct capture_source *s, struct ring_frame *f,
	capture_each *each, void *arg)
{
	const struct filter *filter;
	struct capture_device *d;
	struct capture_frame out;
	struct sighting seen;

	if (f->hatype == ARPHRD_LOOPBACK && f->kind == PACKET_OUTGOING)
		return 0;
	d = frame_device(c, s, f);
	if (!d || d->link < 0)
		return 0;
	if (f->tagged && d->link == DLT_EN10MB && frame_tag(&f->bytes, f->held, f->tpid, f->tci)) {
		f->held += FRAME_TAG_SIZE;
		f->length += FRAME_TAG_SIZE;
	}
	filter = d->link == DLT_RAW ? &c->raw : &c->ethernet;
	if (filter->needs_tag && !filter_matches(filter, f->bytes, f->held, f->length))
		return 0;
	out = (struct capture_frame){.device = d,
		.time = f->time,
		.bytes = f->bytes,
		.held = f->held < c->wish.snaplen ? f->held : c->wish.snaplen,
		.length = f->length,
		.kind = f->kind,
		.checksum_pending = f->checksum_pending,
		.checksum_valid = f->checksum_valid,
		.segments = f->segments,
		.node = &s->room->node};
	out.signature = signature_read(out.bytes, out.held, d->link);
	seen = (struct sighting){.time = f->time,
		.node = d->room,
		.place = 2 * d->number + (f->kind == PACKET_OUTGOING),
		.leaves = f->kind == PACKET_OUTGOING,
		.signature = out.signature};
	out.id = identity_see(c->identity, &seen);
	d->frames++;
	c->frames++;
	return each(&out, arg);
}

static int frames_emit(struct capture *c, int64_t limit, capture_each *each, void *arg)
{
	struct merge_item item;
	int err = 0;

	while (!err && merge_take(&c->merge, limit, &item)) {
		struct capture_source *s = item.source;
		struct ring_frame f = ring_frame(item.what);

		err = frame_emit(c, s, &f, each, arg);
		if (!--s->left[item.part])
			ring_release(&s->ring, item.part);
	}
	return err;
}

static void sources_count(struct capture *c)
{
	for (size_t i = 0; i < c->source_count; i++) {
		uint64_t arrived, lost;

		if (packet_counters(c->sources[i]->socket, &arrived, &lost))
			continue;
		c->sources[i]->arrived += arrived;
		c->sources[i]->lost += lost;
	}
}

/* Those whose room was left end once they are empty; how much they lost is kept. */
static void sources_end(struct capture *c)
{
	for (size_t i = 0; i < c->source_count;) {
		struct capture_source *s = c->sources[i];
		uint64_t arrived, lost;

		if (!s->closing || s->ring.held) {
			i++;
			continue;
		}
		if (!packet_counters(s->socket, &arrived, &lost))
			c->lost_before += lost;
		c->lost_before += s->lost;
		source_free(s);
		c->sources[i] = c->sources[--c->source_count];
	}
}

int capture_step(struct capture *c, int64_t timeout, capture_each *each, void *arg, struct error *e)
{
	int64_t wait = timeout, floor;
	int err;

	if (c->merge.count && (wait < 0 || wait > c->patience / 2))
		wait = c->patience / 2;
	if (rooms_pending(&c->rooms, clock_now()) && (wait < 0 || wait > SETTLE_STEP))
		wait = SETTLE_STEP;
	err = loop_step(&c->loop, wait);
	if (err)
		return error_errno(e, -err, "epoll");
	if (c->rooms.stale || rooms_pending(&c->rooms, clock_now())) {
		err = rooms_refresh(&c->rooms, clock_now(), e);
		if (!err)
			err = sources_refresh(c, false, e);
		if (err)
			return err;
	}
	floor = rings_read(c);
	err = frames_emit(c, under_pressure(c) ? INT64_MAX : floor, each, arg);
	sources_end(c);
	return err;
}

int capture_drain(struct capture *c, capture_each *each, void *arg, struct error *e)
{
	int64_t until = clock_wall(), deadline = clock_now() + 4 * c->patience + 50 * MILLISECOND;
	int err = 0;

	while (!err && clock_now() < deadline) {
		int64_t floor = rings_read(c);

		err = frames_emit(c, floor < until ? floor : until, each, arg);
		if (floor >= until)
			break;
		if (!err)
			err = loop_step(&c->loop, 2 * MILLISECOND);
	}
	return err ? err : frames_emit(c, until, each, arg);
}

uint64_t capture_lost(struct capture *c)
{
	uint64_t lost = c->lost_before;

	sources_count(c);
	for (size_t i = 0; i < c->source_count; i++)
		lost += c->sources[i]->lost;
	return lost;
}
