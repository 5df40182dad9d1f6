#include "see/map_columns.h"

#include <errno.h>
#include <stdlib.h>

#include "see/map_order.h"

struct component {
	const struct map *m;
	int number, first, rooms, joins; /* joins: pairs of rooms with a wire between them */
	int *distance, *side, *size;
	int *column; /* out */
};

static bool joins(const struct map *m, const struct map_wire *w, int a, int b)
{
	int x = map_wire_room(m, w, false), y = map_wire_room(m, w, true);

	return w->kind != WIRE_TUNNEL && ((x == a && y == b) || (x == b && y == a));
}

/* Counts each pair of rooms once, however many wires join it. */
static int joins_count(const struct map *m, int component)
{
	int count = 0;

	for (size_t i = 0; i < m->wire_count; i++) {
		int a = map_wire_room(m, &m->wires[i], false);
		int b = map_wire_room(m, &m->wires[i], true);
		bool seen = m->wires[i].kind == WIRE_TUNNEL || a == b ||
			    m->rooms[a].component != component;

		for (size_t k = 0; k < i && !seen; k++)
			seen = joins(m, &m->wires[k], a, b);
		count += !seen;
	}
	return count;
}

static int degree(const struct map *m, int room)
{
	int n = 0;

	for (size_t i = 0; i < m->wire_count; i++)
		n += m->wires[i].kind != WIRE_TUNNEL &&
		     (map_wire_room(m, &m->wires[i], false) == room ||
			     map_wire_room(m, &m->wires[i], true) == room);
	return n;
}

/* The room from which the farthest is nearest; of several the one with most wires. */
static int centre_find(const struct component *c)
{
	int best = c->first, best_reach = -1, best_degree = 0;

	for (int i = c->first; i < (int)c->m->room_count; i++) {
		int far, reach, wires;

		if (c->m->rooms[i].component != c->number)
			continue;
		far = map_distances(c->m, i, c->distance);
		reach = c->distance[far];
		wires = degree(c->m, i);
		if (best_reach >= 0 &&
			(reach > best_reach || (reach == best_reach && wires <= best_degree)))
			continue;
		best = i;
		best_reach = reach;
		best_degree = wires;
	}
	return best;
}

/* How many rooms hang on `room`, itself included, seen from the root of a tree. */
static int subtree(const struct component *c, int room)
{
	int n = 1;

	for (size_t i = 0; i < c->m->wire_count; i++) {
		const struct map_wire *w = &c->m->wires[i];
		int a = map_wire_room(c->m, w, false), b = map_wire_room(c->m, w, true);
		int other = a == room ? b : b == room ? a : TOPOLOGY_NONE;
		bool seen = false;

		if (other < 0 || w->kind == WIRE_TUNNEL ||
			c->distance[other] != c->distance[room] + 1)
			continue;
		for (size_t k = 0; k < i && !seen; k++)
			seen = joins(c->m, &c->m->wires[k], room, other);
		n += seen ? 0 : subtree(c, other);
	}
	return n;
}

/* Gives the rooms beyond `room` its side. */
static void side_spread(const struct component *c, int room)
{
	for (size_t i = 0; i < c->m->wire_count; i++) {
		const struct map_wire *w = &c->m->wires[i];
		int a = map_wire_room(c->m, w, false), b = map_wire_room(c->m, w, true);
		int other = a == room ? b : b == room ? a : TOPOLOGY_NONE;

		if (other < 0 || w->kind == WIRE_TUNNEL || c->side[other] ||
			c->distance[other] != c->distance[room] + 1)
			continue;
		c->side[other] = c->side[room];
		side_spread(c, other);
	}
}

/* The branches of the root go left until half of the rooms are there, then right. */
static void tree_place(struct component *c)
{
	int root = centre_find(c), left = 0, half = (c->rooms - 1) / 2;

	map_distances(c->m, root, c->distance);
	for (int i = c->first; i < (int)c->m->room_count; i++) {
		if (c->m->rooms[i].component != c->number || c->distance[i] != 1)
			continue;
		c->size[i] = subtree(c, i);
		c->side[i] = left + c->size[i] <= half ? -1 : 1;
		left += c->side[i] < 0 ? c->size[i] : 0;
		side_spread(c, i);
	}
	for (int i = c->first; i < (int)c->m->room_count; i++)
		if (c->m->rooms[i].component == c->number)
			c->column[i] = c->side[i] * c->distance[i];
}

static void circle_place(struct component *c)
{
	int far = map_distances(c->m, c->first, c->distance);
	int other = map_distances(c->m, far, c->distance), root = far < other ? far : other;

	if (c->m->rooms[root].leaf) /* all the leaves of a hub stand beside it */
		root = c->m->rooms[root].hub;
	map_distances(c->m, root, c->distance);
	for (int i = c->first; i < (int)c->m->room_count; i++)
		if (c->m->rooms[i].component == c->number)
			c->column[i] = c->distance[i];
}

/* Columns from 0 on, and the first room in the left half: people read from there. */
static void columns_shift(struct component *c)
{
	int lowest = 0, highest = 0;

	for (int i = c->first; i < (int)c->m->room_count; i++) {
		if (c->m->rooms[i].component != c->number)
			continue;
		lowest = c->column[i] < lowest ? c->column[i] : lowest;
		highest = c->column[i] > highest ? c->column[i] : highest;
	}
	bool mirror = 2 * (c->column[c->first] - lowest) > highest - lowest;

	for (int i = c->first; i < (int)c->m->room_count; i++)
		if (c->m->rooms[i].component == c->number)
			c->column[i] = mirror ? highest - c->column[i] : c->column[i] - lowest;
}

static void component_place(struct component *c)
{
	for (int i = c->first; i < (int)c->m->room_count; i++)
		c->rooms += c->m->rooms[i].component == c->number;
	c->joins = joins_count(c->m, c->number);
	if (c->joins == c->rooms - 1)
		tree_place(c);
	else
		circle_place(c);
	columns_shift(c);
}

int columns_choose(const struct map *m, int *column)
{
	int *distance = calloc(m->room_count + 1, sizeof(int));
	int *side = calloc(m->room_count + 1, sizeof(int));
	int *size = calloc(m->room_count + 1, sizeof(int));
	int err = distance && side && size ? 0 : -ENOMEM;

	for (int i = 0; !err && i < (int)m->room_count; i++) {
		struct component c = {.m = m,
			.number = m->rooms[i].component,
			.first = i,
			.distance = distance,
			.side = side,
			.size = size,
			.column = column};

		if (i == 0 || m->rooms[i].component != m->rooms[i - 1].component)
			component_place(&c);
	}
	free(distance);
	free(side);
	free(size);
	return err;
}
