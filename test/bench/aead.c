/* aead [ROUNDS [FILE]]: what each kind of ChaCha20-Poly1305 takes for a packet, in nanoseconds
 *
 * Every kind in turn, ROUNDS times (15), for each size and number of packets that
 * are handed over together; the medians, and as multiples of what the best
 * library takes.  As JSON to FILE.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tunnel/aead.h"

enum { KINDS = 8, ROUNDS_MOST = 1000, TOGETHER_MOST = 45, SIZE_MOST = 8960 };

/* Sizes are of the plaintext with its padding: a keepalive, a TCP ACK, the inner packets of 576
 * and 1,420 bytes, and one of a jumbo MTU. */
static const struct load {
	uint32_t size;
	size_t together;
} loads[] = {
	{0, 1},
	{96, 1},
	{96, 16},
	{576, 16},
	{1424, 1},
	{1424, 8},
	{1424, 45},
	{8960, 8},
};
enum { LOADS = sizeof(loads) / sizeof(loads[0]) };

typedef void aead_work(struct aead *a, struct aead_job *jobs, size_t n);

static uint8_t memory[TOGETHER_MOST][SIZE_MOST + 2 * AEAD_TAG];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* For a packet, over a millisecond or so. */
static double measure(struct aead *a, aead_work *work, const struct load *l)
{
	static const uint8_t key[AEAD_KEY] = {1, 2, 3};
	struct aead_job jobs[TOGETHER_MOST];
	size_t times = 4000000 / (l->together * (l->size + 1000));
	double began;

	for (size_t i = 0; i < l->together; i++)
		jobs[i] = (struct aead_job){key, i, memory[i], l->size, false};
	work(a, jobs, l->together);
	began = now();
	for (size_t i = 0; i < times; i++)
		work(a, jobs, l->together);
	return (now() - began) / (double)(times * l->together);
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), order);
	return values[n / 2];
}

/* The library to beat is the first kind that is not our own. */
static unsigned reference(void)
{
	return !strcmp(aead_kind(0), "avx512") ? 1 : 0;
}

static void measure_all(struct aead *const kinds[], const struct load *l, aead_work *work,
	const char *name, int rounds, json_t *results)
{
	static double taken[KINDS][ROUNDS_MOST];
	double medians[KINDS];
	json_t *row = json_pack("{s:s, s:i, s:i, s:{}}", "work", name, "bytes", (int)l->size,
		"together", (int)l->together, "ns");

	for (int r = 0; r < rounds; r++)
		for (unsigned k = 0; kinds[k]; k++)
			taken[k][r] = measure(kinds[k], work, l);
	for (unsigned k = 0; kinds[k]; k++)
		medians[k] = median(taken[k], (size_t)rounds);
	printf("%-5s %5u B x %-2zu", name, l->size, l->together);
	for (unsigned k = 0; kinds[k]; k++) {
		printf("  %7.0f (%.2f)    ", medians[k], medians[k] / medians[reference()]);
		json_object_set_new(
			json_object_get(row, "ns"), aead_kind(k), json_real(medians[k]));
	}
	printf("\n");
	json_array_append_new(results, row);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 15;
	struct aead *kinds[KINDS] = {NULL};
	json_t *results = json_array();

	if (rounds < 1 || rounds > ROUNDS_MOST) {
		fprintf(stderr, "aead: expected 1 to %d rounds\n", ROUNDS_MOST);
		return 2;
	}
	printf("ns a packet %8s", "");
	for (unsigned k = 0; k < KINDS - 1 && aead_kind(k); k++) {
		kinds[k] = aead_new(aead_kind(k));
		printf("  %-18s", aead_kind(k));
	}
	printf("\n");
	for (size_t i = 0; i < LOADS; i++) {
		measure_all(kinds, &loads[i], aead_seal, "seal", rounds, results);
		measure_all(kinds, &loads[i], aead_open, "open", rounds, results);
	}
	if (argc > 2 && json_dump_file(results, argv[2], JSON_INDENT(1))) {
		perror(argv[2]);
		return 1;
	}
	json_decref(results);
	for (unsigned k = 0; kinds[k]; k++)
		aead_free(kinds[k]);
	return 0;
}
