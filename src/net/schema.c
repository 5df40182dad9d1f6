#include "net/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "net/suggest.h"
#include "net/value.h"

struct walk {
	const char *file;
	struct error *e;
};

#define FAIL(w, at, ...) place_error((w)->e, (w)->file, (at), EINVAL, __VA_ARGS__)

bool schema_is_number(const struct schema_type *t, const char *text)
{
	uint64_t n;

	return value_number(&n, text) && n >= t->low && n <= t->high;
}

const struct schema_field *schema_field(const struct schema_type *t, const char *name)
{
	for (const struct schema_field *f = t->fields; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

const char *schema_says(const struct schema_type *t, char *out, size_t size)
{
	size_t used = 0;

	if (t->kind == SCHEMA_OBJECT) {
		used = (size_t)snprintf(out, size, "a mapping with");
		for (const struct schema_field *f = t->fields; f->name && used < size / 2; f++)
			used += (size_t)snprintf(out + used, size - used, " %s%s", f->name,
				!f[1].name	       ? ""
				: used + 20 < size / 2 ? ","
						       : ", ...");
		return out;
	}
	if (t->says)
		return t->says;
	if (t->valid == schema_is_number) {
		snprintf(out, size, "a whole number from %" PRIu64 " to %" PRIu64, t->low, t->high);
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; t->kind == SCHEMA_CHOICE && t->choices[i] && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
			!i		    ? ""
			: t->choices[i + 1] ? ", "
					    : " or ",
			t->choices[i]);
	return out;
}

static const char *found(const struct tree *tree, char quote[PLACE_QUOTE])
{
	if (tree->kind == TREE_LIST)
		return "a list";
	if (tree->kind == TREE_MAP)
		return "a mapping";
	if (tree_is_empty(tree))
		return "nothing";
	return place_quote(quote, tree->text);
}

static int mismatch(
	struct walk *w, const struct schema_type *t, const struct tree *tree, const char *label)
{
	char quote[PLACE_QUOTE], label_quote[PLACE_QUOTE], words[256];
	struct suggestion meant = {0};

	/* The label may be a name of the user's: any text. */
	place_quote(label_quote, label);
	label_quote[strlen(label_quote) - 1] = '\0';
	for (size_t i = 0; t->kind == SCHEMA_CHOICE && tree->kind == TREE_TEXT && t->choices[i];
		i++)
		suggest_offer(&meant, tree->text, t->choices[i], t->choices[i]);
	return FAIL(w, tree->at, "%s: found %s, expected %s%s%s%s", label_quote + 1,
		found(tree, quote), schema_says(t, words, sizeof(words)),
		meant.best ? "; did you mean '" : "", meant.best ? meant.best : "",
		meant.best ? "'?" : "");
}

/* "ip ips inet": offer each of the words for the field. */
static void offer_words(struct suggestion *s, const char *key, const struct schema_field *f)
{
	char words[256], *rest = words;

	snprintf(words, sizeof(words), "%s", f->also);
	for (char *word; (word = strsep(&rest, " "));)
		suggest_offer(s, key, word, f->name);
}

static int unknown_key(struct walk *w, const struct schema_type *t, const struct tree *item)
{
	char quote[PLACE_QUOTE], list[512] = "";
	struct suggestion meant = {0};
	size_t used = 0;

	for (const struct schema_field *f = t->fields; f->name; f++) {
		suggest_offer(&meant, item->key, f->name, f->name);
		if (f->also)
			offer_words(&meant, item->key, f);
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
				used ? ", " : "", f->name);
	}
	place_quote(quote, item->key);
	if (meant.best)
		return FAIL(w, item->key_at, "unknown key %s in %s; did you mean '%s'?", quote,
			t->says, meant.best);
	return FAIL(
		w, item->key_at, "unknown key %s in %s, expected one of %s", quote, t->says, list);
}

static int check(
	struct walk *w, const struct schema_type *t, const struct tree *tree, const char *label);

static int check_object(struct walk *w, const struct schema_type *t, const struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct tree *item = &tree->items[i];
		const struct schema_field *f = schema_field(t, item->key);
		int err = f ? check(w, f->type, item, item->key) : unknown_key(w, t, item);

		if (err)
			return err;
	}
	for (const struct schema_field *f = t->fields; f->name; f++)
		if (f->required && !tree_get(tree, f->name))
			return FAIL(w, tree->at, "found %s without '%s', expected %s", t->says,
				f->name, f->help);
	return 0;
}

static int check_map(
	struct walk *w, const struct schema_type *t, const struct tree *tree, const char *label)
{
	char words[256], quote[PLACE_QUOTE];

