/* mail.h - workers tell control that a peer needs it
 *
 * A worker that finds no session, or hears the first packet under a new one,
 * posts the peer: it sets a bit in it and, when the peer is not in the box
 * already, pushes it there.  Nothing is allocated, nobody waits, and a peer is
 * in the box at most once however often it is posted.
 *
 *	worker --mail_post(peer, bit)--> box --mail_take()--> control
 *	            `-- true: the box was empty, wake control
 *
 * A removed peer is freed only after workers were quiet and control has taken
 * the box once more, so none in the box is ever gone.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what is posted. */
struct mail {
	_Atomic uint32_t bits;
	struct mail *next;
};

/* A zeroed struct is empty. */
struct mailbox {
	_Atomic(struct mail *) first;
};

/* mail_post - any thread; returns true when control must be woken */
static inline bool mail_post(struct mailbox *box, struct mail *m, uint32_t bits)
{
	if (atomic_load(&m->bits) & bits)
		return false; /* it was posted for this and not yet taken */
	if (atomic_fetch_or(&m->bits, bits))
		return false; /* it is in the box for something else */

	struct mail *first = atomic_load_explicit(&box->first, memory_order_relaxed);

	do
		m->next = first;
	while (!atomic_compare_exchange_weak(&box->first, &first, m));
	return !first;
}

/* mail_take - control: everything that is in the box, as a list through `next`
 *
 * For each, read `next` first, then take its bits with an exchange for 0: from
 * then on it can be posted again.
 */
static inline struct mail *mail_take(struct mailbox *box)
{
	return atomic_exchange(&box->first, NULL);
}
