/* loop.h - one thread waits for many things
 *
 * An epoll set with a typed watch per descriptor.  The owner embeds a struct
 * watch in its own struct and finds itself back with watch_owner(); the loop
 * allocates nothing per event.  One thread owns a loop and calls everything
 * here; others wake it through an eventfd that it watches.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct watch;
typedef void watch_ready(struct watch *w, uint32_t events); /* EPOLLIN, ... */

struct watch {
	int fd;
	watch_ready *ready;
};

#define watch_owner(w, type, member) ((type *)((char *)(w)-offsetof(type, member)))

struct loop {
	int epoll;
	bool stop;
};

int loop_open(struct loop *l);
void loop_close(struct loop *l);

/* loop_add - call w->ready when `events` happen on w->fd; w must stay where it is */
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);

/* loop_del - before w->fd is closed; safe inside any callback, also for another watch */
void loop_del(struct loop *l, struct watch *w);

/* loop_run - until loop_stop(); returns 0 or -errno */
int loop_run(struct loop *l);

/* loop_step - wait at most `timeout` nanoseconds (negative: for ever), then call what is ready */
int loop_step(struct loop *l, int64_t timeout);
void loop_stop(struct loop *l);

/* timer_open - a timerfd on CLOCK_BOOTTIME, as clock_now(); timer_set: deadline in absolute
 * nanoseconds, INT64_MAX for never; timer_read: call it when the descriptor is readable */
int timer_open(void);
int timer_set(int fd, int64_t deadline);
void timer_read(int fd);
