#include "see/redirect.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "see/device_decode.h"

#pragma GCC diagnostic ignored "-Wconversion" /* in libmnl's loops over attributes */

static bool is_text(const struct nlattr *a, const char *text)
{
	size_t length = mnl_attr_get_payload_len(a);

	return length == strlen(text) + 1 && !memcmp(mnl_attr_get_payload(a), text, length);
}

/* Where each kind of filter has its actions; 0: we do not know it. */
static int actions_of(const struct nlattr *kind)
{
	static const struct {
		const char *name;
		int attribute;
	} kinds[] = {{"u32", TCA_U32_ACT}, {"bpf", TCA_BPF_ACT}, {"matchall", TCA_MATCHALL_ACT},
		{"flower", TCA_FLOWER_ACT}, {"fw", TCA_FW_ACT}, {"basic", TCA_BASIC_ACT}};

	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_text(kind, kinds[i].name))
			return kinds[i].attribute;
	return 0;
}

static uint32_t mirred_decode(const struct nlattr *options)
{
	const struct nlattr *a;
	struct tc_mirred m;

	mnl_attr_for_each_nested(a, options)
	{
		if (mnl_attr_get_type(a) != TCA_MIRRED_PARMS ||
			mnl_attr_get_payload_len(a) < sizeof(m))
			continue;
		memcpy(&m, mnl_attr_get_payload(a), sizeof(m));
		return m.ifindex;
	}
	return 0;
}

static uint32_t action_decode(const struct nlattr *action)
{
	const struct nlattr *a, *options = NULL;
	bool mirred = false;

	mnl_attr_for_each_nested(a, action)
	{
		if (mnl_attr_get_type(a) == TCA_ACT_KIND)
			mirred = is_text(a, "mirred");
		else if (mnl_attr_get_type(a) == TCA_ACT_OPTIONS)
			options = a;
	}
	return mirred && options ? mirred_decode(options) : 0;
}

static uint32_t actions_decode(const struct nlattr *options, int attribute)
{
	const struct nlattr *a, *action;
	uint32_t to = 0;

	mnl_attr_for_each_nested(a, options)
	{
		if (mnl_attr_get_type(a) != attribute)
			continue;
		mnl_attr_for_each_nested(action, a)
		{
			to = action_decode(action);
			if (to)
				return to;
		}
	}
	return 0;
}

uint32_t redirect_decode(const struct nlmsghdr *header, uint32_t *from)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(header);
	const struct nlattr *a, *kind = NULL, *options = NULL;
	int attribute;

	if (!message_is_whole(header, RTM_NEWTFILTER, sizeof(*tc)))
		return 0;
	*from = (uint32_t)tc->tcm_ifindex;
	mnl_attr_for_each(a, header, sizeof(*tc))
	{
		if (mnl_attr_get_type(a) == TCA_KIND)
			kind = a;
		else if (mnl_attr_get_type(a) == TCA_OPTIONS)
			options = a;
	}
	attribute = actions_of(kind);
	return attribute && options ? actions_decode(options, attribute) : 0;
}

struct redirects {
	struct device *devices;
	size_t count;
	uint32_t from; /* whose filters are asked for: old kernels leave it out of the answer */
};

static int filter_take(const struct nlmsghdr *header, void *arg)
{
	struct redirects *r = arg;
	uint32_t from = 0, to = redirect_decode(header, &from);

	for (size_t i = 0; to && i < r->count; i++)
		if (r->devices[i].kind == DEVICE_IFB && r->devices[i].ifindex == to &&
			!r->devices[i].redirected_from)
			r->devices[i].redirected_from = r->from;
	return 0;
}

int redirects_read(struct netlink *nl, struct device *devices, size_t count)
{
	/* An ingress qdisc has its own handle; clsact has a place for each direction. */
	static const uint32_t parents[] = {TC_H_INGRESS & TC_H_MAJ_MASK,
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};
	struct redirects r = {devices, count, 0};
	bool wanted = false;
	int err = 0;

	for (size_t i = 0; i < count; i++)
		wanted |= devices[i].kind == DEVICE_IFB && devices[i].up;
	for (size_t i = 0; wanted && !err && i < count; i++) {
		for (size_t k = 0; !err && k < sizeof(parents) / sizeof(parents[0]); k++) {
			struct message m;
			struct tcmsg *tc =
				message_begin(&m, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*tc));

			r.from = devices[i].ifindex;
			tc->tcm_ifindex = (int)r.from;
			tc->tcm_parent = parents[k];
			err = netlink_ask(nl, &m, filter_take, &r, NULL);
			if (err == -EINVAL || err == -ENOENT || err == -EOPNOTSUPP)
				err = 0; /* no such qdisc there */
		}
	}
	return err;
}
