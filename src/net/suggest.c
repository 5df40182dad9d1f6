#include "net/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST = 63 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][LONGEST + 1]; /* of the table, by turns: this one and the two above */

	if (n > LONGEST || m > LONGEST)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				tolower((unsigned char)a[i - 2]) == y)
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

void suggest_offer(struct suggestion *s, const char *found, const char *candidate, const char *name)
{
	size_t distance = suggest_distance(found, candidate);
	size_t longer = strlen(found) > strlen(candidate) ? strlen(found) : strlen(candidate);

	/* A word of one letter resembles every other one. */
	if (distance > (longer + 2) / 3 || distance >= longer ||
		(s->best && distance >= s->distance))
		return;
	s->best = name;
	s->distance = distance;
}
