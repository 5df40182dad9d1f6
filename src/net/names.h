/* names.h - which number a name has
 *
 * A hash table from (scope, name) to a number, both given by the caller: scope
 * 0 for the names of nodes, one scope per node for the names of its devices.
 * It lives in an arena and keeps the pointers it is given; nothing is ever
 * taken out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "net/arena.h"

struct name_slot {
	int scope, number;
	const void *key;
	size_t size;
};

struct names {
	struct arena *arena;
	struct name_slot *slots;
	size_t used, size; /* size: a power of two, or 0 */
};

/* names_add - remember it; when it is there already, nothing changes and false returns */
bool names_add(struct names *n, int scope, const void *key, size_t size, int number);

/* names_find - its number, or -1 */
int names_find(const struct names *n, int scope, const void *key, size_t size);
