/* warren trace: every packet that matches, on every hop, live */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"
#include "cmd/commands.h"
#include "cmd/interrupt.h"
#include "cmd/terminal.h"
#include "cmd/words.h"
#include "see/headers.h"
#include "see/roster.h"
#include "see/reason.h"
#include "see/trace.h"

enum { PACKET_TEXT = 256, BUSY = 64 };

/* While much comes, it is read in larger lots; while nothing comes, new tunnels are looked for. */
#define BUSY_PAUSE (10 * MILLISECOND)
#define TUNNELS_EVERY (2 * SECOND)

struct trace_options {
	bool json, drops, quiet;
	int64_t count;
	struct option_list nodes;
};

struct job {
	const struct trace_options *options;
	struct trace trace;
	struct roster names;
	struct terminal terminal;
	int64_t wall; /* of the kernel's clock: to be added to an event's time */
	uint64_t printed, untold;
	uint32_t nodes[TRACE_NODES]; /* inodes */
	size_t node_count;
	bool stop;
};

static const char *const kinds[] = {
	[TRACE_TX] = "tx",
	[TRACE_RX] = "rx",
	[TRACE_DROP] = "drop",
	[TRACE_TAKE] = "read",
	[TRACE_REFUSE] = "refuse",
	[TRACE_SEAL] = "seal",
	[TRACE_OPEN] = "open",
};

static const char *const matches[] = {
	[TRACE_FILTER] = "filter",
	[TRACE_FOLLOWED] = "followed",
	[TRACE_CARRIER] = "carrier",
	[TRACE_GUESS] = "guess",
	[TRACE_QUOTE] = "quote",
};

/* An event, and what the reader's side adds to it. */
struct told {
	const struct trace_event *event;
	const char *node, *reason, *symbol, *words;
	char packet[PACKET_TEXT];
	bool by_process; /* pid and comm tell who did it */
	bool lost;
};

/* consume_skb() has a hundred callers; these are reads by a program. */
static bool is_read(const struct trace_event *e, const char *symbol)
{
	static const char *const readers[] = {"tun_do_read", "tun_recvmsg", "tap_do_read",
		"skb_free_datagram", "__skb_free_datagram_locked", "skb_consume_udp", "udp_recvmsg",
		"udpv6_recvmsg", "raw_recvmsg", "rawv6_recvmsg", "ping_recvmsg"};

	if (!symbol[0]) /* an old kernel does not tell where: only a tun is certain */
		return !strcmp(e->link, "tun");
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (!strcmp(symbol, readers[i]))
			return true;
	return false;
}

static bool tell(struct job *j, struct told *t, const struct trace_event *e)
{
	*t = (struct told){.event = e, .reason = "", .symbol = "", .words = ""};
	if (e->kind == TRACE_DROP || e->kind == TRACE_TAKE)
		t->symbol = trace_symbol(&j->trace, e->location);
	if (e->kind == TRACE_TAKE && !is_read(e, t->symbol))
		return false;
	if (e->kind == TRACE_DROP) {
		t->reason = trace_reason(&j->trace, e->reason);
		t->lost = trace_loss(e, t->reason, t->symbol);
		t->words = t->lost     ? reason_words(t->reason, t->symbol)
			   : e->shared ? "a copy of it goes on"
				       : "it had arrived, or nobody here wants this copy";
		if (j->options->drops && !t->lost)
			return false;
	}
	t->by_process = e->kind == TRACE_TAKE || e->kind == TRACE_SEAL || e->kind == TRACE_OPEN ||
			(e->kind == TRACE_RX && !strcmp(e->link, "tun"));
	t->node = roster_name(&j->names, e->netns, clock_now());
	headers_text(t->packet, sizeof(t->packet), e->protocol, e->frame + TRACE_ETHERNET,
		e->held < TRACE_SENT ? (size_t)e->held - TRACE_ETHERNET
				     : TRACE_SENT - TRACE_ETHERNET);
	return true;
}

static void time_print(int64_t time)
{
	time_t seconds = (time_t)(time / SECOND);
	struct tm local;

	localtime_r(&seconds, &local);
	printf("%02d:%02d:%02d.%06" PRId64, local.tm_hour, local.tm_min, local.tm_sec,
		time % SECOND / 1000);
}

static void match_print(const struct trace_event *e)
{
	if (e->match == TRACE_CARRIER)
		printf("  (carries it)");
	else if (e->match == TRACE_GUESS)
		printf("  (carries it, by all appearances)");
	else if (e->match == TRACE_QUOTE)
		printf("  (about it)");
}

