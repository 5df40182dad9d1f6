/* settings.h - a list of changes to a device
 *
 * What `wg set` says over the UAPI socket and what a wg-quick file says are the
 * same thing in two spellings: changes to one device and to its peers, in
 * order.  Both parsers (uapi.h, conf.h) produce a struct settings without
 * touching anything; control.h applies it, whole or not at all.
 *
 *	UAPI text --uapi.c--.
 *	                    +--> struct settings --control_apply()--> struct device
 *	wg0.conf ---conf.c--'
 *
 * Order matters only between peers: the later entry of a list wins, and an
 * allowed-ip named twice belongs to the last.
 *
 * A zeroed struct changes nothing.  It holds private keys: settings_done()
 * wipes it, and so does every growth of its arrays.
 *
 * Source: https://www.wireguard.com/xplatform/ ("Configuration Protocol").
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/address.h"

enum { SETTINGS_KEY = 32 };

/* Which members of a struct settings or of a struct peer_change were given. */
enum {
	GIVEN_PRIVATE_KEY = 1 << 0,
	GIVEN_LISTEN_PORT = 1 << 1,
	GIVEN_FWMARK = 1 << 2,

	GIVEN_PRESHARED_KEY = 1 << 0,
	GIVEN_ENDPOINT = 1 << 1,
	GIVEN_KEEPALIVE = 1 << 2,
};

struct allowed_ip {
	struct prefix prefix;
	bool remove; /* take it from this peer, if it has it */
};

struct peer_change {
	uint8_t public_key[SETTINGS_KEY];
	uint8_t preshared_key[SETTINGS_KEY]; /* all zero: none */
	union address endpoint;
	uint16_t keepalive; /* seconds; 0: off */
	uint8_t given;	    /* GIVEN_PRESHARED_KEY ... */
	bool remove;
	bool update_only; /* do nothing for a peer that the device does not have */
	bool replace_allowed_ips;
	size_t allowed_ip, allowed_ips; /* first of settings->allowed_ips, and how many */
	size_t replaced; /* so many of them come before the replacement, and go with it */
};

struct settings {
	uint8_t private_key[SETTINGS_KEY]; /* all zero: none */
	uint32_t fwmark;
	uint16_t listen_port; /* 0: any */
	uint8_t given;	      /* GIVEN_PRIVATE_KEY ... */
	bool replace_peers;   /* first remove every peer, with its sessions */
	bool sync_peers;      /* first remove the peers not named below; the others keep theirs */

	struct peer_change *peers;
	size_t peer_count, peer_room;
	struct allowed_ip *allowed_ips;
	size_t allowed_count, allowed_room;
};

/* settings_done - wipe and free; leaves a zeroed, valid struct */
void settings_done(struct settings *s);

/* settings_peer_add - begin the changes to one more peer
 *
 * Returns it, with the key and nothing else given; NULL: no memory.  Valid
 * until the next call.
 */
struct peer_change *settings_peer_add(struct settings *s, const uint8_t key[SETTINGS_KEY]);

/* settings_allowed_ip_add - one more allowed-ip of a peer; false: no memory
 *
 * p  the last peer, or one that will be added next
 */
bool settings_allowed_ip_add(
	struct settings *s, struct peer_change *p, const struct prefix *prefix, bool remove);
