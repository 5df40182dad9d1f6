#include "tunnel/control.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "tunnel/config.h"
#include "tunnel/device.h"
#include "tunnel/metrics.h"
#include "tunnel/path_error.h"
#include "tunnel/privilege.h"
#include "tunnel/sandbox.h"
#include "tunnel/server.h"
#include "tunnel/worker.h"

enum { STACK_USED = 65536 }; /* where copies of keys may have been left */
/* Of IPv4: 65535 less its header, that of UDP, ours, and the tag. */
enum { MTU_MOST = 65535 - 20 - 8 - 32 };
enum { HANDSHAKES_AT_ONCE = 64 }; /* then the UAPI socket and the timers get their turn */

#define NAMED_INTERVAL (5 * SECOND)
/* An attempt that began only now may yet be answered.  What is left of its 5 s holds one look. */
#define NAMED_PATIENCE (300 * MILLISECOND)

struct control {
	struct loop loop;
	struct device device;
	struct worker *worker;
	struct tun tun;
	struct udp udp;
	struct config_socket socket;
	bool port_given; /* the port was asked for, not drawn */
	uint32_t mtu;
	int ask;
	struct watch timer, wake, handshakes, tell, signals;
	struct watch path4, path6;
	struct server server;
	struct metrics metrics;

	/* peers whose endpoints are names, and when to look after them */
	uint8_t (*named)[WIRE_KEY];
	size_t named_count;
	struct watch named_timer;
};

static struct moment moment_now(void)
{
	return (struct moment){clock_now(), clock_wall()};
}

/* ---- what the protocol asks of us (device.h) ---- */

static int call_send(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	struct control *c = arg;

	return worker_send(c->worker, to, message, length);
}

static void call_ready(void *arg, struct peer *p, bool keepalive)
{
	struct control *c = arg;

	worker_ready(c->worker, p, keepalive);
}

static void call_purge(void *arg, struct peer *p)
{
	struct control *c = arg;

	worker_purge(c->worker, p);
}

static void call_release(void *arg, struct peer *p)
{
	struct control *c = arg;

	worker_release(c->worker, p);
}

