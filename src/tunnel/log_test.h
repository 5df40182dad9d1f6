/* log_test.h - what a test makes the program say */
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static int log_kept = -1;

/* log_catch - from here on stderr goes to a file ... */
static inline void log_catch(void)
{
	int file = memfd_create("log", MFD_CLOEXEC);

	log_kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	CHECK(file >= 0 && log_kept >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
	close(file);
}

/* log_caught - ... and here no more; returns what was said, until the next call */
static inline char *log_caught(void)
{
	static char text[4096];
	ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

	dup2(log_kept, STDERR_FILENO);
	close(log_kept);
	text[n > 0 ? n : 0] = '\0';
	return text;
}
