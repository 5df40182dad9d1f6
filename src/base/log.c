#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	enum log_level level;
	bool journal;
	char name[64];
} log_state = {.level = LOG_LEVEL_WARNING};

void log_open(const char *name, enum log_level level)
{
	log_state.level = level;
	log_state.journal = getenv("JOURNAL_STREAM") != NULL;
	snprintf(log_state.name, sizeof(log_state.name), "%s", name ? name : "");
}

void log_say(enum log_level level, const char *format, ...)
{
	static const int priority[] = {3, 4, 6, 7}; /* syslog's err, warning, info, debug */
	char line[2048];
	size_t used = 0;
	va_list args;

	if (level > log_state.level)
		return;
	if (log_state.journal)
		used += (size_t)snprintf(line, sizeof(line), "<%d>", priority[level]);
	if (log_state.name[0])
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s: ", log_state.name);
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	line[used++] = '\n';
	/* One write, so that lines of two threads do not mix. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}
