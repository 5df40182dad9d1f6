#include "see/iptables.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 128, LINE_MAX_BYTES = 2048 };

/* A line in words, as the shell would split it. */
struct words {
	char room[LINE_MAX_BYTES];
	char *list[WORDS_MAX];
	int count;
};

static void words_split(struct words *w, const char *line, size_t size)
{
	char *out = w->room;
	bool quoted = false, inside = false;

	w->count = 0;
	if (size >= sizeof(w->room) / 2)
		return;
	for (size_t i = 0; i < size; i++) {
		char c = line[i];

		if (c == ' ' && !quoted) {
			if (inside)
				*out++ = '\0';
			inside = false;
			continue;
		}
		if (!inside) {
			if (w->count == WORDS_MAX)
				return;
			w->list[w->count++] = out;
			inside = true;
		}
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && quoted && i + 1 < size)
			c = line[++i];
		*out++ = c;
	}
	*out = '\0';
}

/* ---- sides of a match ---- */

static json_t *payload(const char *protocol, const char *field)
{
	return json_pack("{s:{s:s,s:s}}", "payload", "protocol", protocol, "field", field);
}

static json_t *meta(const char *key)
{
	return json_pack("{s:{s:s}}", "meta", "key", key);
}

static json_t *match(json_t *left, json_t *right, bool negated)
{
	return json_pack("{s:{s:s,s:o,s:o}}", "match", "op", negated ? "!=" : "==", "left", left,
		"right", right);
}

static json_t *number_or_text(const char *text)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);

	return *text && !*end ? json_integer((json_int_t)n) : json_string(text);
}

/* "80", "1:1023" (or "a-b") as a number or a range. */
static json_t *range_of(const char *text, char between, bool plain)
{
	const char *mid = strchr(text, between);
	char low[64], high[64];

	if (!mid)
		return plain ? json_string(text) : number_or_text(text);
	snprintf(low, sizeof(low), "%.*s", (int)(mid - text), text);
	snprintf(high, sizeof(high), "%s", mid + 1);
	return json_pack("{s:[o,o]}", "range", plain ? json_string(low) : number_or_text(low),
		plain ? json_string(high) : number_or_text(high));
}

/* "22,80,100:200" as a set. */
static json_t *set_of(const char *text)
{
	char copy[256], *rest = copy, *item;
	json_t *set = json_array();

	snprintf(copy, sizeof(copy), "%s", text);
	while ((item = strsep(&rest, ",")))
		json_array_append_new(set, range_of(item, ':', false));
	return json_pack("{s:o}", "set", set);
}

static json_t *prefix_of(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[64];

	if (!slash)
		return json_string(text);
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	/* A mask that is no prefix ("/255.0.0.255") is left as a text that equals nothing. */
	if (strchr(slash + 1, '.') || strchr(slash + 1, ':'))
		return json_string(text);
	return json_pack("{s:{s:s,s:i}}", "prefix", "addr", address, "len", atoi(slash + 1));
}

/* "eth+" is "eth*" there. */
static json_t *device_of(const char *text)
{
	char copy[64];
	size_t n;

	snprintf(copy, sizeof(copy), "%s", text);
	n = strlen(copy);
	if (n && copy[n - 1] == '+')
		copy[n - 1] = '*';
	return json_string(copy);
}

static json_t *states_of(const char *text)
{
	char copy[128], *rest = copy, *item;
	json_t *set = json_array();

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *c = copy; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	while ((item = strsep(&rest, ",")))
		json_array_append_new(set, json_string(item));
	return json_pack("{s:o}", "set", set);
}

/* "0x1/0xff": a mark behind a mask. */
static json_t *mark_match(const char *text, bool negated)
{
	const char *slash = strchr(text, '/');
	json_t *left = meta("mark");

	if (slash)
		left = json_pack("{s:[o,o]}", "&", left, number_or_text(slash + 1));
	return match(left, json_integer((json_int_t)strtoull(text, NULL, 0)), negated);
}

