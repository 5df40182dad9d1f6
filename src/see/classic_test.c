#include "see/classic.h"

#include <errno.h>

#include <pcap/pcap.h>

#include "classic_model.h"
#include "test.h"

enum { ROOM = 16384 };
static struct instruction code[ROOM];

static const char *const filters[] = {"", "icmp", "arp", "ip6", "tcp port 80",
	"udp and src port 53", "host 10.0.0.1", "net 10.0.0.0/8 and not port 22",
	"src host 10.0.0.1 and dst net 10.0.2.0/24", "ip6 host fd00::1", "icmp6 and ip6[40] == 135",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
	"greater 100", "less 60", "len = 42", "ip[8] < 5", "ip[6:2] & 0x1fff != 0",
	"ether host 2:0:0:0:0:1", "ether broadcast", "portrange 1000-2000",
	"ip[2:2] - ((ip[0] & 0xf) << 2) > 20", "udp[8:4] * 3 % 7 == 2", "ether[100000] == 1",
	"ip multicast or ip6 multicast", "tcp or udp or icmp or icmp6 or arp", "ip proto 47",
	"ether[0:4] << ether[4] != 0", "ether[0] / ether[1] = 1",
	"not (tcp port 80 or udp port 53 or host 10.0.0.9)"};

static void packet_roll(uint8_t *p, size_t n)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806};
	static const uint8_t protocols[] = {1, 6, 6, 17, 17, 58, 47};
	uint16_t type = types[dice(6)];

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(dice(3) ? dice(256) : dice(3));
	p[12] = (uint8_t)(type >> 8);
	p[13] = (uint8_t)type;
	p[14] = type == 0x86dd ? 0x60 : (uint8_t)(0x45 + dice(2));
	if (dice(2))
		p[20] = p[21] = 0; /* no fragment */
	p[type == 0x86dd ? 20 : 23] = protocols[dice(7)];
	if (dice(2))
		memcpy(p + 26, (uint8_t[]){10, 0, 0, 1, 10, 0, 2, 9}, 8);
	p[34 + 2 * dice(2)] = 0;
	p[35 + 2 * dice(2)] = (uint8_t)(dice(2) ? 80 : 53);
}

TEST(the_translation_decides_as_libpcap_does_on_random_packets)
{
	static struct model m;
	size_t exercised = 0;

	for (size_t f = 0; f < sizeof(filters) / sizeof(*filters); f++) {
		pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
		struct bpf_program program;
		int n, matched = 0;

		CHECK(pcap_compile(pcap, &program, filters[f], 1, PCAP_NETMASK_UNKNOWN) == 0);
		pcap_close(pcap);
		n = classic_translate(code, ROOM, program.bf_insns, program.bf_len, MODEL_WINDOW);
		CHECK(n > 0);
		CHECK(model_all_reached(code, n));
		for (int round = 0; round < 2000; round++) {
			uint32_t held = (uint32_t)(dice(4) ? 60 + dice(197) : dice(257));
			uint32_t length = held + (uint32_t)dice(100);
			uint32_t want, got;

			packet_roll(m.window, MODEL_WINDOW);
			want = bpf_filter(program.bf_insns, m.window, length, held);
			got = model_run(&m, code, n, held, length);
			CHECK(!m.failed && got == want);
			matched += want != 0;
		}
		exercised += matched > 0;
		pcap_freecode(&program);
	}
	CHECK(exercised > 20);
}

