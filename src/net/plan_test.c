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

TEST(a_range_names_many_and_a_net_gives_them_addresses_in_order)
{
	check_plan(
		"name: lan\n"
		"nodes:\n"
		"  h[1-3]: {}\n"
		"  r1: {devices: {eth2: 10.1.0.2/30, lo: 10.255.0.1/32}}\n"
		"nets:\n"
		"  lan: {members: [\"h[1-3]:eth0\", r1:eth2], prefix: [10.1.0.0/29, fd00::/64], mtu: 1400}\n",
		"lan\n"
		"node h1\n"
		"  veth eth0 10.1.0.1/29 fd00::1/64 mtu 1400\n"
		"node h2\n"
		"  veth eth0 10.1.0.3/29 fd00::2/64 mtu 1400\n"
		"node h3\n"
		"  veth eth0 10.1.0.4/29 fd00::3/64 mtu 1400\n"
		"node r1\n"
		"  veth eth2 10.1.0.2/30 fd00::4/64 mtu 1400\n"
		"  loopback lo 10.255.0.1/32\n"
		"segment lan\n"
		"  bridge br0 mtu 1400\n"
		"  veth h1 mtu 1400 master br0\n"
		"  veth h2 mtu 1400 master br0\n"
		"  veth h3 mtu 1400 master br0\n"
		"  veth r1 mtu 1400 master br0\n"
		"h1:eth0 -- lan:h1\n"
		"h2:eth0 -- lan:h2\n"
		"h3:eth0 -- lan:h3\n"
		"r1:eth2 -- lan:r1\n");
}

TEST(a_node_may_join_a_net_twice)
{
	check_plan("nodes: {a: {}, br0: {}}\n"
		   "nets: {n: {members: [a:x, a:y, br0:z], prefix: 10.0.0.0/29}}\n"
		   "name: t\n",
		"t\n"
		"node a\n"
		"  veth x 10.0.0.1/29\n"
		"  veth y 10.0.0.2/29\n"
		"node br0\n"
		"  veth z 10.0.0.3/29\n"
		"segment n\n"
		"  bridge br0\n"
		"  veth a master br0\n"
		"  veth p2 master br0\n"
		"  veth p3 master br0\n"
		"a:x -- n:a\n"
		"a:y -- n:p2\n"
		"br0:z -- n:p3\n");
}

TEST(ranges_of_links_go_pairwise)
{
	check_plan(
		"name: t\nnodes: {\"h[08-10]\": {}, sw: {devices: {br0: {kind: bridge, ports: \"p[1-3]\"}}}}\n"
		"links: [\"h[08-10]:eth0 -- sw:p[1-3]\"]\n",
		"t\n"
		"node h08\n"
		"  veth eth0\n"
		"node h09\n"
		"  veth eth0\n"
		"node h10\n"
		"  veth eth0\n"
		"node sw\n"
		"  bridge br0\n"
		"  veth p1 master br0\n"
		"  veth p2 master br0\n"
		"  veth p3 master br0\n"
		"h08:eth0 -- sw:p1\n"
		"h09:eth0 -- sw:p2\n"
		"h10:eth0 -- sw:p3\n");
}

