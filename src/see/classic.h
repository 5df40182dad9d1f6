/* classic.h - a libpcap filter as instructions that the kernel can run anywhere
 *
 *	"icmp" --libpcap--> classic BPF --classic_translate()--> eBPF
 *
 * Classic BPF runs on sockets only.  A tracing program needs the same decision
 * in eBPF: so each classic instruction becomes a few eBPF ones, with the
 * accumulator, the index and the scratch memory in registers and on the stack.
 * The result is the body of a function.  It finds in
 *
 *	r6  the first bytes of a frame: a window of fixed size
 *	r7  how many of them hold something (at most the window)
 *	r8  the length of the whole frame
 *
 * and returns, as classic filters do, 0 for "no" and otherwise how many bytes
 * are wanted.  Reading beyond what is held means "no", as in the original.
 *
 * The verifier must see that each read stays inside: an offset known beforehand
 * is checked here against the window, one computed from the packet by an
 * instruction.
 *
 * Pure.  Source: Linux Documentation/bpf/standardization/instruction-set.rst;
 * Documentation/networking/filter.rst; McCanne and Jacobson, The BSD Packet
 * Filter (1993).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct bpf_insn; /* of libpcap, or of the kernel: they share the name */

/* As struct bpf_insn of <linux/bpf.h>, which cannot be included beside libpcap's. */
struct instruction {
	uint8_t code;
	uint8_t registers; /* destination in the low half, source in the high one */
	int16_t offset;
	int32_t immediate;
};

/* classic_translate - write at most `room` instructions
 *
 * classic  a valid classic program (libpcap's), n instructions
 * window   bytes that r6 points at, 1..4096
 *
 * Returns how many; -E2BIG when they do not fit, or when a jump is too far;
 * -EOPNOTSUPP for what cannot be translated: jumps backwards (libpcap's
 * "protochain" loops), and loads that are not from the packet.
 */
int classic_translate(struct instruction *out, size_t room, const struct bpf_insn *classic,
	size_t n, uint32_t window);

/* classic_reach - how many bytes from the start the program may read; at most `window` */
uint32_t classic_reach(const struct bpf_insn *classic, size_t n, uint32_t window);
