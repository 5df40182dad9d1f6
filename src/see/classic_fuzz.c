/* A classic program and a packet out of any bytes: what libpcap's interpreter decides, the
 * translation decides too, without leaving its window. */
#include <pcap/pcap.h>
#include <stdlib.h>

#include "classic_model.h"

enum { PROGRAM_LONG = 64, ROOM = 4096 };

/* libpcap's interpreter aborts on any other; its compiler writes none. */
static const uint16_t codes[] = {BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS,
	BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND,
	BPF_LD | BPF_B | BPF_IND, BPF_LD | BPF_IMM, BPF_LD | BPF_MEM, BPF_LD | BPF_LEN,
	BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM, BPF_LDX | BPF_LEN, BPF_LDX | BPF_B | BPF_MSH, BPF_ST,
	BPF_STX, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_ALU | BPF_NEG, BPF_RET | BPF_K,
	BPF_RET | BPF_A, BPF_JMP | BPF_JA, BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE,
	BPF_JMP | BPF_JSET, BPF_JMP | BPF_JEQ | BPF_X, BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_X, BPF_JMP | BPF_JSET | BPF_X, BPF_ALU | BPF_ADD, BPF_ALU | BPF_SUB,
	BPF_ALU | BPF_MUL, BPF_ALU | BPF_DIV, BPF_ALU | BPF_MOD, BPF_ALU | BPF_AND,
	BPF_ALU | BPF_OR, BPF_ALU | BPF_XOR, BPF_ALU | BPF_LSH, BPF_ALU | BPF_RSH,
	BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_X, BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_OR | BPF_X, BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_X};
enum { CODES = sizeof(codes) / sizeof(codes[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct instruction code[ROOM];
	static struct model m;
	struct bpf_insn program[BPF_MEMWORDS + PROGRAM_LONG];
	size_t n = 0, want = size ? data[0] % PROGRAM_LONG : 0;
	uint32_t held;
	int made;

	for (; n < BPF_MEMWORDS; n++) /* libpcap leaves them undefined */
		program[n] = (struct bpf_insn){BPF_ST, 0, 0, (u_int)n};
	for (data++; want && size > 9; want--, data += 8, size -= 8) {
		memcpy(&program[n], data, 8);
		program[n].code = codes[program[n].code % CODES];
		if (program[n].code == (BPF_ALU | BPF_LSH) ||
			program[n].code == (BPF_ALU | BPF_RSH))
			program[n].k &= 31; /* C leaves the others undefined */
		n++;
	}
	if (!bpf_validate(program, (int)n))
		return 0;
	for (size_t i = 0; i < n; i++)
		/* Special offsets mean something to the kernel's interpreter only. */
		if (BPF_CLASS(program[i].code) == BPF_LD && program[i].k > INT32_MAX)
			return 0;
	made = classic_translate(code, ROOM, program, n, MODEL_WINDOW);
	if (made < 0)
		return 0;
	held = size > 1 ? (uint32_t)(size - 1) : 0;
	held = held < MODEL_WINDOW ? held : MODEL_WINDOW;
	memset(m.window, 0, sizeof(m.window));
	memcpy(m.window, data, held);
	if (model_run(&m, code, made, held, held + 7) !=
			bpf_filter(program, m.window, held + 7, held) ||
		m.failed)
		abort();
	return 0;
}
