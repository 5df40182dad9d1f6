/* suggest.h - which word was meant?
 *
 * Counts the letters that must be added, dropped, replaced or swapped with
 * their neighbour to get from one word to the other (the restricted
 * Damerau-Levenshtein distance), and takes the nearest if it is near: one
 * letter in three.
 */
#pragma once
#include <stddef.h>

/* suggest_distance - 0 for equal words, in lower or upper case; SIZE_MAX for long ones (over 63) */
size_t suggest_distance(const char *a, const char *b);

struct suggestion {
	const char *best; /* NULL: nothing is near */
	size_t distance;
};

/* suggest_offer - `candidate` stands for `name` (often the same word): keep it if it is nearer */
void suggest_offer(
	struct suggestion *s, const char *found, const char *candidate, const char *name);
