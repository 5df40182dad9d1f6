/* capture.h - frames of many devices in many namespaces, as one stream in the order of their time
 *
 *	 site-a      [eth0 tun0 lo] --ring--.
 *	 internet    [a b lo]       --ring---+--> merge by time --> identify --> each()
 *	 site-b      [eth0 tun0 lo] --ring--'
 *
 * One packet socket and ring for each namespace, which sees all its devices,
 * new ones too; where only some devices are wanted, one for each of these.
 * The filter runs in the kernel, for Ethernet and bare IP devices alike.
 *
 * Frames come in the order of their time over all rings, some tens of
 * milliseconds late: a frame is handed on once no ring can still bring an
 * older one.  Under pressure (a ring nearly full) they are handed on sooner, and
 * two rings may then be out of order by that much.
 *
 * Each frame carries the number of its packet (identity.h), the same on every
 * device that the packet passes.  On lo, where each packet leaves and arrives at
 * the same device, only the arrival is a frame.
 *
 * A namespace that loses its name while we look is let go (rooms.h).  What
 * finds no room in a ring is lost and counted.
 *
 * One thread owns a struct capture.
 */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "see/filter.h"
#include "see/identity.h"
#include "see/merge.h"
#include "see/ring.h"
#include "see/rooms.h"

struct capture_wish {
	struct rooms_wish rooms;
	const char *filter; /* libpcap syntax, or NULL */
	uint32_t snaplen;   /* bytes kept of a frame, 1..FILTER_SNAPLEN */
	size_t memory;	    /* bytes for all rings together; 0: as much as seems right */
};

/* A device that frames were taken from, or could be. */
struct capture_device {
	char name[IFNAMSIZ + NODE_NAME]; /* "eth0@site-a" */
	uint32_t number;		 /* 0, 1, 2 ... in the order of their appearance */
	uint32_t room;
	int link; /* DLT_EN10MB or DLT_RAW */
	uint64_t frames;
	bool alone; /* has a ring of its own, so that `lost` is its own */
};

struct capture_frame {
	const struct capture_device *device;
	int64_t time; /* nanoseconds since 1970 */
	const uint8_t *bytes;
	uint32_t held, length;
	uint8_t kind; /* PACKET_HOST, PACKET_OUTGOING, ... */
	bool checksum_pending, checksum_valid, segments;
	uint64_t id;
	struct signature signature;
	const struct node *node; /* fd may be closed */
};

/* A ring: of a namespace, or of one device. */
struct capture_source {
	struct capture *capture;
	struct room *room;
	struct capture_device *device; /* NULL: all of the room */
	int index;
	int socket;
	struct ring ring;
	uint32_t *left; /* frames of each block that have not been handed on */
	struct watch watch;
	bool closing; /* its room has been left: what is in the ring is still read */
	uint64_t arrived, lost;
};

struct capture {
	struct capture_wish wish;
	struct loop loop;
	struct rooms rooms;
	struct filter ethernet, raw, pair;
	struct identity *identity;
	struct merge merge;
	struct capture_source **sources;
	size_t source_count;
	struct capture_device **devices;
	size_t device_count;
	int64_t patience;
	size_t ring_size;
	uint64_t frames, lost_before;
};

/* capture_open - begin to capture; frames wait in the rings until capture_step()
 *
 * The wish must last.  Returns 0 or -errno: -EINVAL the filter; -ENOENT no such
 * node; -ENODEV no such device; -EPERM without CAP_NET_RAW in the namespaces.
 */
int capture_open(struct capture *c, const struct capture_wish *wish, struct error *e);
void capture_close(struct capture *c);

/* Called for every frame; what it points to lasts until it returns.  A negative result ends
 * the step and is returned by it. */
typedef int capture_each(const struct capture_frame *f, void *arg);

/* capture_step - wait for frames, at most `timeout` nanoseconds (negative: for ever), and hand
 * on those whose turn it is; returns 0 or negative */
int capture_step(
	struct capture *c, int64_t timeout, capture_each *each, void *arg, struct error *e);

/* capture_drain - hand on everything that was captured before this call */
int capture_drain(struct capture *c, capture_each *each, void *arg, struct error *e);

/* capture_lost - frames that found no room, over all rings, until now */
uint64_t capture_lost(struct capture *c);
