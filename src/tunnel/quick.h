/* quick.h - what wg-quick adds to the tunnel itself
 *
 * Addresses, MTU, routes, name servers and the commands of the file, around
 * the moment when keys and peers are set:
 *
 *	quick_before    PreUp
 *	                -> the device is made
 *	quick_choose    the mark and table of a default route
 *	                -> the packet process applies the settings
 *	quick_up        addresses, MTU, up, DNS, routes, PostUp
 *	quick_change    SIGHUP: what differs between the old file and the new
 *	quick_ending    PreDown
 *	                -> SaveConfig
 *	quick_down      rules, DNS; the rest goes with the device
 *	quick_gone      PostDown
 *
 * A start that fails is taken back by quick_down() alone, without commands.
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
	bool moved; /* to a namespace where nothing of the file was set yet, as far as we know */
	quick_run *run;
	void *arg;

	/* what quick_down() has to take back */
	uint32_t table;	     /* of the default route; 0: none */
	bool rules4, rules6; /* the rules of each family are ours */
	bool guard4, guard6; /* the nftables rules of each are ours */
	bool dns;
	struct prefix *routes; /* what leads into the device */
	size_t route_count;
};

/* quick_before - 0, or -errno of a command that failed; needs name, run and arg only */
int quick_before(struct quick *q, const struct conf *c, struct error *e);

/* quick_choose - may set c->settings.fwmark; also when the file is read again */
void quick_choose(struct quick *q, struct conf *c);

/* quick_up - 0, or -errno with `e`; then quick_down() takes back what was done */
int quick_up(struct quick *q, const struct conf *c, struct error *e);

/* quick_change - the device's addresses and routes, from those of one file to those of another */
int quick_change(struct quick *q, const struct conf *old, const struct conf *new, struct error *e);

void quick_ending(struct quick *q, const struct conf *c);
void quick_down(struct quick *q);
void quick_gone(struct quick *q, const struct conf *c);
