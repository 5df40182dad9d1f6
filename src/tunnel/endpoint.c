#include "tunnel/endpoint.h"

#include <sched.h>
#include <string.h>

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Copy without torn fields: the words are atomic, the sequence says whether they belong together.
 */
static bool peek(const struct endpoint_slot *slot, struct endpoint *out)
{
	uint64_t words[ENDPOINT_WORDS];
	uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);

	for (int i = 0; i < ENDPOINT_WORDS; i++)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (before & 1 || atomic_load_explicit(&slot->sequence, memory_order_relaxed) != before)
		return false;
	memcpy(out, words, sizeof(*out));
	return true;
}

bool endpoint_read(const struct endpoint_slot *slot, struct endpoint *out)
{
	/* A writer is done in nanoseconds, unless it lost its processor just there. */
	for (int tries = 1; !peek(slot, out); tries++)
		if (tries % 64 == 0)
			sched_yield();
	return endpoint_is_known(out);
}

static bool begin_write(struct endpoint_slot *slot)
{
	uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	if (sequence & 1 || !atomic_compare_exchange_strong_explicit(&slot->sequence, &sequence,
				    sequence + 1, memory_order_acquire, memory_order_relaxed))
		return false;
	/* No word may be seen to change before the sequence is odd. */
	atomic_thread_fence(memory_order_release);
	return true;
}

static void end_write(struct endpoint_slot *slot, const struct endpoint *e)
{
	uint64_t words[ENDPOINT_WORDS];

	memcpy(words, e, sizeof(words));
	for (int i = 0; i < ENDPOINT_WORDS; i++)
		atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->sequence, 1, memory_order_release);
}

void endpoint_follow(struct endpoint_slot *slot, const struct endpoint *from)
{
	struct endpoint have;

	if ((peek(slot, &have) && endpoint_equal(&have, from)) || !begin_write(slot))
		return;
	end_write(slot, from);
}

static void wait_to_write(struct endpoint_slot *slot)
{
	for (int tries = 1; !begin_write(slot); tries++)
		if (tries % 64 == 0)
			sched_yield();
}

void endpoint_set(struct endpoint_slot *slot, const struct endpoint *to)
{
	wait_to_write(slot);
	end_write(slot, to);
}

void endpoint_forget_source(struct endpoint_slot *slot)
{
	uint64_t words[ENDPOINT_WORDS];
	struct endpoint e;

	wait_to_write(slot);
	for (int i = 0; i < ENDPOINT_WORDS; i++)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
	memcpy(&e, words, sizeof(e));
	e.ifindex = 0;
	memset(&e.local, 0, sizeof(e.local));
	end_write(slot, &e);
}
