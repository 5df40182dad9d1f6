#include "tunnel/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

int ring_init(struct ring *r)
{
	void *places = mmap(NULL, RING_PLACES * sizeof(*r->places), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*r = (struct ring){.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (places != MAP_FAILED)
		r->places = places;
	if (r->places && r->event >= 0)
		return 0;
	ring_done(r);
	return -ENOMEM;
}

void ring_done(struct ring *r)
{
	if (r->event >= 0)
		close(r->event);
	if (r->places)
		munmap(r->places, RING_PLACES * sizeof(*r->places));
	r->event = -1;
	r->places = NULL;
}

bool ring_put(struct ring *r, const struct endpoint *from, const void *datagram, size_t length)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	struct worker_handshake *d = &r->places[head % RING_PLACES];

	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == RING_PLACES)
		return false;
	d->from = *from;
	d->length = (uint16_t)length;
	memcpy(d->datagram, datagram, length);
	atomic_store(&r->head, head + 1);
	/* The reader stores tail and then looks at head; we the other way round: one of us sees
	 * that the other has come. */
	if (atomic_load(&r->tail) == head)
		eventfd_write(r->event, 1);
	return true;
}

bool ring_take(struct ring *r, struct worker_handshake *out, size_t *waiting)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t head = atomic_load(&r->head);
	eventfd_t ignored;

	if (head == tail) {
		eventfd_read(r->event, &ignored);
		head = atomic_load(&r->head); /* what came meanwhile may have been its signal */
		if (head == tail)
			return false;
	}
	*out = r->places[tail % RING_PLACES];
	*waiting = head - tail - 1;
	atomic_store(&r->tail, tail + 1);
	return true;
}
