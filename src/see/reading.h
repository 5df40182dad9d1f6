/* reading.h - while a snapshot of the machine is taken
 *
 * A reading opens a socket inside each namespace that it is asked about, takes
 * devices and addresses from there, and asks how that namespace numbers the
 * others.  A dump of devices waits for the lock that every change of any
 * network on the machine takes; asking for a number waits for nobody.
 *
 *	reading_begin()    namespaces are known, devices not yet
 *	reading_netns()    the devices of one, as often as wanted, in any order
 *	reading_number()   how `in` calls `other`: IFLA_LINK_NETNSID
 *	reading_end()      devices in their order, each with its other end
 */
#pragma once
#include "base/netlink.h"
#include "see/topology.h"

struct reading {
	struct topology *t;
	struct netlink *sockets; /* one for each namespace; zeroed where not opened */
	int32_t **numbers; /* [in][other], rows made when they are asked for; NULL: not kept */
	size_t room;	   /* of t->devices */
	int netns;	   /* now being read */
};

/* reading_begin - of a topology whose namespaces are found
 *
 * keep  remember each number: for many questions about few namespaces
 *
 * Returns 0 or -ENOMEM; reading_end() it either way.
 */
int reading_begin(struct reading *r, struct topology *t, bool keep);

/* reading_netns - read its devices and addresses; they stand at the end of t->devices
 *
 * Returns 0 or -ENOMEM; a namespace that cannot be read is marked as closed.
 */
int reading_netns(struct reading *r, int netns);

/* reading_forget - the devices of the namespace that was read last are not wanted after all */
void reading_forget(struct reading *r, int netns);

/* reading_number - the number that namespace `in` has for `other` (indexes); -1: none */
int32_t reading_number(struct reading *r, int in, int other);

/* reading_end - close the sockets; after err == 0, devices get their order and their ends
 *
 * Returns err, or -ENOMEM.
 */
int reading_end(struct reading *r, int err);
