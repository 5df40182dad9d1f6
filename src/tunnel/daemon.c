#include "tunnel/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <syslog.h>
#include <unistd.h>

int daemon_start(struct daemon *d, struct error *e)
{
	int pipe_fd[2];
	char byte;
	pid_t pid;

	d->waiting = -1;
	if (d->foreground)
		return 0;
	if (pipe2(pipe_fd, O_CLOEXEC))
		return error_errno(e, errno, "pipe");
	pid = fork();
	if (pid < 0)
		return error_errno(e, errno, "fork");
	if (pid) {
		int status = 1;

		close(pipe_fd[1]);
		if (read(pipe_fd[0], &byte, 1) == 1)
			_exit(0);
		/* It ended before it was ready, and has said why. */
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status))
			_exit(WEXITSTATUS(status));
		_exit(1);
	}
	close(pipe_fd[0]);
	d->waiting = pipe_fd[1];
	setsid();
	return chdir("/") ? error_errno(e, errno, "/") : 0;
}

/* Whoever reads the terminal's pipes must see their end.  What is logged from here on goes to the
 * journal, where there is one. */
void daemon_leave(const struct daemon *d)
{
	int null = d->foreground ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC), journal;

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (d->quiet) {
		journal = sd_journal_stream_fd("warren", LOG_INFO, 1);
		dup2(journal >= 0 ? journal : null, STDERR_FILENO);
		if (journal >= 0)
			close(journal);
	}
	close(null);
}

void daemon_ready(struct daemon *d)
{
	daemon_leave(d);
	if (d->ready_fd >= 0) {
		if (write(d->ready_fd, "\n", 1) < 0)
			errno = 0; /* nobody waits any more */
		close(d->ready_fd);
		d->ready_fd = -1;
	}
	if (d->waiting >= 0) {
		if (write(d->waiting, "\n", 1) < 0)
			errno = 0;
		close(d->waiting);
		d->waiting = -1;
	}
	sd_notify(0, "READY=1");
}

void daemon_say(const char *state)
{
	sd_notify(0, state);
}
