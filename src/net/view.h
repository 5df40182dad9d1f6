/* view.h - what a program in a node sees of the file system
 *
 * As with `ip netns exec`: /sys shows the devices of the namespace, and files
 * of /etc/netns/NAME lie over those of /etc.  In a node of Warren's also
 * /var/run/wireguard is the node's own, because two nodes may both have a
 * tun0: `warren exec site-a wg show` finds the tunnels of site-a.
 *
 * All of it is in a mount namespace of the calling process alone.
 * Source: ip-netns(8), mount_namespaces(7).
 */
#pragma once
#include "base/error.h"

/* view_enter - move the calling process (of one thread) into a node and its view
 *
 * netns    descriptor of the network namespace
 * name     its `ip netns` name, "" or NULL for none
 * sockets  directory to show as /var/run/wireguard; NULL: leave that alone
 *
 * There is no way back.
 */
int view_enter(int netns, const char *name, const char *sockets, struct error *e);

/* view_place_remove - remove the empty directory /run/wireguard that views need
 *
 * It stays where somebody has sockets in it, or shows others there in a mount
 * namespace of his own, as tests and containers do: the kernel takes a mount
 * away when its place is removed elsewhere.  Reads /proc, a file a process.
 */
void view_place_remove(void);
