/* warren down: remove a network, whole */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/network_words.h"
#include "net/holder.h"
#include "net/network.h"

struct down {
	bool all;
};

static const struct option_row options[] = {
	{"all", 0, NULL, "every network that is up", OPTION_FLAG, offsetof(struct down, all), 0, 0},
	{0},
};

/* All are tried; the first error is the one that is said. */
static int all_down(struct error *e)
{
	struct network_summary *list;
	ssize_t count = network_list(&list, e);
	int first = count < 0 ? (int)count : 0;

	for (ssize_t i = 0; i < count; i++) {
		struct error said = {0};
		int err = network_down(list[i].name, &network_words, &said);

		if (err && !first) {
			first = err;
			*e = said;
		}
	}
	if (count >= 0)
		network_list_free(list, (size_t)count);
	return first;
}

static int down_run(const struct command *c, int argc, char **argv)
{
	struct down down = {0};
	int at = options_parse(c, &down, argc, argv), err;
	struct error e = {0};
	char name[128];

	if (at < 0)
		return options_exit(at);
	if (down.all == (at < argc)) {
		fprintf(stderr, "warren down: expected either NAME or FILE, or --all\n");
		return EXIT_USAGE;
	}
	network_words_begin("down");
	err = holder_enter_if_needed(HOLDER_JOIN, &e);
	if (!err && down.all)
		err = all_down(&e);
	else if (!err && !(err = network_find(name, argv[at], &e)))
		err = network_down(name, &network_words, &e);
	holder_leave();
	if (err)
		return network_words_fail("down", &e);
	network_words_end();
	return EXIT_DONE;
}

const struct command cmd_down = {
	.name = "down",
	.takes = "NAME|FILE",
	.summary = "remove a network, also after a crash or when its file is lost",
	.about = "Ends the network's processes and removes its namespaces with all that is in\n"
		 "them.  Namespaces and devices that Warren did not make stay.  When the network\n"
		 "is not up, that is said, and the exit status is 1; --all succeeds with nothing\n"
		 "to do.",
	.options = options,
	.min = 0,
	.max = 1,
	.run = down_run,
};
