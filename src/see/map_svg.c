#include "see/map_svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/canvas.h"
#include "see/map_layout.h"

struct picture {
	const struct map *m;
	struct layout l;
	FILE *out;
};

static const char style[] =
	"text{font:12px 'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace;fill:#1e293b}\n"
	".title{font-weight:bold;font-size:13px}\n"
	".name{font-weight:bold}\n"
	".note{fill:#64748b}\n"
	".weak{fill:#b45309}\n"
	".broken{fill:#dc2626}\n"
	".room{fill:#f8fafc;stroke:#94a3b8;stroke-width:1.5}\n"
	".room.ended{stroke:#dc2626;stroke-width:3;fill:#fef2f2}\n"
	".group{fill:#e2e8f0;fill-opacity:.7}\n"
	".wire{fill:none;stroke:#475569;stroke-width:2}\n"
	".wire.weak{stroke:#f59e0b;stroke-dasharray:6 4}\n"
	".wire.broken{stroke:#dc2626;stroke-dasharray:6 4}\n"
	".wire.lower{stroke-dasharray:2 3}\n"
	".wire.path{stroke:#16a34a;stroke-width:4}\n"
	".pipe{fill:none;stroke:#7c3aed;stroke-width:7;stroke-linejoin:round}\n"
	".bore{fill:none;stroke:#ede9fe;stroke-width:3;stroke-linejoin:round}\n"
	".pipe.path{stroke:#16a34a}\n"
	".pill{fill:#ede9fe;stroke:#7c3aed;stroke-width:1.5}\n"
	".nobody{fill:#fffbeb;stroke:#f59e0b;stroke-width:1.5;stroke-dasharray:4 3}\n"
	".end{fill:#16a34a;stroke:#fff;stroke-width:1.5}\n"
	".end.weak{fill:#f59e0b}\n"
	".end.broken{fill:#dc2626}\n"
	".fault{fill:#dc2626;fill-opacity:.15}\n";

static const char *health_class(enum map_health health)
{
	return health == MAP_FINE ? "" : health == MAP_WEAK ? " weak" : " broken";
}

static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* XML has no control characters, and names are ASCII or UTF-8 already. */
			fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
			break;
		}
	}
}

/* Where a curve leans to on its way: the x of its two control points. */
struct bend {
	double a, b;
};

static struct bend bend_of(const struct layout_row *a, const struct layout_row *b)
{
	double reach = fmax(36, fabs(b->x - a->x) / 2);
	struct bend c = {
		.a = a->x + (a->side == SIDE_LEFT ? -reach : reach),
		.b = b->x + (b->side == SIDE_LEFT ? -reach : reach),
	};

	if (a->side == b->side) {
		reach = fmin(36 + fabs(b->y - a->y) / 6, 84);
		c.a = a->side == SIDE_LEFT ? fmin(a->x, b->x) - reach : fmax(a->x, b->x) + reach;
		c.b = c.a;
	}
	return c;
}

/* A curve between two ends on walls; when both leave to the same side, it bulges beyond both. */
static void curve(struct picture *p, const struct layout_row *a, const struct layout_row *b)
{
	struct bend c = bend_of(a, b);

	fprintf(p->out, "M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f", a->x, a->y, c.a, a->y, c.b,
		b->y, b->x, b->y);
}

static bool is_over(const struct layout_room *r, double x, double y)
{
	enum { MARGIN = 8 };

	return x > r->x - MARGIN && x < r->x + r->width + MARGIN && y > r->y - MARGIN &&
	       y < r->y + r->height + MARGIN;
}

/* A room that the curve of a wire would run over, or NULL. */
static const struct layout_room *curve_hits(const struct picture *p, const struct map_wire *w,
	const struct layout_row *a, const struct layout_row *b)
{
	enum { STEPS = 48 };
	struct bend c = bend_of(a, b);
	int from = p->m->rows[w->a].room, to = p->m->rows[w->b].room;

	for (int k = 0; k <= STEPS; k++) {
		double t = (double)k / STEPS, u = 1 - t;
		double x = u * u * u * a->x + 3 * u * u * t * c.a + 3 * u * t * t * c.b +
			   t * t * t * b->x;
		double y = u * u * (u + 3 * t) * a->y + t * t * (t + 3 * u) * b->y;

		for (size_t i = 0; i < p->m->room_count; i++)
			if ((int)i != from && (int)i != to && is_over(&p->l.rooms[i], x, y))
				return &p->l.rooms[i];
	}
	return NULL;
}

