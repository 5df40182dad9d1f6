/* watcher.h - count the packets that pass a device and match a filter
 *
 * For checks that say what is seen where:
 *
 *	watcher_open(&w, node.fd, "veth1", "arp", &error);
 *	... a probe runs ...
 *	watcher_count(&w, &n);
 *	watcher_close(&w);
 *
 * Packets in both directions count, each once; on lo, where every packet
 * leaves and arrives at the same device, only its arrival counts.  The kernel
 * does the counting, so nothing is lost however many there are, and nothing is
 * copied.  (Only a filter that uses "vlan" is run here: it needs the frame.)
 *
 * One thread owns a watcher.  To see also the drops and hops, see capture.h and
 * trace.h.
 */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "see/filter.h"

struct watcher {
	int socket;
	uint64_t counted;
	struct filter filter;
};

/* watcher_open - begin to count
 *
 * netns   descriptor of the namespace, or -1 for the caller's (struct node: fd)
 * device  its name there
 * filter  libpcap syntax; NULL or "" counts every packet
 *
 * What passes after the return is counted.  Returns 0; -EINVAL the filter is
 * wrong; -ENODEV no such device; -EOPNOTSUPP a device type that filters do not
 * know; -EPERM without CAP_NET_RAW in the namespace.
 */
int watcher_open(
	struct watcher *w, int netns, const char *device, const char *filter, struct error *e);

/* watcher_count - how many so far; 0 or -errno
 *
 * Exact for packets that have passed the device; one that a process has just
 * written may still be on its way to it.
 */
int watcher_count(struct watcher *w, uint64_t *count, struct error *e);

/* watcher_close - of a zeroed struct or a failed open: does nothing */
void watcher_close(struct watcher *w);
