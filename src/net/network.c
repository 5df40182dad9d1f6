#include "net/network.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"
#include "net/apply.h"
#include "net/keys.h"
#include "net/lodger.h"
#include "net/netns.h"
#include "net/process.h"
#include "net/ready.h"
#include "net/state.h"
#include "net/tunnels.h"

/* Seconds that `down` waits for process 1 to bury what has ended. */
enum { VANISH = 2 };

static const char text_up[] = ".plan.yaml", text_next[] = ".next.yaml";

/* Everything that one `up` or `plan` works with. */
struct work {
	struct plan plan;
	char *text; /* the file's */
	struct state *state;
	struct plan before[2]; /* zeroed: none */
	const struct plan *before_list[4];
	struct keys keys;
	struct current now;
	struct operations operations;
};

static void work_free(struct work *w)
{
	operations_free(&w->operations);
	current_free(&w->now);
	keys_done(&w->keys);
	plan_free(&w->before[0]);
	plan_free(&w->before[1]);
	plan_free(&w->plan);
	free(w->text);
}

/* A node costs two descriptors, so many nodes need more than the usual 1024. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int text_read(const char *path, char **out, size_t *size, struct error *e)
{
	bool standard = !strcmp(path, "-");
	SCOPED_FD int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0, room = 65536;
	SCOPED_FREE char *text = malloc(room);

	if (fd < 0)
		return error_errno(e, errno, "%s", path);
	for (;;) {
		ssize_t got = text ? read(fd, text + n, room - n - 1) : -1;

		if (got < 0)
			return error_errno(e, text ? errno : ENOMEM, "%s", path);
		if (!got)
			break;
		n += (size_t)got;
		if (n + 1 == room) {
			char *grown = realloc(text, room *= 2);

			if (!grown)
				return error_errno(e, ENOMEM, "%s", path);
			text = grown;
		}
	}
	text[n] = '\0';
	*size = n;
	*out = text;
	text = NULL;
	return 0;
}

static int plan_take(struct work *w, const char *path, struct error *e)
{
	size_t size = 0;
	int err = text_read(path, &w->text, &size, e);

	if (!err)
		err = plan_parse(&w->plan, path, w->text, size, e);
	if (!err && strlen(w->text) != size)
		err = error_set(e, EINVAL, "%s: a zero byte in the text", path);
	return err ? err : tunnels_check(&w->plan, e);
}

/* The plans of what is up, and of what a killed `up` was about to do. */
static void before_take(struct work *w)
{
	static const char *const names[] = {text_up, text_next};
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		char *text = w->state->directory < 0 ? NULL : state_read_file(w->state, names[i]);
		char file[192];

		/* A file without a name: of its own was called after its path. */
		snprintf(file, sizeof(file), "%s.yaml", w->state->network);
		if (text && !plan_parse(&w->before[n], file, text, strlen(text), NULL))
			n++;
		free(text);
	}
	w->before_list[0] = n > 0 ? &w->before[0] : NULL;
	w->before_list[1] = n > 1 ? &w->before[1] : NULL;
}

static int compare_now(struct work *w, struct error *e)
{
	int err = current_read(&w->now, &w->plan, w->state, e);

	return err ? err
		   : operations_compute(
			     &w->operations, &w->plan, w->before_list, &w->now, &w->keys, e);
}

static void compare_forget(struct work *w)
{
	operations_free(&w->operations);
	current_free(&w->now);
}

ssize_t network_plan(const char *path, network_print *print, void *arg, struct error *e)
{
	struct state state = STATE_CLOSED;
	struct work w = {.state = &state, .keys.directory = -1};
	ssize_t count;
	int err;

	descriptors_raise();
	err = plan_take(&w, path, e);
	if (!err) {
		err = state_peek(&state, w.plan.name, e);
		err = err == -ENOENT ? 0 : err;
	}
	if (!err) {
		before_take(&w);
		w.keys.directory = state.directory;
		err = compare_now(&w, e);
	}
	for (size_t i = 0; !err && i < w.operations.count; i++)
		print(&w.operations.list[i], arg);
	count = err ? err : (ssize_t)w.operations.count;
	work_free(&w);
	state_close(&state);
	return count;
}

static int apply_work(struct work *w, const struct network_how *how, bool onward, struct error *e)
{
	struct apply a = {
		.plan = &w->plan,
		.state = w->state,
		.keys = &w->keys,
		.stop = onward ? NULL : how->stop,
		.progress = how->progress,
	};
	int err = apply_all(&a, &w->operations, onward, e);

	if (!err && !onward)
		err = ready_wait(&a, e);
	apply_done(&a);
	return err;
}

static int down_locked(struct state *s, const struct network_how *how, struct error *e);

