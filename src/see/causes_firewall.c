/* Causes that somebody has set up on purpose: nftables rules that drop or reject. */
#include "see/firewall.h"
#include "see/scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Where in the node's stack the packet was when netfilter took it. */
struct place {
	int netns;
	const char *iif, *oif;
	bool received; /* it had come in by a device */
	bool local;    /* it was for this node */
	bool arp;
	bool bridged;
};

static const struct seen *received_before(const struct scene *s, const struct seen *at)
{
	const struct seen *found = NULL;

	for (const struct seen *n = s->story->list; n <= at; n++)
		if (n->event.netns == at->event.netns && n->leg == at->leg &&
			n->event.kind == PATH_RX)
			found = n;
	/* A macvlan takes from its lower device in one stride, without another reception: what does
	 * not come from here has come in, all the same. */
	if (!found && at->event.kind == PATH_DROP && at->outer.family &&
		scene_is_local(s, scene_netns(s, at), at->outer.family, at->outer.source) ==
			TOPOLOGY_NONE)
		found = at;
	return found;
}

static bool is_sending_side(const struct scene *s, const struct seen *at)
{
	/* A packet that this node has made itself has not been received here before. */
	return !received_before(s, at);
}

static bool place_find(const struct scene *s, struct place *w, struct firewall_packet *p)
{
	const struct seen *at = scene_seen(s), *in;
	const struct topology *t = s->topology;
	struct packet_view view;
	struct route_reply route;
	int device;

	*w = (struct place){.netns = at ? scene_netns(s, at) : s->asker, .iif = "", .oif = ""};
	if (w->netns < 0)
		return false;
	scene_packet(s, &view);
	*p = (struct firewall_packet){.family = view.family,
		.proto = view.proto,
		.first = view.first,
		.second = view.second,
		.icmp_type = view.icmp_type,
		.length = view.length,
		.answer = s->ending->leg == LEG_ANSWER};
	p->has_ports = view.proto == IPPROTO_UDP || view.proto == IPPROTO_TCP;
	memcpy(p->source, view.source, 16);
	memcpy(p->destination, view.destination, 16);
	if (at && at->leg == LEG_NEIGHBOUR) {
		w->arp = at->outer.kind == HEADER_ARP;
		p->family = w->arp ? 0 : 6;
		p->proto = w->arp ? 0 : IPPROTO_ICMPV6;
		p->icmp_type = at->outer.type;
		memcpy(p->source, at->outer.source, 16);
		memcpy(p->destination, at->outer.destination, 16);
	}
	if (at)
		p->ttl = at->outer.ttl;
	w->received = at && !is_sending_side(s, at);
	w->local = p->family == 0 ||
		   scene_is_local(s, w->netns, p->family, p->destination) != TOPOLOGY_NONE;
	in = at ? received_before(s, at) : NULL;
	if (w->received)
		w->iif = in->event.device;
	device = in ? scene_device(s, in) : TOPOLOGY_NONE;
	w->bridged = device != TOPOLOGY_NONE && t->devices[device].port.is_port;
	if (!w->received || (!w->local && !w->bridged)) {
		if (p->family && scene_route(s, w->netns, &view, 0, &route) && route.oif) {
			device = topology_device_at(t, w->netns, route.oif);
			if (device != TOPOLOGY_NONE)
				w->oif = t->devices[device].name;
		} else if (at) {
			w->oif = at->event.device;
		}
	}
	p->iif = w->iif;
	p->oif = w->oif;
	p->bridged = w->bridged;
	p->bridge_calls_ip = w->bridged && live_sysctl(scene_fd(s, w->netns), 0,
						   "net/bridge/bridge-nf-call-%stables",
						   p->family == 6 ? "ip6"
						   : p->family	  ? "ip"
								  : "arp");
	return true;
}

