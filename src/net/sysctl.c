#include "net/sysctl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"

static int sysctl_open(const char *name, int flags)
{
	char path[512];

	if (strstr(name, "..") ||
		snprintf(path, sizeof(path), "/proc/sys/%s", name) >= (int)sizeof(path))
		return -EINVAL;
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sysctl_get(const char *name, char value[SYSCTL_VALUE])
{
	SCOPED_FD int fd = sysctl_open(name, O_RDONLY);
	ssize_t got;
	size_t n = 0;

	if (fd < 0)
		return fd;
	got = read(fd, value, SYSCTL_VALUE - 1);
	if (got < 0)
		return -errno;
	for (ssize_t i = 0; i < got; i++) {
		if (!isspace((unsigned char)value[i]))
			value[n++] = value[i];
		else if (n && value[n - 1] != ' ')
			value[n++] = ' ';
	}
	if (n && value[n - 1] == ' ')
		n--;
	value[n] = '\0';
	return 0;
}

int sysctl_set(const char *name, const char *value, struct error *e)
{
	SCOPED_FD int fd = sysctl_open(name, O_WRONLY);

	if (fd == -ENOENT)
		return error_set(e, ENOENT, "this kernel has no such setting");
	if (fd < 0)
		return error_errno(e, -fd, "cannot be set");
	if (write(fd, value, strlen(value)) < 0)
		return error_errno(e, errno, "'%s'", value);
	return 0;
}

bool sysctl_equal(const char *a, const char *b)
{
	for (;;) {
		char *end_a, *end_b;
		long long x, y;

		a += strspn(a, " \t\n");
		b += strspn(b, " \t\n");
		if (!*a || !*b)
			return !*a && !*b;

		size_t la = strcspn(a, " \t\n"), lb = strcspn(b, " \t\n");

		x = strtoll(a, &end_a, 0);
		y = strtoll(b, &end_b, 0);
		if (end_a == a + la && end_b == b + lb ? x != y : la != lb || memcmp(a, b, la) != 0)
			return false;
		a += la;
		b += lb;
	}
}

bool sysctl_device(const char *name, char *device, size_t size)
{
	static const char *const folders[] = {"net/ipv4/conf/", "net/ipv6/conf/", "net/ipv4/neigh/",
		"net/ipv6/neigh/", "net/mpls/conf/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t prefix = strlen(folders[i]), n;

		if (strncmp(name, folders[i], prefix))
			continue;
		n = strcspn(name + prefix, "/");
		if (!n || n >= size)
			return false;
		memcpy(device, name + prefix, n);
		device[n] = '\0';
		return strcmp(device, "all") && strcmp(device, "default");
	}
	return false;
}
