#include "cmd/account.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scoped.h"
#include "cmd/account_step.h"

enum { WIDTH = 92, SENTENCE = 1024, SAID = 4096 };

void account_begin(const char *file)
{
	char line[256];
	FILE *f = fopen(file, "re");

	while (f && fgets(line, sizeof(line), f) && line[0] == '#')
		fputs(line, stdout);
	if (f)
		fclose(f);
}

/* Words, wrapped; the lines after the first are indented as far as `first` is long. */
static void print_wrapped(const char *first, const char *text)
{
	size_t indent = strlen(first), column = indent;

	printf("#%s", first);
	while (*text) {
		size_t space = strspn(text, " \n"), word;

		text += space;
		word = strcspn(text, " \n");
		if (!word)
			break;
		if (column > indent && column + 1 + word > WIDTH) {
			printf("\n#%*s", (int)indent, "");
			column = indent;
		}
		printf("%s%.*s", column > indent ? " " : "", (int)word, text);
		column += word + (column > indent);
		text += word;
	}
	putchar('\n');
}

static void say(const char *first, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const char *first, const char *format, ...)
{
	char text[SENTENCE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_wrapped(first, text);
}

static void say_story(const struct plan *p, const struct plan_check *c, const struct verdict *v)
{
	struct account_teller t = {.plan = p, .check = c};
	char number[32], text[SENTENCE];

	for (size_t i = 0; i < v->step_count; i++) {
		account_step(&t, text, sizeof(text), &v->steps[i]);
		snprintf(number, sizeof(number), " %3zu. ", i + 1);
		print_wrapped(number, text);
	}
	if (v->lost)
		say("   ", "(%llu events of the kernel were lost, so a step may be missing.)",
			(unsigned long long)v->lost);
}

static void say_verdict(const struct plan *p, const struct verdict *v)
{
	char why[sizeof(v->why)], node[NODE_NAME];

	account_shorten(p, why, sizeof(why), v->why);
	account_shorten(p, node, sizeof(node), v->node);
	if (v->delivered)
		say("   ", "So it arrived, and the answer, too: %s.", why);
	else if (v->cause)
		say("   ", "So it ended at %s%s%s, and the cause is `%s`: %s.", node,
			v->device[0] ? ":" : "", v->device, v->cause, why);
	else
		say("   ", "So it ended%s%s%s%s: %s.", node[0] ? " at " : "", node,
			v->device[0] ? ":" : "", v->device, why);
	for (size_t i = 0; !v->delivered && i < v->evidence_count; i++)
		say(i ? "                        " : "   How that is known:   ", "%s (%s)",
			v->evidence[i].fact, v->evidence[i].source);
	for (size_t i = 0; i < v->fix_count; i++)
		say(i ? "                        " : "   What would repair it: ", "%s",
			v->fixes[i]);
}

static void say_sights(
	const struct plan *p, const struct plan_check *c, const struct check_result *r)
{
	for (size_t i = 0; r->sightings && i < c->sight_count; i++) {
		const struct plan_sight *s = &c->sights[i];
		char wanted[64], place[128];

		check_interval(wanted, s->least, s->most);
		snprintf(place, sizeof(place), "%s:%s", p->nodes[s->node].name, s->device);
		say(i ? "                       " : "   Counted meanwhile:  ",
			"%-16s %u (expected: %s) of %s", place, r->sightings[i].count, wanted,
			s->filter ? s->filter : "all packets");
	}
}

/* The log of the process that is number `index` in its node. */
static int log_open(const struct plan *p, size_t node, size_t index)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s/log/.run-%zu", node_state_directory(), p->name,
		p->nodes[node].name, index);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void account_mark(struct account_mark *m, const struct plan *p)
{
	size_t count = 0, at = 0;

	account_unmark(m);
	for (size_t i = 0; i < p->node_count; i++)
		count += p->nodes[i].process_count;
	m->sizes = count ? calloc(count, sizeof(*m->sizes)) : NULL;
	for (size_t i = 0; m->sizes && i < p->node_count; i++)
		for (size_t j = 0; j < p->nodes[i].process_count; j++, at++) {
			SCOPED_FD int fd = log_open(p, i, j);
			struct stat st;

			if (fd >= 0 && !fstat(fd, &st))
				m->sizes[at] = st.st_size;
		}
}

void account_unmark(struct account_mark *m)
{
	free(m->sizes);
	m->sizes = NULL;
}

static void print_lines(const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, "\n");

		printf("#       %.*s\n", n, text);
		text += n + (text[n] == '\n');
	}
}

static void say_processes(const struct plan *p, const struct account_mark *m)
{
	size_t at = 0;

	for (size_t i = 0; m->sizes && i < p->node_count; i++)
		for (size_t j = 0; j < p->nodes[i].process_count; j++, at++) {
			SCOPED_FD int fd = log_open(p, i, j);
			char text[SAID + 1];
			ssize_t n = fd < 0 ? -1 : pread(fd, text, SAID, m->sizes[at]);

			if (n <= 0)
				continue;
			text[n] = '\0';
			say("   ", "Meanwhile `%s` in %s has said:", p->nodes[i].processes[j].run,
				p->nodes[i].name);
			print_lines(text);
		}
}

void account_print(const struct plan *p, const struct plan_check *c, const char *name,
	const struct check_result *r, const struct account_mark *m)
{
	printf("#\n# %s\n", name);
	say_story(p, c, &r->verdict);
	if (r->has_verdict)
		say_verdict(p, &r->verdict);
	if (c->kind == CHECK_RUN) {
		say("   ", "`%s` in %s ended with status %d%s", c->run, p->nodes[c->from].name,
			r->status, r->output && r->output[0] ? " and said:" : ".");
		print_lines(r->output ? r->output : "");
	}
	say_sights(p, c, r);
	say_processes(p, m);
}
