/* warren plan: what `warren up` would do */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cmd/commands.h"
#include "net/holder.h"
#include "net/network.h"

enum { EXIT_SOMETHING = 2 };

struct plan_command {
	bool json;
};

static const struct option_row options[] = {
	{"json", 0, NULL, "print JSON", OPTION_FLAG, offsetof(struct plan_command, json), 0, 0},
	{0},
};

static void line_print(const struct operation *o, void *arg)
{
	char line[3 * OPERATION_TEXT];

	operation_format(line, o);
	printf("%s\n", line);
}

static void json_add(const struct operation *o, void *arg)
{
	json_t *one = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:i}", "action",
		operation_action(o), "object", operation_object(o), "node", o->node, "device",
		o->device, "value", o->value[0] ? o->value : NULL, "was", o->was[0] ? o->was : NULL,
		"line", (int)o->at.line);

	json_array_append_new(arg, one);
}

static int plan_run(const struct command *c, int argc, char **argv)
{
	struct plan_command command = {0};
	int at = options_parse(c, &command, argc, argv);
	struct error e = {0};
	json_t *list = NULL;
	ssize_t count;

	if (at < 0)
		return options_exit(at);
	if (command.json)
		list = json_array();
	count = holder_enter_if_needed(HOLDER_JOIN, &e);
	if (!count)
		count = network_plan(argv[at], command.json ? json_add : line_print, list, &e);
	if (count < 0) {
		fprintf(stderr, "warren plan: %s\n", e.text);
		json_decref(list);
		return EXIT_FAILED;
	}
	if (command.json) {
		list = json_pack("{s:o}", "operations", list);
		json_dumpf(list, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(list);
	}
	if (fflush(stdout))
		return EXIT_FAILED;
	return count ? EXIT_SOMETHING : EXIT_DONE;
}

const struct command cmd_plan = {
	.name = "plan",
	.takes = "FILE",
	.summary = "what `up` would do with FILE",
	.about = "One line for each operation: `+` is made, `-` is removed, `~` changes.\n\n"
		 "Exit status: 0 nothing would be done, 2 something, 1 the file is wrong.",
	.options = options,
	.min = 1,
	.max = 1,
	.run = plan_run,
};
