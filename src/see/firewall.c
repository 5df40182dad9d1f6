#include "see/firewall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/firewall_match.h"

enum { JUMPS_MAX = 16, CHAINS_MAX = 256 };

enum outcome { GO_ON, RETURN, ACCEPT, DROP };

struct judge {
	struct situation at;
	const char *hook;
	struct firewall_verdict *verdict;
	struct firewall_verdict suspect; /* a rule that might have done it */
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* Tables of the same name may be nft's and the older ones of iptables. */
static bool is_same_table(const json_t *a, const json_t *b)
{
	return !strcmp(text_of(a, "table"), text_of(b, "table")) &&
	       !strcmp(text_of(a, "family"), text_of(b, "family")) &&
	       json_is_true(json_object_get(a, "legacy")) ==
		       json_is_true(json_object_get(b, "legacy"));
}

static void rule_note(
	struct judge *j, struct firewall_verdict *v, const json_t *rule, bool reject, bool certain)
{
	*v = (struct firewall_verdict){.found = true, .certain = certain, .reject = reject};
	snprintf(v->family, sizeof(v->family), "%s", text_of(rule, "family"));
	snprintf(v->table, sizeof(v->table), "%s", text_of(rule, "table"));
	snprintf(v->chain, sizeof(v->chain), "%s", text_of(rule, "chain"));
	snprintf(v->hook, sizeof(v->hook), "%s", j->hook);
	snprintf(v->text, sizeof(v->text), "%s", text_of(rule, "words"));
	v->legacy = json_is_true(json_object_get(rule, "legacy"));
	v->handle = (uint32_t)json_integer_value(json_object_get(rule, "handle"));
}

static enum outcome chain_run(
	struct judge *j, const json_t *like, const char *name, int depth, enum truth reached);

/* Statements that neither match nor decide. */
static bool is_neutral(const char *key, const json_t *body)
{
	static const char *const list[] = {"counter", "log", "comment", "mangle", "notrack", "flow",
		"meter", "ct helper", "ct timeout", "ct expectation", "dup", "last", "set",
		"continue", NULL};

	for (int i = 0; list[i]; i++)
		if (!strcmp(list[i], key))
			return true;
	/* Comments of iptables, and targets that go on. */
	return !strcmp(key, "xt") && (!strcmp(text_of(body, "name"), "comment") ||
					     (!strcmp(text_of(body, "type"), "target") &&
						     strcmp(text_of(body, "name"), "REJECT") != 0));
}

/* A rule sets the packet's mark, for the rules behind it. */
static void mark_set(struct judge *j, const json_t *mangle, enum truth holds)
{
	const json_t *key = json_object_get(mangle, "key"),
		     *value = json_object_get(mangle, "value");

	if (strcmp(text_of(json_object_get(key, "meta"), "key"), "mark") != 0)
		return;
	if (holds == YES && json_is_integer(value)) {
		j->at.mark = (uint64_t)json_integer_value(value);
		j->at.marked = YES;
	} else {
		j->at.marked = MAYBE;
	}
}

/* The one element because of which a rule hit: to take it away is less than to delete the rule. */
static void element_note(struct judge *j, const char *set, const json_t *element)
{
	struct firewall_verdict *v = j->verdict->found ? j->verdict : &j->suspect;

	if (!set || !json_is_string(element))
		return;
	snprintf(v->set, sizeof(v->set), "%s", set);
	snprintf(v->element, sizeof(v->element), "%s", json_string_value(element));
}

/* A verdict statement; GO_ON: it was none, or the packet comes back from where it jumped. */
static enum outcome decide(struct judge *j, const json_t *rule, const char *key, const json_t *body,
	int depth, enum truth holds)
{
	bool reject = !strcmp(key, "reject") || !strcmp(key, "xt");
	enum outcome o;

	if (!strcmp(key, "drop") || !strcmp(key, "queue") || reject) {
		if (holds == YES && strcmp(key, "queue") != 0) {
			rule_note(j, j->verdict, rule, reject, true);
			return DROP;
		}
		if (!j->suspect.found)
			rule_note(j, &j->suspect, rule, reject, false);
		return GO_ON;
	}
	if (!strcmp(key, "accept"))
		return holds == YES ? ACCEPT : GO_ON;
	if (!strcmp(key, "return"))
		return holds == YES ? RETURN : GO_ON;
	if (strcmp(key, "jump") != 0 && strcmp(key, "goto") != 0)
		return GO_ON;
	o = chain_run(j, rule, text_of(body, "target"), depth + 1, holds);
	if (o == GO_ON && key[0] == 'g' && holds == YES)
		return RETURN;
	return o;
}

static enum outcome map_decide(
	struct judge *j, const json_t *rule, const json_t *vmap, int depth, enum truth holds)
{
	const json_t *element, *data = json_object_get(vmap, "data");
	enum truth how;
	const json_t *verdict = map_find(&j->at, vmap, &element, &how);
	bool suspected = j->suspect.found;
	enum outcome o = GO_ON;
	const char *key;
	json_t *body;

