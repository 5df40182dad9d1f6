/* command.h - a shell command, run while the loop goes on */
#pragma once
#include "base/loop.h"

/* command_run - `TEXT` by bash, or sh where there is none, to its end
 *
 * Steps the loop until then, so that whatever the command needs of us is
 * answered.  Returns the exit status, 128 + the signal that ended it, or -errno.
 */
int command_run(struct loop *loop, const char *text);
