#include "net/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/node.h"
#include "base/scoped.h"
#include "net/view.h"

enum { STATE_PATH = 1024 };

static void network_path(char path[STATE_PATH], const char *network)
{
	snprintf(path, STATE_PATH, "%s/%s", node_state_directory(), network);
}

/* A lock on a file that was removed while we waited for it is worth nothing. */
static bool lock_is_current(const struct state *s, const char *path)
{
	char file[STATE_PATH + 8];
	struct stat mine, theirs;

	snprintf(file, sizeof(file), "%s/.lock", path);
	return !fstat(s->lock, &mine) && !stat(file, &theirs) && mine.st_ino == theirs.st_ino &&
	       mine.st_dev == theirs.st_dev;
}

static void handles_close(struct state *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->directory >= 0)
		close(s->directory);
	s->lock = s->directory = -1;
}

/* One try: 0 locked, -EAGAIN the folder went away meanwhile. */
static int state_lock(struct state *s, const char *path, bool create, void (*waiting)(const char *),
	struct error *e)
{
	if (create && mkdir(node_state_directory(), 0755) && errno != EEXIST)
		return error_errno(e, errno, "%s", node_state_directory());
	if (create && mkdir(path, 0700) && errno != EEXIST)
		return errno == ENOENT ? -EAGAIN : error_errno(e, errno, "%s", path);
	s->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->directory < 0 && errno == ENOENT)
		return create ? -EAGAIN : -ENOENT;
	if (s->directory < 0)
		return error_errno(e, errno, "%s", path);
	s->lock = openat(s->directory, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return errno == ENOENT ? -EAGAIN : error_errno(e, errno, "%s/.lock", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB)) {
		if (waiting)
			waiting(s->network);
		while (flock(s->lock, LOCK_EX))
			if (errno != EINTR)
				return error_errno(e, errno, "%s/.lock", path);
	}
	return lock_is_current(s, path) ? 0 : -EAGAIN;
}

int state_open(struct state *s, const char *network, bool create, void (*waiting)(const char *),
	struct error *e)
{
	char path[STATE_PATH];
	int err;

	*s = STATE_CLOSED;
	snprintf(s->network, sizeof(s->network), "%s", network);
	network_path(path, network);
	do {
		handles_close(s);
		err = state_lock(s, path, create, waiting, e);
	} while (err == -EAGAIN);
	if (!err) {
		err = journal_open(&s->journal, s->directory, ".journal", create, e);
		/* An `up` that was killed before it did anything left an empty folder. */
		if (err == -ENOENT)
			state_remove(s, NULL);
	}
	if (err)
		state_close(s);
	return err;
}

int state_peek(struct state *s, const char *network, struct error *e)
{
	char path[STATE_PATH];
	int err;

	*s = STATE_CLOSED;
	snprintf(s->network, sizeof(s->network), "%s", network);
	network_path(path, network);
	s->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->directory < 0)
		return errno == ENOENT ? -ENOENT : error_errno(e, errno, "%s", path);
	SCOPED_FREE char *text = state_read_file(s, ".journal");

	err = text ? 0 : -ENOENT;
	if (text)
		journal_read(&s->journal, text, strlen(text));
	else
		state_close(s);
	return err;
}

void state_close(struct state *s)
{
	journal_close(&s->journal);
	handles_close(s);
}

/* Never follows a link, never leaves the folder. */
static int tree_remove(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir)) && !err) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(fd, entry->d_name, 0) && errno != ENOENT)
			err = errno == EISDIR ? tree_remove(fd, entry->d_name) : -errno;
	}
	closedir(dir);
	if (!err && unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		err = -errno;
	return err;
}

int state_remove(struct state *s, struct error *e)
{
	SCOPED_FD int above = open(node_state_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = s->removed || above < 0 ? 0 : tree_remove(above, s->network);

	if (err)
		return error_errno(e, -err, "%s/%s", node_state_directory(), s->network);
	s->removed = true;
	/* The last one takes along what was made for all. */
	if (!rmdir(node_state_directory()))
		view_place_remove();
	return 0;
}

int state_remove_folder(struct state *s, const char *name, struct error *e)
{
	int err = tree_remove(s->directory, name);

	return err ? error_errno(e, -err, "%s/%s/%s", node_state_directory(), s->network, name) : 0;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

ssize_t state_list(char ***names)
{
	DIR *dir = opendir(node_state_directory());
	struct dirent *entry;
	size_t n = 0;

	*names = NULL;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		char **grown, path[STATE_PATH];

		snprintf(path, sizeof(path), "%s/.journal", entry->d_name);
		if (entry->d_name[0] == '.' || faccessat(dirfd(dir), path, F_OK, 0))
			continue;
		grown = reallocarray(*names, n + 1, sizeof(*grown));
		if (!grown)
			break;
		*names = grown;
		(*names)[n] = strdup(entry->d_name);
		n += (*names)[n] != NULL;
	}
	closedir(dir);
	if (n)
		qsort(*names, n, sizeof(**names), name_compare);
	return (ssize_t)n;
}

char *state_read_file(const struct state *s, const char *path)
{
	SCOPED_FD int fd = openat(s->directory, path, O_RDONLY | O_CLOEXEC);
	size_t n = 0, room = 4096;
	char *text = fd < 0 ? NULL : malloc(room);

	while (text) {
		ssize_t got = read(fd, text + n, room - n - 1);

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n + 1 == room) {
			char *grown = realloc(text, room *= 2);

			if (!grown) {
				free(text);
				return NULL;
			}
			text = grown;
		}
	}
	if (text)
		text[n] = '\0';
	return text;
}

int state_write_file(const struct state *s, const char *path, const char *text, struct error *e)
{
	char part[512];
	size_t size = strlen(text);

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdirat(s->directory, part, 0700) && errno != EEXIST)
			return error_errno(e, errno, "%s/%s", s->network, part);
	}
	snprintf(part, sizeof(part), "%s.part", path);

	SCOPED_FD int fd =
		openat(s->directory, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(e, errno, "%s/%s", s->network, part);
	errno = 0;
	if (write(fd, text, size) != (ssize_t)size ||
		renameat(s->directory, part, s->directory, path))
		return error_errno(e, errno ? errno : EIO, "%s/%s", s->network, path);
	return 0;
}

ino_t state_node(const struct state *s, const char *node)
{
	char key[256];
	const char *value;

	snprintf(key, sizeof(key), "node/%s", node);
	value = journal_get(&s->journal, key);
	return value ? (ino_t)strtoull(value, NULL, 10) : 0;
}

int state_put_node(struct state *s, const char *node, ino_t inode, struct error *e)
{
	char key[256], value[32];

	snprintf(key, sizeof(key), "node/%s", node);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)inode);
	return journal_put(&s->journal, key, value, e);
}

bool state_next(const struct state *s, const char *prefix, size_t *at, const char **rest,
	const char **value)
{
	size_t n = strlen(prefix);

	for (; *at < s->journal.count; (*at)++) {
		const struct journal_entry *entry = &s->journal.list[*at];

		if (strncmp(entry->key, prefix, n))
			continue;
		*rest = entry->key + n;
		*value = entry->value;
		(*at)++;
		return true;
	}
	return false;
}