/* Not only what libpcap writes: any valid program without loops. */
static size_t program_roll(struct bpf_insn *p, size_t n)
{
	static const uint16_t codes[] = {BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS,
		BPF_LD | BPF_B | BPF_ABS, BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND,
		BPF_LD | BPF_B | BPF_IND, BPF_LD | BPF_IMM, BPF_LD | BPF_MEM, BPF_LD | BPF_LEN,
		BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM, BPF_LDX | BPF_LEN, BPF_LDX | BPF_B | BPF_MSH,
		BPF_ST, BPF_STX, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_ALU | BPF_NEG};
	static const uint16_t operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND,
		BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH};
	static const uint16_t tests[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	size_t i = 0;

	for (; i < BPF_MEMWORDS; i++) /* libpcap's own interpreter leaves them undefined */
		p[i] = (struct bpf_insn){BPF_ST, 0, 0, (u_int)i};
	for (; i + 1 < n; i++) {
		size_t left = n - 2 - i;
		uint32_t k = (uint32_t)(dice(3) ? dice(300) : dice(UINT32_MAX));

		if (dice(4) == 0) {
			p[i] = (struct bpf_insn){
				(uint16_t)(BPF_JMP | tests[dice(4)] | (dice(2) ? BPF_X : BPF_K)),
				(uint8_t)dice(left + 1 < 9 ? left + 1 : 9),
				(uint8_t)dice(left + 1 < 9 ? left + 1 : 9), k};
		} else if (dice(3) == 0) {
			p[i] = (struct bpf_insn){(uint16_t)(BPF_ALU | operations[dice(10)] |
							    (dice(2) ? BPF_X : BPF_K)),
				0, 0, k};
			if (BPF_SRC(p[i].code) == BPF_K)
				p[i].k = k % 31 + 1;
		} else {
			p[i] = (struct bpf_insn){codes[dice(18)], 0, 0, k};
			if (p[i].code == BPF_ST || p[i].code == BPF_STX ||
				BPF_MODE(p[i].code) == BPF_MEM)
				p[i].k %= BPF_MEMWORDS;
		}
	}
	p[i] = (struct bpf_insn){BPF_RET | BPF_A, 0, 0, 0};
	return n;
}

TEST(any_classic_program_means_the_same_after_translation)
{
	static struct model m;
	struct bpf_insn program[80];

	for (int round = 0; round < 20000; round++) {
		size_t n = program_roll(program, BPF_MEMWORDS + 2 + dice(60));
		int size = classic_translate(code, ROOM, program, n, MODEL_WINDOW);
		uint32_t held = (uint32_t)dice(257), length = held + (uint32_t)dice(1000), got;

		if (!bpf_validate(program, (int)n))
			continue;
		CHECK(size > 0);
		packet_roll(m.window, MODEL_WINDOW);
		got = model_run(&m, code, size, held, length);
		CHECK(!m.failed);
		CHECK(got == bpf_filter(program, m.window, length, held));
	}
}

TEST(the_reach_is_the_last_byte_that_may_be_read)
{
	struct bpf_insn two[] = {{BPF_LD | BPF_H | BPF_ABS, 0, 0, 12}, {BPF_RET | BPF_A, 0, 0, 0}};
	struct bpf_insn any[] = {{BPF_LD | BPF_H | BPF_IND, 0, 0, 12}, {BPF_RET | BPF_A, 0, 0, 0}};
	struct bpf_insn far[] = {
		{BPF_LD | BPF_H | BPF_ABS, 0, 0, 99999}, {BPF_RET | BPF_A, 0, 0, 0}};

	CHECK(classic_reach(two, 2, 256) == 14);
	CHECK(classic_reach(any, 2, 256) == 256);
	CHECK(classic_reach(far, 2, 256) == 256);
	CHECK(classic_reach(&two[1], 1, 256) == 0);
}

TEST(what_does_not_fit_and_what_loops_is_refused)
{
	struct bpf_insn loop[] = {{BPF_LD | BPF_IMM, 0, 0, 1}, {BPF_JMP | BPF_JA, 0, 0, (u_int)-2},
		{BPF_RET, 0, 0, 0}};
	struct bpf_insn special[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, {BPF_RET | BPF_A, 0, 0, 0}};

	CHECK(classic_translate(code, ROOM, loop, 3, MODEL_WINDOW) == -EOPNOTSUPP);
	CHECK(classic_translate(code, 6, special, 2, MODEL_WINDOW) == -E2BIG);
}
