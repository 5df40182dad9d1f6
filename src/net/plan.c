#include "net/plan.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scoped.h"
#include "net/plan_build.h"
#include "net/schema.h"
#include "net/value.h"

enum { OBJECTS = 1 << 17 };

/* "dir/vpn.yaml" -> "vpn" */
static const char *name_from_file(struct arena *a, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".yaml"))
		n -= 5;
	else if (n > 4 && !strcmp(base + n - 4, ".yml"))
		n -= 4;
	return arena_copy(a, base, n);
}

static int read_name(struct build *b, const struct tree *file)
{
	const char *name = build_text(file, "name");

	b->plan->name = name ? name : name_from_file(b->arena, b->file);
	if (value_is_name(b->plan->name))
		return 0;
	return BUILD_FAIL(b, file->at,
		"found no 'name', and none can be made of the file's, expected name: and a "
		"name of letters, digits, '_' and '-'");
}

static int build(struct build *b, const struct tree *file)
{
	static int (*const steps[])(struct build * b, const struct tree *file) = {
		read_name, plan_nodes_build, plan_links_build, plan_nets_build, plan_tunnels_build};
	static int (*const later[])(struct build * b) = {plan_devices_build, plan_addresses_build,
		plan_routes_build, plan_sysctls_build, plan_tunnels_derive};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = steps[i](b, file);
	for (size_t i = 0; !err && i < sizeof(later) / sizeof(later[0]); i++)
		err = later[i](b);
	return err ? err : plan_checks_build(b, file);
}

int plan_parse(
	struct plan *out, const char *file_name, const char *text, size_t size, struct error *e)
{
	struct arena *arena = arena_new();
	struct plan plan = {.arena = arena, .file = arena_text(arena, file_name)};
	struct names *names = arena_get(arena, sizeof(*names));
	struct build b = {.plan = &plan,
		.arena = arena,
		.file = plan.file,
		.names = {.arena = arena},
		.budget = OBJECTS,
		.e = e};
	struct tree tree;
	int err = tree_parse(&tree, arena, plan.file, text, size, e);

	if (!err)
		err = schema_check(&schema_file, &tree, plan.file, e);
	if (!err)
		err = build(&b, &tree);
	if (err) {
		arena_free(arena);
		return err;
	}
	*names = b.names;
	plan.names = names;
	*out = plan;
	return 0;
}

/* The whole of a descriptor; *size bytes that the caller frees, or NULL and errno. */
static char *read_all(int fd, size_t *size)
{
	enum { STEP = 64 << 10, MOST = 64 << 20 };
	char *text = NULL, *bigger;
	ssize_t n;

	for (*size = 0;; *size += (size_t)n) {
		if (*size > MOST) {
			errno = EFBIG;
			break;
		}
		bigger = realloc(text, *size + STEP);
		if (!bigger)
			break;
		text = bigger;
		do {
			n = read(fd, text + *size, STEP);
		} while (n < 0 && errno == EINTR);
		if (n < 0)
			break;
		if (!n)
			return text;
	}
	free(text);
	return NULL;
}

int plan_load(struct plan *out, const char *path, struct error *e)
{
	bool input = !strcmp(path, "-");
	SCOPED_FD int fd = input ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	SCOPED_FREE char *text = NULL;
	size_t size;

	if (!input && fd < 0)
		return error_errno(e, errno, "%s", path);
	text = read_all(input ? STDIN_FILENO : fd, &size);
	if (!text)
		return error_errno(e, errno, "%s", path);
	return plan_parse(out, input ? "standard input" : path, text, size, e);
}

void plan_free(struct plan *p)
{
	arena_free(p->arena);
	*p = (struct plan){0};
}

int plan_error(
	struct error *e, const struct plan *p, struct place at, int number, const char *format, ...)
{
	char text[sizeof(e->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return place_error(e, p->file, at, number, "%s", text);
}

int plan_find_node(const struct plan *p, const char *name)
{
	return names_find(p->names, -1, name, strlen(name));
}

int plan_find_device(const struct plan_node *n, const char *name)
{
	for (size_t i = 0; i < n->device_count; i++)
		if (!strcmp(n->devices[i].name, name))
			return (int)i;
	return -1;
}
