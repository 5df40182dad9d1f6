/* ready.h - wait until a network can be used
 *
 * `up` returns when the next command may be a ping: every cable that is up at
 * both ends has carrier, and the kernel has noticed; bridge ports forward;
 * IPv6 addresses are no longer tentative.  Mostly that is so at once; with the
 * spanning tree protocol it takes twice the forward delay.
 */
#pragma once
#include "net/apply.h"

/* ready_wait - returns 0, -ETIMEDOUT with the device that is not ready, or -EINTR */
int ready_wait(struct apply *a, struct error *e);
