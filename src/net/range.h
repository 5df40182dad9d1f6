/* range.h - one text that names many: h[1-200]
 *
 *	h[1-3]        h1 h2 h3
 *	h[08-11]      h08 h09 h10 h11        as wide as the first number is written
 *	p[1,5,9-10]   p1 p5 p9 p10
 *	r[1-2]p[1-2]  r1p1 r1p2 r2p1 r2p2    the last one turns fastest
 *
 * A text without brackets names itself.
 */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "net/arena.h"

enum { RANGE_MOST = 16384 }; /* names that one text may stand for */

struct range {
	const char **names;
	size_t count;
};

/* range_expand - all names of `text`, in order
 *
 * Returns 0, or -EINVAL for brackets that do not match, are empty, count down,
 * name something twice, or name more than RANGE_MOST; the error says "found ..,
 * expected .." without a place.
 */
int range_expand(struct range *out, struct arena *a, const char *text, struct error *e);
