#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { OPTIONS_MAX = 32, USAGE_WRONG = -1, HELP_PRINTED = -2 };

static bool number_parse(const struct option_row *row, const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	if (row->kind == OPTION_SECONDS) {
		double seconds = strtod(text, &end);

		if (errno || end == text || *end || !isfinite(seconds) || seconds < 0 ||
			seconds > 1e9)
			return false;
		*out = (int64_t)(seconds * (double)SECOND);
		return true;
	}
	*out = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *out >= row->low && *out <= row->high;
}

static bool list_add(
	const struct command *c, const struct option_row *row, struct option_list *list)
{
	if (list->count == OPTION_LIST_MAX) {
		fprintf(stderr, "warren %s: --%s is given more than %d times\n", c->name, row->name,
			OPTION_LIST_MAX);
		return false;
	}
	list->items[list->count++] = optarg;
	return true;
}

static bool option_store(const struct command *c, const struct option_row *row, void *fields)
{
	char *field = (char *)fields + row->offset;
	int64_t number;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return true;
	case OPTION_TEXT:
		*(const char **)field = optarg;
		return true;
	case OPTION_LIST:
		return list_add(c, row, (struct option_list *)field);
	case OPTION_NUMBER:
	case OPTION_SECONDS:
		if (number_parse(row, optarg, &number)) {
			*(int64_t *)field = number;
			return true;
		}
		if (row->kind == OPTION_SECONDS)
			fprintf(stderr, "warren %s: --%s '%s': expected a number of seconds\n",
				c->name, row->name, optarg);
		else
			fprintf(stderr,
				"warren %s: --%s '%s': expected a number from %lld to %lld\n",
				c->name, row->name, optarg, (long long)row->low,
				(long long)row->high);
		return false;
	}
	return false;
}

static void usage_print(const struct command *c, FILE *to)
{
	fprintf(to, "usage: warren %s", c->name);
	if (c->options && c->options[0].name)
		fprintf(to, " [OPTIONS]");
	fprintf(to, "%s%s\n", c->takes[0] ? " " : "", c->takes);
}

void options_help(const struct command *c)
{
	usage_print(c, stdout);
	printf("\n%s.\n", c->summary);
	if (c->about)
		printf("\n%s\n", c->about);
	printf("\nOptions:\n");
	for (const struct option_row *o = c->options; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ",
			o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
			o->value ? " " : "", o->value ? o->value : "");
		printf("  %-26s %s\n", left, o->help);
	}
	printf("  %-26s %s\n", "-h, --help", "print this");
}

int options_parse(const struct command *c, void *fields, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 2] = {0};
	char shorts[2 * OPTIONS_MAX + 8] = "";
	int n = 0, found, picked;

	strcat(shorts, c->stops ? "+:h" : ":h");
	for (const struct option_row *o = c->options; o && o->name && n < OPTIONS_MAX; o++, n++) {
		longs[n] = (struct option){o->name, o->value ? 1 : 0, NULL, 0};
		if (o->letter)
			snprintf(
				shorts + strlen(shorts), 3, "%c%s", o->letter, o->value ? ":" : "");
	}
	longs[n] = (struct option){"help", 0, NULL, 'h'};

	optind = 0;
	while (picked = n, (found = getopt_long(argc, argv, shorts, longs, &picked)) != -1) {
		const struct option_row *row = NULL;

		if (found == 'h') {
			options_help(c);
			return HELP_PRINTED;
		}
		if (found == ':' || found == '?') {
			const char *what = found == ':' ? "needs a value" : "is not an option here";

			fprintf(stderr, "warren %s: %s %s\n", c->name, argv[optind - 1], what);
			usage_print(c, stderr);
			return USAGE_WRONG;
		}
		if (found == 0)
			row = &c->options[picked];
		for (const struct option_row *o = c->options; !row && o && o->name; o++)
			if (o->letter == found)
				row = o;
		if (!row || !option_store(c, row, fields))
			return USAGE_WRONG;
	}
	if (argc - optind < c->min || (c->max >= 0 && argc - optind > c->max)) {
		fprintf(stderr, "warren %s: %s\n", c->name,
			argc - optind < c->min ? "an argument is missing" : "too many arguments");
		usage_print(c, stderr);
		return USAGE_WRONG;
	}
	return optind;
}

int options_exit(int result)
{
	return result == HELP_PRINTED ? EXIT_DONE : EXIT_USAGE;
}
