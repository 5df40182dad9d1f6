/* gateway.h - over which neighbour could a node reach an address
 *
 * A route that is missing can be added only by who knows where it should lead.
 * Neighbours are asked in this order, and the first that says yes is taken:
 *
 *	1. Its routes lead, node by node, to the owner of the address.
 *	2. Its routes lead out of what can be seen: a wire, a process.
 *	3. No routes yet, but over it there are cables to the owner; a chain of nodes that
 *	   forward comes before one that would have to be told to.
 *	4. Nobody here has the address: a neighbour the packet has not come through.
 *
 * A way that comes back through the node itself is none.
 */
#pragma once
#include "see/scene.h"

/* gateway_find - the neighbour's address, 4 or 16 bytes; false when no neighbour will do
 *
 * device  only neighbours on this one; TOPOLOGY_NONE: on any
 */
bool gateway_find(const struct scene *s, int netns, int device, uint8_t family, const uint8_t *ip,
	uint8_t gateway[16]);

/* gateway_leads - do the routes of `netns` lead to the address, or out of what can be seen */
bool gateway_leads(const struct scene *s, int netns, uint8_t family, const uint8_t *ip);

/* gateway_cabled - is the owner of ip reached from `device` over cables and nodes in whatever
 * state, without coming back through the device's own node */
bool gateway_cabled(const struct scene *s, int device, uint8_t family, const uint8_t *ip);
