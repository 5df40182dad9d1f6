/* tunnels.h - which two tunnel processes carry packets for each other
 *
 *	tun0 of site-a -- process -- its peer's endpoint is 10.33.0.1:51820
 *	                                                       |
 *	tun0 of site-b -- process -- listens on 51820, where 10.33.0.1 is an address
 *
 * Tunnels that speak WireGuard's configuration protocol (Warren's own,
 * wireguard-go, boringtun) are asked for their endpoints, on the socket named
 * after the device: that of Warren's node, or the one in /run/wireguard as the
 * process that holds the device sees it.  Keys in the answers are wiped
 * unread.  A daemon that does not answer at once is left alone.
 *
 * Source: https://www.wireguard.com/xplatform/
 */
#pragma once
#include "see/topology.h"

struct tunnel_pair {
	int device, other; /* indexes; device before other */
};

/* tunnels_find - *pairs is to free(); returns how many, or -ENOMEM */
ssize_t tunnels_find(const struct topology *t, struct tunnel_pair **pairs);

enum { TUNNEL_ENDPOINTS = 64 };

/* What is of interest in a daemon's answer. */
struct tunnel_facts {
	uint16_t listen_port;
	struct tunnel_endpoint {
		uint8_t family, ip[16];
		uint16_t port;
	} endpoints[TUNNEL_ENDPOINTS];
	size_t endpoint_count; /* further ones are left out */
};

/* tunnel_facts_parse - the lines listen_port= and endpoint= of an answer; others are passed over */
void tunnel_facts_parse(const char *text, struct tunnel_facts *f);
