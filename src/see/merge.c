#include "see/merge.h"

#include <stdlib.h>

static bool before(const struct merge_item *a, const struct merge_item *b)
{
	return a->time < b->time || (a->time == b->time && a->order < b->order);
}

bool merge_add(struct merge *m, struct merge_item item)
{
	size_t at = m->count;

	if (m->count == m->room) {
		size_t room = m->room ? 2 * m->room : 1024;
		struct merge_item *items = realloc(m->items, room * sizeof(*items));

		if (!items)
			return false;
		m->items = items;
		m->room = room;
	}
	item.order = m->added++;
	m->count++;
	while (at && before(&item, &m->items[(at - 1) / 2])) {
		m->items[at] = m->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	m->items[at] = item;
	return true;
}

bool merge_take(struct merge *m, int64_t limit, struct merge_item *item)
{
	struct merge_item last;
	size_t at = 0;

	if (!m->count || m->items[0].time > limit)
		return false;
	*item = m->items[0];
	last = m->items[--m->count];
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= m->count)
			break;
		if (child + 1 < m->count && before(&m->items[child + 1], &m->items[child]))
			child++;
		if (!before(&m->items[child], &last))
			break;
		m->items[at] = m->items[child];
		at = child;
	}
	m->items[at] = last;
	return true;
}

void merge_done(struct merge *m)
{
	free(m->items);
	*m = (struct merge){0};
}
