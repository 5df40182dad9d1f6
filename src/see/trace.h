/* trace.h - follow every packet that matches a filter, live, through the whole machine
 *
 *	            filter                                    the same number on each hop
 *	packet ---> matches: number 1 --> tx a0@A  rx r1@R  tx r2@R  rx b0@B
 *	                                  |        |        |
 *	                                  unchanged, behind NAT, inside vxlan or GRE, read by a
 *	                                  tunnel's process and sent on in a datagram
 *
 * The filter is libpcap's, translated (classic.h) and run in the kernel, so a
 * packet that nobody asked for costs some tens of nanoseconds at each hop.  It
 * sees a frame with an Ethernet header also where the device has none (a tun):
 * there the addresses are zero.  Once a packet matches it is followed, whether
 * or not it still matches further on.
 *
 *	trace_open()    load and attach: from here on events come
 *	trace_tunnels() the probes of each process that holds a tun (repeat it now and then)
 *	trace_read()    take events, again and again
 *	trace_close()   everything is detached; nothing stays behind
 *
 * Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN in the first user namespace, and
 * a kernel with BTF, 5.15 or later.  Changes nothing.  One thread owns a struct trace.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "see/kernel.h"
#include "see/stations.h"
#include "see/trace_event.h"

struct trace_bpf;
struct ring_buffer;

enum { TRACE_REASONS = 512 };

struct trace_wish {
	const char *filter;    /* libpcap syntax; NULL or "" is everything */
	bool drops;	       /* only what is lost */
	const uint32_t *nodes; /* inodes of namespaces: only packets that match in one of them */
	size_t node_count;     /* 0: anywhere */
	bool seals;	       /* only what tunnels seal into which datagram, whatever the filter */
	bool alone; /* with drops: do not follow; only where the filter matches at the drop */
};

typedef void trace_event_take(const struct trace_event *event, void *arg);

struct trace {
	struct trace_bpf *bpf;
	struct ring_buffer *ring;
	struct stations stations;
	struct kernel kernel; /* the names of reasons and functions */
	const char *reasons[TRACE_REASONS];
	trace_event_take *take;
	void *arg;
};

/* trace_open - load and attach; some 60 ms
 *
 * Returns 0 or -errno with words: -EINVAL a wrong filter; -E2BIG,
 * -EOPNOTSUPP one that the kernel cannot run; -EPERM capabilities are missing.
 */
int trace_open(struct trace *t, const struct trace_wish *wish, trace_event_take *take, void *arg,
	struct error *e);
void trace_close(struct trace *t); /* of a zeroed struct: does nothing */

/* trace_tunnels - attach to programs that hold a tun and have probes of ours; returns how many
 * were added */
int trace_tunnels(struct trace *t);

/* trace_fd - readable when there are events; trace_read() - hand over what there is, never
 * waits; returns how many */
int trace_fd(const struct trace *t);
int trace_read(struct trace *t);

/* Events that found no room; packets that got a number. */
uint64_t trace_lost(const struct trace *t);
uint64_t trace_packets(const struct trace *t);

/* trace_reason - "NETFILTER_DROP"; "" where this kernel has no name for it (or no reasons) */
const char *trace_reason(struct trace *t, uint32_t reason);

/* trace_symbol - the function of the kernel that a code address lies in; "" when unknown.  The
 * first question reads /proc/kallsyms. */
const char *trace_symbol(struct trace *t, uint64_t location);

/* trace_loss - is this drop the loss of a packet, and not the end of one that has arrived?
 *
 * Kernels "drop" a ping's answer after its copy went to the program, frames
 * that a bridge floods to ports where nobody wants them, and what was left in
 * the queue of a socket that closes.  Pure.
 */
bool trace_loss(const struct trace_event *e, const char *reason, const char *symbol);
