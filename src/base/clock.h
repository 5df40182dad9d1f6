/* clock.h - the two clocks
 *
 * Protocol and decision code never calls these: it gets `now` as an argument,
 * so that its tests run in virtual time.
 */
#pragma once
#include <stdint.h>

#define MILLISECOND INT64_C(1000000) /* in nanoseconds, the unit of all times */
#define SECOND INT64_C(1000000000)

/* clock_now - nanoseconds of CLOCK_BOOTTIME: never jumps back, counts while suspended */
int64_t clock_now(void);

/* clock_wall - nanoseconds since 1970, CLOCK_REALTIME: may jump */
int64_t clock_wall(void);
