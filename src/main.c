/* warren: finds the command and runs it.  The commands are in cmd/, one file each. */
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"

static const struct command *const commands[] = {
	&cmd_up,
	&cmd_plan,
	&cmd_down,
	&cmd_ls,
	&cmd_map,
	&cmd_exec,
	&cmd_test,
	&cmd_capture,
	&cmd_tunnel,
	&cmd_key,
	&cmd_show,
	&cmd_why,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(void)
{
	printf("usage: warren COMMAND [OPTIONS] ...\n\n"
	       "Builds Linux virtual networks, connects them across hosts with an encrypted tunnel,\n"
	       "and shows where every packet goes and why it stopped.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n`warren COMMAND --help` tells more.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: warren COMMAND [OPTIONS] ...; `warren --help` lists the commands\n");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help();
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("warren %s\n", WARREN_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i]->name))
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	fprintf(stderr, "warren: '%s' is not a command; `warren --help` lists them\n", argv[1]);
	return EXIT_USAGE;
}