static void call_wake(void *arg)
{
	struct control *c = arg;
	uint64_t one = 1;

	if (write(c->wake.fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is awake */
}

static void call_completed(void *arg, struct peer *p)
{
	char key[CONFIG_KEY_TEXT], at[ADDRESS_TEXT] = "";
	struct endpoint endpoint;

	config_key_text(key, p->key);
	if (peer_endpoint(p, &endpoint))
		address_format(at, &endpoint.remote);
	log_info("peer %s at %s: handshake completed", key, at);
}

static void call_trouble(void *arg, struct peer *p, enum trouble why)
{
	char key[CONFIG_KEY_TEXT];

	if (!p) {
		log_info("a handshake was refused: %s", trouble_text(why));
		return;
	}
	config_key_text(key, p->key);
	log_warning("peer %s: no handshake: %s", key, trouble_text(why));
}

static const struct device_calls calls = {
	.send = call_send,
	.ready = call_ready,
	.purge = call_purge,
	.release = call_release,
	.wake = call_wake,
	.completed = call_completed,
	.trouble = call_trouble,
};

/* ---- settings ---- */

/* Ask the parent for something and wait for its answer. */
static int parent_ask(const struct control *c, struct privilege_message *m)
{
	int err = privilege_send(c->ask, m);

	if (!err)
		err = privilege_receive(c->ask, m);
	if (!err && m->kind != PRIVILEGE_ANSWER)
		err = -EBADMSG;
	if (!err)
		err = m->error;
	if (err)
		privilege_close(m);
	return err;
}

static int sockets_ask(const struct control *c, uint16_t port, uint32_t mark, struct udp *out)
{
	struct privilege_message m = {
		.kind = PRIVILEGE_SOCKETS, .socket = {.port = port, .mark = mark}};
	int err = parent_ask(c, &m);
	unsigned at = 0;

	if (err)
		return err;
	if (m.fds != (unsigned)m.socket.in4 + m.socket.in6) {
		privilege_close(&m);
		return -EBADMSG;
	}
	out->in4 = m.socket.in4 ? m.fd[at++] : -1;
	out->in6 = m.socket.in6 ? m.fd[at++] : -1;
	return 0;
}

static int mark_ask(const struct control *c, uint32_t mark)
{
	struct privilege_message m = {.kind = PRIVILEGE_MARK, .socket = {.mark = mark}};

	m.socket.in4 = c->udp.in4 >= 0;
	m.socket.in6 = c->udp.in6 >= 0;
	if (m.socket.in4)
		m.fd[m.fds++] = c->udp.in4;
	if (m.socket.in6)
		m.fd[m.fds++] = c->udp.in6;
	/* The answer brings no descriptors. */
	return parent_ask(c, &m);
}

static void sockets_use(struct control *c, const struct udp *udp)
{
	struct udp old = c->udp;

	c->udp = *udp;
	c->socket.listen_port = udp_port(udp);
	if (c->worker)
		worker_sockets(c->worker, udp);
	udp_close(&old);
}

/* The sockets first: that is what can fail, and then nothing has changed. */
static int sockets_apply(struct control *c, const struct settings *s)
{
	uint32_t mark = s->given & GIVEN_FWMARK ? s->fwmark : c->socket.fwmark;
	bool move = s->given & GIVEN_LISTEN_PORT && s->listen_port != c->socket.listen_port;
	struct udp udp;
	int err = 0;

	if (s->given & GIVEN_LISTEN_PORT && !s->listen_port && !c->port_given)
		move = false; /* it has one of its own choice already: a peer may know it */
	if (move)
		err = sockets_ask(c, s->listen_port, mark, &udp);
	else if (mark != c->socket.fwmark)
		err = mark_ask(c, mark);
	if (err)
		return err;
	if (move)
		sockets_use(c, &udp);
	if (s->given & GIVEN_LISTEN_PORT)
		c->port_given = s->listen_port != 0;
	c->socket.fwmark = mark;
	return 0;
}

static int settings_use(struct control *c, const struct settings *s)
{
	struct moment m = moment_now();
	int err = config_prepare(&c->device, s);

	if (err)
		return err;
	err = sockets_apply(c, s);
	if (err)
		config_cancel(&c->device);
	else
		config_apply(&c->device, s, &m);
	return err;
}

static bool status_tell(struct control *c, struct uapi_reply *r, struct device_walk *walk)
{
	struct moment m = moment_now();

	c->socket.joins = worker_joins(c->worker);
	c->socket.runs = worker_sends_runs(c->worker);
	return config_status(r, &c->device, &c->socket, &m, walk);
}

static int uapi_answer(
	void *arg, const struct uapi_request *q, struct uapi_reply *r, struct device_walk *walk)
{
	struct control *c = arg;

	switch (q->kind) {
	case UAPI_GET:
		return config_get(r, &c->device, &c->socket, walk) ? SERVER_MORE : 0;
	case UAPI_SET:
		return settings_use(c, &q->settings);
	case UAPI_STATUS:
		return status_tell(c, r, walk) ? SERVER_MORE : 0;
	default:
		return -EINVAL;
	}
}

static void metrics_answer(void *arg, struct uapi_reply *r)
{
	struct control *c = arg;
	struct device_walk walk = {0};

	while (status_tell(c, r, &walk))
		;
}

/* ---- endpoints that are names ---- */

static void named_add(struct control *c, const uint8_t key[WIRE_KEY])
{
	uint8_t(*list)[WIRE_KEY];

	for (size_t i = 0; i < c->named_count; i++)
		if (!memcmp(c->named[i], key, WIRE_KEY))
			return;
	list = realloc(c->named, (c->named_count + 1) * sizeof(*list));
	if (!list)
		return; /* then its name is not looked up again */
	c->named = list;
	memcpy(list[c->named_count++], key, WIRE_KEY);
	timer_set(c->named_timer.fd, clock_now() + NAMED_INTERVAL);
}

static void named_ready(struct watch *w, uint32_t events)
{
	struct control *c = watch_owner(w, struct control, named_timer);
	int64_t now = clock_now();

	timer_read(w->fd);
	for (size_t i = 0; i < c->named_count; i++) {
		struct peer *p = device_find(&c->device, c->named[i]);
		struct privilege_message m = {.kind = PRIVILEGE_UNANSWERED};

		if (!p || !p->timers.retry_at || !p->timers.attempts ||
			now - atomic_load(&p->timers.initiated) < NAMED_PATIENCE)
			continue;
		memcpy(m.peer.key, c->named[i], WIRE_KEY);
		privilege_send(c->ask, &m);
	}
	timer_set(w->fd, now + NAMED_INTERVAL);
}

/* ---- the parent's words ---- */

static void settings_received(struct control *c, struct privilege_message *m)
{
	struct settings s = {0};
	struct privilege_message answer = {.kind = PRIVILEGE_SETTLED};
	int err = m->fds == 1 ? privilege_settings_read(m->fd[0], &s) : -EBADMSG;

	if (m->fds == 1)
		m->fds = 0; /* it has been closed */
	if (!err)
		err = settings_use(c, &s);
	if (err == -EADDRINUSE)
		snprintf(answer.text, sizeof(answer.text), "UDP port %u", s.listen_port);
	else if (err == -ENOSPC)
		snprintf(answer.text, sizeof(answer.text), "more than %d peers", DEVICE_PEERS);
	settings_done(&s);
	sodium_stackzero(STACK_USED);
	answer.error = err;
	privilege_send(c->ask, &answer);
}

static void endpoint_received(struct control *c, const struct privilege_message *m)
{
	struct peer *p = device_find(&c->device, m->peer.key);

	named_add(c, m->peer.key);
	if (p)
		device_set_endpoint(&c->device, p, &m->peer.address);
}

static void link_received(struct control *c, const struct privilege_message *m)
{
	struct moment now = moment_now();

	if (m->link.mtu > MTU_MOST && m->link.mtu != c->mtu)
		log_warning("MTU %u is larger than what a datagram can hold (%d): larger packets "
			    "will be lost",
			m->link.mtu, MTU_MOST);
	c->mtu = m->link.mtu;
	worker_mtu(c->worker, m->link.mtu);
	if (m->link.up && !c->device.up)
		device_up(&c->device, &now);
	else if (!m->link.up && c->device.up)
		device_down(&c->device);
}

/* The device has left its namespace: was it deleted, or does it live elsewhere? */
static void where_received(struct control *c)
{
	struct privilege_message m = {.kind = PRIVILEGE_HERE, .fds = 1, .fd = {c->tun.queue[0]}};
	struct pollfd tun = {.fd = c->tun.queue[0], .events = POLLOUT};
	struct ifreq r = {0};

	if (ioctl(c->tun.queue[0], TUNGETIFF, &r)) {
		log_info("the device was deleted");
		loop_stop(&c->loop);
		return;
	}
	snprintf(m.here.name, sizeof(m.here.name), "%s", r.ifr_name);
	m.here.up = poll(&tun, 1, 0) > 0 && tun.revents & POLLOUT;
	privilege_send(c->ask, &m);
}

static void tell_ready(struct watch *w, uint32_t events)
{
	struct control *c = watch_owner(w, struct control, tell);
	struct privilege_message m;

	if (privilege_receive(w->fd, &m)) {
		loop_stop(&c->loop); /* the parent has ended */
		return;
	}
	switch (m.kind) {
	case PRIVILEGE_SETTINGS:
		settings_received(c, &m);
		break;
	case PRIVILEGE_ENDPOINT:
		endpoint_received(c, &m);
		break;
	case PRIVILEGE_LINK:
		link_received(c, &m);
		break;
	case PRIVILEGE_WHERE:
		where_received(c);
		break;
	default:
		loop_stop(&c->loop);
		break;
	}
	privilege_close(&m);
}

/* ---- the loop ---- */

static void handshakes_ready(struct watch *w, uint32_t events)
{
	struct control *c = watch_owner(w, struct control, handshakes);
	struct worker_handshake h[HANDSHAKES_AT_ONCE];
	struct arrival_handshake a[HANDSHAKES_AT_ONCE];
	size_t n = 0, waiting = 0;
	struct moment m;

	while (n < HANDSHAKES_AT_ONCE && worker_handshake(c->worker, &h[n], &waiting)) {
		a[n] = (struct arrival_handshake){h[n].datagram, h[n].length, &h[n].from};
		n++;
	}
	m = moment_now();
	device_receive(&c->device, &m, a, n, waiting);
}

static void path_error_read(struct control *c, int family, int fd)
{
	uint8_t packet[512];

	for (int i = 0; i < HANDSHAKES_AT_ONCE; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		struct moment m;
		union address to;
		int error;

		if (n < 0)
			return;
		error = path_error_parse(family, packet, (size_t)n, c->socket.listen_port, &to);
		if (!error)
			continue;
		m = moment_now();
		device_path_error(&c->device, &m, &to, error);
	}
}

static void path4_ready(struct watch *w, uint32_t events)
{
	path_error_read(watch_owner(w, struct control, path4), AF_INET, w->fd);
}

static void path6_ready(struct watch *w, uint32_t events)
{
	path_error_read(watch_owner(w, struct control, path6), AF_INET6, w->fd);
}

static void drain_ready(struct watch *w, uint32_t events)
{
	timer_read(w->fd); /* an eventfd reads the same way */
}

static void signals_ready(struct watch *w, uint32_t events)
{
	loop_stop(&watch_owner(w, struct control, signals)->loop);
}

static int signals_open(struct control *c)
{
	sigset_t set;

	/* A terminal sends SIGINT to both processes: the parent decides what follows. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&set);
	sigdelset(&set, SIGABRT);
	sigprocmask(SIG_SETMASK, &set, NULL); /* workers inherit it */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	c->signals = (struct watch){signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), signals_ready};
	return c->signals.fd < 0 ? -errno : loop_add(&c->loop, &c->signals, EPOLLIN);
}

static int control_open(struct control *c, const struct control_start *start)
{
	int err = loop_open(&c->loop);

	c->tun = start->tun;
	c->udp = (struct udp){-1, -1};
	c->ask = start->ask;
	c->timer = (struct watch){timer_open(), drain_ready};
	c->named_timer = (struct watch){timer_open(), named_ready};
	c->wake = (struct watch){eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), drain_ready};
	c->tell = (struct watch){start->tell, tell_ready};
	err = err ? err : signals_open(c);
	err = err ? err : loop_add(&c->loop, &c->timer, EPOLLIN);
	err = err ? err : loop_add(&c->loop, &c->named_timer, EPOLLIN);
	err = err ? err : loop_add(&c->loop, &c->wake, EPOLLIN);
	err = err ? err : loop_add(&c->loop, &c->tell, EPOLLIN);
	c->path4 = (struct watch){start->path4, path4_ready};
	c->path6 = (struct watch){start->path6, path6_ready};
	if (!err && start->path4 >= 0)
		err = loop_add(&c->loop, &c->path4, EPOLLIN);
	if (!err && start->path6 >= 0)
		err = loop_add(&c->loop, &c->path6, EPOLLIN);
	err = err ? err : server_open(&c->server, &c->loop, start->uapi, uapi_answer, c);
	if (!err && start->metrics >= 0)
		err = metrics_open(
			&c->metrics, &c->loop, start->metrics, c->tun.name, metrics_answer, c);
	return err ? err : device_init(&c->device, &calls, c);
}

