/* inside.h - a netlink socket in a namespace that belongs to another user namespace
 *
 * An ordinary user may enter the network namespace of his own container or of
 * his own `unshare -Urn`, but only through the user namespace that owns it; and
 * from there no way leads back.  So a child process goes in, opens the socket,
 * hands it out and ends.
 *
 * Source: user_namespaces(7), ioctl_ns(2), unix(7) (SCM_RIGHTS).
 */
#pragma once
#include "base/netlink.h"

/* inside_open - as netlink_open(), and through the owning user namespace where that is needed */
int inside_open(struct netlink *nl, int bus, int netns);
