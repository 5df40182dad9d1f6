/* pace.h - let small packets gather instead of waking up for each
 *
 * A program that sends small packets quickly fills the device one by one.  A
 * thread that sleeps in poll is then woken for each, which costs the sender more
 * than the packet itself, and finds one packet when it comes.  While they arrive
 * at such a rate it pays to stay away for a moment: nobody needs to be woken, and
 * the next burst is a run.
 *
 *	without   p w.   p w.   p w.   p w.     w: wake up, "." a burst of one
 *	with      p p p p p p p p .             a nap of 30 us, a burst of eight
 *
 * Slow traffic (a ping, a request and its answer) never waits, nor do superframes.
 * Pure: time is an argument.  A zeroed struct has seen nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define PACE_WINDOW MILLISECOND
#define PACE_NAP (30 * MILLISECOND / 1000)
enum {
	PACE_FAST = 40,	       /* packets in a window: 40,000 a second */
	PACE_FULL = 24,	       /* a burst of so many is worth its while: no need to wait */
	PACE_LARGE = 16 << 10, /* and so is one of so many bytes */
};

struct pace {
	int64_t since; /* the window began */
	uint32_t packets;
	bool fast; /* the last window was */
};

/* pace_nap - after a burst that emptied the device: how long to stay away, in ns; 0: wait for more
 *
 * packets, bytes  of the burst
 */
int64_t pace_nap(struct pace *p, int64_t now, uint32_t packets, uint32_t bytes);
