#include "see/map_path.h"

#include <stdio.h>
#include <string.h>

static int room_named(const struct map *m, const char *node)
{
	for (size_t i = 0; i < m->room_count; i++)
		if (!strcmp(m->t->netns[m->rooms[i].netns].node.name, node))
			return (int)i;
	return TOPOLOGY_NONE;
}

static int row_named(const struct map *m, int room, const char *device)
{
	if (room < 0 || !device[0])
		return TOPOLOGY_NONE;
	for (size_t i = 0; i < m->rooms[room].row_count; i++) {
		size_t row = m->rooms[room].first_row + i;

		if (!strcmp(m->t->devices[m->rows[row].device].name, device))
			return (int)row;
	}
	return TOPOLOGY_NONE;
}

void map_path(struct map *m, const struct question *q, const struct verdict *v)
{
	const char *from = q->from ? q->from : "here";

	for (size_t i = 0; i < v->step_count; i++) {
		int room = room_named(m, v->steps[i].node);
		int row = row_named(m, room, v->steps[i].device);

		if (row >= 0)
			m->rows[row].mark = MARK_PASSED;
	}
	/* A wire that was passed at both ends was passed; one that did not pass it on was not. */
	for (size_t i = 0; i < m->wire_count; i++)
		m->wires[i].on_path = m->rows[m->wires[i].a].mark && m->rows[m->wires[i].b].mark;
	if (!v->delivered) {
		int room = room_named(m, v->node), row = row_named(m, room, v->device);

		if (row >= 0)
			m->rows[row].mark = MARK_ENDED;
		else if (room >= 0)
			m->rooms[room].mark = MARK_ENDED;
	}
	if (v->delivered && v->rtt >= 0)
		snprintf(m->caption, sizeof(m->caption),
			"%s from %s: delivered and answered in %.3f ms", q->destination, from,
			(double)v->rtt / 1e6);
	else
		snprintf(m->caption, sizeof(m->caption), "%.120s from %.120s: %s%s%s: %s",
			q->destination, from, v->delivered ? "delivered" : "failed",
			v->cause ? ", " : "", v->cause ? v->cause : "", v->why);
}
