/* iptables.h - iptables' rules, in the words in which nft lists its own
 *
 * Rules that iptables has made are of two kinds.  The kernel's older tables
 * (iptables-legacy) are unknown to nft altogether.  Those of iptables-nft are
 * nft's, but matches and targets that nft has no words for are listed as
 * {"xt": {"name": "multiport"}}, without what they say.  Both are printed in
 * full by iptables-save, so that is read, and said as `nft -j` would:
 *
 *	-A INPUT -s 10.0.0.1/32 -p tcp -m multiport --dports 22,80 -j DROP
 *	{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 1,
 *	          "expr": [{"match": ...}, {"match": ...}, {"drop": null}]}}
 *
 * What is not understood stays an {"xt": ...}: neither true nor false.
 *
 * Pure.  Source: iptables(8), iptables-extensions(8), iptables-save(8).
 */
#pragma once
#include <stdbool.h>

#include <jansson.h>

/* iptables_parse - the chains and rules of what iptables-save prints
 *
 * family  "ip" or "ip6"
 * legacy  of the older tables: each object gets "legacy": true, and each rule its number as
 *	   handle and its words (without -A) as "words"
 *
 * Returns an array; the caller owns it.  Lines that make no sense are left out.
 */
json_t *iptables_parse(const char *save, const char *family, bool legacy);

/* iptables_explain - fill in what nft could not say about the rules of `family`
 *
 * items   the "nftables" array of `nft -j list ruleset`
 * parsed  of iptables-nft's save; the n-th rule of a chain here is the n-th there
 */
void iptables_explain(json_t *items, const json_t *parsed);

/* iptables_wanted - does a rule of the family hold anything that nft could not say */
bool iptables_wanted(const json_t *items, const char *family);
