/* redirect.h - devices whose packets a tc filter sends to another device
 *
 *	eth0 --ingress--> filter: mirred redirect --> ifb0     so that a queue of ifb0 shapes
 *	                                                       what comes in through eth0
 *
 * An ifb does not know who redirects to it: the filters of its neighbours do.
 *
 * Source: tc-mirred(8); include/uapi/linux/tc_act/tc_mirred.h, pkt_cls.h.
 */
#pragma once
#include "base/netlink.h"
#include "see/topology.h"

/* redirect_decode - the first device that a filter redirects or mirrors packets to
 *
 * header  an RTM_NEWTFILTER of the kinds u32, bpf, matchall, flower, fw and basic
 * from    out: the ifindex of the filter's device
 *
 * Returns the ifindex of the target, 0 when it redirects nothing.
 */
uint32_t redirect_decode(const struct nlmsghdr *header, uint32_t *from);

/* redirects_read - fill `redirected_from` of the ifb devices of one namespace
 *
 * nl  a socket inside it
 *
 * Asks nothing where no ifb is up.  Returns 0 or -errno.
 */
int redirects_read(struct netlink *nl, struct device *devices, size_t count);
