#include "see/map_shelves.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "see/map_order.h"

enum { GAP = 3 }; /* between two that stand beside each other */

static void *copy(const void *from, size_t count, size_t size)
{
	void *to = calloc(count + 1, size);

	if (to && count)
		memcpy(to, from, count * size);
	return to;
}

int map_part(struct map *part, const struct map *m, int component)
{
	size_t first = 0, end, base, rows = 0;

	while (first < m->room_count && m->rooms[first].component != component)
		first++;
	for (end = first; end < m->room_count && m->rooms[end].component == component; end++)
		rows += m->rooms[end].row_count;
	base = first < m->room_count ? m->rooms[first].first_row : 0;
	*part = (struct map){
		.t = m->t,
		.rooms = copy(m->rooms + first, end - first, sizeof(*m->rooms)),
		.room_count = end - first,
		.rows = copy(m->rows + base, rows, sizeof(*m->rows)),
		.row_count = rows,
		.wires = calloc(m->wire_count + 1, sizeof(*m->wires)),
	};
	if (!part->rooms || !part->rows || !part->wires) {
		map_part_free(part);
		return -ENOMEM;
	}
	for (size_t i = 0; i < rows; i++) {
		part->rows[i].room -= (int)first;
		part->rows[i].parent -= part->rows[i].parent < 0 ? 0 : (int)base;
	}
	for (size_t i = 0; i < part->room_count; i++) {
		part->rooms[i].first_row -= base;
		part->rooms[i].hub -= (int)first;
	}
	for (size_t i = 0; i < m->wire_count; i++) {
		struct map_wire w = m->wires[i];

		if (m->rooms[map_wire_room(m, &w, false)].component != component)
			continue;
		for (size_t k = 0; k < part->room_count; k++)
			if (m->rooms[first + k].leaf && m->rooms[first + k].hub_wire == (int)i)
				part->rooms[k].hub_wire = (int)part->wire_count;
		w.a -= (int)base;
		w.b -= (int)base;
		part->wires[part->wire_count++] = w;
	}
	return 0;
}

void map_part_free(struct map *part)
{
	free(part->rooms);
	free(part->rows);
	free(part->wires);
	*part = (struct map){0};
}

size_t shelves_pack(const struct canvas *sizes, size_t count, int width, int *x, int *y)
{
	int right = 0, top = 0, height = 0;
	size_t beside = 0;

	for (size_t i = 0; i < count; i++) {
		if (right && right + sizes[i].width > width) {
			top += height + 1;
			right = height = 0;
		}
		beside += right > 0;
		x[i] = right;
		y[i] = top;
		right += sizes[i].width + GAP;
		if (sizes[i].height > height)
			height = sizes[i].height;
	}
	return beside;
}
