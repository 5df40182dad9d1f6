#include "see/redirect.h"

#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include "test.h"

static _Alignas(struct nlmsghdr) char bytes[1024];

/* `tc filter add dev b0 ... KIND ... action ACTION ...` */
static const struct nlmsghdr *filter(const char *kind, uint16_t actions, const char *action)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(header, sizeof(*tc));
	struct tc_mirred mirred = {.eaction = TCA_EGRESS_REDIR, .ifindex = 4};
	struct nlattr *options, *list, *one, *inner;

	header->nlmsg_type = RTM_NEWTFILTER;
	tc->tcm_ifindex = 2;
	mnl_attr_put_strz(header, TCA_KIND, kind);
	options = mnl_attr_nest_start(header, TCA_OPTIONS);
	list = mnl_attr_nest_start(header, actions);
	one = mnl_attr_nest_start(header, 1);
	mnl_attr_put_strz(header, TCA_ACT_KIND, action);
	inner = mnl_attr_nest_start(header, TCA_ACT_OPTIONS);
	mnl_attr_put(header, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(header, inner);
	mnl_attr_nest_end(header, one);
	mnl_attr_nest_end(header, list);
	mnl_attr_nest_end(header, options);
	return header;
}

TEST(a_filter_tells_to_whom_it_redirects)
{
	uint32_t from = 0;

	CHECK(redirect_decode(filter("u32", TCA_U32_ACT, "mirred"), &from) == 4 && from == 2);
	CHECK(redirect_decode(filter("bpf", TCA_BPF_ACT, "mirred"), &from) == 4);
	CHECK(redirect_decode(filter("matchall", TCA_MATCHALL_ACT, "mirred"), &from) == 4);
}

TEST(other_actions_and_filters_that_are_not_known_redirect_nothing)
{
	uint32_t from;

	CHECK(redirect_decode(filter("u32", TCA_U32_ACT, "gact"), &from) == 0);
	CHECK(redirect_decode(filter("u32", TCA_U32_POLICE, "mirred"), &from) == 0);
	CHECK(redirect_decode(filter("route", TCA_U32_ACT, "mirred"), &from) == 0);
}
