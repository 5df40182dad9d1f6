/* account.h - what happened during a check, in plain words
 *
 * As a teacher at the blackboard would tell it: who asked what, what each
 * device sent and received and what that means, where it ended, why, and how
 * that is known.  It is told from the events of the live kernel that the
 * verdict holds; the plan only says what the devices are to each other (the
 * other end of a cable, the port of a bridge).
 *
 * Lines begin with "# ", as comments in TAP do.
 */
#pragma once
#include "cmd/check.h"

/* account_begin - the network as its file draws it: the comment on top of the file */
void account_begin(const char *file);

/* What the processes of the nodes had said when a check began. */
struct account_mark {
	int64_t *sizes; /* one for each process of the plan, in order; NULL: not taken */
};

void account_mark(struct account_mark *m, const struct plan *p);
void account_unmark(struct account_mark *m);

/* account_print - one check, after it has been tried */
void account_print(const struct plan *p, const struct plan_check *c, const char *name,
	const struct check_result *r, const struct account_mark *m);
