#include "tunnel/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scoped.h"

enum { SCRAPES = 8, REQUEST = 4096, KEY_TEXT = 4 * ((SETTINGS_KEY + 2) / 3) + 1 };

/* ---- text ---- */

__attribute__((format(printf, 2, 3))) static void put(
	struct uapi_reply *out, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	uapi_reply_bytes(out, line, strlen(line));
}

static void head_put(struct uapi_reply *out, const char *name, const char *type, const char *help)
{
	put(out, "# HELP warren_tunnel_%s %s\n# TYPE warren_tunnel_%s %s\n", name, help, name,
		type);
}

struct metric {
	const char *name, *type, *help;
	uint64_t (*value)(const struct status_peer *p);
};

static uint64_t rx_bytes(const struct status_peer *p)
{
	return p->rx_bytes;
}

static uint64_t tx_bytes(const struct status_peer *p)
{
	return p->tx_bytes;
}

static uint64_t last_handshake(const struct status_peer *p)
{
	return p->last_handshake;
}

static uint64_t session_is_there(const struct status_peer *p)
{
	return status_has_session(p);
}

static const struct metric peer_metrics[] = {
	{"rx_bytes_total", "counter", "Bytes received from the peer, as UDP payload.", rx_bytes},
	{"tx_bytes_total", "counter", "Bytes sent to the peer, as UDP payload.", tx_bytes},
	{"last_handshake_seconds", "gauge",
		"When the last handshake completed, since 1970; 0: never.", last_handshake},
	{"session", "gauge", "1 when there is a session with the peer.", session_is_there},
};

static void key_text(char out[KEY_TEXT], const struct status_peer *p)
{
	base64_format(out, p->public_key, SETTINGS_KEY);
}

static void peers_put(struct uapi_reply *out, const char *interface, const struct status *s,
	const struct metric *m)
{
	char key[KEY_TEXT];

	head_put(out, m->name, m->type, m->help);
	for (size_t i = 0; i < s->peer_count; i++) {
		key_text(key, &s->peers[i]);
		put(out, "warren_tunnel_%s{interface=\"%s\",peer=\"%s\"} %llu\n", m->name,
			interface, key, (unsigned long long)m->value(&s->peers[i]));
	}
}

static void drops_put(struct uapi_reply *out, const char *interface, const struct status *s)
{
	char key[KEY_TEXT];

	head_put(out, "drops_total", "counter",
		"Packets that were dropped, by reason; peer is empty where it is not known.");
	for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
		put(out,
			"warren_tunnel_drops_total{interface=\"%s\",peer=\"\",reason=\"%s\"} %llu\n",
			interface, drop_name(why), (unsigned long long)s->drops[why]);
	for (size_t i = 0; i < s->peer_count; i++) {
		key_text(key, &s->peers[i]);
		for (enum drop why = DROP_NONE + 1; why < DROP_REASONS; why++)
			if (s->peers[i].drops[why])
				put(out,
					"warren_tunnel_drops_total{interface=\"%s\",peer=\"%s\","
					"reason=\"%s\"} %llu\n",
					interface, key, drop_name(why),
					(unsigned long long)s->peers[i].drops[why]);
	}
}

static void troubles_put(struct uapi_reply *out, const char *interface, const struct status *s)
{
	char key[KEY_TEXT];

	head_put(out, "trouble", "gauge", "1 with the reason why there is no handshake.");
	for (size_t i = 0; i < s->peer_count; i++) {
		if (s->peers[i].trouble == TROUBLE_NONE)
			continue;
		key_text(key, &s->peers[i]);
		put(out, "warren_tunnel_trouble{interface=\"%s\",peer=\"%s\",reason=\"%s\"} 1\n",
			interface, key, trouble_name(s->peers[i].trouble));
	}
}

void metrics_format(struct uapi_reply *out, const char *interface, const struct status *s)
{
	head_put(out, "up", "gauge", "1 when the device is up.");
	put(out, "warren_tunnel_up{interface=\"%s\"} %d\n", interface, s->up);
	head_put(out, "peers", "gauge", "Peers that are configured.");
	put(out, "warren_tunnel_peers{interface=\"%s\"} %zu\n", interface, s->peer_count);
	for (size_t i = 0; i < sizeof(peer_metrics) / sizeof(*peer_metrics); i++)
		peers_put(out, interface, s, &peer_metrics[i]);
	drops_put(out, interface, s);
	troubles_put(out, interface, s);
}

/* ---- the socket ---- */

