/* warren capture: many devices of many namespaces into one pcapng file */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/interrupt.h"
#include "cmd/words.h"
#include "net/holder.h"
#include "see/capture.h"
#include "see/carriers.h"
#include "see/losses.h"
#include "see/savefile.h"

enum { MEGABYTE = 1000000, ROWS_PRINTED = 40 };

struct capture_options {
	const char *file;
	struct option_list nodes, devices;
	int64_t count, size, files, snaplen, buffer;
	bool quiet, tunnels;
};

struct job {
	const struct capture_options *options;
	struct capture capture;
	struct savefile file;
	struct losses losses;
	struct carriers carriers;
	char comment[LOSS_TEXT + CARRIER_TEXT];
	bool losses_fresh; /* read in this step */
	struct watch signals;
	struct error error;
	bool stop, terminal;
	uint64_t frames;
};

static void signal_ready(struct watch *w, uint32_t events)
{
	struct job *j = watch_owner(w, struct job, signals);
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) > 0)
		j->stop = true;
}

static int frame_save(const struct capture_frame *f, void *arg)
{
	struct job *j = arg;
	const char *lost, *carries;

	if (j->options->count && j->frames == (uint64_t)j->options->count)
		return 0;
	j->frames++;
	j->stop = j->stop || (j->options->count && j->frames == (uint64_t)j->options->count);
	if (!j->losses_fresh) {
		losses_read(&j->losses);
		carriers_read(&j->carriers, clock_now());
	}
	j->losses_fresh = true;
	lost = losses_find(&j->losses, &f->signature, f->node->name, f->node->inode, f->time);
	carries = carriers_find(&j->carriers, j->capture.identity, f);
	if (lost && carries) {
		snprintf(j->comment, sizeof(j->comment), "%s; %s", lost, carries);
		lost = j->comment;
	}
	return savefile_frame(&j->file, &j->capture, f, lost ? lost : carries, &j->error);
}

static void progress(struct job *j, int64_t *said)
{
	if (!j->terminal || clock_now() - *said < SECOND)
		return;
	*said = clock_now();
	fprintf(stderr, "\r%" PRIu64 " frames", j->frames);
}

static int frames_save(struct job *j)
{
	int64_t said = clock_now();
	int err = 0;

	while (!err && !j->stop) {
		int64_t wait = j->terminal ? SECOND : -1;

		err = savefile_devices(&j->file, &j->capture, &j->error);
		if (!err)
			err = savefile_flush(&j->file, &j->error);
		j->losses_fresh = false;
		losses_read(&j->losses);
		if (!err)
			err = capture_step(&j->capture, wait, frame_save, j, &j->error);
		progress(j, &said);
	}
	if (!err && !(j->options->count && j->frames == (uint64_t)j->options->count))
		err = capture_drain(&j->capture, frame_save, j, &j->error);
	return err;
}

static void losses_print(struct capture *c)
{
	for (size_t i = 0; i < c->source_count; i++) {
		const struct capture_source *s = c->sources[i];

		if (s->lost)
			fprintf(stderr,
				"%10" PRIu64
				"  lost on %s%s: the ring was full (a larger one: --buffer)\n",
				s->lost, s->device ? "" : "the devices of ",
				s->device ? s->device->name : s->room->node.name);
	}
}

static void summary_print(struct job *j)
{
	struct capture *c = &j->capture;
	uint64_t lost = capture_lost(c);
	size_t printed = 0, silent = 0;

	if (j->terminal)
		fprintf(stderr, "\r");
	for (size_t i = 0; i < c->device_count; i++) {
		const struct capture_device *d = c->devices[i];

		silent += !d->frames;
		if (d->frames && printed++ < ROWS_PRINTED)
			fprintf(stderr, "%10" PRIu64 "  %s\n", d->frames, d->name);
	}
	if (printed > ROWS_PRINTED)
		fprintf(stderr, "            and %zu more devices\n", printed - ROWS_PRINTED);
	losses_print(c);
	fprintf(stderr, "%" PRIu64 " frames captured on %zu of %zu devices, %" PRIu64 " lost\n",
		j->frames, c->device_count - silent, c->device_count, lost);
}

static void start_print(const struct job *j)
{
	const struct capture *c = &j->capture;

	if (c->rooms.refused)
		fprintf(stderr, "warren capture: %zu namespaces cannot be entered (%s)\n",
			c->rooms.refused, c->rooms.refusal);
	if (!j->options->quiet)
		fprintf(stderr, "capturing on %zu devices in %zu namespaces\n", c->device_count,
			c->rooms.count);
}

