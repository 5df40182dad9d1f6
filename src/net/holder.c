#include "net/holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/clock.h"
#include "base/node.h"
#include "base/scoped.h"
#include "net/process.h"
#include "net/state.h"

enum { HOLDER_PATH = 512 };

static struct {
	bool entered;
	int folder; /* the small folder outside, opened before we went in */
	int lock;
	char path[HOLDER_PATH]; /* of the folder */
	struct process process;
} holder = {.folder = -1, .lock = -1};

static bool may_work_here(void)
{
	capng_get_caps_process();
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) && !access("/run", W_OK);
}

/* The user as the system outside knows it: in a user namespace of their own everybody is root. */
static unsigned user_outside(void)
{
	unsigned inside, outside, count, user = geteuid();
	FILE *map = fopen("/proc/self/uid_map", "re");

	while (map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		if (geteuid() >= inside && geteuid() - inside < count)
			user = outside + (geteuid() - inside);
	if (map)
		fclose(map);
	return user;
}

/* A folder that nobody else may enter; in /tmp somebody else may have made it. */
static int folder_open(bool make, struct error *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (runtime && *runtime == '/' && !stat(runtime, &st) && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid() && !access(runtime, W_OK))
		snprintf(holder.path, sizeof(holder.path), "%s/warren", runtime);
	else
		snprintf(holder.path, sizeof(holder.path), "/tmp/warren-%u", user_outside());
	if (make && mkdir(holder.path, 0700) && errno != EEXIST)
		return error_errno(e, errno, "%s", holder.path);
	holder.folder = open(holder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (holder.folder < 0 && errno == ENOENT && !make)
		return -ENOENT;
	if (holder.folder < 0 || fstat(holder.folder, &st))
		return error_errno(e, errno, "%s", holder.path);
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return error_set(
			e, EPERM, "%s: expected a folder that only you can enter", holder.path);
	return 0;
}

static bool holder_find(void)
{
	char text[64] = "";
	SCOPED_FD int fd = openat(holder.folder, "holder", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	       process_parse(&holder.process, text) && process_lives(&holder.process);
}

/* Takes the small folder away; the lock on it is worth nothing from then on. */
static void folder_remove(void)
{
	unlinkat(holder.folder, "holder", 0);
	unlinkat(holder.folder, "lock", 0);
	rmdir(holder.path);
	close(holder.lock);
	holder.lock = -1;
}

static int file_put(const char *path, const char *text)
{
	SCOPED_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* One entry of the old /run shown in the new one. */
static int entry_show(const char *from, const char *to)
{
	char target[HOLDER_PATH];
	struct stat st;
	ssize_t n;

	if (lstat(from, &st))
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(from, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		return n > 0 && symlink(target, to) ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode) ? mkdir(to, 0755) : mknod(to, S_IFREG | 0644, 0))
		return -errno;
	return mount(from, to, "none", MS_BIND | MS_REC, NULL) ? -errno : 0;
}

/* A /run of our own, where everything of the old one is seen, but netns, warren and wireguard are
 * ours.  It is put together under /tmp, which it hides for that moment only. */
static int run_make(struct error *e)
{
	static const char *const own[] = {"netns", "warren", "wireguard"};
	struct dirent *entry;
	DIR *dir;
	int err = 0;

	if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL))
		return error_errno(e, errno, "cannot keep mounts private");
	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
		return error_errno(e, errno, "cannot mount a tmpfs");
	dir = opendir("/run");
	while (dir && (entry = readdir(dir)) && !err) {
		char from[HOLDER_PATH], to[HOLDER_PATH];
		bool ours = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");

		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			ours = ours || !strcmp(entry->d_name, own[i]);
		if (ours)
			continue;
		snprintf(from, sizeof(from), "/run/%s", entry->d_name);
		snprintf(to, sizeof(to), "/tmp/%s", entry->d_name);
		err = entry_show(from, to);
		if (err)
			error_errno(e, -err, "cannot show %s", from);
	}
	if (dir)
		closedir(dir);
	if (err)
		return err;
	if (mkdir("/tmp/netns", 0755) || mkdir("/tmp/wireguard", 0755))
		return error_errno(e, errno, "cannot make folders");
	if (mount("/tmp", "/run", NULL, MS_MOVE, NULL))
		return error_errno(e, errno, "cannot put a /run of our own in place");
	return 0;
}

static int loopback_up(void)
{
	SCOPED_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
}

static int namespaces_make(struct error *e)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER))
		return error_errno(e, errno,
			"without root it needs user namespaces, and this system does not give you one "
			"(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
			"kernel.apparmor_restrict_unprivileged_userns)");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (file_put("/proc/self/setgroups", "deny") || file_put("/proc/self/uid_map", map))
		return error_errno(e, errno, "cannot map the user");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (file_put("/proc/self/gid_map", map))
		return error_errno(e, errno, "cannot map the group");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET))
		return error_errno(e, errno, "cannot make namespaces");
	if (loopback_up())
		return error_errno(e, errno, "cannot set lo up");
	return run_make(e);
}