static json_t *flags_of(const char *text)
{
	static const struct {
		const char *name;
		int bit;
	} list[] = {{"FIN", 1}, {"SYN", 2}, {"RST", 4}, {"PSH", 8}, {"ACK", 16}, {"URG", 32},
		{"ECE", 64}, {"CWR", 128}, {"ALL", 63}};
	char copy[64], *rest = copy, *item;
	int bits = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((item = strsep(&rest, ",")))
		for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
			if (!strcmp(item, list[i].name))
				bits |= list[i].bit;
	return json_integer(bits);
}

static json_t *unknown(const char *type, const char *name)
{
	return json_pack("{s:{s:s,s:s}}", "xt", "type", type, "name", name);
}

/* ---- options ---- */

static bool is_one_of(const char *word, const char *const list[])
{
	for (int i = 0; list[i]; i++)
		if (!strcmp(list[i], word))
			return true;
	return false;
}

/* The option at list[i] with its argument: what it matches; NULL: it is not ours.  *used: words. */
static json_t *option(const char *family, const char *name, const char *value, const char *second,
	bool negated, int *used)
{
	bool six = !strcmp(family, "ip6");

	*used = 2;
	if (!strcmp(name, "-s"))
		return match(payload(family, "saddr"), prefix_of(value), negated);
	if (!strcmp(name, "-d"))
		return match(payload(family, "daddr"), prefix_of(value), negated);
	if (!strcmp(name, "-i"))
		return match(meta("iifname"), device_of(value), negated);
	if (!strcmp(name, "-o"))
		return match(meta("oifname"), device_of(value), negated);
	if (!strcmp(name, "-p"))
		return match(meta("l4proto"), number_or_text(value), negated);
	if (!strcmp(name, "--sport"))
		return match(payload("th", "sport"), range_of(value, ':', false), negated);
	if (!strcmp(name, "--dport"))
		return match(payload("th", "dport"), range_of(value, ':', false), negated);
	if (!strcmp(name, "--sports"))
		return match(payload("th", "sport"), set_of(value), negated);
	if (!strcmp(name, "--dports"))
		return match(payload("th", "dport"), set_of(value), negated);
	if (!strcmp(name, "--src-range"))
		return match(payload(family, "saddr"), range_of(value, '-', true), negated);
	if (!strcmp(name, "--dst-range"))
		return match(payload(family, "daddr"), range_of(value, '-', true), negated);
	if (!strcmp(name, "--length"))
		return match(meta("length"), range_of(value, ':', false), negated);
	if (!strcmp(name, "--ttl-eq") || !strcmp(name, "--hl-eq"))
		return match(
			payload(family, six ? "hoplimit" : "ttl"), number_or_text(value), negated);
	if (!strcmp(name, "--ctstate") || !strcmp(name, "--state"))
		return match(
			json_pack("{s:{s:s}}", "ct", "key", "state"), states_of(value), negated);
	if (!strcmp(name, "--mark"))
		return mark_match(value, negated);
	if (!strcmp(name, "--mac-source"))
		return match(payload("ether", "saddr"), json_string(value), negated);
	if (!strcmp(name, "--icmp-type") || !strcmp(name, "--icmpv6-type")) {
		char type[32];

		snprintf(type, sizeof(type), "%.*s", (int)strcspn(value, "/"), value);
		if (!strcmp(type, "any") || !strcmp(type, "255"))
			return NULL;
		return match(
			payload(six ? "icmpv6" : "icmp", "type"), number_or_text(type), negated);
	}
	if (!strcmp(name, "--tcp-flags") && second) {
		*used = 3;
		return match(json_pack("{s:[o,o]}", "&", payload("tcp", "flags"), flags_of(value)),
			flags_of(second), negated);
	}
	return NULL;
}

