#include "net/names.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

TEST(a_name_is_found_in_its_own_scope_only)
{
	struct names n = {.arena = arena_new()};

	CHECK(names_find(&n, 0, "a", 1) == -1);
	CHECK(names_add(&n, 0, "a", 1, 7));
	CHECK(names_add(&n, 1, "a", 1, 8));
	CHECK(!names_add(&n, 0, "a", 1, 9)); /* nothing changes */
	CHECK(names_find(&n, 0, "a", 1) == 7);
	CHECK(names_find(&n, 1, "a", 1) == 8);
	CHECK(names_find(&n, 2, "a", 1) == -1);
	CHECK(names_find(&n, 0, "ab", 2) == -1);
	arena_free(n.arena);
}

/* The obvious model: a list of all that were added. */
TEST(names_agree_with_a_list)
{
	enum { MOST = 600 };
	static char keys[MOST][8];
	static int scopes[MOST];
	struct names n = {.arena = arena_new()};
	int count = 0;

	for (int round = 0; round < 3000 && count < MOST; round++) {
		int scope = (int)dice(3) - 1, found = -1;
		char key[8];

		snprintf(key, sizeof(key), "n%u", (unsigned)dice(400));
		for (int i = 0; i < count; i++)
			if (scopes[i] == scope && !strcmp(keys[i], key))
				found = i;
		CHECK(names_find(&n, scope, key, strlen(key)) == found);
		memcpy(keys[count], key, sizeof(key));
		scopes[count] = scope;
		CHECK(names_add(&n, scope, keys[count], strlen(key), count) == (found < 0));
		count += found < 0;
	}
	CHECK(n.used == (size_t)count);
	arena_free(n.arena);
}
