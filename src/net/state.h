/* state.h - the folder of a network that is up
 *
 *	/run/warren/NETWORK/             0700
 *	    .lock                        held by the one command that changes the network
 *	    .journal                     nodes, processes, settings that were made (net/journal.h)
 *	    .file                        absolute path of the file it came from
 *	    .plan.yaml                   the file's text, as it is up
 *	    .next.yaml                   the text that is being brought up; left by a crash
 *	    .psk/                        pre-shared keys
 *	    NODE/keys/  conf/  log/  wireguard/
 *
 * Names of networks and nodes do not begin with a dot, so nothing collides.
 * A network is up when its folder has a journal.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/journal.h"

struct state {
	char network[128];
	int directory; /* descriptor of the folder */
	int lock;
	struct journal journal;
	bool removed; /* the folder is gone */
};

/* A state that is not open; state_close() of it does nothing. */
#define STATE_CLOSED ((struct state){.directory = -1, .lock = -1, .journal.fd = -1})

/* state_open - lock a network's folder and read its journal
 *
 * create  make the folder when there is none; else -ENOENT without a message
 * wait    for another command that has the lock; else -EBUSY
 *
 * `waiting`, when not NULL, is called once if there is somebody to wait for.
 * On success state_close() it.
 */
int state_open(struct state *s, const char *network, bool create,
	void (*waiting)(const char *network), struct error *e);

/* state_peek - read it without the lock: what it says may change at once */
int state_peek(struct state *s, const char *network, struct error *e);

void state_close(struct state *s);

/* state_remove - delete the folder with all in it, and the one above when it is empty; once only,
 * since others may make it anew from then on */
int state_remove(struct state *s, struct error *e);

/* state_remove_folder - delete a folder below with all in it; one that is not there is fine */
int state_remove_folder(struct state *s, const char *name, struct error *e);

/* state_list - names of the networks that have a folder, sorted; returns how many or -errno.
 * free() each and the list. */
ssize_t state_list(char ***names);

/* state_read_file - a file below the folder as text; NULL: none.  free() it */
char *state_read_file(const struct state *s, const char *path);

/* state_write_file - write it whole or not at all, 0600, making folders on the way */
int state_write_file(const struct state *s, const char *path, const char *text, struct error *e);

/* A journal of keys and values has a few typed corners: */

/* state_node - the inode of the namespace that is this node; 0: not ours */
ino_t state_node(const struct state *s, const char *node);
int state_put_node(struct state *s, const char *node, ino_t inode, struct error *e);

/* state_next - entries of the journal whose key begins with `prefix`: the rest of the key, and
 * the value; `at` begins at 0.  false: no more */
bool state_next(const struct state *s, const char *prefix, size_t *at, const char **rest,
	const char **value);
