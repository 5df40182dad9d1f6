/* ChaCha20-Poly1305 of eight packets side by side, in AVX-512 with IFMA.
 *
 * ChaCha20 makes two blocks of each packet at a time: a pass.  A register holds
 * one word of all sixteen:
 *
 *	lane     0    1   ...   7    8    9   ...  15
 *	packet   0    1         7    0    1         7
 *	block    b    b         b   b+1  b+1       b+1
 *
 * Turned round, that is sixteen rows: the 64 bytes of stream for one place of
 * one packet.  Block 0 gives the key of Poly1305, block 1 + n is for row n of
 * the packet.
 *
 * Poly1305 runs through all packets in step, a 64-bit lane for each.  Its
 * accumulator h takes a row, four blocks m0 .. m3, at once:
 *
 *	h = (h + m0) r^4 + m1 r^3 + m2 r^2 + m3 r      modulo p = 2^130 - 5
 *
 * A round of ChaCha20 is one long chain: each step waits for the one before,
 * and half of the processor is idle.  So a pass, between its rounds, works on
 * the rows for which the pass before made the stream.
 *
 * Constant time: branches and addresses depend on lengths only.
 */
#include "tunnel/aead_lanes.h"

#if defined(__x86_64__)
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/poly1305_lanes.h"

enum {
	PACKETS = AEAD_LANES,
	ROW = 64,
	WORDS = 16, /* of a block; and rows of a pass */
	POWERS = 4,
};

/* Packets that are worked on side by side.  A lane without a packet has length 0. */
struct aead_lanes {
	_Alignas(ROW) __m512i key[8];	 /* by words, twice the eight packets */
	__m512i counter[2];		 /* likewise */
	__m512i lengths;		 /* a 64-bit lane for each packet, as all that follows */
	struct factor powers[POWERS];	 /* r, r^2, r^3, r^4 */
	__m512i pad[2];			 /* what is added to h for the tag */
	__m512i stream[WORDS];		 /* of the last pass, not yet used */
	uint8_t tails[PACKETS][2 * ROW]; /* zeros, and the last row where it is not a whole one */
	uint64_t tag[2][PACKETS];	 /* out */
	uint8_t *data[PACKETS];
	uint32_t length[PACKETS], longest;
};

_Static_assert(_Alignof(struct aead_lanes) == ROW, "of its registers");

/* --- ChaCha20 ------------------------------------------------------------ */

LANES __m512i all32(uint32_t v)
{
	return _mm512_set1_epi32((int)v);
}

LANES void start(const struct aead_lanes *l, uint32_t block, __m512i v[WORDS])
{
	const __m512i second = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);

	v[0] = all32(0x61707865); /* "expand 32-byte k" */
	v[1] = all32(0x3320646e);
	v[2] = all32(0x79622d32);
	v[3] = all32(0x6b206574);
	FOR(i, 8)
	v[4 + i] = l->key[i];
	v[12] = _mm512_add_epi32(all32(block), second);
	v[13] = _mm512_setzero_si512();
	v[14] = l->counter[0];
	v[15] = l->counter[1];
}

LANES __m512i turned(__m512i a, const int by)
{
	return by == 16	  ? _mm512_rol_epi32(a, 16)
	       : by == 12 ? _mm512_rol_epi32(a, 12)
	       : by == 8  ? _mm512_rol_epi32(a, 8)
			  : _mm512_rol_epi32(a, 7);
}

/* a += b, d = (d ^ a) <<< by, of all four quarters: word i of the state's row a belongs together
 * with word i + B of row b and i + D of row d. */
LANES void quarters(
	__m512i a[4], const __m512i b[4], const int B, __m512i d[4], const int D, const int by)
{
	FOR(i, 4)
	a[i] = _mm512_add_epi32(a[i], b[(i + B) & 3]);
	FOR(i, 4)
	d[(i + D) & 3] = turned(_mm512_xor_si512(d[(i + D) & 3], a[i]), by);
}

/* In columns, or diagonally: then the rows are shifted against one another by a word each. */
LANES void half_round(__m512i v[WORDS], const int diagonal)
{
	__m512i *a = v, *b = v + 4, *c = v + 8, *d = v + 12;

	quarters(a, b, diagonal, d, 3 * diagonal, 16);
	quarters(c, d, diagonal, b, 3 * diagonal, 12);
	quarters(a, b, diagonal, d, 3 * diagonal, 8);
	quarters(c, d, diagonal, b, 3 * diagonal, 7);
}

