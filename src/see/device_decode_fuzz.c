/* Any bytes as a message of rtnetlink: nothing beyond it is read, texts end, and numbers that
 * others use as sizes are in their bounds. */
#include <stdlib.h>
#include <string.h>

#include "see/device_decode.h"
#include "see/port_vlans.h"
#include "see/redirect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *message;
	struct device d;
	struct address a;
	uint32_t ifindex;
	int32_t nsid;
	struct port_vlan vlans[8];
	size_t count;

	if (size < sizeof(*message) || size > 65536)
		return 0;
	message = malloc(size);
	if (!message)
		return 0;
	memcpy(message, data, size);
	message->nlmsg_len = (uint32_t)size; /* the receiver has checked that it fits */
	if (device_decode(message, &d) &&
		(strlen(d.name) >= sizeof(d.name) || !d.name[0] ||
			strlen(d.link_kind) >= KIND_NAME || strlen(d.qdisc) >= KIND_NAME ||
			strlen(d.alias) >= sizeof(d.alias) || strlen(d.bus) >= sizeof(d.bus) ||
			d.mac_size > sizeof(d.mac) || !d.ifindex))
		abort();
	if (address_decode(message, &a, &ifindex) && a.prefix > (a.family == 2 ? 32 : 128))
		abort();
	nsid_decode(message, &nsid);
	count = port_vlans_decode(message, &ifindex, vlans, 8);
	if (count > 8)
		abort();
	for (size_t i = 0; i < count; i++)
		if (vlans[i].last < vlans[i].first)
			abort();
	redirect_decode(message, &ifindex);
	free(message);
	return 0;
}
