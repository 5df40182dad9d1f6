#include "see/map_layout.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "see/canvas.h"
#include "see/map_columns.h"
#include "see/map_order.h"

/* Pixels. */
enum {
	MARGIN = 24,
	CHANNEL = 96,  /* between columns */
	ROOM_GAP = 26, /* between rooms of a column */
	LEAF_GAP = 8,
	SHELF_GAP = 48, /* between components */
	SHELF_WIDTH = 1500,
	SWEEPS = 6,
	PILL_PAD = 24,
};

double layout_text(int columns)
{
	return columns * 7.23; /* DejaVu Sans Mono at 12 px */
}

struct plan {
	const struct map *m;
	struct layout *l;
	int *column;
	int columns;
	int *order;	/* rooms of the column being placed */
	double *wanted; /* by room */
};

static double row_text(const struct map *m, const struct map_row *row)
{
	int columns = text_columns(m->t->devices[row->device].name);

	if (row->addresses[0])
		columns += 2 + text_columns(row->addresses);
	if (row->note[0])
		columns += 2 + text_columns(row->note);
	return layout_text(columns) + LAYOUT_INDENT * row->depth;
}

static bool has_pill(const struct map_row *row)
{
	return row->stub == STUB_PROCESS || row->stub == STUB_NOBODY;
}

static bool has_stub(const struct map_row *row)
{
	return row->stub == STUB_WIRE || row->stub == STUB_ELSEWHERE ||
	       (row->stub == STUB_UNDERLAY && !row->wires);
}

/* Out through the wall that faces the other room; what leads nowhere goes out at the near edge. */
static void sides_choose(struct plan *p)
{
	const struct map *m = p->m;

	for (size_t i = 0; i < m->row_count; i++)
		p->l->rows[i].side = has_stub(&m->rows[i]) && p->column[m->rows[i].room]
					     ? SIDE_RIGHT
					     : SIDE_LEFT;
	for (int pass = 0; pass < 2; pass++) { /* a cable has the last word */
		for (size_t i = 0; i < m->wire_count; i++) {
			const struct map_wire *w = &m->wires[i];
			int a = p->column[m->rows[w->a].room], b = p->column[m->rows[w->b].room];

			if ((w->kind == WIRE_TUNNEL) != (pass == 0))
				continue;
			p->l->rows[w->a].side = a > b ? SIDE_LEFT : SIDE_RIGHT;
			p->l->rows[w->b].side = b > a ? SIDE_LEFT : SIDE_RIGHT;
		}
	}
}

/* Rows of one parent that have nothing below them: those to the left and those to the right
 * stand side by side.  Returns the row behind the run. */
static size_t run_end(const struct map *m, const struct map_room *room, size_t i)
{
	size_t end = room->first_row + room->row_count, k = i;

	while (k < end && m->rows[k].parent == m->rows[i].parent &&
		(k + 1 == end || m->rows[k + 1].depth <= m->rows[k].depth))
		k++;
	return k > i ? k : i + 1;
}

static double row_height(const struct map_row *row)
{
	return has_pill(row) ? 2 * LAYOUT_ROW : LAYOUT_ROW;
}

/* Rows and size of a room whose corner is at 0, 0. */
static void room_measure(struct plan *p, size_t index)
{
	const struct map *m = p->m;
	const struct map_room *room = &m->rooms[index];
	struct layout_room *r = &p->l->rooms[index];
	double y = LAYOUT_TITLE, width = layout_text(text_columns(room->title)) * 1.1;
	size_t end = room->first_row + room->row_count;

	for (size_t i = room->first_row, next; i < end; i = next) {
		double ys[2] = {y, y}, widths[2] = {0, 0};

		next = run_end(m, room, i);
		for (; i < next; i++) {
			const struct map_row *row = &m->rows[i];
			struct layout_row *at = &p->l->rows[i];

			at->y = ys[at->side] + LAYOUT_ROW / 2.0;
			ys[at->side] += row_height(row);
			widths[at->side] = fmax(widths[at->side], row_text(m, row));
			if (!has_pill(row))
				continue;
			at->pill_width = layout_text(text_columns(row->end)) + PILL_PAD;
			at->pill_y = at->y + LAYOUT_ROW;
			widths[at->side] =
				fmax(widths[at->side], at->pill_width + LAYOUT_INDENT * row->depth);
		}
		y = fmax(ys[0], ys[1]);
		width = fmax(
			width, widths[0] + widths[1] + (widths[0] > 0 && widths[1] > 0 ? 28 : 0));
	}
	r->width = ceil(width) + 2 * LAYOUT_PAD;
	r->height = y + LAYOUT_FOOT;
	for (size_t i = room->first_row; i < end; i++) {
		double stub =
			has_stub(&m->rows[i]) ? layout_text(text_columns(m->rows[i].end)) + 40 : 0;

		if (p->l->rows[i].side == SIDE_LEFT)
			r->stub_left = fmax(r->stub_left, stub);
		else
			r->stub_right = fmax(r->stub_right, stub);
	}
}

