/* The comparison, against a small model of the kernel: an array of what is there that carries out
 * operations as the kernel would. */
#include "net/operations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/keys.h"
#include "net/tunnels.h"
#include "test.h"

/* ---- the model: what the kernel would show of a plan that is up ---- */

static void device_model(struct current *c, const struct plan *p, const struct plan_node *n,
	const struct plan_device *d, struct current_device *out)
{
	*out = (struct current_device){.is = *d, .known = true, .running = d->kind == KIND_TUNNEL};
	out->is.addresses = current_take(c, d->address_count * sizeof(*d->addresses));
	if (d->address_count)
		memcpy(out->is.addresses, d->addresses, d->address_count * sizeof(*d->addresses));
	if (!d->mtu)
		out->is.mtu = 1500;
	out->is.has_mac = true;
	if (d->arp == SETTING_DEFAULT)
		out->is.arp = SETTING_ON;
	if (d->kind == KIND_TUNNEL)
		out->is.kind = KIND_TUN;
	if (d->master >= 0)
		snprintf(out->master, sizeof(out->master), "%s", n->devices[d->master].name);
	for (size_t i = 0; i < 2 * p->link_count; i++) {
		const struct plan_end *near = &p->links[i / 2].ends[i % 2];
		const struct plan_end *far = &p->links[i / 2].ends[1 - i % 2];

		if (&p->nodes[near->node] != n || &n->devices[near->device] != d)
			continue;
		out->twin_node = current_text(c, p->nodes[far->node].name);
		snprintf(out->twin, sizeof(out->twin), "%s",
			p->nodes[far->node].devices[far->device].name);
		out->shape = p->links[i / 2].shape;
	}
}

static void node_model(struct current *c, const struct plan *p, int index, struct keys *keys)
{
	const struct plan_node *n = &p->nodes[index];
	struct current_node *out = &c->nodes[c->node_count++];

	*out = (struct current_node){.name = current_text(c, n->name), .presence = NODE_OURS};
	out->devices = current_take(c, (n->device_count + 1) * sizeof(*out->devices));
	for (size_t i = 0; i < n->device_count; i++) {
		struct current_device *d = &out->devices[out->device_count++];
		char *config = NULL;

		device_model(c, p, n, &n->devices[i], d);
		if (n->devices[i].kind != KIND_TUNNEL)
			continue;
		CHECK(!tunnels_config(&config, p, index, (int)i, keys, NULL));
		d->config = current_text(c, config);
		free(config);
	}
	out->routes = current_take(c, n->route_count * sizeof(*out->routes));
	for (size_t i = 0; i < n->route_count; i++) {
		struct current_route *r = &out->routes[out->route_count++];

		r->is = n->routes[i];
		r->is.text = NULL;
		r->is.hops = current_take(c, r->is.hop_count * sizeof(*r->is.hops));
		for (size_t k = 0; k < r->is.hop_count; k++) {
			r->is.hops[k] = n->routes[i].hops[k];
			if (!r->is.hops[k].dev[0])
				strcpy(r->is.hops[k].dev, "e0");
		}
		if (r->is.to.address.family == AF_INET6 && !r->is.metric)
			r->is.metric = 1024;
	}
	out->sysctls = current_take(c, n->sysctl_count * sizeof(*out->sysctls));
	for (size_t i = 0; i < n->sysctl_count; i++)
		out->sysctls[out->sysctl_count++] =
			(struct current_sysctl){current_text(c, n->sysctls[i].name),
				current_text(c, n->sysctls[i].value), "0"};
	out->processes = current_take(c, n->process_count * sizeof(*out->processes));
	for (size_t i = 0; i < n->process_count; i++)
		out->processes[out->process_count++] =
			(struct current_process){current_text(c, n->processes[i].run), true};
	out->nft = n->nft ? current_text(c, n->nft) : NULL;
}

static struct current model(const struct plan *p, struct keys *keys)
{
	struct current c = {0};

	c.nodes = current_take(&c, p->node_count * sizeof(*c.nodes));
	for (size_t i = 0; i < p->node_count; i++)
		node_model(&c, p, (int)i, keys);
	return c;
}

/* ---- texts in, lines out ---- */

static struct plan parse(const char *text)
{
	struct plan p = {0};
	struct error e = {0};

	if (plan_parse(&p, "t.yaml", text, strlen(text), &e))
		CHECK_TEXT(e.text, "");
	return p;
}

