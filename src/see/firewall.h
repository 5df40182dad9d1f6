/* firewall.h - which rule of an nftables ruleset ends a packet
 *
 * The kernel says that netfilter dropped the packet, not which rule.  Asking
 * it to trace would change the network that is looked at, so the rules are
 * read (`nft -j list ruleset`) and gone through here, as the kernel would:
 * the hooks on the packet's way, their base chains by priority, jumps and
 * returns, rule by rule.  An expression that is not understood is neither
 * true nor false; a rule that might have done it is kept in mind, and named
 * when no other is certain.
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
	bool answer;	       /* belongs to a connection that was seen in the other direction */
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
	uint32_t handle;		      /* of the rule; 0: the chain's policy */
	char text[160];			      /* the rule's words where they could be said; "" */
};

/* firewall_judge - go through the hooks, first to last; true when something drops or rejects it
 *
 * hooks  names, ends with NULL: {"prerouting", "forward", NULL}
 */
bool firewall_judge(const json_t *ruleset, const struct firewall_packet *p,
	const char *const hooks[], struct firewall_verdict *v);
