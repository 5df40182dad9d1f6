/* warren: finds the command and runs it.  The commands are in cmd/, one file each. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"

static const struct command *const commands[] = {
	/* build */
	&cmd_up,
	&cmd_plan,
	&cmd_down,
	&cmd_ls,
	&cmd_exec,
	&cmd_test,
	&cmd_file,
	/* connect */
	&cmd_tunnel,
	&cmd_key,
	/* see */
	&cmd_show,
	&cmd_map,
	&cmd_why,
	&cmd_trace,
	&cmd_capture,
	&cmd_read,
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

/* A command in a node that says `warren` means the one that runs, also where it is not installed.
 */
static void path_add(void)
{
	const char *path = getenv("PATH");
	char self[PATH_MAX], *slash, *longer = NULL;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash || strcmp(slash, "/warren") != 0)
		return;
	*slash = '\0';
	if (path && !strncmp(path, self, strlen(self)) &&
		(!path[strlen(self)] || path[strlen(self)] == ':'))
		return;
	if (asprintf(&longer, "%s%s%s", self, path ? ":" : "", path ? path : "") >= 0)
		setenv("PATH", longer, 1);
	free(longer);
}

int main(int argc, char **argv)
{
	path_add();
	if (argc < 2) {
		fprintf(stderr,
			"usage: warren COMMAND [OPTIONS] ...; `warren --help` lists the commands\n");
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
