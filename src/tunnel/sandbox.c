#include "tunnel/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>
#include <seccomp.h>

enum { NOBODY = 65534, HEAP = 128 << 20, LARGE = 1 << 20, LOCK_SPARE = 256 << 10 };

static void missing_add(struct error *missing, const char *what)
{
	size_t used = strlen(missing->text);

	snprintf(missing->text + used, sizeof(missing->text) - used, "%s%s (%s)", used ? ", " : "",
		what, strerror(errno));
}

/* Where the heap begins; NULL: not known. */
static char *heap_begin(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long begin = 0;
	char line[512];

	while (maps && !begin && fgets(line, sizeof(line), maps))
		if (strstr(line, "[heap]"))
			begin = strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	return (char *)begin;
}

/* May so little be locked that not even what there is now fits?  Then at least where keys lie: the
 * program's own data, and of the heap, which is used from its beginning, as much as is allowed. */
static int heap_lock_part(void)
{
	extern char edata, end;
	uintptr_t data = (uintptr_t)&edata & ~(uintptr_t)4095;
	size_t data_size = (uintptr_t)&end - data;
	char *heap = heap_begin(), *top = sbrk(0);
	struct rlimit limit;
	size_t size;

	if (!heap || getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur < 2 * LOCK_SPARE) {
		errno = ENOMEM;
		return -1;
	}
	size = ((size_t)limit.rlim_cur - LOCK_SPARE) & ~(size_t)4095;
	if (data_size + 4096 < size && !mlock((void *)data, data_size))
		size -= (data_size + 4096 + 4095) & ~(size_t)4095;
	if (size > (size_t)(top - heap))
		size = (size_t)(top - heap);
	return mlock2(heap, size, MLOCK_ONFAULT);
}

/* Where the limit cannot be raised, memory that is taken later could not be locked.  So the heap
 * is made large now, while we may lock what we like: a page of it costs nothing until it is used.
 */
static int heap_lock(void)
{
	void *volatile first; /* or the compiler would see that nobody needs it */

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_TOP_PAD, HEAP);
	first = malloc(HEAP / 2); /* larger than what is free: the heap must grow */
	free(first);
	mallopt(M_TOP_PAD, 1 << 20);
	return mlockall(MCL_CURRENT | MCL_ONFAULT) ? heap_lock_part() : 0;
}

/* A list of a hundred thousand peers is given back when it was sent, and does not stay as a hole
 * in the heap. */
static int memory_lock_all(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, LARGE);
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* Keys are everywhere: in sessions, peers, settings, on the stack.  So all of it is locked, but
 * only when it is touched, since most of what is reserved never is. */
static void memory_lock(struct error *missing)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY}, none = {0, 0};
	bool raised = !setrlimit(RLIMIT_MEMLOCK, &unlimited);

	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_DUMPABLE, 0))
		missing_add(missing, "not dumpable");
	if (raised ? memory_lock_all() : heap_lock())
		missing_add(missing, "locked memory");
}

static void files_forbid(struct error *missing)
{
	/* All rights of the first version; a later kernel's further ones are in the way of
	 * nothing, as open() itself is not among the system calls. */
	struct landlock_ruleset_attr attr = {.handled_access_fs = (1 << 13) - 1};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		missing_add(missing, "Landlock");
	if (fd >= 0)
		close(fd);
}

static void user_change(struct error *missing)
{
	if (geteuid())
		return; /* it was started without root */
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY))
		missing_add(missing, "another user");
}

void sandbox_enter(struct error *missing)
{
	missing->text[0] = '\0';
	memory_lock(missing);

	/* The bounding set first: taking from it needs a capability itself. */
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS))
		missing_add(missing, "empty bounding set");
	user_change(missing);
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT))
		missing_add(missing, "no capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		missing_add(missing, "no new privileges");
	/* Changing the user has made it dumpable again, if the system is set so. */
	prctl(PR_SET_DUMPABLE, 0);
	files_forbid(missing);
}

static const int allowed[] = {
	/* packets */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	/* waiting */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(futex),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* the UAPI socket */
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(lseek),
	/* memory */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	/* the first steps of a thread, which may not have made them yet when this applies to it */
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	/* the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(membarrier),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_getaffinity),
};

static int calls_allow(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(*allowed); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory that can be written and run would be a way around all of this. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* "Is the device still there?" and the number of an interface in an endpoint. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, TUNGETIFF, 0));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, SIOCGIFINDEX, 0));
	return err;
}

int sandbox_seal(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!filter)
		return -ENOMEM;
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = calls_allow(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

void sandbox_parent(void)
{
	static const unsigned kept[] = {
		CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SYS_ADMIN, CAP_KILL, CAP_DAC_READ_SEARCH};
	bool had[sizeof(kept) / sizeof(*kept)];

	if (capng_get_caps_process())
		return;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		had[i] = capng_have_capability(CAPNG_EFFECTIVE, kept[i]);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (had[i]) /* only what it was started with can be kept */
			capng_update(CAPNG_ADD,
				CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, kept[i]);
	/* What could not be dropped stays: it is the parent, nobody sends it packets. */
	capng_apply(CAPNG_SELECT_BOUNDS);
	capng_apply(CAPNG_SELECT_CAPS);
}
