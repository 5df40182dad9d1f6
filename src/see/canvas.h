/* canvas.h - a drawing of lines and text in character cells
 *
 * Lines are laid one over the other; where they meet, the cell takes the
 * character that has all their arms: a line that ends on a wall makes a tee,
 * two that pass make a crossing.  Text covers lines.
 *
 *	canvas_open(&c, 80, 24);
 *	canvas_box(&c, 0, 0, 20, 3, INK_PLAIN);
 *	canvas_across(&c, 1, 19, 30, LINE_SINGLE, INK_GREEN);
 *	canvas_text(&c, 2, 1, INK_PLAIN, "eth0");
 *	canvas_write(&c, print, file);
 *
 * Whatever lies outside of the canvas is not drawn.  Characters are taken to be
 * one column wide.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum canvas_line { LINE_SINGLE = 1, LINE_DOUBLE = 2 };

enum canvas_ink { INK_PLAIN, INK_GREEN, INK_YELLOW, INK_RED, INK_DIM, INK_BOLD, INK_CYAN };

struct canvas_cell {
	uint8_t arms[4]; /* north, east, south, west: 0 or a canvas_line */
	bool round;	 /* corners of wires are round, those of boxes are not */
	uint8_t ink;
	uint32_t letter; /* Unicode; 0: the lines */
};

struct canvas {
	int width, height;
	struct canvas_cell *cells;
};

int canvas_open(struct canvas *c, int width, int height); /* 0 or -ENOMEM */
void canvas_close(struct canvas *c);

/* From column x to column end in row y, both included; likewise down. */
void canvas_across(
	struct canvas *c, int y, int x, int end, enum canvas_line line, enum canvas_ink ink);
void canvas_down(
	struct canvas *c, int x, int y, int end, enum canvas_line line, enum canvas_ink ink);

/* A frame of `width` by `height` cells, with square corners. */
void canvas_box(struct canvas *c, int x, int y, int width, int height, enum canvas_ink ink);

/* UTF-8; returns the column behind it. */
int canvas_text(struct canvas *c, int x, int y, enum canvas_ink ink, const char *text);

/* canvas_copy - put a whole drawing into another, its upper left cell at (x, y) */
void canvas_copy(struct canvas *c, int x, int y, const struct canvas *from);

/* text_columns - how many columns UTF-8 text takes */
int text_columns(const char *text);

struct canvas_look {
	bool utf8;    /* else + - | and the like */
	bool colours; /* SGR sequences */
};

/* canvas_string - the whole drawing as lines of text, without blanks at their ends
 *
 * Returns a string to free(), or NULL without memory.
 */
char *canvas_string(const struct canvas *c, struct canvas_look look);
