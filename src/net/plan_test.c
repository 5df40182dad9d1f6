#include "net/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* --- a plan in one line a thing, to compare with ----------------------------- */

static char dump[16384];
static size_t used;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	used += (size_t)vsnprintf(dump + used, sizeof(dump) - used, format, args);
	va_end(args);
	CHECK(used < sizeof(dump));
}

static void say_prefix(const char *before, const struct prefix *p)
{
	char text[PREFIX_TEXT];

	ip_prefix_format(text, p);
	say("%s%s", before, text);
}

static void say_address(const char *before, const struct address *a)
{
	char text[ADDRESS_TEXT];

	ip_format(text, a);
	say("%s%s", before, text);
}

static void say_device(const struct plan_node *n, const struct plan_device *d)
{
	say("  %s %s", plan_kind_name(d->kind), d->name);
	for (size_t k = 0; k < d->address_count; k++)
		say_prefix(" ", &d->addresses[k].prefix);
	if (d->mtu)
		say(" mtu %u", d->mtu);
	if (!d->up)
		say(" down");
	if (d->master >= 0)
		say(" master %s", n->devices[d->master].name);
	if (d->kind == KIND_TUNNEL)
		say(" port %u", d->tunnel.listen_port);
	if (d->kind == KIND_VXLAN) {
		say(" id %u dstport %u", d->vxlan.id, d->vxlan.dstport);
		say_address(" local ", &d->vxlan.local);
		say_address(" remote ", &d->vxlan.remote);
		say(" dev %s", d->vxlan.dev < 0 ? "-" : n->devices[d->vxlan.dev].name);
	}
	if (d->kind == KIND_MACVLAN)
		say(" dev %s mode %d", n->devices[d->macvlan.dev].name, d->macvlan.mode);
	if (d->kind == KIND_VLAN)
		say(" dev %s id %u", n->devices[d->vlan.dev].name, d->vlan.id);
	say("\n");
}

static void say_route(const struct plan_route *r)
{
	say_prefix("  route ", &r->to);
	if (r->type != 1)
		say(" type %u", r->type);
	for (size_t k = 0; k < r->hop_count; k++) {
		if (r->hops[k].via.family)
			say_address(" via ", &r->hops[k].via);
		if (r->hops[k].dev[0])
			say(" dev %s", r->hops[k].dev);
		if (r->hops[k].onlink)
			say(" onlink");
		if (r->hop_count > 1)
			say(" weight %u", r->hops[k].weight);
	}
	if (r->src.family)
		say_address(" src ", &r->src);
	if (r->table != 254)
		say(" table %u", r->table);
	if (r->metric)
		say(" metric %u", r->metric);
	say("\n");
}

static void say_end(const struct plan *p, const struct plan_end *e)
{
	say("%s:%s", p->nodes[e->node].name, p->nodes[e->node].devices[e->device].name);
}

static const char *plan_dump(const struct plan *p)
{
	used = 0;
	say("%s\n", p->name);
	for (size_t i = 0; i < p->node_count; i++) {
		const struct plan_node *n = &p->nodes[i];

		say("%s %s\n", n->segment ? "segment" : "node", n->name);
		for (size_t j = 0; j < n->device_count; j++)
			say_device(n, &n->devices[j]);
		for (size_t j = 0; j < n->route_count; j++)
			say_route(&n->routes[j]);
		for (size_t j = 0; j < n->sysctl_count; j++)
			say("  sysctl %s=%s\n", n->sysctls[j].name, n->sysctls[j].value);
		for (size_t j = 0; j < n->process_count; j++)
			say("  process %s\n", n->processes[j].run);
	}
	for (size_t i = 0; i < p->link_count; i++) {
		say_end(p, &p->links[i].ends[0]);
		say(" -- ");
		say_end(p, &p->links[i].ends[1]);
		say("\n");
	}
	for (size_t i = 0; i < p->tunnel_count; i++)
		for (int j = 0; j < 2; j++) {
			const struct plan_tunnel_end *e = &p->tunnels[i].ends[j];

			say("%s ", j ? "  ==" : "tunnel");
			say_end(p, &e->end);
			say_address(" at ", &e->endpoint);
			say(":%u allowed", e->port);
			for (size_t k = 0; k < e->allowed_count; k++)
				say_prefix(" ", &e->allowed[k]);
			say("\n");
		}
	return dump;
}

static void check_plan(const char *text, const char *want)
{
	struct plan p = {0};
	struct error e = {0};

	CHECK(plan_parse(&p, "t.yaml", text, strlen(text), &e) == 0);
	CHECK_TEXT(e.text, "");
	CHECK_TEXT(plan_dump(&p), want);
	plan_free(&p);
}

TEST(the_vpn_picture_is_derived_as_it_is_drawn)
{
	check_plan(
		"name: vpn\n"
		"nodes:\n"
		"  site-a:\n"
		"    devices: {eth0: 10.32.0.11/24, tun0: 192.168.3.11/24}\n"
		"    routes: [default via 10.32.0.1, 192.168.4.0/24 dev tun0]\n"
		"  internet:\n"
		"    devices: {a: 10.32.0.1/24, b: 10.33.0.254/24}\n"
		"    sysctl: {net.ipv4.ip_forward: 1}\n"
		"  site-b:\n"
		"    devices: {eth0: 10.33.0.1/24, tun0: {addr: 192.168.3.1/24}, lan0: [192.168.4.1/24]}\n"
		"    routes: default via 10.33.0.254\n"
		"  host-b:\n"
		"links:\n"
		"  - site-a:eth0 -- internet:a\n"
		"  - {ends: [internet:b, site-b:eth0], mtu: 1500}\n"
		"  - site-b:lan0 -- host-b:eth0\n"
		"tunnels: [site-a:tun0 == site-b:tun0]\n",
		"vpn\n"
		"node site-a\n"
		"  veth eth0 10.32.0.11/24\n"
		"  tunnel tun0 192.168.3.11/24 mtu 1420 port 51820\n"
		"  route 0.0.0.0/0 via 10.32.0.1\n"
		"  route 192.168.4.0/24 dev tun0\n"
		"node internet\n"
		"  veth a 10.32.0.1/24\n"
		"  veth b 10.33.0.254/24 mtu 1500\n"
		"  sysctl net/ipv4/ip_forward=1\n"
		"node site-b\n"
		"  veth eth0 10.33.0.1/24 mtu 1500\n"
		"  tunnel tun0 192.168.3.1/24 mtu 1420 port 51820\n"
		"  veth lan0 192.168.4.1/24\n"
		"  route 0.0.0.0/0 via 10.33.0.254\n"
		"node host-b\n"
		"  veth eth0\n"
		"site-a:eth0 -- internet:a\n"
		"internet:b -- site-b:eth0\n"
		"site-b:lan0 -- host-b:eth0\n"
		"tunnel site-a:tun0 at 10.32.0.11:51820 allowed 192.168.3.0/24\n"
		"  == site-b:tun0 at 10.33.0.1:51820 allowed 192.168.3.0/24 192.168.4.0/24\n");
}
