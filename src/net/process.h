/* process.h - programs that live in a node while the network is up
 *
 * A program is known by its process id and the time it was started, so that
 * a number the kernel has given to somebody else is never mistaken for it.
 * It is started behind a gate: the process exists and is written into the
 * journal before it runs a single instruction of the program.
 *
 *	process_fork()  ->  journal  ->  process_go()
 *
 * Each is the leader of a session of its own: a Ctrl-C at the terminal does
 * not reach it, and what it starts can be ended with it.
 *
 * Source: pidfd_open(2), setsid(2), proc(5) on /proc/PID/stat.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct process {
	pid_t pid;
	uint64_t start; /* in the clock ticks of /proc/PID/stat */
};

struct process_plan {
	char *const *argv;
	int netns;	     /* descriptor of the node's namespace */
	const char *node;    /* its `ip netns` name, for its /etc/netns */
	const char *sockets; /* directory to show as /var/run/wireguard */
	int log;	     /* its stdout and stderr */
	int keep;	     /* a descriptor that stays open as the same number; -1: none */
};

struct process_gate {
	int fd; /* -1: open already */
};

/* process_fork - make the process; it waits at the gate and ends when the gate is closed unopened
 */
int process_fork(struct process *p, struct process_gate *gate, const struct process_plan *plan,
	struct error *e);
void process_go(struct process_gate *gate);
void process_cancel(struct process_gate *gate);

/* process_find - fill in the start time of p->pid; false when there is no such process */
bool process_find(struct process *p);

/* process_lives - is it still that process?  One that has ended and is not yet waited for is not.
 */
bool process_lives(const struct process *p);

/* process_tell - SIGTERM to it and its group, without waiting */
void process_tell(const struct process *p);

/* process_end - SIGTERM to it and its group, SIGKILL when it is still there after `patience` ns
 *
 * Returns when it is gone.  0 also when it was gone before.
 */
int process_end(const struct process *p, int64_t patience, struct error *e);

/* process_vanish - wait until the last trace of an ended process is gone, at most until `deadline`
 *
 * Its parent has to take note of its end first.  That is process 1, mostly at
 * once; some containers' never does.
 */
void process_vanish(const struct process *p, int64_t deadline);

/* process_parse, process_format - "PID START", as the journal has it; process_words: what stands
 * behind that, separated by a blank */
bool process_parse(struct process *p, const char *text);
void process_format(char out[48], const struct process *p);
const char *process_words(const char *text);