static void leaf_measure(struct plan *p, size_t index)
{
	const struct map *m = p->m;
	struct layout_room *r = &p->l->rooms[index];
	size_t row = m->rooms[index].first_row;

	r->compact = true;
	r->height = LAYOUT_LEAF;
	r->width = ceil(layout_text(text_columns(m->rooms[index].title) + 2) +
			   row_text(m, &m->rows[row])) +
		   2 * LAYOUT_PAD;
	p->l->rows[row].y = LAYOUT_LEAF / 2.0;
}

/* The middle of a room's wires to columns that are placed, as a top edge; NAN when it has none. */
static double wanted_top(const struct plan *p, int room, const bool *placed)
{
	double sum = 0;
	int n = 0;

	for (size_t i = 0; i < p->m->wire_count; i++) {
		const struct map_wire *w = &p->m->wires[i];
		int mine = p->m->rows[w->a].room == room ? w->a : w->b;
		int other = mine == w->a ? w->b : w->a;
		int there = p->m->rows[other].room;

		if (w->kind == WIRE_TUNNEL || p->m->rows[mine].room != room || there == room ||
			!placed[there] || p->column[there] == p->column[room])
			continue;
		sum += p->l->rooms[there].y + p->l->rows[other].y - p->l->rows[mine].y;
		n++;
	}
	return n ? sum / n : NAN;
}

static double gap_below(const struct plan *p, int room)
{
	return p->l->rooms[room].compact ? LEAF_GAP : ROOM_GAP;
}

/* A run of rooms that touch each other. */
struct block {
	double sum; /* of what its rooms want, as an offset of the whole */
	int n, first;
};

/* Pool adjacent violators: the positions nearest to what is wanted without overlap. */
static void push_apart(struct plan *p, int count)
{
	struct block *blocks = calloc((size_t)count + 1, sizeof(*blocks));
	double before = 0;
	int n = 0;

	if (!blocks)
		return; /* they overlap, then */
	for (int i = 0; i < count; i++) {
		int room = p->order[i];

		blocks[n++] = (struct block){p->wanted[room] - before, 1, i};
		before += p->l->rooms[room].height + gap_below(p, room);
		while (n > 1 &&
			blocks[n - 2].sum / blocks[n - 2].n > blocks[n - 1].sum / blocks[n - 1].n) {
			blocks[n - 2].sum += blocks[n - 1].sum;
			blocks[n - 2].n += blocks[n - 1].n;
			n--;
		}
	}
	before = 0;
	for (int b = 0, i = 0; b < n; b++) {
		for (int k = 0; k < blocks[b].n; k++, i++) {
			int room = p->order[i];

			p->l->rooms[room].y = round(blocks[b].sum / blocks[b].n + before);
			before += p->l->rooms[room].height + gap_below(p, room);
		}
	}
	free(blocks);
}

static void order_sort(struct plan *p, int count)
{
	/* Few rooms, nearly sorted, and it must be stable. */
	for (int i = 1; i < count; i++) {
		int room = p->order[i], k = i;

		for (; k > 0 && p->wanted[p->order[k - 1]] > p->wanted[room] + 0.5; k--)
			p->order[k] = p->order[k - 1];
		p->order[k] = room;
	}
}

static void column_place(struct plan *p, int component, int column, bool *placed)
{
	double last = 0;
	int count = 0;

	for (int i = 0; i < (int)p->m->room_count; i++) {
		if (p->m->rooms[i].component != component || p->column[i] != column)
			continue;
		p->wanted[i] = wanted_top(p, i, placed);
		if (isnan(p->wanted[i])) /* it has no wire to there: below the one before it */
			p->wanted[i] = placed[i] ? p->l->rooms[i].y : last;
		last = p->wanted[i] + p->l->rooms[i].height;
		p->order[count++] = i;
	}
	order_sort(p, count);
	push_apart(p, count);
	for (int i = 0; i < count; i++)
		placed[p->order[i]] = true;
}

