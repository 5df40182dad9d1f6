#include "tunnel/load.h"

int load_percent(struct load *l, int64_t now, int64_t spent)
{
	int64_t lasted = now - l->since, used = spent - l->spent;

	*l = (struct load){.since = now, .spent = spent};
	return lasted > 0 ? (int)(100 * used / lasted) : 0;
}
