#include "see/canvas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NORTH, EAST, SOUTH, WEST };

int canvas_open(struct canvas *c, int width, int height)
{
	*c = (struct canvas){.width = width, .height = height};
	c->cells = calloc((size_t)width * (size_t)height + 1, sizeof(*c->cells));
	return c->cells ? 0 : -ENOMEM;
}

void canvas_close(struct canvas *c)
{
	free(c->cells);
	*c = (struct canvas){0};
}

static struct canvas_cell *cell_at(struct canvas *c, int x, int y)
{
	static struct canvas_cell outside;

	if (x < 0 || y < 0 || x >= c->width || y >= c->height)
		return &outside;
	return &c->cells[y * c->width + x];
}

/* Red is never painted over: it says where something is broken. */
static void arm(
	struct canvas *c, int x, int y, int direction, enum canvas_line line, enum canvas_ink ink)
{
	struct canvas_cell *cell = cell_at(c, x, y);

	if (cell->arms[direction] < line)
		cell->arms[direction] = (uint8_t)line;
	if (cell->ink != INK_RED)
		cell->ink = (uint8_t)ink;
}

void canvas_across(
	struct canvas *c, int y, int x, int end, enum canvas_line line, enum canvas_ink ink)
{
	for (int i = x; i < end; i++) {
		arm(c, i, y, EAST, line, ink);
		arm(c, i + 1, y, WEST, line, ink);
	}
	cell_at(c, x, y)->round = cell_at(c, end, y)->round = true;
}

void canvas_down(
	struct canvas *c, int x, int y, int end, enum canvas_line line, enum canvas_ink ink)
{
	for (int i = y; i < end; i++) {
		arm(c, x, i, SOUTH, line, ink);
		arm(c, x, i + 1, NORTH, line, ink);
	}
	cell_at(c, x, y)->round = cell_at(c, x, end)->round = true;
}

void canvas_box(struct canvas *c, int x, int y, int width, int height, enum canvas_ink ink)
{
	int right = x + width - 1, bottom = y + height - 1;

	canvas_across(c, y, x, right, LINE_SINGLE, ink);
	canvas_across(c, bottom, x, right, LINE_SINGLE, ink);
	canvas_down(c, x, y, bottom, LINE_SINGLE, ink);
	canvas_down(c, right, y, bottom, LINE_SINGLE, ink);
	cell_at(c, x, y)->round = cell_at(c, right, y)->round = false;
	cell_at(c, x, bottom)->round = cell_at(c, right, bottom)->round = false;
}

/* The next character; bytes that are no UTF-8 come out as '?'. */
static uint32_t letter_next(const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	int more = s[0] < 0x80 ? 0 : s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : -1;
	uint32_t letter = more <= 0 ? s[0] : s[0] & (0x3fu >> more);

	if (more < 0) {
		*text += 1;
		return '?';
	}
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*text += i;
			return '?';
		}
		letter = letter << 6 | (s[i] & 0x3f);
	}
	*text += more + 1;
	return letter < 0x20 ? '?' : letter;
}

void canvas_copy(struct canvas *c, int x, int y, const struct canvas *from)
{
	for (int row = 0; row < from->height; row++)
		for (int column = 0; column < from->width; column++)
			if (x + column < c->width && y + row < c->height)
				c->cells[(y + row) * c->width + x + column] =
					from->cells[row * from->width + column];
}

int text_columns(const char *text)
{
	int n = 0;

	while (*text) {
		letter_next(&text);
		n++;
	}
	return n;
}

int canvas_text(struct canvas *c, int x, int y, enum canvas_ink ink, const char *text)
{
	for (; *text; x++) {
		struct canvas_cell *cell = cell_at(c, x, y);

		*cell = (struct canvas_cell){.ink = (uint8_t)ink, .letter = letter_next(&text)};
	}
	return x;
}

/* A base-3 number of the arms: north, east, south, west. */
#define ARMS(n, e, s, w) ((n)*27 + (e)*9 + (s)*3 + (w))

