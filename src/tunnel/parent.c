#include "tunnel/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/scoped.h"
#include "tunnel/command.h"
#include "tunnel/conf.h"
#include "tunnel/conf_save.h"
#include "tunnel/control.h"
#include "tunnel/follow.h"
#include "tunnel/grant.h"
#include "tunnel/link.h"
#include "tunnel/metrics.h"
#include "tunnel/path_error.h"
#include "tunnel/privilege.h"
#include "tunnel/quick.h"
#include "tunnel/resolve.h"
#include "tunnel/sandbox.h"
#include "tunnel/tun.h"
#include "tunnel/uapi_socket.h"
#include "tunnel/worker.h"

#define STOP_PATIENCE (5 * SECOND) /* for the packet process to end by itself */

enum {
	STACK_USED = 65536,
	MTU_DEFAULT = 1420, /* fits into 1500 over IPv6 */
};

struct parent {
	const struct parent_options *options;
	struct loop loop;
	struct daemon daemon;
	char *file;	  /* absolute; NULL: none */
	struct conf conf; /* without keys once it was handed over */
	struct netlink netlink;
	struct quick quick;
	struct resolve resolve;
	struct follow follow; /* the device; follow.tell: the packet process */
	struct watch ask, signals, deleted;
	int uapi, metrics; /* listening, for the packet process; -1 */
	struct tun tun;

	pid_t child;
	struct watch child_watch; /* a pidfd */
	bool child_ended;
	int child_status;

	bool ready, settled; /* what the packet process has said */
	int32_t answer;	     /* READY's or SETTLED's error */
	char answer_text[PRIVILEGE_TEXT];
	bool stop, reload;
};

