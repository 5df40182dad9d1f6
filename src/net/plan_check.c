/* Checks: what `warren test` tries. */
#include <string.h>

#include "net/plan_build.h"
#include "net/range.h"
#include "net/value.h"

static const struct {
	const char *key;
	enum plan_check_kind kind;
} kinds[] = {{"ping", CHECK_PING}, {"tcp", CHECK_TCP}, {"udp", CHECK_UDP}, {"run", CHECK_RUN}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Which of the four it is; exactly one. */
static const struct tree *find_kind(
	struct build *b, const struct tree *t, enum plan_check_kind *kind)
{
	const struct tree *found = NULL;

	for (size_t i = 0; i < KINDS; i++) {
		const struct tree *item = tree_get(t, kinds[i].key);

		if (item && found) {
			BUILD_FAIL(b, item->key_at,
				"found both '%s' and '%s' in a check, expected one of them",
				found->key, item->key);
			return NULL;
		}
		if (item) {
			found = item;
			*kind = kinds[i].kind;
		}
	}
	if (!found)
		BUILD_FAIL(
			b, t->at, "found a check without a probe, expected ping, tcp, udp or run");
	return found;
}

/* Keys that say nothing for this kind of check. */
static int check_keys(struct build *b, const struct tree *t, enum plan_check_kind kind)
{
	enum {
		PING = 1 << CHECK_PING,
		TCP = 1 << CHECK_TCP,
		UDP = 1 << CHECK_UDP,
		RUN = 1 << CHECK_RUN
	};
	static const struct {
		const char *key;
		unsigned kinds;
		const char *words;
	} keys[] = {{"port", TCP | UDP, "tcp or udp"}, {"size", PING | UDP, "ping or udp"},
		{"df", PING | UDP, "ping or udp"}, {"count", PING, "ping"},
		{"device", PING | TCP | UDP, "ping, tcp or udp"},
		{"cause", PING | TCP | UDP, "ping, tcp or udp"},
		{"at", PING | TCP | UDP, "ping, tcp or udp"}, {"exit", RUN, "run"},
		{"output", RUN, "run"}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct tree *item = tree_get(t, keys[i].key);

		if (item && !(keys[i].kinds & 1u << kind))
			return BUILD_FAIL(b, item->key_at,
				"found '%s' in a check by %s, expected it with %s only", item->key,
				kinds[kind].key, keys[i].words);
	}
	if ((kind == CHECK_TCP || kind == CHECK_UDP) && !tree_get(t, "port"))
		return BUILD_FAIL(b, t->at, "found a check by %s without 'port', expected one",
			kinds[kind].key);
	return 0;
}

/* An address, or the first one of a node or of its device. */
static int read_destination(struct build *b, struct plan_check *c, const struct tree *t)
{
	char quote[PLACE_QUOTE];
	int node, device, err;

	if (ip_parse(&c->to, t->text))
		return 0;
	if (!strchr(t->text, ':') && !value_is_name(t->text))
		return BUILD_FAIL(b, t->at,
			"%s: found %s, expected an address, NODE or NODE:DEVICE", t->key,
			place_quote(quote, t->text));
	if (t->text[strspn(t->text, "0123456789abcdefABCDEF:.")] == '\0' && strpbrk(t->text, ".:"))
		return BUILD_FAIL(b, t->at, "%s: found %s, expected an address, like 10.0.0.1",
			t->key, place_quote(quote, t->text));
	err = build_end_or_node(b, t->text, t->at, &node, &device);
	if (err)
		return err;
	for (size_t i = 0; i < b->plan->nodes[node].device_count; i++) {
		const struct plan_device *d = &b->plan->nodes[node].devices[i];

		if ((device < 0 || device == (int)i) && d->address_count) {
			c->to = d->addresses[0].prefix.address;
			return 0;
		}
	}
	return BUILD_FAIL(b, t->at, "%s: found %s, which has no address, expected one that has",
		t->key, place_quote(quote, t->text));
}

static int read_expectation(struct build *b, struct plan_check *c, const struct tree *t)
{
	const struct tree *expect = tree_get(t, "expect"), *cause = tree_get(t, "cause"),
			  *at = tree_get(t, "at"), *exit = tree_get(t, "exit");
	const struct tree *why = cause ? cause : at;
	int device, err;

	c->expect = expect ? !strcmp(expect->text, "ok") : !why;
	c->cause = cause ? cause->text : NULL;
	c->at_node = -1;
	c->exit = exit ? (int)build_number(t, "exit", 0) : -1;
	if (why && c->expect)
		return BUILD_FAIL(b, why->key_at,
			"found '%s' in a check that expects ok, expected it with fail only",
			why->key);
	if (exit && expect)
		return BUILD_FAIL(
			b, exit->key_at, "found both 'expect' and 'exit', expected one of them");
	if (!at)
		return 0;
	err = build_end_or_node(b, at->text, at->at, &c->at_node, &device);
	if (!err && device >= 0)
		memcpy(c->at_device, b->plan->nodes[c->at_node].devices[device].name, IFNAMSIZ);
	return err;
}

static int device_of(struct build *b, int node, const struct tree *t, char out[IFNAMSIZ])
{
	int found = 0;

	/* Every node has lo, also where the file does not name it. */
	if (strcmp(t->text, "lo") != 0)
		found = build_device_find(b, node, t->text, t->at);
	if (found < 0)
		return found;
	memcpy(out, t->text, strlen(t->text) + 1);
	return 0;
}

static int read_sight(struct build *b, struct plan_check *c, const struct tree *t, bool absent)
{
	const struct tree *device = t->kind == TREE_MAP ? tree_get(t, "device") : t;
	const struct tree *node = tree_get(t, "node"), *count = tree_get(t, "count");
	struct plan_sight s = {
		.at = t->at, .node = c->from, .least = !absent, .most = absent ? 0 : UINT32_MAX};
	int err;

	if (node)
		s.node = build_node_find(b, node->text, node->at);
	if (s.node < 0)
		return s.node;
	err = device_of(b, s.node, device, s.device);
	if (err)
		return err;
	s.filter = build_text(t, "filter");
	if (count)
		value_count(&s.least, &s.most, count->text);
	*ARENA_PUSH(b->arena, c->sights, c->sight_count) = s;
	return build_spend(b, t->at, 1);
}

static int read_sights(struct build *b, struct plan_check *c, const struct tree *t, const char *key)
{
	const struct tree *items;
	size_t n;
	int err = 0;

	items = build_items(tree_get(t, key), &n);
	for (size_t i = 0; !err && i < n; i++)
		err = read_sight(b, c, &items[i], !strcmp(key, "unseen"));
	return err;
}

static int read_check(struct build *b, const struct tree *t, int from)
{
	struct plan_check c = {.at = t->at, .from = from, .name = build_text(t, "name")};
	const struct tree *probe = find_kind(b, t, &c.kind);
	int err = probe ? check_keys(b, t, c.kind) : -EINVAL;

	if (!err && c.kind == CHECK_RUN)
		c.run = probe->text;
	else if (!err)
		err = read_destination(b, &c, probe);
	if (!err)
		err = read_expectation(b, &c, t);
	if (!err && tree_get(t, "device"))
		err = device_of(b, from, tree_get(t, "device"), c.device);
	if (!err)
		err = read_sights(b, &c, t, "seen");
	if (!err)
		err = read_sights(b, &c, t, "unseen");
	if (!err)
		err = build_spend(b, t->at, 1);
	if (err)
		return err;
	c.port = (uint16_t)build_number(t, "port", 0);
	c.size = (uint32_t)build_number(t, "size", 0);
	c.has_size = tree_get(t, "size");
	c.df = build_bool(t, "df", false);
	c.count = (uint32_t)build_number(t, "count", 1);
	c.output = build_text(t, "output");
	if (tree_get(t, "timeout"))
		value_duration(&c.timeout, build_text(t, "timeout"));
	*ARENA_PUSH(b->arena, b->plan->checks, b->plan->check_count) = c;
	return 0;
}

int plan_checks_build(struct build *b, const struct tree *file)
{
	const struct tree *t = tree_get(file, "checks");

	for (size_t i = 0; t && i < t->count; i++) {
		const struct tree *from = tree_get(&t->items[i], "from");
		struct range range;
		int err = build_range(b, &range, from->at, from->text);

		for (size_t j = 0; !err && j < range.count; j++) {
			int node = build_node_find(b, range.names[j], from->at);

			err = node < 0 ? node : read_check(b, &t->items[i], node);
		}
		if (err)
			return err;
	}
	return 0;
}
