/* journal.h - what Warren has done, remembered so that it can be undone
 *
 * A table of text by key in a file that is only ever appended to, one line a
 * change, each written before the change itself is made.  A process killed at
 * any moment leaves a journal that names everything it may have made:
 *
 *	+node/site-a	4026532281
 *	+process/site-a/tunnel/tun0	812 77123
 *	-process/site-a/tunnel/tun0
 *
 * A line without its newline was being written when the process ended; the
 * change it announces was not made, so it does not count.  Tabs, newlines and
 * backslashes in keys and values are escaped.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct journal_entry {
	char *key, *value;
};

struct journal {
	int fd; /* -1: in memory only */
	struct journal_entry *list;
	size_t count;
};

/* journal_open - read the file `name` in `directory`; it is made when `create`, else -ENOENT */
int journal_open(struct journal *j, int directory, const char *name, bool create, struct error *e);
void journal_close(struct journal *j); /* of a zeroed struct with fd -1: does nothing */

/* journal_put - remember; journal_del - forget, and nothing when there is none.  0 or -errno */
int journal_put(struct journal *j, const char *key, const char *value, struct error *e);
int journal_del(struct journal *j, const char *key, struct error *e);

/* journal_get - the value, which lives until the next change; NULL: none */
const char *journal_get(const struct journal *j, const char *key);

/* journal_read - take over the lines of a text, the unfinished last one excepted; its end is
 * returned */
size_t journal_read(struct journal *j, const char *text, size_t size);
