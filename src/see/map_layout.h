/* map_layout.h - where the parts of a map lie on a page
 *
 *	 column 0          column 1           column 2
 *	+--------+       +----------+       +--------+
 *	| site-a |       | internet |       | site-b |       lengths are in pixels of a
 *	|  eth0 o|-------|o a    b o|-------|o eth0  |       12 px monospaced font
 *	| (proc)=|===    +----------+    ===|= ...   |
 *	+--------+  '====================='  +--------+
 *
 * Rooms stand in columns, by their distance from the root of their component:
 * a tree has its root in the middle and grows to both sides, anything with a
 * circle begins at an edge.  So every cable leads to the next column or stays
 * in its own.  In a column the rooms stand where their cables are shortest,
 * which is found by averaging and pushing apart (pool adjacent violators).
 * Components are packed onto shelves.  Nothing is random: same map, same page.
 */
#pragma once
#include "see/map.h"

enum {
	LAYOUT_ROW = 22,    /* height of a row */
	LAYOUT_TITLE = 30,  /* above the first row */
	LAYOUT_FOOT = 8,    /* below the last row */
	LAYOUT_LEAF = 28,   /* a leaf is one line */
	LAYOUT_INDENT = 14, /* for each parent */
	LAYOUT_PAD = 14,    /* between wall and text */
};

enum layout_side { SIDE_LEFT, SIDE_RIGHT };

struct layout_row {
	enum layout_side side; /* the wall its wire goes through */
	double x, y;	       /* of its end on the wall */
	double pill_x, pill_y; /* middle of its process; only with STUB_PROCESS and STUB_NOBODY */
	double pill_width;     /* 0: none */
};

struct layout_room {
	double x, y, width, height;
	double stub_left, stub_right; /* room kept free beside it for stubs */
	int column;
	bool compact; /* title and row on one line */
};

struct layout {
	struct layout_room *rooms; /* as in the map */
	struct layout_row *rows;
	double width, height;
};

int layout_open(struct layout *l, const struct map *m); /* 0 or -ENOMEM */
void layout_close(struct layout *l);

/* layout_text - how wide text of n columns is, in pixels */
double layout_text(int columns);
