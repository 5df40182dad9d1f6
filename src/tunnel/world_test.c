#include "tunnel/world_test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "test.h"

struct world world;

/* --- the network --------------------------------------------------------- */

struct endpoint world_endpoint(int node)
{
	struct endpoint e = {0};

	e.remote = world.node[node].address;
	return e;
}

struct moment world_moment(int node)
{
	return (struct moment){
		world.now, world.now + INT64_C(1700000000) * SECOND + world.node[node].clock_off};
}

static void transmit(int from, const struct endpoint *to, const void *bytes, size_t length)
{
	struct datagram *g = &world.sent[world.count];

	CHECK(world.count < WORLD_SENT && length <= WORLD_DATAGRAM);
	world.count++;
	*g = (struct datagram){.sent = world.now,
		.from = from,
		.source = world_endpoint(from),
		.to = *to,
		.length = (uint16_t)length};
	memcpy(g->bytes, bytes, length);
	if ((int)dice(100) < world.lose || world.node[from].cut)
		return;
	g->arrives = world.now + world.delay + (int64_t)dice((uint64_t)world.jitter + 1);
	if ((int)dice(100) < world.repeat) {
		world.sent[world.count] = *g;
		world.sent[world.count++].arrives += (int64_t)dice((uint64_t)world.jitter + 1);
	}
}

static int node_of(const union address *a)
{
	for (int i = 0; i < WORLD_NODES; i++)
		if (address_equal(&world.node[i].address, a))
			return i;
	return -1;
}

int world_count(int from, enum wire_kind kind, int64_t since)
{
	int n = 0;

	for (size_t i = 0; i < world.count; i++) {
		struct datagram *g = &world.sent[i];

		n += g->from == from && g->sent >= since &&
		     (!kind || wire_kind(g->bytes, g->length) == kind);
	}
	return n;
}

int world_keepalives(int from, int64_t since)
{
	int n = 0;

	for (size_t i = 0; i < world.count; i++) {
		struct datagram *g = &world.sent[i];

		n += g->from == from && g->sent >= since && g->length == WIRE_DATA_LEAST &&
		     wire_kind(g->bytes, g->length) == WIRE_DATA;
	}
	return n;
}

struct datagram *world_last(int from, enum wire_kind kind)
{
	for (size_t i = world.count; i-- > 0;)
		if (world.sent[i].from == from &&
			wire_kind(world.sent[i].bytes, world.sent[i].length) == kind)
			return &world.sent[i];
	return NULL;
}

/* --- the least data path ------------------------------------------------- */

struct staged {
	int count;
	int number[PEER_STAGED];
};

static void seal_and_send(struct peer *p, struct session *s, const int *number)
{
	struct node *n = p->device->arg;
	uint8_t bytes[WORLD_DATAGRAM] = {0}, nonce[12] = {0};
	struct wire_data w = {.type = le32_put(WIRE_DATA), .receiver = le32_put(s->remote)};
	size_t length = number ? 16 : 0;
	struct endpoint to;
	uint64_t counter;

	if (!session_claim(s, 1, &counter) || !peer_endpoint(p, &to))
		return;
	w.counter = le64_put(counter);
	memcpy(bytes, &w, sizeof(w));
	memcpy(nonce + 4, &w.counter, 8);
	if (number)
		memcpy(bytes + sizeof(w), number, sizeof(*number));
	crypto_aead_chacha20poly1305_ietf_encrypt(bytes + sizeof(w), NULL, bytes + sizeof(w),
		length, NULL, 0, NULL, nonce, s->send_key);
	length += WIRE_DATA_LEAST;
	transmit(n->number, &to, bytes, length);
	peer_sent(s, world.now, length, number);
}

static void stage(struct peer *p, int number)
{
	struct staged *q = atomic_load(&p->staged);

	if (!q) {
		q = calloc(1, sizeof(*q));
		atomic_store(&p->staged, q);
	}
	if (q->count == PEER_STAGED)
		memmove(q->number, q->number + 1, (size_t)--q->count * sizeof(q->number[0]));
	q->number[q->count++] = number;
}