static void line_print(const struct job *j, const struct told *t)
{
	const struct trace_event *e = t->event;
	const char *colour = !j->terminal.colours ? "" : t->lost ? "\033[31m" : "";

	time_print((int64_t)e->time + j->wall);
	printf("%s  #%-5" PRIu64 " %-12s %-8s %-6s ", colour, (uint64_t)e->packet, t->node,
		e->device[0] ? e->device : "-", kinds[e->kind]);
	if (e->kind == TRACE_DROP)
		printf("%s%s%s%s%s: ", t->reason, t->symbol[0] ? " at " : "", t->symbol,
			t->words[0] ? ": " : "", t->words);
	if (e->kind == TRACE_REFUSE)
		printf("answers with ICMP type %d code %d: ", e->type, e->code);
	if (t->by_process)
		printf("%s[%u]: ", e->comm, e->pid);
	printf("%s", t->packet);
	if (e->kind == TRACE_SEAL)
		printf(" -> datagram of %u bytes", e->outer);
	if (e->kind == TRACE_OPEN)
		printf(" <- datagram of %u bytes", e->outer);
	match_print(e);
	printf("%s\n", colour[0] ? "\033[0m" : "");
}

static void text_set(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, text[0] ? json_string(text) : json_null());
}

static void json_print(const struct job *j, const struct told *t)
{
	const struct trace_event *e = t->event;
	json_t *o = json_object();
	char time[40];

	/* A double would lose the nanoseconds. */
	snprintf(time, sizeof(time), "%" PRId64 ".%09" PRId64,
		((int64_t)e->time + j->wall) / SECOND, ((int64_t)e->time + j->wall) % SECOND);
	json_object_set_new(o, "time", json_string(time));
	json_object_set_new(o, "packet", json_integer((json_int_t)e->packet));
	json_object_set_new(o, "node", json_string(t->node));
	json_object_set_new(o, "netns", json_integer(e->netns));
	text_set(o, "device", e->device);
	json_object_set_new(o, "event", json_string(kinds[e->kind]));
	json_object_set_new(o, "match", json_string(matches[e->match]));
	json_object_set_new(o, "length", json_integer(e->length));
	json_object_set_new(o, "text", json_string(t->packet));
	if (t->by_process) {
		json_object_set_new(o, "pid", json_integer(e->pid));
		json_object_set_new(o, "comm", json_string(e->comm));
	}
	if (e->kind == TRACE_SEAL || e->kind == TRACE_OPEN)
		json_object_set_new(o, "datagram", json_integer(e->outer));
	if (e->kind == TRACE_REFUSE) {
		json_object_set_new(o, "type", json_integer(e->type));
		json_object_set_new(o, "code", json_integer(e->code));
	}
	if (e->kind == TRACE_DROP) {
		text_set(o, "reason", t->reason);
		text_set(o, "function", t->symbol);
		text_set(o, "words", t->words);
		json_object_set_new(o, "lost", json_boolean(t->lost));
	}
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void event_print(const struct trace_event *e, void *arg)
{
	struct job *j = arg;
	struct told t;

	if (j->stop || !tell(j, &t, e))
		return;
	if (j->options->json)
		json_print(j, &t);
	else
		line_print(j, &t);
	j->printed++;
	j->stop = j->options->count && j->printed == (uint64_t)j->options->count;
}

/* The kernel's ring was full: said when it happens, with how many are missing. */
static void losses_say(struct job *j)
{
	uint64_t lost = trace_lost(&j->trace);

	if (lost == j->untold)
		return;
	if (j->options->json)
		printf("{\"event\":\"events-lost\",\"count\":%" PRIu64 "}\n", lost - j->untold);
	else
		printf("... %" PRIu64
		       " hops are missing here: they came faster than they could be written\n",
			lost - j->untold);
	j->untold = lost;
}

static void events_print(struct job *j, int signals)
{
	struct pollfd fds[] = {{trace_fd(&j->trace), POLLIN, 0}, {signals, POLLIN, 0}};
	int64_t looked = clock_now();

	while (!j->stop) {
		int n;

		if (poll(fds, 2, (int)(TUNNELS_EVERY / MILLISECOND)) < 0 && errno != EINTR)
			break;
		n = trace_read(&j->trace);
		losses_say(j);
		if (fflush(stdout))
			break; /* whoever read has gone */
		if (fds[1].revents)
			break;
		if (n > BUSY)
			poll(&fds[1], 1, (int)(BUSY_PAUSE / MILLISECOND));
		if (clock_now() - looked > TUNNELS_EVERY) {
			trace_tunnels(&j->trace);
			looked = clock_now();
		}
	}
}

/* A node, or all nodes of a network, or those whose names match a pattern. */
static int node_add(struct job *j, const char *wanted, struct error *e)
{
	SCOPED_FREE struct node *list = NULL;
	size_t before = j->node_count;
	struct node node;
	int err = node_open(&node, wanted, e);
	ssize_t count;

	if (!err) {
		if (j->node_count < TRACE_NODES)
			j->nodes[j->node_count++] = (uint32_t)node.inode;
		node_close(&node);
		return 0;
	}
	count = node_list(&list);
	for (ssize_t i = 0; i < count && j->node_count < TRACE_NODES; i++)
		if ((list[i].network[0] && !strcmp(list[i].network, wanted)) ||
			!fnmatch(wanted, list[i].name, 0) || !fnmatch(wanted, list[i].netns, 0))
			j->nodes[j->node_count++] = (uint32_t)list[i].inode;
	return j->node_count > before ? 0 : err;
}

static int job_run(struct job *j, const char *filter)
{
	struct trace_wish wish = {.filter = filter, .drops = j->options->drops};
	struct error e = {0};
	struct timespec monotonic;
	int signals = interrupt_open(), err = 0; /* first: none must be missed */

	for (size_t i = 0; !err && i < j->options->nodes.count; i++)
		err = node_add(j, j->options->nodes.items[i], &e);
	wish.nodes = j->nodes;
	wish.node_count = j->node_count;
	if (!err)
		err = trace_open(&j->trace, &wish, event_print, j, &e);
	if (err) {
		fprintf(stderr, "warren trace: %s\n", e.text);
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	trace_tunnels(&j->trace);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	j->wall = clock_wall() - (monotonic.tv_sec * SECOND + monotonic.tv_nsec);
	if (!j->options->quiet)
		fprintf(stderr, "tracing %s%s%s\n", filter[0] ? filter : "every packet",
			j->options->drops ? ": what is lost" : "",
			j->terminal.is_terminal ? "; ^C ends" : "");
	events_print(j, signals);
	if (!j->options->quiet)
		fprintf(stderr,
			"%" PRIu64 " hops of %" PRIu64 " packets, %" PRIu64 " hops missing\n",
			j->printed, trace_packets(&j->trace), trace_lost(&j->trace));
	trace_close(&j->trace);
	roster_done(&j->names);
	close(signals);
	return EXIT_DONE;
}

static int trace_run(const struct command *c, int argc, char **argv)
{
	struct trace_options o = {0};
	struct job j = {.options = &o, .terminal = terminal_look(stdout)};
	char filter[WORDS_TEXT];
	int at = options_parse(c, &o, argc, argv);

	if (at < 0)
		return options_exit(at);
	if (!words_join(filter, argv + at)) {
		fprintf(stderr, "warren trace: the filter is longer than 4095 characters\n");
		return EXIT_USAGE;
	}
	return job_run(&j, filter);
}

static const struct option_row options[] = {
	{"json", 0, NULL, "one JSON object a line", OPTION_FLAG,
		offsetof(struct trace_options, json), 0, 0},
	{"drops", 0, NULL, "only packets that are lost, and why", OPTION_FLAG,
		offsetof(struct trace_options, drops), 0, 0},
	{"node", 'n', "NODE",
		"only what matches there: a node, a network, or a pattern; repeat for more",
		OPTION_LIST, offsetof(struct trace_options, nodes), 0, 0},
	{"count", 'c', "COUNT", "end after so many lines", OPTION_NUMBER,
		offsetof(struct trace_options, count), 1, INT64_MAX},
	{"quiet", 'q', NULL, "print no summary", OPTION_FLAG, offsetof(struct trace_options, quiet),
		0, 0},
	{0},
};

const struct command cmd_trace = {
	.name = "trace",
	.takes = "[FILTER]",
	.summary = "follow packets live through devices, namespaces, tunnels and processes",
	.about =
		"FILTER is in the syntax of tcpdump and runs in the kernel.  A packet that matches gets\n"
		"a number, and is followed under it on every hop of the machine: through cables,\n"
		"bridges, routers with NAT, vxlan and GRE, and through the processes of tunnels.\n\n"
		"  tx, rx      a device sends it, the stack receives it from a device\n"
		"  read        a program takes it, from a socket or a tun\n"
		"  seal, open  a tunnel's process encrypts it into a datagram, or decrypts it\n"
		"  refuse      the stack answers with an ICMP error\n"
		"  drop        the kernel frees it, and why\n\n"
		"With -n a packet gets its number only where it matches in NODE; from then on it is\n"
		"followed everywhere.  Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.\n\n"
		"  warren trace icmp or arp\n"
		"  warren trace -n site-a 'host 10.0.0.2 and tcp port 80'\n"
		"  warren trace --drops --json",
	.options = options,
	.max = -1,
	.run = trace_run,
};
