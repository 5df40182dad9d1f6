#include "tunnel/command.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tunnel/conf.h"

struct command {
	struct watch watch; /* a pidfd */
	bool ended;
};

static void command_ready(struct watch *w, uint32_t events)
{
	watch_owner(w, struct command, watch)->ended = true;
}

static void signals_restore(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

int command_run(struct loop *loop, const char *text)
{
	struct command command = {0};
	int status = 0;
	pid_t pid;

	log_debug("running %s", conf_may_hold_key(text) ? "a command that may hold a key" : text);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		signals_restore();
		/* With the options that wg-quick runs them under. */
		execl("/bin/bash", "bash", "-e", "-o", "pipefail", "-O", "extglob", "-c", text,
			(char *)NULL);
		execl("/bin/sh", "sh", "-e", "-c", text, (char *)NULL);
		_exit(127);
	}
	command.watch = (struct watch){(int)syscall(SYS_pidfd_open, pid, 0), command_ready};
	if (command.watch.fd >= 0 && !loop_add(loop, &command.watch, EPOLLIN)) {
		while (!command.ended && !loop_step(loop, -1))
			;
		loop_del(loop, &command.watch);
		close(command.watch.fd);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
