/* table.h - rows of text in columns that fit the terminal
 *
 *	static const struct column columns[] = {
 *		{.title = "DEVICE"}, {.title = "MTU", .right = true, .rank = 2}, {0}};
 *	struct table table = {.columns = columns};
 *
 *	table_heading(&table, "site-a");
 *	table_row(&table);
 *	table_cell(&table, 0, NULL, "%s", d->name);
 *	table_print(&table, &terminal, stdout);
 *	table_free(&table);
 *
 * Where the terminal is too narrow, the columns with the highest rank are left
 * out, and then the last column is cut.  Without a width nothing is.
 */
#pragma once
#include <stddef.h>

#include "cmd/terminal.h"

enum { TABLE_COLUMNS = 12 };

struct column {
	const char *title;
	bool right; /* numbers */
	int rank;   /* 0: always there */
};

struct table_row {
	bool heading;
	char *cells[TABLE_COLUMNS];	    /* NULL: empty */
	const char *colours[TABLE_COLUMNS]; /* an SGR sequence such as "31", or NULL */
};

struct table {
	const struct column *columns; /* ends with a zeroed one */
	struct table_row *rows;
	size_t row_count;
};

/* A line across all columns, in bold, with an empty line before it. */
void table_heading(struct table *t, const char *text);
void table_row(struct table *t);
void table_cell(struct table *t, int column, const char *colour, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void table_print(const struct table *t, const struct terminal *terminal, FILE *out);
void table_free(struct table *t);
