/* keys.h - the keys of a network's tunnels
 *
 * Made at the first `up`, kept in the network's state directory and used
 * again as long as the network is up, so that converging does not break
 * sessions:
 *
 *	NODE/keys/DEVICE                  private key of that end, base64
 *	.psk/NODE:DEVICE==NODE:DEVICE     pre-shared key of a tunnel
 *
 * All are 0600 in a directory that only its owner may enter.  In memory they
 * are wiped by keys_done().  Source: RFC 7748.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KEY_BYTES = 32, KEY_BASE64 = 45 /* with the closing zero */ };

struct key {
	char *path; /* below the state directory */
	uint8_t bytes[KEY_BYTES];
	bool saved;
};

struct keys {
	int directory; /* state directory, -1: in memory only; borrowed */
	struct key *list;
	size_t count;
};

/* keys_private - the private key of a device; keys_public - what belongs to it
 *
 * Loaded, or made when there is none.  Base64 in `out`.  Returns 0 or -errno.
 */
int keys_private(struct keys *k, const char *node, const char *device, char out[KEY_BASE64],
	struct error *e);
int keys_public(struct keys *k, const char *node, const char *device, char out[KEY_BASE64],
	struct error *e);

/* keys_shared - the pre-shared key of the tunnel between two ends, in either order */
int keys_shared(struct keys *k, const char *node_a, const char *device_a, const char *node_b,
	const char *device_b, char out[KEY_BASE64], struct error *e);

/* keys_save - write those that were made; keys_done - wipe and free */
int keys_save(struct keys *k, struct error *e);
void keys_done(struct keys *k);
