/* link.h - the tunnel's device, as the routing stack sees it
 *
 * What wg-quick does with `ip`: MTU, up, addresses, routes, rules.  And a
 * watch that tells when somebody else changes the device, so that the tunnel
 * follows: up, down, a new MTU, gone.
 *
 * The default route is the case where it gets interesting, since the datagrams
 * of the tunnel itself must not go into the tunnel.  As in wg-quick:
 *
 *	rule  not fwmark T  lookup T          what is not ours goes by table T:
 *	route default dev wg0 table T         into the tunnel;
 *	rule  lookup main suppress_prefixlength 0
 *	                                      but main's routes, save its default one, first
 *
 * All of this needs CAP_NET_ADMIN and is done by the parent (parent.h).
 * Source: wg-quick(8); Linux Documentation, rtnetlink(7), ip-rule(8).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/netlink.h"
#include "tunnel/address.h"

struct link_state {
	int index;
	uint32_t mtu;
	bool up;
};

/* link_read - look a device up by its name, or by its index when name is NULL; 0 or -errno */
int link_read(struct netlink *nl, const char *name, int index, struct link_state *out);

/* link_set - mtu 0: leave it; up: also bring it up */
int link_set(struct netlink *nl, int index, uint32_t mtu, bool up, struct error *e);

/* link_generate_none - no address of its own making: a tunnel has no link to be local to, and the
 * peer's allowed-ips would refuse what is sent from such an address.  0 or -errno (no IPv6) */
int link_generate_none(struct netlink *nl, int index);

/* link_address, link_route - add or delete; what is there (or gone) already is no error
 *
 * p      link_address: with its host bits
 * table  of routes, 254 is main
 */
int link_address(struct netlink *nl, int index, const struct prefix *p, bool add, struct error *e);
int link_route(struct netlink *nl, int index, const struct prefix *p, uint32_t table, bool add,
	struct error *e);

/* link_rules - add or delete the two rules of a default route, for one family */
int link_rules(struct netlink *nl, uint8_t family, uint32_t table, bool add, struct error *e);

/* link_table_is_empty - has the table no route of either family? */
bool link_table_is_empty(struct netlink *nl, uint32_t table);

/* link_addresses - of a device, IPv4 first, each with its host bits; free *list.  0 or -errno */
int link_addresses(struct netlink *nl, int index, struct prefix **list, size_t *count);

/* link_default_mtu - of the device of the default route of IPv4; 0: there is none */
uint32_t link_default_mtu(struct netlink *nl);

/* link_path_mtu - of the device by which datagrams with this mark go to an address; 0: none */
uint32_t link_path_mtu(struct netlink *nl, const union address *to, uint32_t mark);

/* ---- the watch ---- */

struct link_watch {
	struct watch watch; /* its owner sets .ready and adds it to a loop */
	struct netlink netlink;
	int index;
};

enum link_event { LINK_NOTHING, LINK_CHANGED, LINK_DELETED };

/* link_watch_open - notices about a device in our namespace; link_watch_close */
int link_watch_open(struct link_watch *w, int index);
void link_watch_close(struct link_watch *w);

/* link_watch_read - everything that waits; the last word on the device
 *
 * state  out, with LINK_CHANGED
 *
 * LINK_DELETED also means that it went to another namespace.  When notices
 * were lost it asks the kernel for the state, so that none is missed.
 */
enum link_event link_watch_read(struct link_watch *w, struct link_state *state);
