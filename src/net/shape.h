/* shape.h - what a cable does to packets, as queueing disciplines
 *
 * Each end of a cable shapes what it sends.  A rate alone is a token bucket
 * (tbf); delay and loss are netem's, which then does the rate as well.
 *
 * No system calls.  Source: linux/pkt_sched.h; tc-tbf(8), tc-netem(8).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/netlink.h"
#include "net/plan.h"

/* shape_kind - "tbf" or "netem"; NULL for a shape that does nothing */
const char *shape_kind(const struct plan_shape *s);

/* shape_encode - put it on a device, in place of what is there */
void shape_encode(struct message *m, uint32_t index, const struct plan_shape *s);

/* shape_encode_del - take the device's shape away */
void shape_encode_del(struct message *m, uint32_t index);
void shape_encode_dump(struct message *m);

/* shape_decode - read an RTM_NEWQDISC
 *
 * index    out: ifindex
 * foreign  out: the device has a root qdisc that somebody else chose
 *
 * Returns false when it is not at the root of a device, or is the kernel's own choice.
 */
bool shape_decode(const struct nlmsghdr *h, uint32_t *index, struct plan_shape *s, bool *foreign);
