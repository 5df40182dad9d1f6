/* The struct itself: memory and finding.  Reading the kernel is in current_read.c. */
#include "net/current.h"

#include <stdlib.h>
#include <string.h>

void *current_take(struct current *c, size_t n)
{
	void **grown = reallocarray(c->blocks, c->block_count + 1, sizeof(*grown));
	void *block;

	if (!grown)
		return NULL;
	c->blocks = grown;
	block = calloc(1, n ? n : 1);
	if (block)
		c->blocks[c->block_count++] = block;
	return block;
}

char *current_text(struct current *c, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = current_take(c, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void current_free(struct current *c)
{
	for (size_t i = 0; i < c->block_count; i++)
		free(c->blocks[i]);
	free(c->blocks);
	*c = (struct current){0};
}

struct current_node *current_find_node(const struct current *c, const char *name)
{
	for (size_t i = 0; i < c->node_count; i++)
		if (!strcmp(c->nodes[i].name, name))
			return &c->nodes[i];
	return NULL;
}

struct current_device *current_find_device(const struct current_node *n, const char *name)
{
	for (size_t i = 0; i < n->device_count; i++)
		if (!strcmp(n->devices[i].is.name, name))
			return &n->devices[i];
	return NULL;
}
