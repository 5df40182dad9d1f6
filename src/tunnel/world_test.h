/* world_test.h - some devices, joined by a network in virtual time
 *
 *	 node 0            node 1            node 2
 *	10.0.0.1:1000     10.0.0.2:1000     10.0.0.3:1000
 *	    |                 |                 |
 *	    +---- the network: loses, repeats, reorders, by dice ----+
 *
 * Each node is a struct device with the least data path that is one: it stages
 * packets, seals, opens, checks replay, and tells the device what it must know.
 * Packets are numbers, so that the tests can say which arrived.  Everything
 * that is sent is kept, and can be asked for, changed, and sent again.
 *
 * There is one world at a time: world_begin() ... world_end().
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/device.h"

enum { WORLD_NODES = 3, WORLD_SENT = 1 << 16, WORLD_DATAGRAM = 192, WORLD_PACKETS = 1 << 16 };

struct node {
	struct device device;
	int number;
	union address address;
	uint8_t private_key[WIRE_KEY], public_key[WIRE_KEY];
	bool woken;
	bool cut;	   /* nothing it sends or is sent arrives */
	int send_error;	   /* what sending a handshake message fails with */
	size_t waiting;	   /* what device_receive() is told */
	int64_t clock_off; /* its wall clock, against the world's */
	int64_t deadline;
	uint32_t purged;
	uint8_t arrived[WORLD_PACKETS]; /* how often each packet came */
	uint32_t arrivals;
	int last_arrival; /* the number of the last packet */
	uint64_t refused[DROP_REASONS];
};

/* A datagram that was sent.  Those in flight have an arrival time, the others 0. */
struct datagram {
	int64_t sent, arrives;
	int from;
	struct endpoint source, to;
	uint16_t length;
	uint8_t bytes[WORLD_DATAGRAM];
};

struct world {
	int64_t now;
	struct node node[WORLD_NODES];
	int lose, repeat;      /* of 100 datagrams */
	int64_t delay, jitter; /* on the way */
	struct datagram *sent;
	size_t count, settled; /* those before `settled` are no longer in flight */
};

extern struct world world;

/* world_begin - nodes 0 to n - 1 are up, know each other, and nothing was sent; delay 1 ms */
void world_begin(int nodes);
void world_end(void);

/* world_peer - what node a has of node b */
struct peer *world_peer(int a, int b);

/* world_run - let `span` pass: everything that arrives or falls due until then happens */
void world_run(int64_t span);

/* world_send - node a sends packet `number` to node b; by data path's rules, so perhaps later */
void world_send(int a, int b, int number);

/* world_meet - a sends b a packet, and the handshake is made: a is the initiator */
void world_meet(int a, int b);

/* The same as a user would: settings, and what follows from them at once. */
void world_set_keepalive(int a, int b, uint16_t seconds);
void world_set_preshared(int a, int b, uint8_t byte); /* 32 of them; 0: none */
void world_up(int node);

/* world_count - how many datagrams of this kind a node sent since `since` (WIRE_NONE: of any) */
int world_count(int from, enum wire_kind kind, int64_t since);

/* world_keepalives - how many of its data messages since then were empty */
int world_keepalives(int from, int64_t since);

/* world_last - the last datagram of this kind that a node sent; NULL: none */
struct datagram *world_last(int from, enum wire_kind kind);

/* world_deliver - hand a datagram to a node now, as if it came from `source` */
void world_deliver(int to, const void *bytes, size_t length, const struct endpoint *source);

struct moment world_moment(int node);
struct endpoint world_endpoint(int node);
