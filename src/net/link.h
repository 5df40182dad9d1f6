/* link.h - devices as rtnetlink messages
 *
 * The encoders fill a message that net/apply.c sends; the decoder fills what
 * net/current.c compares.  Neither makes a system call.
 *
 * A cable is made in one message with both of its ends already where they
 * belong: each end names its namespace by a descriptor (IFLA_NET_NS_FD), so
 * that no device ever appears in the namespace that Warren runs in.
 *
 *	link_encode_cable(&m, &a, netns_a, &b, netns_b)    one message, two namespaces
 *
 * Tun and tap are not made by rtnetlink; see net/tuntap.h.
 * Source: linux/if_link.h; rtnetlink(7); Linux Documentation/netlink/specs/rt_link.yaml.
 */
#pragma once
#include <stdint.h>

#include "base/netlink.h"
#include "net/current.h"
#include "net/operations.h"

/* link_encode_cable - a veth pair: ends `a` and `b`, each made in its own namespace
 *
 * index  ifindex of `a`, the next one is that of `b`; 0: the kernel chooses.
 *        Two ends with the same ifindex, as the first devices of two
 *        namespaces are, hear of their carrier up to a second later.
 */
void link_encode_cable(struct message *m, const struct plan_device *a, int netns_a,
	const struct plan_device *b, int netns_b, int index);

/* link_encode_add - any other kind that rtnetlink makes
 *
 * lower  ifindex of the device below; 0: none
 */
void link_encode_add(struct message *m, const struct plan_device *d, uint32_t lower);

/* link_encode_set - change what `changes` names (enum device_change), of a device by ifindex
 *
 * master  ifindex of the bridge; 0 takes the device out of its bridge
 */
void link_encode_set(struct message *m, uint32_t index, const struct plan_device *want,
	unsigned changes, uint32_t master);

/* link_encode_bridge, _port - the settings of a bridge, and of a port that is in one */
void link_encode_bridge(struct message *m, uint32_t index, const struct plan_device *want);
void link_encode_port(struct message *m, uint32_t index, const struct plan_device *want);
void link_encode_up(struct message *m, uint32_t index);
void link_encode_del(struct message *m, uint32_t index);

/* link_encode_get - ask for one device by name */
void link_encode_get(struct message *m, const char *name);

/* What a link message says beyond what can be compared. */
struct link_facts {
	uint32_t master, lower; /* ifindexes; 0: none */
	int lower_netns;	/* nsid of the namespace `lower` is in; -1: this one */
	bool carrier, settled;	/* settled: the kernel's link watch has seen the carrier */
	uint8_t port_state;	/* BR_STATE_*, of a bridge port */
	uint32_t owner, group;	/* of tun and tap; UINT32_MAX: none */
};

/* link_decode - read an RTM_NEWLINK; returns false when it is none */
bool link_decode(const struct nlmsghdr *h, struct current_device *out, struct link_facts *facts);
