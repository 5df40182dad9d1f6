/* map_path.h - the way of a probe, laid over a map
 *
 * Every device that the probe (or its answer) passed is marked, and the wires
 * between them; where it ended for good is marked as the end, or its room
 * where no device is to blame.  The caption says the verdict in a sentence.
 */
#pragma once
#include "see/map.h"
#include "see/why.h"

void map_path(struct map *m, const struct question *q, const struct verdict *v);
