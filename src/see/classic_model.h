/* classic_model.h - for tests: run translated instructions as the kernel's rules say
 *
 * Knows just the instructions that classic_translate() writes; any other one,
 * and any access outside the window or the stack, is a failure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "see/classic.h"

enum { MODEL_STACK = 64, MODEL_WINDOW = 256 };

struct model {
	uint64_t r[11];
	uint8_t window[MODEL_WINDOW], stack[MODEL_STACK];
	bool wrote[MODEL_STACK];
	bool failed;
};

/* Addresses are numbers: the window begins at 1 << 40, the stack ends at 2 << 40. */
#define MODEL_AT_WINDOW (UINT64_C(1) << 40)
#define MODEL_AT_STACK (UINT64_C(2) << 40)

static uint8_t *model_at(struct model *m, uint64_t address, uint32_t size, bool write)
{
	uint64_t bottom = MODEL_AT_STACK - MODEL_STACK;

	if (!write && address >= MODEL_AT_WINDOW &&
		address + size <= MODEL_AT_WINDOW + MODEL_WINDOW)
		return m->window + (address - MODEL_AT_WINDOW);
	if (address >= bottom && address + size <= MODEL_AT_STACK) {
		if (write)
			memset(m->wrote + (address - bottom), 1, size);
		else if (!m->wrote[address - bottom])
			m->failed = true;
		return m->stack + (address - bottom);
	}
	m->failed = true;
	return m->window;
}

static uint64_t model_alu(struct model *m, uint8_t op, uint64_t a, uint64_t b, bool wide)
{
	uint32_t mask = wide ? 63 : 31;

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case 0x00:
		a += b;
		break;
	case 0x10:
		a -= b;
		break;
	case 0x20:
		a *= b;
		break;
	case 0x30:
		a = b ? a / b : 0;
		break;
	case 0x40:
		a |= b;
		break;
	case 0x50:
		a &= b;
		break;
	case 0x60:
		a <<= b & mask;
		break;
	case 0x70:
		a >>= b & mask;
		break;
	case 0x80:
		a = -a;
		break;
	case 0x90:
		a = b ? a % b : a;
		break;
	case 0xa0:
		a ^= b;
		break;
	case 0xb0:
		a = b;
		break;
	default:
		m->failed = true;
	}
	return wide ? a : (uint32_t)a;
}

static bool model_test(struct model *m, uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case 0x00:
		return true;
	case 0x10:
		return a == b;
	case 0x20:
		return a > b;
	case 0x30:
		return a >= b;
	case 0x40:
		return a & b;
	case 0xb0:
		return a <= b;
	}
	m->failed = true;
	return false;
}

static void model_load(struct model *m, const struct instruction *i)
{
	uint32_t size = (i->code & 0x18) == 0x10 ? 1 : (i->code & 0x18) == 0x08 ? 2 : 4;
	uint64_t value = 0;

	memcpy(&value,
		model_at(m, m->r[i->registers >> 4] + (uint64_t)(int64_t)i->offset, size, false),
		size);
	m->r[i->registers & 15] = value;
}

static uint64_t model_swap(uint64_t value, int32_t bits)
{
	return bits == 16   ? __builtin_bswap16((uint16_t)value)
	       : bits == 32 ? __builtin_bswap32((uint32_t)value)
			    : __builtin_bswap64(value);
}

/* Returns the result; m->failed when the verifier would have refused, or should have. */
static uint32_t model_run(
	struct model *m, const struct instruction *code, int n, uint32_t held, uint32_t length)
{
	memset(m->r, 0, sizeof(m->r));
	memset(m->wrote, 0, sizeof(m->wrote));
	m->failed = false;
	m->r[6] = MODEL_AT_WINDOW;
	m->r[7] = held;
	m->r[8] = length;
	m->r[10] = MODEL_AT_STACK;
	for (int at = 0; at >= 0 && at < n && !m->failed; at++) {
		const struct instruction *i = &code[at];
		uint8_t class = i->code & 7, op = i->code & 0xf0;
		uint64_t *to = &m->r[i->registers & 15];
		uint64_t operand =
			i->code & 8 ? m->r[i->registers >> 4] : (uint64_t)(int64_t)i->immediate;

		if (class == 1) {
			model_load(m, i);
		} else if (class == 3) {
			memcpy(model_at(m, *to + (uint64_t)(int64_t)i->offset, 4, true),
				&m->r[i->registers >> 4], 4);
		} else if (class == 4 && op == 0xd0) {
			*to = model_swap(*to, i->immediate);
		} else if (class == 4 || class == 7) {
			*to = model_alu(m, op, *to, operand, class == 7);
		} else if (class == 5 && op == 0x90) {
			return (uint32_t)m->r[0];
		} else if (class == 5 && model_test(m, op, *to, operand)) {
			at += i->offset;
		} else if (class == 6 && model_test(m, op, (uint32_t)*to, (uint32_t)operand)) {
			at += i->offset;
		}
	}
	m->failed = true; /* ran off the end */
	return 0;
}

/* Is every instruction reached by some way?  The verifier asks for it. */
static inline bool model_all_reached(const struct instruction *code, int n)
{
	static bool reached[16384];

	memset(reached, 0, sizeof(reached));
	reached[0] = n > 0 && n <= 16384;
	for (int at = 0; at < n && at < 16384; at++) { /* all jumps go forward */
		uint8_t class = code[at].code & 7, op = code[at].code & 0xf0;
		bool jumps = class == 5 || class == 6;

		if (!reached[at])
			return false;
		if (jumps && op != 0x90)
			reached[at + 1 + code[at].offset] = true;
		if (!(class == 5 && (op == 0x90 || op == 0x00)))
			reached[at + 1] = true;
	}
	return true;
}
