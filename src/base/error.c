#include "base/error.h"

#include <stdio.h>
#include <string.h>

int error_set(struct error *e, int number, const char *format, ...)
{
	va_list args;

	if (e) {
		va_start(args, format);
		vsnprintf(e->text, sizeof(e->text), format, args);
		va_end(args);
	}
	return -number;
}

int error_errno(struct error *e, int number, const char *format, ...)
{
	va_list args;
	size_t used;

	if (e) {
		va_start(args, format);
		vsnprintf(e->text, sizeof(e->text), format, args);
		va_end(args);
		used = strlen(e->text);
		snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror(number));
	}
	return -number;
}

void error_prefix(struct error *e, const char *format, ...)
{
	struct error front;
	va_list args;
	size_t used;

	if (!e)
		return;
	va_start(args, format);
	vsnprintf(front.text, sizeof(front.text), format, args);
	va_end(args);
	used = strlen(front.text);
	snprintf(front.text + used, sizeof(front.text) - used, ": %.*s",
		(int)(sizeof(front.text) - used - 3), e->text);
	*e = front;
}
