/* tree.h - a YAML file as texts, lists and mappings, each with its place
 *
 * libyaml reads the syntax; what a text means (a number, a bool, an address)
 * the schema says, not YAML: `no` is a name where a name is expected.
 *
 * A file holds one document.  Anchors, aliases and tags are refused, since
 * nothing in a network needs them and an alias can make a small file huge; so
 * are a key that stands twice in one mapping, a key that is no text, a NUL byte,
 * and nesting beyond any sensible network.  The tree lives in an arena.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "net/arena.h"
#include "net/place.h"

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree {
	enum tree_kind kind;
	struct place at;

	/* In a mapping: the key it stands under; else NULL. */
	const char *key;
	struct place key_at;

	const char *text;   /* TREE_TEXT: without NUL bytes */
	bool plain;	    /* TREE_TEXT: without quotes, not a block */
	struct tree *items; /* TREE_LIST, TREE_MAP: in the order of the file */
	size_t count;
};

/* tree_parse - `size` bytes of text; returns 0 or -EINVAL with FILE:LINE:COLUMN: why */
int tree_parse(struct tree *out, struct arena *a, const char *file, const char *text, size_t size,
	struct error *e);

/* tree_get - what stands under the key in a mapping, or NULL; NULL for a tree that is none */
const struct tree *tree_get(const struct tree *t, const char *key);

/* tree_is_empty - nothing is there: `key:` and no value */
bool tree_is_empty(const struct tree *t);