/* Goes back to what was up before, or to nothing.  Says in the error what could not be undone. */
static void undo(struct work *w, const struct network_how *how, struct error *e)
{
	struct work back = {.state = w->state, .keys.directory = w->state->directory};
	char *text = state_read_file(w->state, text_up);
	struct error said = {0}, first;
	int err;

	if (!text) {
		err = down_locked(w->state, how, &said);
	} else {
		err = plan_parse(&back.plan, w->plan.file, text, strlen(text), &said);
		/* What this run made is "before" now, beside what was there. */
		back.before_list[0] = &w->plan;
		back.before_list[1] = &w->before[0];
		if (!err)
			err = compare_now(&back, &said);
		if (!err)
			err = apply_forget_ended(w->state, &said);
		if (!err)
			err = apply_work(&back, how, true, &said);
		if (!err)
			unlinkat(w->state->directory, text_next, 0);
	}
	first = *e;
	if (err)
		error_set(e, 1, "%.600s; and undoing it failed: %.380s", first.text, said.text);
	free(text);
	work_free(&back);
}

static int converge(struct work *w, const struct network_how *how, size_t *changes, struct error *e)
{
	bool fresh = !w->before_list[0];
	int err = compare_now(w, e);

	*changes = w->operations.count;
	if (!err)
		err = apply_forget_ended(w->state, e);
	if (err || !w->operations.count)
		return err;
	err = state_write_file(w->state, text_next, w->text, e);
	if (!err)
		err = apply_work(w, how, false, e);
	/* The kernel takes some things along when others change (routes with an address, settings
	 * with `ip_forward`): look again, and put back what should not have gone. */
	if (!err && !fresh) {
		compare_forget(w);
		w->before_list[2] = w->before_list[1];
		w->before_list[1] = w->before_list[0];
		w->before_list[0] = &w->plan;
		err = compare_now(w, e);
		if (!err && w->operations.count)
			err = apply_work(w, how, false, e);
	}
	if (err)
		undo(w, how, e);
	return err;
}

static int file_note(struct work *w, const char *path, struct error *e)
{
	char whole[PATH_MAX];

	if (!strcmp(path, "-") || !realpath(path, whole))
		snprintf(whole, sizeof(whole), "%s", path);
	return state_write_file(w->state, ".file", whole, e);
}

int network_up(const char *path, const struct network_how *how, size_t *changes, struct error *e)
{
	struct state state = STATE_CLOSED;
	struct work w = {.state = &state, .keys.directory = -1};
	int err;

	*changes = 0;
	descriptors_raise();
	err = plan_take(&w, path, e);
	if (!err)
		err = state_open(&state, w.plan.name, true, how->waiting, e);
	if (!err) {
		w.keys.directory = state.directory;
		before_take(&w);
		err = converge(&w, how, changes, e);
		if (!err)
			err = file_note(&w, path, e);
		if (!err)
			err = state_write_file(&state, text_up, w.text, e);
		if (!err && unlinkat(state.directory, text_next, 0) && errno != ENOENT)
			err = error_errno(e, errno, "%s", text_next);
		/* Nothing was up before and nothing was made: leave no folder. */
		if (err && !w.before_list[0] && !state.journal.count)
			state_remove(&state, NULL);
	}
	work_free(&w);
	state_close(&state);
	return err;
}

/* Programs that somebody started in a node keep its namespace alive without its name. */
static void lodger_say(pid_t pid, const char *name, const char *node, void *arg)
{
	const struct network_how *how = arg;
	char line[256];

	snprintf(line, sizeof(line),
		"process %d (%s) still lives in node %s: its namespace goes with it", (int)pid,
		name, node);
	how->note(line);
}

/* All that the journal has; the caller frees the list. */
static size_t processes_list(const struct state *s, struct process **out)
{
	const char *rest, *value;
	size_t count = 0;

	*out = calloc(s->journal.count + 1, sizeof(**out));
	for (size_t at = 0; *out && state_next(s, "process/", &at, &rest, &value);)
		count += process_parse(&(*out)[count], value);
	return count;
}

static int down_locked(struct state *s, const struct network_how *how, struct error *e)
{
	SCOPED_FREE struct process *processes = NULL;
	size_t at = 0, count = processes_list(s, &processes);
	int err = apply_end_processes(s, NULL, e);
	int64_t deadline = clock_now() + VANISH * SECOND;
	const char *node, *value;

	if (!err && how->note)
		lodger_find(s, lodger_say, (void *)(uintptr_t)how);
	while (!err && state_next(s, "node/", &at, &node, &value)) {
		char name[512];
		struct error said = {0};

		snprintf(name, sizeof(name), "%s.%s", s->network, node);
		if (netns_unname(name, state_node(s, node), &said) == -EBUSY && how->note)
			how->note(said.text); /* not ours any more: leave it */
	}
	if (!err)
		err = state_remove(s, e);
	for (size_t i = 0; i < count && !err; i++)
		process_vanish(&processes[i], deadline);
	return err;
}

