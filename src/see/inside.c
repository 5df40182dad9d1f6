#include "see/inside.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scoped.h"

/* One byte with the descriptor `fd`, or with none when it is -1. */
static void descriptor_send(int channel, int fd)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec byte = {.iov_base = (char[1]){0}, .iov_len = 1};
	struct msghdr m = {.msg_iov = &byte, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	sendmsg(channel, &m, MSG_NOSIGNAL);
}

static int descriptor_receive(int channel)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct iovec byte = {.iov_base = (char[1]){0}, .iov_len = 1};
	struct msghdr m = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(channel, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

_Noreturn static void child(int channel, int user, int netns, int bus)
{
	struct netlink nl;

	if (setns(user, CLONE_NEWUSER) || setns(netns, CLONE_NEWNET) || netlink_open(&nl, bus, -1))
		descriptor_send(channel, -1);
	else
		descriptor_send(channel, mnl_socket_get_fd(nl.socket));
	_exit(0);
}

/* Nobody needs a right to be where he is. */
static bool is_here(int netns)
{
	struct stat there, here;

	return !fstat(netns, &there) && !stat("/proc/thread-self/ns/net", &here) &&
	       there.st_ino == here.st_ino;
}

int inside_open(struct netlink *nl, int bus, int netns)
{
	int err = netlink_open(nl, bus, is_here(netns) ? -1 : netns);
	SCOPED_FD int user = -1, near = -1, far = -1, inside = -1;
	int pair[2];
	pid_t pid;

	if (err != -EPERM)
		return err;
	user = ioctl(netns, NS_GET_USERNS);
	if (user < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -EPERM;
	near = pair[0];
	far = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(far, user, netns, bus);
	close(keep(&far)); /* so that a child that dies is the end of the channel */
	inside = descriptor_receive(near);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (inside < 0)
		return -EPERM;
	nl->socket = mnl_socket_fdopen(inside);
	if (!nl->socket)
		return -errno;
	keep(&inside);
	nl->port = mnl_socket_get_portid(nl->socket);
	nl->sequence = 0;
	return 0;
}
