/* The kind "avx512": our own for several packets of about one length, and the best
 * library for what would leave most lanes empty. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tunnel/aead_kinds.h"
#include "tunnel/aead_lanes.h"

enum {
	CLASSES = 10,
	STACK_MOST = 4096, /* what the lanes use, and may leave secrets in */
};

struct sorter {
	struct aead_lanes *lanes;
	struct aead *library;
	struct aead_job *waiting[CLASSES][AEAD_LANES];
	unsigned count[CLASSES];
	bool used; /* the lanes hold secrets */
};

/* One or two passes, three or four, five to eight, nine to sixteen ... */
static unsigned class_of(uint32_t length)
{
	uint32_t half = (aead_lanes_passes(length) - 1) / 2;

	return half ? 32 - (unsigned)__builtin_clz(half) : 0;
}
_Static_assert(AEAD_LENGTH_MAX < 1 << 16, "half is below 2^9, the class below CLASSES");

/* Measured (test/bench/aead.c): side by side they take the passes of the longest; a library takes
 * for each 0.6 of a pass, and 0.075 for each 64 bytes of it. */
static bool is_worth_it(struct aead_job *const *jobs, unsigned n)
{
	uint32_t passes = 0, library = 0;

	if (n == AEAD_LANES)
		return true;
	for (unsigned i = 0; i < n; i++) {
		uint32_t its = aead_lanes_passes(jobs[i]->length);

		passes = its > passes ? its : passes;
		library += 24 + 3 * ((jobs[i]->length + 63) / 64);
	}
	return 40 * passes <= library;
}

typedef void aead_one(struct aead *a, struct aead_job *jobs, size_t n);
typedef void aead_group(struct aead_lanes *l, struct aead_job *const *jobs, unsigned n);

static void run_class(struct sorter *s, unsigned class, aead_group *group, aead_one *one)
{
	struct aead_job **jobs = s->waiting[class];
	unsigned n = s->count[class];

	s->count[class] = 0;
	if (is_worth_it(jobs, n)) {
		group(s->lanes, jobs, n);
		s->used = true;
		return;
	}
	for (unsigned i = 0; i < n; i++)
		one(s->library, jobs[i], 1);
}

static void run(struct sorter *s, struct aead_job *jobs, size_t n, aead_group *group, aead_one *one)
{
	for (struct aead_job *j = jobs; j < jobs + n; j++) {
		unsigned class = class_of(j->length);

		s->waiting[class][s->count[class]++] = j;
		if (s->count[class] == AEAD_LANES)
			run_class(s, class, group, one);
	}
	for (unsigned class = 0; class < CLASSES; class ++)
		if (s->count[class])
			run_class(s, class, group, one);
	if (s->used) {
		aead_lanes_wipe(s->lanes);
		sodium_stackzero(STACK_MOST);
	}
	s->used = false;
}

static void done(void *memory)
{
	struct sorter *s = memory;

	aead_lanes_free(s->lanes);
	aead_free(s->library);
	free(s);
}

static void *init(const struct aead_kind *kind)
{
	struct sorter *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->lanes = aead_lanes_new();
	s->library = aead_new(aead_has("ipsec-mb") ? "ipsec-mb" : "openssl");
	if (s->lanes && s->library)
		return s;
	done(s);
	return NULL;
}

static void seal(void *memory, struct aead_job *jobs, size_t n)
{
	run(memory, jobs, n, aead_lanes_seal, aead_seal);
}

static void open_jobs(void *memory, struct aead_job *jobs, size_t n)
{
	run(memory, jobs, n, aead_lanes_open, aead_open);
}

const struct aead_kind aead_avx512[] = {
	{"avx512", aead_lanes_supported, init, done, seal, open_jobs, 0},
	{0},
};
