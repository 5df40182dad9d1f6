/* parent.h - the process that keeps the rights, and never sees a packet
 *
 * It creates the device, starts the packet process (control.h) and afterwards
 * does for it what needs privileges, in the few words of privilege.h.  It reads
 * the file and does what wg-quick does (quick.h), looks names up (resolve.h),
 * and follows the device (link.h).
 *
 *	      signals    file     notices about the device
 *	           \      |      /
 *	            [ parent ]--hooks, routes, sockets, names
 *	             |      |
 *	            ask    tell
 *	             |      |
 *	       [ packet process ]--tun, UDP, UAPI socket
 *
 * When either process ends, however it ends, the other does too, and with the
 * last descriptor of it the kernel removes the device.
 *
 * SIGHUP reads the file again; SIGTERM and SIGINT end it.  It also ends when
 * the device is deleted, or the UAPI socket: that is how user-space WireGuard
 * is stopped.
 */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "tunnel/daemon.h"

struct parent_options {
	const char *name;    /* of the device */
	const char *file;    /* in wg-quick's format; NULL: none */
	const char *metrics; /* where to serve metrics (metrics.h); NULL: nowhere */
	bool no_offload;     /* single packets to and from the device (tun.h) */
	const char *crypto;  /* a kind of AEAD (aead.h); NULL: the best of this machine */
	unsigned threads;    /* that carry packets (worker.h); 0: as the load demands */
	struct daemon daemon;
};

/* parent_run - the tunnel, from its start to its end
 *
 * Returns 0 when it was asked to end, or -errno with `e`.  Everything that it
 * made is gone then.
 */
int parent_run(const struct parent_options *o, struct error *e);

/* parent_name_check - may a device be called so?  (It goes into commands and paths.) */
bool parent_name_check(const char *name);
