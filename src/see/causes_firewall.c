/* Causes that somebody has set up on purpose: firewall rules that drop or reject. */
#include "see/firewall.h"
#include "see/iptables.h"
#include "see/scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The same packet at two places: not the question for its answer, nor what is inside for the
 * datagram around it. */
static bool is_same(const struct seen *a, const struct seen *b)
{
	bool carrier_a = a->event.match == PATH_CARRIER || a->event.match == PATH_GUESS;
	bool carrier_b = b->event.match == PATH_CARRIER || b->event.match == PATH_GUESS;

	return a->leg == b->leg && carrier_a == carrier_b &&
	       (a->outer.kind == HEADER_VXLAN) == (b->outer.kind == HEADER_VXLAN) &&
	       (a->leg != LEG_NEIGHBOUR || (a->inner.kind == b->inner.kind &&
						   a->inner.operation == b->inner.operation));
}

static const struct seen *received_before(const struct scene *s, const struct seen *at)
{
	const struct seen *found = NULL;

	for (const struct seen *n = s->story->list; n <= at; n++)
		if (n->event.netns == at->event.netns && is_same(n, at) && n->event.kind == PATH_RX)
			found = n;
	/* A macvlan takes from its lower device in one stride, without another reception: what does
	 * not come from here has come in, all the same. */
	if (!found && at->event.kind == PATH_DROP && at->outer.family &&
		scene_is_local(s, scene_netns(s, at), at->outer.family, at->outer.source) ==
			TOPOLOGY_NONE)
		found = at;
	return found;
}

static void headers_fill(struct firewall_packet *p, const struct seen *n)
{
	p->ttl = n->outer.ttl;
	p->tcp_flags = n->outer.flags;
	p->has_ether = n->event.has_link;
	memcpy(p->ether, n->event.lladdr, sizeof(p->ether));
}

/* ARP, and neighbour discovery: its own packets. */
static void neighbour_fill(struct place *w, struct firewall_packet *p, const struct seen *at)
{
	w->arp = at->outer.kind == HEADER_ARP;
	p->family = w->arp ? 0 : 6;
	p->proto = w->arp ? 0 : IPPROTO_ICMPV6;
	p->icmp_type = at->outer.type;
	p->arp_operation = w->arp ? (uint8_t)at->outer.operation : 0;
	p->has_ports = false;
	memcpy(p->source, at->outer.source, 16);
	memcpy(p->destination, at->outer.destination, 16);
}

/* Does the node know the connection that this answers?  The asker and the destination do. */
static bool connection_known(const struct scene *s, int netns)
{
	const struct subject *u = &s->story->subject;

	if (netns == s->asker ||
		scene_is_local(s, netns, u->family, u->destination) != TOPOLOGY_NONE)
		return true;
	return story_passed(s->story, LEG_REQUEST, (uint32_t)s->topology->netns[netns].node.inode);
}

/* The device by which it leaves, or would have. */
static const char *way_out(const struct scene *s, const struct place *w,
	const struct firewall_packet *p, const struct packet_view *view, const struct seen *at)
{
	struct route_reply route;
	int device = TOPOLOGY_NONE;

	/* A bridge has chosen the port already. */
	if (w->bridged)
		return strcmp(at->event.device, w->iif) != 0 ? at->event.device : "";
	if (p->family && scene_route(s, w->netns, view, 0, &route) && route.oif)
		device = topology_device_at(s->topology, w->netns, route.oif);
	if (device != TOPOLOGY_NONE)
		return s->topology->devices[device].name;
	return at && !p->family ? at->event.device : "";
}

/* packet: as it was when it was dropped; entered: as it came in, before addresses were translated
 */
static bool place_find(const struct scene *s, struct place *w, struct firewall_packet *p,
	struct firewall_packet *entered)
{
	const struct seen *at = scene_seen(s), *in = at ? received_before(s, at) : NULL;
	const struct topology *t = s->topology;
	struct packet_view view;
	int device = scene_device(s, in);

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
		.tcp_flags = TCP_SYN};
	p->has_ports = view.proto == IPPROTO_UDP || view.proto == IPPROTO_TCP;
	memcpy(p->source, view.source, 16);
	memcpy(p->destination, view.destination, 16);
	if (at)
		headers_fill(p, at);
	if (at && at->leg == LEG_NEIGHBOUR && at->outer.kind != HEADER_VXLAN)
		neighbour_fill(w, p, at);
	if (s->ending->leg == LEG_ANSWER && (!at || at->event.match == PATH_PROBE) &&
		(!at || at->outer.kind != HEADER_VXLAN)) {
		p->answer = connection_known(s, w->netns);
		p->astray = !p->answer && p->proto != IPPROTO_UDP;
	}
	w->received = in != NULL;
	/* What is for a group comes to the stack, too. */
	w->local = p->family == 0 || (p->family == 6 && p->destination[0] == 0xff) ||
		   scene_is_local(s, w->netns, p->family, p->destination) != TOPOLOGY_NONE;
	if (w->received)
		w->iif = in->event.device;
	w->bridged = device != TOPOLOGY_NONE && t->devices[device].port.is_port;
	if (!w->received || !w->local || w->bridged)
		w->oif = way_out(s, w, p, &view, at);
	p->iif = w->iif;
	p->oif = w->oif;
	p->bridged = w->bridged;
	p->bridge_calls_ip = w->bridged && live_sysctl(scene_fd(s, w->netns), 0,
						   "net/bridge/bridge-nf-call-%stables",
						   p->family == 6 ? "ip6"
						   : p->family	  ? "ip"
								  : "arp");
	*entered = *p;
	if (in && p->family && in->outer.family == p->family) {
		memcpy(entered->source, in->outer.source, 16);
		memcpy(entered->destination, in->outer.destination, 16);
		entered->first = p->has_ports ? in->outer.first : 0;
		entered->second = p->has_ports ? in->outer.second : 0;
		headers_fill(entered, in);
	}
	return true;
}

