#include "see/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "see/topology.h"
#include "see/namespaces.h"
#include "see/processes.h"

static void add(struct roster *n, uint32_t inode, const char *name)
{
	void *grown = realloc(n->list, (n->count + 1) * sizeof(*n->list));

	if (!grown)
		return;
	n->list = grown;
	n->list[n->count].inode = inode;
	snprintf(n->list[n->count].name, NODE_NAME, "%s", name);
	n->count++;
}

static const char *find(const struct roster *n, uint32_t inode)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->list[i].inode == inode)
			return n->list[i].name;
	return NULL;
}

static void names_read(struct roster *n)
{
	struct topology t = {0};
	struct processes p;

	n->count = 0;
	if (processes_read(&p, NULL))
		return;
	if (!namespaces_find(&t, &p, NULL)) {
		for (size_t i = 0; i < t.netns_count; i++)
			add(n, (uint32_t)t.netns[i].node.inode, t.netns[i].node.name);
		topology_free(&t);
	}
	processes_free(&p);
}

const char *roster_name(struct roster *n, uint32_t inode, int64_t now)
{
	static _Thread_local char text[32];
	const char *name = find(n, inode);
	bool asked = n->unknown == inode && now - n->read < SECOND;

	if (!name && !asked) {
		names_read(n);
		n->read = now;
		name = find(n, inode);
		n->unknown = name ? 0 : inode;
	}
	if (name)
		return name;
	snprintf(text, sizeof(text), "net:[%u]", inode);
	return text;
}

void roster_done(struct roster *n)
{
	free(n->list);
	*n = (struct roster){0};
}