void world_send(int a, int b, int number)
{
	struct node *n = &world.node[a];
	struct peer *p = world_peer(a, b);
	struct session *s;

	quiet_enter(&n->device.quiet, 0);
	s = peer_session(p, world.now);
	if (s) {
		seal_and_send(p, s, &number);
	} else {
		stage(p, number);
		peer_want_session(p, world.now);
	}
	quiet_leave(&n->device.quiet, 0);
}

static void receive_data(
	struct node *n, const uint8_t *bytes, size_t length, const struct endpoint *from)
{
	uint8_t plain[WORLD_DATAGRAM], nonce[12] = {0};
	struct wire_data w;
	struct session *s;
	int number;

	memcpy(&w, bytes, sizeof(w));
	memcpy(nonce + 4, &w.counter, 8);
	s = session_find(&n->device.index, le32_get(w.receiver));
	if (!s) {
		n->refused[DROP_UNKNOWN_SESSION]++;
	} else if (!session_is_alive(s, world.now)) {
		n->refused[DROP_SESSION_EXPIRED]++;
	} else if (crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, bytes + sizeof(w),
			   length - sizeof(w), NULL, 0, nonce, s->receive_key)) {
		n->refused[DROP_NOT_AUTHENTIC]++;
	} else if (!session_accept(s, le64_get(w.counter))) {
		n->refused[DROP_REPLAYED]++;
	} else {
		peer_received(s, world.now, length, length > WIRE_DATA_LEAST, from);
		if (length == WIRE_DATA_LEAST)
			return;
		memcpy(&number, plain, sizeof(number));
		n->arrived[number]++;
		n->arrivals++;
		n->last_arrival = number;
	}
}

static void step(struct node *n)
{
	struct moment m = world_moment(n->number);

	n->woken = false;
	n->deadline = device_step(&n->device, &m);
}

void world_deliver(int to, const void *bytes, size_t length, const struct endpoint *source)
{
	struct node *n = &world.node[to];
	struct moment m = world_moment(to);

	if (wire_kind(bytes, length) == WIRE_DATA) {
		quiet_enter(&n->device.quiet, 1);
		receive_data(n, bytes, length, source);
		quiet_leave(&n->device.quiet, 1);
	} else {
		struct arrival_handshake a = {bytes, length, source};

		device_receive(&n->device, &m, &a, 1, n->waiting);
		n->woken = true;
	}
	while (n->woken)
		step(n);
}

/* --- what the devices call ----------------------------------------------- */

static int call_send(void *arg, const struct endpoint *to, const void *message, size_t length)
{
	struct node *n = arg;

	if (n->send_error)
		return -n->send_error;
	transmit(n->number, to, message, length);
	return 0;
}

static void call_ready(void *arg, struct peer *p, bool keepalive)
{
	struct staged *q = atomic_load(&p->staged);
	struct session *s = peer_session(p, world.now);

	CHECK(s); /* else there was nothing to call for */
	if (q && q->count) {
		for (int i = 0; i < q->count; i++)
			seal_and_send(p, s, &q->number[i]);
		q->count = 0;
	} else if (keepalive) {
		seal_and_send(p, s, NULL);
	}
}

static void call_purge(void *arg, struct peer *p)
{
	struct staged *q = atomic_load(&p->staged);

	if (q) {
		((struct node *)arg)->purged += (uint32_t)q->count;
		q->count = 0;
	}
}

static void call_release(void *arg, struct peer *p)
{
	free(atomic_load(&p->staged));
}

static void call_wake(void *arg)
{
	((struct node *)arg)->woken = true;
}

static void call_random(void *arg, void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = (uint8_t)dice(256);
}

static const struct device_calls calls = {
	.send = call_send,
	.ready = call_ready,
	.purge = call_purge,
	.release = call_release,
	.wake = call_wake,
	.random = call_random,
};

