#include "net/tree.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <yaml.h>

#include "net/names.h"

enum {
	DEEPEST = 24,	    /* levels; a network needs some 8 */
	LARGEST = 16 << 20, /* bytes in a file */
};

struct reader {
	yaml_parser_t yaml;
	struct arena *arena;
	const char *file, *text;
	size_t size;
	struct names keys;
	int maps; /* mappings begun so far: the scope of their keys */
	struct error *e;
};

static struct place place_of(yaml_mark_t m)
{
	return (struct place){(unsigned)m.line + 1, (unsigned)m.column + 1};
}

/* Where the byte at `offset` stands, in characters as libyaml counts them. */
static struct place place_at(const char *text, size_t offset)
{
	struct place at = {1, 1};

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

#define FAIL(r, at, ...) place_error((r)->e, (r)->file, (at), EINVAL, __VA_ARGS__)

/* What libyaml says, with a hint where the usual slip is known. */
static int syntax_error(struct reader *r)
{
	const yaml_parser_t *y = &r->yaml;
	struct place at = place_of(y->problem_mark);
	size_t offset = y->problem_mark.index; /* in characters; equal for plain ASCII */

	if (y->error == YAML_READER_ERROR) {
		size_t byte = y->problem_offset < r->size ? y->problem_offset : r->size;

		return FAIL(r, place_at(r->text, byte),
			"found a byte that is no text (%s), expected UTF-8", y->problem);
	}
	if (offset < r->size && r->text[offset] == '\t')
		return FAIL(r, at, "found a tab, expected spaces as indentation");
	if (y->problem &&
		(strstr(y->problem, "expected node content") ||
			strstr(y->problem, "cannot start any token")) &&
		offset < r->size && strchr(":%@`*&!|>?-]},", r->text[offset]))
		return FAIL(r, at,
			"found '%c', expected a value; a text that begins with it needs quotes",
			r->text[offset]);
	if (y->problem && strstr(y->problem, "mapping values are not allowed"))
		return FAIL(r, at,
			"found a ':' that YAML does not allow here, expected quotes around the "
			"text or a line of its own");
	if (y->problem && strstr(y->problem, "did not find expected ',' or"))
		return FAIL(r, at,
			"YAML: %s %s of line %zu; texts with [ ] { } , or # need quotes there",
			y->problem, y->context ? y->context : "", y->context_mark.line + 1);
	if (y->context && y->context_mark.line != y->problem_mark.line)
		return FAIL(r, at, "YAML: %s %s of line %zu", y->problem ? y->problem : "no memory",
			y->context, y->context_mark.line + 1);
	return FAIL(r, at, "YAML: %s%s%s", y->problem ? y->problem : "no memory",
		y->context ? " " : "", y->context ? y->context : "");
}

static int next(struct reader *r, yaml_event_t *event)
{
	return yaml_parser_parse(&r->yaml, event) ? 0 : syntax_error(r);
}

static int read_value(
	struct reader *r, const yaml_event_t *event, unsigned depth, struct tree *out);

static int read_scalar(struct reader *r, const yaml_event_t *event, struct tree *out)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;

