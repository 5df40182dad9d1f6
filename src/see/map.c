#include "see/map.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/scoped.h"
#include "see/describe.h"
#include "see/map_order.h"
#include "see/namespaces.h"

/* Adds behind what is there, and "+N" for what finds no room. */
static void addresses_say(const struct device *d, char out[MAP_TEXT])
{
	size_t used = 0, left_out = 0;

	out[0] = '\0';
	for (size_t i = 0; i < d->address_count; i++) {
		const struct address *a = &d->addresses[i];
		char text[DESCRIBE_ADDRESS];

		if (a->family == AF_INET6 && a->scope == RT_SCOPE_LINK)
			continue;
		describe_address(a, text);
		if (used + strlen(text) + 24 > MAP_TEXT) {
			left_out++;
			continue;
		}
		used += (size_t)snprintf(out + used, MAP_TEXT - used, "%s%s%s", used ? " " : "",
			text, a->flags & IFA_F_DADFAILED ? " duplicate" : "");
	}
	if (left_out)
		snprintf(out + used, MAP_TEXT - used, " +%zu", left_out);
}

static void note_add(struct map_row *row, const char *text)
{
	size_t used = strlen(row->note);

	if (text[0])
		snprintf(
			row->note + used, sizeof(row->note) - used, "%s%s", used ? ", " : "", text);
}

static void note_say(const struct device *d, struct map_row *row)
{
	char text[48];

	switch (d->kind) {
	case DEVICE_BRIDGE:
	case DEVICE_BOND:
	case DEVICE_TAP:
		note_add(row, describe_kind(d));
		break;
	case DEVICE_MACVLAN:
		snprintf(text, sizeof(text), "%s %s", describe_kind(d), describe_macvlan_mode(d));
		note_add(row, text);
		break;
	case DEVICE_VXLAN:
		snprintf(text, sizeof(text), "vxlan %u", d->tunnel.id);
		note_add(row, text);
		break;
	case DEVICE_VLAN:
		snprintf(text, sizeof(text), "vlan %u", d->vlan_id);
		note_add(row, text);
		break;
	case DEVICE_VETH:
	case DEVICE_TUN:
	case DEVICE_PHYSICAL:
	case DEVICE_LOOPBACK:
		break;
	default:
		note_add(row, describe_kind(d));
		break;
	}
	if (d->port.isolated)
		note_add(row, "isolated");
	if (d->xdp.mode)
		note_add(row, "xdp");
	if (row->health != MAP_FINE)
		note_add(row, describe_state(d));
}

static void stub_say(const struct topology *t, const struct device *d, struct map_row *row)
{
	char end[DESCRIBE_END];

	switch (d->end.type) {
	case END_PROCESS:
		row->stub = d->holder_count || d->carrier ? STUB_PROCESS : STUB_NOBODY;
		if (d->holder_count == 1)
			snprintf(row->end, MAP_TEXT, "%s (%d)", d->holders[0].process.comm,
				(int)d->holders[0].process.pid);
		else if (d->holder_count)
			snprintf(row->end, MAP_TEXT, "%s (%d) and %zu more",
				d->holders[0].process.comm, (int)d->holders[0].process.pid,
				d->holder_count - 1);
		else
			snprintf(row->end, MAP_TEXT, "%s", describe_end(t, d, end));
		break;
	case END_WIRE:
		row->stub = STUB_WIRE;
		snprintf(row->end, MAP_TEXT, "wire%s%s", d->driver[0] ? ": " : "", d->driver);
		break;
	case END_UNDERLAY:
		row->stub = STUB_UNDERLAY;
		snprintf(row->end, MAP_TEXT, "%.*s", MAP_TEXT - 1, describe_end(t, d, end));
		break;
	case END_DEVICE:
		row->stub = STUB_ELSEWHERE;
		snprintf(row->end, MAP_TEXT, "%.*s", MAP_TEXT - 1, describe_end(t, d, end));
		break;
	default:
		break;
	}
}

static void row_fill(const struct topology *t, struct map_row *row)
{
	const struct device *d = &t->devices[row->device];
	const char *state = describe_state(d);

	row->health = !d->up ? MAP_BROKEN : !strcmp(state, "up") ? MAP_FINE : MAP_WEAK;
	addresses_say(d, row->addresses);
	note_say(d, row);
	memcpy(row->name, d->name, sizeof(row->name));
	describe_plain(row->name);
	describe_plain(row->note);
	stub_say(t, d, row);
	describe_plain(row->end);
}

