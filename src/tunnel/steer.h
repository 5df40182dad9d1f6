/* steer.h - one flow, one queue of the device
 *
 * With several queues the kernel chooses for each packet that it routes to the
 * device.  Left to itself it moves a flow to another queue when its answers come
 * in there, while packets still wait in the old one.  This small eBPF program
 * chooses by what never changes:
 *
 *	TCP          addresses and ports
 *	all others   addresses: fragments, which have no ports, stay with their flow
 *
 * Source: Linux include/uapi/linux/if_tun.h, TUNSETSTEERINGEBPF (since 4.16).
 */
#pragma once

/* steer_set - for the device of this descriptor, whose first queue it is
 *
 * Returns 0, or -errno: where it may not be, there should be one queue.
 */
int steer_set(int fd);