/* The operations from what `before` made to what `text` asks for, one line each. */
static char *steps(const char *before, const char *text)
{
	static char out[16384];
	struct keys keys = {.directory = -1};
	struct plan old = parse(before ? before : "name: t\nnodes: {}\n"), new = parse(text);
	const struct plan *list[] = {before ? &old : NULL, NULL};
	struct current now = before ? model(&old, &keys) : (struct current){0};
	struct operations ops;
	struct error e = {0};

	out[0] = '\0';
	if (operations_compute(&ops, &new, list, &now, &keys, &e))
		strcpy(out, e.text);
	for (size_t i = 0; i < ops.count; i++) {
		char line[3 * OPERATION_TEXT];

		operation_format(line, &ops.list[i]);
		strcat(strcat(out, line), "\n");
	}
	operations_free(&ops);
	current_free(&now);
	plan_free(&old);
	plan_free(&new);
	keys_done(&keys);
	return out;
}

#define TWO(a, b, more)                                                                            \
	"name: t\nnodes:\n  a: {devices: {e0: " a "}" more "}\n  b: {devices: {e0: " b             \
	"}}\nlinks: [a:e0 -- b:e0]\n"

TEST(a_new_network_is_made_in_the_order_in_which_it_can_be)
{
	CHECK_TEXT(
		steps(NULL,
			TWO("10.0.0.1/24", "10.0.0.2/24",
				", routes: [default via 10.0.0.2], sysctl: {net.ipv4.ip_forward: 1, "
				"net.ipv4.conf.e0.rp_filter: 2}, processes: [sleep 9]")),
		"+ node a\n"
		"+ node b\n"
		"~ sysctl a net.ipv4.ip_forward = 1\n"
		"+ link a:e0 -- b:e0\n"
		"~ sysctl a net.ipv4.conf.e0.rp_filter = 2\n"
		"+ addr a:e0 10.0.0.1/24\n"
		"+ addr b:e0 10.0.0.2/24\n"
		"~ device a:e0 up\n"
		"~ device b:e0 up\n"
		"+ route a default via 10.0.0.2\n"
		"+ process a sleep 9\n");
}

