#include "see/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scoped.h"

/* "net:[4026531840]" when `kind` is "net:[". */
static bool inode_parse(const char *link, const char *kind, ino_t *inode)
{
	size_t skip = strlen(kind);
	char *end;
	unsigned long number;

	if (strncmp(link, kind, skip) != 0 || !isdigit((unsigned char)link[skip]))
		return false;
	number = strtoul(link + skip, &end, 10);
	if (strcmp(end, "]") != 0)
		return false;
	*inode = (ino_t)number;
	return true;
}

static bool netns_parse(const char *link, ino_t *inode)
{
	return inode_parse(link, "net:[", inode);
}

bool descriptor_parse(const char *link, struct descriptor *d)
{
	unsigned int number;
	char rest;

	if (netns_parse(link, &d->netns)) {
		d->kind = DESCRIPTOR_NETNS;
		return true;
	}
	if (!strcmp(link, "/dev/net/tun") || !strcmp(link, "/dev/tun")) {
		d->kind = DESCRIPTOR_TUN;
		return true;
	}
	if (sscanf(link, "/dev/tap%u%c", &number, &rest) == 1) {
		d->kind = DESCRIPTOR_MACVTAP;
		d->ifindex = number;
		return true;
	}
	return false;
}

/* How each engine names the cgroup of a container: the text before its id or name. */
static const struct container_row {
	const char *before;
	bool is_id; /* 64 hexadecimal digits; otherwise a name up to the next '/' or ".scope" */
} containers[] = {
	{"/docker-", true},
	{"/docker/", true},
	{"/cri-containerd-", true},
	{":cri-containerd:", true},
	{"/crio-", true},
	{"/libpod-", true},
	{"/nerdctl-", true},
	{"/kubepods/", true}, /* cgroupfs driver: .../podUID/ID */
	{"/kubepods.slice/", true},
	{"/lxc.payload.", false},
	{"/lxc/", false},
	{"/machine.slice/systemd-nspawn@", false},
	{"/machine.slice/machine-", false},
};

enum { CONTAINER_ID = 64, CONTAINER_SHORT = 12 };

/* The last run of exactly 64 hexadecimal digits in the path that begins at `text`. */
static const char *id_find(const char *text)
{
	const char *found = NULL;

	while (*text && *text != '\n') {
		size_t run = 0;

		while (isxdigit((unsigned char)text[run]))
			run++;
		if (run == CONTAINER_ID)
			found = text;
		text += run ? run : 1;
	}
	return found;
}

bool container_parse(const char *cgroup, char *out, size_t size)
{
	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
		const char *at = strstr(cgroup, containers[i].before);
		const char *end;
		size_t length;

		if (!at)
			continue;
		at += strlen(containers[i].before);
		if (containers[i].is_id) {
			at = id_find(at);
			length = CONTAINER_SHORT;
			if (!at)
				continue;
		} else {
			length = strcspn(at, "/\n");
			end = memmem(at, length, ".scope", 6);
			if (!end)
				end = memmem(at, length, ".service", 8);
			if (end)
				length = (size_t)(end - at);
			if (!length)
				continue;
		}
		snprintf(out, size, "%.*s", (int)length, at);
		return true;
	}
	return false;
}

static ssize_t file_read(const char *path, char *out, size_t size)
{
	SCOPED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	return n;
}

