/* The snapshot is taken in this order: processes, namespaces, devices, their
 * ends.  A process that starts a namespace during the walk is missed; a
 * namespace that goes is `closed`. */
#include "see/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "see/namespaces.h"
#include "see/near.h"
#include "see/owners.h"
#include "see/processes.h"
#include "see/reading.h"

/* Each namespace takes two descriptors while it is read. */
static void descriptors_allow(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* asker  NULL: everything */
static int devices_read(struct topology *t, const struct node *asker, const struct attachment *list,
	size_t count, struct error *e)
{
	int from = asker ? topology_netns(t, asker->inode) : TOPOLOGY_NONE;
	struct reading r;
	int err = reading_begin(&r, t, from >= 0);

	if (!err && from >= 0)
		err = near_read(&r, from, list, count);
	for (int i = 0; !err && from < 0 && i < (int)t->netns_count; i++)
		err = reading_netns(&r, i);
	err = reading_end(&r, err);
	return err ? error_errno(e, -err, "reading the devices") : 0;
}

static int snapshot(struct topology *t, const struct node *asker, struct error *e)
{
	SCOPED_FREE struct attachment *list = NULL;
	struct topology seen = {.taken = clock_now()};
	struct processes p = {0};
	ssize_t count = 0;
	int err;

	descriptors_allow();
	err = processes_read(&p, e);
	if (!err) {
		seen.unseen_processes = p.unseen;
		err = namespaces_find(&seen, &p, e);
	}
	if (!err) {
		count = attachments_read(&p, &list);
		err = count < 0 ? error_errno(e, ENOMEM, "finding who holds the tunnels") : 0;
	}
	if (!err)
		err = devices_read(&seen, asker, list, (size_t)count, e);
	if (!err)
		err = owners_find(&seen, list, (size_t)count, e);
	processes_free(&p);
	if (err)
		topology_free(&seen);
	else
		*t = seen;
	return err;
}

int topology_read(struct topology *t, struct error *e)
{
	return snapshot(t, NULL, e);
}

int topology_read_near(struct topology *t, const struct node *asker, struct error *e)
{
	return snapshot(t, asker, e);
}

int topology_read_one(struct topology *t, const struct node *node, struct error *e)
{
	struct topology one = {.taken = clock_now(), .netns_count = 1};
	int err;

	one.netns = calloc(1, sizeof(*one.netns));
	if (!one.netns)
		return error_errno(e, ENOMEM, "node '%s'", node->name);
	one.netns->node = *node;
	one.netns->node.fd = fcntl(node->fd, F_DUPFD_CLOEXEC, 0);
	err = one.netns->node.fd < 0 ? error_errno(e, errno, "node '%s'", node->name) : 0;
	if (!err)
		err = devices_read(&one, NULL, NULL, 0, e);
	if (!err && one.netns->closed)
		err = error_errno(e, one.netns->closed_errno, "node '%s'", node->name);
	if (err)
		topology_free(&one);
	else
		*t = one;
	return err;
}

void topology_free(struct topology *t)
{
	for (size_t i = 0; i < t->netns_count; i++) {
		free(t->netns[i].residents);
		if (t->netns[i].node.fd >= 0)
			node_close(&t->netns[i].node);
	}
	for (size_t i = 0; i < t->device_count; i++) {
		free(t->devices[i].addresses);
		free(t->devices[i].holders);
		free(t->devices[i].vlans);
	}
	free(t->netns);
	free(t->devices);
	*t = (struct topology){0};
}
