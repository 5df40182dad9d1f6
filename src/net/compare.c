/* Nodes, settings of nodes, firewalls and processes; and the order of the whole. */
#include "net/compare.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/sysctl.h"

struct operation *compare_add(struct compare *c, enum operation_kind kind, struct place at,
	const char *node, const char *device)
{
	static struct operation nowhere;
	struct operations *out = c->out;
	struct operation *o = &nowhere;

	if (out->count == out->room) {
		size_t room = out->room ? 2 * out->room : 64;
		struct operation *grown = realloc(out->list, room * sizeof(*grown));

		if (grown) {
			out->list = grown;
			out->room = room;
		}
	}
	if (out->count < out->room)
		o = &out->list[out->count++];
	else if (!c->failed)
		c->failed = error_errno(c->error, ENOMEM, "the list of operations");
	*o = (struct operation){
		.kind = kind,
		.at = at,
		.node = node,
		.device = device,
		.node_index = plan_find_node(c->plan, node),
		.device_index = -1,
		.link_index = -1,
	};
	return o;
}

void compare_text(char out[OPERATION_TEXT], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(out, OPERATION_TEXT, format, args) >= OPERATION_TEXT)
		memcpy(out + OPERATION_TEXT - 4, "...", 4);
	va_end(args);
	for (char *at = out; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
}

const struct plan_node *compare_before_node(const struct compare *c, const char *node)
{
	for (size_t i = 0; c->before && c->before[i]; i++) {
		int index = plan_find_node(c->before[i], node);

		if (index >= 0)
			return &c->before[i]->nodes[index];
	}
	return NULL;
}

const struct plan_device *compare_before_device(
	const struct compare *c, const char *node, const char *device)
{
	for (size_t i = 0; c->before && c->before[i]; i++) {
		int index = plan_find_node(c->before[i], node);
		int at = index < 0 ? -1 : plan_find_device(&c->before[i]->nodes[index], device);

		if (at >= 0)
			return &c->before[i]->nodes[index].devices[at];
	}
	return NULL;
}

static void compare_nodes(struct compare *c)
{
	for (size_t i = 0; i < c->now->node_count; i++) {
		const struct current_node *now = &c->now->nodes[i];

		if (now->presence == NODE_OURS && plan_find_node(c->plan, now->name) < 0)
			compare_add(c, OPERATION_NODE_DEL, (struct place){0}, now->name, NULL);
	}
	for (size_t i = 0; i < c->plan->node_count; i++) {
		const struct plan_node *node = &c->plan->nodes[i];
		const struct current_node *now = c->nodes[i].now;

		if (now && now->presence == NODE_FOREIGN && !c->failed)
			c->failed = plan_error(c->error, c->plan, node->at, EEXIST,
				"node %s: the namespace %s.%s exists already, and Warren did not make it",
				node->name, c->plan->name, node->name);
		if (now)
			continue;
		compare_add(c, OPERATION_NODE_ADD, node->at, node->name, NULL);
	}
}

static const struct current_sysctl *sysctl_now(const struct current_node *now, const char *name)
{
	for (size_t i = 0; now && i < now->sysctl_count; i++)
		if (!strcmp(now->sysctls[i].name, name))
			return &now->sysctls[i];
	return NULL;
}

static bool device_is_new(const struct compare_node *n, const char *device)
{
	int index = plan_find_device(n->plan, device);

	return index >= 0 && n->fates[index] == FATE_NEW;
}

/* "net.ipv4.ip_forward = 1", as sysctl(8) writes it: dots of a device's name become slashes. */
static void sysctl_text(char out[OPERATION_TEXT], const char *name, const char *value)
{
	compare_text(out, "%s = %s", name, value);
	for (size_t i = 0; name[i] && out[i]; i++)
		out[i] = name[i] == '/' ? '.' : name[i] == '.' ? '/' : name[i];
}

static void compare_sysctl(struct compare *c, struct compare_node *n, const struct plan_sysctl *s)
{
	const struct current_sysctl *now = sysctl_now(n->now, s->name);
	char device[IFNAMSIZ] = "";
	bool about_device = sysctl_device(s->name, device, sizeof(device));
	bool fresh = !n->now || (about_device && device_is_new(n, device));
	struct operation *o;

	if (!fresh && now && now->value && sysctl_equal(now->value, s->value))
		return;
	o = compare_add(c, OPERATION_SYSCTL_SET, s->at, n->plan->name, NULL);
	o->sysctl = s;
	o->name = s->name;
	sysctl_text(o->value, s->name, s->value);
	if (!fresh && now && now->value)
		compare_text(o->was, "%s", now->value);
}

/* A setting that is no longer in the file goes back to what it was. */
static void compare_sysctl_back(struct compare *c, struct compare_node *n)
{
	for (size_t i = 0; n->now && i < n->now->sysctl_count; i++) {
		const struct current_sysctl *now = &n->now->sysctls[i];
		char device[IFNAMSIZ];
		bool wanted = false;
		struct operation *o;

		for (size_t k = 0; k < n->plan->sysctl_count; k++)
			wanted = wanted || !strcmp(n->plan->sysctls[k].name, now->name);
		if (wanted || !now->original || !now->value ||
			sysctl_equal(now->original, now->value))
			continue;
		if (sysctl_device(now->name, device, sizeof(device)) &&
			(plan_find_device(n->plan, device) < 0 || device_is_new(n, device)))
			continue;
		o = compare_add(c, OPERATION_SYSCTL_SET, (struct place){0}, n->plan->name, NULL);
		o->name = now->name;
		sysctl_text(o->value, now->name, now->original);
		compare_text(o->was, "%s", now->value);
	}
}