TEST(every_kind_of_device_has_its_attributes)
{
	check_plan(
		"name: t\n"
		"nodes:\n"
		"  a:\n"
		"    devices:\n"
		"      x0: {addr: 10.0.0.1/24, mtu: 9000}\n"
		"      vx0: {kind: vxlan, id: 0x64, local: 10.0.0.1, remote: 10.0.0.2, dev: x0}\n"
		"      vx1: {kind: vxlan, id: 5, dstport: 8472, master: br0}\n"
		"      mv0: {kind: macvlan, dev: x0, mode: private, up: no}\n"
		"      x0.7: {kind: vlan, dev: x0, id: 7}\n"
		"      tap0: {kind: tap, owner: nobody, master: br0}\n"
		"      tun0: {kind: tun, addr: [10.8.0.1/24, \"fd08::1/64\"]}\n"
		"      br0: {kind: bridge, stp: yes}\n"
		"      ifb0: {kind: ifb}\n"
		"      d0: {kind: dummy}\n"
		"    processes: [sleep 10, {run: sleep 20, ready: \"true\"}]\n"
		"    sysctl: {net.ipv4.conf.x0/7.rp_filter: 1, net/ipv6/conf/all/forwarding: 1}\n"
		"  b:\n"
		"links: [{ends: a:x0 -- b:x1, mtu: 2000}]\n",
		"t\n"
		"node a\n"
		"  veth x0 10.0.0.1/24 mtu 9000\n"
		"  vxlan vx0 id 100 dstport 4789 local 10.0.0.1 remote 10.0.0.2 dev x0\n"
		"  vxlan vx1 master br0 id 5 dstport 8472 local none remote none dev -\n"
		"  macvlan mv0 down dev x0 mode 1\n"
		"  vlan x0.7 dev x0 id 7\n"
		"  tap tap0 master br0\n"
		"  tun tun0 10.8.0.1/24 fd08::1/64\n"
		"  bridge br0\n"
		"  ifb ifb0\n"
		"  dummy d0\n"
		"  sysctl net/ipv4/conf/x0.7/rp_filter=1\n"
		"  sysctl net/ipv6/conf/all/forwarding=1\n"
		"  process sleep 10\n"
		"  process sleep 20\n"
		"node b\n"
		"  veth x1 mtu 2000\n"
		"a:x0 -- b:x1\n");
}

TEST(routes_are_what_ip_route_would_make_of_them)
{
	check_plan("name: t\n"
		   "nodes:\n"
		   "  a:\n"
		   "    devices: {x: [10.0.0.1/24, \"fd00::1/64\"], y: \"fd01::1/64\"}\n"
		   "    routes:\n"
		   "      - default via 10.0.0.2\n"
		   "      - default via fd00::2\n"
		   "      - default dev y metric 7\n"
		   "      - 10.7.0.1 dev x scope link\n"
		   "      - 10.8.0.0/16 via 10.7.0.1\n"
		   "      - unicast to 10.9.0.0/16 via 10.0.0.3 src 10.0.0.1 table 100 proto 50\n"
		   "      - blackhole 192.0.2.0/24\n"
		   "      - unreachable default metric 9\n"
		   "      - local 10.99.0.0/16 dev lo\n"
		   "      - 10.10.0.0/16 nexthop via 10.0.0.4 weight 3 nexthop via 10.0.0.5 dev x\n"
		   "      - fd02::/16 via fe80::1 dev x\n"
		   "      - 10.11.0.0/16 via inet6 fd00::2\n"
		   "      - 10.12.0.0/16 via 172.16.0.1 dev x onlink\n"
		   "  b: {}\n"
		   "links: [a:x -- b:x, a:y -- b:y]\n",
		"t\n"
		"node a\n"
		"  veth x 10.0.0.1/24 fd00::1/64\n"
		"  veth y fd01::1/64\n"
		"  route 0.0.0.0/0 via 10.0.0.2\n"
		"  route ::/0 via fd00::2\n"
		"  route ::/0 dev y metric 7\n"
		"  route 10.7.0.1/32 dev x\n"
		"  route 10.8.0.0/16 via 10.7.0.1\n"
		"  route 10.9.0.0/16 via 10.0.0.3 src 10.0.0.1 table 100\n"
		"  route 192.0.2.0/24 type 6\n"
		"  route 0.0.0.0/0 type 7 metric 9\n"
		"  route 10.99.0.0/16 type 2 dev lo table 255\n"
		"  route 10.10.0.0/16 via 10.0.0.4 weight 3 via 10.0.0.5 dev x weight 1\n"
		"  route fd02::/16 via fe80::1 dev x\n"
		"  route 10.11.0.0/16 via fd00::2\n"
		"  route 10.12.0.0/16 via 172.16.0.1 dev x onlink\n"
		"node b\n"
		"  veth x\n"
		"  veth y\n"
		"a:x -- b:x\n"
		"a:y -- b:y\n");
}

/* The tunnels' lines only. */
static void check_tunnels(const char *text, const char *want)
{
	struct plan p = {0};
	struct error e = {0};
	const char *found;

	CHECK(plan_parse(&p, "t.yaml", text, strlen(text), &e) == 0);
	CHECK_TEXT(e.text, "");
	found = strstr(plan_dump(&p), "tunnel ");
	for (; found && found[-1] != '\n'; found = strstr(found + 1, "tunnel "))
		;
	CHECK_TEXT(found, want);
	plan_free(&p);
}

