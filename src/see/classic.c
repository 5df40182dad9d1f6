#include "see/classic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <pcap/bpf.h>

/* The registers, by what they hold. */
enum {
	ACCUMULATOR = 0, /* also the result */
	SCRATCH = 1,
	SECOND = 2,
	BYTES = 6,
	HELD = 7,
	LENGTH = 8,
	INDEX = 9,
	STACK = 10,
};

/* eBPF, as far as it differs from classic BPF. */
enum {
	CLASS_LDX = 0x01,
	CLASS_STX = 0x03,
	CLASS_ALU32 = 0x04,
	CLASS_JMP = 0x05,
	CLASS_JMP32 = 0x06,
	CLASS_ALU64 = 0x07,
	MODE_MEM = 0x60,
	ALU_MOV = 0xb0,
	ALU_END = 0xd0, /* byte order; with SOURCE: to big-endian */
	SOURCE = 0x08,	/* the operand is a register, not the immediate */
	JMP_EXIT = 0x90,
	JMP_LE = 0xb0,
};

/* A jump's target, until all addresses are known. */
enum { TARGET_REFUSE = -1 };

struct fixup {
	int at;	    /* of the eBPF jump */
	int target; /* a classic instruction, or TARGET_REFUSE */
};

struct translation {
	struct instruction *out;
	size_t room, size;
	struct fixup *fixups;
	size_t fixup_count;
	bool refuses; /* some jump leads to the refusal at the end */
	uint32_t window;
	int err;
};

static void put(struct translation *t, int code, int destination, int source, int offset,
	uint32_t immediate)
{
	if (t->err)
		return;
	if (t->size == t->room) {
		t->err = -E2BIG;
		return;
	}
	t->out[t->size++] = (struct instruction){(uint8_t)code,
		(uint8_t)(destination | source << 4), (int16_t)offset, (int32_t)immediate};
}

static void jump(struct translation *t, int code, int destination, int source, uint32_t immediate,
	int target)
{
	t->fixups[t->fixup_count++] = (struct fixup){(int)t->size, target};
	t->refuses = t->refuses || target == TARGET_REFUSE;
	put(t, code, destination, source, 0, immediate);
}

static void refuse_if(struct translation *t, int test, int reg, uint32_t immediate)
{
	jump(t, CLASS_JMP | test, reg, 0, immediate, TARGET_REFUSE);
}

/* The verifier insists that every instruction could be reached, so that an unconditional jump
 * would be an error when nothing leads behind it. */
static void refuse_always(struct translation *t)
{
	put(t, CLASS_ALU64 | ALU_MOV, SCRATCH, 0, 0, 0);
	refuse_if(t, BPF_JEQ, SCRATCH, 0);
}

static uint32_t load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* *(size *)(base + offset) in network order, to the register */
static void fetch(struct translation *t, uint16_t code, int reg, int base, uint32_t offset)
{
	put(t, CLASS_LDX | MODE_MEM | BPF_SIZE(code), reg, base, (int)offset, 0);
	if (load_size(code) > 1)
		put(t, CLASS_ALU32 | ALU_END | SOURCE, reg, 0, 0, 8 * load_size(code));
}

static void load_fixed(struct translation *t, uint16_t code, int reg, uint32_t offset)
{
	uint32_t size = load_size(code);

	if (offset > t->window || size > t->window - offset) {
		refuse_always(t);
		return;
	}
	/* held < offset + size: refuse */
	put(t, CLASS_ALU64 | ALU_MOV, SCRATCH, 0, 0, offset + size);
	jump(t, CLASS_JMP | BPF_JGT | SOURCE, SCRATCH, HELD, 0, TARGET_REFUSE);
	fetch(t, code, reg, BYTES, offset);
}

static void load_indexed(struct translation *t, uint16_t code, uint32_t offset)
{
	uint32_t size = load_size(code);

	if (size > t->window || offset > t->window - size) {
		refuse_always(t);
		return;
	}
	put(t, CLASS_ALU64 | ALU_MOV | SOURCE, SCRATCH, INDEX, 0, 0);
	put(t, CLASS_ALU64 | BPF_ADD, SCRATCH, 0, 0, offset);
	refuse_if(t, BPF_JGT, SCRATCH, t->window - size);
	put(t, CLASS_ALU64 | ALU_MOV | SOURCE, SECOND, SCRATCH, 0, 0);
	put(t, CLASS_ALU64 | BPF_ADD, SECOND, 0, 0, size);
	jump(t, CLASS_JMP | BPF_JGT | SOURCE, SECOND, HELD, 0, TARGET_REFUSE);
	put(t, CLASS_ALU64 | BPF_ADD | SOURCE, SCRATCH, BYTES, 0, 0);
	fetch(t, code, ACCUMULATOR, SCRATCH, 0);
}

