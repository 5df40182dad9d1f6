#include "see/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step *verdict_step(struct verdict *v)
{
	struct step *grown = reallocarray(v->steps, v->step_count + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	v->steps = grown;
	grown[v->step_count] = (struct step){0};
	return &grown[v->step_count++];
}

void verdict_fact(struct verdict *v, const char *source, const char *format, ...)
{
	struct evidence *grown, *fact;
	va_list args;

	grown = reallocarray(v->evidence, v->evidence_count + 1, sizeof(*grown));
	if (!grown)
		return;
	v->evidence = grown;
	fact = &grown[v->evidence_count];
	*fact = (struct evidence){0};
	snprintf(fact->source, sizeof(fact->source), "%s", source);
	va_start(args, format);
	vsnprintf(fact->fact, sizeof(fact->fact), format, args);
	va_end(args);
	for (size_t i = 0; i < v->evidence_count; i++)
		if (!strcmp(grown[i].fact, fact->fact))
			return; /* said already */
	v->evidence_count++;
}

void verdict_fix(struct verdict *v, const char *format, ...)
{
	char **grown = reallocarray(v->fixes, v->fix_count + 1, sizeof(*grown));
	va_list args;
	int length;

	if (!grown)
		return;
	v->fixes = grown;
	va_start(args, format);
	length = vasprintf(&grown[v->fix_count], format, args);
	va_end(args);
	if (length >= 0)
		v->fix_count++;
}

void verdict_done(struct verdict *v)
{
	for (size_t i = 0; i < v->fix_count; i++)
		free(v->fixes[i]);
	free(v->fixes);
	free(v->steps);
	free(v->evidence);
	*v = (struct verdict){0};
}

static const char *const protos[] = {"icmp", "udp", "tcp"};

static json_t *question_json(const struct question *q)
{
	json_t *o =
		json_pack("{s:s, s:s}", "destination", q->destination, "proto", protos[q->proto]);

	if (q->from)
		json_object_set_new(o, "from", json_string(q->from));
	if (q->device)
		json_object_set_new(o, "device", json_string(q->device));
	if (q->source)
		json_object_set_new(o, "source", json_string(q->source));
	if (q->proto != PROBE_ICMP)
		json_object_set_new(o, "port", json_integer(q->port ? q->port : WHY_PORT_DEFAULT));
	if (q->proto != PROBE_TCP)
		json_object_set_new(o, "size", json_integer(q->size ? q->size : WHY_SIZE_DEFAULT));
	json_object_set_new(o, "df", json_boolean(q->df));
	json_object_set_new(o, "timeout",
		json_real((double)(q->timeout ? q->timeout : WHY_TIMEOUT_DEFAULT) / 1e9));
	return o;
}

static json_t *steps_json(const struct verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->step_count; i++) {
		const struct step *s = &v->steps[i];
		json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "node", s->node, "device", s->device,
			"event", s->event, "packet", s->packet);

		if (s->note[0])
			json_object_set_new(o, "note", json_string(s->note));
		json_object_set_new(o, "time", json_real((double)s->time / 1e9));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *verdict_json(const struct question *q, const struct verdict *v)
{
	json_t *o = json_object(), *fixes = json_array(), *evidence = json_array();

	json_object_set_new(o, "question", question_json(q));
	json_object_set_new(o, "verdict", json_string(v->delivered ? "delivered" : "failed"));
	json_object_set_new(o, "cause", v->cause ? json_string(v->cause) : json_null());
	if (v->node[0])
		json_object_set_new(
			o, "at", json_pack("{s:s, s:s}", "node", v->node, "device", v->device));
	else
		json_object_set_new(o, "at", json_null());
	json_object_set_new(o, "why", json_string(v->why));
	for (size_t i = 0; i < v->fix_count; i++)
		json_array_append_new(fixes, json_string(v->fixes[i]));
	json_object_set_new(o, "fix", fixes);
	json_object_set_new(o, "steps", steps_json(v));
	for (size_t i = 0; i < v->evidence_count; i++)
		json_array_append_new(
			evidence, json_pack("{s:s, s:s}", "source", v->evidence[i].source, "fact",
					  v->evidence[i].fact));
	json_object_set_new(o, "evidence", evidence);
	if (v->rtt >= 0 && v->delivered)
		json_object_set_new(o, "rtt", json_real((double)v->rtt / 1e9));
	if (v->lost)
		json_object_set_new(o, "lost_events", json_integer((json_int_t)v->lost));
	json_object_set_new(o, "engine", json_string(v->engine ? v->engine : "sockets"));
	return o;
}
