/* diagnose.h - which cause, of all that the rule book knows
 *
 * The rule book is data: one record a cause.  A record says by which signs it
 * may be recognised (the errno of the call, the reason and the function of a
 * drop, what was expected and did not come), and has one function that
 * confirms it from the live system; only that function may say "this is it",
 * with the place, the sentence, the evidence and the repair.
 *
 *	ending of the story -> records with a sign that fits, in the order of the
 *	book -> first that the live system confirms -> verdict
 *
 * To add a cause: write a confirm function and a record in the causes_*.c of
 * its layer, add it to the book in diagnose.c (specific before general), and a
 * scenario to test/system/why-causes.bats.  doc/causes.md is made from the records.
 *
 * The order of judgement is that of diagnosis: an error of the call first,
 * then the drop of the last copy, then the step that is missing; the request
 * before the answer.  With two faults the first that blocks is named.
 */
#pragma once
#include <stdbool.h>

#include "see/live.h"
#include "see/pressure.h"
#include "see/probe.h"
#include "see/story.h"
#include "see/topology.h"
#include "see/verdict.h"

/* All that a rule may look at. */
struct scene {
	const struct question *question;
	const struct probe *probe;
	const struct story *story;
	const struct ending *ending;
	const struct pressure *before; /* the machine's tables and queues, before the probe */
	const bool *near; /* for each namespace: can the asker's packets come there; NULL: any */
	const struct topology *topology; /* read just now */
	int asker;			 /* index of the asker's namespace */
	bool blind;	/* drops cannot be seen: what arrived and went no further may be one */
	bool final;	/* nothing more will come: the kernel has refused, or time is up */
	int64_t longer; /* out: it is worth waiting so many nanoseconds more */
	bool patient;	/* out: the cause found rests on waiting; it is certain only at the end */
	struct verdict *verdict;
};

enum sign_kind {
	SIGN_END,	 /* ends a list */
	SIGN_CALL,	 /* the system call failed with `error` (0: any) */
	SIGN_DROP,	 /* freed: `reason`, `symbol` (NULL: any) */
	SIGN_UNRESOLVED, /* ARP or ND unanswered */
	SIGN_SENT,	 /* sent by a device, never received */
	SIGN_RECEIVED,	 /* received by a stack, then nothing */
	SIGN_READ,	 /* read by a process, then nothing */
	SIGN_OPENED,
	SIGN_NOTHING, /* the call succeeded and no packet was seen */
	SIGN_REFUSED, /* the asker got a refusal: `error` (0: any) */
};

struct sign {
	enum sign_kind kind;
	const char *reason, *symbol;
	int error;
};

enum { SIGNS = 16 };

struct cause {
	const char *id;
	const char *title;  /* a claim: "nobody on the segment has the address" */
	const char *proof;  /* what is looked at, for doc/causes.md */
	const char *repair; /* the fix as a template, for doc/causes.md */
	struct sign signs[SIGNS];
	/* The drop itself is the proof: without having seen it, state is not enough. */
	bool needs_drop;
	/* Fills s->verdict (place, why, facts, fixes) and returns true, or returns false; what a
	 * function that returns false has added is taken back. */
	bool (*confirm)(struct scene *s, const struct cause *c);
};

/* diagnose - judge; true when a cause was found and confirmed
 *
 * Without a cause the verdict's sentence says what was seen, and where.
 */
bool diagnose(struct scene *s);

/* verdict_clear - take back an earlier judgement: cause, place, sentence, facts, fixes */
void verdict_clear(struct verdict *v);

/* The book, in the order in which causes are tried; ends with NULL. */
extern const struct cause *const causes[];

/* The records of each layer. */
extern const struct cause cause_accept_local, cause_address_gone, cause_address_not_owned,
	cause_arp_flux, cause_arp_ignore, cause_arp_off, cause_backlog_full, cause_bad_checksum,
	cause_bridge_down, cause_bridge_fdb, cause_bridge_netfilter, cause_bridge_port_isolated,
	cause_bridge_port_state, cause_bridge_vlan, cause_cgroup_bpf_drop, cause_conntrack_full,
	cause_device_down, cause_duplicate_address, cause_echo_ignored, cause_firewall_drop,
	cause_firewall_reject, cause_forwarding_off, cause_ipv6_disabled, cause_ipv6_duplicate,
	cause_l2_loop, cause_local_mtu, cause_loopback_across_device, cause_loopback_down,
	cause_macvlan_parent, cause_macvlan_private, cause_martian, cause_missing_masquerade,
	cause_neighbour_table_full, cause_neighbour_wrong, cause_netmask_mismatch,
	cause_no_listener, cause_no_permission, cause_no_return_route, cause_no_route,
	cause_path_mtu, cause_peer_down, cause_peer_mtu, cause_policy_rule, cause_port_not_enslaved,
	cause_qdisc_drop, cause_return_gateway_dead, cause_route_refuses, cause_routing_loop,
	cause_rp_filter, cause_source_not_local, cause_tc_drop, cause_ttl_expired,
	cause_tun_no_answer, cause_tun_no_process, cause_tun_not_reading, cause_tunnel_allowed_ips,
	cause_tunnel_key_mismatch, cause_tunnel_mtu, cause_tunnel_no_handshake,
	cause_vxlan_no_remote, cause_vxlan_port, cause_vxlan_vni, cause_way_device_down,
	cause_way_peer_down, cause_wrong_namespace, cause_xdp_drop, cause_xfrm_policy;
