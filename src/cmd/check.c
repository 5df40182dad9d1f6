#include "cmd/check.h"

#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/command_output.h"

enum { SETTLE = 100, PATIENCE = 1500, RUN_TIMEOUT = 30000 }; /* milliseconds */

static void trouble(struct check_result *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void trouble(struct check_result *r, const char *format, ...)
{
	char **list = realloc(r->troubles, (r->trouble_count + 1) * sizeof(*list));
	va_list args;

	r->passed = false;
	if (!list)
		return;
	r->troubles = list;
	va_start(args, format);
	if (vasprintf(&list[r->trouble_count], format, args) >= 0)
		r->trouble_count++;
	va_end(args);
}

void check_interval(char out[64], uint32_t least, uint32_t most)
{
	if (!most)
		snprintf(out, 64, "none");
	else if (most == UINT32_MAX)
		snprintf(out, 64, "at least %u", least);
	else if (least == most)
		snprintf(out, 64, "%u", least);
	else
		snprintf(out, 64, "%u to %u", least, most);
}

static const char *node_name(const struct plan *p, int node)
{
	return p->nodes[node].name;
}

/* NETWORK/NODE: right also where another network has a node of that name. */
static void node_spec(char out[NODE_NAME], const struct plan *p, int node)
{
	snprintf(out, NODE_NAME, "%s/%s", p->name, node_name(p, node));
}

void check_name(char out[256], const struct plan *p, const struct plan_check *c)
{
	static const char *const verbs[] = {[CHECK_PING] = "ping",
		[CHECK_TCP] = "tcp",
		[CHECK_UDP] = "udp",
		[CHECK_RUN] = "run"};
	size_t used = (size_t)snprintf(out, 256, "%s: %s ", node_name(p, c->from), verbs[c->kind]);
	char to[ADDRESS_TEXT];

	if (c->name) {
		snprintf(out, 256, "%s", c->name);
		return;
	}
	if (c->kind == CHECK_RUN) {
		snprintf(out + used, 256 - used, "%s", c->run);
		out[used + strcspn(out + used, "\n")] = '\0';
		return;
	}
	ip_format(to, &c->to);
	used += (size_t)snprintf(out + used, 256 - used, "%s", to);
	if (c->port)
		used += (size_t)snprintf(out + used, 256 - used, " port %u", c->port);
	if (c->device[0])
		used += (size_t)snprintf(out + used, 256 - used, " from %s", c->device);
	if (!c->expect)
		snprintf(out + used, 256 - used, " fails%s%s", c->cause ? ": " : "",
			c->cause ? c->cause : "");
}

int check_prove(const struct plan *p, const struct plan_check *c, struct error *e)
{
	struct error why = {0};
	regex_t regex;
	char text[128];
	int status;

	for (size_t i = 0; i < c->sight_count; i++)
		if (c->sights[i].filter && sighting_check(c->sights[i].filter, &why))
			return plan_error(e, p, c->sights[i].at, EINVAL, "%s", why.text);
	if (!c->output)
		return 0;
	status = regcomp(&regex, c->output, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
	if (status) {
		regerror(status, &regex, text, sizeof(text));
		return plan_error(e, p, c->at, EINVAL,
			"output: found '%.60s', expected a regular expression: %s", c->output,
			text);
	}
	regfree(&regex);
	return 0;
}

/* A verdict has a node by its shortest name: with the network in front where another one has it. */
static bool is_node(const struct plan *p, int node, const char *found)
{
	char spec[NODE_NAME];

	node_spec(spec, p, node);
	return !strcmp(found, node_name(p, node)) || !strcmp(found, spec);
}

static void judge_place(struct check_result *r, const struct plan *p, const struct plan_check *c)
{
	const struct verdict *v = &r->verdict;
	const char *device = c->at_device[0] ? c->at_device : v->device;

	if (c->at_node < 0 || (is_node(p, c->at_node, v->node) && !strcmp(v->device, device)))
		return;
	trouble(r, "expected that it ends at %s%s%s, found that it ends at %s%s%s",
		node_name(p, c->at_node), c->at_device[0] ? ":" : "", c->at_device,
		v->node[0] ? v->node : "no place that could be told", v->device[0] ? ":" : "",
		v->device);
}

static void judge_verdict(struct check_result *r, const struct plan *p, const struct plan_check *c)
{
	const struct verdict *v = &r->verdict;

	if (c->expect && !v->delivered)
		trouble(r, "expected an answer, found %s%s%s%s%s: %s", v->cause ? v->cause : "none",
			v->node[0] ? " at " : "", v->node, v->device[0] ? ":" : "", v->device,
			v->why);
	if (!c->expect && v->delivered)
		trouble(r, "expected no answer%s%s, found one", c->cause ? ": " : "",
			c->cause ? c->cause : "");
	if (c->expect || v->delivered)
		return;
	if (c->cause && (!v->cause || strcmp(v->cause, c->cause) != 0))
		trouble(r, "expected the cause %s, found %s: %s", c->cause,
			v->cause ? v->cause : "none", v->why);
	judge_place(r, p, c);
}

static int probe(
	struct check_result *r, const struct plan *p, const struct plan_check *c, struct error *e)
{
	static const enum probe_proto protos[] = {
		[CHECK_PING] = PROBE_ICMP, [CHECK_TCP] = PROBE_TCP, [CHECK_UDP] = PROBE_UDP};

	ip_format(r->to, &c->to);
	node_spec(r->asker, p, c->from);
	r->question = (struct question){
		.destination = r->to,
		.from = r->asker,
		.device = c->device[0] ? c->device : NULL,
		.proto = protos[c->kind],
		.port = c->port,
		.size = c->has_size ? (int32_t)c->size : 0,
		.df = c->df,
		.timeout = (int64_t)c->timeout,
	};
	for (uint32_t i = 0; i < (c->count ? c->count : 1) && r->passed; i++) {
		int err;

		verdict_done(&r->verdict);
		r->verdict = (struct verdict){0};
		err = why_ask(&r->question, &r->verdict, e);
		if (err)
			return err;
		r->has_verdict = true;
		judge_verdict(r, p, c);
	}
	return 0;
}

static void judge_output(struct check_result *r, const struct plan_check *c)
{
	regex_t regex;

	if (!c->output || regcomp(&regex, c->output, REG_EXTENDED | REG_NOSUB | REG_NEWLINE))
		return;
	if (regexec(&regex, r->output ? r->output : "", 0, NULL, 0))
		trouble(r, "expected output that matches '%s', found other", c->output);
	regfree(&regex);
}

static int run(struct check_result *r, const struct plan *p, const struct plan_check *c,
	const volatile sig_atomic_t *stop, struct error *e)
{
	int64_t timeout = c->timeout ? (int64_t)c->timeout : RUN_TIMEOUT * MILLISECOND;
	char spec[NODE_NAME];
	int err;

	node_spec(spec, p, c->from);
	err = command_output(&r->status, &r->output, spec, c->run, timeout, stop, e);
	if (err)
		return err;
	if (r->status < 0)
		trouble(r, "expected an end within %.3g s, found it still running",
			(double)timeout / 1e9);
	else if (c->exit >= 0 && r->status != c->exit)
		trouble(r, "expected exit status %d, found %d", c->exit, r->status);
	else if (c->exit < 0 && c->expect != !r->status)
		trouble(r, "expected %s, found exit status %d", c->expect ? "success" : "failure",
			r->status);
	judge_output(r, c);
	return 0;
}

static bool all_seen(struct check_result *r, const struct plan_check *c)
{
	bool all = true;

	for (size_t i = 0; i < c->sight_count; i++) {
		sighting_read(&r->sightings[i]);
		all &= r->sightings[i].count >= c->sights[i].least;
	}
	return all;
}

static void pause_for(int64_t nanoseconds)
{
	nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

/* What must be seen may come a moment after the verdict; what must not gets that moment, too. */
static void judge_sights(struct check_result *r, const struct plan *p, const struct plan_check *c)
{
	int64_t end = clock_now() + PATIENCE * MILLISECOND;

	if (!c->sight_count)
		return;
	while (!all_seen(r, c) && clock_now() < end)
		pause_for(5 * MILLISECOND);
	for (size_t i = 0; i < c->sight_count; i++)
		if (c->sights[i].most != UINT32_MAX) {
			pause_for(SETTLE * MILLISECOND);
			break;
		}
	all_seen(r, c);
	for (size_t i = 0; i < c->sight_count; i++) {
		const struct plan_sight *s = &c->sights[i];
		uint32_t found = r->sightings[i].count;
		char interval[64];

		check_interval(interval, s->least, s->most);
		if (found < s->least || found > s->most)
			trouble(r, "expected %s of \"%s\" on %s:%s, found %u", interval,
				s->filter ? s->filter : "every packet", node_name(p, s->node),
				s->device, found);
	}
}

static int open_sights(
	struct check_result *r, const struct plan *p, const struct plan_check *c, struct error *e)
{
	if (!c->sight_count)
		return 0;
	r->sightings = calloc(c->sight_count, sizeof(*r->sightings));
	if (!r->sightings)
		return error_errno(e, ENOMEM, "sightings");
	for (size_t i = 0; i < c->sight_count; i++) {
		char spec[NODE_NAME];
		struct error why = {0};
		int err;

		node_spec(spec, p, c->sights[i].node);
		err = sighting_open(
			&r->sightings[i], spec, c->sights[i].device, c->sights[i].filter, &why);
		if (err)
			return plan_error(e, p, c->sights[i].at, -err, "%s", why.text);
	}
	return 0;
}

void check_run(struct check_result *r, const struct plan *p, const struct plan_check *c,
	const volatile sig_atomic_t *stop)
{
	struct error e = {0};
	int err;

	*r = (struct check_result){.passed = true};
	err = open_sights(r, p, c, &e);
	if (!err)
		err = c->kind == CHECK_RUN ? run(r, p, c, stop, &e) : probe(r, p, c, &e);
	if (err)
		trouble(r, "%s", e.text);
	else
		judge_sights(r, p, c);
	for (size_t i = 0; r->sightings && i < c->sight_count; i++)
		sighting_close(&r->sightings[i]);
}

void check_done(struct check_result *r)
{
	verdict_done(&r->verdict);
	free(r->sightings);
	free(r->output);
	for (size_t i = 0; i < r->trouble_count; i++)
		free(r->troubles[i]);
	free(r->troubles);
	*r = (struct check_result){0};
}
