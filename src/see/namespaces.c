#include "see/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/scoped.h"

/* Undoes the octal escapes of mountinfo: "\040" is a space. */
static void unescape(const char *from, size_t length, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 1 < size; i++) {
		if (from[i] == '\\' && i + 3 < length) {
			out[used++] = (char)strtol(
				(char[]){from[i + 1], from[i + 2], from[i + 3], 0}, NULL, 8);
			i += 3;
		} else {
			out[used++] = from[i];
		}
	}
	out[used] = '\0';
}

bool mount_parse(const char *line, ino_t *inode, char *path, size_t size)
{
	unsigned long long number;
	int path_begin = 0, path_end = 0;
	const char *type = strstr(line, " - nsfs ");
	char bracket;

	/* ID PARENT MAJOR:MINOR ROOT PATH OPTIONS... - TYPE SOURCE ... */
	if (!type ||
		sscanf(line, "%*s %*s %*s net:[%llu%c %n%*s%n", &number, &bracket, &path_begin,
			&path_end) != 2 ||
		bracket != ']' || !path_end || line + path_end > type)
		return false;
	*inode = (ino_t)number;
	unescape(line + path_begin, (size_t)(path_end - path_begin), path, size);
	return true;
}

static struct netns_view *find(struct topology *t, ino_t inode)
{
	int at = topology_netns(t, inode);

	return at < 0 ? NULL : &t->netns[at];
}

static struct netns_view *add(struct topology *t, ino_t inode, enum found_by found_by)
{
	struct netns_view *grown = t->netns;

	if (t->netns_count % 64 == 0)
		grown = reallocarray(t->netns, t->netns_count + 64, sizeof(*grown));
	if (!grown)
		return NULL;
	t->netns = grown;
	grown += t->netns_count++;
	*grown = (struct netns_view){
		.node = {.fd = -1, .inode = inode},
		.found_by = found_by,
	};
	return grown;
}

static void enter_open(struct netns_view *n, const char *path)
{
	struct stat st;

	n->node.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (n->node.fd >= 0 && fstat(n->node.fd, &st) == 0 && st.st_ino == n->node.inode) {
		n->node.device = st.st_dev;
		return;
	}
	/* The process has ended since, or another has taken its number, or we may not. */
	n->closed = true;
	n->closed_errno = n->node.fd < 0 ? errno : ESTALE;
	node_close(&n->node);
}

static int by_name(struct topology *t)
{
	SCOPED_FREE struct node *list = NULL;
	ssize_t count = node_list(&list);

	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count; i++) {
		char path[2 * NODE_NAME + 512];
		struct netns_view *n;
		struct statfs fs;

		/* A name whose namespace is gone is an ordinary, empty file. */
		snprintf(path, sizeof(path), "%s/%s", node_netns_directory(), list[i].netns);
		if (find(t, list[i].inode) || statfs(path, &fs) || fs.f_type != NSFS_MAGIC)
			continue;
		n = add(t, list[i].inode, FOUND_BY_NAME);
		if (!n)
			return -ENOMEM;
		n->node = list[i];
		n->node.fd = -1;
		enter_open(n, path);
	}
	return 0;
}

static int by_process(struct topology *t, const struct processes *p)
{
	ino_t host = node_host();

	for (size_t i = 0; i < p->inhabitant_count; i++) {
		const struct inhabitant *lives = &p->inhabitants[i];
		struct netns_view *n = find(t, lives->netns);
		char path[64];
		struct process *grown;

		if (!n) {
			n = add(t, lives->netns, FOUND_BY_PROCESS);
			if (!n)
				return -ENOMEM;
			snprintf(n->node.name, NODE_NAME, "pid:%d", (int)lives->pid);
			snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)lives->pid);
			enter_open(n, path);
		}
		if (n->node.inode == host && !n->host) {
			n->host = true;
			snprintf(n->node.name, NODE_NAME, "host");
		}
		grown = reallocarray(n->residents, n->resident_count + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		n->residents = grown;
		/* Who it is matters where the namespace has no name. */
		if (n->host || n->found_by == FOUND_BY_NAME)
			grown[n->resident_count++] = (struct process){.pid = lives->pid};
		else
			process_describe(&grown[n->resident_count++], lives->pid);
	}
	return 0;
}

/* Another Warren that looks around at this moment has everything open, too: it is named last. */
static int by_descriptor(struct topology *t, const struct processes *p, bool lookers)
{
	for (size_t i = 0; i < p->descriptor_count; i++) {
		const struct descriptor *d = &p->descriptors[i];
		struct process keeper;
		struct netns_view *n;

		if (d->kind != DESCRIPTOR_NETNS || d->pid == getpid() || find(t, d->netns))
			continue;
		process_describe(&keeper, d->pid);
		if (!lookers && !strcmp(keeper.comm, "warren"))
			continue;
		n = add(t, d->netns, FOUND_BY_DESCRIPTOR);
		if (!n)
			return -ENOMEM;
		n->keeper = keeper;
		snprintf(n->node.name, NODE_NAME, "/proc/%d/fd/%d", (int)d->pid, d->number);
		enter_open(n, n->node.name);
	}
	return 0;
}

