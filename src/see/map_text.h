/* map_text.h - a map drawn in characters
 *
 * Rooms stand one above the other, their devices as rows; wires leave through
 * the right wall into a gutter, where each has a track of its own, the short
 * ones inside:
 *
 *	┌─ internet ─────────────┐
 *	│ a     10.32.0.1/24     ├────────────────────╯
 *	│ b     10.33.0.254/24   ├────────────────────╮
 *	└────────────────────────┘                    │
 *	 box                      labels              tracks
 *
 * Networks that are not joined stand beside each other where the width allows
 * (map_shelves.h).  Where a hub has many leaves, each leaf is drawn at the end of its cable, and
 * a wire that finds no track in the width is written out at both ends.
 */
#pragma once
#include "see/canvas.h"
#include "see/map.h"

/* map_text - the drawing as text, with a newline after each line
 *
 * width  columns to fit into; 0: as many as it takes
 *
 * Returns a string to free(), or NULL without memory.
 */
char *map_text(const struct map *m, int width, struct canvas_look look);
