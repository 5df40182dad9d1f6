/* packet.h - a packet socket in any namespace
 *
 * A socket belongs for life to the namespace of the thread that made it.
 * So one process can hold sockets of many namespaces: the thread goes in, makes
 * the socket, and comes back out.
 *
 * Source: packet(7), namespaces(7).
 */
#pragma once
#include <stdint.h>

#include <net/if.h>

#include "base/error.h"

struct packet_device {
	char name[IFNAMSIZ];
	int index;
	int hatype; /* ARPHRD_* */
};

/* packet_open - a raw packet socket in `netns` that receives nothing yet
 *
 * netns  descriptor of a namespace, or -1 for the caller's
 *
 * Non-blocking, close-on-exec.  packet_bind() starts it.  Returns the
 * descriptor or -errno with words (EPERM: needs CAP_NET_RAW there).
 */
int packet_open(int netns, struct error *e);

/* packet_device_find - index and type of a device by name, in the namespace of `socket`; 0 or
 * -errno */
int packet_device_find(int socket, const char *name, struct packet_device *d);

/* packet_bind - begin to receive what passes device `index` (0: all of the namespace); 0 or -errno
 */
int packet_bind(int socket, int index);

/* packet_lost - frames that arrived but found no room since the last call, and all that arrived
 *
 * Counts what the attached filter let through.  Returns 0 or -errno.
 */
int packet_counters(int socket, uint64_t *arrived, uint64_t *lost);
