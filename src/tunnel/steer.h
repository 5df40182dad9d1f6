/* steer.h - one flow, one queue of the device
 *
 * With several queues the kernel chooses for each packet that it routes to the
 * device.  Left to itself it moves a flow to another queue when its answers come
 * in there, while packets still wait in the old one.  This small eBPF program
 * chooses by what never changes:
 *
 *	TCP          addresses and ports
 *	all others   addresses, so that the fragments of a datagram, which have no ports,
 *	             stay with the others of its flow (TCP's, which hardly occur, do not)
 *
 * Source: Linux include/uapi/linux/if_tun.h, TUNSETSTEERINGEBPF (since 4.16).
 */
#pragma once

/* steer_load - returns a descriptor of the program, or -errno: then there should be one queue */
int steer_load(void);

/* steer_set - let it choose, for the device of this descriptor.  Returns 0 or -errno. */
int steer_set(int fd, int program);
