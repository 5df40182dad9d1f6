#include "see/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"

enum { GATHER = 1 << 20, STATISTICS_ROOM = 256 };

static bool is_stdout(const struct savefile *s)
{
	return !strcmp(s->path, "-");
}

/* tcpdump's names: a plain first file without -W, and as many digits as -W needs with it. */
static void file_name(const struct savefile *s, char *out, size_t size)
{
	char number[16];
	int digits = 1;

	for (unsigned n = s->keep ? s->keep - 1 : 0; n >= 10 && digits < 7; n /= 10)
		digits++;

	if (s->limit && s->keep)
		snprintf(number, sizeof(number), "%0*u", digits, s->file % s->keep);
	else if (s->limit && s->file)
		snprintf(number, sizeof(number), "%u", s->file);
	else
		number[0] = '\0';
	snprintf(out, size, "%s%s", s->path, number);
}

static int file_begin(struct savefile *s, struct error *e)
{
	char name[4096];

	file_name(s, name, sizeof(name));
	s->fd = is_stdout(s) ? STDOUT_FILENO
			     : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return error_errno(e, errno, "%s", name);
	s->written = 0;
	s->packets = 0;
	s->interfaces = 0;
	s->began = clock_wall();
	if (s->counted_room)
		memset(s->counted, 0, s->counted_room * sizeof(*s->counted));
	pcapng_section(&s->out, s->os, "warren " WARREN_VERSION);
	return 0;
}

int savefile_open(struct savefile *s, struct error *e)
{
	struct utsname u;

	if (!uname(&u))
		snprintf(s->os, sizeof(s->os), "%.60s %.100s", u.sysname, u.release);
	return file_begin(s, e);
}

int savefile_devices(struct savefile *s, const struct capture *c, struct error *e)
{
	if (s->counted_room < c->device_count) {
		size_t room = c->device_count + 64;
		uint64_t *counted = realloc(s->counted, room * sizeof(*counted));

		if (!counted)
			return error_errno(e, ENOMEM, "%s", s->path);
		memset(counted + s->counted_room, 0, (room - s->counted_room) * sizeof(*counted));
		s->counted = counted;
		s->counted_room = room;
	}
	for (; s->interfaces < c->device_count; s->interfaces++) {
		const struct capture_device *d = c->devices[s->interfaces];

		pcapng_interface(&s->out, d->name, (uint16_t)(d->link == DLT_RAW ? 101 : d->link),
			s->snaplen, s->filter);
	}
	return 0;
}

int savefile_flush(struct savefile *s, struct error *e)
{
	size_t done = 0;

	if (s->out.failed)
		return error_errno(e, ENOMEM, "%s", s->path);
	while (done < s->out.size) {
		ssize_t n = write(s->fd, s->out.bytes + done, s->out.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(
				e, errno, "%s", is_stdout(s) ? "standard output" : s->path);
		done += (size_t)n;
	}
	s->written += s->out.size;
	s->out.size = 0;
	return 0;
}

/* What a ring lost is told for a device where it has one of its own, else beside each of its room.
 */
static void statistics(struct savefile *s, struct capture *c)
{
	capture_lost(c); /* reads the counters */
	for (size_t i = 0; i < s->interfaces; i++) {
		const struct capture_device *d = c->devices[i];
		struct pcapng_statistics st = {.interface = (uint32_t)i,
			.time = clock_wall(),
			.began = s->began,
			.ended = clock_wall(),
			.accepted = s->counted[i],
			.lost_known = d->alone};
		char words[160];

		for (size_t k = 0; k < c->source_count; k++) {
			const struct capture_source *from = c->sources[k];

			if (from->device == d) {
				st.lost = from->lost;
			} else if (!from->device && from->room->number == d->room && from->lost) {
				snprintf(words, sizeof(words),
					"%llu frames were lost on all devices of %.80s together",
					(unsigned long long)from->lost, from->room->node.name);
				st.comment = words;
			} else if (!from->device && from->room->number == d->room) {
				st.lost_known = true; /* none */
			}
		}
		pcapng_statistics(&s->out, &st);
	}
}

static int file_end(struct savefile *s, struct capture *c, struct error *e)
{
	int err;

	if (c)
		statistics(s, c);
	err = savefile_flush(s, e);
	if (!is_stdout(s) && close(s->fd) && !err)
		err = error_errno(e, errno, "%s", s->path);
	s->fd = -1;
	return err;
}

static int file_next(struct savefile *s, const struct capture *c, struct error *e)
{
	int err = file_end(s, (struct capture *)c, e);

	s->file++;
	if (!err)
		err = file_begin(s, e);
	return err ? err : savefile_devices(s, c, e);
}

static uint32_t flags(const struct capture_frame *f)
{
	static const uint32_t reception[] = {
		[PACKET_HOST] = PCAPNG_INBOUND | PCAPNG_UNICAST,
		[PACKET_BROADCAST] = PCAPNG_INBOUND | PCAPNG_BROADCAST,
		[PACKET_MULTICAST] = PCAPNG_INBOUND | PCAPNG_MULTICAST,
		[PACKET_OTHERHOST] = PCAPNG_INBOUND | PCAPNG_PROMISCUOUS,
		[PACKET_OUTGOING] = PCAPNG_OUTBOUND,
	};
	uint32_t all = f->kind <= PACKET_OUTGOING ? reception[f->kind] : 0;

	all |= f->checksum_pending ? PCAPNG_CHECKSUM_NOT_READY : 0;
	all |= f->checksum_valid ? PCAPNG_CHECKSUM_VALID : 0;
	all |= f->segments ? PCAPNG_SEGMENTS : 0;
	return all;
}

int savefile_frame(struct savefile *s, const struct capture *c, const struct capture_frame *f,
	const char *comment, struct error *e)
{
	struct pcapng_packet p = {.interface = f->device->number,
		.time = f->time,
		.bytes = f->bytes,
		.held = f->held,
		.length = f->length,
		.flags = flags(f),
		.id = f->id,
		.comment = comment};
	int err = savefile_devices(s, c, e);

	/* Room is kept for the statistics that close the file. */
	if (!err && s->limit && !is_stdout(s) && s->packets &&
		s->written + s->out.size + pcapng_packet_size(&p) +
				STATISTICS_ROOM * c->device_count >
			s->limit)
		err = file_next(s, c, e);
	if (err)
		return err;
	pcapng_packet(&s->out, &p);
	s->packets++;
	s->counted[p.interface]++;
	return s->out.size > GATHER ? savefile_flush(s, e) : 0;
}

int savefile_close(struct savefile *s, struct capture *c, struct error *e)
{
	int err = s->fd >= 0 ? file_end(s, c, e) : 0;

	pcapng_done(&s->out);
	free(s->counted);
	s->counted = NULL;
	s->counted_room = 0;
	return err;
}