/* Give up what is not needed, then begin to carry packets, then give up the means to begin. */
static int control_begin(struct control *c, const struct control_start *start, struct error *e)
{
	struct worker_options options = {
		.mtu = start->mtu, .aead = start->crypto, .threads = start->threads};
	struct error missing;
	int err;

	address_scopes_open();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* it reads files */
	sandbox_enter(&missing);
	if (missing.text[0])
		log_warning("this system refuses parts of the sandbox: %s", missing.text);
	err = sockets_ask(c, 0, 0, &c->udp);
	if (err)
		return error_errno(e, -err, "UDP sockets");
	c->socket.listen_port = udp_port(&c->udp);
	err = worker_start(&c->worker, &c->device, &c->tun, &c->udp, &options, e);
	if (err)
		return err;
	c->handshakes = (struct watch){worker_handshake_fd(c->worker), handshakes_ready};
	err = loop_add(&c->loop, &c->handshakes, EPOLLIN);
	if (!err)
		err = sandbox_seal();
	if (err == -EINVAL || err == -ENOSYS) {
		log_warning("this system refuses parts of the sandbox: seccomp");
		err = 0;
	}
	return err ? error_errno(e, -err, "sandbox") : 0;
}

static void control_end(struct control *c)
{
	server_close(&c->server);
	metrics_close(&c->metrics);
	worker_stop(c->worker);
	device_done(&c->device);
	udp_close(&c->udp);
	tun_close(&c->tun);
	loop_close(&c->loop);
	free(c->named);
}

