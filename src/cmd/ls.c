/* warren ls: the networks that are up */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cmd/commands.h"
#include "net/holder.h"
#include "net/network.h"

struct ls {
	bool json;
};

static const struct option_row options[] = {
	{"json", 0, NULL, "print JSON", OPTION_FLAG, offsetof(struct ls, json), 0, 0},
	{0},
};

/* A network is whole, or an `up` was killed or is at work, or processes of it have ended. */
static const char *state_of(const struct network_summary *n)
{
	return n->partial ? "partial" : n->running < n->expected ? "degraded" : "up";
}

static void json_print(const struct network_summary *list, ssize_t count)
{
	json_t *networks = json_array(), *whole;

	for (ssize_t i = 0; i < count; i++) {
		const struct network_summary *n = &list[i];
		json_t *nodes = json_array();

		for (size_t k = 0; k < n->node_count; k++)
			json_array_append_new(nodes, json_string(n->nodes[k]));
		json_array_append_new(networks,
			json_pack("{s:s, s:s, s:s*, s:o, s:I, s:I, s:{s:I, s:I}}", "name", n->name,
				"state", state_of(n), "file", n->file, "nodes", nodes, "links",
				(json_int_t)n->link_count, "tunnels", (json_int_t)n->tunnel_count,
				"processes", "running", (json_int_t)n->running, "expected",
				(json_int_t)n->expected));
	}
	whole = json_pack("{s:o}", "networks", networks);
	json_dumpf(whole, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(whole);
}

static void table_print(const struct network_summary *list, ssize_t count)
{
	int width = (int)strlen("NETWORK");

	for (ssize_t i = 0; i < count; i++)
		if ((int)strlen(list[i].name) > width)
			width = (int)strlen(list[i].name);
	if (count)
		printf("%-*s  %-8s  %5s  %5s  %7s  %s\n", width, "NETWORK", "STATE", "NODES",
			"LINKS", "TUNNELS", "FILE");
	for (ssize_t i = 0; i < count; i++) {
		const struct network_summary *n = &list[i];

		printf("%-*s  %-8s  %5zu  %5zu  %7zu  %s\n", width, n->name, state_of(n),
			n->node_count, n->link_count, n->tunnel_count, n->file ? n->file : "-");
	}
}

static int ls_run(const struct command *c, int argc, char **argv)
{
	struct ls ls = {0};
	int at = options_parse(c, &ls, argc, argv);
	struct network_summary *list = NULL;
	struct error e = {0};
	ssize_t count;

	if (at < 0)
		return options_exit(at);
	count = holder_enter_if_needed(HOLDER_JOIN, &e);
	if (!count)
		count = network_list(&list, &e);
	if (count < 0) {
		fprintf(stderr, "warren ls: %s\n", e.text);
		return EXIT_FAILED;
	}
	if (ls.json)
		json_print(list, count);
	else
		table_print(list, count);
	network_list_free(list, (size_t)count);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_ls = {
	.name = "ls",
	.takes = "",
	.summary = "networks that are up",
	.about =
		"STATE is `up`; `degraded` when a process of the network has ended; `partial` while\n"
		"an `up` is at work, or after one was killed: `up` again goes on, `down` removes it.",
	.options = options,
	.max = 0,
	.run = ls_run,
};