	for (size_t i = 0; i < tree->count; i++) {
		const struct tree *item = &tree->items[i];
		int err;

		if (!t->key->valid(t->key, item->key))
			return FAIL(w, item->key_at, "%s: found %s, expected %s", label,
				place_quote(quote, item->key),
				schema_says(t->key, words, sizeof(words)));
		err = check(w, t->of, item, item->key);
		if (err)
			return err;
	}
	return 0;
}

static int check_list(
	struct walk *w, const struct schema_type *t, const struct tree *tree, const char *label)
{
	for (size_t i = 0; i < tree->count; i++) {
		int err = check(w, t->of, &tree->items[i], label);

		if (err)
			return err;
	}
	return 0;
}

/* The kind of tree that a type is written as. */
static enum tree_kind form(const struct schema_type *t)
{
	if (t->kind == SCHEMA_LIST)
		return TREE_LIST;
	return t->kind == SCHEMA_MAP || t->kind == SCHEMA_OBJECT ? TREE_MAP : TREE_TEXT;
}

static bool is_choice(const struct schema_type *t, const char *text)
{
	for (size_t i = 0; t->choices[i]; i++)
		if (!strcmp(t->choices[i], text))
			return true;
	return false;
}

static int check(
	struct walk *w, const struct schema_type *t, const struct tree *tree, const char *label)
{
	if (t->optional && tree_is_empty(tree))
		return 0;
	if (tree->kind != form(t)) {
		/* `mtu: []` where a number or its short form may stand is no number. */
		for (const struct schema_type *b = t->brief; b; b = b->brief)
			if (tree->kind == form(b) && !tree_is_empty(tree))
				return check(w, b, tree, label);
		return mismatch(w, t, tree, label);
	}
	switch (t->kind) {
	case SCHEMA_OBJECT:
		return check_object(w, t, tree);
	case SCHEMA_MAP:
		return check_map(w, t, tree, label);
	case SCHEMA_LIST:
		return check_list(w, t, tree, label);
	case SCHEMA_CHOICE:
		return is_choice(t, tree->text) ? 0 : mismatch(w, t, tree, label);
	default:
		return t->valid(t, tree->text) ? 0 : mismatch(w, t, tree, label);
	}
}

int schema_check(
	const struct schema_type *t, const struct tree *tree, const char *file, struct error *e)
{
	struct walk w = {.file = file, .e = e};

	return check(&w, t, tree, "the file");
}

static json_t *json_of(const struct schema_type *t);

static json_t *json_form_of(const struct schema_type *t)
{
	char words[256];
	json_t *o, *list;

	switch (t->kind) {
	case SCHEMA_LIST:
		return json_pack("{s:s, s:o}", "type", "array", "items", json_of(t->of));
	case SCHEMA_MAP:
		return json_pack(
			"{s:s, s:o}", "type", "object", "additionalProperties", json_of(t->of));
	case SCHEMA_OBJECT:
		o = json_object();
		list = json_array();
		for (const struct schema_field *f = t->fields; f->name; f++) {
			json_t *type = json_of(f->type);

			json_object_set_new(type, "description", json_string(f->help));
			json_object_set_new(o, f->name, type);
			if (f->required)
				json_array_append_new(list, json_string(f->name));
		}
		return json_pack("{s:s, s:o, s:b, s:o}", "type", "object", "properties", o,
			"additionalProperties", 0, "required", list);
	case SCHEMA_CHOICE:
		list = json_array();
		for (size_t i = 0; t->choices[i]; i++)
			json_array_append_new(list, json_string(t->choices[i]));
		return json_pack("{s:o}", "enum", list);
	default:
		if (t->valid == schema_is_number)
			return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				(json_int_t)t->low, "maximum", (json_int_t)t->high);
		return json_pack("{s:[s,s,s], s:s}", "type", "string", "number", "boolean", "title",
			schema_says(t, words, sizeof(words)));
	}
}

static json_t *json_of(const struct schema_type *t)
{
	json_t *any;

	if (!t->brief && !t->optional)
		return json_form_of(t);
	any = json_array();
	json_array_append_new(any, json_form_of(t));
	for (const struct schema_type *b = t->brief; b; b = b->brief)
		json_array_append_new(any, json_form_of(b));
	if (t->optional)
		json_array_append_new(any, json_pack("{s:s}", "type", "null"));
	return json_pack("{s:o}", "anyOf", any);
}

char *schema_json(void)
{
	json_t *o = json_of(&schema_file);
	char *text;

	json_object_set_new(
		o, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(o, "title", json_string("A network for `warren up`"));
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}
