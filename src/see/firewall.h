/* firewall.h - which rule of an nftables ruleset ends a packet
 *
 * The kernel says that netfilter dropped the packet, not which rule.  Asking
 * it to trace would change the network that is looked at, so the rules are
 * read (`nft -j list ruleset`, and what iptables.h adds) and gone through here, as the kernel
 * would: the hooks on the packet's way, their base chains by priority, jumps and returns, rule by
 * rule.  An expression that is not understood is neither true nor false; a rule that might have
 * done it is kept in mind, and named when no other is certain.
 *
 * Pure: the ruleset and the packet are arguments.
 *
 * Source: libnftables-json(5), nft(8).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* The packet as the rules see it. */
struct firewall_packet {
	uint8_t family; /* 4, 6; 0: ARP */
	uint8_t source[16], destination[16];
	uint8_t proto;
	bool has_ports;
	uint16_t first, second;
	uint8_t icmp_type;
	uint32_t length;
	uint8_t ttl;
	uint8_t tcp_flags;
	uint8_t arp_operation; /* 1 request, 2 reply; 0 not known */
	bool has_ether;
	uint8_t ether[12]; /* destination, source */
	uint32_t mark;
	bool answer;	       /* belongs to a connection that was seen in the other direction */
	bool astray;	       /* an answer to what has never passed here: no connection is known */
	const char *iif, *oif; /* device names; "" none */
	bool bridged;	       /* crosses a bridge here */
	bool bridge_calls_ip;  /* bridge-nf-call-iptables */
};

struct firewall_verdict {
	bool found;
	bool certain; /* all its expressions were understood */
	bool reject;
	char family[8], table[64], chain[64]; /* where the rule is */
	char hook[16];			      /* of the base chain that led there */
	uint32_t handle; /* of the rule, legacy: its number; 0: the chain's policy */
	bool legacy;	 /* of iptables' older tables, which nft does not know */
	char text[256];	 /* legacy: the rule's words, without -A; "" */
	bool map;	 /* the rule is a verdict map: it has verdicts for others, too */
	/* The named set or map that the packet is an element of, when it is just that value. */
	char set[64], element[64];
};

/* firewall_judge - go through the hooks, first to last; true when something drops or rejects it
 *
 * entered  the packet before this node has translated its addresses; NULL: as p
 * hooks    names, ends with NULL: {"prerouting", "forward", NULL}
 */
bool firewall_judge(const json_t *ruleset, const struct firewall_packet *p,
	const struct firewall_packet *entered, const char *const hooks[],
	struct firewall_verdict *v);