static int memory_offset(uint32_t word)
{
	return -4 * (int)(word + 1);
}

static void load(struct translation *t, const struct bpf_insn *c)
{
	int reg = BPF_CLASS(c->code) == BPF_LDX ? INDEX : ACCUMULATOR;

	switch (BPF_MODE(c->code)) {
	case BPF_ABS:
		load_fixed(t, c->code, ACCUMULATOR, c->k);
		break;
	case BPF_IND:
		load_indexed(t, c->code, c->k);
		break;
	case BPF_MSH: /* the length of an IPv4 header */
		load_fixed(t, BPF_B, INDEX, c->k);
		put(t, CLASS_ALU32 | BPF_AND, INDEX, 0, 0, 0xf);
		put(t, CLASS_ALU32 | BPF_LSH, INDEX, 0, 0, 2);
		break;
	case BPF_LEN:
		put(t, CLASS_ALU32 | ALU_MOV | SOURCE, reg, LENGTH, 0, 0);
		break;
	case BPF_IMM:
		put(t, CLASS_ALU32 | ALU_MOV, reg, 0, 0, c->k);
		break;
	case BPF_MEM:
		if (c->k >= BPF_MEMWORDS)
			t->err = -EOPNOTSUPP;
		put(t, CLASS_LDX | MODE_MEM | BPF_W, reg, STACK, memory_offset(c->k), 0);
		break;
	default:
		t->err = -EOPNOTSUPP;
	}
}

/* A shift by 32 or more leaves nothing; eBPF would look at the low five bits only. */
static void shift(struct translation *t, const struct bpf_insn *c)
{
	if (BPF_SRC(c->code) == BPF_K && c->k > 31) {
		put(t, CLASS_ALU32 | ALU_MOV, ACCUMULATOR, 0, 0, 0);
	} else if (BPF_SRC(c->code) == BPF_K) {
		put(t, CLASS_ALU32 | BPF_OP(c->code), ACCUMULATOR, 0, 0, c->k);
	} else {
		put(t, CLASS_JMP | JMP_LE, INDEX, 0, 2, 31); /* at most 31: go on behind */
		put(t, CLASS_ALU32 | ALU_MOV, ACCUMULATOR, 0, 0, 0);
		put(t, CLASS_JMP | BPF_JA, 0, 0, 1, 0);
		put(t, CLASS_ALU32 | BPF_OP(c->code) | SOURCE, ACCUMULATOR, INDEX, 0, 0);
	}
}

static void arithmetic(struct translation *t, const struct bpf_insn *c)
{
	int op = BPF_OP(c->code);
	bool divides = op == BPF_DIV || op == BPF_MOD;

	if (op == BPF_LSH || op == BPF_RSH) {
		shift(t, c);
	} else if (op == BPF_NEG) {
		put(t, CLASS_ALU32 | BPF_NEG, ACCUMULATOR, 0, 0, 0);
	} else if (BPF_SRC(c->code) == BPF_X) {
		if (divides)
			refuse_if(t, BPF_JEQ, INDEX, 0);
		put(t, CLASS_ALU32 | op | SOURCE, ACCUMULATOR, INDEX, 0, 0);
	} else if (divides && !c->k) {
		refuse_always(t);
	} else {
		put(t, CLASS_ALU32 | op, ACCUMULATOR, 0, 0, c->k);
	}
}

static void branch(struct translation *t, const struct bpf_insn *c, int at, size_t n)
{
	size_t furthest = (size_t)at + 1 + (c->jt > c->jf ? c->jt : c->jf);

	if (BPF_OP(c->code) == BPF_JA) {
		/* libpcap writes backward jumps as large numbers. */
		if (c->k >= n || (size_t)at + 1 + c->k >= n)
			t->err = -EOPNOTSUPP;
		else
			jump(t, CLASS_JMP | BPF_JA, 0, 0, 0, at + 1 + (int)c->k);
		return;
	}
	if (furthest >= n) {
		t->err = -EOPNOTSUPP;
		return;
	}
	if (BPF_SRC(c->code) == BPF_X)
		jump(t, CLASS_JMP32 | BPF_OP(c->code) | SOURCE, ACCUMULATOR, INDEX, 0,
			at + 1 + c->jt);
	else
		jump(t, CLASS_JMP32 | BPF_OP(c->code), ACCUMULATOR, 0, c->k, at + 1 + c->jt);
	if (c->jf)
		jump(t, CLASS_JMP | BPF_JA, 0, 0, 0, at + 1 + c->jf);
}

