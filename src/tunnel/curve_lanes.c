/* The Montgomery ladder on eight curves at once, in AVX-512 IFMA.
 *
 * A number modulo p = 2^255 - 19 is five limbs of 51 bits; register i holds limb
 * i of all eight.  vpmadd52 multiplies the low 52 bits of two lanes and adds the
 * low or the high 52 bits of the product.  So every factor must be below 2^52:
 *
 *	tight   below 2^51 + 2^15    what carry() leaves; may be a factor
 *	loose   below 2^62           sums, differences, products before carry()
 *
 * A product of limbs i and j has the weight 2^51(i+j).  Its low half counts as
 * limb i + j; its high half, of weight 2^52 more, as limb i + j + 1, twice.
 * Limb 5 + k is 19 times limb k, as 2^255 = 19 modulo p.
 */
#include "tunnel/curve.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include <sodium.h>

#define LANES __attribute__((target("avx512f,avx512ifma"))) static inline

enum { LIMBS = 5, BITS = 51 };

/* These loops must vanish, so that limbs stay in registers, whatever the level of optimisation. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define FOR_LIMBS(i, first, end) UNROLL for (int i = first; i < (end); i++)

#define MASK ((UINT64_C(1) << BITS) - 1)

struct number {
	__m512i limb[LIMBS];
};

LANES __m512i all(uint64_t v)
{
	return _mm512_set1_epi64((long long)v);
}

LANES __m512i plus(__m512i a, __m512i b)
{
	return _mm512_add_epi64(a, b);
}

LANES __m512i twice(__m512i a)
{
	return _mm512_add_epi64(a, a);
}

LANES __m512i times19(__m512i a)
{
	return plus(plus(_mm512_slli_epi64(a, 4), twice(a)), a);
}

/* loose -> tight: each limb keeps 51 bits and hands the rest, below 2^11, to the next */
LANES struct number carry(struct number a)
{
	struct number r;
	__m512i mask = all(MASK);

	FOR_LIMBS (i, 0, LIMBS) {
		__m512i up = _mm512_srli_epi64(a.limb[(i + LIMBS - 1) % LIMBS], BITS);

		r.limb[i] = plus(_mm512_and_si512(a.limb[i], mask), i ? up : times19(up));
	}
	return r;
}

/* tight + tight -> tight */
LANES struct number add(const struct number *a, const struct number *b)
{
	struct number r;

	FOR_LIMBS (i, 0, LIMBS)
		r.limb[i] = plus(a->limb[i], b->limb[i]);
	return carry(r);
}

/* tight - tight -> tight: 2 p is added, so that no limb is below 0 */
LANES struct number subtract(const struct number *a, const struct number *b)
{
	struct number r;

	FOR_LIMBS (i, 0, LIMBS)
		r.limb[i] = _mm512_sub_epi64(
			plus(a->limb[i], all(2 * (MASK - (i ? 0 : 18)))), b->limb[i]);
	return carry(r);
}

/* The ten limbs of a product, from its low and high halves -> tight.  Each is a sum of at most 5
 * low and 10 high halves, below 2^56, and 20 of those fit. */
LANES struct number fold(const __m512i low[2 * LIMBS], const __m512i high[2 * LIMBS])
{
	struct number r;

	FOR_LIMBS (i, 0, LIMBS) {
		__m512i above = plus(low[i + LIMBS], twice(high[i + LIMBS]));

		r.limb[i] = plus(plus(low[i], twice(high[i])), times19(above));
	}
	return carry(r);
}

LANES struct number multiply(const struct number *a, const struct number *b)
{
	__m512i low[2 * LIMBS], high[2 * LIMBS];

	FOR_LIMBS (i, 0, 2 * LIMBS)
		low[i] = high[i] = _mm512_setzero_si512();
	FOR_LIMBS (i, 0, LIMBS)
		FOR_LIMBS (j, 0, LIMBS) {
			low[i + j] = _mm512_madd52lo_epu64(low[i + j], a->limb[i], b->limb[j]);
			high[i + j + 1] =
				_mm512_madd52hi_epu64(high[i + j + 1], a->limb[i], b->limb[j]);
		}
	return fold(low, high);
}

LANES struct number square(const struct number *a)
{
	__m512i low[2 * LIMBS], high[2 * LIMBS];

	FOR_LIMBS (i, 0, 2 * LIMBS)
		low[i] = high[i] = _mm512_setzero_si512();
	/* Products of two different limbs count twice. */
	FOR_LIMBS (i, 0, LIMBS)
		FOR_LIMBS (j, i + 1, LIMBS) {
			low[i + j] = _mm512_madd52lo_epu64(low[i + j], a->limb[i], a->limb[j]);
			high[i + j + 1] =
				_mm512_madd52hi_epu64(high[i + j + 1], a->limb[i], a->limb[j]);
		}
	FOR_LIMBS (i, 0, 2 * LIMBS) {
		low[i] = twice(low[i]);
		high[i] = twice(high[i]);
	}
	FOR_LIMBS (i, 0, LIMBS) {
		low[2 * i] = _mm512_madd52lo_epu64(low[2 * i], a->limb[i], a->limb[i]);
		high[2 * i + 1] = _mm512_madd52hi_epu64(high[2 * i + 1], a->limb[i], a->limb[i]);
	}
	return fold(low, high);
}