bool parent_name_check(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < IFNAMSIZ && strcmp(name, ".") && strcmp(name, "..") &&
	       strspn(name,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-") == n;
}

/* ---- the packet process's words ---- */

static void ask_ready(struct watch *w, uint32_t events)
{
	struct parent *p = watch_owner(w, struct parent, ask);
	struct privilege_message m;
	int err = privilege_receive(w->fd, &m);

	if (err) {
		/* It has ended, or is not what it was. */
		loop_del(&p->loop, w);
		p->stop = true;
		return;
	}
	switch (m.kind) {
	case PRIVILEGE_SOCKETS:
	case PRIVILEGE_MARK:
		if (m.kind == PRIVILEGE_SOCKETS) {
			grant_sockets(&m);
		} else {
			grant_mark(&m);
		}
		m.kind = PRIVILEGE_ANSWER;
		privilege_send(w->fd, &m);
		break;
	case PRIVILEGE_READY:
	case PRIVILEGE_SETTLED:
		p->ready |= m.kind == PRIVILEGE_READY;
		p->settled |= m.kind == PRIVILEGE_SETTLED;
		p->answer = m.error;
		m.text[PRIVILEGE_TEXT - 1] = '\0';
		memcpy(p->answer_text, m.text, sizeof(m.text));
		break;
	case PRIVILEGE_UNANSWERED:
		resolve_again(&p->resolve, m.peer.key);
		break;
	case PRIVILEGE_HERE:
		follow_here(&p->follow, &m);
		break;
	default:
		p->stop = true;
		break;
	}
	privilege_close(&m);
}

/* The loop goes on meanwhile: the command may well be `wg set`, which asks the packet process,
 * which asks us. */
static int hook_run(void *arg, const char *text)
{
	return command_run(&((struct parent *)arg)->loop, text);
}

static void name_found(void *arg, const uint8_t key[SETTINGS_KEY], const union address *at)
{
	struct parent *p = arg;
	struct privilege_message m = {.kind = PRIVILEGE_ENDPOINT};

	memcpy(m.peer.key, key, SETTINGS_KEY);
	m.peer.address = *at;
	privilege_send(p->follow.tell, &m);
}

/* ---- what happens around us ---- */

static void child_ready(struct watch *w, uint32_t events)
{
	struct parent *p = watch_owner(w, struct parent, child_watch);

	loop_del(&p->loop, w);
	waitpid(p->child, &p->child_status, 0);
	p->child_ended = true;
	p->stop = true;
}

static void signals_ready(struct watch *w, uint32_t events)
{
	struct parent *p = watch_owner(w, struct parent, signals);
	struct signalfd_siginfo info;

	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		p->reload = true;
	else
		p->stop = true;
}

static void deleted_ready(struct watch *w, uint32_t events)
{
	struct parent *p = watch_owner(w, struct parent, deleted);
	_Alignas(struct inotify_event) char buffer[4096];
	char path[UAPI_PATH];

	if (read(w->fd, buffer, sizeof(buffer)) < 0)
		return;
	uapi_socket_path(path, p->options->name);
	if (!p->stop && access(path, F_OK)) { /* at the end we remove it ourselves */
		log_info("%s was deleted", path);
		p->stop = true;
	}
}

/* ---- start ---- */

static int watches_open(struct parent *p, struct error *e)
{
	sigset_t set;
	int err = loop_open(&p->loop);

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->signals = (struct watch){signalfd(-1, &set, SFD_CLOEXEC), signals_ready};
	p->deleted = (struct watch){inotify_init1(IN_CLOEXEC | IN_NONBLOCK), deleted_ready};
	if (!err && (p->signals.fd < 0 || p->deleted.fd < 0))
		err = -errno;
	err = err ? err : loop_add(&p->loop, &p->signals, EPOLLIN);
	err = err ? err : loop_add(&p->loop, &p->deleted, EPOLLIN);
	err = err ? err : resolve_open(&p->resolve, &p->loop, name_found, p);
	err = err ? err : netlink_open(&p->netlink, NETLINK_ROUTE, -1);
	return err ? error_errno(e, -err, "%s", p->options->name) : 0;
}

static int device_open(struct parent *p, struct error *e)
{
	const char *name = p->options->name;
	struct link_state state;
	int err;

	if (!link_read(&p->netlink, name, 0, &state))
		return error_set(e, EEXIST, "%s: a device of that name exists already", name);
	if (p->file) { /* with PreUp the file may prepare what a device needs */
		p->quick = (struct quick){
			.name = name, .netlink = &p->netlink, .run = hook_run, .arg = p};
		err = quick_before(&p->quick, &p->conf, e);
		if (err)
			return err;
	}
	err = tun_open(
		&p->tun, name, !p->options->no_offload, worker_queues(p->options->threads), e);
	if (err == -EPERM)
		return error_set(
			e, EPERM, "%s: creating a device needs the capability CAP_NET_ADMIN", name);
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		return error_set(
			e, ENOENT, "%s: there is no /dev/net/tun here (modprobe tun)", name);
	return err ? err : tun_set_mtu(&p->tun, MTU_DEFAULT, e);
}

static int child_start(struct parent *p, struct error *e)
{
	int ask[2], tell[2];
	int err = privilege_pair(ask);

	if (!err)
		err = privilege_pair(tell);
	if (err)
		return error_errno(e, -err, "socketpair");
	p->child = fork();
	if (p->child < 0)
		return error_errno(e, errno, "fork");
	if (!p->child) {
		struct control_start start = {.tun = p->tun,
			.mtu = p->follow.state.mtu,
			.crypto = p->options->crypto,
			.threads = p->options->threads,
			.ask = ask[1],
			.tell = tell[1],
			.uapi = p->uapi,
			.path4 = path_error_open(AF_INET),
			.path6 = path_error_open(AF_INET6),
			.metrics = p->metrics};

		close(ask[0]);
		close(tell[0]);
		conf_done(&p->conf);
		sodium_stackzero(STACK_USED);
		daemon_leave(&p->daemon);
		_exit(control_run(&start));
	}
	close(ask[1]);
	close(tell[1]);
	tun_close(&p->tun); /* or the device would outlive the packet process */
	close(p->uapi);
	if (p->metrics >= 0)
		close(p->metrics);
	p->follow.tell = tell[0];
	p->ask = (struct watch){ask[0], ask_ready};
	p->child_watch = (struct watch){(int)syscall(SYS_pidfd_open, p->child, 0), child_ready};
	err = loop_add(&p->loop, &p->ask, EPOLLIN);
	if (!err && p->child_watch.fd < 0)
		err = -errno;
	err = err ? err : loop_add(&p->loop, &p->child_watch, EPOLLIN);
	return err ? error_errno(e, -err, "%s", p->options->name) : 0;
}

/* Run the loop until the packet process has said it. */
static int answer_wait(struct parent *p, const bool *said, struct error *e)
{
	while (!*said && !p->stop)
		loop_step(&p->loop, -1);
	if (!*said)
		return error_set(
			e, ECANCELED, "%s: it ended before it was ready", p->options->name);
	if (!p->answer)
		return 0;
	if (p->answer_text[0] && p->ready && !strstr(p->answer_text, ": "))
		return error_errno(e, -p->answer, "%s: %s", p->options->name, p->answer_text);
	return error_set(e, -p->answer, "%s: %s", p->options->name,
		p->answer_text[0] ? p->answer_text : strerror(-p->answer));
}

/* Hand the settings over, and forget the keys in them. */
static int settings_hand_over(struct parent *p, struct conf *c, struct error *e)
{
	int err = privilege_settings_send(p->follow.tell, &c->settings);

	sodium_memzero(c->settings.private_key, SETTINGS_KEY);
	for (size_t i = 0; i < c->settings.peer_count; i++)
		sodium_memzero(c->settings.peers[i].preshared_key, SETTINGS_KEY);
	sodium_stackzero(STACK_USED); /* what the functions that read the file left there */
	if (err)
		return error_errno(e, -err, "%s", p->options->name);
	p->settled = false;
	return answer_wait(p, &p->settled, e);
}

static bool file_find(struct parent *p)
{
	SCOPED_FREE char *here = getcwd(NULL, 0);
	const char *file = p->options->file;

	if (file[0] == '/')
		p->file = strdup(file);
	else if (!here || asprintf(&p->file, "%s/%s", here, file) < 0)
		p->file = NULL;
	return p->file != NULL;
}

static int parent_open(struct parent *p, struct error *e)
{
	const struct parent_options *o = p->options;
	int err = 0;

	prctl(PR_SET_DUMPABLE, 0); /* the file's keys pass through here */
	if (p->file)
		err = conf_read(&p->conf, p->file, e);
	err = err ? err : watches_open(p, e);
	err = err ? err : device_open(p, e);
	if (err)
		return err;
	p->uapi = uapi_socket_listen(o->name, e);
	if (p->uapi < 0)
		return p->uapi;
	if (o->metrics) {
		p->metrics = metrics_listen(o->metrics, e);
		if (p->metrics < 0)
			return p->metrics;
	}
	inotify_add_watch(p->deleted.fd, UAPI_DIRECTORY, IN_DELETE | IN_MOVED_FROM);
	p->follow.name = o->name;
	p->follow.loop = &p->loop;
	p->follow.netlink = &p->netlink;
	err = follow_open(&p->follow);
	if (!err)
		link_generate_none(&p->netlink, p->follow.state.index); /* fails without IPv6 */
	return err ? error_errno(e, -err, "%s", o->name) : 0;
}

/* The file's commands may need any right. */
static bool has_commands(const struct conf *c)
{
	for (size_t i = 0; i < CONF_HOOKS; i++)
		if (c->hooks[i].count)
			return true;
	return false;
}

static int parent_up(struct parent *p, struct error *e)
{
	int err = child_start(p, e);

	err = err ? err : answer_wait(p, &p->ready, e);
	if (err)
		return err;
	follow_tell(&p->follow);
	if (!p->file)
		return 0;
	p->quick.index = p->follow.state.index;
	quick_choose(&p->quick, &p->conf);
	err = settings_hand_over(p, &p->conf, e);
	err = err ? err : quick_up(&p->quick, &p->conf, e);
	if (!err)
		resolve_set(&p->resolve, p->conf.names, p->conf.name_count);
	return err;
}

/* ---- while it runs ---- */

/* Commands run in our own namespace, not in the device's. */
static int hook_refuse(void *arg, const char *text)
{
	return 1;
}

/* Addresses and routes, where the device is now. */
static int file_change(struct parent *p, const struct conf *new, struct error *e)
{
	struct follow *f = &p->follow;
	struct quick there = p->quick;
	struct netlink nl;
	int err;

	if (!f->away)
		return quick_change(&p->quick, &p->conf, new, e);
	follow_ask(f);
	while (!f->answered && !p->stop)
		loop_step(&p->loop, -1);
	err = p->stop ? -ECANCELED : follow_visit(f, &nl, &there.index);
	if (err)
		return error_errno(e, -err, "%s: its addresses and routes in another namespace",
			p->options->name);
	there.netlink = &nl;
	there.moved = true;
	there.run = hook_refuse;
	err = quick_change(&there, &p->conf, new, e);
	netlink_close(&nl);
	follow_leave(f);
	there.netlink = p->quick.netlink;
	there.index = p->quick.index;
	there.moved = false;
	there.run = p->quick.run;
	p->quick = there;
	return err;
}

static void file_read_again(struct parent *p)
{
	struct conf new = {0};
	struct error e = {0};
	int err;

	p->reload = false;
	if (!p->file) {
		log_info("there is no file to read again");
		return;
	}
	daemon_say("RELOADING=1");
	err = conf_read(&new, p->file, &e);
	if (!err)
		quick_choose(&p->quick, &new);
	err = err ? err : settings_hand_over(p, &new, &e);
	if (err) {
		log_error("%s; the settings stay as they are", e.text);
		conf_done(&new);
	} else {
		if (file_change(p, &new, &e))
			log_error("%s; keys and peers are as the file says", e.text);
		if (has_commands(&new) && !has_commands(&p->conf))
			log_warning("the file's new commands will run with few rights: restart it");
		resolve_set(&p->resolve, new.names, new.name_count);
		conf_done(&p->conf);
		p->conf = new;
		log_info("%s: read again", p->file);
	}
	daemon_say("READY=1");
}

/* ---- the end ---- */

static void child_stop(struct parent *p)
{
	struct privilege_message m = {.kind = PRIVILEGE_STOP};
	int64_t deadline = clock_now() + STOP_PATIENCE;

	if (p->child <= 0)
		return;
	privilege_send(p->follow.tell, &m);
	while (!p->child_ended && clock_now() < deadline)
		loop_step(&p->loop, deadline - clock_now());
	if (!p->child_ended) {
		log_error("the packet process does not end: killed");
		kill(p->child, SIGKILL);
		waitpid(p->child, &p->child_status, 0);
	}
}

/* As the device is now, also where somebody changed it by hand. */
static void file_save(struct parent *p)
{
	struct prefix *addresses;
	struct error e = {0};
	size_t count;

	if (!p->conf.save || p->child_ended)
		return;
	if (!p->follow.away && !link_addresses(&p->netlink, p->quick.index, &addresses, &count)) {
		free(p->conf.addresses);
		p->conf.addresses = addresses;
		p->conf.address_count = count;
	}
	if (p->conf.mtu)
		p->conf.mtu = p->follow.state.mtu;
	if (conf_save(&p->conf, p->options->name, p->file, p->quick.table, &e))
		log_warning("SaveConfig: %s", e.text);
	sodium_stackzero(STACK_USED);
}

static void parent_down(struct parent *p, bool was_up)
{
	if (was_up && p->file) {
		quick_ending(&p->quick, &p->conf);
		file_save(p);
	}
	if (p->quick.name)
		quick_down(&p->quick);
	/* The socket goes before the device: who sees the device gone may start anew. */
	if (p->uapi >= 0)
		uapi_socket_remove(p->options->name);
	child_stop(p);
	if (p->metrics >= 0 && strchr(p->options->metrics, '/'))
		unlink(p->options->metrics);
	if (was_up && p->file)
		quick_gone(&p->quick, &p->conf);
	conf_done(&p->conf);
}

static int parent_end(const struct parent *p, struct error *e)
{
	const char *name = p->options->name;

	if (WIFSIGNALED(p->child_status))
		return error_set(e, ECHILD, "%s: the packet process was ended by signal %d (%s)",
			name, WTERMSIG(p->child_status), strsignal(WTERMSIG(p->child_status)));
	if (WEXITSTATUS(p->child_status))
		return error_set(e, ECHILD, "%s: the packet process failed", name);
	return 0;
}

int parent_run(const struct parent_options *o, struct error *e)
{
	static struct parent parent;
	struct parent *p = &parent;
	int err;

	*p = (struct parent){.options = o, .daemon = o->daemon, .uapi = -1, .metrics = -1};
	p->follow.tell = p->follow.there = -1;
	if (sodium_init() < 0)
		return error_set(e, ENOSYS, "libsodium does not start");
	if (o->file && !file_find(p)) /* before the working directory changes */
		return error_errno(e, errno, "%s", o->file);
	err = daemon_start(&p->daemon, e);
	err = err ? err : parent_open(p, e);
	if (err) {
		parent_down(p, false);
		return err;
	}
	err = parent_up(p, e);
	if (!err) {
		if (!has_commands(&p->conf))
			sandbox_parent();
		daemon_ready(&p->daemon);
		log_info("ready");
		while (!p->stop) {
			loop_step(&p->loop, -1);
			if (p->reload)
				file_read_again(p);
		}
		daemon_say("STOPPING=1");
	}
	parent_down(p, !err);
	return err ? err : parent_end(p, e);
}