LANES void double_round(__m512i v[WORDS])
{
	half_round(v, 0);
	half_round(v, 1);
}

/* The end of a pass: by words, as start() gave them. */
LANES void finish(struct aead_lanes *l, uint32_t block, __m512i v[WORDS])
{
	__m512i first[WORDS];

	start(l, block, first);
	FOR(i, WORDS)
	l->stream[i] = v[i] = _mm512_add_epi32(v[i], first[i]);
}

/* --- registers turned round ---------------------------------------------- */

/* Of two registers the first or the second half each. */
LANES __m512i halves(__m512i a, __m512i b, const int half)
{
	return half ? _mm512_shuffle_i32x4(a, b, 0xee) : _mm512_shuffle_i32x4(a, b, 0x44);
}

/* 4 times 4 pieces of 128 bits */
LANES void turn_quarters(__m512i *a, __m512i *b, __m512i *c, __m512i *d)
{
	__m512i ab = halves(*a, *b, 0), cd = halves(*c, *d, 0);
	__m512i ba = halves(*a, *b, 1), dc = halves(*c, *d, 1);

	*a = _mm512_shuffle_i32x4(ab, cd, 0x88);
	*b = _mm512_shuffle_i32x4(ab, cd, 0xdd);
	*c = _mm512_shuffle_i32x4(ba, dc, 0x88);
	*d = _mm512_shuffle_i32x4(ba, dc, 0xdd);
}

/* From sixteen registers by words to rows: the first half of the way, for both halves of them.
 * Quarter q of register 4 i + j then holds words 4 i .. 4 i + 3 of row 4 q + j. */
LANES void turn_words(__m512i v[WORDS])
{
	FOR(i, 4)
	{
		__m512i *w = v + 4 * i;
		__m512i a = _mm512_unpacklo_epi32(w[0], w[1]);
		__m512i b = _mm512_unpackhi_epi32(w[0], w[1]);
		__m512i c = _mm512_unpacklo_epi32(w[2], w[3]);
		__m512i d = _mm512_unpackhi_epi32(w[2], w[3]);

		w[0] = _mm512_unpacklo_epi64(a, c);
		w[1] = _mm512_unpackhi_epi64(a, c);
		w[2] = _mm512_unpacklo_epi64(b, d);
		w[3] = _mm512_unpackhi_epi64(b, d);
	}
}

/* The other half of the way, for the first or the second row of each packet. */
LANES void turn_rows(const __m512i v[WORDS], const int half, __m512i row[PACKETS])
{
	FOR(j, 4)
	{
		__m512i a = halves(v[j], v[4 + j], half), b = halves(v[8 + j], v[12 + j], half);

		row[j] = _mm512_shuffle_i32x4(a, b, 0x88);
		row[4 + j] = _mm512_shuffle_i32x4(a, b, 0xdd);
	}
}

/* Rows to the lanes of Poly1305: the low and high 64 bits of the four blocks. */
LANES void turn_blocks(const __m512i row[PACKETS], __m512i low[4], __m512i high[4])
{
	FOR(i, 4)
	{
		low[i] = _mm512_unpacklo_epi64(row[2 * i], row[2 * i + 1]);
		high[i] = _mm512_unpackhi_epi64(row[2 * i], row[2 * i + 1]);
	}
	turn_quarters(&low[0], &low[1], &low[2], &low[3]);
	turn_quarters(&high[0], &high[1], &high[2], &high[3]);
}

/* --- Poly1305 ------------------------------------------------------------ */

/* Two words, eight of each, as 64 bits. */
LANES __m512i pair(__m512i low, __m512i high)
{
	return _mm512_or_si512(_mm512_cvtepu32_epi64(_mm512_castsi512_si256(low)),
		_mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm512_castsi512_si256(high)), 32));
}

