#include "tunnel/staging.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* A packet is a chain of blocks; the first of the next packet follows its last. */
struct staging_block {
	uint32_t next;	 /* of the peer, as index + 1; 0: the last */
	uint16_t length; /* of what is here */
	bool ends;	 /* the packet ends here */
	uint8_t bytes[STAGING_BLOCK - 8];
};
_Static_assert(sizeof(struct staging_block) == STAGING_BLOCK, "the pool is made of these");

enum { ROOM = sizeof(((struct staging_block *)0)->bytes) };

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int staging_init(struct staging *s)
{
	*s = (struct staging){.lock = PTHREAD_MUTEX_INITIALIZER};
	s->blocks = map(STAGING_BLOCKS * sizeof(*s->blocks));
	s->places = map(STAGING_PEERS * sizeof(*s->places));
	if (s->blocks && s->places)
		return 0;
	staging_done(s);
	return -ENOMEM;
}

void staging_done(struct staging *s)
{
	while (s->waiting)
		staging_drop(s, s->waiting->peer);
	if (s->blocks)
		munmap(s->blocks, STAGING_BLOCKS * sizeof(*s->blocks));
	if (s->places)
		munmap(s->places, STAGING_PEERS * sizeof(*s->places));
	s->blocks = NULL;
	s->places = NULL;
}

void staging_lock(struct staging *s)
{
	pthread_mutex_lock(&s->lock);
}

void staging_unlock(struct staging *s)
{
	pthread_mutex_unlock(&s->lock);
}

static struct staged *staged_of(const struct peer *p)
{
	return atomic_load_explicit(&p->staged, memory_order_relaxed);
}

static struct staging_block *block(const struct staging *s, uint32_t number)
{
	return &s->blocks[number - 1];
}

static uint32_t take_block(struct staging *s)
{
	uint32_t number = s->free_block;

	if (number)
		s->free_block = block(s, number)->next;
	else if (s->blocks_used < STAGING_BLOCKS)
		number = ++s->blocks_used;
	return number;
}

static void give_block(struct staging *s, uint32_t number)
{
	block(s, number)->next = s->free_block;
	s->free_block = number;
}

static struct staged *begin(struct staging *s, struct peer *p)
{
	struct staged *q = s->free_place;

	if (q)
		s->free_place = q->next;
	else if (s->places_used < STAGING_PEERS)
		q = &s->places[s->places_used++];
	else
		return NULL;
	*q = (struct staged){.peer = p, .next = s->waiting};
	if (s->waiting)
		s->waiting->before = q;
	s->waiting = q;
	atomic_store_explicit(&p->staged, q, memory_order_relaxed);
	return q;
}

static void end(struct staging *s, struct staged *q)
{
	atomic_store_explicit(&q->peer->staged, NULL, memory_order_release);
	if (q->next)
		q->next->before = q->before;
	if (q->before)
		q->before->next = q->next;
	else
		s->waiting = q->next;
	*q = (struct staged){.next = s->free_place};
	s->free_place = q;
}

/* The oldest packet, to `to` or to nowhere; returns its length. */
static uint32_t take_packet(struct staging *s, struct staged *q, uint8_t *to)
{
	uint32_t length = 0;
	bool ends = false;

	while (!ends) {
		uint32_t number = q->first;
		struct staging_block *b = block(s, number);

		if (to)
			memcpy(to + length, b->bytes, b->length);
		length += b->length;
		ends = b->ends;
		q->first = b->next;
		give_block(s, number);
	}
	q->count--;
	return length;
}

/* Hang the packet on; false when the pool is empty, with nothing changed. */
static bool append(struct staging *s, struct staged *q, const uint8_t *packet, uint32_t length)
{
	uint32_t first = 0, last = 0;

	for (uint32_t at = 0; at < length; at += ROOM) {
		uint32_t number = take_block(s);

		if (!number) {
			while (first) {
				uint32_t next = block(s, first)->next;

				give_block(s, first);
				first = next;
			}
			return false;
		}
		struct staging_block *b = block(s, number);

		b->next = 0;
		b->length = (uint16_t)(length - at < ROOM ? length - at : ROOM);
		b->ends = at + ROOM >= length;
		memcpy(b->bytes, packet + at, b->length);
		if (last)
			block(s, last)->next = number;
		else
			first = number;
		last = number;
	}
	if (q->count++)
		block(s, q->last)->next = first;
	else
		q->first = first;
	q->last = last;
	return true;
}

uint32_t staging_put(struct staging *s, struct peer *p, const void *packet, uint32_t length)
{
	struct staged *q;
	uint32_t lost = 0;

	staging_lock(s);
	q = staged_of(p);
	if (q && q->count >= PEER_STAGED) {
		take_packet(s, q, NULL);
		lost++;
	}
	if (!q)
		q = begin(s, p);
	if (!q || !append(s, q, packet, length))
		lost++;
	if (q && !q->count)
		end(s, q);
	staging_unlock(s);
	atomic_thread_fence(memory_order_seq_cst); /* see staging_ready() */
	return lost;
}

bool staging_waits(const struct peer *p)
{
	const struct staged *q = staged_of(p);

	return q && q->count;
}

uint32_t staging_next(struct staging *s, struct peer *p, void *to)
{
	return staging_waits(p) ? take_packet(s, staged_of(p), to) : 0;
}

void staging_sent(struct staging *s, struct peer *p)
{
	struct staged *q = staged_of(p);

	if (q && !q->count)
		end(s, q);
}

struct peer *staging_next_ready(struct staging *s)
{
	for (struct staged *q = s->waiting; q; q = q->next) {
		if (q->ready) {
			q->ready = false;
			return q->peer;
		}
	}
	return NULL;
}

bool staging_ready(struct staging *s, struct peer *p)
{
	struct staged *q;

	/* The session is published, now who waits?  Outbound does it the other way round, with
	 * a fence between as well: one of us sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!staging_pending(p))
		return false;
	staging_lock(s);
	q = staged_of(p);
	if (q)
		q->ready = true;
	staging_unlock(s);
	return q != NULL;
}

uint32_t staging_drop(struct staging *s, struct peer *p)
{
	uint32_t lost = 0;

	staging_lock(s);
	while (staging_waits(p)) {
		take_packet(s, staged_of(p), NULL);
		lost++;
	}
	staging_sent(s, p);
	staging_unlock(s);
	return lost;
}
