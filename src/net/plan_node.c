/* Nodes: their devices as far as one node knows them, sysctls, ruleset, processes. */
#include <stdio.h>
#include <string.h>

#include "net/plan_build.h"
#include "net/range.h"

static const struct {
	const char *name;
	enum plan_kind kind;
} kinds[] = {
	{"loopback", KIND_LOOPBACK},
	{"veth", KIND_VETH},
	{"bridge", KIND_BRIDGE},
	{"tun", KIND_TUN},
	{"tap", KIND_TAP},
	{"vxlan", KIND_VXLAN},
	{"macvlan", KIND_MACVLAN},
	{"vlan", KIND_VLAN},
	{"ifb", KIND_IFB},
	{"dummy", KIND_DUMMY},
	{"tunnel", KIND_TUNNEL},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *plan_kind_name(enum plan_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "unknown";
}

static enum plan_kind kind_parse(const char *name)
{
	size_t i = 0;

	while (i < KINDS - 1 && strcmp(kinds[i].name, name) != 0)
		i++;
	return kinds[i].kind;
}

static int add_device(struct build *b, int node, const char *name, const struct tree *t)
{
	int device = build_device_add(b, node, name, t->key_at, t);
	const char *kind = build_text(t, "kind");
	struct plan_device *d;

	if (device < 0)
		return device;
	d = &b->plan->nodes[node].devices[device];
	if (!strcmp(name, "lo") && kind)
		return BUILD_FAIL(b, tree_get(t, "kind")->at,
			"found kind %s for lo, expected none: it is the loopback", kind);
	b->drafts[node].devices[device].has_kind = kind || !strcmp(name, "lo");
	d->kind = kind ? kind_parse(kind) : KIND_LOOPBACK;
	return plan_device_addresses(b, node, device);
}

static int add_devices(struct build *b, int node, const struct tree *devices)
{
	for (size_t i = 0; devices && i < devices->count; i++) {
		const struct tree *t = &devices->items[i];
		struct range range;
		int err = build_range(b, &range, t->key_at, t->key);

		for (size_t j = 0; !err && j < range.count; j++)
			err = add_device(b, node, range.names[j], t);
		if (err)
			return err;
	}
	return 0;
}

static int add_processes(struct build *b, int node, const struct tree *t)
{
	struct plan_node *n = &b->plan->nodes[node];

	for (size_t i = 0; t && i < t->count; i++) {
		const struct tree *item = &t->items[i];
		struct plan_process *p;

		if (build_spend(b, item->at, 1))
			return -EINVAL;
		p = ARENA_PUSH(b->arena, n->processes, n->process_count);
		p->at = item->at;
		p->run = item->kind == TREE_TEXT ? item->text : build_text(item, "run");
		p->ready = build_text(item, "ready");
	}
	return 0;
}

static int add_node(struct build *b, const char *name, const struct tree *t)
{
	const struct tree *nft = tree_get(t, "nft");
	int node = build_node_add(b, name, t->key_at, t);
	int err;

	if (node < 0)
		return node;
	if (nft) {
		b->plan->nodes[node].nft = nft->text;
		b->plan->nodes[node].nft_at = nft->at;
	}
	err = add_devices(b, node, tree_get(t, "devices"));
	return err ? err : add_processes(b, node, tree_get(t, "processes"));
}

int plan_nodes_build(struct build *b, const struct tree *file)
{
	const struct tree *nodes = tree_get(file, "nodes");

	for (size_t i = 0; i < nodes->count; i++) {
		const struct tree *t = &nodes->items[i];
		struct range range;
		int err = build_range(b, &range, t->key_at, t->key);

		for (size_t j = 0; !err && j < range.count; j++)
			err = add_node(b, range.names[j], t);
		if (err)
			return err;
	}
	return 0;
}

/* "net.ipv4.conf.eth0/5.mtu" -> "net/ipv4/conf/eth0.5/mtu": the first of the two says which one
 * separates, as sysctl(8) reads it. */
static char *sysctl_path(struct build *b, const char *name)
{
	char *path = arena_text(b->arena, name);

	if (path[strcspn(path, "./")] == '/')
		return path;
	for (char *c = path; *c; c++)
		*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	return path;
}

/* net/ipv4/conf/DEVICE/..., net/ipv6/neigh/DEVICE/...: the device must be one of the node. */
static int sysctl_device(struct build *b, int node, const char *path, struct place at)
{
	char family[8], group[8], device[32];
	int n = 0;

	if (sscanf(path, "net/%7[^/]/%7[^/]/%31[^/]/%n", family, group, device, &n) != 3 || !n ||
		strncmp(family, "ipv", 3) != 0 ||
		(strcmp(group, "conf") != 0 && strcmp(group, "neigh") != 0))
		return 0;
	if (!strcmp(device, "all") || !strcmp(device, "default") || !strcmp(device, "lo"))
		return 0;
	n = build_device_find(b, node, device, at);
	return n < 0 ? n : 0;
}

static bool path_is_sane(const char *path)
{
	if (strncmp(path, "net/", 4) != 0 || strstr(path, "//") || path[strlen(path) - 1] == '/')
		return false;
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "../", 3) || !strncmp(part, "./", 2) || !strcmp(part, "..") ||
			!strcmp(part, "."))
			return false;
	}
	return !strpbrk(path, " \t");
}

static int add_sysctl(struct build *b, int node, const struct tree *t)
{
	struct plan_node *n = &b->plan->nodes[node];
	const char *path = sysctl_path(b, t->key);
	char quote[PLACE_QUOTE];
	struct plan_sysctl *s;
	int err;

	if (!path_is_sane(path))
		return BUILD_FAIL(b, t->key_at,
			"found the sysctl %s, expected one under net., as each node has it for itself",
			place_quote(quote, t->key));
	for (size_t i = 0; i < n->sysctl_count; i++)
		if (!strcmp(n->sysctls[i].name, path))
			return BUILD_FAIL(b, t->key_at,
				"found the sysctl %s a second time, expected it once (first in line %u)",
				place_quote(quote, t->key), n->sysctls[i].at.line);
	err = sysctl_device(b, node, path, t->key_at);
	if (!err)
		err = build_spend(b, t->key_at, 1);
	if (err)
		return err;
	s = ARENA_PUSH(b->arena, n->sysctls, n->sysctl_count);
	*s = (struct plan_sysctl){.at = t->key_at, .name = path, .value = t->text};
	return 0;
}

int plan_sysctls_build(struct build *b)
{
	for (size_t i = 0; i < b->plan->node_count; i++) {
		const struct tree *t = tree_get(b->drafts[i].tree, "sysctl");

		for (size_t j = 0; t && j < t->count; j++) {
			int err = add_sysctl(b, (int)i, &t->items[j]);

			if (err)
				return err;
		}
	}
	return 0;
}
