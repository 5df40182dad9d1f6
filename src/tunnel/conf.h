/* conf.h - wg-quick's file
 *
 *	[Interface]                          [Peer]
 *	PrivateKey = yAnz5TF...              PublicKey = xTIBA5rb...
 *	Address = 192.168.3.11/24            Endpoint = vpn.example.org:51820
 *	PostUp = logger %i is up             AllowedIPs = 192.168.3.0/24, 2001:db8::/32
 *
 * What `wg` itself would understand of it becomes a struct settings; what
 * `wg-quick` adds (addresses, routes, DNS, commands) stands beside it.  An
 * endpoint that is a name is kept as a name: resolve.h asks for it.
 *
 * As in the original, section names and keys are read in any case, `#` begins a
 * comment wherever it stands, keys may be repeated, and lists are separated by
 * commas.  Unlike it, a mistake is an error with its line, and nothing of the
 * file is used.
 *
 * Applied with settings.sync_peers, so that reading the file again keeps the
 * sessions of the peers that are still in it.
 *
 * Source: wg-quick(8), wg(8) "CONFIGURATION FILE FORMAT".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tunnel/settings.h"

enum {
	CONF_HOST = 254,      /* of an endpoint, with the NUL */
	CONF_SIZE = 64 << 20, /* the largest file that is read */
	CONF_TABLE_MAIN = 254,
};

enum conf_hook { CONF_PRE_UP, CONF_POST_UP, CONF_PRE_DOWN, CONF_POST_DOWN, CONF_HOOKS };

enum conf_routes {
	CONF_ROUTES_AUTO,  /* to the main table; a default route by fwmark and rules */
	CONF_ROUTES_OFF,   /* none */
	CONF_ROUTES_TABLE, /* all of them to `table` */
};

/* An endpoint that has to be looked up. */
struct conf_name {
	uint8_t public_key[SETTINGS_KEY]; /* of the peer that it belongs to */
	char host[CONF_HOST];
	uint16_t port;
	unsigned line; /* where it stands */
};

/* A list of texts; item[count] is NULL.  Zeroed: empty. */
struct conf_list {
	char **item;
	size_t count;
};

/* A zeroed struct is an empty file.  It holds keys: conf_done(). */
struct conf {
	struct settings settings;
	struct conf_name *names;
	size_t name_count;

	struct prefix *addresses; /* with their host bits */
	size_t address_count;
	uint32_t mtu; /* 0: not given */
	enum conf_routes routes;
	uint32_t table;	      /* of CONF_ROUTES_TABLE */
	struct conf_list dns; /* servers, as text */
	struct conf_list search;
	struct conf_list hooks[CONF_HOOKS]; /* commands, %i not yet replaced */
	bool save;
};

/* conf_parse - read a file's text
 *
 * out          zeroed; untouched on failure
 * name         of the file, for the error
 * text, size   not changed, need not end with a NUL
 *
 * Returns 0, -EINVAL with "NAME:LINE: what was found and what was expected", or
 * -ENOMEM.  The error never repeats a private or pre-shared key.
 */
int conf_parse(struct conf *out, const char *name, const char *text, size_t size, struct error *e);

/* conf_read - conf_parse() on a file; what was read is wiped */
int conf_read(struct conf *out, const char *path, struct error *e);

void conf_done(struct conf *c);

/* conf_may_hold_key - is there something in it as long as a key?  Then it is not to be repeated. */
bool conf_may_hold_key(const char *text);

/* conf_list_add - a copy of the text of n bytes at the end; false: no memory */
bool conf_list_add(struct conf_list *list, const char *text, size_t n);
