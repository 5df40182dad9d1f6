/* near.h - read the namespaces that packets of one can come to, and no others
 *
 * From the asker outwards, a step at a time:
 *
 *	its devices ------- the namespace of the twin, the lower device or the underlay
 *	its tun, tap ------ the namespace where the process lives that holds them
 *	its processes ----- the namespace of a tun that they hold
 *	devices elsewhere - that stand on one of these, as a macvlan that was moved away
 *
 * A namespace knows who its own devices lead to, but not whose lead to it.  Yet
 * one with a device on another has a number for it: those few are looked into.
 */
#pragma once
#include "see/owners.h"
#include "see/reading.h"

/* near_read - read the devices of `asker` (an index) and of all that is joined with it
 *
 * Returns 0 or -ENOMEM; the others stay `unread`.
 */
int near_read(struct reading *r, int asker, const struct attachment *list, size_t count);
