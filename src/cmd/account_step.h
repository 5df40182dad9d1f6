/* account_step.h - one step of a packet's way, as a sentence */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "net/plan.h"
#include "see/why.h"

/* Who tells: what has been said already need not be explained again. */
struct account_teller {
	const struct plan *plan;
	const struct plan_check *check;
	struct step last;   /* the step before, with short names; event "" at first */
	bool explained_arp; /* why Ethernet asks first */
	unsigned asked;	    /* how often ARP or ND has been asked */
};

void account_step(struct account_teller *t, char *out, size_t size, const struct step *s);

/* account_shorten - names of this network's nodes without the network in front */
void account_shorten(const struct plan *p, char *out, size_t size, const char *text);
