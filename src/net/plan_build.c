#include "net/plan_build.h"

#include <stdio.h>
#include <string.h>

#include "net/range.h"
#include "net/suggest.h"
#include "net/value.h"

enum { NODES = -1 }; /* the scope of their names */

int build_spend(struct build *b, struct place at, size_t n)
{
	if (n > b->budget)
		return BUILD_FAIL(b, at,
			"found a network of more than 131072 objects, expected a smaller one");
	b->budget -= n;
	return 0;
}

struct place build_within(const struct tree *t, size_t offset)
{
	struct place at = t->at;

	at.column += (unsigned)offset + !t->plain;
	return at;
}

int build_range(struct build *b, struct range *out, struct place at, const char *text)
{
	struct error why = {0};

	if (!range_expand(out, b->arena, text, &why))
		return 0;
	return BUILD_FAIL(b, at, "%s", why.text);
}

int build_node_add(struct build *b, const char *name, struct place at, const struct tree *tree)
{
	int index = (int)b->plan->node_count, first;
	char quote[PLACE_QUOTE];
	struct draft_node *draft;
	struct plan_node *n;

	if (!value_is_name(name))
		return BUILD_FAIL(b, at,
			"found %s, expected a name of letters, digits, '_' and '-', at most 63 of them",
			place_quote(quote, name));
	if (!names_add(&b->names, NODES, name, strlen(name), index)) {
		first = names_find(&b->names, NODES, name, strlen(name));
		return BUILD_FAIL(b, at,
			"found node %s a second time, expected it once (first in line %u)",
			place_quote(quote, name), b->plan->nodes[first].at.line);
	}
	if (build_spend(b, at, 1))
		return -EINVAL;
	n = ARENA_PUSH(b->arena, b->plan->nodes, b->plan->node_count);
	n->name = name;
	n->at = at;
	draft = ARENA_PUSH(b->arena, b->drafts, b->draft_count);
	draft->tree = tree;
	return index;
}

int build_device_add(
	struct build *b, int node, const char *name, struct place at, const struct tree *tree)
{
	struct plan_node *n = &b->plan->nodes[node];
	struct draft_node *drafts = &b->drafts[node];
	int index = (int)n->device_count, first;
	char quote[PLACE_QUOTE];
	struct plan_device *d;
	struct draft *draft;

	if (!value_is_device(name))
		return BUILD_FAIL(b, at,
			"found %s, expected the name of a device: at most 15 characters, no '/', ':' or space",
			place_quote(quote, name));
	if (!names_add(&b->names, node, name, strlen(name), index)) {
		first = names_find(&b->names, node, name, strlen(name));
		return BUILD_FAIL(b, at,
			"found device %s a second time in node %s, expected it once (first in line %u)",
			place_quote(quote, name), n->name, n->devices[first].at.line);
	}
	if (build_spend(b, at, 1))
		return -EINVAL;
	d = ARENA_PUSH(b->arena, n->devices, n->device_count);
	d->at = at;
	d->up = true;
	d->master = -1;
	memcpy(d->name, name, strlen(name) + 1);
	draft = ARENA_PUSH(b->arena, drafts->devices, drafts->device_count);
	draft->tree = tree;
	return index;
}

/* "..., expected one of a, b, c": as many names as a line bears. */
static void list_add(char *list, size_t size, const char *name)
{
	enum { ENOUGH = 200 };
	size_t used = strlen(list);

	if (used < ENOUGH)
		snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
	else if (strcmp(list + used - 3, "...") != 0)
		snprintf(list + used, size - used, ", ...");
}

int build_node_find(struct build *b, const char *name, struct place at)
{
	int found = names_find(&b->names, NODES, name, strlen(name));
	struct suggestion meant = {0};
	char quote[PLACE_QUOTE], list[300] = "";

	if (found >= 0)
		return found;
	for (size_t i = 0; i < b->plan->node_count; i++) {
		suggest_offer(&meant, name, b->plan->nodes[i].name, b->plan->nodes[i].name);
		list_add(list, sizeof(list), b->plan->nodes[i].name);
	}
	place_quote(quote, name);
	if (meant.best)
		return BUILD_FAIL(b, at, "unknown node %s; did you mean '%s'?", quote, meant.best);
	return BUILD_FAIL(
		b, at, "unknown node %s, expected one of %s", quote, *list ? list : "nodes:");
}

int build_device_find(struct build *b, int node, const char *name, struct place at)
{
	const struct plan_node *n = &b->plan->nodes[node];
	int found = names_find(&b->names, node, name, strlen(name));
	char quote[PLACE_QUOTE], list[300] = "";
	struct suggestion meant = {0};

	if (found >= 0)
		return found;
	for (size_t i = 0; i < n->device_count; i++) {
		suggest_offer(&meant, name, n->devices[i].name, n->devices[i].name);
		list_add(list, sizeof(list), n->devices[i].name);
	}
	place_quote(quote, name);
	if (meant.best)
		return BUILD_FAIL(b, at, "unknown device %s in node %s; did you mean '%s'?", quote,
			n->name, meant.best);
	if (!*list)
		return BUILD_FAIL(b, at, "unknown device %s, and node %s has none", quote, n->name);
	return BUILD_FAIL(
		b, at, "unknown device %s in node %s, expected one of %s", quote, n->name, list);
}

/* Splits NODE:DEVICE: the index of the node, which must be there, and the device's name. */
static int split(struct build *b, const char *text, struct place at, const char **device)
{
	const char *colon = strchr(text, ':');
	char quote[PLACE_QUOTE];

	*device = colon ? colon + 1 : "";
	if (!colon || colon == text || !colon[1])
		return BUILD_FAIL(
			b, at, "found %s, expected an end: NODE:DEVICE", place_quote(quote, text));
	return build_node_find(b, arena_copy(b->arena, text, (size_t)(colon - text)), at);
}

