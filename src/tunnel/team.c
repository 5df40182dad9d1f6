#include "tunnel/team.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some ten microseconds: what is waited for usually comes sooner, and a sleep takes longer. */
enum { LOOKS = 300 };

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

void team_add(struct team *t, struct team_member *m)
{
	t->members[t->count++] = m;
}

void team_del(struct team *t)
{
	t->count--;
}

static void futex(struct team *t, int what, uint32_t value)
{
	syscall(SYS_futex, (uint32_t *)&t->left, what | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* The last member to end wakes us. */
static void wait_for_members(struct team *t)
{
	uint32_t left;

	for (int looks = 0; (left = atomic_load_explicit(&t->left, memory_order_acquire));
		looks++) {
		if (looks < LOOKS)
			relax();
		else
			futex(t, FUTEX_WAIT, left);
	}
}

void team_run(struct team *t, unsigned parts, team_work *work, void *arg)
{
	t->work = work;
	t->arg = arg;
	t->parts = parts;
	atomic_store_explicit(&t->left, parts - 1, memory_order_relaxed);
	for (unsigned i = 0; i + 1 < parts; i++) {
		struct team_member *m = t->members[i];

		m->part = i + 1;
		/* Either it sees this, or we see that it sleeps. */
		atomic_store(&m->posted, t);
		if (atomic_load(&m->sleeps))
			eventfd_write(m->event, 1);
	}
	work(arg, 0, parts);
	wait_for_members(t);
}

bool team_help(struct team_member *m)
{
	struct team *t = atomic_load(&m->posted);

	if (!t)
		return false;
	atomic_store_explicit(&m->posted, NULL, memory_order_relaxed);
	t->work(t->arg, m->part, t->parts);
	if (atomic_fetch_sub_explicit(&t->left, 1, memory_order_acq_rel) == 1)
		futex(t, FUTEX_WAKE, 1);
	return true;
}

void team_sleep(struct team_member *m)
{
	atomic_store(&m->sleeps, true);
}

void team_wake(struct team_member *m)
{
	atomic_store_explicit(&m->sleeps, false, memory_order_relaxed);
}

bool team_look(const struct team_member *m)
{
	for (int looks = 0; looks < LOOKS; looks++) {
		if (atomic_load_explicit(&m->posted, memory_order_relaxed))
			return true;
		relax();
	}
	return false;
}
