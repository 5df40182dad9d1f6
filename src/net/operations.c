#include "net/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *action, *object;
} words[] = {
	[OPERATION_PROCESS_STOP] = {"remove", "process"},
	[OPERATION_TUNNEL_STOP] = {"remove", "tunnel"},
	[OPERATION_NFT_CLEAR] = {"remove", "nft"},
	[OPERATION_ROUTE_DEL] = {"remove", "route"},
	[OPERATION_ADDR_DEL] = {"remove", "addr"},
	[OPERATION_DEVICE_DEL] = {"remove", "device"},
	[OPERATION_NODE_DEL] = {"remove", "node"},
	[OPERATION_NODE_ADD] = {"add", "node"},
	[OPERATION_SYSCTL_SET] = {"change", "sysctl"},
	[OPERATION_LINK_ADD] = {"add", "link"},
	[OPERATION_DEVICE_ADD] = {"add", "device"},
	[OPERATION_TUNNEL_START] = {"add", "tunnel"},
	[OPERATION_TUNNEL_SET] = {"change", "tunnel"},
	[OPERATION_DEVICE_SET] = {"change", "device"},
	[OPERATION_SHAPE_SET] = {"change", "shape"},
	[OPERATION_ADDR_ADD] = {"add", "addr"},
	[OPERATION_DEVICE_UP] = {"change", "device"},
	[OPERATION_ROUTE_ADD] = {"add", "route"},
	[OPERATION_NFT_LOAD] = {"add", "nft"},
	[OPERATION_PROCESS_START] = {"add", "process"},
};

const char *operation_action(const struct operation *o)
{
	/* A route or a ruleset that takes another's place. */
	return o->was[0] ? "change" : words[o->kind].action;
}

const char *operation_object(const struct operation *o)
{
	return words[o->kind].object;
}

void operation_format(char out[3 * OPERATION_TEXT], const struct operation *o)
{
	const char *action = operation_action(o);
	char sign = *action == 'a' ? '+' : *action == 'r' ? '-' : '~';
	bool value_first = o->kind == OPERATION_LINK_ADD; /* "a:eth0 -- b:eth0" names the nodes */

	snprintf(out, 3 * OPERATION_TEXT, "%c %s %s%s%s%s%s%s%s%s", sign, operation_object(o),
		value_first ? "" : o->node, !value_first && o->device ? ":" : "",
		!value_first && o->device ? o->device : "", !value_first && o->value[0] ? " " : "",
		o->value, o->was[0] ? " (was " : "", o->was, o->was[0] ? ")" : "");
}

void operations_free(struct operations *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->list[i].config);
	free(o->list);
	*o = (struct operations){0};
}
