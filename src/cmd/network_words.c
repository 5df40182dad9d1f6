#include "cmd/network_words.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/options.h"

static volatile sig_atomic_t stopped; /* the signal */
static int64_t began, shown;
static const char *name;

static void stop(int number)
{
	stopped = number;
}

static void clear(void)
{
	if (shown && isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	shown = 0;
}

static void progress(size_t done, size_t all, const char *what)
{
	int64_t now = clock_now();

	if (!isatty(STDERR_FILENO) || now - began < SECOND || now - shown < SECOND / 10)
		return;
	shown = now;
	fprintf(stderr, "\rwarren %s: %zu of %zu (%s)\033[K", name, done, all, what);
}

static void waiting(const char *network)
{
	fprintf(stderr, "warren %s: waiting for another warren that changes network '%s'\n", name,
		network);
}

static void note(const char *line)
{
	clear();
	fprintf(stderr, "warren %s: note: %s\n", name, line);
}

const struct network_how network_words = {
	.stop = &stopped,
	.progress = progress,
	.waiting = waiting,
	.note = note,
};

void network_words_begin(const char *command)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = stop};

	name = command;
	began = clock_now();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

void network_words_end(void)
{
	clear();
}

int network_words_fail(const char *command, const struct error *e)
{
	clear();
	fprintf(stderr, "warren %s: %s\n", command, e->text);
	return stopped ? 128 + (int)stopped : EXIT_FAILED;
}
