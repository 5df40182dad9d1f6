/* device_decode.h - rtnetlink's messages about links and addresses, as struct device and address
 *
 * Pure: bytes in, struct out.  Attributes that are missing, too short or
 * unknown leave their field at its neutral value, as kernels differ in what
 * they send; a message without its fixed header is refused.
 *
 * Source: rtnetlink(7); include/uapi/linux/{rtnetlink,if_link,if_addr,net_namespace}.h.
 */
#pragma once
#include <linux/netlink.h>

#include "see/topology.h"

/* message_is_whole - of that type, with its fixed header, and of whole words: libmnl's loops over
 * attributes rely on it */
bool message_is_whole(const struct nlmsghdr *header, uint16_t type, size_t fixed);

/* device_decode - an RTM_NEWLINK; `d` is overwritten whole, netns and end left unset
 *
 * Returns false, and leaves `d` alone, when this is no such message or has no name.
 */
bool device_decode(const struct nlmsghdr *header, struct device *d);

/* address_decode - an RTM_NEWADDR of IPv4 or IPv6; *ifindex is the device that has it */
bool address_decode(const struct nlmsghdr *header, struct address *a, uint32_t *ifindex);

/* nsid_decode - the answer to RTM_GETNSID: *nsid is -1 where the kernel has given none */
bool nsid_decode(const struct nlmsghdr *header, int32_t *nsid);
