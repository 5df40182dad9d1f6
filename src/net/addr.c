#include "net/addr.h"

#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

void addr_encode(struct message *m, uint16_t type, uint32_t index, const struct prefix *p)
{
	uint16_t flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct ifaddrmsg *addr = message_begin(m, type, flags, sizeof(*addr));
	size_t size = ip_bits(&p->address) / 8;

	addr->ifa_family = (uint8_t)p->address.family;
	addr->ifa_prefixlen = p->length;
	addr->ifa_index = index;
	if (p->address.family == AF_INET6 && type == RTM_NEWADDR)
		addr->ifa_flags = IFA_F_NODAD;
	if (p->address.family == AF_INET && p->address.bytes[0] == 127)
		addr->ifa_scope = RT_SCOPE_HOST;
	mnl_attr_put(m->header, IFA_LOCAL, size, p->address.bytes);
	mnl_attr_put(m->header, IFA_ADDRESS, size, p->address.bytes);
}

void addr_encode_dump(struct message *m)
{
	message_begin(m, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
}

struct addr_attributes {
	const struct nlattr *local, *address, *flags, *group;
};

static int attribute(const struct nlattr *a, void *arg)
{
	struct addr_attributes *at = arg;

	if (mnl_attr_get_type(a) == IFA_LOCAL)
		at->local = a;
	else if (mnl_attr_get_type(a) == IFA_ADDRESS)
		at->address = a;
	else if (mnl_attr_get_type(a) == IFA_FLAGS)
		at->flags = a;
	else if (mnl_attr_get_type(a) == IFA_MULTICAST)
		at->group = a;
	return MNL_CB_OK;
}

bool addr_decode(const struct nlmsghdr *h, struct addr_facts *out)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(h);
	struct addr_attributes at = {0};
	const struct nlattr *a;
	uint32_t flags;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(*addr) ||
		(addr->ifa_family != AF_INET && addr->ifa_family != AF_INET6))
		return false;
	mnl_attr_parse(h, sizeof(*addr), attribute, &at);
	*out = (struct addr_facts){.index = addr->ifa_index};
	out->prefix.address.family = addr->ifa_family;
	out->prefix.length = addr->ifa_prefixlen;
	/* With a peer, IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 may have no IFA_LOCAL. */
	a = at.local ? at.local : at.address;
	if (!a || mnl_attr_get_payload_len(a) != ip_bits(&out->prefix.address) / 8)
		return false;
	memcpy(out->prefix.address.bytes, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	flags = at.flags && mnl_attr_get_payload_len(at.flags) >= 4 ? mnl_attr_get_u32(at.flags)
								    : addr->ifa_flags;
	out->tentative = flags & IFA_F_TENTATIVE && !(flags & IFA_F_OPTIMISTIC);
	out->failed = flags & IFA_F_DADFAILED;
	out->link_local = addr->ifa_family == AF_INET6 && addr->ifa_scope == RT_SCOPE_LINK;
	return true;
}

void addr_encode_groups(struct message *m)
{
	struct ifaddrmsg *addr = message_begin(m, RTM_GETMULTICAST, NLM_F_DUMP, sizeof(*addr));

	addr->ifa_family = AF_INET6;
}

bool addr_decode_group(const struct nlmsghdr *h, uint32_t *index, struct address *group)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(h);
	struct addr_attributes at = {0};

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*addr) || addr->ifa_family != AF_INET6)
		return false;
	mnl_attr_parse(h, sizeof(*addr), attribute, &at);
	if (!at.group || mnl_attr_get_payload_len(at.group) != sizeof(group->bytes))
		return false;
	*index = addr->ifa_index;
	group->family = AF_INET6;
	memcpy(group->bytes, mnl_attr_get_payload(at.group), sizeof(group->bytes));
	return true;
}

struct address addr_group(const struct address *a)
{
	struct address group = {
		.family = AF_INET6, .bytes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};

	memcpy(group.bytes + 13, a->bytes + 13, 3);
	return group;
}
