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

void team_run(struct team *t, uint32_t parts, team_work *work, void *arg)
{
	t->work = work;
	t->arg = arg;
	atomic_store_explicit(
		&t->left, (uint32_t)__builtin_popcount(parts & ~UINT32_C(1)), memory_order_relaxed);
	for (unsigned i = 0; i < t->count; i++) {
		struct team_member *m = t->members[i];

		if (!(parts >> (i + 1) & 1))
			continue;
		m->part = i + 1;
		/* Either it sees this, or we see that it sleeps. */
		atomic_store(&m->posted, t);
		if (atomic_load(&m->sleeps))
			eventfd_write(m->event, 1);
	}
	if (parts & 1)
		work(arg, 0);
	wait_for_members(t);
}

bool team_help(struct team_member *m)
{
	struct team *t = atomic_load(&m->posted);

	if (!t)
		return false;
	atomic_store_explicit(&m->posted, NULL, memory_order_relaxed);
	t->work(t->arg, m->part);
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