static const struct glyph_row {
	const char *square, *round; /* UTF-8; round NULL: as square */
	char plain;
} glyphs[81] = {
	[ARMS(0, 0, 0, 0)] = {" ", NULL, ' '},
	[ARMS(1, 0, 0, 0)] = {"╵", NULL, '|'},
	[ARMS(0, 1, 0, 0)] = {"─", NULL, '-'},
	[ARMS(0, 0, 1, 0)] = {"╷", NULL, '|'},
	[ARMS(0, 0, 0, 1)] = {"─", NULL, '-'},
	[ARMS(0, 1, 0, 1)] = {"─", NULL, '-'},
	[ARMS(1, 0, 1, 0)] = {"│", NULL, '|'},
	[ARMS(0, 1, 1, 0)] = {"┌", "╭", '+'},
	[ARMS(0, 0, 1, 1)] = {"┐", "╮", '+'},
	[ARMS(1, 1, 0, 0)] = {"└", "╰", '+'},
	[ARMS(1, 0, 0, 1)] = {"┘", "╯", '+'},
	[ARMS(1, 1, 1, 0)] = {"├", NULL, '+'},
	[ARMS(1, 0, 1, 1)] = {"┤", NULL, '+'},
	[ARMS(0, 1, 1, 1)] = {"┬", NULL, '+'},
	[ARMS(1, 1, 0, 1)] = {"┴", NULL, '+'},
	[ARMS(1, 1, 1, 1)] = {"┼", NULL, '|'},
	[ARMS(2, 0, 0, 0)] = {"║", NULL, '#'},
	[ARMS(0, 2, 0, 0)] = {"═", NULL, '='},
	[ARMS(0, 0, 2, 0)] = {"║", NULL, '#'},
	[ARMS(0, 0, 0, 2)] = {"═", NULL, '='},
	[ARMS(0, 2, 0, 2)] = {"═", NULL, '='},
	[ARMS(2, 0, 2, 0)] = {"║", NULL, '#'},
	[ARMS(0, 2, 2, 0)] = {"╔", NULL, '+'},
	[ARMS(0, 0, 2, 2)] = {"╗", NULL, '+'},
	[ARMS(2, 2, 0, 0)] = {"╚", NULL, '+'},
	[ARMS(2, 0, 0, 2)] = {"╝", NULL, '+'},
	[ARMS(2, 2, 2, 0)] = {"╠", NULL, '+'},
	[ARMS(2, 0, 2, 2)] = {"╣", NULL, '+'},
	[ARMS(0, 2, 2, 2)] = {"╦", NULL, '+'},
	[ARMS(2, 2, 0, 2)] = {"╩", NULL, '+'},
	[ARMS(2, 2, 2, 2)] = {"╬", NULL, '#'},
	[ARMS(1, 2, 1, 2)] = {"╪", NULL, '|'},
	[ARMS(2, 1, 2, 1)] = {"╫", NULL, '#'},
	[ARMS(1, 2, 1, 0)] = {"╞", NULL, '+'},
	[ARMS(1, 0, 1, 2)] = {"╡", NULL, '+'},
	[ARMS(2, 1, 2, 0)] = {"╟", NULL, '+'},
	[ARMS(2, 0, 2, 1)] = {"╢", NULL, '+'},
	[ARMS(0, 2, 1, 2)] = {"╤", NULL, '+'},
	[ARMS(1, 2, 0, 2)] = {"╧", NULL, '+'},
	[ARMS(0, 1, 2, 1)] = {"╥", NULL, '+'},
	[ARMS(2, 1, 0, 1)] = {"╨", NULL, '+'},
	[ARMS(0, 2, 1, 0)] = {"╒", NULL, '+'},
	[ARMS(0, 0, 1, 2)] = {"╕", NULL, '+'},
	[ARMS(1, 2, 0, 0)] = {"╘", NULL, '+'},
	[ARMS(1, 0, 0, 2)] = {"╛", NULL, '+'},
	[ARMS(0, 1, 2, 0)] = {"╓", NULL, '+'},
	[ARMS(0, 0, 2, 1)] = {"╖", NULL, '+'},
	[ARMS(2, 1, 0, 0)] = {"╙", NULL, '+'},
	[ARMS(2, 0, 0, 1)] = {"╜", NULL, '+'},
	[ARMS(0, 1, 0, 2)] = {"═", NULL, '='},
	[ARMS(0, 2, 0, 1)] = {"═", NULL, '='},
};

static const char *const inks[] = {
	[INK_PLAIN] = "0",
	[INK_GREEN] = "32",
	[INK_YELLOW] = "33",
	[INK_RED] = "1;31",
	[INK_DIM] = "2",
	[INK_BOLD] = "1",
	[INK_CYAN] = "36",
};

static void letter_put(FILE *out, uint32_t letter, bool utf8)
{
	if (letter < 0x80) {
		fputc((int)letter, out);
	} else if (!utf8) {
		/* The few that we write ourselves have a plain likeness. */
		fputs(letter == 0x2026			       ? "."
			: letter == 0x25b8 || letter == 0x2192 ? ">"
							       : "?",
			out);
	} else if (letter < 0x800) {
		fprintf(out, "%c%c", (int)(0xc0 | letter >> 6), (int)(0x80 | (letter & 0x3f)));
	} else if (letter < 0x10000) {
		fprintf(out, "%c%c%c", (int)(0xe0 | letter >> 12),
			(int)(0x80 | (letter >> 6 & 0x3f)), (int)(0x80 | (letter & 0x3f)));
	} else {
		fprintf(out, "%c%c%c%c", (int)(0xf0 | (letter >> 18 & 7)),
			(int)(0x80 | (letter >> 12 & 0x3f)), (int)(0x80 | (letter >> 6 & 0x3f)),
			(int)(0x80 | (letter & 0x3f)));
	}
}

static void cell_put(FILE *out, const struct canvas_cell *cell, bool utf8)
{
	const uint8_t *a = cell->arms;
	const struct glyph_row *g = &glyphs[ARMS(a[NORTH], a[EAST], a[SOUTH], a[WEST])];

	if (cell->letter)
		letter_put(out, cell->letter, utf8);
	else if (!utf8)
		fputc(g->plain ? g->plain : '+', out);
	else
		fputs(cell->round && g->round ? g->round : g->square ? g->square : "+", out);
}

static bool is_blank(const struct canvas_cell *cell)
{
	static const uint8_t none[4];

	return (cell->letter == 0 || cell->letter == ' ') && !memcmp(cell->arms, none, 4);
}

char *canvas_string(const struct canvas *c, struct canvas_look look)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (int y = 0; y < c->height; y++) {
		const struct canvas_cell *row = &c->cells[y * c->width];
		int end = c->width, ink = INK_PLAIN;

		while (end > 0 && is_blank(&row[end - 1]))
			end--;
		for (int x = 0; x < end; x++) {
			int wanted = is_blank(&row[x]) ? ink : row[x].ink;

			if (look.colours && wanted != ink)
				fprintf(out,
					ink == INK_PLAIN || wanted == INK_PLAIN ? "\033[%sm"
										: "\033[0;%sm",
					inks[wanted]);
			ink = wanted;
			cell_put(out, &row[x], look.utf8);
		}
		if (look.colours && ink != INK_PLAIN)
			fputs("\033[0m", out);
		fputc('\n', out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
