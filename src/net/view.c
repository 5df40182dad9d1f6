#include "net/view.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { VIEW_PATH = 1024 };

static const char wireguard[] = "/var/run/wireguard";

/* Only the devices of its own namespace are in a sysfs.  Where it cannot be mounted (inside some
 * containers) the old one stays: that is less, but no reason to refuse. */
static void sysfs_replace(void)
{
	unsigned long flags = 0;
	struct statvfs st;

	if (!statvfs("/sys", &st) && st.f_flag & ST_RDONLY)
		flags = MS_RDONLY;
	if (umount2("/sys", MNT_DETACH) && errno != EINVAL && errno != EPERM)
		return;
	mount("sysfs", "/sys", "sysfs", flags, NULL);
}

static int etc_cover(const char *name, struct error *e)
{
	char folder[VIEW_PATH];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/etc/netns/%s", name);
	dir = opendir(folder);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)) && !err) {
		char from[2 * VIEW_PATH], to[VIEW_PATH];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%s", folder, entry->d_name);
		snprintf(to, sizeof(to), "/etc/%s", entry->d_name);
		if (mount(from, to, "none", MS_BIND, NULL))
			err = error_errno(e, errno, "cannot put %s over %s", from, to);
	}
	closedir(dir);
	return err;
}

int view_enter(int netns, const char *name, const char *sockets, struct error *e)
{
	if (setns(netns, CLONE_NEWNET))
		return error_errno(e, errno, "cannot enter the network namespace");
	if (unshare(CLONE_NEWNS))
		return error_errno(e, errno, "cannot make a mount namespace");
	/* What is mounted outside comes in; nothing goes out. */
	if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL))
		return error_errno(e, errno, "cannot keep mounts private");
	sysfs_replace();
	if (sockets) {
		if (mkdir(wireguard, 0755) && errno != EEXIST)
			return error_errno(e, errno, "%s", wireguard);
		if (mount(sockets, wireguard, "none", MS_BIND, NULL))
			return error_errno(e, errno, "cannot put %s over %s", sockets, wireguard);
	}
	return name && *name ? etc_cover(name, e) : 0;
}

/* Does a process see something at `place` that is mounted, and not a node's folder? */
static bool is_covered_for(const char *pid, const char *place)
{
	char path[300], *line = NULL;
	bool covered = false;
	size_t room = 0;
	FILE *mounts;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	mounts = fopen(path, "re");
	while (mounts && !covered && getline(&line, &room, mounts) > 0) {
		char root[VIEW_PATH], at[VIEW_PATH];

		covered = sscanf(line, "%*s %*s %*s %1023s %1023s", root, at) == 2 &&
			  !strcmp(at, place) && !strstr(root, "/warren/");
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return covered;
}

void view_place_remove(void)
{
	static const char place[] = "/run/wireguard"; /* /var/run leads there */
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool covered = !proc;

	while (!covered && (entry = readdir(proc)))
		covered = isdigit((unsigned char)entry->d_name[0]) &&
			  is_covered_for(entry->d_name, place);
	if (proc)
		closedir(proc);
	if (!covered)
		rmdir(place);
}