/* How far down the other end of a row's only cable lies; NAN when it has none, or several. */
static double far_end(const struct plan *p, int row)
{
	double y = NAN;

	for (size_t i = 0; i < p->m->wire_count; i++) {
		const struct map_wire *w = &p->m->wires[i];
		int other = w->a == row ? w->b : w->a;

		if ((w->a != row && w->b != row) || w->kind == WIRE_TUNNEL)
			continue;
		if (!isnan(y))
			return NAN;
		y = p->l->rooms[p->m->rows[other].room].y + p->l->rows[other].y;
	}
	return y;
}

/* Exchanges two rows of a room, when their cables then no longer cross. */
static void untangle(struct plan *p, size_t a, size_t b)
{
	struct layout_row *x = &p->l->rows[a], *y = &p->l->rows[b];
	double far_a, far_b, swap = x->y;

	if (x->side != y->side || x->pill_width > 0 || y->pill_width > 0)
		return;
	far_a = far_end(p, (int)a);
	far_b = far_end(p, (int)b);
	if (isnan(far_a) || isnan(far_b) || (far_a < far_b) == (x->y < y->y) ||
		fabs(far_a - far_b) < 1)
		return;
	x->y = y->y;
	y->y = swap;
}

/* In each room, the rows that may stand in any order. */
static void rows_untangle(struct plan *p, int component)
{
	for (size_t r = 0; r < p->m->room_count; r++) {
		const struct map_room *room = &p->m->rooms[r];
		size_t end = room->first_row + room->row_count;

		for (size_t i = room->first_row, next; i < end; i = next) {
			next = run_end(p->m, room, i);
			for (size_t a = i; a < next && room->component == component; a++)
				for (size_t b = a + 1; b < next; b++)
					untangle(p, a, b);
		}
	}
}

/* The column with the fewest rooms is the trunk: from it outwards, and back, and again. */
static int component_rows(struct plan *p, int component)
{
	bool *placed = calloc(p->m->room_count + 1, sizeof(*placed));
	int columns = 0, trunk = 0, fewest = 0;

	if (!placed)
		return -ENOMEM;
	for (size_t i = 0; i < p->m->room_count; i++)
		if (p->m->rooms[i].component == component && p->column[i] >= columns)
			columns = p->column[i] + 1;
	for (int c = 0; c < columns; c++) {
		int n = 0;

		for (size_t i = 0; i < p->m->room_count; i++)
			n += p->m->rooms[i].component == component && p->column[i] == c;
		if (!fewest || n < fewest) {
			fewest = n;
			trunk = c;
		}
	}
	for (int sweep = 0; sweep < SWEEPS; sweep++) {
		for (int c = trunk; c < columns; c++)
			column_place(p, component, c, placed);
		for (int c = trunk - 1; c >= 0; c--)
			column_place(p, component, c, placed);
		if (sweep < SWEEPS - 1)
			rows_untangle(p, component);
	}
	free(placed);
	return columns;
}

/* Widest room of a column, with its stubs. */
static double column_width(const struct plan *p, int component, int column)
{
	double width = 0;

	for (size_t i = 0; i < p->m->room_count; i++) {
		const struct layout_room *r = &p->l->rooms[i];

		if (p->m->rooms[i].component == component && p->column[i] == column)
			width = fmax(width, r->width + r->stub_left + r->stub_right);
	}
	return width;
}

/* Room for the wires that stay in a column, and for a fan of many. */
static double channel_width(const struct plan *p, int component, int column)
{
	int inside = 0, across = 0;

	for (size_t i = 0; i < p->m->wire_count; i++) {
		int a = p->m->rows[p->m->wires[i].a].room, b = p->m->rows[p->m->wires[i].b].room;

		if (p->m->rooms[a].component != component)
			continue;
		inside += p->column[a] == column && p->column[b] == column;
		across += (p->column[a] == column) != (p->column[b] == column);
	}
	return CHANNEL + fmin(inside, 6) * 12 + fmin(across, 20) * 3;
}

/* The rooms of a column are as wide as the widest, so that walls line up; then everything is
 * moved to where the component is put. */
static void component_move(
	struct plan *p, int component, int columns, double *right, double *bottom)
{
	double x = 0, top = INFINITY;

