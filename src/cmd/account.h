/* account.h - what happened during a check, in plain words
 *
 * As a teacher at the blackboard would tell it: who asked what, what each
 * device sent and received and what that means, where it ended, and why.  It is
 * told from the events of the live kernel that the verdict holds, never from
 * what should have happened.  Lines begin with "# ", as comments in TAP do.
 */
#pragma once
#include "cmd/check.h"

/* account_begin - the network as its file draws it: the comment on top of the file */
void account_begin(const struct plan *p, const char *file);

/* account_print - one check, after it has been tried */
void account_print(const struct plan *p, const struct plan_check *c, const char *name,
	const struct check_result *r);