/* Where the packet goes: -j and -g. */
static void target_add(json_t *expr, const struct words *w, int at)
{
	static const char *const neutral[] = {"LOG", "NFLOG", "CT", "TCPMSS", "CONNMARK",
		"CHECKSUM", "TRACE", "NOTRACK", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "SET",
		"AUDIT", "SECMARK", "CONNSECMARK", "TCPOPTSTRIP", "RATEEST", "IDLETIMER", NULL};
	static const char *const accepting[] = {
		"ACCEPT", "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP", NULL};
	const char *name = w->list[at + 1];

	if (!strcmp(name, "DROP"))
		json_array_append_new(expr, json_pack("{s:n}", "drop"));
	else if (!strcmp(name, "REJECT"))
		json_array_append_new(expr, json_pack("{s:n}", "reject"));
	else if (!strcmp(name, "RETURN"))
		json_array_append_new(expr, json_pack("{s:n}", "return"));
	else if (is_one_of(name, accepting))
		json_array_append_new(expr, json_pack("{s:n}", "accept"));
	else if (!strcmp(name, "NFQUEUE"))
		json_array_append_new(expr, json_pack("{s:n}", "queue"));
	else if (!strcmp(name, "MARK") && at + 3 < w->count &&
		 (!strcmp(w->list[at + 2], "--set-xmark") ||
			 !strcmp(w->list[at + 2], "--set-mark")))
		json_array_append_new(
			expr, json_pack("{s:{s:o,s:I}}", "mangle", "key", meta("mark"), "value",
				      (json_int_t)strtoull(w->list[at + 3], NULL, 0)));
	else if (!is_one_of(name, neutral))
		json_array_append_new(
			expr, json_pack("{s:{s:s}}", !strcmp(w->list[at], "-g") ? "goto" : "jump",
				      "target", name));
}

static json_t *expressions(const struct words *w, const char *family)
{
	/* Matches whose options are all understood, or say nothing. */
	static const char *const known[] = {"tcp", "udp", "icmp", "icmp6", "comment", "multiport",
		"conntrack", "state", "iprange", "mark", "length", "ttl", "hl", "mac", "ipv6-icmp",
		"sctp", "udplite", "dccp", NULL};
	/* Options of known matches that are no condition here. */
	static const char *const silent[] = {"--comment", "--icmp-type", "--icmpv6-type", NULL};
	json_t *expr = json_array();

	for (int i = 2; i < w->count;) {
		const char *word = w->list[i];
		bool negated = !strcmp(word, "!");
		int used = 1;
		json_t *m;

		if (negated && ++i >= w->count)
			break;
		word = w->list[i];
		if (i + 1 < w->count && (!strcmp(word, "-j") || !strcmp(word, "-g"))) {
			target_add(expr, w, i);
			break;
		}
		if (i + 1 < w->count && !strcmp(word, "-m")) {
			if (!is_one_of(w->list[i + 1], known))
				json_array_append_new(expr, unknown("match", w->list[i + 1]));
			i += 2;
			continue;
		}
		m = i + 1 < w->count
			    ? option(family, word, w->list[i + 1],
				      i + 2 < w->count ? w->list[i + 2] : NULL, negated, &used)
			    : NULL;
		if (m)
			json_array_append_new(expr, m);
		else if (word[0] == '-' && !is_one_of(word, silent))
			json_array_append_new(expr, unknown("match", word));
		i += m ? used : 1;
	}
	return expr;
}

/* ---- lines ---- */

static int priority_of(const char *table, const char *chain)
{
	if (!strcmp(table, "raw"))
		return -300;
	if (!strcmp(table, "mangle"))
		return -150;
	if (!strcmp(table, "nat"))
		return !strcmp(chain, "PREROUTING") || !strcmp(chain, "OUTPUT") ? -100 : 100;
	return !strcmp(table, "security") ? 50 : 0;
}

static json_t *chain_of(const struct words *w, const char *family, const char *table, bool legacy)
{
	static const struct {
		const char *name, *hook;
	} hooks[] = {{"PREROUTING", "prerouting"}, {"INPUT", "input"}, {"FORWARD", "forward"},
		{"OUTPUT", "output"}, {"POSTROUTING", "postrouting"}};
	const char *name = w->list[0] + 1;
	json_t *chain = json_pack("{s:s,s:s,s:s,s:b}", "family", family, "table", table, "name",
		name, "legacy", legacy);

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (!strcmp(hooks[i].name, name)) {
			json_object_set_new(chain, "hook", json_string(hooks[i].hook));
			json_object_set_new(chain, "prio", json_integer(priority_of(table, name)));
			json_object_set_new(chain, "policy",
				json_string(w->count > 1 && !strcmp(w->list[1], "DROP")
						    ? "drop"
						    : "accept"));
		}
	return json_pack("{s:o}", "chain", chain);
}

