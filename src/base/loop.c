#include "base/loop.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

int loop_open(struct loop *l)
{
	l->stop = false;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	return l->epoll < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
	close(l->epoll);
	l->epoll = -1;
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &e) ? -errno : 0;
}

int loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &e) ? -errno : 0;
}

void loop_del(struct loop *l, struct watch *w)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
}

int loop_step(struct loop *l, int64_t timeout)
{
	int milliseconds = timeout < 0 ? -1 : (int)((timeout + MILLISECOND - 1) / MILLISECOND);
	struct epoll_event e;
	int n;

	/* One event at a time: a callback may end another watch, and a second event fetched
	 * together with the first would then point at freed memory. */
	n = epoll_wait(l->epoll, &e, 1, milliseconds);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0) {
		struct watch *w = e.data.ptr;

		w->ready(w, e.events);
	}
	return 0;
}

int loop_run(struct loop *l)
{
	int err = 0;

	while (!l->stop && !err)
		err = loop_step(l, -1);
	return err;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

int timer_open(void)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int timer_set(int fd, int64_t deadline)
{
	struct itimerspec spec = {0};

	if (deadline != INT64_MAX) {
		if (deadline < 1)
			deadline = 1; /* zero would disarm it */
		spec.it_value.tv_sec = deadline / SECOND;
		spec.it_value.tv_nsec = deadline % SECOND;
	}
	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) ? -errno : 0;
}

void timer_read(int fd)
{
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) < 0)
		return; /* EAGAIN: it was set anew in between */
}
