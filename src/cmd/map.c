/* warren map: the network as a picture */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/terminal.h"
#include "net/holder.h"
#include "see/map.h"
#include "see/map_dot.h"
#include "see/map_json.h"
#include "see/map_path.h"
#include "see/map_svg.h"
#include "see/map_text.h"
#include "see/topology.h"
#include "see/tunnels.h"
#include "see/why.h"

struct map_options {
	const char *output, *network, *path, *from;
};

enum format { FORMAT_TEXT, FORMAT_SVG, FORMAT_DOT, FORMAT_JSON, FORMAT_UNKNOWN };

/* By the end of its name; nothing: to the terminal. */
static enum format format_of(const char *output)
{
	static const char *const suffixes[] = {
		[FORMAT_TEXT] = ".txt",
		[FORMAT_SVG] = ".svg",
		[FORMAT_DOT] = ".dot",
		[FORMAT_JSON] = ".json",
	};
	const char *suffix = output ? strrchr(output, '.') : NULL;

	if (!output)
		return FORMAT_TEXT;
	for (int i = 0; suffix && i < FORMAT_UNKNOWN; i++)
		if (!strcmp(suffix, suffixes[i]))
			return (enum format)i;
	return FORMAT_UNKNOWN;
}

/* The namespaces to draw, as flags; NULL in *out: all.  Returns an exit status. */
static int choose(
	const struct map_options *o, const struct topology *t, char **nodes, int count, bool **out)
{
	bool *shown = NULL, any = false;

	*out = NULL;
	if (!o->network && !count)
		return EXIT_DONE;
	shown = calloc(t->netns_count + 1, sizeof(*shown));
	if (!shown) {
		fprintf(stderr, "warren map: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	for (size_t i = 0; o->network && i < t->netns_count; i++) {
		shown[i] = !strcmp(t->netns[i].node.network, o->network);
		any = any || shown[i];
	}
	if (o->network && !any) {
		fprintf(stderr, "warren map: no network '%s' is up\n", o->network);
		free(shown);
		return EXIT_FAILED;
	}
	for (int i = 0; i < count; i++) {
		int at = topology_netns_named(t, nodes[i]);

		if (at < 0) {
			fprintf(stderr,
				"warren map: no node '%s': expected a Warren node, an `ip netns` name, "
				"pid:N or a path\n",
				nodes[i]);
			free(shown);
			return EXIT_FAILED;
		}
		shown[at] = true;
	}
	*out = shown;
	return EXIT_DONE;
}

/* The whole text, or an error that names the file. */
static int text_write(const char *output, const char *text)
{
	FILE *file = output ? fopen(output, "we") : stdout;
	int err = 0;

	if (!file || fputs(text, file) < 0 || fflush(file))
		err = errno;
	if (file && output && fclose(file) && !err)
		err = errno;
	if (!err)
		return EXIT_DONE;
	fprintf(stderr, "warren map: %s: %s\n", output ? output : "standard output", strerror(err));
	return EXIT_FAILED;
}

static char *json_text(const struct map *m, const struct question *q, const struct verdict *v)
{
	json_t *top = map_json(m);
	char *text = NULL, *lines = NULL;

	if (q->destination)
		json_object_set_new(top, "path", verdict_json(q, v));
	text = top ? json_dumps(top, JSON_INDENT(1)) : NULL;
	if (text && asprintf(&lines, "%s\n", text) < 0)
		lines = NULL;
	free(text);
	json_decref(top);
	return lines;
}

static int map_draw(const struct map_options *o, const struct map *m, const struct question *q,
	const struct verdict *v)
{
	struct terminal terminal = terminal_look(stdout);
	struct canvas_look look = {
		.utf8 = terminal.utf8, .colours = terminal.colours && !o->output};
	char *text = NULL;
	int status;

	switch (format_of(o->output)) {
	case FORMAT_SVG:
		text = map_svg(m);
		break;
	case FORMAT_DOT:
		text = map_dot(m);
		break;
	case FORMAT_JSON:
		text = json_text(m, q, v);
		break;
	default:
		text = map_text(m, o->output ? 0 : terminal.width, look);
		break;
	}
	if (!text) {
		fprintf(stderr, "warren map: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	status = text_write(o->output, text);
	free(text);
	return status;
}

static void tunnels_join(struct map *m, const struct topology *t)
{
	struct tunnel_pair *pairs;
	ssize_t count = tunnels_find(t, &pairs);

	for (ssize_t i = 0; i < count; i++)
		map_join(m, pairs[i].device, pairs[i].other);
	free(pairs);
}

/* What could not be seen, in a line on stderr. */
static void unseen_say(const struct topology *t)
{
	size_t closed = 0;

	for (size_t i = 0; i < t->netns_count; i++)
		closed += t->netns[i].closed && t->netns[i].closed_errno == EPERM;
	if (closed)
		fprintf(stderr,
			"warren map: not looked into, for want of CAP_SYS_ADMIN: %zu namespace%s\n",
			closed, closed == 1 ? "" : "s");
}

static int map_show(const struct map_options *o, char **nodes, int count)
{
	struct question q = {.destination = o->path, .from = o->from};
	struct verdict v = {0};
	struct topology t = {0};
	struct map m = {0};
	struct error e = {0};
	bool *shown = NULL;
	int status = EXIT_DONE;

	/* A probe is sent from inside the networks; without one we look at them from here, where
	 * an ordinary user also sees the host. */
	if ((o->path && (holder_enter_if_needed(HOLDER_JOIN, &e) || why_ask(&q, &v, &e))) ||
		topology_read(&t, &e)) {
		fprintf(stderr, "warren map: %s\n", e.text);
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE)
		status = choose(o, &t, nodes, count, &shown);
	if (status == EXIT_DONE && map_build(&m, &t, shown)) {
		fprintf(stderr, "warren map: %s\n", strerror(ENOMEM));
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE) {
		tunnels_join(&m, &t);
		if (o->path)
			map_path(&m, &q, &v);
		status = map_draw(o, &m, &q, &v);
		unseen_say(&t);
	}
	free(shown);
	map_free(&m);
	topology_free(&t);
	verdict_done(&v);
	return status;
}

static int map_run(const struct command *c, int argc, char **argv)
{
	struct map_options o = {0};
	int at = options_parse(c, &o, argc, argv);

	if (at < 0)
		return options_exit(at);
	if (format_of(o.output) == FORMAT_UNKNOWN) {
		fprintf(stderr,
			"warren map: --output '%s': expected a name that ends in .svg, .dot, .json "
			"or .txt\n",
			o.output);
		return EXIT_USAGE;
	}
	if (o.from && !o.path) {
		fprintf(stderr, "warren map: --from goes with --path\n");
		return EXIT_USAGE;
	}
	return map_show(&o, argv + at, argc - at);
}

static const struct option_row options[] = {
	{"output", 'o', "FILE", "write FILE, which ends in .svg, .dot, .json or .txt", OPTION_TEXT,
		offsetof(struct map_options, output), 0, 0},
	{"network", 0, "NAME", "only the nodes of this network", OPTION_TEXT,
		offsetof(struct map_options, network), 0, 0},
	{"path", 0, "DST", "send a probe to DST and draw its way", OPTION_TEXT,
		offsetof(struct map_options, path), 0, 0},
	{"from", 0, "NODE", "where the probe of --path starts (default: here)", OPTION_TEXT,
		offsetof(struct map_options, from), 0, 0},
	{0},
};

const struct command cmd_map = {
	.name = "map",
	.takes = "[NODE...]",
	.summary = "the picture: namespaces as rooms, devices as pipes with both ends",
	.about =
		"Draws the whole machine, or only NODE..., into the terminal or a file.  Each device is a\n"
		"row on the wall of its room; behind it is the wire to its other end, the process that\n"
		"holds it, or the physical wire.  Tunnels that belong together are joined by a double\n"
		"line.  Green is up, yellow has no carrier or does not forward, red is down.\n\n"
		"  warren map --network vpn\n"
		"  warren map --from site-a --path 192.168.4.10 -o why.svg\n\n"
		"With --path the devices that the probe passed are marked *, and where it ended x.",
	.options = options,
	.min = 0,
	.max = -1,
	.run = map_run,
};
