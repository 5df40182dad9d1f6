/* Tunnels and programs: started, told, ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"
#include "net/apply.h"
#include "net/process.h"
#include "net/tunnels.h"

enum { PATIENCE = 5, TUNNEL_READY = 15, PROGRAM_READY = 30 }; /* seconds */

/* A program being started; it can be used once `ready` says so. */
struct starting {
	struct process process;
	int ready; /* read end of the pipe that the tunnel writes to */
	char log[256];
};

static int log_open(struct apply *a, const char *node, const char *name, char path[256])
{
	int fd;

	snprintf(path, 256, "%s/log", node);
	if (mkdirat(a->state->directory, path, 0700) && errno != EEXIST)
		return -errno;
	snprintf(path, 256, "%s/log/%s", node, name);
	fd = openat(a->state->directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
		0600);
	return fd < 0 ? -errno : fd;
}

/* The last line that a program said, for the error. */
static void log_last(
	const struct apply *a, const char *path, struct error *e, int number, const char *otherwise)
{
	char *text = state_read_file(a->state, path);
	size_t n = text ? strlen(text) : 0;
	const char *line;

	while (n && text[n - 1] == '\n')
		text[--n] = '\0';
	line = n ? strrchr(text, '\n') : NULL;
	line = line ? line + 1 : text;
	error_set(e, number, "%s", n ? line : otherwise);
	free(text);
}

/* Starts a program in the node, journal first. */
static int program_start(struct apply *a, const char *node, const char *key, char *const argv[],
	int log, int keep_open, struct process *p, struct error *e)
{
	struct apply_node *n = apply_node_find(a, node, e);
	const char *run = strcmp(argv[0], "/bin/sh") ? argv[0] : argv[2];
	char name[512], sockets[1024], number[48];
	SCOPED_FREE char *value = NULL;
	struct process_gate gate = {-1};
	int err;

	if (!n)
		return -ENOENT;
	snprintf(name, sizeof(name), "%s.%s", a->state->network, node);
	snprintf(sockets, sizeof(sockets), "%s/%s/%s/wireguard", node_state_directory(),
		a->state->network, node);
	err = process_fork(p, &gate,
		&(struct process_plan){
			.argv = argv,
			.netns = apply_node_netns(n),
			.node = name,
			.sockets = sockets,
			.log = log,
			.keep = keep_open,
		},
		e);
	if (err)
		return err;
	process_format(number, p);
	if (asprintf(&value, "%s %s", number, run) < 0)
		value = NULL;
	err = !value ? error_errno(e, ENOMEM, "journal")
		     : journal_put(&a->state->journal, key, value, e);
	if (err)
		process_cancel(&gate);
	else
		process_go(&gate);
	return err;
}

/* The program that we are, by a path, so that `ps` shows its name. */
static const char *self(char path[1024])
{
	ssize_t n = readlink("/proc/self/exe", path, 1023);

	path[n < 0 ? 0 : n] = '\0';
	return n < 0 || access(path, X_OK) ? "/proc/self/exe" : path;
}

static int tunnel_start(
	struct apply *a, const struct operation *o, struct starting *s, struct error *e)
{
	char key[300], config[256], path[1024], number[16], program[1024];
	char *argv[] = {NULL, (char[]){"tunnel"}, (char[]){"-f"}, (char[]){"--ready-fd"}, number,
		(char[]){"-c"}, path, (char *)(uintptr_t)o->device, NULL};
	int ends[2], err;

	argv[0] = (char *)(uintptr_t)self(program);
	snprintf(config, sizeof(config), "%s/conf/%s.conf", o->node, o->device);
	err = state_write_file(a->state, config, o->config, e);
	if (err)
		return err;

	SCOPED_FD int log = log_open(a, o->node, o->device, s->log);

	if (log < 0)
		return error_errno(e, -log, "%s", s->log);
	if (pipe2(ends, O_CLOEXEC))
		return error_errno(e, errno, "pipe");
	snprintf(number, sizeof(number), "%d", ends[1]);
	snprintf(path, sizeof(path), "%s/%s/%s", node_state_directory(), a->state->network, config);
	snprintf(key, sizeof(key), "process/%s/tunnel/%s", o->node, o->device);
	err = program_start(a, o->node, key, argv, log, ends[1], &s->process, e);
	close(ends[1]);
	if (err)
		close(ends[0]);
	else
		s->ready = ends[0];
	return err;
}

