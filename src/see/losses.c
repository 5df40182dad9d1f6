#include "see/losses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pcap/dlt.h>

#include "base/clock.h"
#include "see/reason.h"

/* A drop that comes later than this after the frame is of another packet with the same bytes. */
#define AFTERWARDS (5 * SECOND)

static struct loss *slot(struct losses *l, uint64_t whole)
{
	return &l->kept[whole % LOSSES_KEPT];
}

static void drop_note(const struct trace_event *e, void *arg)
{
	struct losses *l = arg;
	uint32_t held = e->held < TRACE_SENT ? e->held : TRACE_SENT;
	struct signature s = signature_read(e->frame, held, DLT_EN10MB);

	if (e->kind != TRACE_DROP || e->shared)
		return;
	*slot(l, s.whole) = (struct loss){.whole = s.whole,
		.location = e->location,
		.time = (int64_t)e->time + l->wall,
		.netns = e->netns,
		.reason = e->reason};
}

int losses_open(struct losses *l, const char *filter, struct error *e)
{
	struct trace_wish wish = {.filter = filter, .drops = true, .alone = true};
	struct timespec monotonic;
	int err;

	*l = (struct losses){.kept = calloc(LOSSES_KEPT, sizeof(*l->kept))};
	err = l->kept ? trace_open(&l->trace, &wish, drop_note, l, e) : -ENOMEM;
	if (err) {
		losses_close(l);
		return err;
	}
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	l->wall = clock_wall() - (monotonic.tv_sec * SECOND + monotonic.tv_nsec);
	l->open = true;
	return 0;
}

void losses_close(struct losses *l)
{
	if (l->open)
		trace_close(&l->trace);
	free(l->kept);
	*l = (struct losses){0};
}

void losses_read(struct losses *l)
{
	if (l->open)
		trace_read(&l->trace);
}

const char *losses_find(
	struct losses *l, const struct signature *s, const char *node, uint64_t netns, int64_t time)
{
	const char *reason, *symbol, *words;
	struct trace_event e = {.kind = TRACE_DROP};
	const struct loss *found;

	if (!l->open)
		return NULL;
	found = slot(l, s->whole);
	if (found->whole != s->whole || found->netns != netns || found->time < time ||
		found->time - time > AFTERWARDS)
		return NULL;
	reason = trace_reason(&l->trace, found->reason);
	symbol = trace_symbol(&l->trace, found->location);
	if (!trace_loss(&e, reason, symbol))
		return NULL;
	words = reason_words(reason, symbol);
	snprintf(l->text, sizeof(l->text), "dropped in %.100s: %s%s%s%s%s", node, reason,
		symbol[0] ? " at " : "", symbol, words[0] ? ": " : "", words);
	return l->text;
}
