#include "tunnel/curve.h"

#include <stdatomic.h>
#include <string.h>

#include <sodium.h>

enum kind { BEST, LIBSODIUM, LANES };

static _Atomic int chosen; /* BEST: not looked yet */

static enum kind best(void)
{
	return curve_lanes_supported() ? LANES : LIBSODIUM;
}

static enum kind kind(void)
{
	int k = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (k == BEST)
		atomic_store_explicit(&chosen, k = (int)best(), memory_order_relaxed);
	return (enum kind)k;
}

const char *curve_kind(void)
{
	return kind() == LANES ? "avx512-ifma" : "libsodium";
}

bool curve_choose(const char *name)
{
	enum kind k = best();

	if (name && !strcmp(name, "libsodium"))
		k = LIBSODIUM;
	else if (name && (strcmp(name, "avx512-ifma") || k != LANES))
		return false;
	atomic_store(&chosen, (int)k);
	return true;
}

static void run_one(struct curve_job *j)
{
	if (j->point)
		j->ok = !crypto_scalarmult(j->out, j->scalar, j->point);
	else
		j->ok = !crypto_scalarmult_base(j->out, j->scalar);
}

static void run_lanes(struct curve_job *jobs, size_t n)
{
	static const uint8_t base[CURVE_KEY] = {9};
	uint8_t out[CURVE_LANES][CURVE_KEY], scalar[CURVE_LANES][CURVE_KEY];
	uint8_t point[CURVE_LANES][CURVE_KEY];

	for (size_t i = 0; i < CURVE_LANES; i++) { /* lanes to spare repeat the last job */
		const struct curve_job *j = &jobs[i < n ? i : n - 1];

		memcpy(scalar[i], j->scalar, CURVE_KEY);
		memcpy(point[i], j->point ? j->point : base, CURVE_KEY);
	}
	curve_lanes(out, scalar, point);
	for (size_t i = 0; i < n; i++) {
		memcpy(jobs[i].out, out[i], CURVE_KEY);
		jobs[i].ok = !sodium_is_zero(out[i], CURVE_KEY);
	}
	sodium_memzero(scalar, sizeof(scalar));
	sodium_memzero(out, sizeof(out));
}

void curve_run(struct curve_job *jobs, size_t n)
{
	bool lanes = kind() == LANES;

	for (size_t i = 0; i < n;) {
		size_t many = n - i < CURVE_LANES ? n - i : CURVE_LANES;

		if (lanes && many > 1) {
			run_lanes(jobs + i, many);
		} else {
			run_one(&jobs[i]);
			many = 1;
		}
		i += many;
	}
}

void curve_wipe(struct curve_job *jobs, size_t n)
{
	sodium_memzero(jobs, n * sizeof(*jobs));
}
