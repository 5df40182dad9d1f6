/* owners.h - the process at the end of a tun or tap
 *
 *	stack -- tun0 -- queue 0 -- descriptor 7 of process 812 (openvpn)
 *	             `-- queue 1 -- descriptor 8 of the same
 *
 * /proc/PID/fdinfo names the device, but many namespaces may have a tun0, and
 * the device need not be in the namespace where the process lives.  So the
 * descriptor itself is asked: duplicated out of the process (pidfd_getfd) it
 * tells the device's name (TUNGETIFF) and namespace (TUNGETDEVNETNS).  Where
 * that is refused, the name counts, and the process's own namespace decides
 * between equal names; a doubtful holder is not attached.
 *
 * Source: pidfd_getfd(2); Linux include/uapi/linux/if_tun.h, drivers/net/tun.c.
 */
#pragma once
#include "see/processes.h"
#include "see/topology.h"

/* What a descriptor of a tun, tap or macvtap belongs to. */
struct attachment {
	const struct descriptor *descriptor; /* of the processes that it was read from */
	ino_t home;			     /* where the process lives; 0 unknown */
	char name[IFNAMSIZ];		     /* of the device; "" for a macvtap */
	ino_t netns;			     /* where the device is; 0: could not be asked */
};

/* attachments_read - ask each descriptor that is attached to a device
 *
 * Returns how many, or -ENOMEM; free(*list).
 */
ssize_t attachments_read(const struct processes *p, struct attachment **list);

/* owners_find - fill the holders of every tun, tap and macvtap in `t` */
int owners_find(struct topology *t, const struct attachment *list, size_t count, struct error *e);

/* fdinfo_parse - the device's name in the text of /proc/PID/fdinfo/N of a tun descriptor */
bool fdinfo_parse(const char *text, char name[IFNAMSIZ]);
