/* warren exec: run a command in a node */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/node.h"
#include "cmd/commands.h"
#include "net/holder.h"
#include "net/view.h"

enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static int exec_run(const struct command *c, int argc, char **argv)
{
	int at = options_parse(c, NULL, argc, argv);
	char sockets[1024] = "";
	struct error e = {0};
	struct node node;
	struct stat st;
	const char *dot;

	if (at < 0)
		return options_exit(at);
	if (argc > at + 1 && !strcmp(argv[at + 1], "--")) {
		argv[at + 1] = argv[at];
		at++;
	}
	if (at + 1 >= argc) {
		fprintf(stderr, "warren exec: expected a command to run in %s\n", argv[at]);
		return EXIT_USAGE;
	}
	if (holder_enter_if_needed(HOLDER_JOIN, &e) || node_open(&node, argv[at], &e)) {
		fprintf(stderr, "warren exec: %s\n", e.text);
		return EXIT_FAILED;
	}
	dot = strchr(node.netns, '.');
	if (node.network[0] && dot)
		snprintf(sockets, sizeof(sockets), "%s/%s/%s/wireguard", node_state_directory(),
			node.network, dot + 1);
	if (view_enter(node.fd, node.netns, *sockets && !stat(sockets, &st) ? sockets : NULL, &e)) {
		fprintf(stderr, "warren exec: %s: %s\n", node.name, e.text);
		return EXIT_FAILED;
	}
	node_close(&node);
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "warren exec: %s: %s\n", argv[at + 1], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

const struct command cmd_exec = {
	.name = "exec",
	.takes = "NODE [--] CMD...",
	.summary = "run a command in a node",
	.about =
		"NODE is a node of a network (or NETWORK/NODE), an `ip netns` name, pid:N, the path\n"
		"of a namespace file, or `host`.  The command sees the node's devices in /sys, its\n"
		"tunnels in /var/run/wireguard (so `wg` works), and files of /etc/netns/NAME over\n"
		"those of /etc.\n\n"
		"Exit status: that of the command; 127 when there is none of that name, 126 when it\n"
		"cannot be run.",
	.min = 1,
	.max = -1,
	.stops = true,
	.run = exec_run,
};
