/* why.h - send one probe, follow it, say where it ended and why
 *
 * A question is what the user typed after `warren why`.  The answer is a
 * verdict: did the probe and its answer make the round trip, and if not, at
 * which node and device did it end, for which cause, with which evidence, and
 * which commands repair it.
 *
 *	question -> probe sent inside the node -> events of the kernel (path.h)
 *	         -> story: who had the packet, in order (story.h)
 *	         -> diagnosis: one rule a cause, confirmed from live state (diagnose.h)
 *	         -> verdict
 *
 * A cause is only named when the live system confirms it; otherwise the
 * verdict is "failed" with no cause, and the steps say what was seen.  Nothing
 * of the network that is looked at is changed.
 *
 * The caller owns the verdict and ends it with verdict_done().  One thread at
 * a time asks; the call blocks until the answer is certain or the timeout has
 * passed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "base/node.h"

enum probe_proto { PROBE_ICMP, PROBE_UDP, PROBE_TCP };

enum why_engine {
	WHY_AUTO,    /* eBPF where it is allowed, else sockets */
	WHY_EBPF,    /* tracepoints; needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN */
	WHY_SOCKETS, /* counters, neighbour states, route simulation, packet sockets */
};

enum {
	WHY_PORT_DEFAULT = 33434, /* UDP and TCP, when the question names none */
	WHY_SIZE_DEFAULT = 56,	  /* payload bytes, as ping sends */
	WHY_SIZE_MAX = 65507,
};

/* 4 s outlast IPv4's three ARP attempts; most answers come within milliseconds. */
#define WHY_TIMEOUT_DEFAULT (4 * INT64_C(1000000000))

/* A zeroed question with a destination is `warren why DST`. */
struct question {
	const char *destination; /* address or name */
	const char *from;	 /* NODE (base/node.h); NULL: the namespace we are in */
	const char *device; /* bind the probe to it; NULL: routing decides; an address: as source */
	const char *source; /* source address; NULL: the kernel chooses */
	enum probe_proto proto;
	uint16_t port;	 /* 0: WHY_PORT_DEFAULT */
	int32_t size;	 /* payload bytes behind the ICMP or UDP header; 0: the default */
	bool df;	 /* don't fragment */
	int64_t timeout; /* nanoseconds, for the whole question; 0: the default */
	enum why_engine engine;
};

/* One thing that happened to the packet, in the order in which it did. */
struct step {
	char node[NODE_NAME];
	char device[16]; /* "" where none takes part */
	char event[16];	 /* socket, route, tx, rx, read, write, drop, icmp, deliver, receive ... */
	char packet[192];
	char note[192]; /* what it means, for people; may be "" */
	int64_t time;	/* nanoseconds since the probe was sent; may be negative */
};

/* One fact that the verdict rests on. */
struct evidence {
	char source[32]; /* tracepoint, rtnetlink, sysctl, nft, errno, proc, counter ... */
	char fact[256];
};

struct verdict {
	bool delivered;
	const char *cause;    /* id of the rule book (static), NULL when it cannot be told */
	char node[NODE_NAME]; /* where it ended; "" where that is not known */
	char device[16];
	char why[512];	    /* one sentence */
	int64_t rtt;	    /* nanoseconds, when delivered and answered; else -1 */
	const char *engine; /* "ebpf" or "sockets" */
	uint64_t lost;	    /* events of the kernel that were lost */

	char **fixes; /* commands, in order; together they repair the cause */
	size_t fix_count;
	struct step *steps;
	size_t step_count;
	struct evidence *evidence;
	size_t evidence_count;
};

/* why_ask - ask, and wait for the answer
 *
 * Returns 0 with a verdict, also when the probe could not even be sent (that
 * is a verdict, too); -EINVAL when the question makes no sense, -ENOENT for an
 * unknown node, or what stopped us from looking at all.  On failure the
 * verdict is empty.
 */
int why_ask(const struct question *q, struct verdict *v, struct error *e);

/* verdict_done - free what it holds; a zeroed verdict is a valid empty one */
void verdict_done(struct verdict *v);

/* verdict_json - the object that `warren why --json` prints; the caller owns it */
json_t *verdict_json(const struct question *q, const struct verdict *v);