static bool rule_find(const struct scene *s, const struct place *w, const struct firewall_packet *p,
	struct firewall_verdict *v)
{
	static const char *const in[] = {"ingress", "prerouting", "input", NULL};
	static const char *const through[] = {
		"ingress", "prerouting", "forward", "postrouting", "egress", NULL};
	static const char *const out[] = {"output", "postrouting", "egress", NULL};
	static const char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	json_t *rules = live_json(scene_fd(s, w->netns), argv);
	bool found = rules && firewall_judge(rules, p,
				      !w->received		? out
				      : w->local && !w->bridged ? in
								: through,
				      v);

	json_decref(rules);
	return found;
}

bool firewall_drops_bridged(const struct scene *s)
{
	struct firewall_packet p;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p))
		return false;
	p.bridge_calls_ip = false;
	return rule_find(s, &w, &p, &v);
}

/* What an accept rule must say to let exactly this packet pass. */
static void match_text(char *out, size_t size, const struct firewall_packet *p,
	const struct firewall_verdict *v, bool turned)
{
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT];
	const char *family = p->family == 6 ? "ip6" : "ip";

	address_text(from, p->family, turned ? p->destination : p->source);
	address_text(to, p->family, turned ? p->source : p->destination);
	if (!strcmp(v->family, "arp"))
		snprintf(out, size, "accept");
	else if (p->family == 0)
		snprintf(out, size, "meta protocol arp accept");
	else if (p->proto == IPPROTO_ICMPV6 && p->icmp_type >= 133 && p->icmp_type <= 137)
		snprintf(out, size, "meta l4proto ipv6-icmp accept");
	else
		snprintf(out, size, "%s saddr %s %s daddr %s accept", family, from, family, to);
}

static void fix_print(struct scene *s, const struct place *w, const struct firewall_packet *p,
	const struct firewall_verdict *v)
{
	char exec[COMMAND_PREFIX], match[160], back[160];

	scene_exec(s, w->netns, exec);
	if (v->handle) {
		verdict_fix(s->verdict, "%snft delete rule %s %s %s handle %u", exec, v->family,
			v->table, v->chain, v->handle);
		return;
	}
	match_text(match, sizeof(match), p, v, false);
	verdict_fix(s->verdict, "%snft insert rule %s %s %s %s", exec, v->family, v->table,
		v->chain, match);
	match_text(back, sizeof(back), p, v, true);
	/* A chain that both directions pass must let both pass. */
	if ((w->received && (!w->local || w->bridged)) && strcmp(match, back) != 0)
		verdict_fix(s->verdict, "%snft insert rule %s %s %s %s", exec, v->family, v->table,
			v->chain, back);
}

static void rule_say(
	struct scene *s, const struct place *w, const struct firewall_verdict *v, const char *verb)
{
	const char *what = w->arp ? "the ARP packet" : scene_leg(s);

	if (v->handle)
		scene_why(s,
			"the firewall of %s %s %s: rule %u of chain %s in table %s %s (hook %s)",
			scene_name(s, w->netns), verb, what, v->handle, v->chain, v->family,
			v->table, v->hook);
	else
		scene_why(s,
			"the firewall of %s %s %s: policy of chain %s in table %s %s (hook %s)",
			scene_name(s, w->netns), verb, what, v->chain, v->family, v->table,
			v->hook);
	verdict_fact(s->verdict, "nft", "table %s %s, chain %s, hook %s, %s %u%s", v->family,
		v->table, v->chain, v->hook, v->handle ? "rule handle" : "policy drop, handle",
		v->handle, v->certain ? "" : " (not all of its expressions could be checked)");
}

