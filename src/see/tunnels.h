/* tunnels.h - which two tunnel processes carry packets for each other
 *
 *	tun0 of site-a -- process -- its peer's endpoint is 10.33.0.1:51820
 *	                                                       |
 *	tun0 of site-b -- process -- listens on 51820, where 10.33.0.1 is an address
 *
 * Whoever holds a device is asked for its endpoints (wireguard.h).
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
