#include "cmd/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "see/describe.h"

#define BOLD "1"

enum { INDENT = 2, GAP = 2 };

static struct table_row *row_add(struct table *t)
{
	if (t->row_count % 64 == 0) {
		struct table_row *grown = reallocarray(t->rows, t->row_count + 64, sizeof(*grown));

		if (!grown)
			abort(); /* a table is some kilobytes: nothing sensible is left to do */
		t->rows = grown;
	}
	t->rows[t->row_count] = (struct table_row){0};
	return &t->rows[t->row_count++];
}

void table_heading(struct table *t, const char *text)
{
	struct table_row *row = row_add(t);

	row->heading = true;
	row->cells[0] = strdup(text);
	row->colours[0] = BOLD;
}

void table_row(struct table *t)
{
	row_add(t);
}

void table_cell(struct table *t, int column, const char *colour, const char *format, ...)
{
	struct table_row *row = &t->rows[t->row_count - 1];
	va_list args;

	va_start(args, format);
	free(row->cells[column]);
	if (vasprintf(&row->cells[column], format, args) < 0)
		row->cells[column] = NULL;
	else
		describe_plain(row->cells[column]);
	va_end(args);
	row->colours[column] = colour;
}

struct shape {
	size_t width[TABLE_COLUMNS];
	bool shown[TABLE_COLUMNS];
	int count, last;
};

static void shape_measure(const struct table *t, struct shape *s)
{
	*s = (struct shape){0};
	for (; s->count < TABLE_COLUMNS && t->columns[s->count].title; s->count++) {
		int c = s->count;

		for (size_t i = 0; i < t->row_count; i++) {
			const char *cell = t->rows[i].cells[c];
			size_t n = cell && !t->rows[i].heading ? terminal_columns(cell) : 0;

			if (n > s->width[c])
				s->width[c] = n;
		}
		/* A column in which nobody has anything to say is not shown. */
		s->shown[c] = s->width[c] > 0;
		if (s->width[c] < strlen(t->columns[c].title))
			s->width[c] = strlen(t->columns[c].title);
	}
	s->last = s->count - 1;
}

static size_t shape_width(const struct shape *s)
{
	size_t width = INDENT;

	for (int c = 0; c < s->count; c++)
		if (s->shown[c])
			width += s->width[c] + (c < s->last ? GAP : 0);
	return width;
}

/* Leaves out columns until the table fits, or nothing more may go; then cuts the last column. */
static void shape_fit(const struct table *t, struct shape *s, size_t room)
{
	enum { READABLE = 24 };

	while (shape_width(s) > room) {
		int drop = 0; /* a rank */
		size_t rest = shape_width(s) - s->width[s->last];

		if (rest + READABLE <= room || rest + s->width[s->last] <= room)
			break;
		for (int c = 0; c < s->count; c++)
			if (s->shown[c] && t->columns[c].rank > drop)
				drop = t->columns[c].rank;
		if (!drop)
			break;
		for (int c = 0; c < s->count; c++)
			if (t->columns[c].rank == drop)
				s->shown[c] = false;
	}
	if (shape_width(s) > room) {
		size_t rest = shape_width(s) - s->width[s->last];

		s->width[s->last] = rest + 8 < room ? room - rest : 8;
	}
}

static void cell_print(const struct terminal *terminal, const char *text, const char *colour,
	size_t width, bool right, bool last, FILE *out)
{
	size_t n = terminal_columns(text), cut = n > width ? width - 1 : n;
	size_t bytes = 0;

	for (size_t seen = 0; text[bytes]; bytes++)
		if (((unsigned char)text[bytes] & 0xc0) != 0x80 && seen++ == cut)
			break;
	if (right && n < width)
		fprintf(out, "%*s", (int)(width - n), "");
	if (colour && terminal->colours)
		fprintf(out, "\033[%sm", colour);
	fwrite(text, 1, bytes, out);
	if (cut < n)
		fputs(terminal->utf8 ? "…" : ">", out);
	if (colour && terminal->colours)
		fputs("\033[0m", out);
	if (!right && !last && n < width)
		fprintf(out, "%*s", (int)(width - n), "");
}

static void row_print(const struct table *t, const struct shape *s, const struct table_row *row,
	const struct terminal *terminal, FILE *out)
{
	int end = -1; /* nothing is printed behind the last text of a row */

	for (int c = 0; c < s->count; c++)
		if (s->shown[c] && (row ? row->cells[c] && row->cells[c][0] : true))
			end = c;
	fprintf(out, "%*s", INDENT, "");
	for (int c = 0; c <= end; c++) {
		const char *text = row ? row->cells[c] : t->columns[c].title;
		const char *colour = row ? row->colours[c] : BOLD;

		if (!s->shown[c])
			continue;
		cell_print(terminal, text ? text : "", colour, s->width[c], t->columns[c].right,
			c == end, out);
		if (c < end)
			fprintf(out, "%*s", GAP, "");
	}
	fputc('\n', out);
}

void table_print(const struct table *t, const struct terminal *terminal, FILE *out)
{
	struct shape s;

	shape_measure(t, &s);
	if (terminal->width > 0)
		shape_fit(t, &s, (size_t)terminal->width);
	row_print(t, &s, NULL, terminal, out);
	for (size_t i = 0; i < t->row_count; i++) {
		const struct table_row *row = &t->rows[i];

		if (!row->heading) {
			row_print(t, &s, row, terminal, out);
			continue;
		}
		fprintf(out, terminal->colours ? "\n\033[" BOLD "m%s\033[0m\n" : "\n%s\n",
			row->cells[0] ? row->cells[0] : "");
	}
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->row_count; i++)
		for (int c = 0; c < TABLE_COLUMNS; c++)
			free(t->rows[i].cells[c]);
	free(t->rows);
	t->rows = NULL;
	t->row_count = 0;
}
