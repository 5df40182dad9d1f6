/* warren up: bring the network of a file up, or converge to it */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/network_words.h"
#include "net/holder.h"
#include "net/network.h"

static int up_run(const struct command *c, int argc, char **argv)
{
	int at = options_parse(c, NULL, argc, argv);
	struct error e = {0};
	size_t changes;

	if (at < 0)
		return options_exit(at);
	network_words_begin("up");
	if (holder_enter_if_needed(HOLDER_MAKE, &e) ||
		network_up(argv[at], &network_words, &changes, &e)) {
		holder_leave();
		return network_words_fail("up", &e);
	}
	network_words_end();
	return EXIT_DONE;
}

const struct command cmd_up = {
	.name = "up",
	.takes = "FILE",
	.summary = "create the network in FILE, or converge to it",
	.about =
		"Only what differs from what is there is touched: of an unchanged file that is\n"
		"nothing, and tunnels that are not concerned keep their sessions.  When something\n"
		"fails half-way, what was done is undone.  On return the network can be used.\n\n"
		"Nodes are network namespaces NETWORK.NODE, as `ip netns` shows them.  FILE may be\n"
		"`-` for standard input.  As an ordinary user the network lives in namespaces of\n"
		"your own, which all commands of Warren enter by themselves.",
	.min = 1,
	.max = 1,
	.run = up_run,
};
