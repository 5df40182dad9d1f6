/* The result of a check as an object: what `warren test --json` prints, one a line. */
#include "cmd/check.h"

#include <jansson.h>

static json_t *sights(
	const struct check_result *r, const struct plan *p, const struct plan_check *c)
{
	json_t *list = json_array();

	for (size_t i = 0; r->sightings && i < c->sight_count; i++) {
		const struct plan_sight *s = &c->sights[i];
		json_t *o = json_pack("{s:s, s:s, s:s*, s:I, s:I}", "node", p->nodes[s->node].name,
			"device", s->device, "filter", s->filter, "count",
			(json_int_t)r->sightings[i].count, "least", (json_int_t)s->least);

		if (s->most != UINT32_MAX)
			json_object_set_new(o, "most", json_integer(s->most));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *check_json(const struct check_result *r, const struct plan *p, const struct plan_check *c,
	const char *name)
{
	json_t *troubles = json_array(), *o;

	for (size_t i = 0; i < r->trouble_count; i++)
		json_array_append_new(troubles, json_string(r->troubles[i]));
	o = json_pack("{s:s, s:b, s:{s:s, s:i, s:i}, s:o, s:o}", "name", name, "passed", r->passed,
		"place", "file", p->file, "line", (int)c->at.line, "column", (int)c->at.column,
		"trouble", troubles, "seen", sights(r, p, c));
	if (!o)
		return NULL;
	if (r->has_verdict)
		json_object_set_new(o, "verdict", verdict_json(&r->question, &r->verdict));
	if (c->kind == CHECK_RUN) {
		json_object_set_new(o, "status", json_integer(r->status));
		json_object_set_new(o, "output", json_string(r->output ? r->output : ""));
	}
	return o;
}
