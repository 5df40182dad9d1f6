#include "net/range.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/place.h"

enum { GROUPS = 8, DIGITS = 9 };

/* One bracket: its numbers as they are written. */
struct group {
	const char **numbers;
	size_t count;
};

/* Digits at *at, moved behind them; false when there are none or too many. */
static bool number(uint32_t *out, size_t *width, const char **at)
{
	size_t n = strspn(*at, "0123456789");

	if (!n || n > DIGITS)
		return false;
	*out = (uint32_t)strtoul(*at, NULL, 10);
	*width = n;
	*at += n;
	return true;
}

/* "4" or "1-200" at *at. */
static int part(
	struct group *g, struct arena *a, const char **at, const char *text, struct error *e)
{
	char quote[PLACE_QUOTE];
	uint32_t first, last;
	size_t width, unused;

	place_quote(quote, text);
	if (!number(&first, &width, at))
		return error_set(e, EINVAL,
			"found %s, expected numbers in the brackets, like h[1-20]", quote);
	last = first;
	if (**at == '-') {
		(*at)++;
		if (!number(&last, &unused, at))
			return error_set(e, EINVAL,
				"found %s, expected numbers in the brackets, like h[1-20]", quote);
	}
	if (last < first)
		return error_set(e, EINVAL,
			"found the empty range %u-%u in %s, expected it to count up", first, last,
			quote);
	if (last - first >= RANGE_MOST - g->count)
		return error_set(e, EINVAL, "found more than %d names in %s, expected fewer",
			RANGE_MOST, quote);
	if (**at != ',' && **at != ']')
		return error_set(e, EINVAL, "found %s, expected ',' or ']' behind a number", quote);
	/* As wide as the first is written, so that 08-11 keeps its zeros. */
	for (uint32_t i = first; i <= last; i++)
		*ARENA_PUSH(a, g->numbers, g->count) = arena_print(a, "%0*u", (int)width, i);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int twice(const struct group *g, const char *text, struct error *e)
{
	const char **sorted = calloc(g->count, sizeof(*sorted));
	char quote[PLACE_QUOTE];
	int err = 0;

	if (!sorted)
		return error_set(e, ENOMEM, "no memory");
	memcpy(sorted, g->numbers, g->count * sizeof(*sorted));
	qsort(sorted, g->count, sizeof(*sorted), by_text);
	for (size_t i = 1; i < g->count && !err; i++)
		if (!strcmp(sorted[i - 1], sorted[i]))
			err = error_set(e, EINVAL,
				"found %s twice in %s, expected each number once", sorted[i],
				place_quote(quote, text));
	free(sorted);
	return err;
}

static int bracket(
	struct group *g, struct arena *a, const char **at, const char *text, struct error *e)
{
	for (;;) {
		int err = part(g, a, at, text, e);

		if (err)
			return err;
		if (*(*at)++ == ']')
			return g->count > 1 ? twice(g, text, e) : 0;
	}
}

int range_expand(struct range *out, struct arena *a, const char *text, struct error *e)
{
	const char *literals[GROUPS + 1]; /* what stands before each bracket, and behind the last */
	struct group groups[GROUPS] = {0};
	size_t n = 0, total = 1;
	struct range range = {0};
	char quote[PLACE_QUOTE];
	const char *at = text;

	for (;;) {
		size_t literal = strcspn(at, "[]");

		literals[n] = arena_copy(a, at, literal);
		at += literal;
		if (!*at)
			break;
		if (*at++ == ']')
			return error_set(
				e, EINVAL, "found ']' without '[' in %s", place_quote(quote, text));
		if (n == GROUPS)
			return error_set(e, EINVAL, "found more than %d brackets in %s", GROUPS,
				place_quote(quote, text));
		int err = bracket(&groups[n], a, &at, text, e);

		if (err)
			return err;
		total *= groups[n++].count;
		if (total > RANGE_MOST)
			return error_set(e, EINVAL,
				"found more than %d names in %s, expected fewer", RANGE_MOST,
				place_quote(quote, text));
	}
	range.count = total;
	range.names = arena_get(a, total * sizeof(*range.names));
	for (size_t i = 0; i < total; i++) {
		const char *name = literals[n];
		size_t rest = i;

		for (size_t g = n; g-- > 0; rest /= groups[g].count)
			name = arena_print(a, "%s%s%s", literals[g],
				groups[g].numbers[rest % groups[g].count], name);
		range.names[i] = name;
	}
	*out = range;
	return 0;
}
