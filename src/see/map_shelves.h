/* map_shelves.h - put the drawings of several networks beside each other
 *
 *	┌─ A ─┐     ┌─ C ─┐     ┌─ E ─┐
 *	│ a0  ├─╮   │ c0  ├─╮   │ e0  ├─╮      what is not joined by wires
 *	└─────┘ │   └─────┘ │   └─────┘ │      needs no line between, and a
 *	┌─ B ─┐ │   ┌─ D ─┐ │   ┌─ F ─┐ │      wide page has room for more
 *	│ b0  ├─╯   │ d0  ├─╯   │ f0  ├─╯      than one
 *	└─────┘     └─────┘     └─────┘
 *
 * Pure.
 */
#pragma once
#include "see/canvas.h"
#include "see/map.h"

/* map_part - the rooms, rows and wires of one component, as a map of its own
 *
 * Returns 0 or -ENOMEM; on success map_part_free() it.
 */
int map_part(struct map *part, const struct map *m, int component);
void map_part_free(struct map *part);

/* shelves_pack - where each drawing stands on a page of `width` columns
 *
 * sizes  of the drawings: width and height; nothing else of them is looked at
 * x, y   out
 *
 * Returns how many of them stand beside another.
 */
size_t shelves_pack(const struct canvas *sizes, size_t count, int width, int *x, int *y);
