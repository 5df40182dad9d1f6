#include "see/canvas.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static const struct canvas_look utf8 = {.utf8 = true}, plain = {0};

/* Takes the canvas with it. */
static void check(struct canvas *c, struct canvas_look look, const char *want)
{
	char *got = canvas_string(c, look);

	CHECK_TEXT(got, want);
	free(got);
	canvas_close(c);
}

TEST(a_line_that_ends_on_a_wall_makes_a_tee)
{
	struct canvas c;

	CHECK(canvas_open(&c, 12, 3) == 0);
	canvas_box(&c, 0, 0, 6, 3, INK_PLAIN);
	canvas_across(&c, 1, 5, 11, LINE_SINGLE, INK_PLAIN);
	canvas_text(&c, 2, 1, INK_PLAIN, "eth");
	check(&c, utf8,
		"┌────┐\n"
		"│ eth├──────\n"
		"└────┘\n");
}

TEST(wires_have_round_corners_and_cross_without_touching)
{
	struct canvas c;

	CHECK(canvas_open(&c, 8, 4) == 0);
	canvas_across(&c, 0, 0, 5, LINE_SINGLE, INK_PLAIN);
	canvas_down(&c, 5, 0, 3, LINE_SINGLE, INK_PLAIN);
	canvas_across(&c, 3, 0, 5, LINE_SINGLE, INK_PLAIN);
	canvas_across(&c, 2, 0, 7, LINE_DOUBLE, INK_PLAIN);
	check(&c, utf8,
		"─────╮\n"
		"     │\n"
		"═════╪══\n"
		"─────╯\n");
}

TEST(without_utf8_the_same_drawing_is_made_of_ascii)
{
	struct canvas c;

	CHECK(canvas_open(&c, 8, 3) == 0);
	canvas_box(&c, 0, 0, 4, 3, INK_PLAIN);
	canvas_across(&c, 1, 3, 7, LINE_DOUBLE, INK_PLAIN);
	canvas_text(&c, 1, 1, INK_PLAIN, "é…");
	check(&c, plain,
		"+--+\n"
		"|?.+====\n"
		"+--+\n");
}

TEST(colours_are_set_where_they_change_and_reset_at_the_end)
{
	struct canvas c;

	CHECK(canvas_open(&c, 8, 1) == 0);
	canvas_text(&c, 0, 0, INK_GREEN, "ab");
	canvas_text(&c, 2, 0, INK_RED, "c");
	canvas_text(&c, 3, 0, INK_PLAIN, "d");
	check(&c, (struct canvas_look){.utf8 = true, .colours = true},
		"\033[32mab\033[0;1;31mc\033[0md\n");
}

TEST(red_is_not_painted_over)
{
	struct canvas c;

	CHECK(canvas_open(&c, 2, 1) == 0);
	canvas_across(&c, 0, 0, 1, LINE_SINGLE, INK_RED);
	canvas_across(&c, 0, 0, 1, LINE_SINGLE, INK_GREEN);
	check(&c, (struct canvas_look){.utf8 = true, .colours = true}, "\033[1;31m──\033[0m\n");
}

TEST(what_lies_outside_is_not_drawn)
{
	struct canvas c;

	CHECK(canvas_open(&c, 3, 1) == 0);
	canvas_box(&c, -5, -5, 20, 20, INK_PLAIN);
	canvas_text(&c, 1, 0, INK_PLAIN, "abcdef");
	canvas_text(&c, 0, 7, INK_PLAIN, "x");
	check(&c, utf8, " ab\n");
}

TEST(bytes_that_are_no_utf8_are_shown_as_such)
{
	CHECK(text_columns("h\303\251llo") == 5);
	CHECK(text_columns("\377\377") == 2);
	CHECK(text_columns("\303") == 1);
	CHECK(text_columns("") == 0);
}
