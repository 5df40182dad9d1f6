/* test.h - how unit tests look here
 *
 *	TEST(a_counter_is_accepted_once)
 *	{
 *		CHECK(replay_accept(&w, 0));
 *	}
 *
 * A test's name is a sentence, so that a failure reads as a false claim.
 * Tests register themselves; the runner (cmocka) prints TAP.  An argument on
 * the command line is a pattern for the names to run.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *t);
void test_check(bool ok, const char *claim, const char *file, int line);
void test_check_text(const char *got, const char *want, const char *file, int line);

/* dice - a number in [0, sides); the same sequence in every run (WARREN_SEED changes it) */
uint64_t dice(uint64_t sides);

#define TEST(sentence)                                                                             \
	static void sentence(void);                                                                \
	__attribute__((constructor)) static void register_##sentence(void)                         \
	{                                                                                          \
		static struct test t = {#sentence, sentence, 0};                                   \
		test_register(&t);                                                                 \
	}                                                                                          \
	static void sentence(void)

#define CHECK(claim) test_check((claim), #claim, __FILE__, __LINE__)
#define CHECK_TEXT(got, want) test_check_text((got), (want), __FILE__, __LINE__)
