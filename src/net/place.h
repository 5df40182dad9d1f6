/* place.h - where in a file something stands, and errors that say so */
#pragma once
#include "base/error.h"

/* Counted from 1.  line 0: nothing in the file says so, it was derived. */
struct place {
	unsigned line, column;
};

/* place_error - "FILE:LINE:COLUMN: " and what is wrong there; returns -number */
int place_error(struct error *e, const char *file, struct place at, int number, const char *format,
	...) __attribute__((format(printf, 5, 6)));

enum { PLACE_QUOTE = 64 };

/* place_quote - foreign text for a message: in quotes, on one line, cut where it is long */
const char *place_quote(char out[PLACE_QUOTE], const char *text);
