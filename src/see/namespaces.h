/* namespaces.h - every network namespace of the machine, found in four ways
 *
 *	by name        /run/netns, as `ip netns` and `warren up` make them
 *	by process     somebody lives there
 *	by mount       nobody does, but its file is mounted somewhere, be it in
 *	               the mount namespace of another process
 *	by descriptor  nor that, but a process keeps it open
 *
 * An ordinary user's networks have their names in the mount namespace of the
 * process that holds them: there they are looked up, too.
 *
 * What has no name of its own is called by a text that can be typed as NODE:
 * "pid:N", "/proc/N/fd/M", or the path of the mount.
 */
#pragma once
#include "see/processes.h"
#include "see/topology.h"

/* namespaces_find - fill t->netns: opened, in order (the host, the named, the others)
 *
 * Those that cannot be opened are `closed`.  No devices are read.
 */
int namespaces_find(struct topology *t, const struct processes *p, struct error *e);

/* namespace_label - what to call it for a reader: its name, and for an unnamed one who lives
 * there: "pid:812 nginx in container 3f9a0c1b2d4e" */
void namespace_label(const struct netns_view *n, char *out, size_t size);

/* mount_parse - a line of /proc/self/mountinfo: the inode and path of a mounted network namespace
 */
bool mount_parse(const char *line, ino_t *inode, char *path, size_t size);
