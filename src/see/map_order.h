/* map_order.h - put the rooms of a map into the order in which they are drawn
 *
 * Component after component; inside one, as one would walk through the
 * network: from a room at its edge, along the wires, in the order in which
 * they leave each room.  Neighbours come to lie near each other, and the order
 * depends on nothing but the network.
 */
#pragma once
#include "see/map.h"

/* map_order - rooms, their rows and the wires' ends are renumbered; 0 or -ENOMEM */
int map_order(struct map *m);

/* The rooms that a wire joins. */
int map_wire_room(const struct map *m, const struct map_wire *w, bool b);

/* map_distances - steps over wires (tunnels not counted) from room `from`; -1: not reached
 *
 * Returns the room that is farthest, the first of several; `from` when it is alone.
 */
int map_distances(const struct map *m, int from, int *distance);
