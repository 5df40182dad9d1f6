/* sockets.h - see what passes devices without eBPF
 *
 * A packet socket in each namespace that the asker's packets can come to sees
 * every frame that goes out of and comes in by a device.  Frames that are the
 * probe, its answer, an ICMP error about it, ARP or ND become the same events
 * that the kernel's programs tell (path_event.h), so that story and rules are
 * the same.  What packet sockets do not see: why something was freed, what a
 * process made of what it read, routing decisions.  The verdict says so.
 *
 * Needs CAP_NET_RAW in the namespaces, as the owner of a user namespace has it
 * in his own.  One thread owns it.
 *
 * Source: packet(7).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "see/path_event.h"
#include "see/topology.h"

struct sockets {
	int epoll; /* readable when there are frames */
	struct sockets_one {
		int fd;
		uint32_t netns;
	} * list;
	size_t count;
	uint64_t lost;
	const struct topology *topology; /* names of devices */
	struct path_watch watch;
	void (*event)(const struct path_event *event, void *arg);
	void *arg;
};

/* sockets_open - listen in the namespaces that are marked in `in` (one flag for each of t->netns)
 *
 * Returns 0 or -errno with words; a namespace that may not be entered is left out.
 */
int sockets_open(struct sockets *s, const struct topology *t, const bool *in,
	void (*event)(const struct path_event *, void *), void *arg, struct error *e);
void sockets_close(struct sockets *s);

/* sockets_watch - what is ours from here on */
void sockets_watch(struct sockets *s, const struct path_watch *watch);

/* sockets_read - hand over what has come, in the order of the kernel's time; never waits */
void sockets_read(struct sockets *s);

/* frame_match - is it ours: enum path_match
 *
 * type, bytes  EtherType and the packet from its network header on
 */
enum path_match frame_match(
	struct path_watch *w, uint32_t netns, uint16_t type, const uint8_t *bytes, size_t n);
