#include "see/topology_json.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/socket.h>

#include "see/describe.h"

static void put(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

/* Text from the kernel need not be UTF-8: what is not becomes '?'. */
static json_t *text(const char *from)
{
	json_t *value = json_string(from);
	char plain[256];
	size_t n = 0;

	if (value)
		return value;
	for (; from[n] && n + 1 < sizeof(plain); n++)
		plain[n] = (unsigned char)from[n] < 0x80 ? from[n] : '?';
	plain[n] = '\0';
	return json_string(plain);
}

static void put_text(json_t *object, const char *name, const char *value)
{
	if (value[0])
		put(object, name, text(value));
}

static void put_flag(json_t *object, const char *name, bool value)
{
	if (value)
		put(object, name, json_true());
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *process_json(const struct process *p)
{
	json_t *o = json_object();

	put(o, "pid", json_integer(p->pid));
	put(o, "comm", text(p->comm));
	put_text(o, "container", p->container);
	return o;
}

static json_t *holder_json(const struct topology *t, const struct holder *h)
{
	json_t *o = process_json(&h->process);

	if (h->home >= 0)
		put(o, "node", text(t->netns[h->home].node.name));
	put(o, "queues", json_integer(h->queues));
	return o;
}

static void end_process(const struct topology *t, const struct device *d, json_t *o)
{
	json_t *all = json_array(), *first;

	if (d->holder_count) {
		first = holder_json(t, &d->holders[0]);
		json_object_update(o, first);
		json_decref(first);
	}
	for (size_t i = 0; i < d->holder_count; i++)
		json_array_append_new(all, holder_json(t, &d->holders[i]));
	put(o, "processes", all);
}

static void end_ports(const struct topology *t, const struct device *d, json_t *o)
{
	const struct netns_view *n = device_netns(t, d);
	json_t *ports = json_array();

	for (size_t i = n->first_device; i < n->first_device + n->device_count; i++)
		if (t->devices[i].master == d->ifindex)
			json_array_append_new(ports, text(t->devices[i].name));
	put(o, "ports", ports);
}

static void put_endpoint(json_t *o, const char *name, uint8_t family, const uint8_t ip[16])
{
	static const uint8_t none[16];
	char out[DESCRIBE_ADDRESS];

	if (memcmp(ip, none, 16) != 0)
		put_text(o, name, describe_ip(family, ip, out));
}

static void end_underlay(const struct device *d, json_t *o)
{
	put_endpoint(o, "local", d->tunnel.family, d->tunnel.local);
	put_endpoint(o, "remote", d->tunnel.family, d->tunnel.remote);
	if (d->tunnel.port)
		put(o, "port", json_integer(d->tunnel.port));
	if (d->tunnel.id)
		put(o, "id", json_integer(d->tunnel.id));
}

static json_t *end_json(const struct topology *t, const struct device *d)
{
	const struct other_end *end = &d->end;
	json_t *o = json_object();

	put(o, "type", text(describe_end_type(end->type)));
	if (end->netns >= 0)
		put(o, "node", text(t->netns[end->netns].node.name));
	if (end->device >= 0)
		put(o, "device", text(t->devices[end->device].name));
	if (end->ifindex)
		put(o, "ifindex", json_integer(end->ifindex));
	if (end->type == END_PROCESS || d->holder_count)
		end_process(t, d, o);
	if (end->type == END_PORTS)
		end_ports(t, d, o);
	if (end->type == END_UNDERLAY)
		end_underlay(d, o);
	if (end->type == END_WIRE) {
		put_text(o, "driver", d->driver);
		put_text(o, "bus", d->bus);
		if (d->speed)
			put(o, "speed", json_integer(d->speed));
	}
	return o;
}

static json_t *addresses_json(const struct device *d)
{
	json_t *list = json_array();
	char out[DESCRIBE_ADDRESS];

	for (size_t i = 0; i < d->address_count; i++)
		json_array_append_new(list, text(describe_address(&d->addresses[i], out)));
	return list;
}

/* The addresses that cannot be used (yet): {"fd00::1/64": "duplicate"}. */
static void put_troubles(json_t *o, const struct device *d)
{
	json_t *troubles = NULL;
	char out[DESCRIBE_ADDRESS];

	for (size_t i = 0; i < d->address_count; i++) {
		const char *trouble = describe_trouble(&d->addresses[i]);

		if (!trouble[0])
			continue;
		if (!troubles)
			troubles = json_object();
		put(troubles, describe_address(&d->addresses[i], out), text(trouble));
	}
	if (troubles)
		put(o, "address_troubles", troubles);
}

static json_t *counters_json(const struct counters *c)
{
	json_t *o = json_object();

	put(o, "rx_packets", number(c->rx_packets));
	put(o, "rx_bytes", number(c->rx_bytes));
	put(o, "rx_errors", number(c->rx_errors));
	put(o, "rx_dropped", number(c->rx_dropped));
	put(o, "tx_packets", number(c->tx_packets));
	put(o, "tx_bytes", number(c->tx_bytes));
	put(o, "tx_errors", number(c->tx_errors));
	put(o, "tx_dropped", number(c->tx_dropped));
	put(o, "carrier_changes", number(c->carrier_changes));
	return o;
}

static json_t *port_json(const struct bridge_port *p)
{
	json_t *o = json_object();

	put(o, "state", text(describe_port_state(p->state)));
	put(o, "isolated", json_boolean(p->isolated));
	put(o, "flood", json_boolean(p->unicast_flood));
	put(o, "mcast_flood", json_boolean(p->multicast_flood));
	put(o, "bcast_flood", json_boolean(p->broadcast_flood));
	put(o, "learning", json_boolean(p->learning));
	put(o, "hairpin", json_boolean(p->hairpin));
	put(o, "neigh_suppress", json_boolean(p->neigh_suppress));
	put(o, "locked", json_boolean(p->locked));
	return o;
}

static json_t *tun_json(const struct device *d)
{
	json_t *o = json_object();

	put(o, "persist", json_boolean(d->tun.persist));
	put(o, "multi_queue", json_boolean(d->tun.multi_queue));
	put(o, "vnet_hdr", json_boolean(d->tun.vnet_header));
	put(o, "pi", json_boolean(d->tun.packet_information));
	if (d->tun.owner != UINT32_MAX)
		put(o, "owner", json_integer(d->tun.owner));
	if (d->tun.group != UINT32_MAX)
		put(o, "group", json_integer(d->tun.group));
	return o;
}

static json_t *xdp_json(const struct xdp *x)
{
	static const char *const modes[] = {
		[XDP_ATTACHED_DRV] = "driver",
		[XDP_ATTACHED_SKB] = "generic",
		[XDP_ATTACHED_HW] = "hardware",
		[XDP_ATTACHED_MULTI] = "several",
	};
	json_t *o = json_object();

	put(o, "mode", text(x->mode <= XDP_ATTACHED_MULTI ? modes[x->mode] : "unknown"));
	put(o, "program", json_integer(x->program));
	return o;
}

static json_t *vlans_json(const struct device *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->vlan_count; i++) {
		json_t *o = json_object();

		put(o, "vlan", json_integer(d->vlans[i].first));
		if (d->vlans[i].last > d->vlans[i].first)
			put(o, "to", json_integer(d->vlans[i].last));
		put_flag(o, "pvid", d->vlans[i].pvid);
		put_flag(o, "untagged", d->vlans[i].untagged);
		json_array_append_new(list, o);
	}
	return list;
}

/* What only some kinds of device have. */
static void put_particulars(json_t *o, const struct topology *t, const struct device *d)
{
	const struct device *master = device_master(t, d);

	if (master)
		put(o, "master", text(master->name));
	if (d->port.is_port)
		put(o, "port", port_json(&d->port));
	if (d->kind == DEVICE_BRIDGE) {
		put(o, "stp", json_boolean(d->bridge.stp));
		put(o, "vlan_filtering", json_boolean(d->bridge.vlan_filtering));
	}
	if (d->vlan_count)
		put(o, "vlans", vlans_json(d));
	if (d->kind == DEVICE_TUN || d->kind == DEVICE_TAP)
		put(o, "tun", tun_json(d));
	if (d->xdp.mode)
		put(o, "xdp", xdp_json(&d->xdp));
	if (d->vlan_id)
		put(o, "vlan", json_integer(d->vlan_id));
	put_text(o, "mode", describe_macvlan_mode(d));
	put_text(o, "alias", d->alias);
	put_flag(o, "noarp", d->flags & IFF_NOARP);
	put_flag(o, "promisc", d->flags & IFF_PROMISC);
}

static json_t *device_json(const struct topology *t, const struct device *d)
{
	json_t *o = json_object();
	char out[DESCRIBE_ADDRESS];

	put(o, "node", text(device_netns(t, d)->node.name));
	put(o, "name", text(d->name));
	put(o, "kind", text(describe_kind(d)));
	put(o, "up", json_boolean(d->up));
	put(o, "carrier", json_boolean(d->up && d->carrier));
	put(o, "mtu", json_integer(d->mtu));
	put(o, "mac", d->mac_size ? text(describe_mac(d, out)) : json_null());
	put(o, "addresses", addresses_json(d));
	put(o, "other_end", end_json(t, d));
	put(o, "ifindex", json_integer(d->ifindex));
	put(o, "state", text(describe_state(d)));
	put_text(o, "qdisc", d->qdisc);
	put(o, "txqlen", json_integer(d->queue_length));
	put_troubles(o, d);
	put_particulars(o, t, d);
	put(o, "counters", counters_json(&d->counters));
	return o;
}

static json_t *netns_json(const struct netns_view *n)
{
	static const char *const found_by[] = {
		[FOUND_BY_NAME] = "name",
		[FOUND_BY_PROCESS] = "process",
		[FOUND_BY_DESCRIPTOR] = "descriptor",
		[FOUND_BY_MOUNT] = "mount",
	};
	json_t *o = json_object();

	put(o, "node", text(n->node.name));
	put_text(o, "netns", n->node.netns);
	put_text(o, "network", n->node.network);
	put(o, "inode", number(n->node.inode));
	put(o, "found_by", text(found_by[n->found_by]));
	put_flag(o, "host", n->host);
	put(o, "processes", number(n->resident_count));
	if (n->found_by == FOUND_BY_PROCESS && !n->host) {
		json_t *list = json_array();

		for (size_t i = 0; i < n->resident_count; i++)
			json_array_append_new(list, process_json(&n->residents[i]));
		put(o, "residents", list);
	}
	if (n->found_by == FOUND_BY_DESCRIPTOR)
		put(o, "kept_by", process_json(&n->keeper));
	if (n->closed)
		put(o, "closed", text(strerror(n->closed_errno)));
	return o;
}

json_t *topology_json(const struct topology *t, const bool *shown, int device)
{
	json_t *top = json_object(), *devices = json_array(), *views = json_array();
	json_t *unseen = json_object(), *closed = json_array();

	for (int i = 0; i < (int)t->device_count; i++)
		if ((!shown || shown[t->devices[i].netns]) && (device < 0 || device == i))
			json_array_append_new(devices, device_json(t, &t->devices[i]));
	for (int i = 0; i < (int)t->netns_count; i++) {
		if (shown && !shown[i])
			continue;
		json_array_append_new(views, netns_json(&t->netns[i]));
		if (t->netns[i].closed)
			json_array_append_new(closed, text(t->netns[i].node.name));
	}
	put(unseen, "namespaces", closed);
	put(unseen, "processes", number(t->unseen_processes));
	put(top, "devices", devices);
	put(top, "namespaces", views);
	put(top, "unseen", unseen);
	return top;
}
