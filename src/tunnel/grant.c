#include "tunnel/grant.h"

#include <errno.h>

#include "base/log.h"
#include "tunnel/udp.h"

void grant_sockets(struct privilege_message *m)
{
	struct udp udp;
	struct error e = {0};

	m->error = udp_open(&udp, m->socket.port, m->socket.mark, &e);
	privilege_close(m);
	if (m->error) {
		log_debug("%s", e.text);
		return;
	}
	m->socket.port = udp_port(&udp);
	m->socket.in4 = udp.in4 >= 0;
	m->socket.in6 = udp.in6 >= 0;
	if (m->socket.in4)
		m->fd[m->fds++] = udp.in4;
	if (m->socket.in6)
		m->fd[m->fds++] = udp.in6;
}

void grant_mark(struct privilege_message *m)
{
	struct udp udp = {.in4 = -1, .in6 = -1};
	unsigned at = 0;

	if (m->fds != (unsigned)m->socket.in4 + m->socket.in6) {
		m->error = -EBADMSG;
		return;
	}
	if (m->socket.in4)
		udp.in4 = m->fd[at++];
	if (m->socket.in6)
		udp.in6 = m->fd[at++];
	m->error = udp_set_fwmark(&udp, m->socket.mark);
	privilege_close(m);
}
