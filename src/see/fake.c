#include "see/fake.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test.h"

void fake_netns(struct topology *t, const char *name)
{
	struct netns_view *n;

	t->netns = reallocarray(t->netns, t->netns_count + 1, sizeof(*t->netns));
	CHECK(t->netns != NULL);
	n = &t->netns[t->netns_count++];
	*n = (struct netns_view){.node = {.fd = -1, .inode = 1000 + t->netns_count},
		.first_device = t->device_count};
	snprintf(n->node.name, NODE_NAME, "%s", name);
	snprintf(n->node.netns, NODE_NAME, "%s", name);
}

struct topology fake_begin(const char *name, ...)
{
	struct topology t = {0};
	va_list args;

	va_start(args, name);
	for (; name; name = va_arg(args, const char *))
		fake_netns(&t, name);
	va_end(args);
	return t;
}

static void address_add(struct device *d, const char *text)
{
	struct address *a;
	char ip[64];
	unsigned prefix;

	d->addresses = reallocarray(d->addresses, d->address_count + 1, sizeof(*d->addresses));
	CHECK(d->addresses != NULL);
	a = &d->addresses[d->address_count++];
	*a = (struct address){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	CHECK(sscanf(text, "%63[^/]/%u", ip, &prefix) == 2);
	CHECK(inet_pton(a->family, ip, a->ip) == 1);
	a->prefix = (uint8_t)prefix;
	memcpy(a->remote, a->ip, 16);
}

int fake_device(
	struct topology *t, int netns, const char *name, enum device_kind kind, const char *address)
{
	static const char *const kinds[] = {
		[DEVICE_VETH] = "veth",
		[DEVICE_BRIDGE] = "bridge",
		[DEVICE_VXLAN] = "vxlan",
		[DEVICE_MACVLAN] = "macvlan",
		[DEVICE_TUN] = "tun",
		[DEVICE_OTHER] = "",
	};
	struct netns_view *n = &t->netns[netns];
	struct device *d;

	t->devices = reallocarray(t->devices, t->device_count + 1, sizeof(*t->devices));
	CHECK(t->devices != NULL);
	if (!n->device_count)
		n->first_device = t->device_count;
	CHECK(n->first_device + n->device_count == t->device_count);
	d = &t->devices[t->device_count];
	*d = (struct device){.netns = netns,
		.ifindex = (uint32_t)++n->device_count,
		.kind = kind,
		.up = true,
		.carrier = true,
		.mtu = 1500,
		.link_nsid = -1,
		.end = {.netns = TOPOLOGY_NONE, .device = TOPOLOGY_NONE}};
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->link_kind, sizeof(d->link_kind), "%s", kinds[kind] ? kinds[kind] : "");
	if (kind == DEVICE_MACVLAN)
		d->macvlan_mode = MACVLAN_MODE_BRIDGE;
	if (kind == DEVICE_BRIDGE)
		d->end = (struct other_end){END_PORTS, netns, TOPOLOGY_NONE, 0};
	if (kind == DEVICE_TUN || kind == DEVICE_TAP)
		d->end.type = END_PROCESS;
	if (kind == DEVICE_VXLAN)
		d->end = (struct other_end){END_UNDERLAY, netns, TOPOLOGY_NONE, 0};
	if (kind == DEVICE_PHYSICAL)
		d->end.type = END_WIRE;
	if (address)
		address_add(d, address);
	return (int)t->device_count++;
}

static void end_set(struct topology *t, int from, int to)
{
	t->devices[from].link = t->devices[to].ifindex;
	t->devices[from].end =
		(struct other_end){END_DEVICE, t->devices[to].netns, to, t->devices[to].ifindex};
}

void fake_cable(struct topology *t, int a, int b)
{
	end_set(t, a, b);
	end_set(t, b, a);
}

void fake_port(struct topology *t, int port, int bridge)
{
	t->devices[port].master = t->devices[bridge].ifindex;
	t->devices[port].port = (struct bridge_port){.is_port = true,
		.state = BR_STATE_FORWARDING,
		.unicast_flood = true,
		.multicast_flood = true,
		.broadcast_flood = true,
		.learning = true};
}

void fake_lower(struct topology *t, int upper, int lower)
{
	end_set(t, upper, lower);
}

void fake_holder(struct topology *t, int device, int pid, const char *comm)
{
	struct device *d = &t->devices[device];

	d->holders = reallocarray(d->holders, d->holder_count + 1, sizeof(*d->holders));
	CHECK(d->holders != NULL);
	d->holders[d->holder_count] =
		(struct holder){.queues = 1, .home = d->netns, .process = {.pid = pid}};
	snprintf(d->holders[d->holder_count++].process.comm, COMM_NAME, "%s", comm);
}