static int number_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Whatever else was open where the program was started is not ours. */
static void strangers_close(const struct control_start *s)
{
	int kept[7 + TUN_QUEUES] = {
		STDERR_FILENO, s->ask, s->tell, s->uapi, s->metrics, s->path4, s->path6};
	size_t n = 7;

	for (unsigned i = 0; i < s->tun.queues; i++)
		kept[n++] = s->tun.queue[i];
	qsort(kept, n, sizeof(*kept), number_order);
	for (size_t i = 0; i < n; i++) {
		unsigned first = (unsigned)kept[i] + 1;
		unsigned last = i + 1 < n ? (unsigned)kept[i + 1] - 1 : ~0U;

		if (kept[i] >= STDERR_FILENO && first <= last)
			close_range(first, last, 0);
	}
}

int control_run(const struct control_start *start)
{
	static struct control control;
	struct control *c = &control;
	struct privilege_message m = {.kind = PRIVILEGE_READY};
	struct error e = {0};
	int err;

	strangers_close(start);
	err = control_open(c, start);
	if (!err)
		err = control_begin(c, start, &e);
	if (err) {
		m.error = err;
		snprintf(m.text, sizeof(m.text), "%.*s", PRIVILEGE_TEXT - 1, e.text);
		privilege_send(c->ask, &m);
		return 1;
	}
	privilege_send(c->ask, &m);
	while (!c->loop.stop) {
		struct moment now = moment_now();

		timer_set(c->timer.fd, device_step(&c->device, &now));
		if (loop_step(&c->loop, -1))
			break;
	}
	control_end(c);
	return 0;
}
