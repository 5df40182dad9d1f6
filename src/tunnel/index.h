/* index.h - the 32-bit numbers by which datagrams name their receiver
 *
 * Each handshake we take part in gets a number, which the session that comes
 * out of it keeps.  The number is random, so that it tells an observer neither
 * how many peers there are nor which number comes next.
 *
 *	datagram --receiver--> index_find() ---> session      (data; any thread)
 *	                                    ---> handshake    (response, cookie reply; control)
 *
 * Control adds, replaces and deletes.  Workers look up between quiet_enter()
 * and quiet_leave(): an open-addressed table of pointers, whose slots are
 * changed by single stores, and which is replaced as a whole when it grows.
 * An entry must be retired, not freed, after index_del().
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tunnel/quiet.h"

enum index_kind { INDEX_SESSION = 1, INDEX_HANDSHAKE };

/* Embedded in what is found.  Constant while it is in the table. */
struct index_entry {
	uint32_t number;
	enum index_kind kind;
};

struct index_slots;

/* A zeroed struct is an empty table. */
struct index {
	_Atomic(struct index_slots *) slots;
	uint32_t used;	/* slots that are not empty: entries and graves */
	uint32_t count; /* entries */
};

/* index_find - who is called `number`?  NULL: nobody.  Any thread, wait-free. */
struct index_entry *index_find(const struct index *t, uint32_t number);

/* index_add - put it in under e->number; the caller drew it at random
 *
 * Returns 0, -EEXIST when the number is taken (draw again), or -ENOMEM.
 */
int index_add(struct index *t, struct index_entry *e, struct quiet *quiet);

/* index_replace - `with` takes over the number of `old`, in one store */
void index_replace(struct index *t, struct index_entry *old, struct index_entry *with);

void index_del(struct index *t, struct index_entry *e);
void index_done(struct index *t);