TEST(an_unchanged_file_needs_nothing)
{
	static const char *const texts[] = {
		TWO("10.0.0.1/24", "10.0.0.2/24", ""),
		TWO("[10.0.0.1/24, fd00::1/64]", "{addr: [10.0.0.2/24], mtu: 1400}",
			", routes: [default via 10.0.0.2, \"fd01::/64 via fd00::2\", blackhole 10.9.0.0/16], "
			"nft: table inet x"),
		"name: t\nnodes:\n  a: {devices: {e0: 10.0.0.1/24, tun0: 10.9.0.1/24}, processes: [x, x]}\n"
		"  b: {devices: {e0: 10.0.0.2/24, tun0: 10.9.0.2/24}}\n"
		"links: [{ends: [a:e0, b:e0], shape: {rate: 10mbit}}]\ntunnels: [a:tun0 == b:tun0]\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_TEXT(steps(texts[i], texts[i]), "");
}

TEST(an_address_is_changed_without_touching_anything_else)
{
	CHECK_TEXT(steps(TWO("[10.0.0.1/24, fd00::1/64]", "10.0.0.2/24", ""),
			   TWO("[10.0.0.9/24, fd00::1/64]", "10.0.0.2/24", "")),
		"- addr a:e0 10.0.0.1/24\n"
		"+ addr a:e0 10.0.0.9/24\n");
}

TEST(routes_that_go_with_the_last_address_are_put_back)
{
	CHECK_TEXT(steps(TWO("10.0.0.1/24", "10.0.0.2/24", ", routes: [default via 10.0.0.2]"),
			   TWO("10.0.0.9/24", "10.0.0.2/24", ", routes: [default via 10.0.0.2]")),
		"- addr a:e0 10.0.0.1/24\n"
		"+ addr a:e0 10.0.0.9/24\n"
		"+ route a default via 10.0.0.2\n");
}

TEST(addresses_that_go_with_the_first_of_their_subnet_are_put_back)
{
	CHECK_TEXT(steps(TWO("[10.0.0.1/24, 10.0.0.5/24]", "10.0.0.2/24", ""),
			   TWO("[10.0.0.5/24]", "10.0.0.2/24", "")),
		"- addr a:e0 10.0.0.1/24\n"
		"+ addr a:e0 10.0.0.5/24\n");
}

TEST(a_route_to_the_same_place_takes_the_place_of_the_other)
{
	CHECK_TEXT(steps(TWO("10.0.0.1/24", "10.0.0.2/24", ", routes: [default via 10.0.0.2]"),
			   TWO("10.0.0.1/24", "10.0.0.2/24", ", routes: [default via 10.0.0.3]")),
		"~ route a default via 10.0.0.3 (was 0.0.0.0/0 via 10.0.0.2 dev e0)\n");
	CHECK_TEXT(steps(TWO("10.0.0.1/24", "10.0.0.2/24", ", routes: [default via 10.0.0.2]"),
			   TWO("10.0.0.1/24", "10.0.0.2/24", "")),
		"- route a 0.0.0.0/0 via 10.0.0.2 dev e0\n");
}

TEST(an_attribute_that_left_the_file_goes_back_to_its_default)
{
	CHECK_TEXT(steps("name: t\nnodes: {a: {devices: {t: {kind: tun, mtu: 1400}}}}\n",
			   "name: t\nnodes: {a: {devices: {t: {kind: tun}}}}\n"),
		"~ device a:t mtu 1500 (was mtu 1400)\n");
	CHECK_TEXT(steps("name: t\nnodes: {a: {sysctl: {net.ipv4.ip_forward: 1}}}\n",
			   "name: t\nnodes: {a: {}}\n"),
		"~ sysctl a net.ipv4.ip_forward = 0 (was 1)\n");
}

TEST(what_a_device_is_born_with_needs_a_new_device_and_all_that_is_on_it)
{
	CHECK_TEXT(
		steps("name: t\nnodes: {a: {devices: {t: {kind: tun, addr: [10.0.0.1/24]}}, routes: [10.9.0.0/16 dev t]}}\n",
			"name: t\nnodes: {a: {devices: {t: {kind: tap, addr: [10.0.0.1/24]}}, routes: [10.9.0.0/16 dev t]}}\n"),
		"- device a:t tun\n"
		"+ device a:t tap\n"
		"+ addr a:t 10.0.0.1/24\n"
		"~ device a:t up\n"
		"+ route a 10.9.0.0/16 dev t\n");
}

TEST(a_node_that_left_the_file_is_removed_with_its_cable)
{
	CHECK_TEXT(steps(TWO("10.0.0.1/24", "10.0.0.2/24", ""), "name: t\nnodes: {a: {}}\n"),
		"- device a:e0 veth\n"
		"- node b\n");
}

TEST(a_cable_plugged_elsewhere_is_made_anew)
{
	CHECK_TEXT(
		steps("name: t\nnodes: {a: {}, b: {}, c: {}, d: {}}\nlinks: [a:e -- b:e, c:e -- d:e]\n",
			"name: t\nnodes: {a: {}, b: {}, c: {}, d: {}}\nlinks: [a:e -- c:e, b:e -- d:e]\n"),
		"- device a:e veth\n"
		"- device c:e veth\n"
		"+ link a:e -- c:e\n"
		"+ link b:e -- d:e\n"
		"~ device a:e up\n"
		"~ device b:e up\n"
		"~ device c:e up\n"
		"~ device d:e up\n");
}

TEST(what_no_file_of_ours_named_stays)
{
	struct keys keys = {.directory = -1};
	struct plan p = parse(TWO("10.0.0.1/24", "10.0.0.2/24", ""));
	const struct plan *before[] = {&p, NULL};
	struct current now = model(&p, &keys);
	struct current_node *a = current_find_node(&now, "a");
	struct current_device *e0 = current_find_device(a, "e0");
	struct plan_address more[2] = {e0->is.addresses[0]};
	struct operations ops;

	CHECK(ip_prefix_parse(&more[1].prefix, "10.7.7.7/32", false));
	e0->is.addresses = more;
	e0->is.address_count = 2;
	a->devices[a->device_count++] = (struct current_device){.is = {.name = "mine"}};
	CHECK(!operations_compute(&ops, &p, before, &now, &keys, NULL));
	CHECK(ops.count == 0);
	operations_free(&ops);
	current_free(&now);
	plan_free(&p);
	keys_done(&keys);
}

TEST(a_foreign_namespace_is_refused_before_anything_is_done)
{
	struct keys keys = {.directory = -1};
	struct plan p = parse(TWO("10.0.0.1/24", "10.0.0.2/24", ""));
	const struct plan *before[] = {NULL};
	struct current_node nodes[] = {{.name = "b", .presence = NODE_FOREIGN}};
	struct current now = {.nodes = nodes, .node_count = 1};
	struct operations ops;
	struct error e = {0};

	CHECK(operations_compute(&ops, &p, before, &now, &keys, &e) == -EEXIST);
	CHECK_TEXT(e.text,
		"t.yaml:4:3: node b: the namespace t.b exists already, and Warren did not make it");
	plan_free(&p);
}

/* ---- random networks, against the obvious comparison of sets ---- */

/* A random network of up to 4 nodes on cables, as text. */
static void random_text(char *out, size_t size)
{
	size_t nodes = 2 + dice(3), n;

	n = (size_t)snprintf(out, size, "name: t\nnodes:\n");
	for (size_t i = 0; i < nodes; i++) {
		n += (size_t)snprintf(out + n, size - n, "  n%zu: {devices: {e0: {addr: [", i);
		for (int k = 0; k < 4; k++)
			if (dice(2))
				n += (size_t)snprintf(
					out + n, size - n, "10.%d.0.%zu/24, ", k, i + 1);
		n += (size_t)snprintf(out + n, size - n,
			"fd00::%zu/64], mtu: %s}}, sysctl: {net.ipv4.ip_forward: %d}}\n", i + 1,
			dice(2) ? "1500" : "1400", (int)dice(2));
	}
	n += (size_t)snprintf(out + n, size - n, "links: [");
	for (size_t i = 0; i + 1 < nodes; i += 2)
		n += (size_t)snprintf(out + n, size - n, "n%zu:e0 -- n%zu:e0, ", i, i + 1);
	if (nodes % 2)
		n += (size_t)snprintf(out + n, size - n, "n%zu:e0 -- n0:x", nodes - 1);
	snprintf(out + n, size - n, "]\n");
}

static bool has_address(const struct plan *p, const char *node, const struct prefix *a)
{
	int n = plan_find_node(p, node), d = n < 0 ? -1 : plan_find_device(&p->nodes[n], "e0");

	for (size_t i = 0; d >= 0 && i < p->nodes[n].devices[d].address_count; i++)
		if (ip_equal(&p->nodes[n].devices[d].addresses[i].prefix.address, &a->address))
			return true;
	return false;
}

/* The far end of node:e0, or "". */
static const char *far_of(const struct plan *p, const char *node)
{
	for (size_t i = 0; i < 2 * p->link_count; i++) {
		const struct plan_end *near = &p->links[i / 2].ends[i % 2];
		const struct plan_end *far = &p->links[i / 2].ends[1 - i % 2];
		const struct plan_node *n = &p->nodes[near->node];

		if (!strcmp(n->name, node) && !strcmp(n->devices[near->device].name, "e0"))
			return p->nodes[far->node].name;
	}
	return "";
}

TEST(of_two_random_networks_exactly_the_difference_is_done)
{
	for (int round = 0; round < 300; round++) {
		char texts[2][4096];
		struct keys keys = {.directory = -1};
		struct operations ops;
		size_t added = 0, removed = 0, want_added = 0, want_removed = 0;

		random_text(texts[0], sizeof(texts[0]));
		random_text(texts[1], sizeof(texts[1]));

		struct plan old = parse(texts[0]), new = parse(texts[1]);
		const struct plan *before[] = {&old, NULL};
		struct current now = model(&old, &keys);

		CHECK(!operations_compute(&ops, &new, before, &now, &keys, NULL));
		for (size_t i = 0; i < ops.count; i++) {
			const struct operation *o = &ops.list[i];

			added += o->kind == OPERATION_ADDR_ADD;
			removed += o->kind == OPERATION_ADDR_DEL;
			if (o->kind == OPERATION_ADDR_DEL)
				CHECK(!has_address(&new, o->node, &o->address));
		}
		for (size_t i = 0; i < new.node_count; i++) {
			const char *node = new.nodes[i].name;
			const struct plan_device *d = &new.nodes[i].devices[0];
			bool stays = !strcmp(far_of(&old, node), far_of(&new, node));

			for (size_t k = 0; k < d->address_count; k++)
				want_added +=
					!stays || !has_address(&old, node, &d->addresses[k].prefix);
		}
		for (size_t i = 0; i < old.node_count; i++) {
			const char *node = old.nodes[i].name;
			const struct plan_device *d = &old.nodes[i].devices[0];
			bool stays = !strcmp(far_of(&old, node), far_of(&new, node));

			for (size_t k = 0; k < d->address_count; k++)
				want_removed +=
					stays && !has_address(&new, node, &d->addresses[k].prefix);
		}
		CHECK(added == want_added);
		CHECK(removed == want_removed);
		operations_free(&ops);
		current_free(&now);
		plan_free(&old);
		plan_free(&new);
		keys_done(&keys);
	}
}
