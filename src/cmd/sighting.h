/* sighting.h - count the packets that pass one device while a check runs
 *
 * A packet socket on the device, with the filter in the kernel.  It sees what
 * tcpdump would see: what arrives and what leaves; on lo, where each packet
 * leaves and arrives at once, only its arrival.
 *
 * One thread owns a sighting.  A zeroed one is closed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { SIGHTING_TEXT = 160, SIGHTING_KEPT = 8 };

struct sighting {
	int socket; /* 0: closed */
	int link;   /* DLT_EN10MB or DLT_RAW */
	bool loopback;
	uint32_t count;
	char packets[SIGHTING_KEPT][SIGHTING_TEXT]; /* the first ones, in words */
};

/* sighting_check - is the filter one that libpcap understands?  0 or -EINVAL with its words */
int sighting_check(const char *filter, struct error *e);

/* sighting_open - begin to count
 *
 * node    as base/node.h has it
 * filter  libpcap syntax; NULL: every packet
 */
int sighting_open(struct sighting *s, const char *node, const char *device, const char *filter,
	struct error *e);
void sighting_close(struct sighting *s);

/* sighting_read - count what has passed until now; never blocks */
void sighting_read(struct sighting *s);