/* What every namespace has, or the kernel makes unasked, is drawn only when it matters. */
static bool is_drawn(const struct device *d)
{
	switch (d->kind) {
	case DEVICE_LOOPBACK:
		for (size_t i = 0; i < d->address_count; i++)
			if (d->addresses[i].scope != RT_SCOPE_HOST)
				return true;
		return false;
	case DEVICE_IFB:
	case DEVICE_TUNNEL:
	case DEVICE_DUMMY:
		return d->up || d->address_count || d->master;
	default:
		return true;
	}
}

/* The device under which `d` is drawn, in the same namespace: its bridge, or what it stands on. */
static int parent_of(const struct topology *t, const struct device *d)
{
	if (d->master)
		return topology_device_at(t, d->netns, d->master);
	if (d->end.netns != d->netns || d->end.device < 0)
		return TOPOLOGY_NONE;
	if (d->end.type == END_UNDERLAY || (d->end.type == END_DEVICE && d->kind != DEVICE_VETH))
		return d->end.device;
	return TOPOLOGY_NONE;
}

static void rows_below(struct map *m, const struct netns_view *n, int room, int parent);

static void row_add(struct map *m, const struct netns_view *n, int room, int parent, size_t device)
{
	int row = (int)m->row_count++;

	m->rows[row] = (struct map_row){.device = (int)device,
		.room = room,
		.parent = parent,
		.depth = parent < 0 ? 0 : m->rows[parent].depth + 1};
	row_fill(m->t, &m->rows[row]);
	rows_below(m, n, room, row);
}

/* Rows of the devices below `parent` (a row, or none), each followed by its own.  Those with a
 * process at their end come last: their tunnels then leave below the cables. */
static void rows_below(struct map *m, const struct netns_view *n, int room, int parent)
{
	int device = parent < 0 ? TOPOLOGY_NONE : m->rows[parent].device, last = TOPOLOGY_NONE;

	if (parent >= 0 && m->rows[parent].depth > 8)
		return; /* the kernel nests no deeper */
	for (int process = 0; process <= 1; process++) {
		for (size_t i = n->first_device; i < n->first_device + n->device_count; i++) {
			const struct device *d = &m->t->devices[i];

			if (parent_of(m->t, d) != device || !is_drawn(d) ||
				(d->end.type == END_PROCESS) != process)
				continue;
			last = (int)m->row_count;
			row_add(m, n, room, parent, i);
		}
	}
	if (last >= 0)
		m->rows[last].last = true;
}

/* Where all that is drawn is of one network, its name need not be said in each room. */
static void titles_shorten(struct map *m)
{
	const char *network = m->room_count ? m->t->netns[m->rooms[0].netns].node.network : "";

	for (size_t i = 0; i < m->room_count; i++)
		if (!network[0] ||
			strcmp(m->t->netns[m->rooms[i].netns].node.network, network) != 0)
			return;
	for (size_t i = 0; i < m->room_count; i++) {
		const char *slash = strchr(m->rooms[i].title, '/');

		if (slash)
			memmove(m->rooms[i].title, slash + 1, strlen(slash));
	}
}

static bool rooms_build(struct map *m, const bool *shown)
{
	const struct topology *t = m->t;

	m->rooms = calloc(t->netns_count + 1, sizeof(*m->rooms));
	m->empty = calloc(t->netns_count + 1, sizeof(*m->empty));
	m->rows = calloc(t->device_count + 1, sizeof(*m->rows));
	if (!m->rooms || !m->empty || !m->rows)
		return false;
	for (int i = 0; i < (int)t->netns_count; i++) {
		struct map_room *room = &m->rooms[m->room_count];

		if ((shown && !shown[i]) || t->netns[i].closed)
			continue;
		*room = (struct map_room){.netns = i, .first_row = m->row_count};
		namespace_label(&t->netns[i], room->title, sizeof(room->title));
		describe_plain(room->title);
		rows_below(m, &t->netns[i], (int)m->room_count, TOPOLOGY_NONE);
		room->row_count = m->row_count - room->first_row;
		if (room->row_count)
			m->room_count++;
		else
			m->empty[m->empty_count++] = i;
	}
	titles_shorten(m);
	return true;
}

int map_row_of(const struct map *m, int device)
{
	for (size_t i = 0; device >= 0 && i < m->row_count; i++)
		if (m->rows[i].device == device)
			return (int)i;
	return TOPOLOGY_NONE;
}