/* Block 0, by words: r, clamped, and what is added at the end. */
LANES void take_keys(struct aead_lanes *l, const __m512i v[WORDS])
{
	__m512i low = _mm512_and_si512(pair(v[0], v[1]), all(0x0ffffffc0fffffff));
	__m512i high = _mm512_and_si512(pair(v[2], v[3]), all(0x0ffffffc0ffffffc));
	struct number r = number_from(low, high, _mm512_setzero_si512()), power = r;

	l->powers[0] = factor_from(&r);
	FOR(i, POWERS - 1)
	{
		power = multiply(&power, &l->powers[0]);
		l->powers[i + 1] = factor_from(&power);
	}
	l->pad[0] = pair(v[4], v[5]);
	l->pad[1] = pair(v[6], v[7]);
}

/* A row in the making: its blocks, the last first, as only m0 must wait for h. */
struct row {
	__m512i low[4], high[4];
	struct sum sum;
};

LANES void add_block(const struct aead_lanes *l, struct row *r, const int i)
{
	struct number m = number_from(r->low[i], r->high[i], all(TOP));

	add_product(&r->sum, &m, &l->powers[POWERS - 1 - i]);
}

/* Only of packets that are so long; the last part of a row is not added here. */
LANES void add_first_block(
	const struct aead_lanes *l, struct row *r, struct number *h, uint32_t end)
{
	struct number m = number_from(r->low[0], r->high[0], all(TOP));
	__mmask8 whole = _mm512_cmpge_epu64_mask(l->lengths, all(end));

	m = add(&m, h);
	add_product(&r->sum, &m, &l->powers[POWERS - 1]);
	m = carry(&r->sum);
	FOR(i, LIMBS)
	h->limb[i] = _mm512_mask_mov_epi64(h->limb[i], whole, m.limb[i]);
}

/* The rest of each packet behind its whole rows: 0 to 4 blocks, filled up with zeros.
 *
 * In front of the first of k blocks stand zeros, so that m3 is the last one everywhere; and h,
 * which belongs to the first, is multiplied by r^k. */
TARGET static void add_tails(const struct aead_lanes *l, struct number *h)
{
	__m512i row[PACKETS], count;
	struct factor by = {.n.limb = {all(1)}};
	struct row r = {0};

	FOR(i, PACKETS)
	row[i] = _mm512_loadu_si512(l->tails[i] + (l->length[i] % ROW + 15) / 16 * 16);
	turn_blocks(row, r.low, r.high);
	count = _mm512_and_si512(l->lengths, all(ROW - 1));
	count = _mm512_srli_epi64(plus(count, all(15)), 4);
	FOR(i, 4)
	{
		__mmask8 here = _mm512_cmpgt_epu64_mask(count, all(3 - (uint64_t)i));
		__mmask8 counts = _mm512_cmpeq_epu64_mask(count, all(1 + (uint64_t)i));
		struct number m =
			number_from(r.low[i], r.high[i], _mm512_maskz_mov_epi64(here, all(TOP)));

		add_product(&r.sum, &m, &l->powers[POWERS - 1 - i]);
		FOR(j, LIMBS)
		{
			by.n.limb[j] =
				_mm512_mask_mov_epi64(by.n.limb[j], counts, l->powers[i].n.limb[j]);
			by.again[j] =
				_mm512_mask_mov_epi64(by.again[j], counts, l->powers[i].again[j]);
		}
	}
	add_product(&r.sum, h, &by);
	*h = carry(&r.sum);
}

