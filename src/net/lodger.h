/* lodger.h - programs that somebody started in a node, and that live there still
 *
 * Warren ends what it started and nothing else.  A lodger keeps the namespace
 * of its node alive, without a name, until it ends itself; so it is named.
 */
#pragma once
#include <sys/types.h>

#include "net/state.h"

/* lodger_find - call `say` for each process that lives in a node of the network
 *
 * name  what the process is called
 */
typedef void lodger_say_function(pid_t pid, const char *name, const char *node, void *arg);
void lodger_find(const struct state *s, lodger_say_function *say, void *arg);
