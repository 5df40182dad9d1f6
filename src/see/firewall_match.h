/* firewall_match.h - is a condition of a rule true of a packet
 *
 * One expression of `nft -j`, at one packet: yes, no, or maybe where it is not
 * understood or asks for what is not known (a rate, a process, a counter).
 *
 * Pure.  Source: libnftables-json(5).
 */
#pragma once
#include <stdint.h>

#include <jansson.h>

#include "see/firewall.h"

enum truth { NO, MAYBE, YES };

/* What conditions may depend on. */
struct situation {
	const json_t *items; /* the array of objects: named sets and maps are in it */
	const struct firewall_packet *packet;
	uint64_t mark;	   /* as rules on the way have set it */
	enum truth marked; /* MAYBE: one that perhaps matched has set it */
};

/* match_holds - of {"left": .., "op": .., "right": ..} */
enum truth match_holds(const struct situation *s, const json_t *match);

/* map_find - which element of a verdict map does the packet hit
 *
 * vmap     {"key": .., "data": ..}
 * element  out: the key as it stands in the map (borrowed)
 *
 * Returns the verdict, {"drop": null} or such (borrowed); NULL: none.  *how: YES or MAYBE
 */
const json_t *map_find(
	const struct situation *s, const json_t *vmap, const json_t **element, enum truth *how);

/* set_find - the element of a named set that a condition hit, when it is just that one value
 *
 * name  out: of the set; borrowed, as is the element.  NULL: no such thing.
 */
const json_t *set_find(const struct situation *s, const json_t *match, const char **name);