/* The rules that iptables has made: in its older tables, or with words that nft does not know. */
static void iptables_add(const struct scene *s, int netns, json_t *items)
{
	static const struct {
		const char *family, *names, *save, *legacy;
	} kinds[] = {{"ip", "ip_tables_names", "iptables-nft-save", "iptables-legacy-save"},
		{"ip6", "ip6_tables_names", "ip6tables-nft-save", "ip6tables-legacy-save"}};

	for (size_t i = 0; i < 2; i++) {
		const char *const nft[] = {kinds[i].save, NULL};
		const char *const legacy[] = {kinds[i].legacy, NULL};
		char *tables = live_proc_net(scene_fd(s, netns), kinds[i].names), *text = NULL;
		json_t *list = NULL;

		if (tables)
			text = live_command(scene_fd(s, netns), legacy);
		if (text && (list = iptables_parse(text, kinds[i].family, true)))
			json_array_extend(items, list);
		json_decref(list);
		free(text);
		free(tables);
		if (!iptables_wanted(items, kinds[i].family))
			continue;
		text = live_command(scene_fd(s, netns), nft);
		list = text ? iptables_parse(text, kinds[i].family, false) : NULL;
		if (list)
			iptables_explain(items, list);
		json_decref(list);
		free(text);
	}
}

static json_t *rules_read(const struct scene *s, int netns)
{
	static const char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	json_t *rules = live_json(scene_fd(s, netns), argv);

	if (!rules)
		rules = json_pack("{s:[]}", "nftables");
	iptables_add(s, netns, json_object_get(rules, "nftables"));
	return rules;
}

static bool rule_find(const struct scene *s, const struct place *w, const struct firewall_packet *p,
	const struct firewall_packet *entered, struct firewall_verdict *v)
{
	static const char *const in[] = {"ingress", "prerouting", "input", NULL};
	static const char *const through[] = {
		"ingress", "prerouting", "forward", "postrouting", "egress", NULL};
	static const char *const out[] = {"output", "postrouting", "egress", NULL};
	json_t *rules = rules_read(s, w->netns);
	bool found = rules && firewall_judge(rules, p, entered,
				      !w->received		? out
				      : w->local && !w->bridged ? in
								: through,
				      v);

	json_decref(rules);
	return found;
}

bool firewall_drops_bridged(const struct scene *s)
{
	struct firewall_packet p, entered;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p, &entered))
		return false;
	p.bridge_calls_ip = entered.bridge_calls_ip = false;
	return rule_find(s, &w, &p, &entered, &v);
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

/* Could the shell take it for anything but a word? */
static bool is_plain(const char *text)
{
	return !text[strcspn(text, "`$'\\\"!*?<>|&;(){}[]~#\n")];
}

static void legacy_fix(struct scene *s, const struct place *w, const struct firewall_packet *p,
	const struct firewall_verdict *v)
{
	char exec[COMMAND_PREFIX], from[ADDRESS_TEXT], to[ADDRESS_TEXT];
	const char *program = !strcmp(v->family, "ip6") ? "ip6tables-legacy" : "iptables-legacy";

	scene_exec(s, w->netns, exec);
	address_text(from, p->family, p->source);
	address_text(to, p->family, p->destination);
	if (v->handle && is_plain(v->text)) {
		verdict_fix(s->verdict, "%s%s -t %s -D %s", exec, program, v->table, v->text);
		return;
	}
	if (v->handle) {
		verdict_fix(s->verdict, "%s%s -t %s -D %s %u", exec, program, v->table, v->chain,
			v->handle);
		return;
	}
	verdict_fix(s->verdict, "%s%s -t %s -I %s -s %s -d %s -j ACCEPT", exec, program, v->table,
		v->chain, from, to);
	if (w->received && (!w->local || w->bridged))
		verdict_fix(s->verdict, "%s%s -t %s -I %s -s %s -d %s -j ACCEPT", exec, program,
			v->table, v->chain, to, from);
}

/* As little as will do: the element that names this packet, else an exception where the rule has
 * verdicts for others, else the rule. */
