/* stations.h - listen at the stations of tunnels' programs
 *
 * A tunnel of ours has a probe where a packet is about to be sealed and one
 * where it was opened (tunnel/probe.h).  All the places of a program are
 * attached as one link, where the kernel has such links (6.6): taking a link
 * away waits for a grace period, a tenth of a second, and one is enough.
 * Before that each place is a link of its own, and waits on its own: the kernel
 * takes them away one after the other, however many threads ask.
 *
 *	stations_prepare()   before the eBPF object is loaded
 *	stations_attach()    for each program that holds a tun: does nothing when it was asked
 *before stations_detach()    all of them
 *
 * One thread owns a struct stations.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_map;
struct bpf_program;
struct btf;

enum { STATION_PROGRAMS = 32, STATION_LINKS = 128, STATION_KINDS = 4 };

/* What a probe's name means. */
struct station_kind {
	const char *probe; /* of the provider `warren` */
	uint32_t kind;	   /* of the event */
};

struct stations {
	struct bpf_program *program; /* NULL: this kernel can't */
	struct bpf_map *places;
	bool together; /* one link for all places of a program */
	const struct station_kind *kinds;
	size_t kind_count, place_count, link_count, fd_count, asked_count;
	struct bpf_link *links[STATION_LINKS];
	int fds[STATION_PROGRAMS];
	struct {
		uint64_t device, inode;
	} asked[STATION_PROGRAMS];
};

/* stations_prepare - choose how; sets the program up to be loaded, or not to be
 *
 * kernel  the kernel's own types
 * kinds   stays valid
 */
void stations_prepare(struct stations *s, const struct btf *kernel, struct bpf_program *program,
	struct bpf_map *places, const struct station_kind *kinds, size_t kind_count);

/* stations_attach - to the probes of the program `exe` ("/proc/PID/exe")
 *
 * Returns how many places were attached: 0 when it has none or was asked
 * before; or -errno.
 */
int stations_attach(struct stations *s, const char *exe);
void stations_detach(struct stations *s);
