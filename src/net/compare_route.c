/* Routes, and the tunnels' peers. */
#include "net/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "net/tunnels.h"

/* The metric that the kernel gives an IPv6 route when none is said. */
enum { METRIC_IPV6 = 1024 };

static uint32_t metric_of(const struct plan_route *r)
{
	return r->metric || r->to.address.family != AF_INET6 ? r->metric : METRIC_IPV6;
}

/* The kernel has one route for each of these, of those that `up` makes. */
static bool route_same_key(const struct plan_route *a, const struct plan_route *b)
{
	return a->to.length == b->to.length && ip_equal(&a->to.address, &b->to.address) &&
	       a->table == b->table && a->tos == b->tos && metric_of(a) == metric_of(b);
}

static bool hop_fits(const struct plan_hop *want, const struct plan_hop *is)
{
	return ip_equal(&want->via, &is->via) && (!want->dev[0] || !strcmp(want->dev, is->dev)) &&
	       (!want->onlink || is->onlink) &&
	       (want->weight ? want->weight : 1) == (is->weight ? is->weight : 1);
}

/* Is the kernel's route the one that the file asks for? */
static bool route_fits(const struct plan_route *want, const struct plan_route *is)
{
	if (!route_same_key(want, is) || want->type != is->type ||
		!ip_equal(&want->src, &is->src) || want->mtu != is->mtu ||
		want->advmss != is->advmss || want->protocol != is->protocol ||
		(want->has_scope && want->scope != is->scope))
		return false;
	/* The kernel says of a route that refuses "dev lo" (IPv6) or nothing. */
	if (!want->hop_count)
		return true;
	if (want->hop_count != is->hop_count)
		return false;
	for (size_t i = 0; i < want->hop_count; i++) {
		bool found = false;

		/* The kernel sorts the hops of IPv6 as it likes. */
		for (size_t k = 0; k < is->hop_count && !found; k++)
			found = hop_fits(&want->hops[i], &is->hops[k]);
		if (!found)
			return false;
	}
	return true;
}

/* Will the route still be there when devices and addresses have been dealt with? */
static bool route_survives(const struct compare_node *n, const struct plan_route *is)
{
	for (size_t i = 0; i < is->hop_count; i++) {
		const struct current_device *d = current_find_device(n->now, is->hops[i].dev);

		if (!d)
			continue;
		if (n->gone[d - n->now->devices])
			return false;
		if (is->to.address.family == AF_INET && n->addresses_gone[d - n->now->devices])
			return false;
	}
	return true;
}

static bool route_before(const struct compare *c, const char *node, const struct plan_route *is)
{
	for (size_t i = 0; c->before && c->before[i]; i++) {
		int at = plan_find_node(c->before[i], node);

		for (size_t k = 0; at >= 0 && k < c->before[i]->nodes[at].route_count; k++)
			if (route_fits(&c->before[i]->nodes[at].routes[k], is))
				return true;
	}
	return false;
}

static void route_text(char out[OPERATION_TEXT], const struct plan_route *r)
{
	char to[PREFIX_TEXT], via[ADDRESS_TEXT] = "";

	if (r->text) {
		compare_text(out, "%s", r->text);
		return;
	}
	ip_prefix_format(to, &r->to);
	if (r->hop_count && r->hops[0].via.family)
		ip_format(via, &r->hops[0].via);
	compare_text(out, "%s%s%s%s%s%s", to, *via ? " via " : "", via,
		r->hop_count && r->hops[0].dev[0] ? " dev " : "",
		r->hop_count ? r->hops[0].dev : "", r->hop_count > 1 ? " ..." : "");
}

static void node_routes(struct compare *c, struct compare_node *n)
{
	const struct plan_node *p = n->plan;
	size_t there = n->now ? n->now->route_count : 0;

	for (size_t i = 0; i < p->route_count; i++) {
		const struct plan_route *want = &p->routes[i], *other = NULL;
		bool has = false;
		struct operation *o;

		for (size_t k = 0; k < there; k++) {
			const struct plan_route *is = &n->now->routes[k].is;

			if (!route_survives(n, is))
				continue;
			has = has || route_fits(want, is);
			if (route_same_key(want, is))
				other = is;
		}
		if (has)
			continue;
		o = compare_add(c, OPERATION_ROUTE_ADD, want->at, p->name, NULL);
		o->route = want;
		route_text(o->value, want);
		if (other)
			route_text(o->was, other);
	}
	for (size_t k = 0; k < there; k++) {
		const struct plan_route *is = &n->now->routes[k].is;
		bool wanted = false;
		struct operation *o;

		for (size_t i = 0; i < p->route_count; i++)
			wanted = wanted || route_same_key(&p->routes[i], is);
		if (wanted || !route_survives(n, is) || !route_before(c, p->name, is))
			continue;
		o = compare_add(c, OPERATION_ROUTE_DEL, (struct place){0}, p->name, NULL);
		o->route = is;
		route_text(o->value, is);
	}
}

void compare_routes(struct compare *c)
{
	for (size_t i = 0; i < c->plan->node_count; i++)
		node_routes(c, &c->nodes[i]);
}

void compare_tunnels(struct compare *c)
{
	for (size_t i = 0; i < c->plan->node_count && !c->failed; i++) {
		struct compare_node *n = &c->nodes[i];

		for (size_t k = 0; k < n->plan->device_count && !c->failed; k++) {
			const struct plan_device *d = &n->plan->devices[k];
			const struct current_device *now =
				n->now ? current_find_device(n->now, d->name) : NULL;
			bool starts = n->fates[k] == FATE_NEW;
			char *config = NULL;
			struct operation *o;

			if (d->kind != KIND_TUNNEL)
				continue;
			c->failed =
				tunnels_config(&config, c->plan, (int)i, (int)k, c->keys, c->error);
			if (c->failed)
				return;
			if (!starts && now && now->config && !strcmp(now->config, config)) {
				free(config);
				continue;
			}
			o = compare_add(c, starts ? OPERATION_TUNNEL_START : OPERATION_TUNNEL_SET,
				d->at, n->plan->name, d->name);
			o->device_index = (int)k;
			o->config = config;
			if (!starts)
				compare_text(o->value, "peers");
		}
	}
}
