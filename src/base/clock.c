#include "base/clock.h"

#include <time.h>

static int64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

int64_t clock_now(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

int64_t clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}
