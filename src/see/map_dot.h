/* map_dot.h - a map for Graphviz: rooms as tables with a port for each device
 *
 *	warren map -o net.dot && dot -Tsvg net.dot >net.svg
 */
#pragma once
#include "see/map.h"

/* map_dot - the file's text; free() it; NULL without memory */
char *map_dot(const struct map *m);
