#include "cmd/command_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scoped.h"

enum { MOST = 64 << 10, PERIOD = 20 }; /* bytes; milliseconds */

/* In the child: a group of its own, so that what it starts ends with it. */
static void become(int output, const char *node, const char *command)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		dup2(output, STDERR_FILENO) < 0)
		_exit(126);
	/* What we ignore or block, the command should not. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	execl("/proc/self/exe", "warren", "exec", node, "--", "sh", "-c", command, (char *)NULL);
	_exit(126);
}

/* Reads until the end; false when the deadline has passed, or *stop is set. */
static bool collect(
	int fd, char *text, size_t *used, int64_t deadline, const volatile sig_atomic_t *stop)
{
	char beyond[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		bool full = *used >= MOST;
		ssize_t n;

		if (clock_now() >= deadline || *stop)
			return false;
		if (poll(&p, 1, PERIOD) <= 0)
			continue;
		n = full ? read(fd, beyond, sizeof(beyond)) : read(fd, text + *used, MOST - *used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		*used += full ? 0 : (size_t)n;
	}
}

int command_output(int *status, char **output, const char *node, const char *command,
	int64_t timeout, const volatile sig_atomic_t *stop, struct error *e)
{
	SCOPED_FREE char *text = calloc(1, MOST + 1);
	int ends[2], wait_status = 0;
	size_t used = 0;
	bool ended;
	pid_t pid;

	if (!text || pipe2(ends, O_CLOEXEC))
		return error_errno(e, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return error_errno(e, errno, "fork");
	}
	if (!pid)
		become(ends[1], node, command);
	setpgid(pid, pid);
	close(ends[1]);
	ended = collect(ends[0], text, &used, clock_now() + timeout, stop);
	close(ends[0]);
	if (!ended)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	*status = !ended		   ? -1
		  : WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
					   : 128 + WTERMSIG(wait_status);
	while (used && text[used - 1] == '\n')
		text[--used] = '\0';
	*output = text;
	text = NULL;
	return 0;
}
