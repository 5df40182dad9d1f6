/* team.h - threads that do one piece of work together
 *
 * One thread leads, others are members.  What the leader wants done is cut into
 * parts, one for each, or for some of them; team_run() returns when all are
 * done.  Between two pieces of work members wait: for a moment by looking, then
 * asleep.
 *
 *	leader    --[ part 0 ]..------------[ part 0 ]-->     ".": waits for the others
 *	member 1  --[ part 1 ]------sleeps---[ part 1 ]-->
 *	member 2  ---[ part 2 ]-----sleeps---[ part 2 ]-->
 *
 * Only the leader adds and removes members, between two pieces of work.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TEAM_MEMBERS = 15 }; /* at most */

typedef void team_work(void *arg, unsigned part);

struct team;

/* A thread that may be a member of some team.  Zeroed, with `event` set: of none. */
struct team_member {
	int event; /* an eventfd, which wakes the thread where it sleeps */
	unsigned part;
	_Alignas(64) _Atomic(struct team *) posted; /* its part waits for it; NULL: nothing does */
	_Atomic bool sleeps;
};

/* Zeroed: a leader alone. */
struct team {
	unsigned count;
	struct team_member *members[TEAM_MEMBERS];
	team_work *work;
	void *arg;
	_Alignas(64) _Atomic uint32_t left; /* parts that members have still to do */
};

void team_add(struct team *t, struct team_member *m);
void team_del(struct team *t); /* the one that was added last */

/* team_run - the leader: do these parts of the work
 *
 * parts  by bits: 0 is the leader's, i the one of who was added as the i-th
 */
void team_run(struct team *t, uint32_t parts, team_work *work, void *arg);

/* team_help - a member: do what was posted; returns false when nothing was
 *
 * Between team_sleep() and team_wake() the leader writes to `event` when it
 * posts; the member calls team_help() once more between the first and its sleep.
 */
bool team_help(struct team_member *m);
void team_sleep(struct team_member *m);
void team_wake(struct team_member *m);

/* team_look - a member: wait for a moment for something to be posted; returns whether it was */
bool team_look(const struct team_member *m);