static int unix_listen(const char *path, struct error *e)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(path) >= sizeof(a.sun_path))
		return error_errno(e, ENAMETOOLONG, "%s", path);
	memcpy(a.sun_path, path, strlen(path));
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) &&
		connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno == ECONNREFUSED)
		unlink(path); /* left behind by one that was killed */
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, SCRAPES))
		return error_errno(e, errno, "%s", path);
	return keep(&fd);
}

static bool is_loopback(const union address *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

int metrics_listen(const char *where, struct error *e)
{
	SCOPED_FD int fd = -1;
	union address a;
	int one = 1;

	if (strchr(where, '/'))
		return unix_listen(where, e);
	if (!address_parse(&a, where) || !address_port(&a) || !is_loopback(&a))
		return error_set(e, EINVAL,
			"metrics at '%s': expected the path of a socket, or an address of the loopback "
			"such as 127.0.0.1:9586",
			where);
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(fd, &a.sa, address_size(&a)) || listen(fd, SCRAPES))
		return error_errno(e, errno, "metrics at %s", where);
	return keep(&fd);
}

/* ---- the answer ---- */

/* One connection: an HTTP request up to its empty line, then the answer. */
struct scrape {
	struct watch watch;
	struct metrics *metrics;
	struct scrape *next;
	struct uapi_reply reply;
	size_t written;
	size_t used;
	char request[REQUEST];
};

static void scrape_close(struct scrape *s)
{
	struct metrics *m = s->metrics;

	loop_del(m->loop, &s->watch);
	close(s->watch.fd);
	for (struct scrape **p = &m->first; *p; p = &(*p)->next) {
		if (*p == s) {
			*p = s->next;
			break;
		}
	}
	if (m->count-- == SCRAPES)
		loop_change(m->loop, &m->watch, EPOLLIN);
	uapi_reply_done(&s->reply);
	free(s);
}

static void scrape_answer(struct scrape *s)
{
	struct metrics *m = s->metrics;
	struct uapi_reply lines = {0}, body = {0};
	struct status status = {0};

	if (!strncmp(s->request, "GET ", 4)) {
		m->status(m->arg, &lines);
		if (!lines.failed && !status_parse(&status, lines.bytes, lines.size))
			metrics_format(&body, m->interface, &status);
	}
	put(&s->reply,
		"HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n",
		body.size ? "200 OK" : "400 Bad Request", body.size);
	uapi_reply_bytes(&s->reply, body.bytes, body.size);
	status_done(&status);
	uapi_reply_done(&lines);
	uapi_reply_done(&body);
}

/* Returns false when the connection is to end. */
static bool scrape_serve(struct scrape *s)
{
	ssize_t n;

	if (!s->reply.size) {
		n = recv(s->watch.fd, s->request + s->used, REQUEST - 1 - s->used, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		s->used += (size_t)n;
		s->request[s->used] = '\0';
		if (!strstr(s->request, "\r\n\r\n") && !strstr(s->request, "\n\n"))
			return s->used < REQUEST - 1;
		scrape_answer(s);
		if (s->reply.failed)
			return false;
	}
	while (s->written < s->reply.size) {
		n = send(s->watch.fd, s->reply.bytes + s->written, s->reply.size - s->written,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		s->written += (size_t)n;
	}
	shutdown(s->watch.fd, SHUT_WR);
	return false;
}

static void scrape_ready(struct watch *w, uint32_t events)
{
	struct scrape *s = watch_owner(w, struct scrape, watch);

	if (events & EPOLLERR || !scrape_serve(s)) {
		scrape_close(s);
		return;
	}
	loop_change(s->metrics->loop, w, s->reply.size ? EPOLLOUT : EPOLLIN);
}

static void metrics_ready(struct watch *w, uint32_t events)
{
	struct metrics *m = watch_owner(w, struct metrics, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct scrape *s = fd < 0 ? NULL : calloc(1, sizeof(*s));

	if (!s) {
		if (fd >= 0)
			close(fd);
		return;
	}
	s->watch = (struct watch){fd, scrape_ready};
	s->metrics = m;
	s->next = m->first;
	m->first = s;
	if (++m->count == SCRAPES)
		loop_change(m->loop, w, 0);
	if (loop_add(m->loop, &s->watch, EPOLLIN))
		scrape_close(s);
}

int metrics_open(struct metrics *m, struct loop *loop, int socket, const char *interface,
	metrics_status *status, void *arg)
{
	*m = (struct metrics){.loop = loop,
		.watch = {socket, metrics_ready},
		.interface = interface,
		.status = status,
		.arg = arg};
	return loop_add(loop, &m->watch, EPOLLIN);
}

void metrics_close(struct metrics *m)
{
	if (!m->loop)
		return;
	while (m->first)
		scrape_close(m->first);
	loop_del(m->loop, &m->watch);
	close(m->watch.fd);
	m->loop = NULL;
}
