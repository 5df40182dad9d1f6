/* wireguard.h - what a tunnel's process says about its keys, peers and sessions
 *
 * Tunnels that speak WireGuard's configuration protocol (Warren's own,
 * wireguard-go, boringtun) are asked on the socket named after the device:
 * that of Warren's node, or the one in /run/wireguard as the process that
 * holds the device sees it.  The kernel's own devices are asked in netlink
 * (wireguard_kernel.h) and look the same from here on.
 *
 *	get=1  -->  private_key, listen_port, and for each peer: public_key,
 *	            preshared_key, endpoint, latest handshake, allowed_ip ...
 *
 * A tunnel works when both ends know each other:
 *
 *	wa of A                                   wb of B
 *	public key of private_key  <---- equal --->  public_key of its peer
 *	public_key of its peer     <---- equal --->  public key of private_key
 *	endpoint of its peer       ---- leads to ->  an address of B, listen_port
 *	allowed-ips hold what A sends to          allowed-ips hold what A sends from
 *
 * Private and preshared keys are secret: wireguard_done() wipes them, and nothing
 * here prints them.
 *
 * Source: https://www.wireguard.com/xplatform/
 */
#pragma once
#include "see/topology.h"

enum { WIREGUARD_KEY = 32, WIREGUARD_KEY_TEXT = 45 };

struct wireguard_prefix {
	uint8_t family; /* 4 or 6 */
	uint8_t ip[16];
	uint8_t length;
};

struct wireguard_peer {
	uint8_t key[WIREGUARD_KEY], preshared[WIREGUARD_KEY];
	bool has_endpoint;
	uint8_t endpoint_family; /* AF_INET or AF_INET6 */
	uint8_t endpoint[16];
	uint16_t port;
	int64_t handshake; /* unix seconds, 0: never */
	uint32_t keepalive;
	struct wireguard_prefix *allowed;
	size_t allowed_count;
};

struct wireguard {
	int device; /* index in the topology */
	bool has_key;
	uint8_t public_key[WIREGUARD_KEY];
	uint16_t port;
	struct wireguard_peer *peers;
	size_t peer_count;
};

/* wireguard_ask - the text that the process of a device answers; NULL when nobody does
 *
 * It has keys in it: wipe and free it with wireguard_forget().  A daemon that does not answer at
 * once is left alone.
 */
char *wireguard_ask(const struct topology *t, const struct device *d);
void wireguard_forget(char *text);

/* wireguard_parse - read such a text; false when memory is short.  Lines that are not understood
 * are passed over.  End it with wireguard_done(), also on failure. */
bool wireguard_parse(const char *text, struct wireguard *w);
void wireguard_done(struct wireguard *w);

/* wireguard_is_kernel - is it the kernel's own, without a process (wireguard_kernel.h) */
bool wireguard_is_kernel(const struct device *d);

/* wireguard_read - ask, and parse; false when nobody answers */
bool wireguard_read(const struct topology *t, int device, struct wireguard *w);

/* wireguard_read_all - every tunnel of the topology that answers; returns how many, or -ENOMEM */
ssize_t wireguard_read_all(const struct topology *t, struct wireguard **list);
void wireguard_done_all(struct wireguard *list, ssize_t count);

/* wireguard_listens - does this tunnel listen where the peer's endpoint is?  Its socket is where
 * its process lives, or where the device is.
 *
 * near  flags of namespaces in which the endpoint's address counts, for other networks may have the
 *       same addresses; NULL: all
 */
bool wireguard_listens(const struct topology *t, const bool *near, const struct wireguard *w,
	const struct wireguard_peer *p);
/* wireguard_is_at - is this namespace the one of its socket */
bool wireguard_is_at(const struct topology *t, const struct wireguard *w, int netns);

/* wireguard_peer_for - the peer that the tunnel sends this address to; NULL: none */
struct wireguard_peer *wireguard_peer_for(struct wireguard *w, uint8_t family, const uint8_t *ip);
/* wireguard_peer_with - the peer with this public key; NULL: none */
struct wireguard_peer *wireguard_peer_with(struct wireguard *w, const uint8_t *key);
/* wireguard_peer_allows - do its allowed-ips hold the address; the length of the longest prefix
 * that does, or -1 */
int wireguard_peer_allows(const struct wireguard_peer *p, uint8_t family, const uint8_t *ip);

/* wireguard_endpoint_parse - "10.0.0.1:51820", "[fd00::1]:51820"; length bytes */
bool wireguard_endpoint_parse(
	const char *text, size_t length, uint8_t *family, uint8_t ip[16], uint16_t *port);

/* wireguard_key_text - as `wg` writes a key */
const char *wireguard_key_text(const uint8_t *key, char out[WIREGUARD_KEY_TEXT]);