static int wire_add(struct map *m, int a, int b, enum map_wire_kind kind)
{
	struct map_row *x = &m->rows[a], *y = &m->rows[b];
	enum map_health health = x->health > y->health ? x->health : y->health;
	struct map_wire *grown = reallocarray(m->wires, m->wire_count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	m->wires = grown;
	grown[m->wire_count++] =
		(struct map_wire){a < b ? a : b, a < b ? b : a, kind, health, false};
	x->wires++;
	y->wires++;
	return 0;
}

int map_join(struct map *m, int device, int other)
{
	int a = map_row_of(m, device), b = map_row_of(m, other);

	if (a < 0 || b < 0 || a == b)
		return 0;
	for (size_t i = 0; i < m->wire_count; i++)
		if (m->wires[i].kind == WIRE_TUNNEL &&
			((m->wires[i].a == a && m->wires[i].b == b) ||
				(m->wires[i].a == b && m->wires[i].b == a)))
			return 0;
	return wire_add(m, a, b, WIRE_TUNNEL);
}

/* Two vxlans that name each other's underlay are joined, as are two with one id on one group. */
static int overlays_join(struct map *m)
{
	SCOPED_FREE bool *near = malloc(m->t->netns_count + 1);

	if (!near)
		return -ENOMEM;
	for (size_t i = 0; i < m->row_count; i++) {
		const struct device *a = &m->t->devices[m->rows[i].device];

		if (a->kind != DEVICE_VXLAN)
			continue;
		/* Another network may have the same addresses. */
		memset(near, 0, m->t->netns_count);
		topology_reach(m->t, a->netns, near);
		for (size_t k = i + 1; k < m->row_count; k++) {
			const struct device *b = &m->t->devices[m->rows[k].device];
			int owner = TOPOLOGY_NONE;

			if (b->kind != DEVICE_VXLAN || b->tunnel.id != a->tunnel.id ||
				!a->tunnel.family || !near[b->netns])
				continue;
			do {
				owner = topology_owner(
					m->t, a->tunnel.family, a->tunnel.remote, owner);
			} while (owner >= 0 && m->t->devices[owner].netns != b->end.netns);
			if (owner >= 0 && map_join(m, m->rows[i].device, m->rows[k].device))
				return -ENOMEM;
		}
	}
	return 0;
}

static int wires_build(struct map *m)
{
	for (int i = 0; i < (int)m->row_count; i++) {
		const struct device *d = &m->t->devices[m->rows[i].device];
		int other;

		if (d->end.type != END_DEVICE)
			continue;
		other = map_row_of(m, d->end.device);
		if (other < 0)
			continue; /* the room of the other end is not drawn: the stub says it */
		m->rows[i].stub = STUB_NONE;
		if (d->kind == DEVICE_VETH && other > i && wire_add(m, i, other, WIRE_CABLE))
			return -ENOMEM;
		if (d->kind != DEVICE_VETH && m->rows[other].room != m->rows[i].room &&
			wire_add(m, i, other, WIRE_LOWER))
			return -ENOMEM;
	}
	return overlays_join(m);
}

/* A room with one row and one cable hangs on the room at the other end. */
static void hub_find(const struct map *m, int index, struct map_room *room)
{
	room->hub = TOPOLOGY_NONE;
	if (room->row_count != 1 || m->rows[room->first_row].wires != 1)
		return;
	for (size_t i = 0; i < m->wire_count; i++) {
		int a = m->rows[m->wires[i].a].room, b = m->rows[m->wires[i].b].room;

		if ((a != index && b != index) || m->wires[i].kind != WIRE_CABLE)
			continue;
		room->hub = a == index ? b : a;
		room->hub_wire = (int)i;
	}
}

/* Returns false without memory. */
static bool leaves_mark(struct map *m)
{
	size_t *leaves = calloc(m->room_count + 1, sizeof(*leaves));

	if (!leaves)
		return false;
	for (int i = 0; i < (int)m->room_count; i++) {
		hub_find(m, i, &m->rooms[i]);
		if (m->rooms[i].hub >= 0)
			leaves[m->rooms[i].hub]++;
	}
	for (size_t i = 0; i < m->room_count; i++)
		m->rooms[i].leaf = m->rooms[i].hub >= 0 && leaves[m->rooms[i].hub] >= MAP_LEAVES;
	free(leaves);
	return true;
}

int map_build(struct map *m, const struct topology *t, const bool *shown)
{
	struct map built = {.t = t};

	if (!rooms_build(&built, shown) || wires_build(&built) || map_order(&built) ||
		!leaves_mark(&built)) {
		map_free(&built);
		return -ENOMEM;
	}
	*m = built;
	return 0;
}

void map_free(struct map *m)
{
	free(m->rooms);
	free(m->rows);
	free(m->wires);
	free(m->empty);
	*m = (struct map){0};
}
