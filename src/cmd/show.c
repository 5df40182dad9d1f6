/* warren show: every device, its state, and what is at its other end */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/table.h"
#include "see/describe.h"
#include "see/namespaces.h"
#include "see/topology.h"
#include "see/topology_json.h"

#define GREEN "32"
#define YELLOW "33"
#define RED "31"

struct show {
	bool json, watch;
	int64_t every, count;
	const char *node, *device; /* as typed; NULL: all */
};

/* What of a snapshot is wanted. */
struct choice {
	int netns, device; /* TOPOLOGY_NONE: all */
};

enum { NAME, KIND, STATE, MTU, ADDRESSES, RECEIVED, SENT, DROPPED, OTHER_END };

static const struct column totals[] = {
	[NAME] = {.title = "DEVICE"},
	[KIND] = {.title = "KIND", .rank = 2},
	[STATE] = {.title = "STATE"},
	[MTU] = {.title = "MTU", .right = true, .rank = 3},
	[ADDRESSES] = {.title = "ADDRESSES"},
	[RECEIVED] = {.title = "RX", .right = true, .rank = 4},
	[SENT] = {.title = "TX", .right = true, .rank = 4},
	[DROPPED] = {.title = "DROPS", .right = true, .rank = 1},
	[OTHER_END] = {.title = "OTHER END"},
	{0},
};

/* With --watch what grows is shown instead: bits and packets a second. */
static const struct column rates[] = {
	[NAME] = {.title = "DEVICE"},
	[KIND] = {.title = "KIND", .rank = 3},
	[STATE] = {.title = "STATE"},
	[MTU] = {.title = "MTU", .right = true, .rank = 4},
	[ADDRESSES] = {.title = "ADDRESSES", .rank = 2},
	[RECEIVED] = {.title = "RX bit/s", .right = true},
	[SENT] = {.title = "TX bit/s", .right = true},
	[DROPPED] = {.title = "DROPS/s", .right = true, .rank = 1},
	[OTHER_END] = {.title = "OTHER END"},
	{0},
};

static const char *state_colour(const struct device *d)
{
	const char *state = describe_state(d);

	if (!strcmp(state, "up"))
		return GREEN;
	return d->up ? YELLOW : RED;
}

static uint64_t drops(const struct counters *c)
{
	return c->rx_dropped + c->tx_dropped + c->rx_errors + c->tx_errors;
}

static void cell_total(struct table *table, int column, uint64_t bytes, uint64_t packets)
{
	char text[16];

	if (packets)
		table_cell(table, column, NULL, "%sB", describe_quantity((double)bytes, text));
}

static void totals_add(struct table *table, const struct counters *c)
{
	char text[16];

	cell_total(table, RECEIVED, c->rx_bytes, c->rx_packets);
	cell_total(table, SENT, c->tx_bytes, c->tx_packets);
	if (drops(c))
		table_cell(table, DROPPED, YELLOW, "%s", describe_quantity((double)drops(c), text));
}

/* A counter that went back belongs to a new device of the same number: no rate. */
static double rate(uint64_t now, uint64_t then, double seconds)
{
	return now > then && seconds > 0 ? (double)(now - then) / seconds : 0;
}

static void rates_add(struct table *table, const struct counters *now, const struct counters *then,
	double seconds)
{
	char text[16];

	table_cell(table, RECEIVED, NULL, "%s",
		describe_quantity(8 * rate(now->rx_bytes, then->rx_bytes, seconds), text));
	table_cell(table, SENT, NULL, "%s",
		describe_quantity(8 * rate(now->tx_bytes, then->tx_bytes, seconds), text));
	if (drops(now) > drops(then))
		table_cell(table, DROPPED, RED, "%s",
			describe_quantity(rate(drops(now), drops(then), seconds), text));
}

/* Every device has a link-local address: on a narrow terminal it says little. */
static bool is_said(const struct address *a, const struct terminal *terminal)
{
	enum { NARROW = 100 };

	return a->family == AF_INET || a->scope != RT_SCOPE_LINK || a->flags & IFA_F_DADFAILED ||
	       terminal->width == 0 || terminal->width >= NARROW;
}

