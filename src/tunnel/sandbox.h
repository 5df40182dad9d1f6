/* sandbox.h - what the packet process gives up
 *
 * Everyone on the internet may send this process bytes, and it holds the keys.
 * So before it reads the first of them it gives up all it does not need:
 *
 *	root          user and group nobody, where that user exists
 *	capabilities  none, and none to be had again: no new privileges
 *	files         Landlock: no path can be opened
 *	system calls  a list of those that carry packets; all others are EPERM.  Not
 *	              in it: open, socket, exec, fork, ptrace, mount ...
 *	memory        locked, so that keys are never swapped; not dumpable, so that
 *	              neither a core file nor a debugger sees them
 *
 * In two steps, since the first must come before threads are started (each
 * thread has its own) and the second after (starting one is not in the list).
 *
 * A container or an old kernel may refuse a piece.  Then the rest is done all
 * the same and the caller says in one line what is missing.
 */
#pragma once
#include "base/error.h"

/* sandbox_enter - everything but the system calls; before threads
 *
 * missing  out: what was refused, comma separated; empty when all is well
 */
void sandbox_enter(struct error *missing);

/* sandbox_seal - only the listed system calls from here on, for all threads; 0 or -errno */
int sandbox_seal(void);

/* sandbox_parent - the other process: keep only the rights for network devices, sockets and
 * namespaces, for ending the packet process, and for reading the file again */
void sandbox_parent(void);
