#include "tunnel/pace.h"

int64_t pace_nap(struct pace *p, int64_t now, uint32_t packets, uint32_t bytes)
{
	if (now - p->since >= PACE_WINDOW) {
		/* A window that is long over says nothing of now. */
		p->fast = p->packets >= PACE_FAST && now - p->since < 2 * PACE_WINDOW;
		p->since = now;
		p->packets = 0;
	}
	p->packets += packets;
	return p->fast && packets && packets < PACE_FULL && bytes < PACE_LARGE ? PACE_NAP : 0;
}
