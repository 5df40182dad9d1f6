#include "see/map_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/describe.h"
#include "see/map_shelves.h"

enum {
	LABEL_TEXT = 256,
	INDENT = 3, /* for each parent: "├─ " */
	NAME_MOST = 20,
	LABEL_GAP = 3, /* wall, line, blank */
	TRACK_GAP = 2,
	WIDEST = 1 << 14,
	TALLEST = 1 << 16,
};

struct line {
	int y;			/* -1: its room is drawn at the end of a cable */
	char label[LABEL_TEXT]; /* behind the wall */
	int label_end;		/* the first column that is free for tracks */
};

struct track {
	int x; /* -1: written out at both ends instead */
	bool drawn;
};

struct drawing {
	const struct map *m;
	int width;	      /* to fit into */
	int box;	      /* of all rooms */
	int names;	      /* columns for a name with its indentation */
	int height;	      /* lines used */
	int right;	      /* columns used */
	int *top;	      /* room_count: line of the upper wall */
	struct line *lines;   /* row_count */
	struct track *tracks; /* wire_count */
	struct canvas c;
};

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

static void label_add(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void label_add(struct line *line, const char *format, ...)
{
	size_t used = strlen(line->label);
	va_list args;

	if (used && used + 3 < LABEL_TEXT)
		used += (size_t)snprintf(line->label + used, LABEL_TEXT - used, "  ");
	va_start(args, format);
	vsnprintf(line->label + used, LABEL_TEXT - used, format, args);
	va_end(args);
}

static const char *device_name(const struct map *m, int row)
{
	return m->rows[row].name;
}

/* The lengths of the parts of a leaf, so that those of one hub stand below each other. */
static void leaf_label(struct drawing *d, int room)
{
	const struct map *m = d->m;
	const struct map_wire *w = &m->wires[m->rooms[room].hub_wire];
	int hub = m->rooms[room].hub, row = (int)m->rooms[room].first_row, titles = 0, names = 0,
	    addresses = 0, notes = 0;
	int far = w->a == row ? w->b : w->a;

	for (int i = 0; i < (int)m->room_count; i++) {
		int other = (int)m->rooms[i].first_row;

		if (!m->rooms[i].leaf || m->rooms[i].hub != hub)
			continue;
		titles = most(titles, text_columns(m->rooms[i].title));
		names = most(names, text_columns(device_name(m, other)));
		addresses = most(addresses, text_columns(m->rows[other].addresses));
		notes = most(notes, text_columns(m->rows[other].note));
	}
	label_add(&d->lines[far], "[ %-*s  %-*s  %-*s%s%-*s ]", titles, m->rooms[room].title, names,
		device_name(m, row), addresses, m->rows[row].addresses, notes ? "  " : "", notes,
		m->rows[row].note);
}

static void labels_write(struct drawing *d)
{
	const struct map *m = d->m;

	for (size_t i = 0; i < m->row_count; i++) {
		const struct map_row *row = &m->rows[i];

		d->lines[i].label[0] = '\0';
		if (row->stub == STUB_ELSEWHERE)
			label_add(&d->lines[i], "→ %s", row->end);
		else if (row->stub == STUB_NOBODY || row->stub == STUB_PROCESS ||
			 row->stub == STUB_WIRE || (row->stub == STUB_UNDERLAY && !row->wires))
			label_add(&d->lines[i], "%s", row->end);
	}
	for (size_t i = 0; i < m->wire_count; i++) {
		const struct map_wire *w = &m->wires[i];
		int ends[] = {w->a, w->b};

		for (int k = 0; k < 2 && !d->tracks[i].drawn; k++)
			if (!m->rooms[m->rows[ends[0]].room].leaf &&
				!m->rooms[m->rows[ends[1]].room].leaf)
				label_add(&d->lines[ends[k]], "→ %s:%s",
					m->rooms[m->rows[ends[!k]].room].title,
					device_name(m, ends[!k]));
	}
	for (int i = 0; i < (int)m->room_count; i++)
		if (m->rooms[i].leaf)
			leaf_label(d, i);
}

static int row_width(const struct map *m, size_t i, int names)
{
	const struct map_row *row = &m->rows[i];
	int width = 2 + names + 2;

	width += text_columns(row->addresses);
	if (row->addresses[0] && row->note[0])
		width += 2;
	return width + text_columns(row->note) + 2;
}

/* How wide the rooms are, and on which line each thing stands. */
static void lines_set(struct drawing *d)
{
	const struct map *m = d->m;
	int y = 0, component = 0;

	for (size_t i = 0; i < m->row_count; i++)
		if (!m->rooms[m->rows[i].room].leaf)
			d->names = most(d->names,
				INDENT * m->rows[i].depth + text_columns(device_name(m, (int)i)));
	d->names = least(d->names, NAME_MOST);
	for (size_t i = 0; i < m->row_count; i++)
		if (!m->rooms[m->rows[i].room].leaf)
			d->box = most(d->box, row_width(m, i, d->names));
	for (size_t i = 0; i < m->room_count; i++)
		d->box =
			most(d->box, d->m->rooms[i].leaf ? 0 : text_columns(m->rooms[i].title) + 6);
	if (d->width)
		d->box = least(d->box, most(16, d->width * 3 / 5));

	for (size_t i = 0; i < m->room_count; i++) {
		const struct map_room *room = &m->rooms[i];

		y += i && room->component != component;
		component = room->component;
		d->top[i] = y;
		for (size_t k = 0; k < room->row_count; k++)
			d->lines[room->first_row + k].y = d->m->rooms[i].leaf ? -1 : y + 1 + (int)k;
		if (!m->rooms[i].leaf)
			y += (int)room->row_count + 2;
	}
	d->height = y;
}

static void labels_measure(struct drawing *d)
{
	for (size_t i = 0; i < d->m->row_count; i++) {
		struct line *line = &d->lines[i];

		line->label_end = d->box + 1;
		if (line->label[0])
			line->label_end = d->box + LABEL_GAP + text_columns(line->label) + 1;
		if (line->y >= 0)
			d->right = most(d->right, line->label_end);
	}
}

static bool tracks_collide(const struct drawing *d, size_t wire, int x)
{
	int top = d->lines[d->m->wires[wire].a].y, bottom = d->lines[d->m->wires[wire].b].y;

	for (size_t i = 0; i < d->m->wire_count; i++) {
		int a = d->lines[d->m->wires[i].a].y, b = d->lines[d->m->wires[i].b].y;

		if (i != wire && d->tracks[i].x >= 0 && abs(d->tracks[i].x - x) < TRACK_GAP &&
			a <= bottom && top <= b)
			return true;
	}
	return false;
}

/* Returns false when a wire found no place; it is then no longer to be drawn. */
static bool track_place(struct drawing *d, size_t wire)
{
	const struct map_wire *w = &d->m->wires[wire];
	int top = d->lines[w->a].y, bottom = d->lines[w->b].y, x = d->box + LABEL_GAP + 1;

	for (size_t i = 0; i < d->m->row_count; i++)
		if (d->lines[i].y >= top && d->lines[i].y <= bottom)
			x = most(x, d->lines[i].label_end + 1);
	while (tracks_collide(d, wire, x))
		x++;
	if (d->width && x >= d->width) {
		d->tracks[wire].drawn = false;
		return false;
	}
	d->tracks[wire].x = x;
	d->right = most(d->right, x + 1);
	return true;
}

/* Short wires first, so that they lie inside of the long ones. */
static bool tracks_set(struct drawing *d)
{
	bool all = true;

	for (size_t i = 0; i < d->m->wire_count; i++)
		d->tracks[i].x = -1;
	for (int length = 0; length <= d->height; length++) {
		for (size_t i = 0; i < d->m->wire_count; i++) {
			const struct map_wire *w = &d->m->wires[i];

			if (d->tracks[i].drawn && d->lines[w->b].y - d->lines[w->a].y == length)
				all = track_place(d, i) && all;
		}
	}
	return all;
}

static void tracks_choose(struct drawing *d)
{
	for (size_t i = 0; i < d->m->wire_count; i++) {
		const struct map_wire *w = &d->m->wires[i];

		d->tracks[i].drawn = !d->m->rooms[d->m->rows[w->a].room].leaf &&
				     !d->m->rooms[d->m->rows[w->b].room].leaf;
	}
	/* A wire that is written out makes labels longer, which may push out another. */
	do {
		d->right = d->box;
		labels_write(d);
		labels_measure(d);
	} while (!tracks_set(d));
}

static enum canvas_ink health_ink(enum map_health health, enum canvas_ink fine)
{
	return health == MAP_FINE ? fine : health == MAP_WEAK ? INK_YELLOW : INK_RED;
}

static enum canvas_ink wire_ink(const struct map_wire *w)
{
	if (w->on_path)
		return INK_GREEN;
	return health_ink(w->health, w->kind == WIRE_TUNNEL ? INK_CYAN : INK_PLAIN);
}

/* Text that must end before column `end`; what is cut off is said by dots. */
static int text_within(
	struct canvas *c, int x, int y, int end, enum canvas_ink ink, const char *text)
{
	char cut[4 * LABEL_TEXT];
	int room = end - x, columns = text_columns(text);
	size_t bytes = 0;

	if (room <= 0)
		return x;
	if (columns <= room)
		return canvas_text(c, x, y, ink, text);
	for (int seen = 0; text[bytes] && bytes + 8 < sizeof(cut); bytes++)
		if (((unsigned char)text[bytes] & 0xc0) != 0x80 && seen++ == room - 1)
			break;
	snprintf(cut, sizeof(cut), "%.*s…", (int)bytes, text);
	return canvas_text(c, x, y, ink, cut);
}

static void row_draw(struct drawing *d, int i)
{
	const struct map_row *row = &d->m->rows[i];
	int y = d->lines[i].y, x = 2 + INDENT * row->depth, end = d->box - 1;
	enum canvas_ink ink = health_ink(row->health, INK_GREEN);

	if (row->parent >= 0) {
		canvas_down(&d->c, x - INDENT, d->lines[row->parent].y, y, LINE_SINGLE, INK_DIM);
		canvas_across(&d->c, y, x - INDENT, x - 2, LINE_SINGLE, INK_DIM);
	}
	if (row->mark == MARK_ENDED)
		canvas_text(&d->c, 1, y, INK_RED, "x");
	else if (row->mark == MARK_PASSED)
		canvas_text(&d->c, 1, y, INK_GREEN, "*");
	text_within(
		&d->c, x, y, end, row->mark == MARK_ENDED ? INK_RED : ink, device_name(d->m, i));
	x = text_within(&d->c, 2 + d->names + 2, y, end, INK_PLAIN, row->addresses);
	if (row->note[0])
		text_within(&d->c, x + (row->addresses[0] ? 2 : 0), y, end,
			row->health == MAP_FINE ? INK_DIM : ink, row->note);
}

static void room_draw(struct drawing *d, size_t i)
{
	const struct map_room *room = &d->m->rooms[i];
	int x;

	if (d->m->rooms[i].leaf)
		return;
	canvas_box(&d->c, 0, d->top[i], d->box, (int)room->row_count + 2, INK_PLAIN);
	canvas_text(&d->c, 2, d->top[i], INK_PLAIN, " ");
	x = text_within(&d->c, 3, d->top[i], d->box - 3,
		room->mark == MARK_ENDED ? INK_RED : INK_BOLD, room->title);
	if (room->mark == MARK_ENDED)
		x = canvas_text(&d->c, x, d->top[i], INK_RED, " x");
	canvas_text(&d->c, x, d->top[i], INK_PLAIN, " ");
	for (size_t k = room->row_count; k-- > 0;) /* parents over their children's lines */
		row_draw(d, (int)(room->first_row + k));
}

static void wire_draw(struct drawing *d, size_t i)
{
	const struct map_wire *w = &d->m->wires[i];
	enum canvas_line line = w->kind == WIRE_TUNNEL ? LINE_DOUBLE : LINE_SINGLE;
	enum canvas_ink ink = wire_ink(w);
	int ends[] = {w->a, w->b};

	if (!d->tracks[i].drawn)
		return;
	for (int k = 0; k < 2; k++) {
		const struct line *l = &d->lines[ends[k]];
		int from = l->label[0] ? l->label_end : d->box - 1;

		canvas_across(&d->c, l->y, from, d->tracks[i].x, line, ink);
	}
	canvas_down(&d->c, d->tracks[i].x, d->lines[w->a].y, d->lines[w->b].y, line, ink);
}

static void label_draw(struct drawing *d, int i)
{
	const struct map_row *row = &d->m->rows[i];
	const struct line *l = &d->lines[i];
	enum canvas_ink ink = row->stub == STUB_NOBODY ? INK_YELLOW : INK_PLAIN;

	if (l->y < 0 || !l->label[0])
		return;
	canvas_across(&d->c, l->y, d->box - 1, d->box + LABEL_GAP - 2, LINE_SINGLE,
		health_ink(row->health, INK_PLAIN));
	text_within(&d->c, d->box + LABEL_GAP, l->y, d->c.width, ink, l->label);
}

static void draw(struct drawing *d)
{
	for (size_t i = 0; i < d->m->room_count; i++)
		room_draw(d, i);
	for (size_t i = d->m->wire_count; i-- > 0;)
		wire_draw(d, i);
	for (size_t i = 0; i < d->m->row_count; i++)
		label_draw(d, (int)i);
}

/* Words on lines of at most `width` columns (0: one line); a word that is longer is cut. */
static void fold(FILE *out, int width, const char *words, int *x)
{
	while (*words) {
		size_t bytes = strcspn(words, " ");
		char word[LABEL_TEXT];
		int columns;

		snprintf(word, sizeof(word), "%.*s", (int)bytes, words);
		columns = text_columns(word);
		if (width && columns > width) {
			size_t cut = 0;

			for (int seen = 0; word[cut]; cut++)
				if (((unsigned char)word[cut] & 0xc0) != 0x80 && seen++ == width)
					break;
			word[cut] = '\0';
			columns = width;
		}
		if (*x && width && *x + 1 + columns > width) {
			fputc('\n', out);
			*x = 0;
		}
		*x += fprintf(out, "%s%s", *x ? " " : "", word) - (int)strlen(word) + columns;
		words += bytes;
		words += strspn(words, " ");
	}
}

/* The drawing, and below it the namespaces that hold nothing, and the caption. */
static char *with_rest(const struct map *m, int width, char *drawn)
{
	char *text = NULL;
	size_t size;
	FILE *out = drawn ? open_memstream(&text, &size) : NULL;
	int x = 0;

	if (!out) {
		free(drawn);
		return NULL;
	}
	fputs(drawn, out);
	free(drawn);
	if (m->empty_count)
		fold(out, width, "nothing but lo:", &x);
	for (size_t i = 0; i < m->empty_count; i++) {
		char name[NODE_NAME];

		snprintf(name, sizeof(name), "%s", m->t->netns[m->empty[i]].node.name);
		describe_plain(name);
		fold(out, width, name, &x);
	}
	if (m->empty_count)
		fputc('\n', out);
	x = 0;
	fold(out, width, m->caption, &x);
	if (m->caption[0])
		fputc('\n', out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* One drawing of all that the map has, room below room; false without memory. */
static bool column_draw(const struct map *m, int width, struct canvas *c)
{
	struct drawing d = {
		.m = m,
		.width = width,
		.top = calloc(m->room_count + 1, sizeof(int)),
		.lines = calloc(m->row_count + 1, sizeof(struct line)),
		.tracks = calloc(m->wire_count + 1, sizeof(struct track)),
	};
	bool drawn = false;

	if (d.top && d.lines && d.tracks) {
		lines_set(&d);
		tracks_choose(&d);
		if (width)
			d.right = least(d.right, width);
		d.right = least(d.right, WIDEST);
		d.height = least(d.height, TALLEST);
		drawn = !canvas_open(&d.c, d.right, d.height);
		if (drawn)
			draw(&d);
	}
	*c = d.c;
	free(d.top);
	free(d.lines);
	free(d.tracks);
	return drawn;
}

/* Each component drawn alone; returns how many were. */
static size_t parts_draw(const struct map *m, int width, struct canvas *parts, size_t count)
{
	size_t drawn = 0;

	for (size_t i = 0; drawn < count && i < m->room_count; i++) {
		struct map part;
		bool good;

		if (i && m->rooms[i].component == m->rooms[i - 1].component)
			continue;
		if (map_part(&part, m, m->rooms[i].component))
			return drawn;
		good = column_draw(&part, width, &parts[drawn]);
		map_part_free(&part);
		if (!good)
			return drawn;
		drawn++;
	}
	return drawn;
}

static bool shelves_fill(
	struct canvas *c, const struct canvas *parts, size_t count, const int *x, const int *y)
{
	int right = 0, bottom = 0;

	for (size_t i = 0; i < count; i++) {
		right = most(right, x[i] + parts[i].width);
		bottom = most(bottom, y[i] + parts[i].height);
	}
	if (canvas_open(c, right, least(bottom, TALLEST)))
		return false;
	for (size_t i = 0; i < count; i++)
		canvas_copy(c, x[i], y[i], &parts[i]);
	return true;
}

/* What is not joined stands beside each other, where at least two do; false: it does not. */
static bool shelves_draw(const struct map *m, int width, struct canvas *c)
{
	size_t count = 0, drawn;
	struct canvas *parts;
	bool done = false;
	int *places;

	for (size_t i = 0; i < m->room_count; i++)
		count += !i || m->rooms[i].component != m->rooms[i - 1].component;
	if (!width || count < 2)
		return false;
	parts = calloc(count, sizeof(*parts));
	places = calloc(2 * count, sizeof(*places));
	drawn = parts && places ? parts_draw(m, width, parts, count) : 0;
	if (drawn == count && shelves_pack(parts, count, width, places, places + count))
		done = shelves_fill(c, parts, count, places, places + count);
	for (size_t i = 0; i < drawn; i++)
		canvas_close(&parts[i]);
	free(parts);
	free(places);
	return done;
}

char *map_text(const struct map *m, int width, struct canvas_look look)
{
	struct canvas c = {0};
	char *text;

	if (!shelves_draw(m, width, &c) && !column_draw(m, width, &c))
		return NULL;
	text = with_rest(m, width, canvas_string(&c, look));
	canvas_close(&c);
	return text;
}