/* --- time ---------------------------------------------------------------- */

/* The next thing to happen: the arrival of a datagram, or a deadline. */
static int64_t next_event(struct datagram **arrival)
{
	int64_t next = INT64_MAX;

	*arrival = NULL;
	for (int i = 0; i < WORLD_NODES; i++)
		if (world.node[i].woken)
			return world.now;
		else if (world.node[i].device.calls && world.node[i].deadline < next)
			next = world.node[i].deadline;
	while (world.settled < world.count && !world.sent[world.settled].arrives)
		world.settled++;
	for (size_t i = world.settled; i < world.count; i++)
		if (world.sent[i].arrives && world.sent[i].arrives <= next) {
			next = world.sent[i].arrives;
			*arrival = &world.sent[i];
		}
	return next;
}

void world_run(int64_t span)
{
	int64_t until = world.now + span, next;
	struct datagram *g;

	while ((next = next_event(&g)) <= until) {
		if (next > world.now)
			world.now = next;
		if (g) {
			struct datagram copy = *g;
			int to = node_of(&copy.to.remote);

			g->arrives = 0;
			if (to >= 0 && !world.node[to].cut)
				world_deliver(to, copy.bytes, copy.length, &copy.source);
		}
		for (int i = 0; i < WORLD_NODES; i++)
			if (world.node[i].device.calls &&
				(world.node[i].woken || world.node[i].deadline <= world.now))
				step(&world.node[i]);
	}
	world.now = until;
}

/* --- begin and end ------------------------------------------------------- */

struct peer *world_peer(int a, int b)
{
	return device_find(&world.node[a].device, world.node[b].public_key);
}

static void node_begin(struct node *n, int number)
{
	struct moment m = world_moment(number);

	n->number = number;
	n->address.v4 = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(1000),
		.sin_addr = {htonl(0x0a000001 + (uint32_t)number)}};
	call_random(NULL, n->private_key, WIRE_KEY);
	CHECK(device_init(&n->device, &calls, n) == 0);
	CHECK(device_set_private_key(&n->device, n->private_key, &m) == 0);
	memcpy(n->public_key, n->device.identity.public_key, WIRE_KEY);
	device_up(&n->device, &m);
}

void world_begin(int nodes)
{
	memset(&world, 0, sizeof(world));
	world.now = 1000 * SECOND;
	world.delay = MILLISECOND;
	world.sent = calloc(WORLD_SENT + 1, sizeof(*world.sent));
	for (int i = 0; i < nodes; i++)
		node_begin(&world.node[i], i);
	for (int i = 0; i < nodes; i++)
		for (int j = 0; j < nodes; j++) {
			struct device *d = &world.node[i].device;
			struct peer *p;

			if (i == j)
				continue;
			CHECK(device_add(d, world.node[j].public_key, &p) == 0 && p);
			device_set_endpoint(d, p, &world.node[j].address);
		}
	world_run(0);
}

void world_end(void)
{
	for (int i = 0; i < WORLD_NODES; i++)
		if (world.node[i].device.calls)
			device_done(&world.node[i].device);
	free(world.sent);
	memset(&world, 0, sizeof(world));
}

void world_meet(int a, int b)
{
	uint32_t before = world.node[b].arrivals;

	world_send(a, b, 0);
	world_run(10 * MILLISECOND);
	CHECK(world.node[b].arrivals == before + 1);
}

void world_set_keepalive(int a, int b, uint16_t seconds)
{
	struct moment m = world_moment(a);

	device_set_keepalive(&world.node[a].device, world_peer(a, b), seconds, &m);
	world.node[a].woken = true;
}

void world_set_preshared(int a, int b, uint8_t byte)
{
	uint8_t key[WIRE_KEY];

	memset(key, byte, sizeof(key));
	device_set_preshared(&world.node[a].device, world_peer(a, b), key);
}

void world_up(int node)
{
	struct moment m = world_moment(node);

	device_up(&world.node[node].device, &m);
	world.node[node].woken = true;
}
