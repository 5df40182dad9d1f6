#include "see/near.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The numbers that the devices of a namespace have other ends in. */
struct numbers {
	int32_t *list;
	size_t count;
	bool known;
};

struct near {
	struct reading *r;
	const struct attachment *attachments;
	size_t attachment_count;
	struct numbers *numbers; /* for each namespace */
	bool *wanted;
	int *queue; /* wanted, in the order in which they were found */
	size_t queued;
};

static void want(struct near *n, int netns)
{
	if (netns < 0 || n->wanted[netns])
		return;
	n->wanted[netns] = true;
	n->queue[n->queued++] = netns;
}

static bool numbers_have(const struct numbers *s, int32_t number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i] == number)
			return true;
	return false;
}

/* Reads the namespace and notes where its devices lead. */
static int look(struct near *n, int netns)
{
	const struct topology *t = n->r->t;
	struct numbers *s = &n->numbers[netns];
	int err = reading_netns(n->r, netns);

	if (err || s->known)
		return err;
	s->known = true;
	s->list = calloc(t->netns[netns].device_count + 1, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (size_t i = 0; i < t->netns[netns].device_count; i++) {
		int32_t number = t->devices[t->netns[netns].first_device + i].link_nsid;

		if (number >= 0 && !numbers_have(s, number))
			s->list[s->count++] = number;
	}
	return 0;
}

/* Where the devices of `netns` lead. */
static void ends_want(struct near *n, int netns)
{
	const struct numbers *s = &n->numbers[netns];
	size_t missing = s->count;

	for (int other = 0; missing && other < (int)n->r->t->netns_count; other++) {
		int32_t number = other == netns ? -1 : reading_number(n->r, netns, other);

		if (number < 0 || !numbers_have(s, number))
			continue;
		want(n, other);
		missing--;
	}
}

static bool has_tun(const struct topology *t, int netns, const char *name)
{
	int at = topology_device_named(t, netns, name);

	return at >= 0 && (t->devices[at].kind == DEVICE_TUN || t->devices[at].kind == DEVICE_TAP);
}

/* Between a tun and the process that holds it. */
static void holders_want(struct near *n, int netns)
{
	const struct topology *t = n->r->t;
	ino_t here = t->netns[netns].node.inode;

	for (size_t i = 0; i < n->attachment_count; i++) {
		const struct attachment *a = &n->attachments[i];
		bool unknown = !a->netns && a->name[0];

		if (a->netns == here || (unknown && has_tun(t, netns, a->name)))
			want(n, topology_netns(t, a->home));
		if (a->home != here || (unknown && has_tun(t, netns, a->name)))
			continue;
		if (!unknown)
			want(n, topology_netns(t, a->netns));
		/* A tun of ours that is somewhere, and we may not ask where. */
		for (int other = 0; unknown && other < (int)t->netns_count; other++)
			want(n, other);
	}
}

/* Devices elsewhere that stand on one of ours. */
static int uppers_want(struct near *n, int netns)
{
	const struct topology *t = n->r->t;
	int err = 0;

	for (int other = 0; !err && other < (int)t->netns_count; other++) {
		int32_t number;

		if (n->wanted[other] || t->netns[other].closed)
			continue;
		number = reading_number(n->r, other, netns);
		if (number < 0)
			continue;
		if (!n->numbers[other].known) {
			err = look(n, other);
			reading_forget(n->r, other);
		}
		if (!err && numbers_have(&n->numbers[other], number))
			want(n, other);
	}
	return err;
}

int near_read(struct reading *r, int asker, const struct attachment *list, size_t count)
{
	size_t room = r->t->netns_count + 1;
	struct near n = {
		.r = r,
		.attachments = list,
		.attachment_count = count,
		.numbers = calloc(room, sizeof(*n.numbers)),
		.wanted = calloc(room, sizeof(*n.wanted)),
		.queue = calloc(room, sizeof(*n.queue)),
	};
	int err = n.numbers && n.wanted && n.queue ? 0 : -ENOMEM;

	if (!err)
		want(&n, asker);
	for (size_t i = 0; !err && i < n.queued; i++) {
		err = look(&n, n.queue[i]);
		if (err)
			break;
		ends_want(&n, n.queue[i]);
		holders_want(&n, n.queue[i]);
		err = uppers_want(&n, n.queue[i]);
	}
	for (size_t i = 0; n.numbers && i < r->t->netns_count; i++)
		free(n.numbers[i].list);
	free(n.numbers);
	free(n.wanted);
	free(n.queue);
	return err;
}