static void device_row(struct table *table, const struct topology *t, const struct topology *before,
	const struct device *d, const struct terminal *terminal)
{
	bool first = true;
	char address[DESCRIBE_ADDRESS], end[DESCRIBE_END];
	const struct device *master = device_master(t, d);
	double seconds = (double)(t->taken - before->taken) / (double)SECOND;
	int then = topology_device(before, device_netns(t, d)->node.inode, d->ifindex);

	table_row(table);
	table_cell(table, NAME, NULL, "%s", d->name);
	table_cell(table, KIND, NULL, "%s", describe_kind(d));
	table_cell(table, STATE, state_colour(d), "%s", describe_state(d));
	table_cell(table, MTU, NULL, "%u", d->mtu);
	if (table->columns == totals)
		totals_add(table, &d->counters);
	else if (then >= 0)
		rates_add(table, &d->counters, &before->devices[then].counters, seconds);
	describe_end(t, d, end);
	if (master)
		table_cell(table, OTHER_END, NULL, "%s (port of %s)", end, master->name);
	else
		table_cell(table, OTHER_END, NULL, "%s", end);
	for (size_t i = 0; i < d->address_count; i++) {
		const char *trouble = describe_trouble(&d->addresses[i]);

		if (!is_said(&d->addresses[i], terminal))
			continue;
		if (!first)
			table_row(table);
		first = false;
		table_cell(table, ADDRESSES, trouble[0] ? YELLOW : NULL, "%s%s%s",
			describe_address(&d->addresses[i], address), trouble[0] ? " " : "",
			trouble);
	}
}

static void heading_add(struct table *table, const struct netns_view *n)
{
	char label[2 * DESCRIBE_END];

	namespace_label(n, label, sizeof(label));
	table_heading(table, label);
}

static void table_show(const struct show *show, const struct topology *t,
	const struct topology *before, struct choice c, const struct terminal *terminal)
{
	struct table table = {.columns = show->watch ? rates : totals};

	for (int i = 0; i < (int)t->netns_count; i++) {
		const struct netns_view *n = &t->netns[i];

		if (c.netns >= 0 ? c.netns != i : n->closed)
			continue;
		if (c.netns < 0)
			heading_add(&table, n);
		for (size_t k = n->first_device; k < n->first_device + n->device_count; k++)
			if (c.device < 0 || c.device == (int)k)
				device_row(&table, t, before, &t->devices[k], terminal);
	}
	table_print(&table, terminal, stdout);
	table_free(&table);
}

/* A tunnel that somebody holds, but nobody that we have seen. */
static bool holder_is_missed(const struct topology *t)
{
	for (size_t i = 0; i < t->device_count; i++)
		if (t->devices[i].end.type == END_PROCESS && t->devices[i].carrier &&
			!t->devices[i].holder_count)
			return true;
	return false;
}

/* The namespaces that we may not look into; the first few by name. */
static void closed_say(const struct topology *t)
{
	enum { NAMED = 6 };
	size_t closed = 0;

	for (size_t i = 0; i < t->netns_count; i++) {
		/* One that went while we looked is no news. */
		if (!t->netns[i].closed || t->netns[i].closed_errno != EPERM)
			continue;
		if (closed == 0)
			fprintf(stderr,
				"warren show: not looked into, for want of CAP_SYS_ADMIN: %s",
				t->netns[i].node.name);
		else if (closed < NAMED)
			fprintf(stderr, ", %s", t->netns[i].node.name);
		closed++;
	}
	if (closed > NAMED)
		fprintf(stderr, " and %zu more", closed - NAMED);
	if (closed)
		fputc('\n', stderr);
}

/* What could not be seen, on stderr: the results stay clean. */
static void unseen_say(const struct topology *t, struct choice c)
{
	if (c.netns >= 0)
		return;
	closed_say(t);
	/* As root a process or two that nobody may look at are no news, unless one is missed. */
	if (t->unseen_processes && (geteuid() || holder_is_missed(t)))
		fprintf(stderr,
			"warren show: not looked at, for want of CAP_SYS_PTRACE: %zu process%s of other users; "
			"namespaces without a name, and who holds a tun or tap, may be missing\n",
			t->unseen_processes, t->unseen_processes == 1 ? "" : "es");
}