/* Waits until the tunnel has said that it is ready, or has ended. */
static int tunnel_wait(struct apply *a, struct starting *s, int64_t deadline, struct error *e)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = s->ready, .events = POLLIN};
		int64_t left = deadline - clock_now();
		int got = poll(&poll_fd, 1, left > 0 ? (int)(left / MILLISECOND) + 1 : 0);
		char byte;

		if (a->stop && *a->stop)
			return error_set(e, EINTR, "interrupted");
		if (got < 0 && errno == EINTR)
			continue;
		if (!got)
			return error_set(e, ETIMEDOUT, "not ready after %d seconds", TUNNEL_READY);
		if (got > 0 && read(s->ready, &byte, 1) == 1)
			return 0;
		waitpid(s->process.pid, NULL, 0);
		log_last(a, s->log, e, ECHILD, "its process ended at once");
		return -ECHILD;
	}
}

int apply_tunnels_start(struct apply *a, const struct operation *first, size_t count,
	size_t *failed, struct error *e)
{
	SCOPED_FREE struct starting *list = calloc(count, sizeof(*list));
	int64_t deadline = clock_now() + TUNNEL_READY * SECOND;
	int err = 0;

	if (!list)
		return error_errno(e, ENOMEM, "tunnels");
	for (size_t i = 0; i < count; i++)
		list[i].ready = -1;
	err = keys_save(a->keys, e);
	for (size_t i = 0; i < count && !err; i++) {
		*failed = i;
		err = tunnel_start(a, &first[i], &list[i], e);
	}
	for (size_t i = 0; i < count && !err; i++) {
		*failed = i;
		err = tunnel_wait(a, &list[i], deadline, e);
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].ready >= 0)
			close(list[i].ready);
	return err;
}

/* One request to the tunnel's socket; the answer ends with errno=N and an empty line. */
static int request(struct apply *a, const struct operation *o, const char *text, struct error *e)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE};
	char answer[256];
	size_t size = strlen(text), n = 0;
	const char *number;

	/* Short, whatever the state directory is called: a socket's path has 108 bytes. */
	if (snprintf(address.sun_path, sizeof(address.sun_path),
		    "/proc/self/fd/%d/%s/wireguard/%s.sock", a->state->directory, o->node,
		    o->device) >= (int)sizeof(address.sun_path))
		return error_errno(e, ENAMETOOLONG, "its socket");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return error_errno(e, errno, "its socket");
	for (size_t sent = 0; sent < size;) {
		ssize_t now = send(fd, text + sent, size - sent, MSG_NOSIGNAL);

		if (now < 0)
			return error_errno(e, errno, "its socket");
		sent += (size_t)now;
	}
	while (n < sizeof(answer) - 1) {
		ssize_t got = read(fd, answer + n, sizeof(answer) - 1 - n);

		if (got <= 0)
			return error_set(e, EPROTO, "it did not answer on its socket");
		n += (size_t)got;
		answer[n] = '\0';
		if (strstr(answer, "\n\n"))
			break;
	}
	number = strstr(answer, "errno=");
	if (!number || atoi(number + 6))
		return error_set(e, EPROTO, "it refused the change (%.*s)",
			(int)strcspn(number ? number : answer, "\n"), number ? number : answer);
	return 0;
}

int apply_tunnel_set(struct apply *a, const struct operation *o, struct error *e)
{
	char config[256], *was, *text = NULL;
	int err;

	snprintf(config, sizeof(config), "%s/conf/%s.conf", o->node, o->device);
	was = state_read_file(a->state, config);
	err = keys_save(a->keys, e);
	if (!err && tunnels_change(&text, was ? was : "", o->config))
		err = error_errno(e, ENOMEM, "the change");
	if (!err)
		err = request(a, o, text, e);
	if (!err)
		err = state_write_file(a->state, config, o->config, e);
	if (was)
		explicit_bzero(was, strlen(was));
	if (text)
		explicit_bzero(text, strlen(text));
	free(was);
	free(text);
	return err;
}

static int program_end(struct state *s, const char *key, struct error *e)
{
	const char *value = journal_get(&s->journal, key);
	struct process p;
	int err = 0;

	if (value && process_parse(&p, value))
		err = process_end(&p, PATIENCE * SECOND, e);
	return err ? err : journal_del(&s->journal, key, e);
}

