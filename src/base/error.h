/* error.h - why something failed, in words for the user
 *
 * Control functions return 0 or -errno.  Where the user needs more than the
 * number (which object, which line, what the kernel said), the caller passes a
 * struct error and the one who knows fills it, once.  Layers above may put
 * their own name in front.  Only cmd/ prints it.
 *
 * A zeroed struct is "no error".  All functions accept NULL and then only
 * return the number.
 */
#pragma once
#include <stdarg.h>

struct error {
	char text[1024]; /* one line, no newline at the end */
};

/* error_set - say why; returns -number so that the caller can return it on */
int error_set(struct error *e, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* error_errno - error_set() with ": strerror(number)" behind the text */
int error_errno(struct error *e, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* error_prefix - put "TEXT: " in front of what is there */
void error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
