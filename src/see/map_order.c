#include "see/map_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int map_wire_room(const struct map *m, const struct map_wire *w, bool b)
{
	return m->rows[b ? w->b : w->a].room;
}

/* The room at the far side of a wire from `room`, or TOPOLOGY_NONE when it does not touch it. */
static int beyond(const struct map *m, const struct map_wire *w, int room)
{
	int a = map_wire_room(m, w, false), b = map_wire_room(m, w, true);

	if (w->kind == WIRE_TUNNEL || a == b)
		return TOPOLOGY_NONE;
	return a == room ? b : b == room ? a : TOPOLOGY_NONE;
}

int map_distances(const struct map *m, int from, int *distance)
{
	int far = from;
	bool grew = true;

	for (size_t i = 0; i < m->room_count; i++)
		distance[i] = -1;
	distance[from] = 0;
	for (int step = 0; grew; step++) {
		grew = false;
		for (size_t i = 0; i < m->wire_count; i++) {
			const struct map_wire *w = &m->wires[i];
			int a = map_wire_room(m, w, false), b = map_wire_room(m, w, true);

			if (w->kind == WIRE_TUNNEL)
				continue;
			if (distance[a] == step && distance[b] < 0)
				distance[b] = step + 1;
			else if (distance[b] == step && distance[a] < 0)
				distance[a] = step + 1;
			else
				continue;
			grew = true;
		}
	}
	for (size_t i = 0; i < m->room_count; i++)
		if (distance[i] > distance[far])
			far = (int)i;
	return far;
}

/* The wire of row `row` that leads to a room not yet placed. */
static int next_room(const struct map *m, int row, const int *place)
{
	int room = m->rows[row].room;

	for (size_t i = 0; i < m->wire_count; i++) {
		const struct map_wire *w = &m->wires[i];
		int other;

		if (w->a != row && w->b != row)
			continue;
		other = beyond(m, w, room);
		if (other >= 0 && place[other] < 0)
			return other;
	}
	return TOPOLOGY_NONE;
}

/* Walks on from `room`; *next is the place of the room after it. */
static void walk(const struct map *m, int room, int *place, int *next)
{
	place[room] = (*next)++;
	for (size_t i = 0; i < m->rooms[room].row_count; i++) {
		int row = (int)(m->rooms[room].first_row + i), other;

		while ((other = next_room(m, row, place)) >= 0)
			walk(m, other, place, next);
	}
}

/* Where to begin: an end of the longest way, by preference one where something goes on (a
 * gateway rather than the host behind it). */
static int edge_of(const struct map *m, int first, int *distance)
{
	int far = map_distances(m, first, distance);
	int other = map_distances(m, far, distance);
	size_t far_rows = m->rooms[far].row_count, other_rows = m->rooms[other].row_count;

	if (far_rows != other_rows)
		return far_rows > other_rows ? far : other;
	return far < other ? far : other;
}

static int rearrange(struct map *m, const int *place)
{
	struct map_room *rooms = calloc(m->room_count + 1, sizeof(*rooms));
	struct map_row *rows = calloc(m->row_count + 1, sizeof(*rows));
	int *moved = calloc(m->row_count + 1, sizeof(*moved));
	size_t used = 0;

	if (!rooms || !rows || !moved) {
		free(rooms);
		free(rows);
		free(moved);
		return -ENOMEM;
	}
	for (size_t i = 0; i < m->room_count; i++)
		rooms[place[i]] = m->rooms[i];
	for (size_t i = 0; i < m->room_count; i++) {
		size_t from = rooms[i].first_row;

		rooms[i].first_row = used;
		for (size_t k = 0; k < rooms[i].row_count; k++, used++) {
			rows[used] = m->rows[from + k];
			rows[used].room = (int)i;
			moved[from + k] = (int)used;
		}
	}
	for (size_t i = 0; i < m->row_count; i++)
		if (rows[i].parent >= 0)
			rows[i].parent = moved[rows[i].parent];
	for (size_t i = 0; i < m->wire_count; i++) {
		int a = moved[m->wires[i].a], b = moved[m->wires[i].b];

		m->wires[i].a = a < b ? a : b;
		m->wires[i].b = a < b ? b : a;
	}
	free(m->rooms);
	free(m->rows);
	free(moved);
	m->rooms = rooms;
	m->rows = rows;
	return 0;
}

int map_order(struct map *m)
{
	int *place = malloc((m->room_count + 1) * sizeof(*place));
	int *distance = malloc((m->room_count + 1) * sizeof(*distance));
	int next = 0, component = 0, err = -ENOMEM;

	if (place && distance) {
		memset(place, -1, (m->room_count + 1) * sizeof(*place));
		for (size_t i = 0; i < m->room_count; i++) {
			int before = next;

			if (place[i] >= 0)
				continue;
			walk(m, edge_of(m, (int)i, distance), place, &next);
			for (size_t k = 0; k < m->room_count; k++)
				if (place[k] >= before)
					m->rooms[k].component = component;
			component++;
		}
		err = rearrange(m, place);
	}
	free(place);
	free(distance);
	return err;
}