TEST(a_hub_tells_its_peers_apart_by_their_addresses)
{
	check_tunnels("nodes:\n"
		      "  hub:\n"
		      "    devices: {e: 10.0.0.1/24, wg0: 10.9.0.1/24}\n"
		      "    routes: [172.16.2.0/24 via 10.9.0.2]\n"
		      "  \"s[2-3]\": {routes: [default dev wg0]}\n"
		      "nets:\n"
		      "  lan: {members: [hub:e, \"s[2-3]:e\"], prefix: 10.0.0.0/24}\n"
		      "tunnels: [{ends: \"hub:wg0 == s[2-3]:wg0\"}]\n",
		"tunnel hub:wg0 at 10.0.0.1:51820 allowed 10.9.0.0/24 0.0.0.0/0\n"
		"  == s2:wg0 at 10.0.0.2:51820 allowed\n"
		"tunnel hub:wg0 at 10.0.0.1:51820 allowed 10.9.0.0/24 0.0.0.0/0\n"
		"  == s3:wg0 at 10.0.0.3:51820 allowed\n");
	check_tunnels("nodes:\n"
		      "  hub:\n"
		      "    devices: {e: 10.0.0.1/24, wg0: 10.9.0.1/24}\n"
		      "    routes: [172.16.2.0/24 via 10.9.0.2]\n"
		      "  s2: {devices: {wg0: 10.9.0.2/24}}\n"
		      "  s3: {devices: {wg0: 10.9.0.3/24}, routes: [10.77.0.0/16 via 10.9.0.1]}\n"
		      "nets:\n"
		      "  lan: {members: [hub:e, \"s[2-3]:e\"], prefix: 10.0.0.0/24}\n"
		      "tunnels: [hub:wg0 == s2:wg0, s3:wg0 == hub:wg0]\n",
		"tunnel hub:wg0 at 10.0.0.1:51820 allowed 10.9.0.0/24\n"
		"  == s2:wg0 at 10.0.0.2:51820 allowed 10.9.0.2/32 172.16.2.0/24\n"
		"tunnel s3:wg0 at 10.0.0.3:51820 allowed 10.9.0.3/32\n"
		"  == hub:wg0 at 10.0.0.1:51820 allowed 10.9.0.0/24 10.77.0.0/16\n");
}

TEST(several_tunnels_of_a_node_have_a_port_each)
{
	check_tunnels(
		"nodes: {a: {}, b: {}, c: {}}\n"
		"nets: {n: {members: [a:e, b:e, c:e], prefix: 10.0.0.0/24}}\n"
		"tunnels:\n"
		"  - a:t0 == b:t0\n"
		"  - a:t1 == c:t0\n"
		"  - {ends: [a:t2, c:t1], listen_port: {a: 51821, \"c:t1\": 7}, keepalive: {a: 25}}\n",
		"tunnel a:t0 at 10.0.0.1:51820 allowed\n"
		"  == b:t0 at 10.0.0.2:51820 allowed\n"
		"tunnel a:t1 at 10.0.0.1:51822 allowed\n"
		"  == c:t0 at 10.0.0.3:51820 allowed\n"
		"tunnel a:t2 at 10.0.0.1:51821 allowed\n"
		"  == c:t1 at 10.0.0.3:7 allowed\n");
}

