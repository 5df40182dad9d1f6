#include "cmd/words.h"

#include <stdio.h>

bool words_join(char out[WORDS_TEXT], char **words)
{
	size_t n = 0;

	for (out[0] = '\0'; *words; words++) {
		n += (size_t)snprintf(out + n, WORDS_TEXT - n, "%s%s", n ? " " : "", *words);
		if (n >= WORDS_TEXT)
			return false;
	}
	return true;
}
