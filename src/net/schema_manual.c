/* schema_manual - the table as pages: a section for each kind of object, a line for each key */
#include "net/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "net/plan.h"

enum { OBJECTS = 32, LINE = 1024 };

struct manual {
	schema_write *write;
	void *arg;
	const struct schema_type
		*objects[OBJECTS]; /* found so far, in the order of their sections */
	size_t count;
};

static void print(const struct manual *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print(const struct manual *m, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	m->write(line, m->arg);
}

/* "a device" -> "device": the name of its section */
static const char *title(const struct schema_type *t)
{
	const char *space = strchr(t->says, ' ');

	return space ? space + 1 : t->says;
}

static void find(struct manual *m, const struct schema_type *t)
{
	for (; t; t = t->brief) {
		bool known = false;

		if (t->of)
			find(m, t->of);
		if (t->kind != SCHEMA_OBJECT)
			continue;
		for (size_t i = 0; i < m->count; i++)
			known |= m->objects[i] == t;
		if (known || m->count == OBJECTS)
			continue;
		m->objects[m->count++] = t;
	}
}

/* What may be written: "a number", "a list of ...", "a device (see below)". */
static void words(char *out, size_t size, const struct schema_type *t)
{
	size_t used = 0;
	char inner[LINE / 4];

	switch (t->kind) {
	case SCHEMA_OBJECT:
		snprintf(out, size, "[%s](#%s)", t->says, title(t));
		break;
	case SCHEMA_LIST:
		if (t->of->kind == SCHEMA_OBJECT)
			snprintf(out, size, "a list, each [%s](#%s)", t->of->says, title(t->of));
		else
			snprintf(out, size, "%s", t->says);
		break;
	case SCHEMA_MAP:
		words(inner, sizeof(inner), t->of);
		snprintf(out, size, "%s%s%s", t->says,
			t->of->kind == SCHEMA_OBJECT ? ", each " : "",
			t->of->kind == SCHEMA_OBJECT ? inner : "");
		break;
	case SCHEMA_CHOICE:
		out[0] = '\0';
		for (size_t i = 0; t->choices[i] && used < size; i++)
			used += (size_t)snprintf(
				out + used, size - used, "%s`%s`", i ? ", " : "", t->choices[i]);
		break;
	default:
		snprintf(out, size, "%s", schema_says(t, inner, sizeof(inner)));
	}
}

/* The short form, where there is one that is not plain from the long one. */
static void brief_words(char *out, size_t size, const struct schema_type *t)
{
	size_t used = 0;

	out[0] = '\0';
	for (const struct schema_type *b = t->brief; b && used < size; b = b->brief) {
		char text[LINE / 2];

		if (t->kind == SCHEMA_LIST && b == t->of) {
			used += (size_t)snprintf(out + used, size - used, "; one may stand alone");
			continue;
		}
		words(text, sizeof(text), b);
		used += (size_t)snprintf(out + used, size - used, "; or %s", text);
	}
}

static void kinds_words(char *out, size_t size, unsigned kinds)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned k = 0; k <= KIND_TUNNEL && used < size; k++)
		if (kinds & 1u << k)
			used += (size_t)snprintf(out + used, size - used, "%s%s",
				used ? ", " : " (", plan_kind_name(k));
	if (used && used < size)
		snprintf(out + used, size - used, ")");
}

static void print_field(const struct manual *m, const struct schema_field *f)
{
	char value[LINE / 2], brief[LINE / 4], kinds[128];

	words(value, sizeof(value), f->type);
	brief_words(brief, sizeof(brief), f->type);
	kinds_words(kinds, sizeof(kinds), f->kinds);
	print(m, "| `%s` | %s%s | %s%s%s |\n", f->name, value, brief, f->help, kinds,
		f->required ? "; required" : "");
}

void schema_manual(schema_write *write, void *arg)
{
	struct manual m = {.write = write, .arg = arg};

	find(&m, &schema_file);
	/* Objects that a section names get sections of their own, behind it. */
	for (size_t i = 0; i < m.count; i++) {
		const struct schema_type *t = m.objects[i];
		char brief[LINE / 4];

		print(&m, "\n## %s\n\n", title(t));
		brief_words(brief, sizeof(brief), t);
		if (brief[0])
			print(&m, "In short: %s.\n\n", brief + strlen("; or "));
		print(&m, "| key | value | meaning |\n| --- | --- | --- |\n");
		for (const struct schema_field *f = t->fields; f->name; f++) {
			print_field(&m, f);
			find(&m, f->type);
		}
	}
}
