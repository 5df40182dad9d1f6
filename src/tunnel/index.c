#include "tunnel/index.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum { LEAST = 64 };

struct index_slots {
	struct retired retired;
	uint32_t mask;
	_Atomic(struct index_entry *) slot[];
};

/* Stands where an entry was: a search must go on beyond it. */
static struct index_entry grave;

static struct index_entry *slot_get(const struct index_slots *s, uint32_t at)
{
	return atomic_load_explicit(&s->slot[at], memory_order_acquire);
}

static void slot_put(struct index_slots *s, uint32_t at, struct index_entry *e)
{
	atomic_store_explicit(&s->slot[at], e, memory_order_release);
}

/* Numbers are random, so their low bits are the hash. */
struct index_entry *index_find(const struct index *t, uint32_t number)
{
	const struct index_slots *s = atomic_load_explicit(&t->slots, memory_order_acquire);
	struct index_entry *e;

	if (!s)
		return NULL;
	for (uint32_t at = number & s->mask; (e = slot_get(s, at)); at = (at + 1) & s->mask)
		if (e != &grave && e->number == number)
			return e;
	return NULL;
}

static void slots_free(struct retired *r)
{
	free((char *)r - offsetof(struct index_slots, retired));
}

/* A new table of the right size, without graves, takes the place of the old one. */
static int rebuild(struct index *t, struct quiet *quiet)
{
	struct index_slots *old = t->slots, *s;
	uint32_t size = LEAST;

	while (size < (t->count + 1) * 4)
		size *= 2;
	s = calloc(1, sizeof(*s) + size * sizeof(s->slot[0]));
	if (!s)
		return -ENOMEM;
	s->mask = size - 1;
	for (uint32_t i = 0; old && i <= old->mask; i++) {
		struct index_entry *e = slot_get(old, i);
		uint32_t at;

		if (!e || e == &grave)
			continue;
		for (at = e->number & s->mask; slot_get(s, at); at = (at + 1) & s->mask)
			;
		slot_put(s, at, e);
	}
	t->used = t->count;
	atomic_store_explicit(&t->slots, s, memory_order_release);
	if (old)
		quiet_retire(quiet, &old->retired, slots_free);
	return 0;
}

int index_add(struct index *t, struct index_entry *e, struct quiet *quiet)
{
	struct index_slots *s = t->slots;
	struct index_entry *there;
	uint32_t at;

	if (index_find(t, e->number))
		return -EEXIST;
	/* At most half of the slots are used, so that searches are short, and end. */
	if (!s || (t->used + 1) * 2 > s->mask) {
		int err = rebuild(t, quiet);

		if (err)
			return err;
		s = t->slots;
	}
	for (at = e->number & s->mask; (there = slot_get(s, at)) && there != &grave;
		at = (at + 1) & s->mask)
		;
	t->used += !there;
	t->count++;
	slot_put(s, at, e);
	return 0;
}

static uint32_t place_of(const struct index_slots *s, const struct index_entry *e)
{
	uint32_t at = e->number & s->mask;

	while (slot_get(s, at) != e)
		at = (at + 1) & s->mask;
	return at;
}

void index_replace(struct index *t, struct index_entry *old, struct index_entry *with)
{
	with->number = old->number;
	slot_put(t->slots, place_of(t->slots, old), with);
}

void index_del(struct index *t, struct index_entry *e)
{
	slot_put(t->slots, place_of(t->slots, e), &grave);
	t->count--;
}

void index_done(struct index *t)
{
	free(t->slots);
	atomic_store(&t->slots, NULL);
	t->used = t->count = 0;
}
