#include "base/options.h"

#include <string.h>

#include "base/clock.h"
#include "test.h"

struct fields {
	bool json;
	const char *from;
	int64_t size, timeout;
	struct option_list nodes;
};

static const struct option_row rows[] = {
	{"json", 0, NULL, "print JSON", OPTION_FLAG, offsetof(struct fields, json), 0, 0},
	{"from", 'f', "NODE", "ask there", OPTION_TEXT, offsetof(struct fields, from), 0, 0},
	{"size", 0, "BYTES", "payload", OPTION_NUMBER, offsetof(struct fields, size), 0, 65507},
	{"timeout", 0, "S", "wait", OPTION_SECONDS, offsetof(struct fields, timeout), 0, 0},
	{"node", 'n', "NODE", "look there", OPTION_LIST, offsetof(struct fields, nodes), 0, 0},
	{0},
};

static const struct command probe = {
	.name = "probe", .takes = "DST", .summary = "", .options = rows, .min = 1, .max = 1};

static int parse(struct fields *f, int argc, const char **argv)
{
	return options_parse(&probe, f, argc, (char **)argv);
}

TEST(options_may_stand_before_and_after_the_argument)
{
	const char *argv[] = {
		"probe", "--json", "10.0.0.1", "-f", "A", "--size", "1400", "--timeout=0.5", NULL};
	struct fields f = {0};
	int at = parse(&f, 8, argv);

	CHECK(at == 7);
	CHECK_TEXT(argv[at], "10.0.0.1");
	CHECK(f.json && f.size == 1400 && f.timeout == SECOND / 2);
	CHECK_TEXT(f.from, "A");
}

TEST(a_number_out_of_range_or_followed_by_text_is_wrong_usage)
{
	const char *far[] = {"probe", "x", "--size", "65508", NULL};
	const char *text[] = {"probe", "x", "--size", "12a", NULL};
	struct fields f = {.size = 56};

	CHECK(options_exit(parse(&f, 4, far)) == EXIT_USAGE);
	CHECK(options_exit(parse(&f, 4, text)) == EXIT_USAGE);
	CHECK(f.size == 56);
}

TEST(a_missing_argument_and_one_too_many_are_wrong_usage)
{
	const char *none[] = {"probe", NULL};
	const char *two[] = {"probe", "a", "b", NULL};
	struct fields f = {0};

	CHECK(options_exit(parse(&f, 1, none)) == EXIT_USAGE);
	CHECK(options_exit(parse(&f, 3, two)) == EXIT_USAGE);
}

TEST(a_list_keeps_what_is_given_in_order)
{
	const char *argv[] = {"probe", "-n", "A", "x", "--node=B", "-nC", NULL};
	struct fields f = {0};

	CHECK(parse(&f, 6, argv) == 5);
	CHECK(f.nodes.count == 3);
	CHECK_TEXT(f.nodes.items[0], "A");
	CHECK_TEXT(f.nodes.items[1], "B");
	CHECK_TEXT(f.nodes.items[2], "C");
}
