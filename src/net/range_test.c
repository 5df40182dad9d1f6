#include "net/range.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

/* All names in one text, or the error. */
static const char *expanded(const char *text)
{
	static char out[4096];
	struct arena *a = arena_new();
	struct range r = {0};
	struct error e = {0};
	size_t used = 0;

	out[0] = '\0';
	if (range_expand(&r, a, text, &e))
		snprintf(out, sizeof(out), "%s", e.text);
	for (size_t i = 0; i < r.count && used < sizeof(out); i++)
		used += (size_t)snprintf(
			out + used, sizeof(out) - used, "%s%s", i ? " " : "", r.names[i]);
	arena_free(a);
	return out;
}

TEST(a_range_counts_from_the_first_to_the_last)
{
	CHECK_TEXT(expanded("h1"), "h1");
	CHECK_TEXT(expanded("h[1-3]"), "h1 h2 h3");
	CHECK_TEXT(expanded("h[7]"), "h7");
	CHECK_TEXT(expanded("[1-2]x"), "1x 2x");
	CHECK_TEXT(expanded("p[1,5,9-10]"), "p1 p5 p9 p10");
}

TEST(a_range_is_as_wide_as_its_first_number)
{
	CHECK_TEXT(expanded("h[08-11]"), "h08 h09 h10 h11");
	CHECK_TEXT(expanded("h[8-11]"), "h8 h9 h10 h11");
	CHECK_TEXT(expanded("h[0,00]"), "h0 h00");
}

TEST(the_last_bracket_turns_fastest)
{
	CHECK_TEXT(expanded("r[1-2]:p[1-3]"), "r1:p1 r1:p2 r1:p3 r2:p1 r2:p2 r2:p3");
}

TEST(a_range_that_is_none_says_what_is_wrong)
{
	CHECK_TEXT(expanded("h[3-1]"),
		"found the empty range 3-1 in 'h[3-1]', expected it to count up");
	CHECK_TEXT(expanded("h[1-3,2]"), "found 2 twice in 'h[1-3,2]', expected each number once");
	CHECK_TEXT(expanded("h[1"), "found 'h[1', expected ',' or ']' behind a number");
	CHECK_TEXT(expanded("h1]"), "found ']' without '[' in 'h1]'");
	CHECK_TEXT(
		expanded("h[-1]"), "found 'h[-1]', expected numbers in the brackets, like h[1-20]");
	CHECK_TEXT(expanded("h[1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2]"),
		"found more than 8 brackets in 'h[1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2]'");
}

/* The obvious model: nested loops over two brackets. */
TEST(a_range_agrees_with_nested_loops)
{
	for (int round = 0; round < 200; round++) {
		unsigned first = (unsigned)dice(30), count = 1 + (unsigned)dice(9);
		unsigned first2 = (unsigned)dice(12), count2 = 1 + (unsigned)dice(4);
		char text[64], want[4096];
		size_t used = 0;

		snprintf(text, sizeof(text), "a[%u-%u]b[%u-%u]c", first, first + count - 1, first2,
			first2 + count2 - 1);
		for (unsigned i = first; i < first + count; i++)
			for (unsigned j = first2; j < first2 + count2; j++)
				used += (size_t)snprintf(want + used, sizeof(want) - used,
					"%sa%ub%uc", used ? " " : "", i, j);
		CHECK_TEXT(expanded(text), want);
	}
}
