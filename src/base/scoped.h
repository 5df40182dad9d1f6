/* scoped.h - resources that end with their scope
 *
 *	SCOPED_FD int fd = open(...);        closed when fd goes out of scope
 *	SCOPED_FREE char *text = strdup(s);  freed likewise
 *	return keep(&fd);                    moved out: the scope closes nothing
 */
#pragma once
#include <stdlib.h>
#include <unistd.h>

static inline void scoped_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void scoped_free(void *slot)
{
	free(*(void **)slot);
}

/* keep - take the descriptor out of its scope */
static inline int keep(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

#define SCOPED_FD __attribute__((cleanup(scoped_close)))
#define SCOPED_FREE __attribute__((cleanup(scoped_free)))