	if (!verdict)
		return GO_ON;
	json_object_foreach((json_t *)verdict, key, body) o =
		decide(j, rule, key, body, depth, how < holds ? how : holds);
	if (o == DROP || (!suspected && j->suspect.found)) {
		struct firewall_verdict *v = o == DROP ? j->verdict : &j->suspect;

		v->map = v->handle == (uint32_t)json_integer_value(json_object_get(rule, "handle"));
		if (v->map && json_is_string(data))
			element_note(j, json_string_value(data) + 1, element);
	}
	return o;
}

static bool is_verdict(const char *key, const json_t *body)
{
	static const char *const list[] = {
		"drop", "reject", "queue", "accept", "return", "jump", "goto", NULL};

	for (int i = 0; list[i]; i++)
		if (!strcmp(list[i], key))
			return true;
	return !strcmp(key, "xt") && !strcmp(text_of(body, "name"), "REJECT");
}

static enum outcome rule_run(struct judge *j, const json_t *rule, int depth, enum truth reached)
{
	const json_t *expr = json_object_get(rule, "expr"), *element = NULL;
	enum truth holds = reached;
	const char *set = NULL;

	for (size_t i = 0; i < json_array_size(expr); i++) {
		json_t *item = json_array_get(expr, i), *body;
		enum outcome o = GO_ON;
		const char *key;

		json_object_foreach(item, key, body)
		{
			if (!strcmp(key, "match")) {
				enum truth t = match_holds(&j->at, body);

				holds = t < holds ? t : holds;
				if (holds == NO)
					return GO_ON;
				if (!element)
					element = set_find(&j->at, body, &set);
			} else if (!strcmp(key, "vmap")) {
				o = map_decide(j, rule, body, depth, holds);
			} else if (is_verdict(key, body)) {
				o = decide(j, rule, key, body, depth, holds);
				if (o == DROP && element && strcmp(key, "jump") != 0 &&
					strcmp(key, "goto") != 0)
					element_note(j, set, element);
			} else if (!strcmp(key, "mangle")) {
				mark_set(j, body, holds);
			} else if (!is_neutral(key, body)) {
				holds = holds > MAYBE ? MAYBE : holds; /* limit, xt, fib ... */
			}
			if (o != GO_ON)
				return o;
		}
	}
	return GO_ON;
}

static enum outcome chain_run(
	struct judge *j, const json_t *like, const char *name, int depth, enum truth reached)
{
	if (depth > JUMPS_MAX)
		return GO_ON;
	for (size_t i = 0; i < json_array_size(j->at.items); i++) {
		const json_t *rule = json_object_get(json_array_get(j->at.items, i), "rule");
		enum outcome o;

		if (!rule || strcmp(text_of(rule, "chain"), name) != 0 ||
			!is_same_table(rule, like))
			continue;
		o = rule_run(j, rule, depth, reached);
		if (o == RETURN)
			return GO_ON;
		if (o != GO_ON)
			return o;
	}
	return GO_ON;
}

static bool device_listed(const json_t *dev, const char *name)
{
	if (!dev) /* nft 1.0.6 leaves it out */
		return true;
	if (json_is_string(dev))
		return !strcmp(json_string_value(dev), name);
	for (size_t i = 0; i < json_array_size(dev); i++)
		if (!strcmp(json_string_value(json_array_get(dev, i)), name))
			return true;
	return false;
}

/* Does the packet pass this base chain at this hook? */
static bool chain_applies(const struct judge *j, const json_t *chain)
{
	const struct firewall_packet *p = j->at.packet;
	const char *family = text_of(chain, "family");
	bool ingress = !strcmp(j->hook, "ingress"), egress = !strcmp(j->hook, "egress");

	if (strcmp(text_of(chain, "hook"), j->hook) != 0)
		return false;
	if (ingress || egress)
		return (!strcmp(family, "netdev") || !strcmp(family, "inet")) &&
		       device_listed(json_object_get(chain, "dev"), ingress ? p->iif : p->oif);
	if (!strcmp(family, "bridge"))
		return p->bridged;
	if (p->bridged && !p->bridge_calls_ip)
		return false;
	if (!strcmp(family, "arp"))
		return p->family == 0;
	if (!strcmp(family, "inet"))
		return p->family != 0;
	return !strcmp(family, p->family == 6 ? "ip6" : "ip") && p->family != 0;
}

/* Symbolic priorities are printed as numbers in JSON. */
static int priority_compare(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(const json_t *const *)a, "prio"));
	json_int_t y = json_integer_value(json_object_get(*(const json_t *const *)b, "prio"));

	return (x > y) - (x < y);
}