/* The block with the lengths, and what makes a tag of h: h mod p, plus the pad, mod 2^128. */
LANES void make_tags(struct aead_lanes *l, const struct number *h)
{
	struct number n = number_from(_mm512_setzero_si512(), l->lengths, all(TOP));
	__m512i a, b, c, over, low, high;
	__mmask8 is_more;

	n = add(&n, h);
	n = multiply(&n, &l->powers[0]);
	/* tight -> the limbs of a number below 2^130.  Only the first time can something come
	 * round, 5, and it carries into the next limb at the most. */
	FOR(i, 2)
	{
		n.limb[1] = plus(n.limb[1], _mm512_srli_epi64(n.limb[0], 44));
		n.limb[2] = plus(n.limb[2], _mm512_srli_epi64(n.limb[1], 44));
		over = _mm512_srli_epi64(n.limb[2], 42);
		a = _mm512_and_si512(n.limb[0], all(MASK44));
		n.limb[0] = plus(a, plus(over, _mm512_slli_epi64(over, 2)));
		n.limb[1] = _mm512_and_si512(n.limb[1], all(MASK44));
		n.limb[2] = _mm512_and_si512(n.limb[2], all(MASK42));
	}
	/* p or more: adding 5 carries out of the top.  Subtract p: keep the sum, not the top. */
	a = plus(n.limb[0], all(5));
	b = plus(n.limb[1], _mm512_srli_epi64(a, 44));
	c = plus(n.limb[2], _mm512_srli_epi64(b, 44));
	is_more = _mm512_cmpgt_epu64_mask(c, all(MASK42));
	a = _mm512_mask_and_epi64(n.limb[0], is_more, a, all(MASK44));
	b = _mm512_mask_and_epi64(n.limb[1], is_more, b, all(MASK44));
	c = _mm512_mask_mov_epi64(n.limb[2], is_more, c);
	low = _mm512_or_si512(a, _mm512_slli_epi64(b, 44));
	high = _mm512_or_si512(_mm512_srli_epi64(b, 20), _mm512_slli_epi64(c, 24));
	low = plus(low, l->pad[0]);
	high = plus(high, l->pad[1]);
	high = _mm512_mask_add_epi64(high, _mm512_cmplt_epu64_mask(low, l->pad[0]), high, all(1));
	_mm512_storeu_si512(l->tag[0], low);
	_mm512_storeu_si512(l->tag[1], high);
}

/* --- passes ------------------------------------------------------------- */

/* The row at `at` of each packet that reaches there: en- or decrypted in place.  Poly1305 gets
 * what is encrypted. */
LANES void crypt_row(
	struct aead_lanes *l, const int half, uint32_t at, const bool seal, struct row *r)
{
	__m512i row[PACKETS], stream[PACKETS];

	turn_rows(l->stream, half, stream);
	FOR(i, PACKETS)
	{
		uint8_t *data = l->data[i] + at;
		__m512i in, out;

		row[i] = _mm512_setzero_si512();
		if (l->length[i] >= at + ROW) {
			in = _mm512_loadu_si512(data);
			out = _mm512_xor_si512(stream[i], in);
			_mm512_storeu_si512(data, out);
			row[i] = seal ? out : in;
		} else if (l->length[i] > at) {
			__mmask64 bytes = ~UINT64_C(0) >> (ROW - (l->length[i] - at));

			in = _mm512_maskz_loadu_epi8(bytes, data);
			out = _mm512_maskz_mov_epi8(bytes, _mm512_xor_si512(stream[i], in));
			_mm512_mask_storeu_epi8(data, bytes, out);
			_mm512_storeu_si512(l->tails[i] + ROW, seal ? out : in);
		}
	}
	turn_blocks(row, r->low, r->high);
	r->sum = (struct sum){0};
}

LANES void half_pass(__m512i v[WORDS], struct aead_lanes *l, const int half, uint32_t at,
	struct number *h, const bool seal)
{
	struct row r;

	double_round(v);
	crypt_row(l, half, at, seal, &r);
	double_round(v);
	add_block(l, &r, 3);
	half_round(v, 0);
	add_block(l, &r, 2);
	half_round(v, 1);
	add_block(l, &r, 1);
	double_round(v);
	add_first_block(l, &r, h, at + ROW);
}

/* The stream from this block on; and the rows of the pass before. */
LANES void pass(struct aead_lanes *l, uint32_t block, struct number *h, const bool seal)
{
	uint32_t at = (block - 3) * ROW; /* the first row of the pass before */
	__m512i v[WORDS];

	start(l, block, v);
	double_round(v);
	turn_words(l->stream);
	if (block > 2)
		half_pass(v, l, 0, at, h, seal);
	else
		for (int i = 0; i < 4; i++)
			double_round(v);
	half_pass(v, l, 1, at + ROW, h, seal);
	double_round(v);
	finish(l, block, v);
}

/* Rows behind the last pass. */
LANES void rest(
	struct aead_lanes *l, const int half, uint32_t at, struct number *h, const bool seal)
{
	struct row r;

