/* terminal.h - what the place that we print to can show */
#pragma once
#include <stdbool.h>
#include <stdio.h>

struct terminal {
	bool is_terminal;
	bool colours; /* a terminal, NO_COLOR is not set, TERM is not "dumb" */
	bool utf8;    /* by the locale; what is no terminal follows it too */
	int width;    /* columns: COLUMNS, else the terminal's, else 0: as wide as it gets */
};

struct terminal terminal_look(FILE *out);

/* The number of columns that UTF-8 text takes (one for each character: we print no wide ones). */
size_t terminal_columns(const char *text);
