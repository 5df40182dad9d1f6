/* ring.h - handshake messages on their way from the inbound thread to control
 *
 * A bounded ring with one writer and one reader, and an eventfd that is
 * readable while something waits.  When it is full, what comes is dropped: a
 * flood of handshakes takes this much memory and no more.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/endpoint.h"
#include "tunnel/wire.h"

enum { RING_PLACES = 1024 }; /* under load from 512 on; the rest is for what came before */

/* A handshake message as it arrived. */
struct worker_handshake {
	struct endpoint from;
	uint16_t length;
	uint8_t datagram[WIRE_HANDSHAKE_MOST];
};

struct ring {
	int event;
	struct worker_handshake *places;
	_Alignas(64) _Atomic uint32_t head; /* the writer's: how many were put */
	_Alignas(64) _Atomic uint32_t tail; /* the reader's: how many were taken */
};

int ring_init(struct ring *r);
void ring_done(struct ring *r);

/* ring_put - writer: returns false when it is full; length at most WIRE_HANDSHAKE_MOST */
bool ring_put(struct ring *r, const struct endpoint *from, const void *datagram, size_t length);

/* ring_take - reader: the oldest; returns false, and sets the eventfd at rest, when none waits
 *
 * waiting  out: how many are left
 */
bool ring_take(struct ring *r, struct worker_handshake *out, size_t *waiting);