int apply_tunnel_stop(struct apply *a, const struct operation *o, struct error *e)
{
	static const char *const files[][2] = {
		{"conf", ".conf"}, {"log", ""}, {"wireguard", ".sock"}};
	char key[300], path[300];
	int err;

	snprintf(key, sizeof(key), "process/%s/tunnel/%s", o->node, o->device);
	err = program_end(a->state, key, e);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s%s", o->node, files[i][0], o->device,
			files[i][1]);
		if (unlinkat(a->state->directory, path, 0) && errno != ENOENT)
			err = error_errno(e, errno, "%s", path);
	}
	return err;
}

/* A number for the program: the same command may run more than once in a node. */
static void run_key(char key[300], const struct state *s, const char *node)
{
	unsigned number = 0;

	do
		snprintf(key, 300, "process/%s/run/%u", node, number++);
	while (journal_get(&s->journal, key));
}

/* Runs the `ready:` command until it succeeds. */
static int program_wait(struct apply *a, const struct operation *o, const struct process *p,
	const char *log_path, struct error *e)
{
	char *argv[] = {
		(char[]){"/bin/sh"}, (char[]){"-c"}, (char *)(uintptr_t)o->process->ready, NULL};
	int64_t deadline = clock_now() + PROGRAM_READY * SECOND;
	struct timespec pause = {.tv_nsec = 50 * MILLISECOND};
	SCOPED_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	while (o->process->ready && !(a->stop && *a->stop)) {
		struct process probe;
		int status = -1, err;

		waitpid(p->pid, NULL, WNOHANG);
		if (!process_lives(p)) {
			log_last(a, log_path, e, ECHILD, "it ended before it was ready");
			return -ECHILD;
		}
		err = program_start(a, o->node, "process/.ready", argv, null, -1, &probe, e);
		if (err)
			return err;
		if (waitpid(probe.pid, &status, 0) == probe.pid && WIFEXITED(status) &&
			!WEXITSTATUS(status))
			break;
		if (clock_now() > deadline)
			return error_set(e, ETIMEDOUT, "not ready after %d seconds", PROGRAM_READY);
		nanosleep(&pause, NULL);
	}
	return journal_del(&a->state->journal, "process/.ready", e);
}

int apply_process_start(struct apply *a, const struct operation *o, struct error *e)
{
	char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char *)(uintptr_t)o->name, NULL};
	char key[300], path[256], name[32];
	struct process p;
	int err;

	snprintf(name, sizeof(name), ".run-%u",
		(unsigned)(o->process - a->plan->nodes[o->node_index].processes));

	SCOPED_FD int log = log_open(a, o->node, name, path);

	if (log < 0)
		return error_errno(e, -log, "%s", path);
	run_key(key, a->state, o->node);
	err = program_start(a, o->node, key, argv, log, -1, &p, e);
	return err ? err : program_wait(a, o, &p, path, e);
}

int apply_process_stop(struct apply *a, const struct operation *o, struct error *e)
{
	char prefix[256], key[600];
	const char *rest, *value;
	size_t at = 0;

	snprintf(prefix, sizeof(prefix), "process/%s/run/", o->node);
	while (state_next(a->state, prefix, &at, &rest, &value)) {
		if (strcmp(process_words(value), o->name) != 0)
			continue;
		snprintf(key, sizeof(key), "%s%s", prefix, rest);
		return program_end(a->state, key, e);
	}
	return 0;
}

int apply_forget_ended(struct state *s, struct error *e)
{
	const char *rest, *value;
	struct process p;
	size_t at = 0;
	int err = 0;

	while (!err && state_next(s, "process/", &at, &rest, &value)) {
		char key[600];

		if (process_parse(&p, value) && process_lives(&p))
			continue;
		snprintf(key, sizeof(key), "process/%s", rest);
		err = journal_del(&s->journal, key, e);
		at = 0;
	}
	return err;
}

int apply_end_processes(struct state *s, const char *node, struct error *e)
{
	char prefix[256], key[600];
	const char *rest, *value;
	struct process p;
	size_t at = 0;
	int err = 0;

	snprintf(prefix, sizeof(prefix), node ? "process/%s/" : "process/", node);
	/* All are told before the first is waited for. */
	while (state_next(s, prefix, &at, &rest, &value))
		if (process_parse(&p, value))
			process_tell(&p);
	at = 0;
	while (!err && state_next(s, prefix, &at, &rest, &value)) {
		snprintf(key, sizeof(key), "%s%s", prefix, rest);
		err = program_end(s, key, e);
		at = 0; /* the list has moved */
	}
	return err;
}
