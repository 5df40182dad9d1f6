#include "net/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct journal reading(const char *text)
{
	struct journal j = {.fd = -1};

	journal_read(&j, text, strlen(text));
	return j;
}

TEST(the_journal_remembers_the_last_word_on_each_key)
{
	struct journal j = reading("+node/a\t12\n+node/b\t13\n+node/a\t14\n-node/b\n");

	CHECK(j.count == 1);
	CHECK_TEXT(journal_get(&j, "node/a"), "14");
	CHECK(!journal_get(&j, "node/b"));
	journal_close(&j);
}

TEST(a_line_that_was_being_written_does_not_count)
{
	const char text[] = "+node/a\t12\n+node/b\t1";
	struct journal j = {.fd = -1};

	CHECK(journal_read(&j, text, strlen(text)) == strlen("+node/a\t12\n"));
	CHECK(j.count == 1);
	journal_close(&j);
}

TEST(lines_that_mean_nothing_are_passed_over)
{
	struct journal j = reading("\n+\n-\n?x\ty\n+key-without-value\n+ok\t\n");

	CHECK(j.count == 1);
	CHECK_TEXT(journal_get(&j, "ok"), "");
	journal_close(&j);
}

/* The obvious model: a table of values by number of key, written and read back. */
TEST(what_was_written_is_read_back_whatever_was_in_it)
{
	enum { KEYS = 12, ROUNDS = 400 };
	static const char *const pieces[] = {"a", "\n", "\t", "\\", "n", "\\n", " ", "ü", "+", "-"};
	char values[KEYS][64], path[] = "/tmp/journal-XXXXXX", key[16];
	bool there[KEYS] = {0};
	struct journal j;
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	fclose(fdopen(fd, "w"));
	CHECK(!journal_open(&j, -100 /* AT_FDCWD */, path, true, NULL));
	for (int round = 0; round < ROUNDS; round++) {
		size_t k = dice(KEYS);

		snprintf(key, sizeof(key), "k\t%zu\n", k);
		there[k] = dice(3) > 0;
		if (there[k]) {
			values[k][0] = '\0';
			for (uint64_t n = dice(9); n > 0; n--)
				strcat(values[k], pieces[dice(10)]);
			CHECK(!journal_put(&j, key, values[k], NULL));
		} else {
			CHECK(!journal_del(&j, key, NULL));
		}
		if (!dice(20)) {
			journal_close(&j);
			CHECK(!journal_open(&j, -100, path, false, NULL));
		}
	}
	for (size_t k = 0; k < KEYS; k++) {
		snprintf(key, sizeof(key), "k\t%zu\n", k);
		CHECK(there[k] == (journal_get(&j, key) != NULL));
		if (there[k])
			CHECK_TEXT(journal_get(&j, key), values[k]);
	}
	journal_close(&j);
	remove(path);
}
