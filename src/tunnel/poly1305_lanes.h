/* poly1305_lanes.h - numbers modulo p = 2^130 - 5, eight side by side, in AVX-512 IFMA
 *
 * Register i holds limb i of all eight: three limbs of 44, 44 and 42 bits.
 * vpmadd52 multiplies the low 52 bits of two lanes and adds the low or the high
 * 52 bits of the product; so every factor must be below 2^52:
 *
 *	tight   below 2^44, 2^44 + 2^12, 2^42    what carry() leaves
 *	loose   the sum of two tight ones        may be multiplied, too
 *
 * The limb that would have the weight 2^132 is 20 times the one of weight 1, as
 * 2^130 = 5.
 *
 * Only for aead_lanes.c: all of it becomes part of its loops.
 */
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512ifma,avx512vbmi2")))
#define LANES TARGET static inline __attribute__((always_inline))

/* These loops must vanish, so that what they index stays in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define FOR(i, end) UNROLL for (int i = 0; i < (end); i++)

enum { LIMBS = 3 };

struct number {
	__m512i limb[LIMBS];
};

/* What multiplies: a number, and 20 times those limbs of it that come round. */
struct factor {
	struct number n;
	__m512i again[LIMBS]; /* the first is not used */
};

/* A sum of products: the low and the high halves of each limb's. */
struct sum {
	__m512i low[LIMBS], high[LIMBS];
};

LANES __m512i all(uint64_t v)
{
	return _mm512_set1_epi64((long long)v);
}

LANES __m512i plus(__m512i a, __m512i b)
{
	return _mm512_add_epi64(a, b);
}

#define MASK44 ((UINT64_C(1) << 44) - 1)
#define MASK42 ((UINT64_C(1) << 42) - 1)
#define TOP (UINT64_C(1) << 40) /* of the last limb: the 2^128 of a block */

/* tight */
LANES struct number number_from(__m512i low, __m512i high, __m512i top)
{
	struct number n;

	n.limb[0] = _mm512_and_si512(low, all(MASK44));
	n.limb[1] = _mm512_and_si512(_mm512_shrdi_epi64(low, high, 44), all(MASK44));
	n.limb[2] = _mm512_or_si512(_mm512_srli_epi64(high, 24), top);
	return n;
}

LANES struct number add(const struct number *a, const struct number *b)
{
	struct number n;

	FOR(i, LIMBS)
	n.limb[i] = plus(a->limb[i], b->limb[i]);
	return n;
}

LANES struct factor factor_from(const struct number *n)
{
	struct factor f = {.n = *n};

	FOR(i, LIMBS)
	f.again[i] = plus(_mm512_slli_epi64(n->limb[i], 4), _mm512_slli_epi64(n->limb[i], 2));
	return f;
}

/* a loose, f of a tight one.  Twelve products make a sum, whose halves are below 2^56 and 2^46. */
LANES void add_product(struct sum *s, const struct number *a, const struct factor *f)
{
	FOR(i, LIMBS)
	FOR(j, LIMBS)
	{
		int at = (i + j) % LIMBS;
		__m512i by = i + j < LIMBS ? f->n.limb[j] : f->again[j];

		s->low[at] = _mm512_madd52lo_epu64(s->low[at], a->limb[i], by);
		s->high[at] = _mm512_madd52hi_epu64(s->high[at], a->limb[i], by);
	}
}

/* -> tight.  The high half of a limb of 44 bits is 2^8 of the next, of 42 bits 2^10. */
LANES struct number carry(const struct sum *s)
{
	struct number n;
	__m512i one, two, round;

	one = plus(_mm512_srli_epi64(s->low[0], 44),
		plus(s->low[1], _mm512_slli_epi64(s->high[0], 8)));
	two = plus(_mm512_srli_epi64(one, 44), plus(s->low[2], _mm512_slli_epi64(s->high[1], 8)));
	round = plus(_mm512_srli_epi64(two, 42), _mm512_slli_epi64(s->high[2], 10));
	n.limb[0] = plus(
		_mm512_and_si512(s->low[0], all(MASK44)), plus(round, _mm512_slli_epi64(round, 2)));
	n.limb[1] = plus(_mm512_and_si512(one, all(MASK44)), _mm512_srli_epi64(n.limb[0], 44));
	n.limb[0] = _mm512_and_si512(n.limb[0], all(MASK44));
	n.limb[2] = _mm512_and_si512(two, all(MASK42));
	return n;
}

LANES struct number multiply(const struct number *a, const struct factor *f)
{
	struct sum s = {0};

	add_product(&s, a, f);
	return carry(&s);
}
