/* addr.h - addresses of devices as rtnetlink messages; no system calls
 *
 * IPv6 addresses are added without duplicate address detection: who writes
 * the file knows its addresses, and they can be used as soon as `up` returns.
 *
 * Even then the kernel takes a moment, in the background, to join the
 * multicast group on which neighbours ask for the address; until it has, they
 * ask in vain for a second.  So there is a way to see that, too.
 *
 * Source: linux/if_addr.h; RFC 4862 section 5.4, RFC 4291 section 2.7.1.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/netlink.h"
#include "net/ip.h"

/* addr_encode - RTM_NEWADDR or RTM_DELADDR of a prefix on a device */
void addr_encode(struct message *m, uint16_t type, uint32_t index, const struct prefix *p);

/* addr_encode_dump - ask for all of them, both families */
void addr_encode_dump(struct message *m);

/* What an RTM_NEWADDR says. */
struct addr_facts {
	uint32_t index; /* ifindex */
	struct prefix prefix;
	bool tentative, failed; /* not usable yet; and never, because it is a duplicate */
	bool link_local;
};

/* addr_decode - returns false when the message is no address of IPv4 or IPv6 */
bool addr_decode(const struct nlmsghdr *h, struct addr_facts *out);

/* addr_encode_groups - ask for the IPv6 multicast groups that devices are in */
void addr_encode_groups(struct message *m);

/* addr_decode_group - one answer; false when it is none */
bool addr_decode_group(const struct nlmsghdr *h, uint32_t *index, struct address *group);

/* addr_group - the group on which neighbours ask for an IPv6 address (solicited-node multicast) */
struct address addr_group(const struct address *a);
