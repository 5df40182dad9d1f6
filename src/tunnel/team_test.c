#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "team.h"
#include "test.h"

enum { MEMBERS = 5, ROUNDS = 3000, LARGE = 6000 };

static struct team team;
static struct team_member members[MEMBERS];
static _Atomic bool over;

/* The sum of 1 .. n, each part its own numbers. */
struct sum {
	unsigned n, parts; /* parts: by bits */
	_Atomic unsigned total, parts_done;
	unsigned by_part[MEMBERS + 1];
};

static unsigned count_of(unsigned parts)
{
	return (unsigned)__builtin_popcount(parts);
}

static void add_up(void *arg, unsigned part)
{
	struct sum *s = arg;
	unsigned total = 0, before = s->parts & ((1U << part) - 1);

	for (unsigned i = count_of(before); i < s->n; i += count_of(s->parts))
		total += i + 1;
	atomic_fetch_add(&s->total, total);
	atomic_fetch_add(&s->parts_done, 1);
	s->by_part[part]++;
}

static void *be_a_member(void *arg)
{
	struct team_member *m = arg;
	eventfd_t ignored;

	while (!atomic_load(&over)) {
		struct pollfd p = {m->event, POLLIN, 0};

		if (team_look(m) && team_help(m))
			continue;
		team_sleep(m);
		if (!team_help(m)) {
			poll(&p, 1, 5000);
			eventfd_read(m->event, &ignored);
		}
		team_wake(m);
	}
	return NULL;
}

TEST(each_part_of_a_work_is_done_once_whoever_comes_and_goes)
{
	pthread_t threads[MEMBERS];

	for (int i = 0; i < MEMBERS; i++) {
		members[i] = (struct team_member){.event = eventfd(0, EFD_NONBLOCK)};
		CHECK(!pthread_create(&threads[i], NULL, be_a_member, &members[i]));
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct sum s = {.n = (unsigned)dice(round % 50 ? 200 : LARGE)};
		if (team.count < MEMBERS && dice(3) == 0)
			team_add(&team, &members[team.count]);
		else if (team.count && dice(4) == 0)
			team_del(&team);
		s.parts = 1 + (unsigned)dice((1U << (team.count + 1)) - 1);
		if (round % 100 == 0)
			usleep(1000); /* let them fall asleep */
		team_run(&team, s.parts, add_up, &s);
		CHECK(s.total == s.n * (s.n + 1) / 2 && s.parts_done == count_of(s.parts));
		for (unsigned i = 0; i <= MEMBERS; i++)
			CHECK(s.by_part[i] == (s.parts >> i & 1));
	}
	atomic_store(&over, true);
	for (int i = 0; i < MEMBERS; i++) {
		eventfd_write(members[i].event, 1);
		pthread_join(threads[i], NULL);
		close(members[i].event);
	}
}

TEST(a_leader_alone_does_it_all)
{
	static struct team alone;
	struct sum s = {.n = 10, .parts = 1};

	team_run(&alone, 1, add_up, &s);
	CHECK(s.total == 55 && s.parts_done == 1);
}
