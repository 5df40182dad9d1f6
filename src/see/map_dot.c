#include "see/map_dot.h"

#include <stdio.h>
#include <stdlib.h>

/* Inside of an HTML-like label. */
static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else
			fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
	}
}

static const char *colour(enum map_health health, enum map_mark mark)
{
	if (mark == MARK_ENDED || health == MAP_BROKEN)
		return "#dc2626";
	if (mark == MARK_PASSED)
		return "#16a34a";
	return health == MAP_WEAK ? "#b45309" : "#1e293b";
}

static void row_write(FILE *out, const struct map *m, size_t i)
{
	const struct map_row *row = &m->rows[i];

	fprintf(out, "<TR><TD PORT=\"r%zu\" ALIGN=\"LEFT\"><FONT COLOR=\"%s\">", i,
		colour(row->health, row->mark));
	for (int k = 0; k < row->depth; k++)
		fputs("&nbsp;&nbsp;", out);
	escape(out, row->name);
	fputs("</FONT></TD><TD ALIGN=\"LEFT\">", out);
	escape(out, row->addresses);
	fputs(row->addresses[0] && row->note[0] ? " " : "", out);
	escape(out, row->note);
	fputs("</TD></TR>\n", out);
}

static void room_write(FILE *out, const struct map *m, size_t i)
{
	const struct map_room *room = &m->rooms[i];

	fprintf(out,
		"\tn%zu [label=<<TABLE BORDER=\"1\" CELLBORDER=\"0\" CELLSPACING=\"2\" STYLE=\"ROUNDED\">"
		"<TR><TD COLSPAN=\"2\"><B>",
		i);
	escape(out, room->title);
	fputs("</B></TD></TR>\n", out);
	for (size_t k = 0; k < room->row_count; k++)
		row_write(out, m, room->first_row + k);
	fputs("</TABLE>>];\n", out);
}

static void stub_write(FILE *out, const struct map *m, size_t i)
{
	const struct map_row *row = &m->rows[i];

	if (row->stub == STUB_NONE || (row->stub == STUB_UNDERLAY && row->wires))
		return;
	fprintf(out, "\ts%zu [shape=%s, label=<", i,
		row->stub == STUB_PROCESS || row->stub == STUB_NOBODY ? "ellipse" : "plaintext");
	escape(out, row->end);
	fprintf(out, ">];\n\tn%d:r%zu -- s%zu;\n", row->room, i, i);
}

static void wire_write(FILE *out, const struct map *m, const struct map_wire *w)
{
	static const char *const styles[] = {
		[WIRE_CABLE] = "solid",
		[WIRE_LOWER] = "dotted",
		[WIRE_TUNNEL] = "bold",
	};
	/* A tunnel ends at the process, where there is one. */
	bool process_a = w->kind == WIRE_TUNNEL && m->rows[w->a].stub == STUB_PROCESS;
	bool process_b = w->kind == WIRE_TUNNEL && m->rows[w->b].stub == STUB_PROCESS;

	if (process_a)
		fprintf(out, "\ts%d -- ", w->a);
	else
		fprintf(out, "\tn%d:r%d -- ", m->rows[w->a].room, w->a);
	if (process_b)
		fprintf(out, "s%d", w->b);
	else
		fprintf(out, "n%d:r%d", m->rows[w->b].room, w->b);
	fprintf(out, " [style=%s, color=\"%s\"];\n", styles[w->kind],
		w->kind == WIRE_TUNNEL && !w->on_path
			? "#7c3aed"
			: colour(w->health, w->on_path ? MARK_PASSED : MARK_NONE));
}

char *map_dot(const struct map *m)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("graph warren {\n\trankdir=LR;\n\tnode [shape=plaintext, fontname=\"monospace\"];\n",
		out);
	for (size_t i = 0; i < m->room_count; i++)
		room_write(out, m, i);
	for (size_t i = 0; i < m->row_count; i++)
		stub_write(out, m, i);
	for (size_t i = 0; i < m->wire_count; i++)
		wire_write(out, m, &m->wires[i]);
	if (m->caption[0]) {
		fputs("\tlabel=<", out);
		escape(out, m->caption);
		fputs(">;\n", out);
	}
	fputs("}\n", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