/* a small constant times tight, plus tight -> tight */
LANES struct number multiply_add(uint64_t small, const struct number *a, const struct number *b)
{
	__m512i low[LIMBS], high[LIMBS + 1], factor = all(small);
	struct number r;

	high[0] = _mm512_setzero_si512();
	FOR_LIMBS (i, 0, LIMBS) {
		low[i] = _mm512_madd52lo_epu64(b->limb[i], a->limb[i], factor);
		high[i + 1] = _mm512_madd52hi_epu64(_mm512_setzero_si512(), a->limb[i], factor);
	}
	FOR_LIMBS (i, 0, LIMBS)
		r.limb[i] = plus(low[i], twice(high[i]));
	r.limb[0] = plus(r.limb[0], times19(twice(high[LIMBS])));
	return carry(r);
}

/* Exchange a and b in the lanes of the mask. */
LANES void exchange(__mmask8 lanes, struct number *a, struct number *b)
{
	FOR_LIMBS (i, 0, LIMBS) {
		__m512i x = a->limb[i];

		a->limb[i] = _mm512_mask_blend_epi64(lanes, x, b->limb[i]);
		b->limb[i] = _mm512_mask_blend_epi64(lanes, b->limb[i], x);
	}
}

LANES struct number square_times(struct number a, int n)
{
	while (n--)
		a = square(&a);
	return a;
}

/* a^(p - 2), which is 1 / a.  Source: the usual chain of 254 squarings and 11 products. */
LANES struct number invert(const struct number *a)
{
	struct number t0, t1, t2, t3;

	t0 = square(a);		  /* 2 */
	t1 = square_times(t0, 2); /* 8 */
	t1 = multiply(a, &t1);	  /* 9 */
	t0 = multiply(&t0, &t1);  /* 11 */
	t2 = square(&t0);	  /* 22 */
	t1 = multiply(&t1, &t2);  /* 2^5 - 1 */
	t2 = square_times(t1, 5);
	t1 = multiply(&t2, &t1); /* 2^10 - 1 */
	t2 = square_times(t1, 10);
	t2 = multiply(&t2, &t1); /* 2^20 - 1 */
	t3 = square_times(t2, 20);
	t2 = multiply(&t3, &t2); /* 2^40 - 1 */
	t2 = square_times(t2, 10);
	t1 = multiply(&t2, &t1); /* 2^50 - 1 */
	t2 = square_times(t1, 50);
	t2 = multiply(&t2, &t1); /* 2^100 - 1 */
	t3 = square_times(t2, 100);
	t2 = multiply(&t3, &t2); /* 2^200 - 1 */
	t2 = square_times(t2, 50);
	t1 = multiply(&t2, &t1); /* 2^250 - 1 */
	t1 = square_times(t1, 5);
	return multiply(&t1, &t0); /* 2^255 - 21 */
}

struct ladder {
	struct number x1, x2, z2, x3, z3;
};

/* One step of RFC 7748 section 5, with its names. */
LANES void step(struct ladder *l)
{
	struct number a = add(&l->x2, &l->z2), b = subtract(&l->x2, &l->z2);
	struct number c = add(&l->x3, &l->z3), d = subtract(&l->x3, &l->z3);
	struct number da = multiply(&d, &a), cb = multiply(&c, &b);
	struct number aa = square(&a), bb = square(&b), e = subtract(&aa, &bb), t;

	t = add(&da, &cb);
	l->x3 = square(&t);
	t = subtract(&da, &cb);
	t = square(&t);
	l->z3 = multiply(&l->x1, &t);
	l->x2 = multiply(&aa, &bb);
	t = multiply_add(121665, &e, &aa);
	l->z2 = multiply(&e, &t);
}

/* --- bytes and lanes ----------------------------------------------------- */

static uint64_t word(const uint8_t *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return w;
}

/* The top bit of a point is ignored; what lies between p and 2^255 is taken as it is. */
LANES struct number load(const uint8_t in[CURVE_LANES][CURVE_KEY])
{
	uint64_t limb[LIMBS][CURVE_LANES];
	struct number r;

	for (int i = 0; i < CURVE_LANES; i++) {
		limb[0][i] = word(in[i]) & MASK;
		limb[1][i] = word(in[i] + 6) >> 3 & MASK;
		limb[2][i] = word(in[i] + 12) >> 6 & MASK;
		limb[3][i] = word(in[i] + 19) >> 1 & MASK;
		limb[4][i] = word(in[i] + 24) >> 12 & MASK;
	}
	for (int i = 0; i < LIMBS; i++)
		r.limb[i] = _mm512_loadu_si512(limb[i]);
	return r;
}

