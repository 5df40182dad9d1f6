/* plan_build.h - how a plan comes about; for the files plan_*.c only
 *
 * The tree has the form of the schema when this begins.  Then, in this order,
 * each step relying on those before:
 *
 *	nodes    each node with its devices and their addresses
 *	links    cables; they make the devices that only they name
 *	nets     segments become nodes, members get cables and addresses
 *	tunnels  their ends, without what is derived
 *	devices  now every kind is known: attributes, ports, lower devices
 *	routes   they name devices and must reach their gateways
 *	derive   ports, endpoints, allowed-ips and MTU of the tunnels
 *	checks   they name nodes, devices and addresses
 *
 * Each step stops at its first error and says FILE:LINE:COLUMN: why.
 */
#pragma once
#include <errno.h>

#include "net/names.h"
#include "net/plan.h"
#include "net/tree.h"

/* What the making of a device needs to know beyond the device. */
struct draft {
	const struct tree *tree; /* under devices:, or NULL when only an end names it */
	bool has_kind;
	const char *user; /* "link", "net" or "tunnel" that has it as an end; NULL: none */
	struct place used_at;
	unsigned peers; /* a tunnel's end: how many tunnels have it */
};

struct draft_node {
	const struct tree *tree; /* NULL for a segment */
	struct draft *devices;	 /* as many as the node has */
	size_t device_count;
};

struct draft_tunnel {
	const struct tree *tree; /* the mapping that says more, or the short text */
	bool of_range;		 /* one of several that the tree stands for */
};

struct build {
	struct plan *plan;
	struct arena *arena;
	const char *file;
	struct draft_node *drafts; /* as many as the plan has nodes */
	size_t draft_count;
	struct draft_tunnel *tunnels; /* as many as the plan has */
	size_t tunnel_count;
	struct names names; /* scope -1: nodes; scope N: devices of node N */
	size_t budget; /* objects that may still be made: a small file may not ask for millions */
	struct error *e;
};

/* BUILD_FAIL - say what is wrong at a place; -EINVAL */
#define BUILD_FAIL(b, at, ...) place_error((b)->e, (b)->file, (at), EINVAL, __VA_ARGS__)

/* build_spend - take n objects from the budget; 0 or -EINVAL at the place */
int build_spend(struct build *b, struct place at, size_t n);

/* build_within - the place of the character `offset` of a text */
struct place build_within(const struct tree *t, size_t offset);

/* build_range - range_expand() with the place in front of its error */
struct range;
int build_range(struct build *b, struct range *out, struct place at, const char *text);

/* build_node_add, build_device_add - new ones, by a name that is free and well-formed, else the
 * error
 *
 * Return the index or a negative errno.  A device gets no kind yet.
 */
int build_node_add(struct build *b, const char *name, struct place at, const struct tree *tree);
int build_device_add(
	struct build *b, int node, const char *name, struct place at, const struct tree *tree);

/* build_node_find - index of a node, or the error with "did you mean" */
int build_node_find(struct build *b, const char *name, struct place at);

/* build_device_find - index of a device of the node, or likewise */
int build_device_find(struct build *b, int node, const char *name, struct place at);

/* build_end - "NODE:DEVICE" as an end: the node must be there, the device is made if need be
 *
 * kind   what the end makes of the device: KIND_VETH, KIND_TUNNEL
 * user   "link", "net", "tunnel": an end can be used once, but by tunnels several times
 */
int build_end(struct build *b, struct plan_end *out, const char *text, struct place at,
	enum plan_kind kind, const char *user);

/* A pair of ends as a link or a tunnel writes it, each end perhaps a range. */
struct build_pair {
	const char *texts[2];
	struct place places[2];
};

/* build_pair - from "A:x SIGN B:y" or a mapping with `ends` */
int build_pair(struct build *b, struct build_pair *out, const struct tree *t, const char *sign,
	const char *other_sign, const char *words);

/* build_place_text - NODE or NODE:DEVICE that must be there; device -1 when only a node is named */
int build_end_or_node(struct build *b, const char *text, struct place at, int *node, int *device);

/* Values that schema_check() has accepted; a missing one is `otherwise`. */
uint64_t build_number(const struct tree *map, const char *key, uint64_t otherwise);
bool build_bool(const struct tree *map, const char *key, bool otherwise);
enum plan_setting build_setting(const struct tree *map, const char *key);
const char *build_text(const struct tree *map, const char *key);

/* build_items - a list, or the one that stands for it: element i of *count */
const struct tree *build_items(const struct tree *t, size_t *count);

/* The steps. */
int plan_nodes_build(struct build *b, const struct tree *file);
int plan_links_build(struct build *b, const struct tree *file);
int plan_nets_build(struct build *b, const struct tree *file);
int plan_tunnels_build(struct build *b, const struct tree *file);
int plan_devices_build(struct build *b);
int plan_addresses_build(struct build *b); /* no address twice in a node */
int plan_routes_build(struct build *b);
int plan_sysctls_build(struct build *b);
int plan_tunnels_derive(struct build *b);
int plan_checks_build(struct build *b, const struct tree *file);

/* plan_device_addresses - the addresses in the file of a device that has just been added */
int plan_device_addresses(struct build *b, int node, int device);
