#include "see/usdt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include "test.h"

volatile unsigned short probed_here_semaphore __attribute__((section(".probes")));
volatile unsigned short probed_there_semaphore __attribute__((section(".probes")));

static size_t own_probes(const char *provider, struct usdt_probe *list, size_t room)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *elf;
	size_t count;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	elf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(elf != MAP_FAILED);
	count = usdt_read(elf, (size_t)st.st_size, provider, list, room);
	munmap(elf, (size_t)st.st_size);
	close(fd);
	return count;
}

TEST(a_program_finds_its_own_probes_and_no_others)
{
	struct usdt_probe list[8];
	volatile uint32_t number = 7;

	STAP_PROBE3(probed, here, &number, number, 42);
	STAP_PROBE1(probed, there, number);
	CHECK(own_probes("nobody", list, 8) == 0);
	CHECK(own_probes("probed", list, 8) == 2);
	CHECK(own_probes("probed", list, 1) == 1);
	own_probes("probed", list, 8);
	CHECK(!strcmp(list[0].name, "here") && !strcmp(list[1].name, "there"));
	CHECK(list[0].at && list[0].semaphore && list[0].at != list[1].at);
	CHECK(list[0].semaphore != list[1].semaphore);
	CHECK(list[0].argument_count == 3 && list[1].argument_count == 1);
	CHECK(list[0].arguments[0].bytes == 8);
	CHECK(list[0].arguments[2].source == STATION_CONSTANT && list[0].arguments[2].value == 42);
}

TEST(what_is_no_program_has_no_probes)
{
	struct usdt_probe list[1];

	CHECK(usdt_read("", 0, "probed", list, 1) == 0);
	CHECK(usdt_read("#!/bin/sh\n", 10, "probed", list, 1) == 0);
}

#if defined(__x86_64__)
static bool parses(const char *text, struct station_argument *a)
{
	const char *rest = usdt_argument_parse(text, a);

	return rest && !*rest;
}

TEST(an_argument_is_a_constant_a_register_or_memory_beside_one)
{
	struct station_argument a;

	CHECK(parses("-4@$-5", &a) && a.source == STATION_CONSTANT && a.value == -5);
	CHECK(a.is_signed && a.bytes == 4);
	CHECK(parses("4@%r13d", &a) && a.source == STATION_REGISTER && a.base == 16);
	CHECK(!a.is_signed && a.bytes == 4);
	CHECK(parses("1@%sil", &a) && a.base == 104 && a.bytes == 1);
	CHECK(parses("8@-16(%rbp)", &a) && a.source == STATION_MEMORY && a.value == -16);
	CHECK(a.base == 32 && !a.scale);
	CHECK(parses("8@(%rdx)", &a) && a.value == 0 && a.base == 96);
	CHECK(parses("2@8(%rax,%rbx,4)", &a) && a.base == 80 && a.index == 40 && a.scale == 4);
	CHECK(parses("2@(%rax,%rbx)", &a) && a.scale == 1);
}

TEST(what_else_stands_there_is_refused)
{
	static const char *const wrong[] = {"", "8", "3@%rax", "8@%rzx", "8@(%rax",
		"8@(%rax,%rbx,3)", "8@foo(%rip)", "8@(rax)", "@%rax", "8@%rax,"};
	struct station_argument a;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!usdt_argument_parse(wrong[i], &a));
}
#endif
