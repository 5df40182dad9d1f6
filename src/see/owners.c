#include "see/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/scoped.h"

bool fdinfo_parse(const char *text, char name[IFNAMSIZ])
{
	const char *line = strstr(text, "iff:\t");
	size_t length = line ? strcspn(line + 5, "\n") : 0;

	if (!length || length >= IFNAMSIZ || line[5 + length] != '\n')
		return false;
	memcpy(name, line + 5, length);
	name[length] = '\0';
	return true;
}

/* Asks the descriptor itself.  Returns -EBADFD when it is attached to no device. */
static int attachment_ask(struct attachment *a)
{
	const struct descriptor *d = a->descriptor;
	SCOPED_FD int process = (int)syscall(SYS_pidfd_open, d->pid, 0);
	SCOPED_FD int tun = -1, netns = -1;
	struct ifreq request = {0};
	struct stat st;

	if (process < 0)
		return -errno;
	tun = (int)syscall(SYS_pidfd_getfd, process, d->number, 0);
	if (tun < 0 || ioctl(tun, TUNGETIFF, &request))
		return -errno;
	netns = ioctl(tun, TUNGETDEVNETNS);
	if (netns < 0 || fstat(netns, &st))
		return -errno;
	memcpy(a->name, request.ifr_name, IFNAMSIZ);
	a->name[IFNAMSIZ - 1] = '\0';
	a->netns = st.st_ino;
	return 0;
}

static bool attachment_read(struct attachment *a)
{
	const struct descriptor *d = a->descriptor;
	int err = d->kind == DESCRIPTOR_MACVTAP ? 0 : attachment_ask(a);
	char path[64], text[512];
	ssize_t n;

	if (!err)
		return true;
	if (err == -EBADFD || err == -ESRCH || err == -EBADF)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)d->pid, d->number);
	SCOPED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	a->netns = 0;
	return fdinfo_parse(text, a->name);
}

static bool is_tun(const struct device *d)
{
	return d->kind == DEVICE_TUN || d->kind == DEVICE_TAP;
}

static int inhabitant_compare(const void *key, const void *member)
{
	pid_t x = *(const pid_t *)key, y = ((const struct inhabitant *)member)->pid;

	return x < y ? -1 : x > y;
}

static ino_t home_of(const struct processes *p, pid_t pid)
{
	const struct inhabitant *found = NULL;

	if (p->inhabitant_count)
		found = bsearch(&pid, p->inhabitants, p->inhabitant_count, sizeof(*p->inhabitants),
			inhabitant_compare);
	return found ? found->netns : 0;
}

ssize_t attachments_read(const struct processes *p, struct attachment **list)
{
	size_t count = 0;

	*list = NULL;
	for (size_t i = 0; i < p->descriptor_count; i++) {
		struct attachment a = {.descriptor = &p->descriptors[i]}, *grown;

		if (a.descriptor->kind == DESCRIPTOR_NETNS || !attachment_read(&a))
			continue;
		a.home = home_of(p, a.descriptor->pid);
		grown = reallocarray(*list, count + 1, sizeof(*grown));
		if (!grown) {
			free(*list);
			*list = NULL;
			return -ENOMEM;
		}
		*list = grown;
		grown[count++] = a;
	}
	return (ssize_t)count;
}

/* The tun of that name: at home, or else the only one; two elsewhere are one too many. */
static int guess(const struct topology *t, const char *name, int home)
{
	int only = topology_device_named(t, home, name);

	if (only >= 0 && is_tun(&t->devices[only]))
		return only;
	only = TOPOLOGY_NONE;
	for (size_t i = 0; i < t->device_count; i++) {
		if (!is_tun(&t->devices[i]) || strcmp(t->devices[i].name, name) != 0)
			continue;
		if (only >= 0)
			return TOPOLOGY_NONE;
		only = (int)i;
	}
	return only;
}

static int device_of(const struct topology *t, const struct attachment *a, int home)
{
	int at;

	if (a->descriptor->kind == DESCRIPTOR_MACVTAP) {
		/* The number is the ifindex in the namespace where the node was made: mostly home.
		 */
		at = topology_device_at(t, home, a->descriptor->ifindex);
		return at >= 0 && !strcmp(t->devices[at].link_kind, "macvtap") ? at : TOPOLOGY_NONE;
	}
	if (!a->netns)
		return guess(t, a->name, home);
	return topology_device_named(t, topology_netns(t, a->netns), a->name);
}

static int holder_add(struct device *d, pid_t pid, int home)
{
	struct holder *grown;

	for (size_t i = 0; i < d->holder_count; i++) {
		if (d->holders[i].process.pid == pid) {
			/* A device with one queue has one, however often it was dup()ed. */
			d->holders[i].queues += d->tun.multi_queue || d->kind == DEVICE_MACVLAN;
			return 0;
		}
	}
	grown = reallocarray(d->holders, d->holder_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	d->holders = grown;
	grown += d->holder_count++;
	*grown = (struct holder){.queues = 1, .home = home};
	process_describe(&grown->process, pid);
	return 0;
}

int owners_find(struct topology *t, const struct attachment *list, size_t count, struct error *e)
{
	for (size_t i = 0; i < count; i++) {
		int home = topology_netns(t, list[i].home);
		int at = device_of(t, &list[i], home);

		if (at >= 0 && holder_add(&t->devices[at], list[i].descriptor->pid, home))
			return error_errno(e, ENOMEM, "finding who holds the tunnels");
	}
	return 0;
}
