#include "see/identity.h"

#include <stdlib.h>

#include "base/clock.h"

enum { BUCKETS = 16384, WAYS = 4 };

/* How long a packet may stay inside a node before it leaves translated. */
#define TRANSLATION_LASTS SECOND

struct known { /* by whole signature */
	uint64_t whole, id;
	int64_t seen;
	uint32_t place, repeated;
	uint8_t life;
};

struct arrival { /* by loose signature: what came into a node */
	uint64_t loose, id;
	int64_t seen;
	uint32_t node, from, to;
	uint8_t life;
};

struct identity {
	struct known known[BUCKETS][WAYS];
	struct arrival arrivals[BUCKETS][WAYS];
};

struct identity *identity_new(void)
{
	return calloc(1, sizeof(struct identity));
}

void identity_free(struct identity *t)
{
	free(t);
}

static uint64_t number(uint64_t whole, uint32_t repeated)
{
	uint64_t n = (whole ^ (uint64_t)repeated << 40) * UINT64_C(0xd6e8feb86659fd93);

	n ^= n >> 32;
	return n ? n : 1;
}

static const struct known *known_find(const struct identity *t, uint64_t whole)
{
	const struct known *bucket = t->known[whole % BUCKETS];

	for (int i = 0; i < WAYS; i++)
		if (bucket[i].id && bucket[i].whole == whole)
			return &bucket[i];
	return NULL;
}

/* The slot to use for something new: a free one, or the one unseen for longest. */
static struct known *known_slot(struct identity *t, uint64_t whole)
{
	struct known *bucket = t->known[whole % BUCKETS], *oldest = &bucket[0];

	for (int i = 1; i < WAYS && oldest->id; i++)
		if (!bucket[i].id || bucket[i].seen < oldest->seen)
			oldest = &bucket[i];
	return oldest;
}

static void arrival_note(struct identity *t, const struct sighting *s, uint64_t id)
{
	struct arrival *bucket = t->arrivals[s->signature.loose % BUCKETS], *slot = &bucket[0];

	for (int i = 0; i < WAYS; i++) {
		if (bucket[i].loose == s->signature.loose && bucket[i].node == s->node) {
			slot = &bucket[i];
			break;
		}
		if (bucket[i].seen < slot->seen)
			slot = &bucket[i];
	}
	*slot = (struct arrival){s->signature.loose, id, s->time, s->node, s->signature.from,
		s->signature.to, s->signature.life};
}

/* Which arrival has become this departure? */
static uint64_t translated(const struct identity *t, const struct sighting *s)
{
	const struct arrival *bucket = t->arrivals[s->signature.loose % BUCKETS];

	for (int i = 0; i < WAYS; i++) {
		const struct arrival *a = &bucket[i];

		if (a->id && a->loose == s->signature.loose && a->node == s->node &&
			a->life == s->signature.life + 1 &&
			s->time - a->seen <= TRANSLATION_LASTS &&
			(a->from == s->signature.from || a->to == s->signature.to))
			return a->id;
	}
	return 0;
}

uint64_t identity_see(struct identity *t, const struct sighting *s)
{
	struct known *k = (struct known *)known_find(t, s->signature.whole);
	bool again = k && k->place == s->place && s->signature.life >= k->life;
	uint32_t repeated = again ? k->repeated + 1 : 0;
	uint64_t id;

	if (!k || again) {
		id = s->leaves && s->signature.from ? translated(t, s) : 0;
		if (!k)
			k = known_slot(t, s->signature.whole);
		*k = (struct known){.whole = s->signature.whole,
			.id = id ? id : number(s->signature.whole, repeated),
			.place = s->place,
			.repeated = repeated,
			.life = s->signature.life};
	}
	k->seen = s->time;
	if (!s->leaves && s->signature.from)
		arrival_note(t, s, k->id);
	return k->id;
}

uint64_t identity_find(const struct identity *t, const struct signature *signature)
{
	const struct known *k = known_find(t, signature->whole);

	return k ? k->id : 0;
}