static void cables_draw(struct picture *p, bool on_path)
{
	for (size_t i = 0; i < p->m->wire_count; i++) {
		const struct map_wire *w = &p->m->wires[i];

		if (w->kind == WIRE_TUNNEL || w->on_path != on_path)
			continue;
		fprintf(p->out, "<path class=\"wire%s%s%s\" d=\"", health_class(w->health),
			w->kind == WIRE_LOWER ? " lower" : "", on_path ? " path" : "");
		curve(p, &p->l.rows[w->a], &p->l.rows[w->b]);
		fputs("\"/>\n", p->out);
	}
}

/* The height at which a tunnel passes below all rooms between two columns. */
static double lane_find(const struct picture *p, const struct map_wire *w, double y)
{
	const struct map_room *rooms = p->m->rooms;
	int a = p->m->rows[w->a].room, b = p->m->rows[w->b].room;
	int left = p->l.rooms[a].column, right = p->l.rooms[b].column;
	bool moved = true;

	if (left > right) {
		int swap = left;

		left = right;
		right = swap;
	}
	while (moved) {
		moved = false;
		for (size_t i = 0; i < p->m->room_count; i++) {
			const struct layout_room *r = &p->l.rooms[i];

			if (rooms[i].component != rooms[a].component || r->column <= left ||
				r->column >= right || y < r->y - 12 || y > r->y + r->height + 12)
				continue;
			y = r->y + r->height + 18;
			moved = true;
		}
	}
	return y;
}

/* Horizontal and vertical lines with round corners, out of one wall and into another. */
static void lane(struct picture *p, double x1, double y1, double xa, double y, double xb, double x2,
	double y2)
{
	double r = 10, right = xb > xa ? 1 : -1, down1 = y > y1 ? 1 : -1, up2 = y2 > y ? 1 : -1;

	if (fabs(y - y1) < 2 * r || fabs(y - y2) < 2 * r)
		r = fmin(fabs(y - y1), fabs(y - y2)) / 2;
	fprintf(p->out,
		"M%.0f %.0fH%.0fQ%.0f %.0f %.0f %.0fV%.0fQ%.0f %.0f %.0f %.0fH%.0fQ%.0f %.0f %.0f %.0fV%.0fQ%.0f "
		"%.0f %.0f %.0fH%.0f",
		x1, y1, xa - right * r, xa, y1, xa, y1 + down1 * r, y - down1 * r, xa, y,
		xa + right * r, y, xb - right * r, xb, y, xb, y + up2 * r, y2 - up2 * r, xb, y2,
		xb + right * r, y2, x2);
}

static void tunnel_path(struct picture *p, const struct map_wire *w, int nth)
{
	struct layout_row a = p->l.rows[w->a], b = p->l.rows[w->b];
	const struct layout_room *in_the_way;
	double y;

	if (a.pill_width > 0) {
		a.y = a.pill_y;
		a.x = a.pill_x + (a.side == SIDE_LEFT ? -1 : 1) * a.pill_width / 2;
	}
	if (b.pill_width > 0) {
		b.y = b.pill_y;
		b.x = b.pill_x + (b.side == SIDE_LEFT ? -1 : 1) * b.pill_width / 2;
	}
	in_the_way = curve_hits(p, w, &a, &b);
	if (!in_the_way || a.side == b.side) {
		curve(p, &a, &b);
		return;
	}
	y = lane_find(p, w, in_the_way->y + in_the_way->height + 18);
	/* The walls, not the pills, are where the way down may begin. */
	double wall_a = p->l.rows[w->a].x, wall_b = p->l.rows[w->b].x, step = 20 + 9 * (nth % 5);

	lane(p, a.x, a.y, wall_a + (a.side == SIDE_LEFT ? -step : step), y + 9 * (nth % 3),
		wall_b + (b.side == SIDE_LEFT ? -step : step), b.x, b.y);
}

static void tunnels_draw(struct picture *p)
{
	static const char *const layers[] = {"pipe", "bore"};
	int nth = 0;

	for (size_t i = 0; i < p->m->wire_count; i++) {
		const struct map_wire *w = &p->m->wires[i];

		if (w->kind != WIRE_TUNNEL)
			continue;
		for (int k = 0; k < 2; k++) {
			fprintf(p->out, "<path class=\"%s%s\" d=\"", layers[k],
				w->on_path ? " path" : "");
			tunnel_path(p, w, nth);
			fputs("\"/>\n", p->out);
		}
		nth++;
	}
}

