/* map_json.h - a map for machines: the topology of what is drawn, and its wires
 *
 * The members of topology_json.h, and
 *	"links": [{"kind": "cable"|"lower"|"tunnel", "state": "up"|"weak"|"down",
 *	           "ends": [{"node": .., "device": ..}, {"node": .., "device": ..}],
 *	           "on_path": true}]
 */
#pragma once
#include <jansson.h>

#include "see/map.h"

/* map_json - a new reference, or NULL without memory */
json_t *map_json(const struct map *m);
