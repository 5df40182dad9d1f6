#include "net/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int place_error(
	struct error *e, const char *file, struct place at, int number, const char *format, ...)
{
	char text[sizeof(e->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!at.line)
		return error_set(e, number, "%s: %s", file, text);
	return error_set(e, number, "%s:%u:%u: %s", file, at.line, at.column, text);
}

const char *place_quote(char out[PLACE_QUOTE], const char *text)
{
	enum { LONGEST = 48 };
	size_t n = strlen(text), cut = n;

	if (n > LONGEST) {
		cut = LONGEST;
		while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
			cut--; /* never inside a UTF-8 character */
	}
	snprintf(out, PLACE_QUOTE, "'%.*s%s'", (int)cut, text, cut < n ? "..." : "");
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return out;
}