/* The mounts that process `pid` sees; paths begin at `root`. */
static int by_mounts_of(struct topology *t, const char *mountinfo, const char *root)
{
	FILE *file = fopen(mountinfo, "re");
	SCOPED_FREE char *line = NULL;
	size_t size = 0;
	int err = 0;

	while (file && !err && getline(&line, &size, file) > 0) {
		char path[NODE_NAME], whole[2 * NODE_NAME];
		struct netns_view *n;
		ino_t inode;

		if (!mount_parse(line, &inode, path, sizeof(path)) || find(t, inode))
			continue;
		snprintf(whole, sizeof(whole), "%s%s", root, path);
		n = strlen(whole) < NODE_NAME ? add(t, inode, FOUND_BY_MOUNT) : NULL;
		if (!n) {
			err = -ENOMEM;
			break;
		}
		snprintf(n->node.name, NODE_NAME, "%.*s", NODE_NAME - 1, whole);
		enter_open(n, whole);
	}
	if (file)
		fclose(file);
	return err;
}

static bool mounts_are_new(const struct processes *p, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (p->inhabitants[i].mounts == p->inhabitants[index].mounts)
			return false;
	return p->inhabitants[index].mounts != 0;
}

static int by_mount(struct topology *t, const struct processes *p)
{
	int err = by_mounts_of(t, "/proc/self/mountinfo", "");
	struct stat ours = {0};

	if (stat("/proc/self/ns/mnt", &ours))
		return err;
	for (size_t i = 0; !err && i < p->inhabitant_count; i++) {
		char mountinfo[64], root[64];

		if (p->inhabitants[i].mounts == ours.st_ino || !mounts_are_new(p, i))
			continue;
		snprintf(mountinfo, sizeof(mountinfo), "/proc/%d/mountinfo",
			(int)p->inhabitants[i].pid);
		snprintf(root, sizeof(root), "/proc/%d/root", (int)p->inhabitants[i].pid);
		err = by_mounts_of(t, mountinfo, root);
	}
	return err;
}

/* An ordinary user's networks: look names up as the process sees them that holds them. */
static void holder_adopt(const struct processes *p)
{
	static char names[96], state[96];

	for (size_t i = 0; geteuid() && i < p->inhabitant_count; i++) {
		struct process holder;
		struct stat st;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d", (int)p->inhabitants[i].pid);
		if (stat(path, &st) || st.st_uid != geteuid())
			continue;
		process_describe(&holder, p->inhabitants[i].pid);
		if (strcmp(holder.comm, "warren-holder") != 0)
			continue;
		snprintf(names, sizeof(names), "%s/root/run/netns", path);
		snprintf(state, sizeof(state), "%s/root/run/warren", path);
		node_directories(names, state);
		return;
	}
}

static int view_compare(const void *a, const void *b)
{
	const struct netns_view *x = a, *y = b;

	if (x->host != y->host)
		return y->host - x->host;
	if (x->found_by != y->found_by)
		return x->found_by < y->found_by ? -1 : 1;
	if (x->found_by == FOUND_BY_PROCESS)
		return x->residents[0].pid < y->residents[0].pid ? -1 : 1;
	return strverscmp(x->node.name, y->node.name);
}

int namespaces_find(struct topology *t, const struct processes *p, struct error *e)
{
	int err;

	holder_adopt(p);
	err = by_name(t);
	if (!err)
		err = by_process(t, p);
	if (!err)
		err = by_mount(t, p);
	if (!err)
		err = by_descriptor(t, p, false);
	if (!err)
		err = by_descriptor(t, p, true);
	if (err)
		return error_errno(e, -err, "finding the network namespaces");
	qsort(t->netns, t->netns_count, sizeof(*t->netns), view_compare);
	return 0;
}

void namespace_label(const struct netns_view *n, char *out, size_t size)
{
	const struct process *p = n->found_by == FOUND_BY_DESCRIPTOR ? &n->keeper : n->residents;
	bool kept = n->found_by == FOUND_BY_DESCRIPTOR;
	int pid = 0, path = 0;

	if (n->found_by == FOUND_BY_MOUNT &&
		sscanf(n->node.name, "/proc/%d/root/%n", &pid, &path) == 1 && path)
		snprintf(out, size, "%s of pid:%d", strrchr(n->node.name, '/') + 1, pid);
	else if (n->host || (!kept && (n->found_by != FOUND_BY_PROCESS || !n->resident_count)))
		snprintf(out, size, "%s", n->node.name);
	else
		snprintf(out, size, "%s %s%s%s%s", n->node.name, kept ? "kept by " : "", p->comm,
			p->container[0] ? " in container " : "", p->container);
}
