/* wireguard_kernel.h - what the kernel says about a WireGuard device of its own
 *
 * There is no process to be asked (wireguard.h): the kernel answers in
 * generic netlink, in the namespace that the device is in, to whoever has
 * CAP_NET_ADMIN there.
 *
 *	WG_CMD_GET_DEVICE  -->  public key, listen port, peers: key, endpoint, allowed-ips ...
 *
 * Many peers come in several messages; one whose allowed-ips do not fit is
 * continued in the next, under the same key.
 *
 * Source: Linux include/uapi/linux/wireguard.h
 */
#pragma once
#include <libmnl/libmnl.h>

#include "see/wireguard.h"

/* wireguard_kernel_read - ask about the device `name` of the namespace `netns` (a descriptor)
 *
 * Fills all but w->device.  False when it cannot be asked; then there is nothing to end.
 */
bool wireguard_kernel_read(int netns, const char *name, struct wireguard *w);

/* wireguard_kernel_decode - take in one message of the answer; false when memory is short */
bool wireguard_kernel_decode(const struct nlmsghdr *header, struct wireguard *w);