static json_int_t rules_before(const json_t *items, const char *table, const char *chain)
{
	json_int_t n = 0;

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *rule = json_object_get(json_array_get(items, i), "rule");
		const char *in = json_string_value(json_object_get(rule, "table"));
		const char *of = json_string_value(json_object_get(rule, "chain"));

		n += in && of && !strcmp(in, table) && !strcmp(of, chain);
	}
	return n;
}

static void line_add(json_t *items, const char *line, size_t size, const char *family,
	char table[64], bool legacy)
{
	struct words w;
	json_t *rule;

	/* "[12:1008] -A INPUT ...", with counters */
	if (size && line[0] == '[') {
		const char *end = memchr(line, ']', size);

		if (!end || end + 2 > line + size)
			return;
		size -= (size_t)(end + 2 - line);
		line = end + 2;
	}
	words_split(&w, line, size);
	if (!w.count)
		return;
	if (w.list[0][0] == '*') {
		snprintf(table, 64, "%s", w.list[0] + 1);
	} else if (w.list[0][0] == ':' && table[0]) {
		json_array_append_new(items, chain_of(&w, family, table, legacy));
	} else if (!strcmp(w.list[0], "-A") && w.count > 1 && table[0]) {
		rule = json_pack("{s:s,s:s,s:s,s:I,s:b,s:o}", "family", family, "table", table,
			"chain", w.list[1], "handle", rules_before(items, table, w.list[1]) + 1,
			"legacy", legacy, "expr", expressions(&w, family));
		if (rule && legacy)
			json_object_set_new(rule, "words", json_stringn(line + 3, size - 3));
		json_array_append_new(items, json_pack("{s:o}", "rule", rule));
	}
}

json_t *iptables_parse(const char *save, const char *family, bool legacy)
{
	json_t *items = json_array();
	char table[64] = "";

	while (items && *save) {
		size_t size = strcspn(save, "\n");

		line_add(items, save, size, family, table, legacy);
		save += size + (save[size] == '\n');
	}
	return items;
}

/* ---- what nft could not say ---- */

static bool has_xt(const json_t *rule)
{
	const json_t *expr = json_object_get(rule, "expr");

	for (size_t i = 0; i < json_array_size(expr); i++)
		if (json_object_get(json_array_get(expr, i), "xt"))
			return true;
	return false;
}

static bool is_of(const json_t *rule, const char *family)
{
	const char *own = json_string_value(json_object_get(rule, "family"));

	return own && !strcmp(own, family);
}

bool iptables_wanted(const json_t *items, const char *family)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *rule = json_object_get(json_array_get(items, i), "rule");

		if (is_of(rule, family) && has_xt(rule))
			return true;
	}
	return false;
}

static const json_t *rule_nth(const json_t *parsed, const json_t *like, json_int_t n)
{
	for (size_t i = 0; i < json_array_size(parsed); i++) {
		const json_t *rule = json_object_get(json_array_get(parsed, i), "rule");

		if (json_integer_value(json_object_get(rule, "handle")) == n &&
			json_equal(
				json_object_get(rule, "family"), json_object_get(like, "family")) &&
			json_equal(
				json_object_get(rule, "table"), json_object_get(like, "table")) &&
			json_equal(json_object_get(rule, "chain"), json_object_get(like, "chain")))
			return rule;
	}
	return NULL;
}

void iptables_explain(json_t *items, const json_t *parsed)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *rule = json_object_get(json_array_get(items, i), "rule");
		json_int_t n = 1;
		const json_t *said;

		if (!rule || !has_xt(rule))
			continue;
		for (size_t k = 0; k < i; k++) {
			const json_t *before = json_object_get(json_array_get(items, k), "rule");

			n += before &&
			     json_equal(json_object_get(before, "family"),
				     json_object_get(rule, "family")) &&
			     json_equal(json_object_get(before, "table"),
				     json_object_get(rule, "table")) &&
			     json_equal(json_object_get(before, "chain"),
				     json_object_get(rule, "chain"));
		}
		said = rule_nth(parsed, rule, n);
		if (said)
			json_object_set(rule, "expr", json_object_get(said, "expr"));
	}
}
