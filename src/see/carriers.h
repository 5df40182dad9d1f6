/* carriers.h - which captured datagrams of a tunnel carry which captured packets
 *
 *	tun0@site-a  echo request         packet 4711
 *	eth0@site-a  UDP, encrypted       packet 815   <-- "carries packet 4711, ..."
 *
 * Only who encrypts knows: a tunnel of ours tells for each packet how the
 * payload of its datagram begins (trace.h, `seals`), and a datagram is looked up
 * by that on every device it passes.  Remembers the last few thousand.
 *
 * Each packet of the tunnel is told while this is open, which costs it about a
 * microsecond.  Needs what trace needs.  One thread owns a struct carriers; a
 * zeroed one finds nothing.
 */
#pragma once
#include "base/error.h"
#include "see/capture.h"
#include "see/trace.h"

enum { CARRIERS_KEPT = 16384, CARRIER_TEXT = 256, CARRIER_PACKET = 128 };

struct carriers {
	struct trace trace;
	bool open;
	int64_t looked; /* clock_now(), for new tunnels */
	struct carried_packet {
		uint8_t key[TRACE_KEY];
		struct signature inner;
		uint32_t pid;
		char comm[16], packet[CARRIER_PACKET];
	} * kept; /* by key; the newer wins */
	char text[CARRIER_TEXT];
};

/* carriers_open - listen to all tunnels of the machine; 0 or -errno */
int carriers_open(struct carriers *c, struct error *e);
void carriers_close(struct carriers *c);

/* carriers_read - take in what has happened, and look for new tunnels; never waits */
void carriers_read(struct carriers *c, int64_t now);

/* carriers_find - what a captured frame carries
 *
 * Returns a text that lasts until the next call, or NULL: it is no datagram of a tunnel that we
 * heard of.
 */
const char *carriers_find(
	struct carriers *c, const struct identity *known, const struct capture_frame *f);