TEST(an_endpoint_is_on_a_shared_subnet_or_where_the_default_route_leaves)
{
	static const char nodes[] =
		"nodes:\n"
		"  a:\n"
		"    devices: {lan: 192.168.1.1/24, wan: 10.1.0.2/24, t: 10.9.0.1/24, lo: 10.255.0.1/32}\n"
		"    routes: [default via 10.1.0.1]\n"
		"  b:\n"
		"    devices: {lan: 192.168.2.1/24, wan: 10.2.0.2/24, dmz: [%s], t: 10.9.0.2/24}\n"
		"    routes: [default dev wan]\n"
		"  z: {}\n"
		"links: [a:lan -- z:a, a:wan -- z:b, b:lan -- z:c, b:wan -- z:d, b:dmz -- z:e]\n"
		"tunnels: [a:t == b:t]\n";
	char text[1024];

	snprintf(text, sizeof(text), nodes, "10.3.0.1/24");
	check_tunnels(text, "tunnel a:t at 10.1.0.2:51820 allowed 10.9.0.0/24\n"
			    "  == b:t at 10.2.0.2:51820 allowed 10.9.0.0/24\n");
	snprintf(text, sizeof(text), nodes, "192.168.1.77/24");
	check_tunnels(text, "tunnel a:t at 192.168.1.1:51820 allowed 10.9.0.0/24\n"
			    "  == b:t at 192.168.1.77:51820 allowed 10.9.0.0/24\n");
}

TEST(an_endpoint_is_of_a_family_that_both_have)
{
	check_tunnels("nodes:\n"
		      "  a: {devices: {e: [10.0.0.1/24, \"fd00::1/64\"], t: 10.9.0.1/24}}\n"
		      "  b: {devices: {e: \"fd00::2/64\", t: 10.9.0.2/24}}\n"
		      "links: [a:e -- b:e]\n"
		      "tunnels: [a:t == b:t]\n",
		"tunnel a:t at fd00::1:51820 allowed 10.9.0.0/24\n"
		"  == b:t at fd00::2:51820 allowed 10.9.0.0/24\n");
}

TEST(what_a_tunnel_says_itself_is_taken)
{
	check_tunnels(
		"nodes:\n"
		"  a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}, routes: [10.7.0.0/16 dev t]}\n"
		"  b: {devices: {e: 10.0.0.2/24, t: 10.9.0.2/24}}\n"
		"links: [a:e -- b:e]\n"
		"tunnels:\n"
		"  - ends: [a:t, b:t]\n"
		"    allowed: {b: [0.0.0.0/0, \"::/0\"]}\n"
		"    endpoint: {a: none, b: \"[fd00::5]:999\"}\n",
		"tunnel a:t at none:51820 allowed 10.9.0.0/24\n"
		"  == b:t at fd00::5:999 allowed 0.0.0.0/0 ::/0\n");
}

TEST(a_tunnel_is_as_wide_as_its_cable_bears)
{
	check_plan("name: t\n"
		   "nodes:\n"
		   "  a: {devices: {e: 10.0.0.1/24, t: 10.9.0.1/24}}\n"
		   "  b: {devices: {e: 10.0.0.2/24, t: {addr: 10.9.0.2/24, mtu: 1000}}}\n"
		   "links: [{ends: a:e -- b:e, mtu: 1400}]\n"
		   "tunnels: [a:t == b:t]\n",
		"t\n"
		"node a\n"
		"  veth e 10.0.0.1/24 mtu 1400\n"
		"  tunnel t 10.9.0.1/24 mtu 1320 port 51820\n"
		"node b\n"
		"  veth e 10.0.0.2/24 mtu 1400\n"
		"  tunnel t 10.9.0.2/24 mtu 1000 port 51820\n"
		"a:e -- b:e\n"
		"tunnel a:t at 10.0.0.1:51820 allowed 10.9.0.0/24\n"
		"  == b:t at 10.0.0.2:51820 allowed 10.9.0.0/24\n");
}

static const struct plan *parsed(const char *text)
{
	static struct plan p;
	struct error e = {0};

	plan_free(&p);
	CHECK(plan_parse(&p, "dir/net-1.yaml", text, strlen(text), &e) == 0);
	CHECK_TEXT(e.text, "");
	return &p;
}

