#include "drop.h"

static const struct {
	const char *name, *text;
	enum drop_counter by;
} reasons[DROP_REASONS] = {{"carried", "carried", 0},
#define DROP_ROW(who, id, name, text) {name, text, DROP_BY_##who},
	DROP_LIST(DROP_ROW)
#undef DROP_ROW
};

const char *drop_name(enum drop why)
{
	return why < DROP_REASONS ? reasons[why].name : "unknown";
}

const char *drop_text(enum drop why)
{
	return why < DROP_REASONS ? reasons[why].text : "unknown";
}

enum drop_counter drop_counter(enum drop why)
{
	return why < DROP_REASONS ? reasons[why].by : 0;
}

uint64_t drops_total(const struct drops *d)
{
	uint64_t sum = 0;

	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
		sum += drop_read(d, why);
	return sum;
}
