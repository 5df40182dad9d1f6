#include "tunnel/timers.h"

static int64_t get(const _Atomic int64_t *fact)
{
	return atomic_load_explicit(fact, memory_order_relaxed);
}

static void put(_Atomic int64_t *fact, int64_t value)
{
	atomic_store_explicit(fact, value, memory_order_relaxed);
}

/* A fact that begins to hold.  Control stores `look` as 0 before it reads the facts, and its
 * deadline after; with both orders sequentially consistent, either control sees the fact or we
 * see that it does not look in time. */
static bool arm(struct timers *t, _Atomic int64_t *fact, int64_t now, int64_t deadline)
{
	atomic_store(fact, now);

	int64_t look = atomic_load(&t->look);

	return !look || look > deadline;
}

static int64_t keepalive_of(const struct timers *t)
{
	return atomic_load_explicit(&t->keepalive, memory_order_relaxed) * SECOND;
}

static bool traversed(struct timers *t, int64_t now)
{
	int64_t interval = keepalive_of(t), before = get(&t->traversal);

	if (!interval)
		return false; /* nobody asks: spare the workers a line of cache they would share */
	if (!before)
		return arm(t, &t->traversal, now, now + interval);
	if (before != now)
		put(&t->traversal, now);
	return false;
}

bool timers_sent(struct timers *t, int64_t now, bool data)
{
	bool wake = traversed(t, now);

	if (atomic_load_explicit(&t->unreplied_again, memory_order_relaxed)) {
		atomic_store_explicit(&t->unreplied_again, false, memory_order_relaxed);
		wake |= arm(t, &t->unreplied, now, now + TIMERS_KEEPALIVE);
	} else if (get(&t->unreplied)) {
		put(&t->unreplied, 0);
		atomic_store_explicit(&t->unreplied_more, false, memory_order_relaxed);
	}
	if (data && !get(&t->unanswered))
		wake |= arm(t, &t->unanswered, now, now + TIMERS_NEW_HANDSHAKE);
	return wake;
}

bool timers_received(struct timers *t, int64_t now, bool data)
{
	bool wake = traversed(t, now);

	if (get(&t->unanswered))
		put(&t->unanswered, 0);
	if (!data)
		return wake;
	if (!get(&t->unreplied))
		wake |= arm(t, &t->unreplied, now, now + TIMERS_KEEPALIVE);
	else if (!atomic_load_explicit(&t->unreplied_more, memory_order_relaxed))
		atomic_store_explicit(&t->unreplied_more, true, memory_order_relaxed);
	return wake;
}

bool timers_may_initiate(const struct timers *t, int64_t now)
{
	int64_t last = get(&t->initiated);

	return !last || now - last >= TIMERS_REKEY_TIMEOUT;
}

void timers_initiated(struct timers *t, int64_t now, bool retry, int64_t jitter)
{
	/* A packet that asked after the last attempt is a new reason to go on. */
	bool asked = get(&t->wanted) > get(&t->initiated);

	t->attempts = (uint8_t)(retry && !asked ? t->attempts + 1 : 1);
	t->retry_at = now + TIMERS_REKEY_TIMEOUT + jitter;
	t->jitter = jitter;
	put(&t->initiated, now);
}

void timers_completed(struct timers *t)
{
	t->retry_at = 0;
	t->attempts = 0;
}

void timers_derived(struct timers *t, int64_t now)
{
	t->zero_at = now + TIMERS_ZERO_KEYS;
}

/* Is it due?  Else it may be the next deadline.  at 0: it is not set. */
static bool is_due(int64_t at, int64_t now, int64_t *deadline)
{
	if (at && at > now && at < *deadline)
		*deadline = at;
	return at && at <= now;
}

static int64_t after(const _Atomic int64_t *fact, int64_t delay)
{
	int64_t since = atomic_load(fact);

	return since && delay ? since + delay : 0;
}

enum timer timers_next(const struct timers *t, int64_t now, int64_t *deadline)
{
	int64_t next = TIMERS_NEVER;
	enum timer due = TIMER_NONE;

	if (is_due(t->zero_at, now, &next))
		due = TIMER_ZERO_KEYS;
	if (is_due(after(&t->traversal, keepalive_of(t)), now, &next))
		due = TIMER_PERSISTENT_KEEPALIVE;
	if (is_due(after(&t->unreplied, TIMERS_KEEPALIVE), now, &next))
		due = TIMER_KEEPALIVE;
	if (is_due(after(&t->unanswered, TIMERS_NEW_HANDSHAKE + t->jitter), now, &next))
		due = TIMER_NEW_HANDSHAKE;
	if (is_due(t->retry_at, now, &next)) {
		bool asked = get(&t->wanted) > get(&t->initiated);

		due = t->attempts < TIMERS_ATTEMPTS || asked ? TIMER_RETRY : TIMER_GIVE_UP;
	}
	*deadline = next;
	return due;
}

void timers_did(struct timers *t, enum timer what, int64_t now)
{
	switch (what) {
	case TIMER_RETRY:
		t->retry_at = now + TIMERS_REKEY_TIMEOUT; /* timers_initiated() is exact */
		break;
	case TIMER_GIVE_UP:
		t->retry_at = 0;
		t->attempts = 0;
		if (!t->zero_at)
			t->zero_at = now + TIMERS_ZERO_KEYS;
		break;
	case TIMER_NEW_HANDSHAKE:
		put(&t->unanswered, 0);
		break;
	case TIMER_KEEPALIVE:
		/* The keepalive would clear a fact that is set here, so let it set the fact. */
		if (atomic_exchange(&t->unreplied_more, false))
			atomic_store(&t->unreplied_again, true);
		put(&t->unreplied, 0);
		break;
	case TIMER_PERSISTENT_KEEPALIVE:
		put(&t->traversal, now);
		break;
	case TIMER_ZERO_KEYS:
		t->zero_at = 0;
		break;
	case TIMER_NONE:
		break;
	}
}

void timers_stop(struct timers *t)
{
	put(&t->unanswered, 0);
	put(&t->unreplied, 0);
	atomic_store(&t->unreplied_more, false);
	atomic_store(&t->unreplied_again, false);
	put(&t->traversal, 0);
	put(&t->wanted, 0);
	put(&t->initiated, 0);
	t->retry_at = 0;
	t->zero_at = 0;
	t->attempts = 0;
}