static int choose(const struct show *show, const struct topology *t, struct choice *c)
{
	struct node node;
	struct error e = {0};

	*c = (struct choice){TOPOLOGY_NONE, TOPOLOGY_NONE};
	if (!show->node)
		return EXIT_DONE;
	c->netns = topology_netns_named(t, show->node);
	if (c->netns < 0 && node_open(&node, show->node, &e)) {
		fprintf(stderr, "warren show: %s\n", e.text);
		return EXIT_FAILED;
	}
	if (c->netns < 0) {
		node_close(&node);
		fprintf(stderr, "warren show: node '%s' was not there when the machine was read\n",
			show->node);
		return EXIT_FAILED;
	}
	if (t->netns[c->netns].closed) {
		fprintf(stderr,
			"warren show: node '%s': %s (CAP_SYS_ADMIN is needed to look into it)\n",
			show->node, strerror(t->netns[c->netns].closed_errno));
		return EXIT_FAILED;
	}
	if (!show->device)
		return EXIT_DONE;
	c->device = topology_device_named(t, c->netns, show->device);
	if (c->device < 0) {
		fprintf(stderr, "warren show: node '%s' has no device '%s'\n", show->node,
			show->device);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static void pair(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void pair(const char *name, const char *format, ...)
{
	va_list args;

	printf("  %-11s", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void total_say(
	const char *name, uint64_t packets, uint64_t bytes, uint64_t dropped, uint64_t errors)
{
	pair(name, "%llu packets, %llu bytes, %llu dropped, %llu errors",
		(unsigned long long)packets, (unsigned long long)bytes, (unsigned long long)dropped,
		(unsigned long long)errors);
}

static void port_say(const struct topology *t, const struct device *d)
{
	const struct device *master = device_master(t, d);
	const struct bridge_port *p = &d->port;

	if (!master)
		return;
	if (!p->is_port) {
		pair("master", "%s", master->name);
		return;
	}
	pair("master", "%s: %s%s%s%s%s%s%s%s", master->name, describe_port_state(p->state),
		p->isolated ? ", isolated" : "", p->learning ? "" : ", learning off",
		p->unicast_flood ? "" : ", flood off",
		p->multicast_flood ? "" : ", mcast_flood off",
		p->broadcast_flood ? "" : ", bcast_flood off",
		p->neigh_suppress ? ", neigh_suppress" : "", p->locked ? ", locked" : "");
}

/* One device, in full. */
static void device_show(
	const struct topology *t, const struct device *d, const struct terminal *terminal)
{
	char text[DESCRIBE_END];
	const struct counters *c = &d->counters;
	const char *on = terminal->colours ? state_colour(d) : NULL;

	printf("%s in %s: %s, %s%s%s%s%s\n", d->name, device_netns(t, d)->node.name,
		describe_kind(d), on ? "\033[" : "", on ? on : "", on ? "m" : "", describe_state(d),
		on ? "\033[0m" : "");
	pair("other end", "%s", describe_end(t, d, text));
	for (size_t i = 0; i < d->address_count; i++) {
		const char *trouble = describe_trouble(&d->addresses[i]);

		pair(i ? "" : "addresses", "%s%s%s", describe_address(&d->addresses[i], text),
			trouble[0] ? " " : "", trouble);
	}
	if (d->mac_size)
		pair("mac", "%s", describe_mac(d, text));
	pair("mtu", "%u", d->mtu);
	pair("ifindex", "%u", d->ifindex);
	if (d->qdisc[0])
		pair("qdisc", "%s, queue of %u packets", d->qdisc, d->queue_length);
	port_say(t, d);
	if (d->vlan_count)
		pair("vlans", "%s", describe_vlans(d, text));
	if (d->xdp.mode)
		pair("xdp", "program %u", d->xdp.program);
	total_say("received", c->rx_packets, c->rx_bytes, c->rx_dropped, c->rx_errors);
	total_say("sent", c->tx_packets, c->tx_bytes, c->tx_dropped, c->tx_errors);
}

static int json_show(const struct show *show, const struct topology *t, struct choice c)
{
	bool *shown = c.netns < 0 ? NULL : calloc(t->netns_count, sizeof(*shown));
	json_t *top;
	int failed;

	if (shown)
		shown[c.netns] = true;
	top = topology_json(t, shown, c.device);
	free(shown);
	failed = !top || json_dumpf(top, stdout, show->watch ? JSON_COMPACT : JSON_INDENT(1));

	json_decref(top);
	putchar('\n');
	return failed || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static int show_once(const struct show *show, const struct topology *t,
	const struct topology *before, const struct terminal *terminal)
{
	struct choice c;
	int status = choose(show, t, &c);

	if (status != EXIT_DONE)
		return status;
	if (show->json)
		return json_show(show, t, c);
	if (c.device >= 0 && !show->watch)
		device_show(t, &t->devices[c.device], terminal);
	else
		table_show(show, t, before, c, terminal);
	if (!show->watch)
		unseen_say(t, c);
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
}

static int watch(const struct show *show)
{
	int64_t every = show->every < 50 * MILLISECOND ? 50 * MILLISECOND : show->every;
	struct timespec pause = {every / SECOND, every % SECOND};
	struct choice c;
	struct topology before = {0}, now = {0};
	struct sigaction action = {.sa_handler = stop};
	struct error e = {0};
	int status = EXIT_DONE;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (int64_t i = 0; status == EXIT_DONE && !stopped && i <= show->count; i++) {
		struct terminal terminal = terminal_look(stdout); /* it may have been resized */

		if (topology_read(&now, &e)) {
			fprintf(stderr, "warren show: %s\n", e.text);
			status = EXIT_FAILED;
			break;
		}
		if (i && terminal.is_terminal && !show->json)
			printf("\033[H\033[2J");
		/* The first one is only what rates are counted from. */
		status = i ? show_once(show, &now, &before, &terminal) : choose(show, &now, &c);
		topology_free(&before);
		before = now;
		if (status == EXIT_DONE && i < show->count)
			nanosleep(&pause, NULL);
	}
	topology_free(&before);
	return status;
}

static int show_run(const struct command *c, int argc, char **argv)
{
	struct show show = {.every = SECOND, .count = INT64_MAX};
	int at = options_parse(c, &show, argc, argv), status;
	struct terminal terminal = terminal_look(stdout);
	struct topology t, none = {0};
	struct error e = {0};

	if (at < 0)
		return options_exit(at);
	show.node = at < argc ? argv[at] : NULL;
	show.device = at + 1 < argc ? argv[at + 1] : NULL;
	if (show.count != INT64_MAX)
		show.watch = true;
	if (show.watch)
		return watch(&show);
	if (topology_read(&t, &e)) {
		fprintf(stderr, "warren show: %s\n", e.text);
		return EXIT_FAILED;
	}
	status = show_once(&show, &t, &none, &terminal);
	topology_free(&t);
	return status;
}

static const struct option_row options[] = {
	{"json", 0, NULL, "print JSON; with --watch one line each time", OPTION_FLAG,
		offsetof(struct show, json), 0, 0},
	{"watch", 'w', NULL, "again each second, with rates, until Ctrl-C", OPTION_FLAG,
		offsetof(struct show, watch), 0, 0},
	{"every", 0, "SECONDS", "how often to --watch (default 1, at least 0.05)", OPTION_SECONDS,
		offsetof(struct show, every), 0, 0},
	{"count", 0, "N", "--watch N times, then end", OPTION_NUMBER, offsetof(struct show, count),
		1, INT32_MAX},
	{0},
};

const struct command cmd_show = {
	.name = "show",
	.takes = "[NODE] [DEVICE]",
	.summary = "every device, its state, and what is at its other end",
	.about =
		"Of the whole machine: the host and every network namespace that has a name, in which\n"
		"a process lives, or which is kept open.  With NODE of that one, with DEVICE in full.\n\n"
		"A device is a pipe: one end is the protocol stack, the other end is shown: the twin of a\n"
		"veth and its node, the process that holds a tun or tap, the ports of a bridge, the lower\n"
		"device of a macvlan, the underlay of a vxlan, the wire.\n\n"
		"NODE is a node of Warren, a name of `ip netns`, pid:N, the path of a namespace, or host.\n"
		"Needs no privilege for what the user may see; what was not seen is said on stderr.",
	.options = options,
	.min = 0,
	.max = 2,
	.run = show_run,
};
