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

/* owners_find - fill the holders of every tun, tap and macvtap in `t` */
int owners_find(struct topology *t, const struct processes *p, struct error *e);

/* fdinfo_parse - the device's name in the text of /proc/PID/fdinfo/N of a tun descriptor */
bool fdinfo_parse(const char *text, char name[IFNAMSIZ]);
