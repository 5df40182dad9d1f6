/* follow.h - is the device up, how large may its packets be, and where is it?
 *
 * Whoever owns the namespace changes the device with `ip link`; the packet
 * process must know.  In our own namespace the kernel tells us (link.h).  When
 * the device moves to another one, the UDP sockets stay behind, and that is the
 * point of moving it; but a socket of ours there would keep that namespace
 * alive for ever, so from then on we look once a second.
 *
 *	at home    notices of rtnetlink            up, down, MTU, gone
 *	away       WHERE --> packet process        its descriptor of the device
 *	           HERE  <--                       leads to the namespace
 *	           visit: read, leave              up, down, MTU, its routes
 *	           not allowed (no CAP_SYS_ADMIN)  up and down only: the tun tells
 *
 * The parent's; one thread.  Source: netns(7); drivers/net/tun.c, TUNGETDEVNETNS
 * and the poll of a tun, which is writable only while the device is up.
 */
#pragma once
#include "base/netlink.h"
#include "tunnel/link.h"
#include "tunnel/privilege.h"

struct follow {
	const char *name;
	struct loop *loop;
	struct netlink *netlink;
	int tell; /* the packet process */

	struct link_state state;
	struct link_watch link;
	struct watch look; /* a timer */
	bool away, watching;
	bool refused;  /* its namespace cannot be entered */
	bool answered; /* HERE came since follow_ask() */
	int there;     /* the namespace, from follow_ask() to follow_leave(); -1 */
};

/* follow_open - before the packet process is there: `tell` is set later */
int follow_open(struct follow *f);

/* follow_tell - say to the packet process what the device is like */
void follow_tell(const struct follow *f);

/* follow_here - the packet process's HERE */
void follow_here(struct follow *f, struct privilege_message *m);

/* follow_ask - where is it now?  `answered` becomes true while the loop runs
 * follow_visit - after that: a channel to the device's own namespace, and its index there
 * follow_leave - when it is no longer needed; follow_visit()'s channel is closed by the caller */
void follow_ask(struct follow *f);
int follow_visit(const struct follow *f, struct netlink *nl, int *index);
void follow_leave(struct follow *f);
