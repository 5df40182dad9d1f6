#include "tunnel/steer.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include <bpf/bpf.h>

#include "tunnel/packet.h"

/* Registers: 6 holds the packet, 7 the hash, 8 an offset, 0 what was loaded. */
#define INSN(op, dst, src, jump, value)                                                            \
	{                                                                                          \
		.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (jump),                   \
		.imm = (int)(value)                                                                \
	}
#define LOAD(size, at) INSN(BPF_LD | BPF_ABS | (size), 0, 0, 0, at)
#define LOAD_BEHIND(size, reg, at) INSN(BPF_LD | BPF_IND | (size), 0, reg, 0, at)
#define SET(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define OP(op, dst, value) INSN(BPF_ALU | (op) | BPF_K, dst, 0, 0, value)
#define SKIP_IF(op, reg, value, n) INSN(BPF_JMP | (op) | BPF_K, reg, 0, n, value)
#define MIX(at)                                                                                    \
	LOAD(BPF_W, at), INSN(BPF_ALU | BPF_XOR | BPF_X, 7, 0, 0, 0), OP(BPF_MUL, 7, 0x9e3779b1)
#define MIX_LOADED INSN(BPF_ALU | BPF_XOR | BPF_X, 7, 0, 0, 0), OP(BPF_MUL, 7, 0x9e3779b1)
#define RETURN SET(0, 7), OP(BPF_RSH, 0, 16), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

enum {
	TCP = 6,
	SOURCE4 = offsetof(struct ip4, source),
	SOURCE6 = offsetof(struct ip6, source),
	PORTS6 = sizeof(struct ip6),
};

static const struct bpf_insn program[] = {
	SET(6, 1),
	INSN(BPF_ALU | BPF_MOV | BPF_K, 7, 0, 0, 0),
	LOAD(BPF_B, 0),
	OP(BPF_RSH, 0, 4),
	SKIP_IF(BPF_JEQ, 0, 6, 20), /* behind the next RETURN */
	/* IPv4 */
	MIX(SOURCE4),
	MIX(SOURCE4 + 4),
	LOAD(BPF_H, offsetof(struct ip4, fragment)),
	SKIP_IF(BPF_JSET, 0, IP4_FRAGMENT, 9), /* to the next RETURN, as those below */
	LOAD(BPF_B, offsetof(struct ip4, protocol)),
	SKIP_IF(BPF_JNE, 0, TCP, 7),
	LOAD(BPF_B, 0),
	OP(BPF_AND, 0, 15),
	OP(BPF_LSH, 0, 2),
	SET(8, 0),
	LOAD_BEHIND(BPF_W, 8, 0),
	MIX_LOADED,
	RETURN,
	/* IPv6 */
	MIX(SOURCE6),
	MIX(SOURCE6 + 4),
	MIX(SOURCE6 + 8),
	MIX(SOURCE6 + 12),
	MIX(SOURCE6 + 16),
	MIX(SOURCE6 + 20),
	MIX(SOURCE6 + 24),
	MIX(SOURCE6 + 28),
	LOAD(BPF_B, offsetof(struct ip6, protocol)),
	SKIP_IF(BPF_JNE, 0, TCP, 3),
	MIX(PORTS6),
	RETURN,
};

int steer_load(void)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "warren_steer", "Dual MIT/GPL", program,
		sizeof(program) / sizeof(*program), NULL);

	return fd < 0 ? -errno : fd;
}

int steer_set(int fd, int loaded)
{
	return ioctl(fd, TUNSETSTEERINGEBPF, &loaded) ? -errno : 0;
}
