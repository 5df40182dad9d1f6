/* warren file: what may stand in a network's file, from the table that checks it */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "net/schema.h"

static const char introduction[] =
	"# The file of a network\n"
	"\n"
	"A file is YAML and describes one network: its nodes, what joins them, and what\n"
	"should hold. This page is printed by `warren file`; `warren file --json` prints the\n"
	"same as a JSON Schema, for editors. Networks to begin with are in `examples/`.\n"
	"\n"
	"```yaml\n"
	"name: home\n"
	"nodes:                                 # each is a network namespace\n"
	"  laptop:\n"
	"    devices: {eth0: 10.0.0.2/24}       # short for {eth0: {addr: [10.0.0.2/24]}}\n"
	"    routes: [default via 10.0.0.1]     # as `ip route` writes them\n"
	"  router:\n"
	"    devices: {lan: 10.0.0.1/24}\n"
	"links:\n"
	"  - laptop:eth0 -- router:lan          # a cable; `==` in tunnels: an encrypted one\n"
	"checks:\n"
	"  - {from: laptop, ping: router}       # tried by `warren test`\n"
	"```\n"
	"\n"
	"* **Names** of the network, of nodes and of nets are letters, digits, `_` and `-`; those of\n"
	"  devices have at most 15 characters.\n"
	"* **Ranges**: `h[1-20]` names h1 to h20, `h[08-11]` keeps the zeros, `p[1,5,9-10]` and\n"
	"  `r[1-2]p[1-4]` work as well. Inside `{ }` and `[ ]` a range needs quotes.\n"
	"* **Kinds**: the ends of links and the members of nets are veth devices, the ends of tunnels\n"
	"  are made by `warren tunnel`, `lo` is the loopback; every other device says its `kind`.\n"
	"  A device that a link, net or tunnel names need not be listed.\n"
	"* **Nets** are segments: a bridge in a namespace of its own, with a cable to each member.\n"
	"  A member without an address gets the next free one of each prefix, in order.\n"
	"* **Tunnels** derive what is not given. An end is found at an address on a subnet that both\n"
	"  sides share, else on the device of its default route, else at its first. Through an end\n"
	"  is reached the subnet of its device, and what the other end routes to the tunnel. Where\n"
	"  a device has several peers, each stands for its own addresses only, and for what is\n"
	"  routed `via` them.\n"
	"* **Processes** live as long as the network. What they say is in\n"
	"  `/run/warren/NETWORK/NODE/log/.run-0`, `.run-1` and so on; `warren` in them is the\n"
	"  program that has started them. `up` waits until `ready` succeeds.\n"
	"* **Checks** try one thing each: ping, tcp, udp, or a command. A check with `cause` or `at`\n"
	"  expects to fail. `seen` and `unseen` count the packets that pass a device meanwhile.\n"
	"* **Truth** is yes, no, on, off, true or false. Rates are written as `10mbit`, times as `20ms`,\n"
	"  shares as `1%`, counts as `3`, `'>=1'` or `2..4`.\n"
	"* **Errors** are one line: the file, line and column, what was found, what was expected.\n"
	"  Anchors, aliases and tags are not supported: nothing in a network needs them.\n";

static void print(const char *text, void *arg)
{
	fputs(text, arg);
}

static int file_run(const struct command *c, int argc, char **argv)
{
	bool json = false;
	int at = options_parse(c, &json, argc, argv);

	if (at < 0)
		return options_exit(at);
	if (json) {
		char *text = schema_json();

		puts(text ? text : "");
		free(text);
	} else {
		fputs(introduction, stdout);
		schema_manual(print, stdout);
	}
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static const struct option_row options[] = {
	{"json", 0, NULL, "print a JSON Schema, for editors", OPTION_FLAG, 0, 0, 0},
	{0},
};

const struct command cmd_file = {
	.name = "file",
	.takes = "[--json]",
	.summary = "what may stand in a network's file",
	.about =
		"Prints the reference of the file that `up`, `plan` and `test` read, as Markdown; with\n"
		"--json a JSON Schema.  Both come from the table that checks the files.",
	.options = options,
	.max = 0,
	.run = file_run,
};
