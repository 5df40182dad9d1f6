#include "tunnel/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { RESOLVE_ADDRESSES = 16, RESOLVE_AT_ONCE = 8 };

#define RESOLVE_RETRY (5 * SECOND)
#define RESOLVE_RETRY_MOST (120 * SECOND)
#define RESOLVE_TURN (100 * MILLISECOND) /* while as many as may be are under way */
#define RESOLVE_AGAIN (10 * SECOND)	 /* a name is asked for at most this often */

struct resolve_name {
	struct conf_name name;
	struct resolve_name *next;
	struct resolve *resolve;
	struct watch answer; /* the helper's pipe; fd -1: no question is under way */
	pid_t helper;
	int64_t asked, retry_at, delay; /* retry_at 0: it is known */
	union address last;		/* what the peer was told */
	bool failed_before;
	bool kept;
};

size_t resolve_pick(const union address *list, size_t count, const union address *last)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i], last))
			return (i + 1) % count;
	return 0;
}

/* In the helper: the addresses, the first family and the second in turn, as bytes. */
static void helper_run(const struct conf_name *name, int out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list = NULL;
	union address found[RESOLVE_ADDRESSES] = {0};
	size_t count = 0;
	char port[8];
	int err;

	snprintf(port, sizeof(port), "%u", name->port);
	err = getaddrinfo(name->host, port, &hints, &list);
	if (err) {
		const char *why = gai_strerror(err);

		_exit(write(out, why, strlen(why)) < 0);
	}
	for (struct addrinfo *a = list; a && count < RESOLVE_ADDRESSES; a = a->ai_next)
		if (a->ai_addrlen <= sizeof(found[0]))
			memcpy(&found[count++], a->ai_addr, a->ai_addrlen);
	/* getaddrinfo() sorts by preference: all of one family, then the other. */
	for (size_t i = 1; i + 1 < count; i++) {
		for (size_t j = i; j < count; j++) {
			if (found[j].sa.sa_family == found[i - 1].sa.sa_family)
				continue;
			union address moved = found[j];

			memmove(&found[i + 1], &found[i], (j - i) * sizeof(moved));
			found[i] = moved;
			break;
		}
	}
	_exit(write(out, found, count * sizeof(*found)) < 0);
}

static void timer_arm(struct resolve *r)
{
	int64_t first = INT64_MAX;

	for (struct resolve_name *n = r->first; n; n = n->next)
		if (n->retry_at && n->answer.fd < 0 && n->retry_at < first)
			first = n->retry_at;
	timer_set(r->timer.fd, first);
}

static void question_end(struct resolve_name *n)
{
	if (n->answer.fd < 0)
		return;
	loop_del(n->resolve->loop, &n->answer);
	close(n->answer.fd);
	n->answer.fd = -1;
	kill(n->helper, SIGKILL);
	waitpid(n->helper, NULL, 0);
}

static void answer_ready(struct watch *w, uint32_t events)
{
	struct resolve_name *n = watch_owner(w, struct resolve_name, answer);
	union address found[RESOLVE_ADDRESSES];
	ssize_t got = read(w->fd, found, sizeof(found));
	size_t count = got > 0 ? (size_t)got / sizeof(*found) : 0;
	/* Anything else is the reason in words. */
	bool good =
		count && (found[0].sa.sa_family == AF_INET || found[0].sa.sa_family == AF_INET6);
	char text[ADDRESS_TEXT];

	question_end(n);
	if (good) {
		n->last = found[resolve_pick(found, count, &n->last)];
		n->retry_at = 0;
		n->delay = RESOLVE_RETRY;
		n->failed_before = false;
		address_format(text, &n->last);
		log_info("%s is at %s", n->name.host, text);
		n->resolve->found(n->resolve->arg, n->name.public_key, &n->last);
	} else {
		n->retry_at = clock_now() + n->delay;
		n->delay = n->delay * 2 < RESOLVE_RETRY_MOST ? n->delay * 2 : RESOLVE_RETRY_MOST;
		if (!n->failed_before)
			log_warning("%s: %.*s; asking again", n->name.host, got > 0 ? (int)got : 9,
				got > 0 ? (const char *)found : "no answer");
		n->failed_before = true;
	}
	timer_arm(n->resolve);
}

