// SPDX-License-Identifier: MIT OR GPL-2.0
/* symbol.bpf.c - the name of the function that an address of the kernel lies in
 *
 * Run when it is asked, not by an event.  The kernel knows its functions by
 * heart; reading them all from /proc/kallsyms takes fifty milliseconds.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 address = 0;
char name[128] = {0};

SEC("syscall") int name_tell(void *context)
{
	BPF_SNPRINTF(name, sizeof(name), "%ps", address);
	return 0;
}
