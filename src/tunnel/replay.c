#include "replay.h"

bool replay_accept(struct replay *w, uint64_t counter)
{
	if (counter >= REPLAY_END || counter + REPLAY_SPAN < w->next)
		return false;

	uint64_t word = counter / 64;

	if (counter >= w->next) {
		/* Words not yet entered still hold bits of the ring's last lap. */
		uint64_t fresh = (w->next + 63) / 64;

		for (uint64_t i = fresh; i <= word && i < fresh + REPLAY_WORDS; i++)
			w->seen[i % REPLAY_WORDS] = 0;
		w->next = counter + 1;
	}

	uint64_t *bits = &w->seen[word % REPLAY_WORDS];
	uint64_t mask = UINT64_C(1) << counter % 64;
	bool fresh = !(*bits & mask);

	*bits |= mask;
	return fresh;
}