void process_describe(struct process *p, pid_t pid)
{
	char path[64], text[4096];

	*p = (struct process){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file_read(path, p->comm, sizeof(p->comm));
	p->comm[strcspn(p->comm, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (file_read(path, text, sizeof(text)) > 0)
		container_parse(text, p->container, sizeof(p->container));
}

/* Doubles when full; `count` is what is used. */
static bool grow(void *slot, size_t count, size_t size)
{
	void *grown;

	if (count & (count - 1) || (count && count < 16))
		return true;
	grown = reallocarray(*(void **)slot, count ? 2 * count : 16, size);
	if (grown)
		*(void **)slot = grown;
	return grown;
}

static int inhabitant_add(struct processes *p, pid_t pid, ino_t netns, ino_t mounts)
{
	if (!grow(&p->inhabitants, p->inhabitant_count, sizeof(*p->inhabitants)))
		return -ENOMEM;
	p->inhabitants[p->inhabitant_count++] = (struct inhabitant){pid, netns, mounts};
	return 0;
}

static int descriptor_add(struct processes *p, const struct descriptor *d)
{
	if (!grow(&p->descriptors, p->descriptor_count, sizeof(*p->descriptors)))
		return -ENOMEM;
	p->descriptors[p->descriptor_count++] = *d;
	return 0;
}

/* Reads a link into text; returns false when it cannot be read. */
static bool link_read(int folder, const char *path, char *out, size_t size)
{
	ssize_t n = readlinkat(folder, path, out, size - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* A folder below /proc as a stream; NULL when there is none or it is closed to us. */
static DIR *folder_open(int proc, const char *path)
{
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static pid_t id_parse(const char *name)
{
	return isdigit((unsigned char)name[0]) ? (pid_t)strtol(name, NULL, 10) : 0;
}

static int descriptors_read(struct processes *p, int proc, pid_t pid)
{
	char path[32], link[64];
	struct dirent *entry;
	DIR *dir;
	int err = 0;

	snprintf(path, sizeof(path), "%d/fd", (int)pid);
	dir = folder_open(proc, path);
	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		struct descriptor d = {.pid = pid};

		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!link_read(dirfd(dir), entry->d_name, link, sizeof(link)) ||
			!descriptor_parse(link, &d))
			continue;
		d.number = (int)strtol(entry->d_name, NULL, 10);
		err = descriptor_add(p, &d);
	}
	closedir(dir);
	return err;
}

/* Threads that live elsewhere than their process. */
static int threads_read(struct processes *p, int proc, pid_t pid, ino_t home)
{
	char path[64], link[64];
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int err = 0;

	snprintf(path, sizeof(path), "%d/task", (int)pid);
	/* "." and ".." and one thread */
	if (fstatat(proc, path, &st, 0) || st.st_nlink <= 3)
		return 0;
	dir = folder_open(proc, path);
	if (!dir)
		return 0;
	while (!err && (entry = readdir(dir))) {
		pid_t thread = id_parse(entry->d_name);
		ino_t netns;

		if (!thread || thread == pid)
			continue;
		snprintf(path, sizeof(path), "%d/ns/net", (int)thread);
		if (link_read(dirfd(dir), path, link, sizeof(link)) && netns_parse(link, &netns) &&
			netns != home)
			err = inhabitant_add(p, thread, netns, 0);
	}
	closedir(dir);
	return err;
}

static int process_read(struct processes *p, int proc, pid_t pid)
{
	char path[32], link[64];
	ino_t netns, mounts = 0;
	int err;

	snprintf(path, sizeof(path), "%d/ns/net", (int)pid);
	if (!link_read(proc, path, link, sizeof(link)) || !netns_parse(link, &netns)) {
		if (errno == EACCES || errno == EPERM)
			p->unseen++;
		return 0;
	}
	snprintf(path, sizeof(path), "%d/ns/mnt", (int)pid);
	if (link_read(proc, path, link, sizeof(link)))
		inode_parse(link, "mnt:[", &mounts);
	err = inhabitant_add(p, pid, netns, mounts);
	if (!err)
		err = threads_read(p, proc, pid, netns);
	return err ? err : descriptors_read(p, proc, pid);
}

static int inhabitant_compare(const void *a, const void *b)
{
	pid_t x = ((const struct inhabitant *)a)->pid, y = ((const struct inhabitant *)b)->pid;

	return x < y ? -1 : x > y;
}

int processes_read(struct processes *p, struct error *e)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	*p = (struct processes){0};
	if (!dir)
		return error_errno(e, errno, "/proc");
	while (!err && (entry = readdir(dir))) {
		pid_t pid = id_parse(entry->d_name);

		if (pid > 0)
			err = process_read(p, dirfd(dir), pid);
	}
	closedir(dir);
	if (err) {
		processes_free(p);
		return error_errno(e, -err, "/proc");
	}
	qsort(p->inhabitants, p->inhabitant_count, sizeof(*p->inhabitants), inhabitant_compare);
	return 0;
}

void processes_free(struct processes *p)
{
	free(p->inhabitants);
	free(p->descriptors);
	*p = (struct processes){0};
}
