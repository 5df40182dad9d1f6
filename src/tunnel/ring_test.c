#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "ring.h"
#include "test.h"

static struct ring ring;

static bool is_readable(void)
{
	struct pollfd p = {.fd = ring.event, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

TEST(a_full_ring_refuses_and_an_emptied_one_is_quiet)
{
	struct endpoint from = {0};
	struct worker_handshake h;
	uint32_t i;
	size_t waiting;

	CHECK(!ring_init(&ring));
	CHECK(!is_readable() && !ring_take(&ring, &h, &waiting));
	for (i = 0; i < RING_PLACES; i++)
		CHECK(ring_put(&ring, &from, &i, sizeof(i)));
	CHECK(!ring_put(&ring, &from, &i, sizeof(i)));
	CHECK(is_readable());
	for (i = 0; i < RING_PLACES; i++) {
		CHECK(ring_take(&ring, &h, &waiting) && waiting == RING_PLACES - 1 - i);
		CHECK(h.length == 4 && !memcmp(h.datagram, &i, 4));
	}
	CHECK(!ring_take(&ring, &h, &waiting) && !is_readable());
	ring_done(&ring);
}

enum { MANY = 200000 };

static void *writer(void *arg)
{
	struct endpoint from = {0};

	for (uint32_t i = 0; i < MANY;)
		i += ring_put(&ring, &from, &i, sizeof(i));
	return NULL;
}

TEST(a_reader_that_sleeps_on_the_descriptor_misses_nothing)
{
	pthread_t id;
	uint32_t want = 0;

	CHECK(!ring_init(&ring));
	CHECK(!pthread_create(&id, NULL, writer, NULL));
	while (want < MANY) {
		struct pollfd p = {.fd = ring.event, .events = POLLIN};
		struct worker_handshake h;
		size_t waiting;

		CHECK(poll(&p, 1, 5000) == 1);
		for (; ring_take(&ring, &h, &waiting); want++)
			CHECK(!memcmp(h.datagram, &want, 4));
	}
	pthread_join(id, NULL);
	ring_done(&ring);
}
