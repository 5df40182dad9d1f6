/* node.h - a network namespace, by the names people use
 *
 * What the user types as NODE is one of
 *
 *	site-a         a node of a network that `warren up` made
 *	vpn/site-a     the same, where two networks have a node of that name
 *	A              a name of `ip netns`
 *	pid:1234       the namespace of a process
 *	./x, /run/x    a namespace file
 *	host           the namespace of process 1
 *
 * A Warren node is the `ip netns` name NETWORK.NODE, and NETWORK has a folder
 * in the state directory.  Neither name contains a dot.
 *
 * Without privileges all of this happens inside a user namespace that a
 * holder process keeps (net/holder.h); there the two directories lie
 * elsewhere, and nothing else differs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

enum { NODE_NAME = 128 };

struct node {
	char name[NODE_NAME];	 /* what we print: "site-a", "vpn/site-a", "A", "pid:12", "host" */
	char netns[NODE_NAME];	 /* `ip netns` name for commands that are pasted; "" where none */
	char network[NODE_NAME]; /* "" when not made by Warren */
	dev_t device;		 /* with inode: which namespace it is */
	ino_t inode;
	int fd; /* open namespace; -1 in a list */
};

/* The directory of `ip netns` names, and the one where networks keep their state. */
const char *node_netns_directory(void); /* /run/netns */
const char *node_state_directory(void); /* /run/warren */

/* node_directories - point them elsewhere (the holder does) */
void node_directories(const char *netns, const char *state);

/* node_hide - the names are known only in here: in the user namespace that the holder keeps
 * node_is_hidden - so a command that is to be pasted must go through `warren exec` */
void node_hide(void);
bool node_is_hidden(void);

/* node_open - find NODE and open it; spec NULL is the namespace we are in
 *
 * Returns 0; -ENOENT no such node; -ENOTUNIQ several have the name (the error
 * names them); or what open(2) said.  On success node_close() it.
 */
int node_open(struct node *n, const char *spec, struct error *e);
void node_close(struct node *n);

/* node_host - the inode of the namespace of process 1, or 0 where that may not be known
 *
 * Some machines hide process 1 even from root; then it can only be told whether we are in it.
 */
ino_t node_host(void);

/* node_enter - move the calling thread into the node; 0 or -errno */
int node_enter(const struct node *n);

/* node_go - move the calling thread into the namespace of this descriptor; 0, or -1 and errno
 *
 * Where it is already there is nothing to do, and so no privilege is needed.
 */
int node_go(int netns);

/* node_list - all namespaces that have a name, sorted by it, fd -1
 *
 * names of Warren nodes are short where that is unique.  Returns how many, or
 * -errno; free(*list).
 */
ssize_t node_list(struct node **list);

/* node_split - "vpn.site-a" -> "vpn", "site-a", when "vpn" is a network that exists; else false */
bool node_split(const char *netns, char network[NODE_NAME], char node[NODE_NAME]);
