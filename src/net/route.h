/* route.h - routes as rtnetlink messages; no system calls
 *
 * Devices of hops are ifindexes in a message and names in a plan; the caller
 * translates.  Source: rtnetlink(7), linux/rtnetlink.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/netlink.h"
#include "net/plan.h"

enum { ROUTE_HOPS = 64 };

/* route_encode - RTM_NEWROUTE or RTM_DELROUTE
 *
 * replace  take the place of a route with the same destination, table, tos and metric
 * indexes  ifindex of each hop's device; 0: the kernel finds it
 */
void route_encode(struct message *m, uint16_t type, bool replace, const struct plan_route *r,
	const uint32_t indexes[ROUTE_HOPS]);

/* route_encode_dump - ask for all routes of a family */
void route_encode_dump(struct message *m, sa_family_t family);

/* route_decode - read an RTM_NEWROUTE
 *
 * hops     room for ROUTE_HOPS; out->hops points there, their `dev` is empty
 * indexes  out: the ifindex of each hop; 0: none
 *
 * Returns false when it is no route that somebody made: those of the kernel
 * itself (of connected subnets, local addresses, router advertisements) and
 * cached ones are left out.
 */
bool route_decode(const struct nlmsghdr *h, struct plan_route *out,
	struct plan_hop hops[ROUTE_HOPS], uint32_t indexes[ROUTE_HOPS]);