int build_end(struct build *b, struct plan_end *out, const char *text, struct place at,
	enum plan_kind kind, const char *user)
{
	const char *name;
	struct plan_device *d;
	struct draft *draft;
	int node = split(b, text, at, &name), device;

	if (node < 0)
		return node;
	device = names_find(&b->names, node, name, strlen(name));
	if (device < 0)
		device = build_device_add(b, node, arena_text(b->arena, name), at, NULL);
	if (device < 0)
		return device;
	d = &b->plan->nodes[node].devices[device];
	draft = &b->drafts[node].devices[device];
	if (draft->user && (strcmp(user, "tunnel") != 0 || strcmp(draft->user, "tunnel") != 0))
		return BUILD_FAIL(b, at,
			"found the end %s a second time, expected it once (the %s in line %u has it)",
			text, draft->user, draft->used_at.line);
	/* A tunnel's end is a tun or a tap; to say so is right, if idle. */
	if (draft->has_kind && d->kind != kind &&
		!(kind == KIND_TUNNEL && (d->kind == KIND_TUN || d->kind == KIND_TAP)))
		return BUILD_FAIL(b, at, "found %s of kind %s as the end of a %s, expected %s",
			text, plan_kind_name(d->kind), user,
			kind == KIND_VETH ? "a veth" : "a device that only the tunnel makes");
	if (!strcmp(name, "lo"))
		return BUILD_FAIL(b, at,
			"found lo as the end of a %s, expected another name: lo is the loopback",
			user);
	d->kind = kind;
	draft->has_kind = true;
	draft->peers += kind == KIND_TUNNEL;
	if (!draft->user) {
		draft->user = user;
		draft->used_at = at;
	}
	*out = (struct plan_end){.at = at, .node = node, .device = device};
	return build_spend(b, at, 1);
}

/* Where the word that begins at or behind text[from] begins and ends; false: there is none. */
static bool word(const char *text, size_t from, size_t *begin, size_t *end)
{
	*begin = from + strspn(text + from, " \t\n");
	*end = *begin + strcspn(text + *begin, " \t\n");
	return *end > *begin;
}

static int pair_text(struct build *b, struct build_pair *out, const struct tree *t,
	const char *sign, const char *other_sign, const char *words)
{
	size_t begin[3], end[4] = {0}, n = 0, more, more_end;
	char quote[PLACE_QUOTE];

	while (n < 3 && word(t->text, end[n], &begin[n], &end[n + 1]))
		n++;
	if (n == 3 && end[2] - begin[1] == 2 && !strncmp(t->text + begin[1], other_sign, 2))
		return BUILD_FAIL(b, build_within(t, begin[1]),
			"found '%s', expected '%s', as in %s", other_sign, sign, words);
	if (n < 3 || word(t->text, end[3], &more, &more_end) || end[2] - begin[1] != 2 ||
		strncmp(t->text + begin[1], sign, 2) != 0)
		return BUILD_FAIL(
			b, t->at, "found %s, expected %s", place_quote(quote, t->text), words);
	for (int i = 0; i < 2; i++) {
		out->texts[i] =
			arena_copy(b->arena, t->text + begin[2 * i], end[2 * i + 1] - begin[2 * i]);
		out->places[i] = build_within(t, begin[2 * i]);
	}
	return 0;
}

int build_pair(struct build *b, struct build_pair *out, const struct tree *t, const char *sign,
	const char *other_sign, const char *words)
{
	const struct tree *ends = t->kind == TREE_MAP ? tree_get(t, "ends") : t;

	if (ends->kind == TREE_TEXT)
		return pair_text(b, out, ends, sign, other_sign, words);
	if (ends->count != 2)
		return BUILD_FAIL(b, ends->at,
			"found %zu ends, expected two: [NODE:DEVICE, NODE:DEVICE]", ends->count);
	for (int i = 0; i < 2; i++) {
		out->texts[i] = ends->items[i].text;
		out->places[i] = ends->items[i].at;
	}
	return 0;
}

int build_end_or_node(struct build *b, const char *text, struct place at, int *node, int *device)
{
	const char *name = NULL;

	*device = -1;
	*node = strchr(text, ':') ? split(b, text, at, &name) : build_node_find(b, text, at);
	if (*node < 0 || !name)
		return *node < 0 ? *node : 0;
	*device = build_device_find(b, *node, name, at);
	return *device < 0 ? *device : 0;
}

uint64_t build_number(const struct tree *map, const char *key, uint64_t otherwise)
{
	const struct tree *t = tree_get(map, key);

	if (t)
		value_number(&otherwise, t->text);
	return otherwise;
}

bool build_bool(const struct tree *map, const char *key, bool otherwise)
{
	const struct tree *t = tree_get(map, key);

	if (t)
		value_bool(&otherwise, t->text);
	return otherwise;
}

enum plan_setting build_setting(const struct tree *map, const char *key)
{
	if (!tree_get(map, key))
		return SETTING_DEFAULT;
	return build_bool(map, key, false) ? SETTING_ON : SETTING_OFF;
}

const char *build_text(const struct tree *map, const char *key)
{
	const struct tree *t = tree_get(map, key);

	return t ? t->text : NULL;
}

const struct tree *build_items(const struct tree *t, size_t *count)
{
	*count = 0;
	if (!t || tree_is_empty(t))
		return NULL;
	if (t->kind == TREE_LIST) {
		*count = t->count;
		return t->items;
	}
	*count = 1;
	return t;
}
