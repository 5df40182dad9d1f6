/* map.h - a topology as a picture: rooms, pipes, and who sits at their ends
 *
 *	 ┌─ site-a ──────────────┐                  a namespace is a room;
 *	 │ eth0  10.32.0.11/24   ├──────╮           its devices are rows on the wall;
 *	 │ tun0  192.168.3.11/24 ├── warren (812)   behind one is a wire to another row,
 *	 └───────────────────────┘      │           or a stub: a process, the wire, ...
 *	 ┌─ internet ────────────┐      │
 *	 │ a     10.32.0.1/24    ├──────╯
 *	 └───────────────────────┘
 *
 * The map holds what is drawn, not where: rooms, rows and wires, in an order
 * that keeps neighbours together and is the same in every run.  The drawings
 * (text, SVG, DOT) are made of it.  A map points into its topology, which must
 * outlive it.  Pure: same topology, same map.
 */
#pragma once
#include "see/topology.h"

enum {
	MAP_TEXT = 128,
	MAP_LEAVES = 4, /* so many make a crowd */
};

enum map_health {
	MAP_FINE,
	MAP_WEAK,   /* up, but nothing passes: no carrier, a port that does not forward */
	MAP_BROKEN, /* down; or where a probe ended */
};

enum map_stub {
	STUB_NONE, /* a wire is drawn, or there is nothing to say */
	STUB_PROCESS,
	STUB_NOBODY,   /* a tun or tap that no process holds */
	STUB_WIRE,     /* the physical one */
	STUB_UNDERLAY, /* of a vxlan or another tunnel */
	STUB_ELSEWHERE /* a device in a room that is not drawn */
};

/* What a probe did here. */
enum map_mark { MARK_NONE, MARK_PASSED, MARK_ENDED };

/* A device on the wall of its room. */
struct map_row {
	int device, room;
	int parent; /* row of its bridge or lower device in the same room, or TOPOLOGY_NONE */
	int depth;  /* how many parents */
	bool last;  /* the last below its parent */
	enum map_mark mark;
	enum map_health health;
	enum map_stub stub;
	size_t wires;
	char name[IFNAMSIZ];	  /* as far as it can be printed; so are all texts here */
	char addresses[MAP_TEXT]; /* without link-local ones */
	char note[48];		  /* "bridge", "vxlan 100", "no carrier": what is not plain */
	char end[MAP_TEXT];	  /* the stub in words */
};

enum map_wire_kind {
	WIRE_CABLE,  /* veth and its twin */
	WIRE_LOWER,  /* from a macvlan, vlan ... to its lower device in another room */
	WIRE_TUNNEL, /* what two processes or two vxlans carry for each other */
};

struct map_wire {
	int a, b; /* rows; a before b */
	enum map_wire_kind kind;
	enum map_health health;
	bool on_path;
};

struct map_room {
	int netns;
	char title[MAP_TEXT];
	size_t first_row, row_count; /* rows[] in the order of drawing */
	int component;		     /* rooms with the same number are joined by wires */
	/* One row and one cable, to a room with many such: it can be drawn at the cable's end. */
	bool leaf;
	int hub, hub_wire; /* of a leaf: the room and the wire */
	enum map_mark mark;
};

struct map {
	const struct topology *t;
	struct map_room *rooms; /* component after component, neighbours near each other */
	size_t room_count;
	struct map_row *rows; /* room after room */
	size_t row_count;
	struct map_wire *wires;
	size_t wire_count;
	int *empty; /* namespaces with nothing to draw but a loopback device */
	size_t empty_count;
	char caption[1024]; /* a line below the drawing, or "" */
};

/* map_build - what to draw of a topology
 *
 * shown  netns_count flags: which namespaces; NULL: all
 *
 * Returns 0 or -ENOMEM; on success map_free() it.
 */
int map_build(struct map *m, const struct topology *t, const bool *shown);
void map_free(struct map *m);

/* map_row_of - the row of a device (index into the topology), or TOPOLOGY_NONE */
int map_row_of(const struct map *m, int device);

/* map_join - draw a tunnel between two devices that have rows; 0 or -ENOMEM */
int map_join(struct map *m, int device, int other);
