/* warren why: send one probe, follow it, say where it ended and why */
#include "see/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "net/holder.h"
#include "see/diagnose.h"

struct why {
	bool json, causes;
	const char *from, *device, *source, *proto, *engine;
	int64_t port, size, timeout;
	bool df;
};

static const struct option_row options[] = {
	{"json", 0, NULL, "print one JSON object", OPTION_FLAG, offsetof(struct why, json), 0, 0},
	{"causes", 0, NULL, "print the rule book: every cause, its proof and its repair",
		OPTION_FLAG, offsetof(struct why, causes), 0, 0},
	{"from", 0, "NODE", "the node that asks (default: here)", OPTION_TEXT,
		offsetof(struct why, from), 0, 0},
	{"device", 0, "DEV", "bind the probe to this device (an address: send from it)",
		OPTION_TEXT, offsetof(struct why, device), 0, 0},
	{"source", 0, "ADDRESS", "send from this address", OPTION_TEXT,
		offsetof(struct why, source), 0, 0},
	{"proto", 0, "PROTO", "icmp (default), udp or tcp", OPTION_TEXT,
		offsetof(struct why, proto), 0, 0},
	{"port", 0, "N", "of UDP or TCP (default 33434)", OPTION_NUMBER, offsetof(struct why, port),
		1, 65535},
	{"size", 0, "BYTES", "payload of ICMP or UDP (default 56)", OPTION_NUMBER,
		offsetof(struct why, size), 0, WHY_SIZE_MAX},
	{"df", 0, NULL, "forbid fragments", OPTION_FLAG, offsetof(struct why, df), 0, 0},
	{"timeout", 0, "S", "wait at most so long (default 4)", OPTION_SECONDS,
		offsetof(struct why, timeout), MILLISECOND, 3600 * SECOND},
	{"engine", 0, "ENGINE", "ebpf or sockets (default: what is allowed)", OPTION_TEXT,
		offsetof(struct why, engine), 0, 0},
	{0},
};

static bool proto_parse(const char *text, enum probe_proto *out)
{
	static const char *const names[] = {"icmp", "udp", "tcp"};

	for (int i = 0; i < 3; i++)
		if (!text || !strcmp(text, names[i])) {
			*out = (enum probe_proto)i;
			return true;
		}
	fprintf(stderr, "warren why: --proto '%s': expected icmp, udp or tcp\n", text);
	return false;
}

static bool engine_parse(const char *text, enum why_engine *out)
{
	if (!text)
		*out = WHY_AUTO;
	else if (!strcmp(text, "ebpf"))
		*out = WHY_EBPF;
	else if (!strcmp(text, "sockets"))
		*out = WHY_SOCKETS;
	else
		fprintf(stderr, "warren why: --engine '%s': expected ebpf or sockets\n", text);
	return !text || !strcmp(text, "ebpf") || !strcmp(text, "sockets");
}

/* Colours only for people. */
static const char *paint(const char *code)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? code : "";
}

static void steps_print(const struct verdict *v)
{
	int node = 4, device = 3;

	for (size_t i = 0; i < v->step_count; i++) {
		int n = (int)strlen(v->steps[i].node), d = (int)strlen(v->steps[i].device);

		node = n > node ? n : node;
		device = d > device ? d : device;
	}
	for (size_t i = 0; i < v->step_count; i++) {
		const struct step *s = &v->steps[i];

		printf("%3zu  %-*s %-*s %-8s %s%s%s\n", i + 1, node, s->node, device, s->device,
			s->event, s->packet, s->note[0] ? " - " : "", s->note);
	}
}

static void text_print(const struct verdict *v)
{
	const char *end = paint("\033[0m");

	if (v->delivered)
		printf("%sdelivered%s: %s\n", paint("\033[32m"), end, v->why);
	else if (v->cause)
		printf("%sfailed%s: %s%s%s: %s\n", paint("\033[31m"), end, paint("\033[1m"),
			v->cause, end, v->why);
	else
		printf("%sfailed%s: %s\n", paint("\033[31m"), end, v->why);
	if (v->node[0])
		printf("at: %s %s\n", v->node, v->device);
	printf("\n");
	steps_print(v);
	if (v->fix_count)
		printf("\nfix:\n");
	for (size_t i = 0; i < v->fix_count; i++)
		printf("  %s\n", v->fixes[i]);
	if (v->evidence_count)
		printf("\nevidence:\n");
	for (size_t i = 0; i < v->evidence_count; i++)
		printf("  %-10s %s\n", v->evidence[i].source, v->evidence[i].fact);
	if (v->lost)
		printf("\n%llu events were lost: steps may be missing\n",
			(unsigned long long)v->lost);
}

/* doc/causes.md is this page. */
static int causes_print(void)
{
	printf("# The causes that `warren why` knows\n\n"
	       "Made by `warren why --causes` from the records in `src/see/causes_*.c`, in the order in\n"
	       "which they are tried.  A cause is only named when the live system confirms it.\n");
	for (const struct cause *const *c = causes; *c; c++)
		printf("\n## %s\n\n%s.\n\n* Proof: %s\n* Repair: `%s`\n", (*c)->id, (*c)->title,
			(*c)->proof, (*c)->repair);
	return fflush(stdout) ? EXIT_USAGE : EXIT_DONE;
}

static int why_run(const struct command *c, int argc, char **argv)
{
	struct why why = {0};
	struct question q = {0};
	struct verdict v;
	struct error e = {0};
	int at = options_parse(c, &why, argc, argv), err, status;

	if (at < 0)
		return options_exit(at);
	if (why.causes)
		return causes_print();
	if (at == argc) {
		fprintf(stderr,
			"warren why: whom to ask is missing: expected DST, an address or a name\n");
		return EXIT_USAGE;
	}
	if (!proto_parse(why.proto, &q.proto) || !engine_parse(why.engine, &q.engine))
		return EXIT_USAGE;
	q.destination = argv[at];
	q.from = why.from;
	q.device = why.device;
	q.source = why.source;
	q.port = (uint16_t)why.port;
	q.size = (int32_t)why.size;
	q.df = why.df;
	q.timeout = why.timeout;
	err = holder_enter_if_needed(HOLDER_JOIN, &e);
	if (!err)
		err = why_ask(&q, &v, &e);
	if (err) {
		fprintf(stderr, "warren why: %s\n", e.text[0] ? e.text : strerror(-err));
		return EXIT_USAGE;
	}
	if (why.json) {
		json_t *json = verdict_json(&q, &v);

		json_dumpf(json, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(json);
	} else {
		text_print(&v);
	}
	status = v.delivered ? EXIT_DONE : EXIT_FAILED;
	verdict_done(&v);
	return fflush(stdout) ? EXIT_USAGE : status;
}

const struct command cmd_why = {
	.name = "why",
	.takes = "DST | --causes",
	.summary = "send one probe, follow it, say where it ended, why, and how to fix it",
	.about = "Exit status: 0 the round trip was made, 1 it was not (the verdict says why),\n"
		 "2 wrong usage, or it could not be asked.\n\n"
		 "  warren why --from site-a 192.168.3.1\n"
		 "  warren why --from A --proto tcp --port 80 10.0.0.2",
	.options = options,
	.min = 0,
	.max = 1,
	.run = why_run,
};
