#include "see/stations.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/scoped.h"
#include "see/usdt.h"

enum {
	PROBES_MAX = 32, /* of one program */
	/* Of a kernel that may be newer than our headers (include/uapi/linux/bpf.h). */
	UPROBE_MULTI = 48,
};

/* union bpf_attr of BPF_LINK_CREATE with that type. */
struct link_wish {
	uint32_t program, target, type, flags;
	uint64_t path, offsets, semaphores, cookies;
	uint32_t count, multi_flags, pid, unused;
};

/* Does the kernel's enumeration have this member? */
static bool kernel_has(const struct btf *kernel, const char *enumeration, const char *member)
{
	int id = btf__find_by_name_kind(kernel, enumeration, BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(kernel, (uint32_t)id);

	for (uint16_t i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(kernel, btf_enum(t)[i].name_off), member))
			return true;
	return false;
}

void stations_prepare(struct stations *s, const struct btf *kernel, struct bpf_program *program,
	struct bpf_map *places, const struct station_kind *kinds, size_t kind_count)
{
	*s = (struct stations){.kinds = kinds, .kind_count = kind_count};
	if (!kernel_has(kernel, "bpf_func_id", "BPF_FUNC_get_attach_cookie")) { /* 5.15 */
		bpf_program__set_autoload(program, false);
		return;
	}
	s->program = program;
	s->places = places;
	s->together = kernel_has(kernel, "bpf_attach_type", "BPF_TRACE_UPROBE_MULTI");
	if (s->together)
		bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)UPROBE_MULTI);
}

static bool is_new(struct stations *s, const struct stat *st)
{
	for (size_t i = 0; i < s->asked_count; i++)
		if (s->asked[i].device == st->st_dev && s->asked[i].inode == st->st_ino)
			return false;
	if (s->asked_count == STATION_PROGRAMS)
		return false;
	s->asked[s->asked_count].device = st->st_dev;
	s->asked[s->asked_count++].inode = st->st_ino;
	return true;
}

/* Puts a probe among the places; returns its number, or a negative one when it is none of ours. */
static int place_add(struct stations *s, const struct usdt_probe *p)
{
	for (size_t i = 0; i < s->kind_count; i++) {
		struct station_place place = {.kind = s->kinds[i].kind};
		uint32_t number = (uint32_t)s->place_count;

		if (strcmp(p->name, s->kinds[i].probe) != 0 ||
			p->argument_count != STATION_ARGUMENTS || number == STATION_PLACES)
			continue;
		memcpy(place.arguments, p->arguments, sizeof(place.arguments));
		if (bpf_map_update_elem(bpf_map__fd(s->places), &number, &place, BPF_ANY))
			return -errno;
		s->place_count++;
		return (int)number;
	}
	return -ENOENT;
}

static int attach_together(struct stations *s, const char *exe, const struct usdt_probe *list,
	const int *numbers, size_t count)
{
	uint64_t offsets[PROBES_MAX], semaphores[PROBES_MAX], cookies[PROBES_MAX];
	struct link_wish wish = {
		.program = (uint32_t)bpf_program__fd(s->program),
		.type = UPROBE_MULTI,
		.path = (uintptr_t)exe,
		.offsets = (uintptr_t)offsets,
		.semaphores = (uintptr_t)semaphores,
		.cookies = (uintptr_t)cookies,
	};
	long fd;

	for (size_t i = 0; i < count; i++) {
		if (numbers[i] < 0)
			continue;
		offsets[wish.count] = list[i].at;
		semaphores[wish.count] = list[i].semaphore;
		cookies[wish.count++] = (uint64_t)numbers[i];
	}
	if (!wish.count)
		return 0;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &wish, sizeof(wish));
	if (fd < 0)
		return -errno;
	s->fds[s->fd_count++] = (int)fd;
	return (int)wish.count;
}

static int attach_each(struct stations *s, const char *exe, const struct usdt_probe *list,
	const int *numbers, size_t count)
{
	int attached = 0;

	for (size_t i = 0; i < count && s->link_count < STATION_LINKS; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = list[i].semaphore,
			.bpf_cookie = (__u32)numbers[i]);
		struct bpf_link *link;

		if (numbers[i] < 0)
			continue;
		link = bpf_program__attach_uprobe_opts(s->program, -1, exe, list[i].at, &options);
		if (!link)
			return attached ? attached : -errno;
		s->links[s->link_count++] = link;
		attached++;
	}
	return attached;
}

int stations_attach(struct stations *s, const char *exe)
{
	struct usdt_probe list[PROBES_MAX];
	SCOPED_FD int fd = open(exe, O_RDONLY | O_CLOEXEC);
	int numbers[PROBES_MAX];
	size_t count;
	struct stat st;
	void *elf;

	if (!s->program)
		return 0;
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!is_new(s, &st) || st.st_size <= 0)
		return 0;
	/* A program that runs cannot be cut short meanwhile. */
	elf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (elf == MAP_FAILED)
		return -errno;
	count = usdt_read(elf, (size_t)st.st_size, "warren", list, PROBES_MAX);
	munmap(elf, (size_t)st.st_size);
	for (size_t i = 0; i < count; i++)
		numbers[i] = place_add(s, &list[i]);
	return s->together ? attach_together(s, exe, list, numbers, count)
			   : attach_each(s, exe, list, numbers, count);
}

void stations_detach(struct stations *s)
{
	for (size_t i = 0; i < s->fd_count; i++)
		close(s->fds[i]);
	for (size_t i = 0; i < s->link_count; i++)
		bpf_link__destroy(s->links[i]);
	*s = (struct stations){0};
}
