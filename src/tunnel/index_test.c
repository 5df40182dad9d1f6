#include "tunnel/index.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "test.h"

enum { ENTRIES = 600, NUMBERS = 1000 };

/* Numbers from a small space with equal low bits, so that searches collide. */
static uint32_t dice_number(void)
{
	return (uint32_t)(dice(NUMBERS) << 20 | dice(4));
}

TEST(an_index_agrees_with_a_plain_list_on_random_changes)
{
	static struct index_entry entries[ENTRIES];
	static bool in[ENTRIES];
	static struct index t;
	static struct quiet quiet;
	uint32_t count = 0;

	for (int round = 0; round < 20000; round++) {
		size_t i = dice(ENTRIES);
		uint32_t number = dice_number();
		struct index_entry *want = NULL;

		for (size_t j = 0; j < ENTRIES; j++)
			if (in[j] && entries[j].number == number)
				want = &entries[j];
		CHECK(index_find(&t, number) == want);
		if (in[i]) {
			index_del(&t, &entries[i]);
			in[i] = false;
			count--;
		} else {
			entries[i].number = number;
			CHECK(index_add(&t, &entries[i], &quiet) == (want ? -EEXIST : 0));
			in[i] = !want;
			count += in[i];
		}
		CHECK(t.count == count);
		quiet_reclaim(&quiet, quiet_horizon(&quiet));
	}
	index_done(&t);
}

TEST(a_session_takes_over_the_number_of_its_handshake)
{
	static struct index t;
	static struct quiet quiet;
	struct index_entry a = {7, INDEX_HANDSHAKE}, b = {0, INDEX_SESSION};

	CHECK(index_add(&t, &a, &quiet) == 0);
	index_replace(&t, &a, &b);
	CHECK(index_find(&t, 7) == &b && b.number == 7 && t.count == 1);
	index_del(&t, &b);
	CHECK(!index_find(&t, 7));
	index_done(&t);
}

/* --- readers beside a writer --------------------------------------------- */

struct thing {
	struct index_entry index;
	struct retired retired;
	uint64_t alive;
};

static struct index shared;
static struct quiet shared_quiet;
static _Atomic bool stop;
static _Atomic uint64_t looked;

static void *reader(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;
	uint64_t n = 0;

	while (!atomic_load(&stop)) {
		quiet_enter(&shared_quiet, worker);
		for (uint32_t i = 0; i < 64; i++, n++) {
			struct index_entry *e = index_find(&shared, i * 977);

			if (e && ((struct thing *)(void *)e)->alive != 42)
				abort(); /* it was freed under our hands */
		}
		quiet_leave(&shared_quiet, worker);
		atomic_fetch_add(&looked, 64);
	}
	return NULL;
}

static void thing_free(struct retired *r)
{
	struct thing *t = (struct thing *)(void *)((char *)r - offsetof(struct thing, retired));

	t->alive = 0;
	free(t);
}

TEST(workers_look_up_while_control_changes_and_frees)
{
	static struct thing *things[64];
	pthread_t threads[2];

	stop = false;
	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, reader, (void *)i));
	for (int round = 0; round < 30000 || atomic_load(&looked) < 100000; round++) {
		uint32_t i = (uint32_t)dice(64);
		uint64_t horizon = quiet_horizon(&shared_quiet);

		if (things[i]) {
			index_del(&shared, &things[i]->index);
			quiet_retire(&shared_quiet, &things[i]->retired, thing_free);
			things[i] = NULL;
		} else {
			things[i] = calloc(1, sizeof(*things[i]));
			things[i]->alive = 42;
			things[i]->index.number = i * 977;
			CHECK(!index_add(&shared, &things[i]->index, &shared_quiet));
		}
		quiet_reclaim(&shared_quiet, horizon);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	quiet_done(&shared_quiet);
	for (int i = 0; i < 64; i++)
		free(things[i]);
	index_done(&shared);
}
