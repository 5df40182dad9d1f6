/* map_columns.h - which column each room stands in */
#pragma once
#include "see/map.h"

/* columns_choose - column[room], the lowest of each component is 0; 0 or -ENOMEM
 *
 * Every wire that is no tunnel joins rooms of the same or of neighbouring columns.
 */
int columns_choose(const struct map *m, int *column);
