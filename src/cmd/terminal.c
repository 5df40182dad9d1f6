#include "cmd/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As setlocale(3) chooses, without the cost and the side effects of it. */
static bool locale_is_utf8(void)
{
	const char *locale = getenv("LC_ALL");

	if (!locale || !locale[0])
		locale = getenv("LC_CTYPE");
	if (!locale || !locale[0])
		locale = getenv("LANG");
	return locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
}

struct terminal terminal_look(FILE *out)
{
	const char *columns = getenv("COLUMNS"), *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	struct terminal t = {.is_terminal = isatty(fileno(out)), .utf8 = locale_is_utf8()};
	struct winsize size;

	t.colours =
		t.is_terminal && !(no_colour && no_colour[0]) && !(term && !strcmp(term, "dumb"));
	if (columns)
		t.width = (int)strtol(columns, NULL, 10);
	if (t.width <= 0 && t.is_terminal && !ioctl(fileno(out), TIOCGWINSZ, &size))
		t.width = size.ws_col;
	if (t.width < 0)
		t.width = 0;
	return t;
}

size_t terminal_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}
