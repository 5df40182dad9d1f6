/* uapi.h - the configuration protocol of `wg`, as text
 *
 * `wg show`, `wg set` and their kin talk to /var/run/wireguard/IFNAME.sock in
 * lines:
 *
 *	set=1                           get=1
 *	private_key=e84b...                                  (an empty line)
 *	replace_peers=true
 *	public_key=b859...              private_key=e84b...
 *	endpoint=10.33.0.1:51820        listen_port=12912
 *	allowed_ip=192.168.4.0/24       public_key=b859...
 *	                                ...
 *	errno=0                         errno=0
 *	                                                     (an empty line)
 *
 * Here is only the text: bytes go in, a struct settings comes out; values go
 * in, reply bytes come out.  A connection carries any number of requests.  A
 * request with a mistake is read to its empty line and answered with its errno
 * (negative, as the other implementations write it and `wg` expects), so that
 * the next one is understood again.
 *
 * Beyond the standard there is `status=1`, which `warren tunnel status` asks
 * (status.h); tools that do not know it never meet it.
 *
 * Source: https://www.wireguard.com/xplatform/ ("Configuration Protocol").
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/settings.h"

enum uapi_kind {
	UAPI_NOTHING, /* no line yet */
	UAPI_GET,
	UAPI_SET,
	UAPI_STATUS,
	UAPI_UNKNOWN, /* the first line is none of these */
};

enum { UAPI_LINE = 256 }; /* the longest line that means something has 130 characters */

/* A request as it arrives.  Zeroed: between two requests.  Holds keys: uapi_request_done(). */
struct uapi_request {
	enum uapi_kind kind;
	int error;		  /* 0, or -errno of the first mistake */
	struct settings settings; /* of UAPI_SET, when error is 0 */
	char line[UAPI_LINE];
	size_t used; /* of line; UAPI_LINE: the line is too long */
};

/* uapi_request_feed - take the next bytes of a connection
 *
 * bytes, size  any piece of the stream
 * taken        out: how many belong to this request
 *
 * Returns true when the request is complete: answer it, uapi_request_done(),
 * and feed the rest.
 */
bool uapi_request_feed(struct uapi_request *r, const char *bytes, size_t size, size_t *taken);

/* uapi_request_done - wipe; ready for the next request */
void uapi_request_done(struct uapi_request *r);

/* A reply as it grows.  Zeroed: empty.  Holds keys: uapi_reply_done(). */
struct uapi_reply {
	char *bytes;
	size_t size, room;
	bool failed; /* no memory: what was put since is missing */
};

/* What `get` says about a device, and about a peer. */
struct uapi_device {
	uint8_t private_key[SETTINGS_KEY];
	uint16_t listen_port;
	uint32_t fwmark;
};

struct uapi_peer {
	uint8_t public_key[SETTINGS_KEY];
	uint8_t preshared_key[SETTINGS_KEY];
	union address endpoint;
	int64_t last_handshake; /* wall clock, nanoseconds since 1970; 0: never */
	uint64_t rx_bytes, tx_bytes;
	uint16_t keepalive;
};

/* In this order: the device once, then each peer followed by its allowed-ips, then the end. */
void uapi_reply_device(struct uapi_reply *r, const struct uapi_device *d);
void uapi_reply_peer(struct uapi_reply *r, const struct uapi_peer *p);
void uapi_reply_allowed_ip(struct uapi_reply *r, const struct prefix *p);

/* uapi_reply_end - "errno=ERROR" and an empty line; error is 0 or -errno
 *
 * When the reply has run out of memory, it becomes errno=-ENOMEM and nothing else.
 */
void uapi_reply_end(struct uapi_reply *r, int error);

/* "key=text", "key=number", "key=hex", each a line */
void uapi_reply_text(struct uapi_reply *r, const char *key, const char *text);
void uapi_reply_number(struct uapi_reply *r, const char *key, uint64_t number);
void uapi_reply_hex(struct uapi_reply *r, const char *key, const uint8_t *bytes, size_t n);

/* uapi_reply_bytes - as they are */
void uapi_reply_bytes(struct uapi_reply *r, const char *bytes, size_t n);

void uapi_reply_done(struct uapi_reply *r);
