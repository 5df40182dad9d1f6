#include "tunnel/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static int threads_verdict;

/* What a process that was taken over would try.  Returns 0 when nothing of it works. */
static int forbidden_try(void)
{
	static char page[4096];
	char *const argv[] = {"true", NULL};

	if (open("/etc/passwd", O_RDONLY) >= 0)
		return 1;
	if (socket(AF_INET, SOCK_DGRAM, 0) >= 0 || errno != EPERM)
		return 2;
	if (execv("/bin/true", argv) == 0 || errno != EPERM)
		return 3;
	if (setuid(0) == 0)
		return 4;
	if (fork() >= 0)
		return 5;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED)
		return 6;
	if (mprotect(page, 1, PROT_EXEC) == 0)
		return 7;
	if (prctl(PR_SET_DUMPABLE, 1) == 0)
		return 8;
	if (unlink("/tmp/sandbox") == 0 || errno != EPERM || mkdir("/tmp/sandbox", 0700) == 0)
		return 9;
	if (kill(1, 0) == 0 || errno != EPERM)
		return 10;
	return 0;
}

static void *thread_run(void *go)
{
	char byte;

	if (read(*(int *)go, &byte, 1) == 1)
		threads_verdict = forbidden_try();
	return NULL;
}

static int sandboxed(void)
{
	struct error missing;
	pthread_t thread;
	int go[2], verdict;

	threads_verdict = 100;
	if (pipe(go))
		return 101;
	sandbox_enter(&missing);
	if (pthread_create(&thread, NULL, thread_run, &go[0]))
		return 102;
	if (sandbox_seal())
		return 103;
	verdict = forbidden_try();
	if (verdict)
		return verdict;
	if (write(go[1], "", 1) != 1)
		return 104;
	pthread_join(thread, NULL);
	return threads_verdict ? 20 + threads_verdict : 0;
}

TEST(in_the_sandbox_nothing_but_packets_can_be_touched)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(sandboxed());
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
}

TEST(the_sandbox_leaves_what_packets_need)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct error missing;
		int pair[2];
		char byte = 1;

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			_exit(1);
		sandbox_enter(&missing);
		if (sandbox_seal())
			_exit(2);
		if (send(pair[0], &byte, 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1)
			_exit(3);
		if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED)
			_exit(4);
		_exit(close(pair[0]));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(without_the_filter_files_are_forbidden_all_the_same)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct error missing;

		sandbox_enter(&missing);
		/* Everybody may read it, but for Landlock; a kernel without it says so. */
		if (open("/etc/passwd", O_RDONLY) >= 0)
			_exit(strstr(missing.text, "Landlock") ? 0 : 1);
		_exit(errno == EACCES ? 0 : 2);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
