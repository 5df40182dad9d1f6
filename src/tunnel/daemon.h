/* daemon.h - into the background, and who is told when we are ready
 *
 * Like other user-space implementations, the program goes into the background
 * unless -f: the shell gets its prompt back once the interface works, with
 * exit status 0, or 1 when it does not come to that.
 *
 *	warren tunnel wg0 --fork--> daemon: interface, socket, keys ... ready
 *	   waits  <---------------- one byte -----------------------------'
 *	   exit 0
 *
 * Ready is also told to systemd (NOTIFY_SOCKET) and, on a descriptor that was
 * asked for, to who started us.
 */
#pragma once
#include <stdbool.h>

#include "base/error.h"

struct daemon {
	bool foreground;
	bool quiet;   /* in the background, keep nothing of the terminal, also not stderr */
	int ready_fd; /* gets one "\n" and is closed; -1: none */
	int waiting;  /* the end of the pipe that the first process reads; -1 */
};

/* daemon_start - in the background: returns in the daemon only; the first process waits and exits
 *
 * Before threads and before anything that a fork would double.
 */
int daemon_start(struct daemon *d, struct error *e);

/* daemon_ready - once: tells everyone who waits; in the background lets go of the terminal */
void daemon_ready(struct daemon *d);

/* daemon_leave - in a process that it starts: let go of the terminal at once */
void daemon_leave(const struct daemon *d);

/* daemon_say - a line about the state for systemd: "RELOADING=1", "STATUS=..." */
void daemon_say(const char *state);