/* The ports of a bridge, and what stands on a device, share a patch with it. */
static void groups_draw(struct picture *p, const struct map_room *room, const struct layout_room *r)
{
	for (size_t i = room->first_row; i < room->first_row + room->row_count; i++) {
		double top = p->l.rows[i].y, bottom = top, inset = 5 + 3 * p->m->rows[i].depth;
		size_t k = i + 1;

		for (; k < room->first_row + room->row_count &&
			p->m->rows[k].depth > p->m->rows[i].depth;
			k++)
			bottom = fmax(bottom,
				p->l.rows[k].pill_width > 0 ? p->l.rows[k].pill_y : p->l.rows[k].y);
		if (k > i + 1)
			fprintf(p->out,
				"<rect class=\"group\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" "
				"rx=\"6\"/>\n",
				r->x + inset, top - 10.5, r->width - 2 * inset, bottom - top + 21);
	}
}

static void span(struct picture *p, const char *class, const char *text, bool first)
{
	if (!text[0])
		return;
	fprintf(p->out, "<tspan class=\"%s\"%s>", class, first ? "" : " dx=\"14\"");
	escape(p->out, text);
	fputs("</tspan>", p->out);
}

static void row_text(struct picture *p, const struct map_row *row, double x, double y, bool right)
{
	const char *name = row->name;
	const char *health = health_class(row->health);
	char name_class[16], note_class[16];

	snprintf(name_class, sizeof(name_class), "name%s", health);
	snprintf(note_class, sizeof(note_class), "%s", health[0] ? health + 1 : "note");
	fprintf(p->out, "<text x=\"%.0f\" y=\"%.0f\"%s>", x, y + 4,
		right ? " text-anchor=\"end\"" : "");
	if (right) {
		span(p, note_class, row->note, true);
		span(p, "address", row->addresses, !row->note[0]);
		span(p, name_class, name, !row->note[0] && !row->addresses[0]);
	} else {
		span(p, name_class, name, true);
		span(p, "address", row->addresses, false);
		span(p, note_class, row->note, false);
	}
	fputs("</text>\n", p->out);
}

static void pill_draw(struct picture *p, const struct map_row *row, const struct layout_row *at)
{
	double left = at->pill_x - at->pill_width / 2;
	double name = at->side == SIDE_LEFT ? left + 14 : left + at->pill_width - 14;

	/* from the device down to its process */
	fprintf(p->out, "<path class=\"wire\" d=\"M%.0f %.0fV%.0f\"/>\n", name, at->y + 7,
		at->pill_y - 9);
	fprintf(p->out,
		"<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"18\" rx=\"9\"/>\n",
		row->stub == STUB_NOBODY ? "nobody" : "pill", left, at->pill_y - 9, at->pill_width);
	fprintf(p->out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">", at->pill_x,
		at->pill_y + 4);
	escape(p->out, row->end);
	fputs("</text>\n", p->out);
}

/* A short piece of wire with a word at its end. */
static void stub_draw(struct picture *p, const struct map_row *row, const struct layout_row *at)
{
	double out = at->side == SIDE_LEFT ? -1 : 1;

	fprintf(p->out, "<path class=\"wire%s\" d=\"M%.0f %.0fH%.0f\"/>\n",
		health_class(row->health), at->x, at->y, at->x + out * 26);
	fprintf(p->out, "<text class=\"note\" x=\"%.0f\" y=\"%.0f\"%s>", at->x + out * 32,
		at->y + 4, at->side == SIDE_LEFT ? " text-anchor=\"end\"" : "");
	escape(p->out, row->end);
	fputs("</text>\n", p->out);
}

static void end_draw(struct picture *p, const struct map_row *row, const struct layout_row *at)
{
	double x = at->x, y = at->y;

	if (row->mark == MARK_ENDED)
		fprintf(p->out,
			"<circle class=\"end broken\" cx=\"%.0f\" cy=\"%.0f\" r=\"9\"/>"
			"<path stroke=\"#fff\" stroke-width=\"2.5\" stroke-linecap=\"round\" "
			"d=\"M%.0f %.0fl7 7m0-7l-7 7\"/>\n",
			x, y, x - 3.5, y - 3.5);
	else
		fprintf(p->out, "<circle class=\"end%s\" cx=\"%.0f\" cy=\"%.0f\" r=\"%d\"/>\n",
			health_class(row->health), x, y, row->mark == MARK_PASSED ? 6 : 4);
}