static void translate(struct translation *t, const struct bpf_insn *c, int at, size_t n)
{
	switch (BPF_CLASS(c->code)) {
	case BPF_LD:
	case BPF_LDX:
		load(t, c);
		break;
	case BPF_ST:
	case BPF_STX:
		if (c->k >= BPF_MEMWORDS)
			t->err = -EOPNOTSUPP;
		put(t, CLASS_STX | MODE_MEM | BPF_W, STACK,
			BPF_CLASS(c->code) == BPF_ST ? ACCUMULATOR : INDEX, memory_offset(c->k), 0);
		break;
	case BPF_ALU:
		arithmetic(t, c);
		break;
	case BPF_JMP:
		branch(t, c, at, n);
		break;
	case BPF_RET:
		if (BPF_RVAL(c->code) == BPF_K)
			put(t, CLASS_ALU32 | ALU_MOV, ACCUMULATOR, 0, 0, c->k);
		put(t, CLASS_JMP | JMP_EXIT, 0, 0, 0, 0);
		break;
	case BPF_MISC:
		if (BPF_MISCOP(c->code) == BPF_TAX)
			put(t, CLASS_ALU32 | ALU_MOV | SOURCE, INDEX, ACCUMULATOR, 0, 0);
		else
			put(t, CLASS_ALU32 | ALU_MOV | SOURCE, ACCUMULATOR, INDEX, 0, 0);
		break;
	}
}

/* Words that are read must have been written, for the verifier. */
static bool word_used(const struct bpf_insn *classic, size_t n, uint32_t word)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t class = BPF_CLASS(classic[i].code);

		if ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(classic[i].code) == BPF_MEM &&
			classic[i].k == word)
			return true;
	}
	return false;
}

/* Everything begins at zero. */
static void prologue(struct translation *t, const struct bpf_insn *classic, size_t n)
{
	put(t, CLASS_ALU64 | ALU_MOV, ACCUMULATOR, 0, 0, 0);
	put(t, CLASS_ALU64 | ALU_MOV, INDEX, 0, 0, 0);
	for (uint32_t word = 0; word < BPF_MEMWORDS; word++)
		if (word_used(classic, n, word))
			put(t, CLASS_STX | MODE_MEM | BPF_W, STACK, ACCUMULATOR,
				memory_offset(word), 0);
}

static void jumps_settle(struct translation *t, const int *address, int refuse)
{
	for (size_t i = 0; i < t->fixup_count && !t->err; i++) {
		const struct fixup *f = &t->fixups[i];
		int to = f->target == TARGET_REFUSE ? refuse : address[f->target];
		int distance = to - f->at - 1;

		if (distance > INT16_MAX)
			t->err = -E2BIG;
		t->out[f->at].offset = (int16_t)distance;
	}
}

int classic_translate(struct instruction *out, size_t room, const struct bpf_insn *classic,
	size_t n, uint32_t window)
{
	struct translation t = {.out = out, .room = room, .window = window};
	int *address = calloc(n + 1, sizeof(*address));
	int refuse;

	t.fixups = calloc(4 * n + 1, sizeof(*t.fixups)); /* no instruction has more jumps */
	if (!address || !t.fixups)
		t.err = -ENOMEM;
	prologue(&t, classic, n);
	for (size_t i = 0; i < n && !t.err; i++) {
		address[i] = (int)t.size;
		translate(&t, &classic[i], (int)i, n);
	}
	refuse = (int)t.size;
	if (t.refuses) {
		put(&t, CLASS_ALU64 | ALU_MOV, ACCUMULATOR, 0, 0, 0);
		put(&t, CLASS_JMP | JMP_EXIT, 0, 0, 0, 0);
	}
	if (!t.err)
		jumps_settle(&t, address, refuse);
	free(address);
	free(t.fixups);
	return t.err ? t.err : (int)t.size;
}

uint32_t classic_reach(const struct bpf_insn *classic, size_t n, uint32_t window)
{
	uint32_t reach = 0;

	for (size_t i = 0; i < n; i++) {
		uint16_t code = classic[i].code;
		uint32_t end;

		if (BPF_CLASS(code) != BPF_LD && BPF_CLASS(code) != BPF_LDX)
			continue;
		if (BPF_MODE(code) == BPF_IND)
			return window;
		if (BPF_MODE(code) != BPF_ABS && BPF_MODE(code) != BPF_MSH)
			continue;
		end = classic[i].k > window ? window : classic[i].k + load_size(code);
		reach = end > reach ? end : reach;
	}
	return reach > window ? window : reach;
}
