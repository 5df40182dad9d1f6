/* metrics.h - counters for Prometheus, where they are asked for
 *
 * A listening socket, on a Unix path or a loopback address, answers each HTTP
 * request with all counters as text and closes.  It tells what
 * `warren tunnel status` tells, from the same answer: nothing secret.
 *
 *	warren_tunnel_rx_bytes{interface="wg0",peer="xTIBA5rb..."} 1234
 *
 * The parent opens the socket; the packet process answers, from control's loop.
 * Source: Prometheus, "Exposition formats" (text format 0.0.4).
 */
#pragma once
#include "base/error.h"
#include "base/loop.h"
#include "tunnel/status.h"
#include "tunnel/uapi.h"

/* Fills a reply with the lines of status=1. */
typedef void metrics_status(void *arg, struct uapi_reply *r);

struct scrape;

struct metrics {
	struct loop *loop; /* NULL: closed */
	struct watch watch;
	const char *interface;
	metrics_status *status;
	void *arg;
	struct scrape *first;
	unsigned count;
};

/* metrics_listen - a socket for "PATH" (with a /), "ADDRESS:PORT" or "[::1]:PORT"
 *
 * Returns it or -errno; -EINVAL for an address that is not of the loopback,
 * since anyone may ask there.
 */
int metrics_listen(const char *where, struct error *e);

int metrics_open(struct metrics *m, struct loop *loop, int socket, const char *interface,
	metrics_status *status, void *arg);
void metrics_close(struct metrics *m);

/* metrics_format - the metrics of a device, appended to `out` */
void metrics_format(struct uapi_reply *out, const char *interface, const struct status *s);