static int job_run(struct job *j, const char *filter)
{
	const struct capture_options *o = j->options;
	struct capture_wish wish = {
		.rooms = {o->nodes.items, o->nodes.count, o->devices.items, o->devices.count},
		.filter = filter,
		.snaplen = (uint32_t)o->snaplen,
		.memory = (size_t)o->buffer << 20};
	int err, end;

	j->signals =
		(struct watch){interrupt_open(), signal_ready}; /* first: none must be missed */
	err = holder_enter_if_needed(HOLDER_JOIN, &j->error);
	if (!err)
		err = capture_open(&j->capture, &wish, &j->error);
	if (err)
		return err;
	losses_open(
		&j->losses, filter, NULL); /* without the right to it, there are just no reasons */
	/* Who asks for it by name is told when it cannot be had. */
	if (o->tunnels)
		err = carriers_open(&j->carriers, &j->error);
	if (err) {
		losses_close(&j->losses);
		capture_close(&j->capture);
		return err;
	}
	j->file = (struct savefile){.path = o->file,
		.filter = filter,
		.snaplen = wish.snaplen,
		.limit = (uint64_t)o->size * MEGABYTE,
		.keep = (unsigned)o->files,
		.fd = -1};
	err = loop_add(&j->capture.loop, &j->signals, EPOLLIN);
	if (err)
		error_errno(&j->error, -err, "signals");
	if (!err)
		err = savefile_open(&j->file, &j->error);
	if (!err) {
		start_print(j);
		err = frames_save(j);
	}
	end = savefile_close(&j->file, err ? NULL : &j->capture, err ? NULL : &j->error);
	err = err ? err : end;
	if (err == -EPIPE) /* wireshark was closed */
		err = 0;
	if (!err && !o->quiet)
		summary_print(j);
	close(j->signals.fd);
	losses_close(&j->losses);
	carriers_close(&j->carriers);
	capture_close(&j->capture);
	holder_leave();
	return err;
}

static int usage(const char *words)
{
	fprintf(stderr, "warren capture: %s\n", words);
	return EXIT_USAGE;
}

static int capture_run(const struct command *c, int argc, char **argv)
{
	struct capture_options o = {.snaplen = FILTER_SNAPLEN};
	struct job j = {.options = &o};
	char filter[WORDS_TEXT];
	int at = options_parse(c, &o, argc, argv), err;

	if (at < 0)
		return options_exit(at);
	if (!o.file)
		return usage("expected -w FILE (or -w - for standard output)");
	if (!strcmp(o.file, "-") && isatty(STDOUT_FILENO))
		return usage(
			"standard output is a terminal: give a file, or pipe it to `wireshark -k -i -`");
	if (!strcmp(o.file, "-") && o.size)
		return usage("-C needs files: standard output cannot be cut");
	if (o.files && !o.size)
		return usage("-W needs -C, the size at which the next file begins");
	if (!words_join(filter, argv + at))
		return usage("the filter is longer than 4095 characters");
	j.terminal = isatty(STDERR_FILENO) && !o.quiet;
	err = job_run(&j, filter);
	if (err)
		fprintf(stderr, "warren capture: %s\n", j.error.text);
	return err == -EINVAL ? EXIT_USAGE : err ? EXIT_FAILED : EXIT_DONE;
}

static const struct option_row options[] = {
	{"write", 'w', "FILE", "pcapng file to write; - is standard output", OPTION_TEXT,
		offsetof(struct capture_options, file), 0, 0},
	{"node", 'n', "NODE", "only there: a node, a network, or a pattern; repeat for more",
		OPTION_LIST, offsetof(struct capture_options, nodes), 0, 0},
	{"device", 'i', "DEVICE", "only there: eth0, 'veth*', tun0@site-a; repeat for more",
		OPTION_LIST, offsetof(struct capture_options, devices), 0, 0},
	{"count", 'c', "COUNT", "end after so many frames", OPTION_NUMBER,
		offsetof(struct capture_options, count), 1, INT64_MAX},
	{"size", 'C', "MB", "begin a new file before one passes MB million bytes", OPTION_NUMBER,
		offsetof(struct capture_options, size), 1, 1000000},
	{"files", 'W', "COUNT", "with -C: keep so many files, then overwrite the first",
		OPTION_NUMBER, offsetof(struct capture_options, files), 1, 1000000},
	{"snaplen", 's', "BYTES", "keep at most so much of a frame", OPTION_NUMBER,
		offsetof(struct capture_options, snaplen), 1, FILTER_SNAPLEN},
	{"buffer", 'B', "MIB", "memory for frames that wait to be written", OPTION_NUMBER,
		offsetof(struct capture_options, buffer), 1, 65536},
	{"tunnels", 't', NULL, "say which datagram of a tunnel of ours carries which packet",
		OPTION_FLAG, offsetof(struct capture_options, tunnels), 0, 0},
	{"quiet", 'q', NULL, "print no summary", OPTION_FLAG,
		offsetof(struct capture_options, quiet), 0, 0},
	{0},
};

const struct command cmd_capture = {
	.name = "capture",
	.takes = "-w FILE [FILTER]",
	.summary = "capture on many devices and namespaces into one pcapng file",
	.about =
		"Without -n and -i: on every device of every namespace; those that appear later join.\n"
		"FILTER is in the syntax of tcpdump.  Each interface is called DEVICE@NODE, frames are\n"
		"in the order of their time, and the same packet has the same packet id (frame.packet_id)\n"
		"on each device it passes.  A frame whose packet the kernel drops afterwards has a comment\n"
		"that says why; with -t a datagram of a tunnel says which packet it carries, at the cost\n"
		"of about a microsecond for each packet of the tunnel.  ^C ends.\n\n"
		"Needs CAP_NET_RAW and CAP_SYS_ADMIN in the namespaces; on networks of your own you have\n"
		"both.  The comments need CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN of the machine.\n\n"
		"  warren capture -w all.pcapng icmp or arp\n"
		"  warren capture -n vpn -i 'tun*' -w - | wireshark -k -i -\n"
		"  warren capture -w ring.pcapng -C 100 -W 10",
	.options = options,
	.max = -1,
	.run = capture_run,
};