	if (at >= l->longest)
		return;
	crypt_row(l, half, at, seal, &r);
	for (int i = 3; i > 0; i--)
		add_block(l, &r, i);
	add_first_block(l, &r, h, at + ROW);
}

LANES void crypt(struct aead_lanes *l, const bool seal)
{
	struct number h = {0};
	uint32_t block = 0;
	__m512i v[WORDS];

	start(l, 0, v);
	for (int i = 0; i < 10; i++)
		double_round(v);
	finish(l, 0, v);
	take_keys(l, v);
	while ((block + 1) * ROW < l->longest)
		pass(l, block += 2, &h, seal);
	turn_words(l->stream);
	if (block)
		rest(l, 0, (block - 1) * ROW, &h, seal);
	rest(l, 1, block * ROW, &h, seal);
	add_tails(l, &h);
	make_tags(l, &h);
}

/* n jobs; the other lanes repeat the first one's key, and have no packet. */
TARGET static void lanes_load(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n)
{
	uint32_t word[10][PACKETS];
	uint64_t lengths[PACKETS] = {0};

	l->longest = 0;
	for (unsigned i = 0; i < PACKETS; i++) {
		const struct aead_job *j = jobs[i < n ? i : 0];

		for (int w = 0; w < 8; w++)
			memcpy(&word[w][i], j->key + 4 * w, sizeof(word[w][i]));
		word[8][i] = (uint32_t)j->counter;
		word[9][i] = (uint32_t)(j->counter >> 32);
		l->data[i] = j->data;
		l->length[i] = i < n ? j->length : 0;
		lengths[i] = l->length[i];
		if (l->length[i] > l->longest)
			l->longest = l->length[i];
	}
	FOR(w, 8)
	l->key[w] = _mm512_broadcast_i64x4(_mm256_loadu_si256((void *)word[w]));
	FOR(w, 2)
	l->counter[w] = _mm512_broadcast_i64x4(_mm256_loadu_si256((void *)word[8 + w]));
	l->lengths = _mm512_loadu_si512(lengths);
	sodium_memzero(word, sizeof(word));
}

/* Not inlined: each is the whole cipher, once. */
TARGET static __attribute__((noinline)) void seal(struct aead_lanes *l)
{
	crypt(l, true);
}

TARGET static __attribute__((noinline)) void open_all(struct aead_lanes *l)
{
	crypt(l, false);
}

bool aead_lanes_supported(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma") &&
	       __builtin_cpu_supports("avx512vbmi2");
}

struct aead_lanes *aead_lanes_new(void)
{
	struct aead_lanes *l = aligned_alloc(ROW, sizeof(*l));

	if (l)
		memset(l, 0, sizeof(*l));
	return l;
}

void aead_lanes_free(struct aead_lanes *l)
{
	aead_lanes_wipe(l);
	free(l);
}

void aead_lanes_wipe(struct aead_lanes *l)
{
	if (l)
		sodium_memzero(l, sizeof(*l));
}

uint32_t aead_lanes_passes(uint32_t length)
{
	return ((length + ROW - 1) / ROW + 2) / 2; /* with block 0 */
}

void aead_lanes_seal(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n)
{
	lanes_load(l, jobs, n);
	seal(l);
	for (unsigned i = 0; i < n; i++)
		for (int half = 0; half < 2; half++)
			memcpy(jobs[i]->data + jobs[i]->length + 8 * half, &l->tag[half][i], 8);
}

void aead_lanes_open(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n)
{
	lanes_load(l, jobs, n);
	open_all(l);
	for (unsigned i = 0; i < n; i++) {
		uint64_t tag[2];

		memcpy(tag, jobs[i]->data + jobs[i]->length, sizeof(tag));
		jobs[i]->authentic = !((tag[0] ^ l->tag[0][i]) | (tag[1] ^ l->tag[1][i]));
	}
}

#else

bool aead_lanes_supported(void)
{
	return false;
}

struct aead_lanes *aead_lanes_new(void)
{
	return NULL;
}

void aead_lanes_free(struct aead_lanes *l)
{
}

void aead_lanes_wipe(struct aead_lanes *l)
{
}

uint32_t aead_lanes_passes(uint32_t length)
{
	return 0;
}

void aead_lanes_seal(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n)
{
}

void aead_lanes_open(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n)
{
}

#endif
