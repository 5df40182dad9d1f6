/* rooms.h - the namespaces and devices that someone wants to look at, kept up to date
 *
 * A room is a network namespace, and has devices.  The wish says which:
 *
 *	nodes     none: every namespace of the machine that can be entered;
 *	          else each a NODE (base/node.h), the name of a network (all its
 *	          nodes), or a pattern such as "vpn/site-?" over the names
 *	devices   none: every device; else each a name or a pattern, and with
 *	          "@NODE" behind it only there: "eth0", "veth*", "tun0@site-a"
 *
 * New devices, and new namespaces that have a name and match, join when
 * rooms_refresh() is called; `watch` tells when that is worth while.  A
 * namespace that has lost its name is left, so that it can end: whoever holds a
 * descriptor or socket of it keeps it alive.
 *
 * A room keeps its devices after they are gone, since frames that they sent
 * may still be read.  One thread owns a struct rooms.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/netlink.h"
#include "base/node.h"

struct rooms_wish {
	const char *const *nodes;
	size_t node_count;
	const char *const *devices;
	size_t device_count;
};

struct room_device {
	int index;
	char name[IFNAMSIZ];
	int hatype;  /* ARPHRD_* */
	bool wanted; /* by name, and frames of its type can be read */
	bool gone;
	void *user; /* the owner's, NULL at first */
};

struct room {
	struct node node;
	struct rooms *rooms;
	uint32_t number;
	bool named; /* found in the list of names, and left when no longer there */
	bool left;  /* its descriptors are closed */
	struct netlink dump, events;
	struct watch watch;
	bool stale; /* devices have changed */
	struct room_device **devices;
	size_t count;
	struct room_device *recent[64]; /* by index, for room_device() */
};

struct rooms {
	struct rooms_wish wish;
	struct loop *loop;
	struct room **list;
	size_t count;
	size_t refused;	   /* namespaces that exist, but may not be entered */
	char refusal[256]; /* why, of the first */
	int inotify;
	struct watch watch;
	int64_t changed; /* names changed then; clock_now() */
	bool stale;	 /* names, or devices of a room, have changed */
};

/* rooms_open - find what is wanted and read its devices
 *
 * wish  stays the caller's, and must last
 * loop  wakes when something changes (rooms->stale)
 *
 * Returns 0 or -errno: a node that is named outright must exist and let us in;
 * of all or of a pattern those that do not are counted in `refused`.
 */
int rooms_open(struct rooms *r, const struct rooms_wish *wish, struct loop *loop, struct error *e);
void rooms_close(struct rooms *r);

/* rooms_refresh - look again; cheap when nothing has changed
 *
 * now  clock_now()
 *
 * Rooms and devices only join the lists, or get `left` and `gone`.
 */
int rooms_refresh(struct rooms *r, int64_t now, struct error *e);

/* rooms_pending - a name has just appeared and cannot be entered yet: refresh again soon */
bool rooms_pending(const struct rooms *r, int64_t now);

/* room_device - by index; NULL when it is unknown.  Reads the devices again first if they changed.
 */
struct room_device *room_device(struct room *room, int index);

/* rooms_refuse - count a namespace that cannot be looked at, and remember the first reason */
void rooms_refuse(struct rooms *r, const struct error *e);

/* room_leave - let go of the namespace; its devices stay in the list */
void room_leave(struct room *room);

/* wish_matches - does a device pattern ("eth*", "eth0@vpn/h?") mean this device?  Pure. */
bool wish_matches(const char *pattern, const char *device, const struct node *node);

/* wish_is_pattern - has it *, ? or [ ? */
bool wish_is_pattern(const char *text);