/* Five tight limbs as the one number below p that they stand for. */
static void freeze(uint8_t out[CURVE_KEY], uint64_t limb[LIMBS])
{
	uint64_t more, w[4];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < LIMBS - 1; i++) {
			limb[i + 1] += limb[i] >> BITS;
			limb[i] &= MASK;
		}
		limb[0] += 19 * (limb[LIMBS - 1] >> BITS);
		limb[LIMBS - 1] &= MASK;
	}
	/* Below 2^255 now.  Adding 19 carries out of the top exactly when it is p or more;
	 * then subtract p: add 19, and drop what lies above 2^255. */
	more = (limb[0] + 19) >> BITS;
	for (int i = 1; i < LIMBS; i++)
		more = (limb[i] + more) >> BITS;
	limb[0] += 19 * more;
	for (int i = 0; i < LIMBS - 1; i++) {
		limb[i + 1] += limb[i] >> BITS;
		limb[i] &= MASK;
	}
	limb[LIMBS - 1] &= MASK;
	w[0] = limb[0] | limb[1] << 51;
	w[1] = limb[1] >> 13 | limb[2] << 38;
	w[2] = limb[2] >> 26 | limb[3] << 25;
	w[3] = limb[3] >> 39 | limb[4] << 12;
	memcpy(out, w, CURVE_KEY);
}

LANES void store(uint8_t out[CURVE_LANES][CURVE_KEY], const struct number *a)
{
	uint64_t lane[LIMBS][CURVE_LANES], limb[LIMBS];

	for (int i = 0; i < LIMBS; i++)
		_mm512_storeu_si512(lane[i], a->limb[i]);
	for (int i = 0; i < CURVE_LANES; i++) {
		for (int j = 0; j < LIMBS; j++)
			limb[j] = lane[j][i];
		freeze(out[i], limb);
	}
	sodium_memzero(lane, sizeof(lane));
	sodium_memzero(limb, sizeof(limb));
}

LANES void load_scalars(__m512i out[4], const uint8_t scalar[CURVE_LANES][CURVE_KEY])
{
	uint64_t lane[4][CURVE_LANES];

	for (int i = 0; i < CURVE_LANES; i++)
		for (int j = 0; j < 4; j++)
			lane[j][i] = word(scalar[i] + 8 * j);
	for (int i = 0; i < CURVE_LANES; i++) { /* clamped */
		lane[0][i] &= ~UINT64_C(7);
		lane[3][i] = (lane[3][i] & INT64_MAX) | UINT64_C(1) << 62;
	}
	for (int j = 0; j < 4; j++)
		out[j] = _mm512_loadu_si512(lane[j]);
	sodium_memzero(lane, sizeof(lane));
}

bool curve_lanes_supported(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

__attribute__((target("avx512f,avx512ifma"))) void curve_lanes(uint8_t out[CURVE_LANES][CURVE_KEY],
	const uint8_t scalar[CURVE_LANES][CURVE_KEY], const uint8_t point[CURVE_LANES][CURVE_KEY])
{
	struct ladder l;
	__m512i bits[4];
	__mmask8 before = 0;

	load_scalars(bits, scalar);
	l.x1 = l.x3 = load(point);
	for (int i = 0; i < LIMBS; i++) {
		l.x2.limb[i] = l.z3.limb[i] = all(i == 0);
		l.z2.limb[i] = _mm512_setzero_si512();
	}
	for (int t = 254; t >= 0; t--) {
		__mmask8 now = _mm512_test_epi64_mask(bits[t / 64], all(UINT64_C(1) << t % 64));
		__mmask8 differs = (__mmask8)(now ^ before);

		exchange(differs, &l.x2, &l.x3);
		exchange(differs, &l.z2, &l.z3);
		before = now;
		step(&l);
	}
	exchange(before, &l.x2, &l.x3);
	exchange(before, &l.z2, &l.z3);
	l.z2 = invert(&l.z2);
	l.x2 = multiply(&l.x2, &l.z2);
	store(out, &l.x2);
	sodium_memzero(&l, sizeof(l));
	sodium_memzero(bits, sizeof(bits));
}

#else

bool curve_lanes_supported(void)
{
	return false;
}

void curve_lanes(uint8_t out[CURVE_LANES][CURVE_KEY], const uint8_t scalar[CURVE_LANES][CURVE_KEY],
	const uint8_t point[CURVE_LANES][CURVE_KEY])
{
}

#endif