TEST(a_check_says_what_is_tried_and_what_is_seen_meanwhile)
{
	const struct plan *p = parsed(
		"nodes: {a: {devices: {x: 10.0.0.1/24}}, \"b[1-2]\": {devices: {x: 10.0.0.2/24}}}\n"
		"links: [a:x -- b1:x]\n"
		"nets: {n: {members: b2:x}}\n"
		"checks:\n"
		"  - {from: \"b[1-2]\", ping: a, size: 1000, df: yes, device: x, count: 3, timeout: 500ms}\n"
		"  - from: a\n"
		"    ping: 10.0.0.9\n"
		"    cause: address-not-owned\n"
		"    at: b1:x\n"
		"    seen: [{device: x, node: b1, filter: arp, count: '>=2'}, {device: x, count: 2..4}, lo]\n"
		"    unseen: {device: x, filter: icmp}\n"
		"  - {from: a, tcp: b1:x, port: 80, expect: fail}\n"
		"  - {from: a, run: 'exit 3', exit: 3, output: '^$'}\n");
	const struct plan_check *c = p->checks;

	CHECK_TEXT(p->name, "net-1");
	CHECK(p->check_count == 5);
	CHECK(c[0].from == 1 && c[1].from == 2 && c[0].expect && c[0].size == 1000 && c[0].df &&
		c[0].count == 3);
	CHECK(c[0].to.bytes[3] == 1 && c[0].timeout == 500000000);
	CHECK_TEXT(c[0].device, "x");
	CHECK(!c[2].expect && c[2].at_node == 1 && c[2].sight_count == 4);
	CHECK_TEXT(c[2].at_device, "x");
	CHECK_TEXT(c[2].cause, "address-not-owned");
	CHECK(c[2].sights[0].node == 1 && c[2].sights[0].least == 2 &&
		c[2].sights[0].most == UINT32_MAX);
	CHECK(c[2].sights[1].node == 0 && c[2].sights[1].least == 2 && c[2].sights[1].most == 4);
	CHECK(c[2].sights[2].least == 1 && c[2].sights[2].most == UINT32_MAX &&
		!c[2].sights[2].filter);
	CHECK(c[2].sights[3].least == 0 && c[2].sights[3].most == 0);
	CHECK(c[3].kind == CHECK_TCP && c[3].port == 80 && !c[3].expect && c[3].at_node == -1);
	CHECK(c[4].kind == CHECK_RUN && c[4].exit == 3 && c[0].exit == -1);
}

TEST(a_cable_may_be_slow_and_lossy)
{
	const struct plan *p =
		parsed("nodes: {a: {}, b: {}}\n"
		       "links:\n"
		       "  - {ends: [a:x, b:x], shape: {rate: 1.5mbit, delay: 20ms, loss: 0.5%}}\n"
		       "  - a:y -- b:y\n");

	CHECK(p->links[0].shape.rate == 1500000 && p->links[0].shape.delay == 20000000);
	CHECK(p->links[0].shape.loss > 0.0049 && p->links[0].shape.loss < 0.0051);
	CHECK(!p->links[1].shape.rate && !p->links[1].shape.delay);
}

TEST(every_object_knows_its_place)
{
	const struct plan *p = parsed("nodes:\n"
				      "  a:\n"
				      "    devices:\n"
				      "      x: {addr: [10.0.0.1/24,\n"
				      "                 10.0.0.2/24]}\n"
				      "    routes:\n"
				      "      - default via 10.0.0.9\n"
				      "  b:\n"
				      "links:\n"
				      "  - a:x  --  b:yy\n");
	const struct plan_node *a = &p->nodes[0], *b = &p->nodes[1];

	CHECK(a->at.line == 2 && a->at.column == 3 && a->devices[0].at.line == 4);
	CHECK(a->devices[0].addresses[1].at.line == 5 &&
		a->devices[0].addresses[1].at.column == 18);
	CHECK(a->routes[0].at.line == 7 && a->routes[0].at.column == 9);
	CHECK(a->routes[0].hops[0].at.column == 21);
	CHECK(b->devices[0].at.line == 10 && b->devices[0].at.column == 14);
	CHECK(p->links[0].at.line == 10 && p->links[0].at.column == 5);
	CHECK(plan_find_node(p, "b") == 1 && plan_find_node(p, "c") == -1);
	CHECK(plan_find_device(b, "yy") == 0 && plan_find_device(b, "x") == -1);
}

TEST(a_thousand_nodes_take_no_time)
{
	const struct plan *p =
		parsed("nodes: {\"h[1-10000]\": {}}\n"
		       "nets: {lan: {members: \"h[1-10000]:eth0\", prefix: 10.0.0.0/16}}\n");

	CHECK(p->node_count == 10001 && p->link_count == 10000);
	CHECK(p->nodes[10000].device_count == 10001);
}
