#include "see/map_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "see/fake.h"
#include "see/map_dot.h"
#include "see/map_svg.h"
#include "see/map_text.h"
#include "test.h"

enum { ROOMS = 24, CABLES = 40 };

/* Rooms with cables between pairs drawn by dice; the devices of a room must be made together. */
static struct topology network(int rooms, int cables)
{
	struct topology t = fake_begin("n0", NULL);
	int ends[CABLES][2], device[CABLES][2];

	for (int i = 1; i < rooms; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		fake_netns(&t, name);
	}
	for (int i = 0; i < cables; i++)
		for (int k = 0; k < 2; k++)
			ends[i][k] = (int)dice((uint64_t)rooms);
	for (int room = 0; room < rooms; room++) {
		int n = 0;

		for (int i = 0; i < cables; i++) {
			for (int k = 0; k < 2; k++) {
				char name[16], address[32];

				if (ends[i][k] != room)
					continue;
				snprintf(name, sizeof(name), "e%d", n++);
				snprintf(address, sizeof(address), "10.%d.%d.1/24", i, k);
				device[i][k] = fake_device(
					&t, room, name, DEVICE_VETH, dice(3) ? address : NULL);
			}
		}
		if (dice(4) == 0)
			fake_device(&t, room, "tun0", DEVICE_TUN, NULL);
	}
	for (int i = 0; i < cables; i++)
		fake_cable(&t, device[i][0], device[i][1]);
	return t;
}

static bool overlap(const struct layout_room *a, const struct layout_room *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
	       b->y < a->y + a->height;
}

TEST(rooms_never_overlap_and_lie_on_the_page)
{
	for (int round = 0; round < 60; round++) {
		struct topology t = network(1 + (int)dice(ROOMS), (int)dice(CABLES + 1));
		struct map m;
		struct layout l;

		CHECK(map_build(&m, &t, NULL) == 0);
		CHECK(layout_open(&l, &m) == 0);
		for (size_t i = 0; i < m.room_count; i++) {
			CHECK(l.rooms[i].x >= 0 && l.rooms[i].y >= 0);
			CHECK(l.rooms[i].x + l.rooms[i].width <= l.width);
			CHECK(l.rooms[i].y + l.rooms[i].height <= l.height);
			for (size_t k = 0; k < i; k++)
				CHECK(!overlap(&l.rooms[i], &l.rooms[k]));
		}
		layout_close(&l);
		map_free(&m);
		topology_free(&t);
	}
}

TEST(every_end_is_on_a_wall_of_its_room_and_cables_lead_to_the_next_column)
{
	for (int round = 0; round < 60; round++) {
		struct topology t = network(1 + (int)dice(ROOMS), (int)dice(CABLES + 1));
		struct map m;
		struct layout l;

		CHECK(map_build(&m, &t, NULL) == 0);
		CHECK(layout_open(&l, &m) == 0);
		for (size_t i = 0; i < m.row_count; i++) {
			const struct layout_room *r = &l.rooms[m.rows[i].room];

			CHECK(l.rows[i].y > r->y && l.rows[i].y < r->y + r->height);
			CHECK(l.rows[i].x == r->x || l.rows[i].x == r->x + r->width);
		}
		for (size_t i = 0; i < m.wire_count; i++) {
			int a = l.rooms[m.rows[m.wires[i].a].room].column;
			int b = l.rooms[m.rows[m.wires[i].b].room].column;

			CHECK(abs(a - b) <= 1);
		}
		layout_close(&l);
		map_free(&m);
		topology_free(&t);
	}
}

TEST(every_device_and_cable_is_drawn_once)
{
	for (int round = 0; round < 30; round++) {
		int cables = (int)dice(CABLES + 1);
		struct topology t = network(1 + (int)dice(ROOMS), cables);
		struct map m;

		CHECK(map_build(&m, &t, NULL) == 0);
		CHECK(m.wire_count == (size_t)cables);
		CHECK(m.row_count == t.device_count);
		for (int i = 0; i < (int)t.device_count; i++)
			CHECK(map_row_of(&m, i) >= 0);
		map_free(&m);
		topology_free(&t);
	}
}

static char *svg_of(const struct topology *t)
{
	struct map m;
	char *text;

	CHECK(map_build(&m, t, NULL) == 0);
	text = map_svg(&m);
	map_free(&m);
	return text;
}

TEST(the_same_network_gives_the_same_picture)
{
	struct topology t = network(ROOMS, CABLES);
	char *one = svg_of(&t), *two = svg_of(&t);

	CHECK_TEXT(one, two);
	free(one);
	free(two);
	topology_free(&t);
}

TEST(names_that_are_markup_are_escaped)
{
	struct topology t = fake_begin("<a&b>", NULL);
	struct map m;
	char *svg, *dot;

	fake_device(&t, 0, "\"e<0", DEVICE_PHYSICAL, NULL);
	CHECK(map_build(&m, &t, NULL) == 0);
	svg = map_svg(&m);
	dot = map_dot(&m);
	CHECK(strstr(svg, "&lt;a&amp;b&gt;") && !strstr(svg, "<a&b>"));
	CHECK(strstr(dot, "&quot;e&lt;0") && !strstr(dot, "\"e<0"));
	free(svg);
	free(dot);
	map_free(&m);
	topology_free(&t);
}

TEST(a_star_has_its_hub_in_the_middle)
{
	struct topology t = fake_begin("hub", NULL);
	struct map m;
	struct layout l;

	for (int i = 0; i < 20; i++)
		fake_device(&t, 0, "p", DEVICE_VETH, NULL);
	for (int i = 0; i < 20; i++) {
		fake_netns(&t, "h");
		fake_cable(&t, i, fake_device(&t, i + 1, "eth0", DEVICE_VETH, "10.0.0.1/8"));
	}
	CHECK(map_build(&m, &t, NULL) == 0);
	CHECK(layout_open(&l, &m) == 0);
	for (size_t i = 0; i < m.room_count; i++)
		CHECK((l.rooms[i].column == 1) == (m.rooms[i].netns == 0));
	layout_close(&l);
	map_free(&m);
	topology_free(&t);
}

TEST(text_of_any_network_fits_the_width)
{
	for (int round = 0; round < 30; round++) {
		struct topology t = network(1 + (int)dice(ROOMS), (int)dice(CABLES + 1));
		int width = 40 + (int)dice(80);
		struct map m;
		char *text;

		CHECK(map_build(&m, &t, NULL) == 0);
		text = map_text(&m, width, (struct canvas_look){.utf8 = true});
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			CHECK(text_columns(line) <= width);
		free(text);
		map_free(&m);
		topology_free(&t);
	}
}
