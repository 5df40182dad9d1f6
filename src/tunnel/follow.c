#include "tunnel/follow.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scoped.h"

#define LOOK_INTERVAL (1 * SECOND)

void follow_tell(const struct follow *f)
{
	struct privilege_message m = {.kind = PRIVILEGE_LINK};

	m.link.up = f->state.up;
	m.link.mtu = f->state.mtu;
	privilege_send(f->tell, &m);
}

void follow_ask(struct follow *f)
{
	struct privilege_message m = {.kind = PRIVILEGE_WHERE};

	f->answered = false;
	privilege_send(f->tell, &m);
}

void follow_leave(struct follow *f)
{
	if (f->there >= 0)
		close(f->there);
	f->there = -1;
}

int follow_visit(const struct follow *f, struct netlink *nl, int *index)
{
	struct link_state state;
	int err = f->there < 0 ? -EPERM : netlink_open(nl, NETLINK_ROUTE, f->there);

	if (err)
		return err;
	err = link_read(nl, f->name, 0, &state);
	if (err)
		netlink_close(nl);
	else
		*index = state.index;
	return err;
}

static void link_ready(struct watch *w, uint32_t events)
{
	struct follow *f = watch_owner(w, struct follow, link.watch);

	switch (link_watch_read(&f->link, &f->state)) {
	case LINK_CHANGED:
		follow_tell(f);
		break;
	case LINK_DELETED:
		loop_del(f->loop, w);
		link_watch_close(&f->link);
		f->watching = false;
		follow_ask(f);
		break;
	default:
		break;
	}
}

static void look_ready(struct watch *w, uint32_t events)
{
	timer_read(w->fd);
	follow_ask(watch_owner(w, struct follow, look));
}

/* A short visit: nothing of ours stays there. */
static int state_read_there(const struct follow *f, const char *name, struct link_state *out)
{
	struct netlink nl;
	int err = f->there < 0 ? -errno : netlink_open(&nl, NETLINK_ROUTE, f->there);

	if (err)
		return err;
	err = link_read(&nl, name, 0, out);
	if (!err && !f->away)
		link_generate_none(&nl, out->index); /* the new namespace has its own idea */
	netlink_close(&nl);
	return err;
}

static void departure_say(struct follow *f, int err)
{
	if (!err && (!f->away || f->refused))
		log_info("the device went to another namespace, the sockets stay in this one");
	else if (err && !f->refused)
		log_warning("the device went to a namespace that may not be entered (%s; it takes "
			    "CAP_SYS_ADMIN): up and down are followed, but neither a new MTU nor "
			    "addresses and routes of the file read again",
			strerror(-err));
	f->away = true;
	f->refused = err;
}

void follow_here(struct follow *f, struct privilege_message *m)
{
	struct link_state state = f->state;
	int err;

	m->here.name[IFNAMSIZ - 1] = '\0';
	follow_leave(f);
	f->there = m->fds == 1 ? ioctl(m->fd[0], TUNGETDEVNETNS, 0) : -1;
	err = state_read_there(f, m->here.name, &state);
	if (err)
		state.up = m->here.up;
	departure_say(f, err);
	if (state.up != f->state.up || state.mtu != f->state.mtu) {
		f->state = state;
		follow_tell(f);
	}
	f->answered = true;
	timer_set(f->look.fd, clock_now() + LOOK_INTERVAL);
}

/* Watch the device; read its state once more then, so that nothing is missed. */
int follow_open(struct follow *f)
{
	int err = link_read(f->netlink, f->name, 0, &f->state);

	f->there = -1;
	f->look = (struct watch){timer_open(), look_ready};
	err = err ? err : loop_add(f->loop, &f->look, EPOLLIN);
	err = err ? err : link_watch_open(&f->link, f->state.index);
	if (err)
		return err;
	f->watching = true;
	f->link.watch.ready = link_ready;
	err = loop_add(f->loop, &f->link.watch, EPOLLIN);
	return err ? err : link_read(f->netlink, f->name, 0, &f->state);
}
