/* handshake.h - the way of a handshake, station by station
 *
 *	initiator                        responder
 *	handshake_begin    --- 1 ---->   device_receive: mac1, load, who, stamp
 *	device_receive     <-- 2 -----      answers, `next` is made
 *	  `current` is made, ready()
 *	                   --- data ->   `next` becomes `current`, ready()
 *
 * Anything that does not pass a station ends there, counted and remembered as
 * trouble (trouble.h), and answered with silence; except that under load a
 * message with a valid mac1 is answered with a cookie.
 *
 * Control only.  Source: WireGuard whitepaper sections 5.3, 5.4 and 6.
 */
#pragma once
#include "tunnel/device.h"

/* handshake_begin - send an initiation, unless the last one is less than 5 s old
 *
 * retry  for TIMER_RETRY: the last one went unanswered
 */
void handshake_begin(struct device *d, struct peer *p, const struct moment *m, bool retry);

/* trouble_set - remember why the peer has no handshake; and for those that are no peer */
void trouble_set(struct peer *p, const struct moment *m, enum trouble why, int error);
void trouble_stranger(struct device *d, const struct moment *m, enum trouble why,
	const struct endpoint *from, const uint8_t key[WIRE_KEY]);
