#include "base/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char netns_directory[512] = "/run/netns";
static char state_directory[512] = "/run/warren";
static bool hidden;

const char *node_netns_directory(void)
{
	return netns_directory;
}

const char *node_state_directory(void)
{
	return state_directory;
}

void node_directories(const char *netns, const char *state)
{
	snprintf(netns_directory, sizeof(netns_directory), "%s", netns);
	snprintf(state_directory, sizeof(state_directory), "%s", state);
}

void node_hide(void)
{
	hidden = true;
}

bool node_is_hidden(void)
{
	return hidden;
}

bool node_split(const char *netns, char network[NODE_NAME], char node[NODE_NAME])
{
	const char *dot = strchr(netns, '.');
	char path[sizeof(state_directory) + NODE_NAME];
	struct stat st;

	if (!dot || dot == netns || !dot[1] || strlen(netns) >= NODE_NAME)
		return false;
	snprintf(path, sizeof(path), "%s/%.*s", state_directory, (int)(dot - netns), netns);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return false;
	snprintf(network, NODE_NAME, "%.*s", (int)(dot - netns), netns);
	snprintf(node, NODE_NAME, "%s", dot + 1);
	return true;
}

static bool is_same_network(const char *a, const char *b)
{
	struct stat x, y;

	/* These files have one inode for each namespace, and everybody may ask for it. */
	return !stat(a, &x) && !stat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

ino_t node_host(void)
{
	struct stat st;

	if (!stat("/proc/1/ns/net", &st))
		return st.st_ino;
	if (is_same_network("/proc/1/net/dev", "/proc/self/net/dev") &&
		!stat("/proc/self/ns/net", &st))
		return st.st_ino;
	return 0;
}

static int node_compare(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void names_choose(struct node *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char network[NODE_NAME], node[NODE_NAME];
		bool unique = true;

		if (!list[i].network[0])
			continue;
		node_split(list[i].netns, network, node);
		for (size_t k = 0; k < n; k++) {
			const char *dot = strchr(list[k].netns, '.');
			const char *other = list[k].network[0] && dot ? dot + 1 : list[k].netns;

			unique = unique && (k == i || strcmp(other, node) != 0);
		}
		if (unique)
			snprintf(list[i].name, NODE_NAME, "%s", node);
		else
			snprintf(list[i].name, NODE_NAME, "%.60s/%.60s", network, node);
	}
}

ssize_t node_list(struct node **out)
{
	DIR *dir = opendir(netns_directory);
	struct node *list = NULL;
	struct dirent *entry;
	size_t n = 0;

	*out = NULL;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		struct node *grown, *node;
		char unused[NODE_NAME];
		struct stat st;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= NODE_NAME ||
			fstatat(dirfd(dir), entry->d_name, &st, 0))
			continue;
		grown = realloc(list, (n + 1) * sizeof(*list));
		if (!grown) {
			free(list);
			closedir(dir);
			return -ENOMEM;
		}
		list = grown;
		node = &list[n++];
		*node = (struct node){.fd = -1, .device = st.st_dev, .inode = st.st_ino};
		snprintf(node->netns, NODE_NAME, "%s", entry->d_name);
		snprintf(node->name, NODE_NAME, "%s", entry->d_name);
		if (!node_split(node->netns, node->network, unused))
			node->network[0] = '\0';
	}
	closedir(dir);
	names_choose(list, n);
	if (n)
		qsort(list, n, sizeof(*list), node_compare);
	*out = list;
	return (ssize_t)n;
}

static int path_open(struct node *n, const char *path, struct error *e)
{
	struct stat st;

	n->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (n->fd < 0 || fstat(n->fd, &st))
		return error_errno(e, errno, "node '%s': %s", n->name, path);
	n->device = st.st_dev;
	n->inode = st.st_ino;
	return 0;
}

/* Gives a namespace that was opened by path or process its `ip netns` name, if it has one. */
static void name_adopt(struct node *n, bool rename)
{
	struct node *list;
	ssize_t count = node_list(&list);

	for (ssize_t i = 0; i < count; i++) {
		if (list[i].inode != n->inode || list[i].device != n->device)
			continue;
		if (rename)
			memcpy(n->name, list[i].name, NODE_NAME);
		memcpy(n->netns, list[i].netns, NODE_NAME);
		memcpy(n->network, list[i].network, NODE_NAME);
		break;
	}
	free(list);
}

/* Does the name `spec` mean the listed node? */
static bool node_is(const struct node *n, const char *spec)
{
	char full[2 * NODE_NAME + 2];
	const char *dot = strchr(n->netns, '.');

	if (!strcmp(n->netns, spec))
		return true;
	if (!n->network[0] || !dot)
		return false;
	snprintf(full, sizeof(full), "%s/%s", n->network, dot + 1);
	return !strcmp(dot + 1, spec) || !strcmp(full, spec);
}

static int name_open(struct node *n, const char *spec, struct error *e)
{
	struct node *list, *found = NULL;
	ssize_t count = node_list(&list);
	char path[sizeof(netns_directory) + NODE_NAME];
	int err = 0;

	for (ssize_t i = 0; i < count && !err; i++) {
		if (!node_is(&list[i], spec))
			continue;
		if (found)
			err = error_set(e, ENOTUNIQ, "node '%s' is ambiguous: %s or %s%s%s", spec,
				found->name, list[i].network[0] ? "" : netns_directory,
				list[i].network[0] ? "" : "/", list[i].name);
		else
			found = &list[i];
	}
	if (!err && found) {
		snprintf(path, sizeof(path), "%s/%s", netns_directory, found->netns);
		*n = *found;
		err = path_open(n, path, e);
	} else if (!err && !strcmp(spec, "host")) {
		struct stat here;
		bool home = !stat("/proc/self/ns/net", &here) && here.st_ino == node_host();

		err = path_open(n, home ? "/proc/self/ns/net" : "/proc/1/ns/net", e);
	} else if (!err) {
		err = error_set(e, ENOENT,
			"no node '%s': expected a Warren node, an `ip netns` name, pid:N or a path",
			spec);
	}
	free(list);
	return err;
}

int node_open(struct node *n, const char *spec, struct error *e)
{
	char path[64], *end = NULL;
	long pid = 0;
	int err;

	*n = (struct node){.fd = -1};
	snprintf(n->name, sizeof(n->name), "%s", spec ? spec : "host");
	if (!spec) {
		err = path_open(n, "/proc/thread-self/ns/net", e);
		if (!err && n->inode != node_host())
			snprintf(n->name, sizeof(n->name), "here");
		if (!err)
			name_adopt(n, true);
	} else if (!strncmp(spec, "pid:", 4)) {
		pid = strtol(spec + 4, &end, 10);
		if (pid <= 0 || *end)
			return error_set(e, EINVAL, "node '%s': expected pid: and a number", spec);
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
		err = path_open(n, path, e);
		if (!err)
			name_adopt(n, true);
	} else if (spec[0] == '/' || spec[0] == '.') {
		err = path_open(n, spec, e);
		if (!err)
			name_adopt(n, true);
	} else {
		err = name_open(n, spec, e);
	}
	if (err)
		node_close(n);
	return err;
}

void node_close(struct node *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

int node_go(int netns)
{
	struct stat here, there;

	if (!fstat(netns, &there) && !stat("/proc/thread-self/ns/net", &here) &&
		here.st_ino == there.st_ino && here.st_dev == there.st_dev)
		return 0;
	return setns(netns, CLONE_NEWNET);
}

int node_enter(const struct node *n)
{
	return node_go(n->fd) ? -errno : 0;
}
