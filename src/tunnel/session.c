#include "tunnel/session.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

struct session *session_new(void)
{
	struct session *s = aligned_alloc(_Alignof(struct session), sizeof(*s));

	if (s)
		memset(s, 0, sizeof(*s));
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	sodium_memzero(s, sizeof(*s));
	free(s);
}