int network_down(const char *name, const struct network_how *how, struct error *e)
{
	struct state s;
	int err = state_open(&s, name, false, how->waiting, e);

	if (err == -ENOENT)
		return error_set(e, ENOENT, "network '%s' is not up", name);
	if (!err) {
		err = down_locked(&s, how, e);
		state_close(&s);
	}
	return err;
}

static bool is_up(const char *name)
{
	struct state s;
	bool up;

	if (!*name || *name == '.' || strchr(name, '/'))
		return false;
	up = !state_peek(&s, name, NULL);
	/* Of an `up` that was killed at its very beginning an empty folder is left; opening it
	 * in earnest takes that away. */
	if (up || !state_open(&s, name, false, NULL, NULL))
		state_close(&s);
	return up;
}

/* The network that was made from the file at this path. */
static bool came_from(char out[128], const char *path)
{
	char whole[PATH_MAX], **names;
	ssize_t count = state_list(&names);
	bool found = false;

	if (!realpath(path, whole)) {
		/* The file may be lost; then its folder must do. */
		if (path[0] == '/' || !getcwd(whole, sizeof(whole) / 2))
			snprintf(whole, sizeof(whole), "%s", path);
		else
			snprintf(whole + strlen(whole), sizeof(whole) - strlen(whole), "/%s",
				strncmp(path, "./", 2) ? path : path + 2);
	}
	for (ssize_t i = 0; i < count; i++) {
		struct state s;
		char *file;

		if (!found && !state_peek(&s, names[i], NULL)) {
			file = state_read_file(&s, ".file");
			found = file && !strcmp(file, whole);
			if (found)
				snprintf(out, 128, "%s", names[i]);
			free(file);
			state_close(&s);
		}
		free(names[i]);
	}
	free(names);
	return found;
}

int network_find(char out[128], const char *what, struct error *e)
{
	struct plan plan = {0};
	struct error said = {0};
	struct stat st;
	int err;

	if (is_up(what)) {
		snprintf(out, 128, "%s", what);
		return 0;
	}
	if (came_from(out, what))
		return 0;
	if (stat(what, &st) || S_ISDIR(st.st_mode))
		return error_set(e, ENOENT, "network '%s' is not up", what);
	err = plan_load(&plan, what, &said);
	if (err)
		return error_set(e, -err, "%s", said.text);
	snprintf(out, 128, "%s", plan.name);
	plan_free(&plan);
	return is_up(out) ? 0 : error_set(e, ENOENT, "network '%s' (of %s) is not up", out, what);
}

static void summary_fill(struct network_summary *n, const struct state *s)
{
	const char *rest, *value;
	char *text = state_read_file(s, text_next);
	struct plan plan = {0};
	struct process p;

	n->partial = text != NULL;
	if (!text)
		text = state_read_file(s, text_up);
	n->file = state_read_file(s, ".file");
	if (text && !plan_parse(&plan, s->network, text, strlen(text), NULL)) {
		n->link_count = plan.link_count;
		n->tunnel_count = plan.tunnel_count;
	}
	n->partial = n->partial || !text;
	plan_free(&plan);
	free(text);
	for (size_t at = 0; state_next(s, "node/", &at, &rest, &value);) {
		char **grown = reallocarray(n->nodes, n->node_count + 1, sizeof(*grown));

		if (!grown)
			return;
		n->nodes = grown;
		n->nodes[n->node_count] = strdup(rest);
		n->node_count += n->nodes[n->node_count] != NULL;
	}
	for (size_t at = 0; state_next(s, "process/", &at, &rest, &value);) {
		n->expected++;
		n->running += process_parse(&p, value) && process_lives(&p);
	}
}

ssize_t network_list(struct network_summary **out, struct error *e)
{
	char **names;
	ssize_t count = state_list(&names);
	size_t n = 0;

	*out = NULL;
	if (count < 0)
		return error_errno(e, (int)-count, "%s", node_state_directory());
	*out = calloc((size_t)count + 1, sizeof(**out));
	for (ssize_t i = 0; i < count; i++) {
		struct state s;

		if (*out && !state_peek(&s, names[i], NULL)) {
			snprintf((*out)[n].name, sizeof((*out)[n].name), "%s", names[i]);
			summary_fill(&(*out)[n++], &s);
			state_close(&s);
		}
		free(names[i]);
	}
	free(names);
	return *out ? (ssize_t)n : error_errno(e, ENOMEM, "the list of networks");
}

void network_list_free(struct network_summary *list, size_t count)
{
	for (size_t i = 0; list && i < count; i++) {
		for (size_t k = 0; k < list[i].node_count; k++)
			free(list[i].nodes[k]);
		free(list[i].nodes);
		free(list[i].file);
	}
	free(list);
}
