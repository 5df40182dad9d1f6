/* kernel.h - what this kernel calls things, and what its tracepoints tell
 *
 * One object of eBPF runs on every kernel with BTF.  Members of structs are
 * found when it is loaded; the rest of what differs is asked here:
 *
 *	kfree_skb     (skb, location) before 5.17, then with the reason, since 6.11 with the socket
 *	consume_skb   (skb) before 6.3, then with the location
 *	icmp_send     since 6.10
 *	sock_send_length  since 6.3
 *	drop reasons  an enum that grows, with other numbers in each version
 *
 * The names of drop reasons are read from the kernel's BTF, the names of
 * functions are asked of it (symbol.h): no number is compiled in.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "base/error.h"
#include "see/symbol.h"

struct btf;

enum {
	KERNEL_CONSUMERS = 3,
	/* The oldest that runs our programs: 5.12 for atomic operations with a result, 5.14 for
	 * programs that are run on demand, 5.15 for cookies of probes. */
	KERNEL_MAJOR = 5,
	KERNEL_MINOR = 15,
};

struct kernel {
	struct btf *btf;
	struct symbols symbols;
};

/* kernel_open - read the kernel's BTF; 0 or -errno with words (ENOENT: it has none) */
int kernel_open(struct kernel *k, struct error *e);
void kernel_close(struct kernel *k); /* of a zeroed struct: does nothing */

/* kernel_refused - the words for programs that were not loaded: what is missing; returns -error */
int kernel_refused(struct error *e, int error);

/* kernel_arguments - how many a tracepoint has; -1 when there is no such tracepoint */
int kernel_arguments(const struct kernel *k, const char *tracepoint);

/* kernel_consumers - does consume_skb say who called it?
 *
 * from, to  KERNEL_CONSUMERS each, out, when it does not: where the functions lie that have the
 *           tracepoint in them; their caller stands behind them on the stack (caller.bpf.h).
 *           0 for those that are not found.
 */
bool kernel_consumers(struct kernel *k, __u64 *from, __u64 *to);

/* kernel_reason - "NETFILTER_DROP"; "" for a number this kernel has no name for */
const char *kernel_reason(const struct kernel *k, uint32_t reason);

/* kernel_reason_at - the reason that later kernels give at this place, for those before 5.17, which
 * give none; "NOT_SPECIFIED" where they give several */
const char *kernel_reason_at(const char *symbol);

/* kernel_symbol - the function that a code address lies in, without suffixes; "" when unknown */
const char *kernel_symbol(struct kernel *k, uint64_t location);

/* kernel_reads_packets - may a program on a tracepoint read what is behind a packet's linear part
 * (bpf_dynptr_from_skb: since Linux 6.11; asked of 6.12, which everybody has) */
bool kernel_reads_packets(const struct kernel *k);
