/* words.h - arguments that are one text, such as a filter */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WORDS_TEXT = 4096 };

/* words_join - the arguments up to NULL with a space between; false when they do not fit */
bool words_join(char out[WORDS_TEXT], char **words);
