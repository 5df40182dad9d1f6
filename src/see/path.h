/* path.h - follow one packet through the kernel and through processes
 *
 * Loads path.bpf.c, tells it what to follow, and hands over its events in the
 * order in which they happened, from all namespaces of the machine:
 *
 *	path_open()     load; costs some 50 ms
 *	path_tunnel()   for each program that holds a tun device: its own probes
 *	path_address()  addresses whose routing decisions are wanted
 *	path_watch()    from here on, events come
 *	path_read()     take them, again and again
 *	path_close()    everything is detached; nothing stays behind
 *
 * Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN in the first user namespace;
 * kernel 5.15 or later with BTF.  One thread owns a struct path.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "see/kernel.h"
#include "see/path_event.h"
#include "see/stations.h"

struct path_bpf;
struct ring_buffer;

struct path {
	struct path_bpf *bpf;
	struct ring_buffer *ring;
	struct kernel kernel; /* the names of reasons and functions */
	struct stations stations;
	void (*event)(const struct path_event *event, void *arg);
	void *arg;
};

/* path_open - load and attach; silent until path_watch()
 *
 * event  called by path_read() for each event
 *
 * Returns 0 or -errno with words (EPERM: capabilities are missing).
 */
int path_open(struct path *p, void (*event)(const struct path_event *, void *), void *arg,
	struct error *e);
void path_close(struct path *p); /* of a zeroed struct: does nothing */

/* path_tunnel - attach to a tunnel's program, if it has probes
 *
 * exe  path of the program, "/proc/PID/exe" is best
 *
 * Returns how many were attached: 0 when it has none or was asked before; or -errno.
 */
int path_tunnel(struct path *p, const char *exe);

/* path_watch - begin to follow; replaces what was followed before; NULL: silence */
void path_watch(struct path *p, const struct path_watch *watch);

/* path_address - tell routing decisions about this destination; family 4 or 6 */
void path_address(struct path *p, uint8_t family, const uint8_t *ip);

/* path_holder - this process holds a tun or tap open: what it sends after a read may be the packet
 */
void path_holder(struct path *p, uint32_t pid);

/* path_namespace - tell ARP, ND and routing decisions of this namespace (inode number) */
void path_namespace(struct path *p, uint32_t netns);

/* path_fd - readable when there are events; path_read() - hand over what there is, never waits */
int path_fd(const struct path *p);
int path_read(struct path *p);

/* path_has_reasons - does this kernel tell why it drops (5.17)?  Else only the place is known. */
bool path_has_reasons(const struct path *p);

/* path_lost - events that found no room so far */
uint64_t path_lost(const struct path *p);
