/* schema.h - what may stand in a file: one table
 *
 * The table says, for each kind of object, which keys it has, what each key's
 * value is, and what it is for.  It drives the checking of a file (unknown keys
 * with "did you mean", types, ranges), the JSON Schema that editors use, and
 * the manual.  Short forms are in it too: a device may be written as its
 * address alone, a list of one as that one.
 *
 * schema_check() sees to the form of each value on its own.  What concerns
 * several of them (a link to an unknown node, an address used twice) is for the
 * code that makes the plan; it may rely on the form.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/tree.h"

enum schema_kind {
	SCHEMA_SCALAR, /* a text that `valid` accepts */
	SCHEMA_CHOICE, /* one of some words */
	SCHEMA_LIST,   /* of `of` */
	SCHEMA_MAP,    /* from names that `key` accepts to `of` */
	SCHEMA_OBJECT, /* with the keys in `fields` */
};

struct schema_type {
	enum schema_kind kind;
	const char *says; /* "an address with its prefix length, like 10.0.0.1/24" */
	bool (*valid)(const struct schema_type *t, const char *text);
	uint64_t low, high;		   /* SCALAR: of a number */
	const char *const *choices;	   /* CHOICE: ends with NULL */
	const struct schema_type *key;	   /* MAP */
	const struct schema_type *of;	   /* LIST, MAP */
	const struct schema_field *fields; /* OBJECT: ends with a zeroed one */
	const struct schema_type *brief;   /* another form that is allowed: the short one */
	bool optional;			   /* MAP, LIST, OBJECT: nothing at all is an empty one */
};

struct schema_field {
	const char *name;
	const struct schema_type *type;
	const char *help;
	const char *also; /* words that people write instead, for "did you mean" */
	unsigned kinds;	  /* device: bits (1 << KIND_...) of those that have it; 0: all */
	bool required;
};

/* The types by which the plan asks again: the whole file, and a device of it. */
extern const struct schema_type schema_file, schema_device;

/* The valid() of whole numbers from `low` to `high`: what a number is called and how JSON says it
 * follows from it. */
bool schema_is_number(const struct schema_type *t, const char *text);

/* schema_check - does the tree have the form of `t`?
 *
 * Returns 0, or -EINVAL with FILE:LINE:COLUMN: what was found, what was expected.
 */
int schema_check(
	const struct schema_type *t, const struct tree *tree, const char *file, struct error *e);

/* schema_field - the field of an object type by its name, or NULL */
const struct schema_field *schema_field(const struct schema_type *t, const char *name);

/* schema_says - what is expected, in words: t->says, or made in `out` */
const char *schema_says(const struct schema_type *t, char *out, size_t size);

/* schema_json - a JSON Schema (draft 2020-12) of the whole file, for editors; free() it */
char *schema_json(void);

/* schema_manual - every object and its keys, as Markdown
 *
 * write  called with one piece of text after the other
 */
typedef void schema_write(const char *text, void *arg);
void schema_manual(schema_write *write, void *arg);
