#include "see/topology.h"

#include <string.h>
#include <sys/socket.h>

int topology_netns(const struct topology *t, ino_t inode)
{
	for (size_t i = 0; i < t->netns_count; i++)
		if (t->netns[i].node.inode == inode)
			return (int)i;
	return TOPOLOGY_NONE;
}

int topology_netns_named(const struct topology *t, const char *name)
{
	struct node node;
	int found;

	for (size_t i = 0; i < t->netns_count; i++)
		if (!strcmp(t->netns[i].node.name, name))
			return (int)i;
	if (node_open(&node, name, NULL))
		return TOPOLOGY_NONE;
	found = topology_netns(t, node.inode);
	node_close(&node);
	return found;
}

int topology_device_at(const struct topology *t, int netns, uint32_t ifindex)
{
	if (netns < 0 || !ifindex)
		return TOPOLOGY_NONE;

	const struct netns_view *n = &t->netns[netns];
	size_t low = n->first_device, high = low + n->device_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->devices[middle].ifindex == ifindex)
			return (int)middle;
		if (t->devices[middle].ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return TOPOLOGY_NONE;
}

int topology_device(const struct topology *t, ino_t inode, uint32_t ifindex)
{
	return topology_device_at(t, topology_netns(t, inode), ifindex);
}

int topology_device_named(const struct topology *t, int netns, const char *name)
{
	if (netns < 0)
		return TOPOLOGY_NONE;

	const struct netns_view *n = &t->netns[netns];

	for (size_t i = n->first_device; i < n->first_device + n->device_count; i++)
		if (!strcmp(t->devices[i].name, name))
			return (int)i;
	return TOPOLOGY_NONE;
}

const struct netns_view *device_netns(const struct topology *t, const struct device *d)
{
	return &t->netns[d->netns];
}

bool device_stands_on_another(const struct device *d)
{
	return d->kind == DEVICE_MACVLAN || d->kind == DEVICE_IPVLAN || d->kind == DEVICE_VLAN;
}

const struct device *device_master(const struct topology *t, const struct device *d)
{
	int at = topology_device_at(t, d->netns, d->master);

	return at < 0 ? NULL : &t->devices[at];
}

int topology_owner(const struct topology *t, uint8_t family, const void *ip, int after)
{
	size_t bytes = family == AF_INET ? 4 : 16;

	for (size_t i = (size_t)(after + 1); i < t->device_count; i++) {
		const struct device *d = &t->devices[i];

		for (size_t a = 0; a < d->address_count; a++)
			if (d->addresses[a].family == family &&
				!memcmp(d->addresses[a].ip, ip, bytes))
				return (int)i;
	}
	return TOPOLOGY_NONE;
}

void topology_reach(const struct topology *t, int netns, bool *in)
{
	bool more = true;

	in[netns] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < t->device_count; i++) {
			const struct device *d = &t->devices[i];

			for (size_t k = 0; k <= d->holder_count; k++) {
				int other = k ? d->holders[k - 1].home : d->end.netns;

				if (other >= 0 && in[other] != in[d->netns])
					in[other] = in[d->netns] = more = true;
			}
		}
	}
}
