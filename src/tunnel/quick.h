/* quick.h - what wg-quick adds to the tunnel itself
 *
 * Addresses, MTU, routes, name servers and the commands of the file, around
 * the moment when keys and peers are set:
 *
 *	quick_prepare   PreUp; choose the mark and table of a default route
 *	                -> the packet process applies the settings
 *	quick_up        addresses, MTU, up, DNS, routes, PostUp
 *	quick_change    SIGHUP: what differs between the old file and the new
 *	quick_down      PreDown, rules, DNS; the rest goes with the device
 *	quick_gone      PostDown
 *
 * In the parent, as nearly all of it needs CAP_NET_ADMIN.
 * Source: wg-quick(8) and the script itself, whose order this follows.
 */
#pragma once
#include "base/error.h"
#include "base/netlink.h"
#include "tunnel/conf.h"

/* Runs a shell command to its end; its exit status, or -errno. */
typedef int quick_run(void *arg, const char *command);

struct quick {
	const char *name; /* of the device */
	int index;
	struct netlink *netlink;
	quick_run *run;
	void *arg;

	/* what quick_down() has to take back */
	uint32_t table;	     /* of the default route; 0: none */
	bool rules4, rules6; /* the rules of each family are ours */
	bool guard;	     /* the nftables rules are ours */
	bool dns;
	struct prefix *routes; /* what leads into the device */
	size_t route_count;
};

/* quick_prepare - may set c->settings.fwmark; 0, or -errno of a command that failed */
int quick_prepare(struct quick *q, struct conf *c, struct error *e);

/* quick_choose - the part of it that reading the file again needs too: the mark and the table */
void quick_choose(struct quick *q, struct conf *c);

/* quick_up - 0, or -errno with `e`; then quick_down() takes back what was done */
int quick_up(struct quick *q, const struct conf *c, struct error *e);

/* quick_change - the device's addresses and routes, from those of one file to those of another */
int quick_change(struct quick *q, const struct conf *old, const struct conf *new, struct error *e);

void quick_down(struct quick *q, const struct conf *c);
void quick_gone(struct quick *q, const struct conf *c);