static bool firewall_drop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	struct firewall_packet p;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p))
		return false;
	if (!rule_find(s, &w, &p, &v)) {
		/* The kernel's word stands without the rule; an errno alone does not. */
		if (!at || at->event.kind != PATH_DROP || strcmp(at->reason, "NETFILTER_DROP") != 0)
			return false;
		scene_at(s, w.netns, at->event.device);
		scene_why(s, "netfilter in %s drops %s; which rule does could not be read",
			scene_name(s, w.netns), scene_leg(s));
		return true;
	}
	if (v.reject)
		return false;
	scene_at(s, w.netns, at ? at->event.device : w.oif);
	rule_say(s, &w, &v, "drops");
	fix_print(s, &w, &p, &v);
	return true;
}

const struct cause cause_firewall_drop = {
	.id = "firewall-drop",
	.title = "a rule of nftables, iptables, ebtables or arptables drops",
	.proof =
		"NETFILTER_DROP; in the output chain also EPERM. Confirmed: the ruleset is read and gone "
		"through for this packet; the rule is named with family, table, chain and handle.",
	.repair = "ip netns exec N nft delete rule FAMILY TABLE CHAIN handle H, or nft insert rule "
		  "FAMILY TABLE CHAIN MATCH accept",
	.signs = {{SIGN_DROP, "NETFILTER_DROP", NULL, 0}, {SIGN_CALL, NULL, NULL, EPERM},
		{SIGN_DROP, "NOT_SPECIFIED", "nf_hook_slow", 0}},
	.confirm = firewall_drop_confirm,
};

/* ---- firewall-reject ---- */

static bool firewall_reject_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	struct firewall_packet p;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p) || !rule_find(s, &w, &p, &v) || !v.reject)
		return false;
	scene_at(s, w.netns, at ? at->event.device : w.oif);
	rule_say(s, &w, &v, "rejects");
	fix_print(s, &w, &p, &v);
	return true;
}

const struct cause cause_firewall_reject = {
	.id = "firewall-reject",
	.title = "a rule refuses and answers",
	.proof =
		"NETFILTER_DROP and icmp_send, or a TCP RST, in the same namespace for the same packet. "
		"Confirmed: a reject rule in that chain.",
	.repair = "as firewall-drop",
	.signs = {{SIGN_DROP, "NETFILTER_DROP", NULL, 0}, {SIGN_CALL, NULL, NULL, EPERM},
		{SIGN_DROP, "NOT_SPECIFIED", "nf_hook_slow", 0}},
	.confirm = firewall_reject_confirm,
};

/* Does a rule of this node write checksums?  Then say that one, and how to remove it. */
bool firewall_rewrites(struct scene *s, int netns)
{
	static const char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	json_t *rules = live_json(scene_fd(s, netns), argv),
	       *items = json_object_get(rules, "nftables");
	char exec[COMMAND_PREFIX];
	bool found = false;

	for (size_t i = 0; i < json_array_size(items) && !found; i++) {
		json_t *rule = json_object_get(json_array_get(items, i), "rule");
		json_t *expr = json_object_get(rule, "expr");

		for (size_t k = 0; k < json_array_size(expr) && !found; k++) {
			json_t *key = json_object_get(
				json_object_get(json_array_get(expr, k), "mangle"), "key");
			json_t *payload = json_object_get(key, "payload");
			const char *field = json_string_value(json_object_get(payload, "field"));

			if (!field || strcmp(field, "checksum") != 0)
				continue;
			found = true;
			verdict_fact(s->verdict, "nft",
				"table %s %s, chain %s, rule handle %d writes the checksum",
				json_string_value(json_object_get(rule, "family")),
				json_string_value(json_object_get(rule, "table")),
				json_string_value(json_object_get(rule, "chain")),
				(int)json_integer_value(json_object_get(rule, "handle")));
			verdict_fix(s->verdict, "%snft delete rule %s %s %s handle %d",
				scene_exec(s, netns, exec),
				json_string_value(json_object_get(rule, "family")),
				json_string_value(json_object_get(rule, "table")),
				json_string_value(json_object_get(rule, "chain")),
				(int)json_integer_value(json_object_get(rule, "handle")));
		}
	}
	json_decref(rules);
	return found;
}
