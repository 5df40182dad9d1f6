#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "net/view.h"

enum { STAT_SIZE = 1024, FIELD_STATE = 3, FIELD_START = 22 };

/* Reads the state letter and the start time; false when there is no such process. */
static bool stat_read(pid_t pid, char *state, uint64_t *start)
{
	char path[64], text[STAT_SIZE], *at;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);

	SCOPED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || strlen(at) < 3)
		return false;
	*state = at[2];
	at += 2;
	for (int field = FIELD_STATE; field < FIELD_START && at; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	*start = strtoull(at, NULL, 10);
	return true;
}

bool process_find(struct process *p)
{
	char state;

	return p->pid > 0 && stat_read(p->pid, &state, &p->start);
}

bool process_lives(const struct process *p)
{
	uint64_t start;
	char state;

	return p->pid > 0 && stat_read(p->pid, &state, &start) && start == p->start &&
	       state != 'Z' && state != 'X';
}

static void child_fail(const char *what, int number)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(number));
	_exit(number == ENOENT ? 127 : 126);
}

__attribute__((noreturn)) static void child_run(int gate, const struct process_plan *plan)
{
	struct error e = {0};
	sigset_t none;
	char go;
	int null, err;

	setsid();
	if (read(gate, &go, 1) != 1)
		_exit(125); /* nobody wants us any more */
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(plan->log, STDOUT_FILENO);
	dup2(plan->log, STDERR_FILENO);
	/* It lives on: what our caller has open (a pipe that somebody reads to its end) it does not
	 * keep open. */
	close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	if (plan->keep >= 0)
		fcntl(plan->keep, F_SETFD, 0);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	err = view_enter(plan->netns, plan->node, plan->sockets, &e);
	if (err)
		child_fail(e.text, -err);
	execvp(plan->argv[0], plan->argv);
	child_fail(plan->argv[0], errno);
	_exit(126);
}

int process_fork(struct process *p, struct process_gate *gate, const struct process_plan *plan,
	struct error *e)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return error_errno(e, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		int err = errno;

		close(ends[0]);
		close(ends[1]);
		return error_errno(e, err, "fork");
	}
	if (!pid) {
		close(ends[1]);
		child_run(ends[0], plan);
	}
	close(ends[0]);
	*gate = (struct process_gate){ends[1]};
	*p = (struct process){.pid = pid};
	if (!process_find(p)) {
		process_cancel(gate);
		return error_set(e, ESRCH, "process %d ended at once", (int)pid);
	}
	return 0;
}

void process_go(struct process_gate *gate)
{
	ssize_t ignored = write(gate->fd, "", 1);

	(void)ignored;
	close(gate->fd);
	gate->fd = -1;
}

void process_cancel(struct process_gate *gate)
{
	if (gate->fd >= 0)
		close(gate->fd);
	gate->fd = -1;
}

/* Waits on a pidfd; true once the process has ended. */
static bool ended(int pidfd, int64_t patience)
{
	int64_t deadline = clock_now() + patience;

	for (;;) {
		struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
		int64_t left = deadline - clock_now();
		int got = poll(&poll_fd, 1, left > 0 ? (int)(left / MILLISECOND) + 1 : 0);

		if (got > 0)
			return true;
		if (!got || errno != EINTR)
			return false;
	}
}

void process_tell(const struct process *p)
{
	if (process_lives(p))
		kill(-p->pid, SIGTERM);
}

int process_end(const struct process *p, int64_t patience, struct error *e)
{
	SCOPED_FD int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	/* The descriptor is of whoever has the number now; then see whether that is ours. */
	if (pidfd < 0 || !process_lives(p)) {
		waitpid(p->pid, NULL, WNOHANG);
		return 0;
	}
	if (kill(-p->pid, SIGTERM) && syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0))
		return error_errno(e, errno, "cannot end process %d", (int)p->pid);
	if (!ended(pidfd, patience)) {
		kill(-p->pid, SIGKILL);
		if (!ended(pidfd, 10 * SECOND))
			return error_set(e, ETIMEDOUT, "process %d does not end", (int)p->pid);
	}
	/* What it started in its session ends with it, also when it did not wait for that. */
	kill(-p->pid, SIGKILL);
	waitpid(p->pid, NULL, WNOHANG);
	return 0;
}

void process_vanish(const struct process *p, int64_t deadline)
{
	uint64_t start;
	char state;

	while (waitpid(p->pid, NULL, WNOHANG) <= 0 && stat_read(p->pid, &state, &start) &&
		start == p->start && clock_now() < deadline)
		nanosleep(&(struct timespec){.tv_nsec = 5 * MILLISECOND}, NULL);
}

bool process_parse(struct process *p, const char *text)
{
	int pid;
	unsigned long long start;

	if (sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 0)
		return false;
	*p = (struct process){pid, start};
	return true;
}

void process_format(char out[48], const struct process *p)
{
	snprintf(out, 48, "%d %llu", (int)p->pid, (unsigned long long)p->start);
}

const char *process_words(const char *text)
{
	const char *blank = strchr(text, ' ');

	blank = blank ? strchr(blank + 1, ' ') : NULL;
	return blank ? blank + 1 : "";
}
