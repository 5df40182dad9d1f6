/* netns.h - network namespaces with names
 *
 * A namespace lives as long as a process is in it or a file refers to it.
 * `ip netns` gives one a name by binding /proc/PID/ns/net onto a file in
 * /run/netns, and so does Warren: every tool of the ecosystem can enter a node.
 *
 *	netns_make()  ->  descriptor  ->  netns_name()  ->  /run/netns/vpn.site-a
 *
 * Making and naming are two steps, so that the inode of a namespace can be
 * written into the journal before anybody can see the namespace: only what
 * has the recorded inode is ever removed.
 *
 * Source: namespaces(7), ip-netns(8), Linux Documentation/filesystems/sharedsubtree.rst.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* netns_make - a new namespace with lo up, no name and nobody in it
 *
 * The calling thread visits it and is back in its own on return.
 * Returns its descriptor, or -errno.
 */
int netns_make(struct error *e);

/* netns_open - the namespace of that name; returns its descriptor or -errno, -ENOENT for none */
int netns_open(const char *name);

/* netns_inode - which namespace it is; 0 when that cannot be told */
ino_t netns_inode(int fd);

/* netns_name - give it a name, as `ip netns attach` does; -EEXIST when the name is taken */
int netns_name(int fd, const char *name, struct error *e);

/* netns_unname - take the name away; the namespace ends once nobody is in it
 *
 * inode  the name is only taken from this namespace, or from the empty file
 *        that a crash between the two steps leaves; else -EBUSY
 *
 * A name that is not there is not an error.
 */
int netns_unname(const char *name, ino_t inode, struct error *e);

/* netns_visit - move the calling thread into a namespace; returns a descriptor of the one it
 * came from for netns_return(), which closes it, or -errno */
int netns_visit(int fd);
void netns_return(int home);
