/* mtu.h - let a packet of this size pass, all the way
 *
 * A packet that is too large for one link is mostly too large for several: the
 * two ends of a cable, the ports of a bridge, the device below a macvlan, the
 * underlay of a tunnel, which must carry what the tunnel adds as well.  The way
 * is walked as the routes lead, and each device on it that is too narrow is
 * widened, the underlay before what runs over it.
 *
 *	a0 1500 --- r1 1500   r2 1300 --- b0 1300        wanted: 2028
 *	 `-- mtu 2028 --'      `--- mtu 2028 --'
 */
#pragma once
#include "see/scene.h"

/* mtu_raise - print the commands that let a packet of `length` bytes pass uncut from `netns` on
 *
 * Returns false, and prints nothing, when the way leads where nothing can be changed from here,
 * or when no device can carry that much.
 */
bool mtu_raise(struct scene *s, int netns, const struct packet_view *p, uint32_t length);
