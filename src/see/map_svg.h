/* map_svg.h - a map as a picture for a page or a screen
 *
 * Laid out by map_layout.h.  One SVG 1.1 file that needs nothing else: no
 * script, no fonts but the reader's own monospaced one.
 */
#pragma once
#include "see/map.h"

/* map_svg - the file's text; free() it; NULL without memory */
char *map_svg(const struct map *m);
