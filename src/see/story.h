/* story.h - from the kernel's events to what happened to the packet
 *
 * Events come from every corner of the machine in the order of time.  A story
 * sorts them by what they are about:
 *
 *	LEG_REQUEST    the probe on its way, also inside vxlan or an encrypted datagram
 *	LEG_ANSWER     the reply, on the same terms
 *	LEG_ERROR      an ICMP error about one of them
 *	LEG_NEIGHBOUR  ARP and ND for an address that the packet needs
 *
 * and then answers two questions: what is to be told (story_tell: numbered
 * steps, two events of one hop are one step), and where did it end
 * (story_ending: the last thing that was seen, which the rules of diagnose.h
 * then explain).
 *
 * Lesson one of the rule book: most events that look like a loss are none.  A
 * drop counts only when it ends the last living copy; copies that a bridge
 * floods to the others, or that a raw socket gets, end all the time.
 *
 * Pure: no kernel, no clock.  One thread owns a story.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "see/headers.h"
#include "see/path_event.h"
#include "see/verdict.h"

enum leg { LEG_REQUEST, LEG_ANSWER, LEG_ERROR, LEG_NEIGHBOUR, LEG_OTHER };

enum { STORY_NAME = 48, STORY_EVENTS = 4096, STORY_NEIGHBOURS = 3072 };

/* One event, understood. */
struct seen {
	struct path_event event;
	struct headers outer, inner; /* the packet as it passes, and the innermost one */
	enum leg leg;
	bool handshake; /* a tunnel's handshake that the packet waits for */
	char reason[STORY_NAME], symbol[STORY_NAME]; /* DROP, CONSUME */
};

/* Whom the story is about. */
struct subject {
	uint32_t netns; /* who asks */
	uint32_t pid;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;	/* IPPROTO_* */
	uint16_t first, second;
	uint8_t source[16], destination[16];
	uint32_t sequence; /* TCP: of the SYN, learnt from the first event */
	bool sequence_known;
	uint64_t sent; /* CLOCK_MONOTONIC */
};

struct story {
	struct subject subject;
	struct seen *list;
	size_t count;
	uint64_t cut; /* events beyond STORY_EVENTS */
	/* Next hops of routes, where decisions of routing cannot be seen. */
	struct gateway_wanted {
		uint8_t family;
		uint8_t ip[16];
	} gateways[32];
	size_t gateway_count;
};

/* story_add - take the next event; its names may be given later (list[].reason, .symbol) */
void story_add(struct story *s, const struct path_event *event);
void story_done(struct story *s);

/* Where it ended, as far as events tell. */
enum ending_kind {
	ENDING_NOTHING,	   /* no event at all: it never came to be */
	ENDING_DROP,	   /* freed by the kernel at `at` */
	ENDING_UNRESOLVED, /* `at` is the first ARP or ND question that nobody answered */
	ENDING_ERROR,	   /* an ICMP error came from where we cannot see, `at` is its arrival */
	ENDING_SENT,	   /* given to a device at `at`; the other end has not received it */
	ENDING_RECEIVED,   /* received at `at`, and that is all */
	ENDING_READ,	   /* a process read it from a tun at `at`, and that is all */
	ENDING_OPENED,	   /* a tunnel's process got it out of a datagram, and that is all */
};

struct ending {
	enum ending_kind kind;
	enum leg leg; /* whose journey ended: LEG_REQUEST or LEG_ANSWER */
	int at;	      /* index of the deciding event; -1 none */
	int last;     /* index of the last sighting of the packet itself; -1 none */
	int icmp;     /* index of an icmp_send or ICMP error about it; -1 none */
	uint8_t family;
	uint8_t wanted[16]; /* ENDING_UNRESOLVED: the address asked for */
};

void story_ending(const struct story *s, struct ending *x);

/* story_tell - append the steps to a verdict
 *
 * node  names a namespace by its inode number; never NULL
 */
void story_tell(const struct story *s, const char *(*node)(uint32_t netns, void *arg), void *arg,
	struct verdict *v);

/* Questions that rules ask. */

/* story_find - index of the next event after `after` (-1: the first) of this kind and leg, or -1 */
int story_find(const struct story *s, int after, enum path_kind kind, enum leg leg);

/* story_passed - was the packet of this leg ever received in namespace `netns` */
bool story_passed(const struct story *s, enum leg leg, uint32_t netns);

/* story_asked_for - does an ARP or ND event ask for, or tell about, this address */
bool seen_asks(const struct seen *n, uint8_t family, const uint8_t *ip);
bool seen_tells(const struct seen *n, uint8_t family, const uint8_t *ip);

/* seen_is_harmless - a drop that every working exchange shows */
bool seen_is_harmless(const struct seen *n);
