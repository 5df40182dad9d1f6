/* caller.bpf.h - who has called consume_skb(), on kernels whose tracepoint does not say so
 *
 * The stack from the program up: eBPF, the tracepoint's machinery, the
 * function with the tracepoint in it, and behind that its caller.  Only asked
 * for packets that are followed.
 */
#pragma once
#include <bpf/bpf_helpers.h>
#include <linux/types.h>

enum { CALLER_CONSUMERS = 3, CALLER_FRAMES = 12 };

/* Set by the loader from the kernel's BTF and symbols: see kernel_consumers(). */
const volatile bool consume_has_location = true;
const volatile __u64 consume_from[CALLER_CONSUMERS] = {0}, consume_to[CALLER_CONSUMERS] = {0};

static __always_inline __u64 consume_location(unsigned long long *ctx)
{
	__u64 frames[CALLER_FRAMES] = {0}, location;

	if (consume_has_location) {
		location = ctx[1];
		asm volatile("" : "+r"(location)); /* or the two reads become one, of either */
		return location;
	}
	bpf_get_stack(ctx, frames, sizeof(frames), 0);
	for (int i = 0; i + 1 < CALLER_FRAMES; i++)
		for (int k = 0; k < CALLER_CONSUMERS; k++)
			if (frames[i] >= consume_from[k] && frames[i] < consume_to[k])
				return frames[i + 1];
	return 0;
}