static unsigned helpers_count(const struct resolve *r)
{
	unsigned count = 0;

	for (const struct resolve_name *n = r->first; n; n = n->next)
		count += n->answer.fd >= 0;
	return count;
}

static void question_begin(struct resolve_name *n)
{
	int pipe_fd[2];

	if (helpers_count(n->resolve) >= RESOLVE_AT_ONCE) {
		n->retry_at = clock_now() + RESOLVE_TURN;
		return;
	}
	n->asked = clock_now();
	n->retry_at = n->asked + n->delay; /* for when not even the question can be asked */
	if (pipe2(pipe_fd, O_CLOEXEC))
		return;
	n->helper = fork();
	if (!n->helper) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		helper_run(&n->name, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	n->answer = (struct watch){pipe_fd[0], answer_ready};
	if (n->helper > 0 && !loop_add(n->resolve->loop, &n->answer, EPOLLIN))
		return;
	close(pipe_fd[0]);
	n->answer.fd = -1;
}

static void timer_ready(struct watch *w, uint32_t events)
{
	struct resolve *r = watch_owner(w, struct resolve, timer);
	int64_t now = clock_now();

	timer_read(w->fd);
	for (struct resolve_name *n = r->first; n; n = n->next)
		if (n->retry_at && n->retry_at <= now && n->answer.fd < 0)
			question_begin(n);
	timer_arm(r);
}

int resolve_open(struct resolve *r, struct loop *loop, resolve_found *found, void *arg)
{
	*r = (struct resolve){.loop = loop, .found = found, .arg = arg};
	r->timer = (struct watch){timer_open(), timer_ready};
	return r->timer.fd < 0 ? r->timer.fd : loop_add(loop, &r->timer, EPOLLIN);
}

void resolve_close(struct resolve *r)
{
	for (struct resolve_name *n = r->first, *next; n; n = next) {
		next = n->next;
		question_end(n);
		free(n);
	}
	r->first = NULL;
	loop_del(r->loop, &r->timer);
	close(r->timer.fd);
}

static bool name_is_same(const struct conf_name *a, const struct conf_name *b)
{
	return a->port == b->port && !strcmp(a->host, b->host) &&
	       !memcmp(a->public_key, b->public_key, SETTINGS_KEY);
}

int resolve_set(struct resolve *r, const struct conf_name *names, size_t count)
{
	int err = 0;

	for (struct resolve_name *n = r->first; n; n = n->next)
		n->kept = false;
	for (size_t i = 0; i < count; i++) {
		struct resolve_name *n = r->first;

		while (n && !name_is_same(&n->name, &names[i]))
			n = n->next;
		if (!n) {
			n = calloc(1, sizeof(*n));
			if (!n) {
				err = -ENOMEM;
				break;
			}
			*n = (struct resolve_name){.name = names[i],
				.resolve = r,
				.next = r->first,
				.answer = {.fd = -1},
				.delay = RESOLVE_RETRY};
			r->first = n;
			question_begin(n);
		}
		n->kept = true;
	}
	for (struct resolve_name **p = &r->first; *p;) {
		struct resolve_name *n = *p;

		if (n->kept || err) {
			p = &n->next;
			continue;
		}
		*p = n->next;
		question_end(n);
		free(n);
	}
	timer_arm(r);
	return err;
}

void resolve_again(struct resolve *r, const uint8_t key[SETTINGS_KEY])
{
	int64_t now = clock_now();

	for (struct resolve_name *n = r->first; n; n = n->next) {
		if (memcmp(n->name.public_key, key, SETTINGS_KEY))
			continue;
		if (n->answer.fd < 0 && now - n->asked >= RESOLVE_AGAIN)
			question_begin(n);
	}
	timer_arm(r);
}
