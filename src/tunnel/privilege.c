#include "tunnel/privilege.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/scoped.h"

int privilege_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ? -errno : 0;
}

int privilege_send(int channel, const struct privilege_message *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(m->fd))];
	} control = {0};
	struct iovec piece = {(void *)(uintptr_t)m, offsetof(struct privilege_message, fd)};
	struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};

	if (m->fds) {
		header.msg_control = control.space;
		header.msg_controllen = CMSG_SPACE(m->fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(m->fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), m->fd, m->fds * sizeof(int));
	}
	while (sendmsg(channel, &header, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int privilege_receive(int channel, struct privilege_message *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(m->fd))];
	} control = {0};
	struct iovec piece = {m, offsetof(struct privilege_message, fd)};
	struct msghdr header = {.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	ssize_t got;

	do
		got = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	m->fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		m->fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(m->fd, CMSG_DATA(c), m->fds * sizeof(int));
	}
	if (!got)
		return -EPIPE;
	if ((size_t)got == piece.iov_len && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	privilege_close(m);
	return -EBADMSG;
}

void privilege_close(struct privilege_message *m)
{
	for (unsigned i = 0; i < m->fds; i++)
		close(m->fd[i]);
	m->fds = 0;
}

/* ---- settings: struct settings, then its peers, then its allowed-ips, as they lie ---- */

static size_t settings_size(const struct settings *s)
{
	return sizeof(*s) + s->peer_count * sizeof(*s->peers) +
	       s->allowed_count * sizeof(*s->allowed_ips);
}

int privilege_settings_send(int channel, const struct settings *s)
{
	SCOPED_FD int fd = memfd_create("settings", MFD_CLOEXEC);
	struct privilege_message m = {.kind = PRIVILEGE_SETTINGS, .fds = 1, .fd = {fd}};
	size_t size = settings_size(s);
	uint8_t *map, *at;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return -errno;
	map = at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	memcpy(at, s, sizeof(*s));
	at += sizeof(*s);
	if (s->peer_count)
		memcpy(at, s->peers, s->peer_count * sizeof(*s->peers));
	at += s->peer_count * sizeof(*s->peers);
	if (s->allowed_count)
		memcpy(at, s->allowed_ips, s->allowed_count * sizeof(*s->allowed_ips));
	munmap(map, size);
	return privilege_send(channel, &m);
}

static int settings_copy(struct settings *out, const uint8_t *map, size_t size)
{
	struct settings s;

	memcpy(&s, map, sizeof(s));
	s.peers = NULL;
	s.allowed_ips = NULL;
	if (s.peer_count > size / sizeof(*s.peers) ||
		s.allowed_count > size / sizeof(*s.allowed_ips) || settings_size(&s) != size)
		return -EBADMSG;
	s.peer_room = s.peer_count;
	s.allowed_room = s.allowed_count;
	s.peers = malloc(s.peer_count * sizeof(*s.peers) + 1);
	s.allowed_ips = malloc(s.allowed_count * sizeof(*s.allowed_ips) + 1);
	if (!s.peers || !s.allowed_ips) {
		s.peer_count = 0;
		settings_done(&s);
		return -ENOMEM;
	}
	map += sizeof(s);
	memcpy(s.peers, map, s.peer_count * sizeof(*s.peers));
	map += s.peer_count * sizeof(*s.peers);
	memcpy(s.allowed_ips, map, s.allowed_count * sizeof(*s.allowed_ips));
	for (size_t i = 0; i < s.peer_count; i++) {
		if (s.peers[i].allowed_ip <= s.allowed_count &&
			s.peers[i].allowed_ips <= s.allowed_count - s.peers[i].allowed_ip &&
			s.peers[i].replaced <= s.peers[i].allowed_ips)
			continue;
		settings_done(&s);
		return -EBADMSG;
	}
	*out = s;
	sodium_memzero(&s, sizeof(s));
	return 0;
}

int privilege_settings_read(int fd, struct settings *out)
{
	SCOPED_FD int own = fd;
	off_t end = lseek(own, 0, SEEK_END);
	size_t size = (size_t)end;
	uint8_t *map;
	int err;

	if (end < 0)
		return -errno;
	if (size < sizeof(*out))
		return -EBADMSG;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	if (map == MAP_FAILED)
		return -errno;
	err = settings_copy(out, map, size);
	sodium_memzero(map, size);
	munmap(map, size);
	return err;
}