	*bottom = 0;
	for (size_t i = 0; i < p->m->room_count; i++)
		if (p->m->rooms[i].component == component)
			top = fmin(top, p->l->rooms[i].y);
	for (int c = 0; c < columns; c++) {
		double width = column_width(p, component, c), left = 0;

		for (size_t i = 0; i < p->m->room_count; i++)
			if (p->m->rooms[i].component == component && p->column[i] == c)
				left = fmax(left, p->l->rooms[i].stub_left);
		for (size_t i = 0; i < p->m->room_count; i++) {
			struct layout_room *r = &p->l->rooms[i];

			if (p->m->rooms[i].component != component || p->column[i] != c)
				continue;
			r->x = x + left;
			r->y -= top;
			if (r->compact) /* a wall of leaves */
				r->width = fmax(r->width, width - r->stub_left - r->stub_right);
			*bottom = fmax(*bottom, r->y + r->height);
		}
		x += width;
		*right = x;
		x += channel_width(p, component, c);
	}
}

/* A tunnel may run below the lowest room. */
static double below(const struct plan *p, int component)
{
	double room = 0;

	for (size_t i = 0; i < p->m->wire_count; i++)
		if (p->m->wires[i].kind == WIRE_TUNNEL &&
			p->m->rooms[p->m->rows[p->m->wires[i].a].room].component == component)
			room = 36;
	return room;
}

static int components_place(struct plan *p)
{
	double x = MARGIN, y = MARGIN, shelf = 0;

	for (size_t i = 0; i < p->m->room_count; i++) {
		int component = p->m->rooms[i].component, columns;
		double right = 0, bottom = 0;

		if (i && component == p->m->rooms[i - 1].component)
			continue;
		columns = component_rows(p, component);
		if (columns < 0)
			return columns;
		component_move(p, component, columns, &right, &bottom);
		bottom += below(p, component);
		if (x > MARGIN && x + right > SHELF_WIDTH) {
			x = MARGIN;
			y += shelf + SHELF_GAP;
			shelf = 0;
		}
		for (size_t k = 0; k < p->m->room_count; k++) {
			if (p->m->rooms[k].component != component)
				continue;
			p->l->rooms[k].x += x;
			p->l->rooms[k].y += y;
		}
		x += right + SHELF_GAP;
		shelf = fmax(shelf, bottom);
		p->l->width = fmax(p->l->width, x - SHELF_GAP + MARGIN);
	}
	p->l->height = y + shelf + MARGIN;
	return 0;
}

/* The ends on the walls, now that the walls have their places. */
static void rows_place(struct plan *p)
{
	for (size_t i = 0; i < p->m->row_count; i++) {
		struct layout_row *at = &p->l->rows[i];
		const struct layout_room *r = &p->l->rooms[p->m->rows[i].room];
		double inset =
			LAYOUT_PAD + LAYOUT_INDENT * p->m->rows[i].depth + at->pill_width / 2;

		at->y += r->y;
		at->x = at->side == SIDE_LEFT ? r->x : r->x + r->width;
		if (at->pill_width <= 0)
			continue;
		at->pill_y += r->y;
		at->pill_x = at->side == SIDE_LEFT ? r->x + inset : r->x + r->width - inset;
	}
}

int layout_open(struct layout *l, const struct map *m)
{
	struct plan p = {.m = m, .l = l};
	int err = -ENOMEM;

	*l = (struct layout){.rooms = calloc(m->room_count + 1, sizeof(*l->rooms)),
		.rows = calloc(m->row_count + 1, sizeof(*l->rows))};
	p.column = calloc(m->room_count + 1, sizeof(int));
	p.order = calloc(m->room_count + 1, sizeof(int));
	p.wanted = calloc(m->room_count + 1, sizeof(double));
	if (l->rooms && l->rows && p.column && p.order && p.wanted)
		err = columns_choose(m, p.column);
	if (!err) {
		sides_choose(&p);
		for (size_t i = 0; i < m->room_count; i++) {
			l->rooms[i].column = p.column[i];
			if (m->rooms[i].leaf)
				leaf_measure(&p, i);
			else
				room_measure(&p, i);
		}
		err = components_place(&p);
	}
	if (!err)
		rows_place(&p);
	else
		layout_close(l);
	free(p.column);
	free(p.order);
	free(p.wanted);
	return err;
}

void layout_close(struct layout *l)
{
	free(l->rooms);
	free(l->rows);
	*l = (struct layout){0};
}
