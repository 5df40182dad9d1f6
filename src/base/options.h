/* options.h - a command, its options and its help, from one table
 *
 * Each file in cmd/ defines one struct command: its name, what it takes, a
 * table of options and the function that runs it.  The table drives the
 * parser, `--help` and the manual, so that they cannot disagree.
 *
 *	struct ls { bool json; };
 *	static const struct option_row options[] = {
 *		{"json", 0, NULL, "print JSON", OPTION_FLAG, offsetof(struct ls, json)},
 *		{0},
 *	};
 *	static int ls_run(const struct command *c, int argc, char **argv)
 *	{
 *		struct ls ls = {0};
 *		int at = options_parse(c, &ls, argc, argv);
 *
 *		if (at < 0)
 *			return options_exit(at);
 *		...
 *	}
 *	const struct command cmd_ls = {
 *		.name = "ls", .summary = "networks that are up", .takes = "",
 *		.options = options, .max = 0, .run = ls_run,
 *	};
 *
 * -h and --help are always understood.  Parsing is getopt_long(3).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,    /* bool */
	OPTION_TEXT,    /* const char *, NULL when absent */
	OPTION_NUMBER,  /* int64_t, within low..high; unchanged when absent */
	OPTION_SECONDS, /* int64_t nanoseconds, written as seconds: "3", "0.5" */
	OPTION_LIST,    /* struct option_list: may be given several times */
};

enum { OPTION_LIST_MAX = 64 };

struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t count;
};

struct option_row {
	const char *name;  /* "json" for --json */
	char letter;       /* 'f' for -f too; 0 for none */
	const char *value; /* what the help calls the value; NULL for a flag */
	const char *help;
	enum option_kind kind;
	size_t offset; /* of the field in the command's own struct */
	int64_t low, high;
};

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *takes;   /* the arguments in the synopsis: "FILE", "[NODE] [DEVICE]" */
	const char *summary; /* one line, for the list of commands */
	const char *about;   /* paragraphs for --help, or NULL */
	const struct option_row *options; /* ends with a zeroed row; may be NULL */
	int min, max;        /* how many arguments; max -1: any number */
	bool stops;          /* options end at the first argument (`exec`) */
	/* argv[0] is the command's name; begins with options_parse(); returns the exit status */
	int (*run)(const struct command *c, int argc, char **argv);
};

/* options_parse - read argv (argv[0] is the command's name) into `fields`
 *
 * fields  the command's own struct, with its defaults already in it
 *
 * Returns the index of the first argument, after moving options in front; or
 * a negative number when the command must end now: options_exit() turns it
 * into the exit status.  Wrong usage has been said on stderr, with what was
 * expected; help has been printed on stdout.  Checks min and max.
 */
int options_parse(const struct command *c, void *fields, int argc, char **argv);

/* options_exit - the exit status for a negative result of options_parse() */
int options_exit(int result);

/* options_help - the manual page of a command as text, to stdout */
void options_help(const struct command *c);
