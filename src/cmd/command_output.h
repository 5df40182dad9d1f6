/* command_output.h - run a shell command in a node and keep what it says */
#pragma once
#include <signal.h>
#include <stdint.h>

#include "base/error.h"

/* command_output - `warren exec NODE sh -c COMMAND`, waited for
 *
 * status   out: its exit status, 128 + the signal that ended it, or -1 when it
 *          was ended because `timeout` nanoseconds had passed, or *stop was set
 * output   out: stdout and stderr together, the first 64 KiB, without newlines
 *          at the end; the caller frees it
 *
 * Returns 0, or -errno when it could not be started.
 */
int command_output(int *status, char **output, const char *node, const char *command,
	int64_t timeout, const volatile sig_atomic_t *stop, struct error *e);
