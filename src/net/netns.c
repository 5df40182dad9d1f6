#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/node.h"
#include "base/scoped.h"

enum { NETNS_PATH = 1024 };

static const char here[] = "/proc/thread-self/ns/net";

static void name_path(char path[NETNS_PATH], const char *name)
{
	snprintf(path, NETNS_PATH, "%s/%s", node_netns_directory(), name);
}

static int loopback_up(void)
{
	SCOPED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		return -errno;
	return 0;
}

int netns_make(struct error *e)
{
	SCOPED_FD int home = open(here, O_RDONLY | O_CLOEXEC);
	SCOPED_FD int made = -1;
	int err = 0;

	if (home < 0)
		return error_errno(e, errno, "%s", here);
	if (unshare(CLONE_NEWNET))
		return error_errno(e, errno, "cannot make a network namespace");
	made = open(here, O_RDONLY | O_CLOEXEC);
	if (made < 0)
		err = error_errno(e, errno, "%s", here);
	else if (loopback_up())
		err = error_errno(e, errno, "cannot set lo up");
	/* There is no way on in a namespace that is not ours. */
	if (setns(home, CLONE_NEWNET))
		abort();
	return err ? err : keep(&made);
}

int netns_open(const char *name)
{
	char path[NETNS_PATH];
	int fd;

	name_path(path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

ino_t netns_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* The directory is a mount point that shares what happens in it: a name that is taken away here
 * must go from the mount namespaces of others too, or it keeps the network namespace alive. */
static int directory_prepare(struct error *e)
{
	const char *path = node_netns_directory();

	if (mkdir(path, 0755) && errno != EEXIST)
		return error_errno(e, errno, "%s", path);
	if (!mount("", path, "none", MS_SHARED | MS_REC, NULL))
		return 0;
	if (errno != EINVAL || mount(path, path, "none", MS_BIND | MS_REC, NULL) ||
		mount("", path, "none", MS_SHARED | MS_REC, NULL))
		return error_errno(e, errno, "%s: cannot make it a shared mount", path);
	return 0;
}

int netns_name(int fd, const char *name, struct error *e)
{
	char path[NETNS_PATH], from[64];
	int file, err = directory_prepare(e);

	if (err)
		return err;
	name_path(path, name);
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (file < 0 && errno == EEXIST)
		return error_set(e, EEXIST, "the namespace name %s is taken", name);
	if (file < 0)
		return error_errno(e, errno, "%s", path);
	close(file);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, path, "none", MS_BIND, NULL)) {
		err = error_errno(e, errno, "cannot bind a namespace to %s", path);
		unlink(path);
	}
	return err;
}

int netns_unname(const char *name, ino_t inode, struct error *e)
{
	char path[NETNS_PATH];
	struct stat st;

	name_path(path, name);
	if (stat(path, &st))
		return errno == ENOENT ? 0 : error_errno(e, errno, "%s", path);
	/* A bare file has the permissions that netns_name() gave it: none. */
	if (st.st_ino != inode && !(S_ISREG(st.st_mode) && !(st.st_mode & 0777) && !st.st_size))
		return error_set(e, EBUSY, "%s: not removed, it is another namespace now", path);
	if (st.st_ino == inode && umount2(path, MNT_DETACH) && errno != EINVAL)
		return error_errno(e, errno, "%s", path);
	if (unlink(path) && errno != ENOENT)
		return error_errno(e, errno, "%s", path);
	return 0;
}

int netns_visit(int fd)
{
	SCOPED_FD int home = open(here, O_RDONLY | O_CLOEXEC);

	if (home < 0 || setns(fd, CLONE_NEWNET))
		return -errno;
	return keep(&home);
}

void netns_return(int home)
{
	if (setns(home, CLONE_NEWNET))
		abort();
	close(home);
}
