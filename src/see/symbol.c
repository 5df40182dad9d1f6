#include "see/symbol.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/scoped.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* generated code */
#include "see/symbol.skel.h"
#pragma GCC diagnostic pop

struct symbol {
	uint64_t address;
	const char *name;
};

static int symbol_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct symbol *)a)->address, y = ((const struct symbol *)b)->address;

	return (x > y) - (x < y);
}

static char *file_read(const char *name)
{
	SCOPED_FD int fd = open(name, O_RDONLY | O_CLOEXEC);
	size_t size = 0, room = 8 << 20;
	char *text = fd >= 0 ? malloc(room + 1) : NULL;
	ssize_t got;

	while (text && (got = read(fd, text + size, room - size)) > 0) {
		size += (size_t)got;
		if (size == room) {
			char *grown = realloc(text, (room *= 2) + 1);

			if (!grown)
				break;
			text = grown;
		}
	}
	if (text)
		text[size] = '\0';
	return text;
}

/* Lines are "ADDRESS TYPE NAME[\tMODULE]"; functions are of type t, T, w or W. */
static void list_read(struct symbols *s)
{
	char *next, *line;
	size_t room = 0;

	s->text = file_read("/proc/kallsyms");
	for (next = s->text; next && *next;) {
		char *end;
		uint64_t address;

		line = next;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		address = strtoull(line, &end, 16);
		if (!address || end[0] != ' ' || !end[1] || !strchr("tTwW", end[1]) ||
			end[2] != ' ')
			continue;
		if (s->count == room) {
			struct symbol *grown = reallocarray(
				s->list, room = room ? 2 * room : 65536, sizeof(*grown));

			if (!grown)
				break;
			s->list = grown;
		}
		end[3 + strcspn(end + 3, ".\t")] =
			'\0'; /* ip_fragment.constprop.0 is ip_fragment */
		s->list[s->count++] = (struct symbol){address, end + 3};
	}
	if (s->count)
		qsort(s->list, s->count, sizeof(*s->list), symbol_compare);
}

static const char *list_find(struct symbols *s, uint64_t location)
{
	size_t low = 0, high;

	if (!s->text)
		list_read(s);
	high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->list[middle].address <= location)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? s->list[low - 1].name : "";
}

void symbol_cut(char *name)
{
	if (!strncmp(name, "0x", 2))
		name[0] = '\0';
	name[strcspn(name, ".+ \t[")] = '\0';
}

/* false: this kernel does not run programs on demand, or not for us. */
static bool kernel_ask(struct symbols *s, uint64_t location, char name[SYMBOL_NAME])
{
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (!s->asked) {
		s->asked = true;
		s->bpf = symbol_bpf__open_and_load();
	}
	if (!s->bpf)
		return false;
	s->bpf->bss->address = location;
	s->bpf->bss->name[0] = '\0';
	if (bpf_prog_test_run_opts(bpf_program__fd(s->bpf->progs.name_tell), &run))
		return false;
	snprintf(name, SYMBOL_NAME, "%.*s", SYMBOL_NAME - 1, s->bpf->bss->name);
	symbol_cut(name);
	return name[0];
}

const char *symbols_name(struct symbols *s, uint64_t location)
{
	char name[SYMBOL_NAME];

	/* The return address lies behind the call, which may be the function's last instruction. */
	location -= 1;
	for (size_t i = 0; i < s->known_count; i++)
		if (s->known[i].location == location)
			return s->known[i].name;
	/* Few places of the kernel lose packets; beyond that there is always the list. */
	if (s->known_count == SYMBOLS_KNOWN || !kernel_ask(s, location, name))
		return list_find(s, location);
	s->known[s->known_count].location = location;
	memcpy(s->known[s->known_count].name, name, sizeof(name));
	return s->known[s->known_count++].name;
}

bool symbols_function(struct symbols *s, const char *name, __u64 *from, __u64 *to)
{
	if (!s->text)
		list_read(s);
	for (size_t i = 0; i + 1 < s->count; i++)
		if (!strcmp(s->list[i].name, name)) {
			*from = s->list[i].address;
			*to = s->list[i + 1].address;
			return true;
		}
	return false;
}

void symbols_done(struct symbols *s)
{
	if (s->bpf)
		symbol_bpf__destroy(s->bpf);
	free(s->text);
	free(s->list);
	*s = (struct symbols){0};
}
