#include "tunnel/load.h"

const struct load_rules load_rules = {
	.window = 50 * MILLISECOND, .much = 50, .few = 40, .full = 95, .little = 85};

void load_begin(struct load *l, int64_t now, int64_t own, int64_t both)
{
	*l = (struct load){.since = now, .own = own, .both = both};
}

enum load_step load_next(struct load *l, const struct load_rules *rules,
	const struct load_role *role, int64_t now, int64_t own, int64_t both)
{
	int64_t lasted = now - l->since;
	int64_t percent = lasted > 0 ? 100 * (own - l->own) / lasted : 0;
	int64_t together = lasted > 0 ? 100 * (both - l->both) / lasted : 0;
	bool seen = l->seen;

	*l = (struct load){.since = now, .own = own, .both = both, .seen = true};
	if (role->can_split && percent >= rules->much)
		return LOAD_SPLIT;
	/* Where the last one has little to do, one more would have less. */
	if (role->can_call && percent >= rules->full &&
		(!role->has_member || together - percent >= rules->much))
		return LOAD_CALL;
	if (!seen) /* what called it may be a moment's */
		return LOAD_STAY;
	if (role->has_member && together <= rules->little)
		return LOAD_DISMISS;
	if (role->can_leave && together <= (role->took ? rules->few : rules->little))
		return LOAD_LEAVE;
	return LOAD_STAY;
}