static bool hook_run(struct judge *j)
{
	const json_t *chains[CHAINS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(j->at.items) && n < CHAINS_MAX; i++) {
		const json_t *chain = json_object_get(json_array_get(j->at.items, i), "chain");

		if (chain && chain_applies(j, chain))
			chains[n++] = chain;
	}
	if (n)
		qsort(chains, n, sizeof(chains[0]), priority_compare);
	for (size_t i = 0; i < n; i++) {
		const json_t *chain = chains[i];
		enum outcome o = chain_run(j, chain, text_of(chain, "name"), 0, YES);
		struct firewall_verdict *v = j->verdict;

		if (o == DROP)
			return true;
		if (o == ACCEPT || strcmp(text_of(chain, "policy"), "drop") != 0)
			continue;
		*v = (struct firewall_verdict){.found = true, .certain = true};
		snprintf(v->family, sizeof(v->family), "%s", text_of(chain, "family"));
		snprintf(v->table, sizeof(v->table), "%s", text_of(chain, "table"));
		snprintf(v->chain, sizeof(v->chain), "%s", text_of(chain, "name"));
		snprintf(v->hook, sizeof(v->hook), "%s", j->hook);
		v->legacy = json_is_true(json_object_get(chain, "legacy"));
		return true;
	}
	return false;
}

bool firewall_judge(const json_t *ruleset, const struct firewall_packet *p,
	const struct firewall_packet *entered, const char *const hooks[],
	struct firewall_verdict *v)
{
	struct judge j = {.at = {.items = json_object_get(ruleset, "nftables"), .mark = p->mark},
		.verdict = v};

	*v = (struct firewall_verdict){0};
	for (int i = 0; hooks[i]; i++) {
		bool early = !strcmp(hooks[i], "ingress") || !strcmp(hooks[i], "prerouting");

		j.at.packet = early && entered ? entered : p;
		j.hook = hooks[i];
		if (hook_run(&j))
			return true;
	}
	if (j.suspect.found)
		*v = j.suspect;
	return v->found;
}