static void compare_nft(struct compare *c, struct compare_node *n)
{
	const char *now = n->now ? n->now->nft : NULL;
	bool again = false;
	struct operation *o;

	/* `iif NAME` in a ruleset means the device of now, by its number. */
	for (size_t i = 0; n->now && i < n->plan->device_count; i++)
		again = again || n->fates[i] == FATE_NEW;
	if (n->plan->nft && (!now || again || strcmp(now, n->plan->nft) != 0)) {
		o = compare_add(c, OPERATION_NFT_LOAD, n->plan->nft_at, n->plan->name, NULL);
		compare_text(o->was, "%s", now ? "another ruleset" : "");
	} else if (!n->plan->nft && now) {
		compare_add(c, OPERATION_NFT_CLEAR, (struct place){0}, n->plan->name, NULL);
	}
}

static void compare_processes(struct compare *c, struct compare_node *n)
{
	size_t running = n->now ? n->now->process_count : 0;
	bool *used = calloc(running + 1, sizeof(*used));

	if (!used) {
		c->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n->plan->process_count; i++) {
		const struct plan_process *wanted = &n->plan->processes[i];
		struct operation *o;
		size_t k = 0;

		while (k < running && (used[k] || !n->now->processes[k].running ||
					      strcmp(n->now->processes[k].run, wanted->run) != 0))
			k++;
		if (k < running) {
			used[k] = true;
			continue;
		}
		o = compare_add(c, OPERATION_PROCESS_START, wanted->at, n->plan->name, NULL);
		o->process = wanted;
		o->name = wanted->run;
		compare_text(o->value, "%s", wanted->run);
	}
	for (size_t k = 0; k < running; k++) {
		struct operation *o;

		if (used[k] || !n->now->processes[k].running)
			continue;
		o = compare_add(c, OPERATION_PROCESS_STOP, (struct place){0}, n->plan->name, NULL);
		o->name = n->now->processes[k].run;
		compare_text(o->value, "%s", o->name);
	}
	free(used);
}

/* Settings of a device must wait for the device. */
static int phase(const struct operation *o)
{
	char device[IFNAMSIZ];

	if (o->kind == OPERATION_SYSCTL_SET && sysctl_device(o->name, device, sizeof(device)))
		return 2 * OPERATION_DEVICE_SET + 1;
	return 2 * (int)o->kind;
}

/* A stable sort: inside a phase the order is the plan's. */
static int operations_sort(struct operations *out)
{
	struct operation *sorted = malloc((out->count + 1) * sizeof(*sorted));
	size_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (int p = 0; p <= 2 * OPERATION_PROCESS_START; p++)
		for (size_t i = 0; i < out->count; i++)
			if (phase(&out->list[i]) == p)
				sorted[n++] = out->list[i];
	free(out->list);
	out->list = sorted;
	out->room = out->count + 1;
	return 0;
}

static int nodes_take(struct compare *c)
{
	c->nodes = calloc(c->plan->node_count + 1, sizeof(*c->nodes));
	if (!c->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < c->plan->node_count; i++) {
		struct compare_node *n = &c->nodes[i];
		const struct current_node *now;

		n->plan = &c->plan->nodes[i];
		now = current_find_node(c->now, n->plan->name);
		n->now = now && now->presence != NODE_ABSENT ? now : NULL;
		n->fates = calloc(n->plan->device_count + 1, sizeof(*n->fates));
		n->gone = calloc((n->now ? n->now->device_count : 0) + 1, sizeof(*n->gone));
		n->addresses_gone =
			calloc((n->now ? n->now->device_count : 0) + 1, sizeof(*n->addresses_gone));
		if (!n->fates || !n->gone || !n->addresses_gone)
			return -ENOMEM;
	}
	return 0;
}

static void nodes_free(struct compare *c)
{
	for (size_t i = 0; c->nodes && i < c->plan->node_count; i++) {
		free(c->nodes[i].fates);
		free(c->nodes[i].gone);
		free(c->nodes[i].addresses_gone);
	}
	free(c->nodes);
}

int operations_compute(struct operations *out, const struct plan *plan,
	const struct plan *const before[], const struct current *now, struct keys *keys,
	struct error *e)
{
	struct compare c = {
		.plan = plan, .before = before, .now = now, .keys = keys, .out = out, .error = e};

	*out = (struct operations){0};
	c.failed = nodes_take(&c);
	if (!c.failed)
		compare_nodes(&c);
	if (!c.failed)
		compare_devices(&c);
	if (!c.failed) {
		compare_settings(&c);
		compare_tunnels(&c);
		compare_addresses(&c);
		compare_routes(&c);
		for (size_t i = 0; i < plan->node_count; i++) {
			struct compare_node *n = &c.nodes[i];

			for (size_t k = 0; k < n->plan->sysctl_count; k++)
				compare_sysctl(&c, n, &n->plan->sysctls[k]);
			compare_sysctl_back(&c, n);
			compare_nft(&c, n);
			compare_processes(&c, n);
		}
	}
	if (!c.failed)
		c.failed = operations_sort(out);
	if (c.failed == -ENOMEM)
		error_errno(e, ENOMEM, "the list of operations");
	if (c.failed)
		operations_free(out);
	nodes_free(&c);
	return c.failed;
}
