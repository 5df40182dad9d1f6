#include "see/watcher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { AGREES = 0, DISAGREES = 1, CANNOT_TELL = 2 };

static void datagrams_send(int fd, uint16_t port, int n)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};

	while (n--)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
			_exit(CANNOT_TELL);
}

/* On a busy machine loopback delivers a moment later. */
static bool comes_to(struct watcher *w, uint64_t want)
{
	uint64_t n = 0;

	for (int tries = 0; tries < 500; tries++) {
		if (watcher_count(w, &n, NULL))
			return false;
		if (n >= want)
			break;
		usleep(10000);
	}
	return n == want;
}

/* In a network of its own: a user namespace with nothing but lo. */
static int count_on_lo(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct watcher nine, vlan, all;
	uint64_t n;
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return CANNOT_TELL;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up))
		return CANNOT_TELL;
	if (watcher_open(&nine, -1, "lo", "udp dst port 9", NULL) ||
		watcher_open(&vlan, -1, "lo", "udp dst port 9 or vlan", NULL) ||
		watcher_open(&all, -1, "lo", NULL, NULL))
		return DISAGREES;
	datagrams_send(fd, 9, 300);
	datagrams_send(fd, 10, 5);
	if (!comes_to(&nine, 300) || !comes_to(&vlan, 300))
		return DISAGREES;
	datagrams_send(fd, 9, 1);
	if (!comes_to(&nine, 301))
		return DISAGREES;
	if (watcher_count(&all, &n, NULL) || n < 306)
		return DISAGREES;
	watcher_close(&nine);
	watcher_close(&vlan);
	watcher_close(&all);
	if (watcher_open(&nine, -1, "none", "udp", NULL) != -ENODEV)
		return DISAGREES;
	return AGREES;
}

TEST(a_watcher_counts_each_packet_on_lo_once_and_only_those_that_match)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(count_on_lo());
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	/* Where user namespaces are forbidden only root can try. */
	CHECK(WEXITSTATUS(status) == AGREES || (geteuid() && WEXITSTATUS(status) == CANNOT_TELL));
}