/* What the holder is: namespaces, and a process that waits to be ended. */
__attribute__((noreturn)) static void holder_be(int report)
{
	struct error e = {0};
	int null = open("/dev/null", O_RDWR);
	int err;

	setsid();
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	err = namespaces_make(&e);
	if (err) {
		ssize_t ignored = write(report, &e, sizeof(e));

		(void)ignored;
		_exit(1);
	}
	prctl(PR_SET_NAME, "warren-holder");
	prctl(PR_SET_DUMPABLE, 1);
	if (chdir("/") || null < 0)
		_exit(1);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	write(report, "", 1) == 1 ? (void)0 : _exit(1);
	closefrom(3);
	for (;;)
		pause();
}

static int holder_make(struct error *e)
{
	char text[48], answer[sizeof(struct error)];
	int ends[2];
	ssize_t got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return error_errno(e, errno, "pipe");
	pid = fork();
	if (!pid) {
		close(ends[0]);
		holder_be(ends[1]);
	}
	close(ends[1]);
	got = pid < 0 ? -1 : read(ends[0], answer, sizeof(answer));
	close(ends[0]);
	if (got != 1) {
		if (got == (ssize_t)sizeof(struct error) && e)
			memcpy(e, answer, sizeof(*e));
		else
			error_set(e, EPERM, "the process that would hold the namespaces ended");
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return -EPERM;
	}
	holder.process.pid = pid;
	if (!process_find(&holder.process))
		return error_set(e, ESRCH, "the process that holds the namespaces ended");
	process_format(text, &holder.process);

	SCOPED_FD int fd =
		openat(holder.folder, "holder", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		int err = errno;

		process_end(&holder.process, SECOND, NULL);
		return error_errno(e, err, "%s/holder", holder.path);
	}
	return 0;
}

static int holder_join(struct error *e)
{
	static const struct {
		const char *name;
		int kind;
	} spaces[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS}, {"net", CLONE_NEWNET}};
	int fds[3] = {-1, -1, -1}, err = 0;
	char path[64], here[4096];
	bool have_here = getcwd(here, sizeof(here)) != NULL;

	for (size_t i = 0; i < 3 && !err; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)holder.process.pid,
			spaces[i].name);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			err = error_errno(e, errno, "%s", path);
	}
	for (size_t i = 0; i < 3 && !err; i++)
		if (setns(fds[i], spaces[i].kind))
			err = error_errno(e, errno, "cannot enter the %s namespace of process %d",
				spaces[i].name, (int)holder.process.pid);
	for (size_t i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	/* Entering a mount namespace moves us to its root. */
	if (!err && have_here && chdir(here))
		err = error_errno(e, errno, "%s", here);
	holder.entered = !err;
	if (!err)
		node_hide();
	return err;
}

int holder_enter_if_needed(enum holder_wish wish, struct error *e)
{
	bool alone = false;
	int err;

	if (holder.entered || may_work_here())
		return 0;
	do {
		struct stat mine, theirs;

		if (holder.folder >= 0)
			close(holder.folder);
		if (holder.lock >= 0)
			close(holder.lock);
		holder.lock = -1;
		err = folder_open(wish == HOLDER_MAKE, e);
		if (err)
			return err == -ENOENT ? 0 : err;
		holder.lock = openat(holder.folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (holder.lock < 0 || flock(holder.lock, alone ? LOCK_EX : LOCK_SH))
			return error_errno(e, errno, "%s/lock", holder.path);
		/* The holder's end may have taken the folder away while we waited. */
		err = fstat(holder.lock, &mine) || fstatat(holder.folder, "lock", &theirs, 0) ||
				      mine.st_ino != theirs.st_ino
			      ? -EAGAIN
			      : 0;
		/* Commands work side by side in there, some of them long; only its beginning and
		 * its end are alone. */
		if (!err && !alone && !holder_find()) {
			alone = true;
			err = -EAGAIN;
		}
	} while (err == -EAGAIN);
	if (!holder_find()) {
		if (wish == HOLDER_JOIN) {
			folder_remove();
			return 0;
		}
		err = holder_make(e);
		if (err)
			folder_remove();
	}
	if (!err && flock(holder.lock, LOCK_SH))
		err = error_errno(e, errno, "%s/lock", holder.path);
	return err ? err : holder_join(e);
}

void holder_leave(void)
{
	char **names;
	ssize_t count;

	if (!holder.entered || flock(holder.lock, LOCK_EX | LOCK_NB))
		return;
	count = state_list(&names);
	for (ssize_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (count)
		return;
	process_end(&holder.process, SECOND, NULL);
	process_vanish(&holder.process, clock_now() + 2 * SECOND);
	folder_remove();
}
