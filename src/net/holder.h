/* holder.h - networks of an ordinary user
 *
 * Who is not root may make a user namespace, is root in there, and may then
 * make network namespaces that belong to it.  Namespaces live as long as
 * something refers to them, so one process for each user, the holder, keeps:
 *
 *	warren up  ---setns--->  .------------------ holder ------------------.
 *	warren ls  ---setns--->  | user namespace   uid 0 inside = you outside |
 *	warren exec ..           | mount namespace  a /run of its own, with    |
 *	                         |                  netns/ and warren/ in it   |
 *	                         | network namespace, empty: where it stands   |
 *	                         '---------------------------------------------'
 *
 * Each command that works on networks enters it first and from there on does
 * what it does as root.  The names of nodes and the state of networks lie in
 * the holder's own /run, so that they vanish with it; outside there is one
 * small folder, $XDG_RUNTIME_DIR/warren or /tmp/warren-UID, with the holder's
 * process id and a lock.  The holder ends with the last network.
 *
 * Source: user_namespaces(7), mount_namespaces(7).
 */
#pragma once
#include "base/error.h"

enum holder_wish {
	HOLDER_JOIN, /* enter it if there is one; else stay where we are */
	HOLDER_MAKE, /* make it if there is none */
};

/* holder_enter_if_needed - what a command calls before it touches networks
 *
 * As root this does nothing.  The process must have one thread, and stays
 * where it is moved to.  Returns 0, or -errno with what is missing.
 */
int holder_enter_if_needed(enum holder_wish wish, struct error *e);

/* holder_leave - end the holder when no network is left and no other command is at work in it
 *
 * Call it when networks may have gone.  Does nothing when none was entered.
 */
void holder_leave(void);
