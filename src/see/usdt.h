/* usdt.h - where a program can be listened to, and where its words lie there
 *
 * A program with USDT probes has a note for each place: an instruction that
 * does nothing, a counter of listeners, and how to find each argument when
 * the processor is there - in a register, in memory beside one, or a constant:
 *
 *	warren:seal at 0xa7713, counter at 0x1312c6, "8@%rdi 4@-12(%rdi) 4@$0 ..."
 *	                                              |      |           |
 *	                                       a register  memory    a constant
 *
 * The notes are read here, for x86-64 and aarch64, and not by libbpf, because
 * libbpf makes a link of each place, and each link waits for a grace period of
 * its own when it is taken away (stations.h makes one of all).
 *
 * Pure: the bytes of an ELF file in, places out.  The file may be anything.
 *
 * Source: SystemTap's sys/sdt.h; System V ABI, "Note Section".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "see/station_place.h"

enum { USDT_NAME = 16 };

struct usdt_probe {
	char name[USDT_NAME];
	uint64_t at;	    /* offset in the file, of the instruction */
	uint64_t semaphore; /* offset in the file, of the counter; 0 none */
	size_t argument_count;
	struct station_argument arguments[STATION_ARGUMENTS];
};

/* usdt_read - the probes of a provider
 *
 * elf, size  the program's file
 * list       out: at most `room`
 *
 * Returns how many there are; 0 also for what is no program of this machine.
 * A probe with an argument that cannot be understood is left out.
 */
size_t usdt_read(
	const void *elf, size_t size, const char *provider, struct usdt_probe *list, size_t room);

/* usdt_argument_parse - one argument of a note: "4@-12(%rdi)"; returns what follows, NULL: not
 * understood */
const char *usdt_argument_parse(const char *text, struct station_argument *a);
