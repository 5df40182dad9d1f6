#include "net/names.h"

#include <stdint.h>
#include <string.h>

/* FNV-1a.  Not against attackers: who writes the file only slows down himself. */
static size_t hash(int scope, const void *key, size_t size)
{
	uint64_t h =
		UINT64_C(0xcbf29ce484222325) ^ ((uint64_t)scope * UINT64_C(0x9e3779b97f4a7c15));
	const uint8_t *bytes = key;

	for (size_t i = 0; i < size; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 29);
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct name_slot *slot(const struct names *n, int scope, const void *key, size_t size)
{
	for (size_t i = hash(scope, key, size);; i++) {
		struct name_slot *s = &n->slots[i & (n->size - 1)];

		if (!s->key || (s->scope == scope && s->size == size && !memcmp(s->key, key, size)))
			return s;
	}
}

static void grow(struct names *n)
{
	struct names bigger = {
		.arena = n->arena, .used = n->used, .size = n->size ? 2 * n->size : 64};

	bigger.slots = arena_get(n->arena, bigger.size * sizeof(*bigger.slots));
	for (size_t i = 0; i < n->size; i++)
		if (n->slots[i].key)
			*slot(&bigger, n->slots[i].scope, n->slots[i].key, n->slots[i].size) =
				n->slots[i];
	*n = bigger;
}

bool names_add(struct names *n, int scope, const void *key, size_t size, int number)
{
	struct name_slot *s;

	if (2 * (n->used + 1) > n->size)
		grow(n);
	s = slot(n, scope, key, size);
	if (s->key)
		return false;
	*s = (struct name_slot){.scope = scope, .number = number, .key = key, .size = size};
	n->used++;
	return true;
}

int names_find(const struct names *n, int scope, const void *key, size_t size)
{
	const struct name_slot *s = n->size ? slot(n, scope, key, size) : NULL;

	return s && s->key ? s->number : -1;
}
