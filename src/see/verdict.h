/* verdict.h - fill a verdict: the pieces that the engines add
 *
 * All of them keep what was there when memory is short: a verdict with a fact
 * too few is still true.
 */
#pragma once
#include "see/why.h"

/* verdict_step - append an empty step; NULL when memory is short */
struct step *verdict_step(struct verdict *v);

void verdict_fact(struct verdict *v, const char *source, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void verdict_fix(struct verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
