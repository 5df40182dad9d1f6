#include "cmd/account.h"

#include <stdio.h>
#include <string.h>

/* The picture and the words that the file opens with. */
void account_begin(const struct plan *p, const char *file)
{
	char line[256];
	FILE *f = fopen(file, "re");

	while (f && fgets(line, sizeof(line), f) && line[0] == '#')
		fputs(line, stdout);
	if (f)
		fclose(f);
}

static void say_step(size_t number, const struct step *s)
{
	printf("#  %2zu. %s%s%s: %s %s%s%s\n", number, s->node, s->device[0] ? ":" : "", s->device,
		s->event, s->packet, s->note[0] ? " - " : "", s->note);
}

static void say_sights(
	const struct plan *p, const struct plan_check *c, const struct check_result *r)
{
	for (size_t i = 0; i < c->sight_count; i++) {
		const struct plan_sight *s = &c->sights[i];
		const struct sighting *g = &r->sightings[i];

		printf("#   On %s:%s, %s%s%s: %u seen.\n", p->nodes[s->node].name, s->device,
			s->filter ? "\"" : "every packet", s->filter ? s->filter : "",
			s->filter ? "\"" : "", g->count);
		for (uint32_t j = 0; j < g->count && j < SIGHTING_KEPT; j++)
			printf("#     %s\n", g->packets[j]);
	}
}

void account_print(const struct plan *p, const struct plan_check *c, const char *name,
	const struct check_result *r)
{
	printf("#\n# %s\n", name);
	for (size_t i = 0; i < r->verdict.step_count; i++)
		say_step(i + 1, &r->verdict.steps[i]);
	if (r->has_verdict)
		printf("#   %s\n", r->verdict.why);
	if (r->output && r->output[0])
		printf("#   %s\n", r->output);
	say_sights(p, c, r);
}
