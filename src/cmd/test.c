/* warren test: bring a network up, try what its file says of it, take it down */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/account.h"
#include "cmd/check.h"
#include "cmd/commands.h"
#include "cmd/network_words.h"
#include "net/holder.h"
#include "net/network.h"

struct test {
	bool verbose, keep, json;
	const char *file;
	struct plan plan;
	bool was_up; /* before us: then it stays up */
	size_t failed;
};

/* Everything that can be wrong in the file is said before anything is changed. */
static int prove(const struct test *t, struct error *e)
{
	for (size_t i = 0; i < t->plan.check_count; i++) {
		int err = check_prove(&t->plan, &t->plan.checks[i], e);

		if (err)
			return err;
	}
	return 0;
}

static bool is_up(const char *name)
{
	struct network_summary *list = NULL;
	ssize_t n = network_list(&list, NULL);
	bool found = false;

	for (ssize_t i = 0; i < n; i++)
		found |= !strcmp(list[i].name, name) && !list[i].partial;
	if (n >= 0)
		network_list_free(list, (size_t)n);
	return found;
}

/* A text as YAML takes it whatever is in it. */
static void print_quoted(const char *before, const char *text)
{
	printf("%s\"", before);
	for (const char *at = text; *at; at++) {
		if (*at == '"' || *at == '\\')
			printf("\\%c", *at);
		else if (*at == '\n')
			printf("\\n");
		else if ((unsigned char)*at < ' ' || *at == 0x7f)
			printf("\\x%02x", (unsigned char)*at);
		else
			putchar(*at);
	}
	printf("\"\n");
}

/* "ok 1 - NAME"; a '#' would begin a directive. */
static void print_result(bool passed, size_t number, const char *name)
{
	printf("%sok %zu - ", passed ? "" : "not ", number);
	for (const char *at = name; *at; at++)
		printf(*at == '#' || *at == '\\' ? "\\%c" : "%c", *at);
	putchar('\n');
}

/* What TAP has behind a failed test: a YAML block. */
static void print_why(
	const struct test *t, const struct plan_check *c, const struct check_result *r)
{
	char place[512];

	snprintf(place, sizeof(place), "%s:%u:%u", t->plan.file, c->at.line, c->at.column);
	printf("  ---\n");
	print_quoted("  at: ", place);
	printf("  trouble:\n");
	for (size_t i = 0; i < r->trouble_count; i++)
		print_quoted("    - ", r->troubles[i]);
	if (r->has_verdict && r->verdict.fix_count) {
		printf("  fix:\n");
		for (size_t i = 0; i < r->verdict.fix_count; i++)
			print_quoted("    - ", r->verdict.fixes[i]);
	}
	if (r->output && r->output[0])
		print_quoted("  output: ", r->output);
	printf("  ...\n");
}

static void report(struct test *t, size_t index, const struct check_result *r, const char *name)
{
	const struct plan_check *c = &t->plan.checks[index];

	if (t->json) {
		json_t *o = check_json(r, &t->plan, c, name);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
		return;
	}
	print_result(r->passed, index + 1, name);
	if (!r->passed)
		print_why(t, c, r);
}

static int try_one(struct test *t, size_t index)
{
	const struct plan_check *c = &t->plan.checks[index];
	struct account_mark mark = {0};
	struct check_result r;
	char name[256];

	check_name(name, &t->plan, c);
	if (t->verbose)
		account_mark(&mark, &t->plan);
	check_run(&r, &t->plan, c, network_words.stop);
	if (!*network_words.stop) {
		if (t->verbose && !t->json)
			account_print(&t->plan, c, name, &r, &mark);
		report(t, index, &r, name);
		fflush(stdout);
		t->failed += !r.passed;
	}
	account_unmark(&mark);
	check_done(&r);
	return *network_words.stop ? -EINTR : 0;
}

static int try_all(struct test *t)
{
	int err = 0;

	if (!t->json)
		printf("TAP version 13\n1..%zu%s\n", t->plan.check_count,
			t->plan.check_count ? "" : " # SKIP the file has no checks");
	if (t->verbose && !t->json)
		account_begin(t->file);
	fflush(stdout);
	for (size_t i = 0; !err && i < t->plan.check_count; i++)
		err = try_one(t, i);
	return err;
}

/* Also after a signal: what we have brought up goes down, and nothing stops that. */
static int take_down(const struct test *t, struct error *e)
{
	struct network_how how = network_words;

	how.stop = NULL;
	if (t->was_up || t->keep) {
		fprintf(stderr, "warren test: network '%s' %sstays up\n", t->plan.name,
			t->was_up ? "was up before and " : "");
		return 0;
	}
	return network_down(t->plan.name, &how, e);
}

static int test_file(struct test *t, struct error *e)
{
	size_t changes;
	int err = holder_enter_if_needed(HOLDER_MAKE, e), down;

	if (err)
		return err;
	t->was_up = is_up(t->plan.name);
	err = network_up(t->file, &network_words, &changes, e);
	if (err)
		return err;
	network_words_end();
	err = try_all(t);
	if (err)
		error_set(e, -err, "stopped");
	down = take_down(t, err ? NULL : e);
	return err ? err : down;
}

static int test_run(const struct command *c, int argc, char **argv)
{
	struct test t = {0};
	int at = options_parse(c, &t, argc, argv);
	struct error e = {0};
	int err;

	if (at < 0)
		return options_exit(at);
	t.file = argv[at];
	if (!strcmp(t.file, "-")) {
		fprintf(stderr,
			"warren test: expected a file; standard input can be read only once\n");
		return EXIT_USAGE;
	}
	network_words_begin("test");
	err = plan_load(&t.plan, t.file, &e);
	if (!err)
		err = prove(&t, &e);
	if (!err)
		err = test_file(&t, &e);
	plan_free(&t.plan);
	holder_leave();
	if (err)
		return network_words_fail("test", &e);
	return t.failed ? EXIT_FAILED : EXIT_DONE;
}

static const struct option_row options[] = {
	{"verbose", 'v', NULL, "tell what happened to each packet, step by step", OPTION_FLAG,
		offsetof(struct test, verbose), 0, 0},
	{"keep", 'k', NULL, "leave the network up", OPTION_FLAG, offsetof(struct test, keep), 0, 0},
	{"json", 0, NULL, "print JSON, one object a check", OPTION_FLAG,
		offsetof(struct test, json), 0, 0},
	{0},
};

const struct command cmd_test = {
	.name = "test",
	.takes = "[-v] [-k] [--json] FILE",
	.summary = "bring a network up, run its file's checks, take it down",
	.about =
		"Prints TAP: a line for each check, and for one that fails where the packet ended, why,\n"
		"and how to repair it.  Exit status: 0 all passed, 1 not.\n\n"
		"The network is taken down also when a check fails and on Ctrl-C; one that was up\n"
		"before is brought in line with the file and stays up.\n\n"
		"Checks stand under `checks:` in the file:\n\n"
		"  - {from: a, ping: 10.0.0.2}\n"
		"  - {from: a, tcp: 10.0.0.2, port: 80, expect: fail, cause: no-listener, at: b}\n"
		"  - {from: a, run: 'ip route', output: '^default'}\n"
		"  - {from: a, ping: 10.0.0.3, expect: fail,\n"
		"     seen: {device: a0, filter: arp, count: '>=1'}, unseen: {device: a0, filter: icmp}}",
	.options = options,
	.min = 1,
	.max = 1,
	.run = test_run,
};