	if (memchr(text, 0, size))
		return FAIL(r, out->at, "found a NUL character in a text, expected none");
	out->kind = TREE_TEXT;
	out->text = arena_copy(r->arena, text, size);
	out->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

static int read_list(struct reader *r, unsigned depth, struct tree *out)
{
	out->kind = TREE_LIST;
	for (;;) {
		struct tree item = {0};
		yaml_event_t event;
		int err = next(r, &event);

		if (err)
			return err;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		err = read_value(r, &event, depth + 1, &item);
		yaml_event_delete(&event);
		if (err)
			return err;
		*ARENA_PUSH(r->arena, out->items, out->count) = item;
	}
}

static int read_key(struct reader *r, const yaml_event_t *event, unsigned depth, int scope,
	const struct tree *map, struct tree *key)
{
	char quote[PLACE_QUOTE];
	int first, err;

	if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
		return FAIL(r, place_of(event->start_mark), "found a %s as a key, expected a name",
			event->type == YAML_SEQUENCE_START_EVENT ? "list" : "mapping");
	err = read_value(r, event, depth, key);
	if (err)
		return err;
	if (names_add(&r->keys, scope, key->text, strlen(key->text), (int)map->count))
		return 0;
	first = names_find(&r->keys, scope, key->text, strlen(key->text));
	return FAIL(r, key->at, "found %s a second time, expected it once (first in line %u)",
		place_quote(quote, key->text), map->items[first].key_at.line);
}

static int read_map(struct reader *r, unsigned depth, struct tree *out)
{
	int scope = r->maps++;

	out->kind = TREE_MAP;
	for (;;) {
		struct tree key = {0}, value = {0};
		yaml_event_t event;
		int err = next(r, &event);

		if (err)
			return err;
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		err = read_key(r, &event, depth, scope, out, &key);
		yaml_event_delete(&event);
		if (err)
			return err;
		err = next(r, &event);
		if (err)
			return err;
		err = read_value(r, &event, depth + 1, &value);
		yaml_event_delete(&event);
		if (err)
			return err;
		value.key = key.text;
		value.key_at = key.at;
		*ARENA_PUSH(r->arena, out->items, out->count) = value;
	}
}

/* Anchors and tags are refused by name, where they stand. */
static int refuse_decoration(
	struct reader *r, struct place at, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	char quote[PLACE_QUOTE];

	if (anchor)
		return FAIL(r, at,
			"found the anchor %s, expected the value itself: there are no anchors here",
			place_quote(quote, (const char *)anchor));
	if (tag)
		return FAIL(r, at,
			"found the tag %s, expected the value itself: there are no tags here",
			place_quote(quote, (const char *)tag));
	return 0;
}

static int read_value(struct reader *r, const yaml_event_t *event, unsigned depth, struct tree *out)
{
	char quote[PLACE_QUOTE];
	int err;

	out->at = place_of(event->start_mark);
	if (depth > DEEPEST)
		return FAIL(r, out->at, "found more than %d levels of nesting, expected a network",
			DEEPEST);
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		err = refuse_decoration(
			r, out->at, event->data.scalar.anchor, event->data.scalar.tag);
		return err ? err : read_scalar(r, event, out);
	case YAML_SEQUENCE_START_EVENT:
		err = refuse_decoration(r, out->at, event->data.sequence_start.anchor,
			event->data.sequence_start.tag);
		return err ? err : read_list(r, depth, out);
	case YAML_MAPPING_START_EVENT:
		err = refuse_decoration(r, out->at, event->data.mapping_start.anchor,
			event->data.mapping_start.tag);
		return err ? err : read_map(r, depth, out);
	case YAML_ALIAS_EVENT:
		return FAIL(r, out->at,
			"found the alias %s, expected the value itself: there are no aliases here",
			place_quote(quote, (const char *)event->data.alias.anchor));
	default:
		return FAIL(r, out->at, "found nothing, expected a value");
	}
}

/* The stream: its start, one document, its end. */
static int read_stream(struct reader *r, struct tree *out)
{
	static const struct place top = {1, 1};
	bool found = false;

	for (;;) {
		yaml_event_t event;
		int err = next(r, &event);
		bool end;

		if (err)
			return err;
		end = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT && found)
			err = FAIL(r, place_of(event.start_mark),
				"found a second document, expected one network in a file");
		else if (event.type == YAML_SCALAR_EVENT ||
			 event.type == YAML_SEQUENCE_START_EVENT ||
			 event.type == YAML_MAPPING_START_EVENT || event.type == YAML_ALIAS_EVENT) {
			found = true;
			err = read_value(r, &event, 0, out);
		}
		yaml_event_delete(&event);
		if (err)
			return err;
		if (end)
			break;
	}
	if (!found || tree_is_empty(out))
		return FAIL(r, found ? out->at : top,
			"found nothing, expected a network: `nodes:` and more");
	return 0;
}

int tree_parse(struct tree *out, struct arena *a, const char *file, const char *text, size_t size,
	struct error *e)
{
	struct reader r = {
		.arena = a, .file = file, .text = text, .size = size, .keys = {.arena = a}, .e = e};
	const char *nul = size ? memchr(text, 0, size) : NULL;
	struct tree tree = {0};
	int err;

	if (size > LARGEST)
		return FAIL(&r, ((struct place){0, 0}), "found %zu bytes, expected at most %d",
			size, LARGEST);
	if (nul)
		return FAIL(&r, place_at(text, (size_t)(nul - text)),
			"found a NUL byte, expected text");
	if (size >= 3 &&
		!memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark: allowed, and nothing */
		r.text += 3;
		r.size -= 3;
	}
	if (!yaml_parser_initialize(&r.yaml))
		return error_set(e, ENOMEM, "%s: no memory for its text", file);
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)r.text, r.size);
	err = read_stream(&r, &tree);
	yaml_parser_delete(&r.yaml);
	if (!err)
		*out = tree;
	return err;
}

const struct tree *tree_get(const struct tree *t, const char *key)
{
	if (!t || t->kind != TREE_MAP)
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->items[i].key, key))
			return &t->items[i];
	return NULL;
}

bool tree_is_empty(const struct tree *t)
{
	return t->kind == TREE_TEXT && t->plain && !t->text[0];
}