/* A red patch under the row where it ended. */
static void fault_draw(
	struct picture *p, const struct map_row *row, const struct layout_row *at, double inset)
{
	int columns = text_columns(row->name) + text_columns(row->addresses) +
		      text_columns(row->note) + 4;
	double width = inset + layout_text(columns) + 6;

	fprintf(p->out,
		"<rect class=\"fault\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"20\" rx=\"5\"/>\n",
		at->side == SIDE_LEFT ? at->x : at->x - width, at->y - 10, width);
}

static bool is_on_wall(const struct map_row *row)
{
	return row->wires || row->stub == STUB_WIRE || row->stub == STUB_ELSEWHERE ||
	       row->stub == STUB_UNDERLAY || row->mark == MARK_ENDED;
}

static void row_draw(struct picture *p, size_t i)
{
	const struct map_row *row = &p->m->rows[i];
	const struct layout_row *at = &p->l.rows[i];
	const struct layout_room *r = &p->l.rooms[row->room];
	bool right = at->side == SIDE_RIGHT;
	double inset = LAYOUT_PAD + LAYOUT_INDENT * row->depth;

	if (row->mark == MARK_ENDED && !r->compact)
		fault_draw(p, row, at, inset);
	if (!r->compact)
		row_text(p, row, right ? r->x + r->width - inset : r->x + inset, at->y, right);
	if (at->pill_width > 0)
		pill_draw(p, row, at);
	else if (row->stub == STUB_WIRE || row->stub == STUB_ELSEWHERE ||
		 (row->stub == STUB_UNDERLAY && !row->wires))
		stub_draw(p, row, at);
	if (is_on_wall(row) && at->pill_width <= 0)
		end_draw(p, row, at);
}

static void room_draw(struct picture *p, size_t i)
{
	const struct map_room *room = &p->m->rooms[i];
	const struct layout_room *r = &p->l.rooms[i];

	fprintf(p->out,
		"<rect class=\"room%s\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"%d\"/>\n",
		room->mark == MARK_ENDED ? " ended" : "", r->x, r->y, r->width, r->height,
		r->compact ? 6 : 9);
	groups_draw(p, room, r);
	fprintf(p->out, "<text class=\"title\" x=\"%.0f\" y=\"%.0f\">", r->x + LAYOUT_PAD,
		r->compact ? r->y + LAYOUT_LEAF / 2.0 + 4.5 : r->y + 19);
	escape(p->out, room->title);
	fputs("</text>\n", p->out);
	if (r->compact)
		row_text(p, &p->m->rows[room->first_row],
			r->x + LAYOUT_PAD + layout_text(text_columns(room->title) + 2) * 1.05,
			r->y + LAYOUT_LEAF / 2.0, false);
}

static void caption_draw(struct picture *p, double y)
{
	const struct map *m = p->m;

	if (m->caption[0]) {
		fprintf(p->out, "<text x=\"24\" y=\"%.0f\">", y);
		escape(p->out, m->caption);
		fputs("</text>\n", p->out);
	}
	if (!m->empty_count)
		return;
	fprintf(p->out, "<text class=\"note\" x=\"24\" y=\"%.0f\">nothing but lo:",
		y + (m->caption[0] ? 20 : 0));
	for (size_t i = 0; i < m->empty_count; i++) {
		fputc(' ', p->out);
		escape(p->out, m->t->netns[m->empty[i]].node.name);
	}
	fputs("</text>\n", p->out);
}

static void picture_draw(struct picture *p)
{
	double lines = (p->m->caption[0] ? 20 : 0) + (p->m->empty_count ? 20 : 0);
	double width = fmax(p->l.width, 48 + layout_text(text_columns(p->m->caption)));
	double height = p->l.height + lines;

	fprintf(p->out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\">\n<style>\n%s</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		width, height, width, height, style);
	cables_draw(p, false);
	cables_draw(p, true);
	for (size_t i = 0; i < p->m->room_count; i++)
		room_draw(p, i);
	tunnels_draw(p);
	for (size_t i = 0; i < p->m->row_count; i++)
		row_draw(p, i);
	caption_draw(p, p->l.height - 4);
	fputs("</svg>\n", p->out);
}

char *map_svg(const struct map *m)
{
	struct picture p = {.m = m};
	char *text = NULL;
	size_t size;

	if (layout_open(&p.l, m))
		return NULL;
	p.out = open_memstream(&text, &size);
	if (p.out) {
		picture_draw(&p);
		if (fclose(p.out)) {
			free(text);
			text = NULL;
		}
	}
	layout_close(&p.l);
	return text;
}
