/* trace_filter.h - a filter, ready to be placed into an eBPF object before it is loaded
 *
 * The object has a function with room for one (trace.bpf.c: filter_run), which
 * begins with two marking constants.  The filter is written over them, so that
 * nothing else in the object moves:
 *
 *	marks, filling, filling ...     if (never) go behind it; filter; filling ...
 *
 * The jump that is never taken keeps the rest reachable for the verifier, which
 * then sees that it is dead and removes it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "see/classic.h"

struct filter_code {
	struct instruction *code;
	int size;
	uint32_t reach; /* bytes of a frame that it may read */
};

/* filter_code_make - compile and translate; text NULL or "": everything matches
 *
 * Returns 0 or -errno with words: -EINVAL, -E2BIG, -EOPNOTSUPP.
 */
int filter_code_make(struct filter_code *f, const char *text, struct error *e);
void filter_code_done(struct filter_code *f);

/* filter_code_place - write it into an object's bytes; 0, or -ENOEXEC when there is no room marked
 */
int filter_code_place(const struct filter_code *f, uint8_t *object, size_t size);