static void rule_fix(
	struct scene *s, const char *exec, const struct firewall_verdict *v, const char *match)
{
	if (v->set[0] && is_plain(v->element))
		verdict_fix(s->verdict, "%snft delete element %s %s %s '{ %s%s }'", exec, v->family,
			v->table, v->set, v->element, v->map ? " : drop" : "");
	else if (v->map)
		verdict_fix(s->verdict, "%snft insert rule %s %s %s handle %u %s", exec, v->family,
			v->table, v->chain, v->handle, match);
	else
		verdict_fix(s->verdict, "%snft delete rule %s %s %s handle %u", exec, v->family,
			v->table, v->chain, v->handle);
}

static void fix_print(struct scene *s, const struct place *w, const struct firewall_packet *p,
	const struct firewall_verdict *v)
{
	char exec[COMMAND_PREFIX], match[160], back[160];

	if (v->legacy) {
		legacy_fix(s, w, p, v);
		return;
	}
	scene_exec(s, w->netns, exec);
	match_text(match, sizeof(match), p, v, false);
	if (v->handle) {
		rule_fix(s, exec, v, match);
		return;
	}
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
	char rule[48] = "policy";

	if (v->handle)
		snprintf(rule, sizeof(rule), "rule %u", v->handle);
	scene_why(s, "the firewall of %s %s %s: %s of chain %s in table %s %s%s (hook %s)",
		scene_name(s, w->netns), verb, what, rule, v->chain, v->family, v->table,
		v->legacy ? " of iptables-legacy" : "", v->hook);
	if (v->handle && !v->legacy)
		snprintf(rule, sizeof(rule), "rule handle %u", v->handle);
	verdict_fact(s->verdict, v->legacy ? "iptables" : "nft",
		"table %s %s, chain %s, hook %s, %s%s", v->family, v->table, v->chain, v->hook,
		v->handle ? rule : "policy drop",
		v->certain ? "" : " (not all of its expressions could be checked)");
	if (v->legacy && v->text[0])
		verdict_fact(s->verdict, "iptables", "%s", v->text);
	if (v->set[0])
		verdict_fact(s->verdict, "nft", "%s is an element of %s", v->element, v->set);
}

static bool firewall_drop_confirm(struct scene *s, const struct cause *c)
{
	const struct seen *at = scene_seen(s);
	struct firewall_packet p, entered;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p, &entered))
		return false;
	if (!rule_find(s, &w, &p, &entered, &v)) {
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
	struct firewall_packet p, entered;
	struct firewall_verdict v;
	struct place w;

	if (!place_find(s, &w, &p, &entered) || !rule_find(s, &w, &p, &entered, &v) || !v.reject)
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

/* Does this expression of a rule write the address (NULL: a checksum)? */
static bool expression_writes(json_t *expression, const char *address)
{
	static const char *const translations[] = {"snat", "dnat"};
	json_t *mangle = json_object_get(expression, "mangle");
	json_t *payload = json_object_get(json_object_get(mangle, "key"), "payload");
	const char *field = json_string_value(json_object_get(payload, "field"));
	const char *value = json_string_value(json_object_get(mangle, "value"));

	if (!address)
		return field && !strcmp(field, "checksum");
	if (field && value && (!strcmp(field, "saddr") || !strcmp(field, "daddr")))
		return !strcmp(value, address);
	for (int i = 0; i < 2; i++) {
		json_t *nat = json_object_get(expression, translations[i]);

		value = json_string_value(json_object_get(nat, "addr"));
		if (value && !strcmp(value, address))
			return true;
	}
	return false;
}

bool firewall_writes(struct scene *s, int netns, const char *address)
{
	static const char *const argv[] = {"nft", "-j", "list", "ruleset", NULL};
	json_t *rules = live_json(scene_fd(s, netns), argv),
	       *items = json_object_get(rules, "nftables");
	char exec[COMMAND_PREFIX];
	bool found = false;

	for (size_t i = 0; i < json_array_size(items) && !found; i++) {
		json_t *rule = json_object_get(json_array_get(items, i), "rule");
		json_t *expr = json_object_get(rule, "expr");
		const char *family = json_string_value(json_object_get(rule, "family"));
		const char *table = json_string_value(json_object_get(rule, "table"));
		const char *chain = json_string_value(json_object_get(rule, "chain"));
		int handle = (int)json_integer_value(json_object_get(rule, "handle"));

		for (size_t k = 0; k < json_array_size(expr) && !found; k++)
			found = expression_writes(json_array_get(expr, k), address);
		if (!found || !family || !table || !chain)
			continue;
		verdict_fact(s->verdict, "nft",
			"table %s %s, chain %s, rule handle %d in %s writes %s", family, table,
			chain, handle, scene_name(s, netns), address ? address : "the checksum");
		verdict_fix(s->verdict, "%snft delete rule %s %s %s handle %d",
			scene_exec(s, netns, exec), family, table, chain, handle);
	}
	json_decref(rules);
	return found;
}
