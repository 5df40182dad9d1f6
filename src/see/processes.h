/* processes.h - one walk over /proc: who lives in which namespace, and who holds what open
 *
 *	/proc/PID/ns/net          the namespace a process lives in
 *	/proc/PID/ns/mnt          and whose files it sees
 *	/proc/PID/task/TID/...    a thread may live in another one
 *	/proc/PID/fd/N            a namespace kept open: net:[4026531840]
 *	                          or a tunnel device:    /dev/net/tun, /dev/tapN
 *
 * Reading another user's links needs the right to trace the process; those
 * that refuse are counted.  Processes that end during the walk are left out.
 *
 * Source: proc(5), namespaces(7).
 */
#pragma once
#include "see/topology.h"

struct inhabitant {
	pid_t pid; /* or the id of a thread that lives elsewhere than its process */
	ino_t netns;
	ino_t mounts; /* its mount namespace, 0 unknown */
};

enum descriptor_kind { DESCRIPTOR_NETNS, DESCRIPTOR_TUN, DESCRIPTOR_MACVTAP };

struct descriptor {
	pid_t pid;
	int number;
	enum descriptor_kind kind;
	ino_t netns;	  /* of DESCRIPTOR_NETNS */
	uint32_t ifindex; /* of DESCRIPTOR_MACVTAP: /dev/tap7 is the device with ifindex 7 */
};

struct processes {
	struct inhabitant *inhabitants; /* by pid */
	size_t inhabitant_count;
	struct descriptor *descriptors; /* by pid */
	size_t descriptor_count;
	size_t unseen;
};

int processes_read(struct processes *p, struct error *e);
void processes_free(struct processes *p);

/* process_describe - the name of a process and its container; empty texts once it has ended */
void process_describe(struct process *p, pid_t pid);

/* container_parse - the container's id (12 digits) or name in the text of /proc/PID/cgroup
 *
 * Knows docker, containerd, CRI-O, podman, LXC and systemd-nspawn.  Returns
 * false, and leaves `out` alone, when none of them made the process.
 */
bool container_parse(const char *cgroup, char *out, size_t size);

/* descriptor_parse - what a link in /proc/PID/fd leads to; false: nothing of interest here */
bool descriptor_parse(const char *link, struct descriptor *d);
