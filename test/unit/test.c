#include "test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test *first, **last = &first;
static uint64_t dice_state = 1;

void test_register(struct test *t)
{
	*last = t;
	last = &t->next;
}

void test_check(bool ok, const char *claim, const char *file, int line)
{
	_assert_true(ok, claim, file, line);
}

void test_check_text(const char *got, const char *want, const char *file, int line)
{
	_assert_string_equal(got ? got : "(null)", want, file, line);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t dice(uint64_t sides)
{
	uint64_t z = dice_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return sides ? (z ^ (z >> 31)) % sides : 0;
}

static void run_one(void **state)
{
	struct test *t = *state;
	const char *seed = getenv("WARREN_SEED");

	dice_state = seed ? strtoull(seed, NULL, 10) : 1;
	t->run();
}

int main(int argc, char **argv)
{
	struct CMUnitTest *list = NULL;
	size_t n = 0;
	int failed;

	for (struct test *t = first; t; t = t->next) {
		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		list = realloc(list, (n + 1) * sizeof(*list));
		list[n++] = (struct CMUnitTest){.name = t->name, .test_func = run_one, .initial_state = t};
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests(argv[0], list, n, NULL, NULL);
	free(list);
	return failed ? 1 : 0;
}
