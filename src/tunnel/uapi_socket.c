#include "tunnel/uapi_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"

void uapi_socket_path(char out[UAPI_PATH], const char *name)
{
	snprintf(out, UAPI_PATH, "%s/%s.sock", UAPI_DIRECTORY, name);
}

static void address_of(struct sockaddr_un *a, const char *name)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	uapi_socket_path(a->sun_path, name);
}

static int connect_to(const struct sockaddr_un *a)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		return -errno;
	return keep(&fd);
}

int uapi_socket_connect(const char *name, struct error *e)
{
	struct sockaddr_un a;
	int fd;

	address_of(&a, name);
	fd = connect_to(&a);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return error_set(
			e, ENOENT, "%s: no tunnel of that name runs here (%s)", name, a.sun_path);
	return fd < 0 ? error_errno(e, -fd, "%s", a.sun_path) : fd;
}

/* The socket that is ours, to tell it from a successor's. */
static struct {
	dev_t device;
	ino_t inode;
} own;

static int name_wait(const struct sockaddr_un *a)
{
	static const struct timespec moment = {0, 50000000};

	for (int i = 0; i < 40; i++) {
		SCOPED_FD int other = connect_to(a);

		if (other == -ECONNREFUSED)
			unlink(a->sun_path);
		if (other < 0)
			return 0;
		nanosleep(&moment, NULL);
	}
	return -EADDRINUSE;
}

int uapi_socket_listen(const char *name, struct error *e)
{
	SCOPED_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a;
	struct stat st;
	mode_t mask;
	int err = 0;

	address_of(&a, name);
	if (fd < 0)
		return error_errno(e, errno, "%s", a.sun_path);
	if (mkdir(UAPI_DIRECTORY, 0700) && errno != EEXIST)
		return error_errno(e, errno, "%s", UAPI_DIRECTORY);
	if (name_wait(&a))
		return error_set(e, EADDRINUSE,
			"%s: a tunnel of that name runs already (%s answers)", name, a.sun_path);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16))
		err = -errno;
	umask(mask);
	if (!err && !lstat(a.sun_path, &st)) {
		own.device = st.st_dev;
		own.inode = st.st_ino;
	}
	return err ? error_errno(e, -err, "%s", a.sun_path) : keep(&fd);
}

void uapi_socket_remove(const char *name)
{
	char path[UAPI_PATH];
	struct stat st;

	uapi_socket_path(path, name);
	if (!lstat(path, &st) && st.st_dev == own.device && st.st_ino == own.inode)
		unlink(path);
}
