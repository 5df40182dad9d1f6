/* savefile.h - captured frames into pcapng files, one or a ring of them
 *
 *	limit 0              one file, however large
 *	limit, keep 0        FILE, FILE1, FILE2 ... each at most `limit` bytes
 *	limit, keep 3        FILE0, FILE1, FILE2, then FILE0 anew
 *
 * as tcpdump's -C and -W name them.  Each file is whole: it opens with the
 * section and every interface, and closes with their statistics.  "-" is
 * standard output; there is no limit there.
 *
 * Bytes are gathered and written when savefile_flush() is called, or when
 * there are many.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "see/capture.h"
#include "see/pcapng.h"

struct savefile {
	const char *path;
	const char *filter;
	uint32_t snaplen;
	uint64_t limit;
	unsigned keep;

	int fd;
	struct pcapng out;
	uint64_t written;  /* to this file, without what is gathered */
	uint64_t packets;  /* in this file */
	unsigned file;	   /* 0, 1, ... */
	size_t interfaces; /* described in this file */
	uint64_t *counted; /* for each device: frames in this file */
	size_t counted_room;
	int64_t began;
	char os[192];
};

/* savefile_open - path, limit, keep, snaplen and filter are set by the caller; 0 or -errno with
 * words */
int savefile_open(struct savefile *s, struct error *e);

/* savefile_devices - describe devices that are new; call it before their first frame */
int savefile_devices(struct savefile *s, const struct capture *c, struct error *e);

int savefile_frame(struct savefile *s, const struct capture *c, const struct capture_frame *f,
	const char *comment, struct error *e);
int savefile_flush(struct savefile *s, struct error *e);

/* savefile_close - statistics, and the end; `c` may be NULL after a failure */
int savefile_close(struct savefile *s, struct capture *c, struct error *e);
