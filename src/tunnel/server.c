#include "tunnel/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

struct connection {
	struct watch watch;
	struct server *server;
	struct connection *next;
	struct uapi_request request;
	struct uapi_reply reply;
	size_t written;	    /* of reply */
	size_t used, taken; /* of input: bytes that came, bytes that were read */
	bool ended;	    /* the client sends no more */
	bool answering;	    /* there is more to tell about this request */
	struct device_walk walk;
	char input[16384];
};

static void connection_close(struct connection *c)
{
	struct server *s = c->server;

	loop_del(s->loop, &c->watch);
	close(c->watch.fd);
	for (struct connection **p = &s->first; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	if (s->count-- == SERVER_CONNECTIONS)
		loop_change(s->loop, &s->watch, EPOLLIN);
	device_walk_end(&c->walk);
	uapi_request_done(&c->request);
	uapi_reply_done(&c->reply);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

/* Returns false when the connection is gone. */
static bool reply_write(struct connection *c)
{
	while (c->written < c->reply.size) {
		ssize_t n = send(c->watch.fd, c->reply.bytes + c->written,
			c->reply.size - c->written, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		c->written += (size_t)n;
	}
	uapi_reply_done(&c->reply);
	c->written = 0;
	return true;
}

static void request_answer(struct connection *c)
{
	struct uapi_request *q = &c->request;
	int error = q->error;

	if (!error)
		error = c->server->answer(c->server->arg, q, &c->reply, &c->walk);
	c->answering = error == SERVER_MORE;
	if (c->answering)
		return;
	uapi_reply_end(&c->reply, error);
	uapi_request_done(q);
}

/* Read what was sent, answer what is complete.  Returns false when the connection is to end. */
static bool connection_serve(struct connection *c)
{
	for (;;) {
		if (!reply_write(c))
			return false;
		if (c->reply.size)
			return true; /* it must read this first */
		if (c->answering) {
			request_answer(c);
			continue;
		}
		while (c->taken < c->used) {
			size_t taken;
			bool complete = uapi_request_feed(
				&c->request, c->input + c->taken, c->used - c->taken, &taken);

			sodium_memzero(c->input + c->taken, taken);
			c->taken += taken;
			if (complete) {
				request_answer(c);
				break;
			}
		}
		if (c->reply.size)
			continue;
		if (c->ended)
			return false;

		ssize_t n = recv(c->watch.fd, c->input, sizeof(c->input), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->ended = n == 0;
		c->used = (size_t)n;
		c->taken = 0;
	}
}

static void connection_ready(struct watch *w, uint32_t events)
{
	struct connection *c = watch_owner(w, struct connection, watch);

	if (events & EPOLLERR || !connection_serve(c)) {
		connection_close(c);
		return;
	}
	loop_change(c->server->loop, w, c->reply.size ? EPOLLOUT : EPOLLIN);
}

static void server_ready(struct watch *w, uint32_t events)
{
	struct server *s = watch_owner(w, struct server, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->watch = (struct watch){fd, connection_ready};
	c->server = s;
	if (loop_add(s->loop, &c->watch, EPOLLIN)) {
		close(fd);
		free(c);
		return;
	}
	c->next = s->first;
	s->first = c;
	if (++s->count == SERVER_CONNECTIONS)
		loop_change(s->loop, &s->watch, 0);
}

int server_open(struct server *s, struct loop *loop, int socket, server_answer *answer, void *arg)
{
	*s = (struct server){
		.loop = loop, .watch = {socket, server_ready}, .answer = answer, .arg = arg};
	return loop_add(loop, &s->watch, EPOLLIN);
}

void server_close(struct server *s)
{
	while (s->first)
		connection_close(s->first);
	loop_del(s->loop, &s->watch);
	close(s->watch.fd);
}
