#include "see/map_json.h"

#include <stdlib.h>

#include "see/topology_json.h"

static json_t *end_json(const struct map *m, int row)
{
	const struct device *d = &m->t->devices[m->rows[row].device];

	return json_pack("{s:s, s:s}", "node", device_netns(m->t, d)->node.name, "device", d->name);
}

static json_t *wire_json(const struct map *m, const struct map_wire *w)
{
	static const char *const kinds[] = {
		[WIRE_CABLE] = "cable",
		[WIRE_LOWER] = "lower",
		[WIRE_TUNNEL] = "tunnel",
	};
	static const char *const states[] = {
		[MAP_FINE] = "up",
		[MAP_WEAK] = "weak",
		[MAP_BROKEN] = "down",
	};
	json_t *o = json_pack("{s:s, s:s, s:[o, o]}", "kind", kinds[w->kind], "state",
		states[w->health], "ends", end_json(m, w->a), end_json(m, w->b));

	if (w->on_path)
		json_object_set_new(o, "on_path", json_true());
	return o;
}

json_t *map_json(const struct map *m)
{
	bool *shown = calloc(m->t->netns_count + 1, sizeof(*shown));
	json_t *top, *links = json_array();

	if (!shown)
		return NULL;
	for (size_t i = 0; i < m->room_count; i++)
		shown[m->rooms[i].netns] = true;
	for (size_t i = 0; i < m->empty_count; i++)
		shown[m->empty[i]] = true;
	for (size_t i = 0; i < m->wire_count; i++)
		json_array_append_new(links, wire_json(m, &m->wires[i]));
	top = topology_json(m->t, shown, TOPOLOGY_NONE);
	json_object_set_new(top, "links", links);
	free(shown);
	return top;
}
