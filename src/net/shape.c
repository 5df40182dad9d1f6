#include "net/shape.h"

#include <math.h>
#include <string.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

enum {
	TICK_SHIFT = 6,		 /* the scheduler counts time in 64 ns */
	BURST_LEAST = 64 * 1024, /* a whole superframe of 64 KiB passes at once */
	LATENCY = 50,		 /* ms that a packet may wait in the bucket's queue */
	NETEM_LIMIT = 10000,	 /* packets; netem's own 1000 is little for a fast, long line */
};

/* Attributes begin at multiples of 4. */
static const size_t netem_size = (sizeof(struct tc_netem_qopt) + 3u) & ~(size_t)3;

const char *shape_kind(const struct plan_shape *s)
{
	if (s->delay || s->loss > 0)
		return "netem";
	return s->rate ? "tbf" : NULL;
}

static struct tcmsg *begin(struct message *m, uint16_t type, uint16_t flags, uint32_t index)
{
	struct tcmsg *tc = message_begin(m, type, flags, sizeof(*tc));

	tc->tcm_ifindex = (int)index;
	tc->tcm_parent = TC_H_ROOT;
	return tc;
}

static void put_tbf(struct message *m, const struct plan_shape *s)
{
	uint64_t rate = s->rate / 8, burst = rate / 100, ticks;
	struct tc_tbf_qopt options = {0};

	burst = burst < BURST_LEAST ? BURST_LEAST : burst > UINT32_MAX / 2 ? UINT32_MAX / 2 : burst;
	ticks = rate ? burst * 1000000000 / rate >> TICK_SHIFT : 0;
	options.rate.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
	options.rate.linklayer = TC_LINKLAYER_ETHERNET;
	options.buffer = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
	options.limit = (uint32_t)(burst + rate * LATENCY / 1000 > UINT32_MAX
					   ? UINT32_MAX
					   : burst + rate * LATENCY / 1000);
	mnl_attr_put(m->header, TCA_TBF_PARMS, sizeof(options), &options);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(m->header, TCA_TBF_RATE64, rate);
	mnl_attr_put_u32(m->header, TCA_TBF_BURST, (uint32_t)burst);
}

static uint32_t loss_encode(double loss)
{
	return loss >= 1 ? UINT32_MAX : (uint32_t)lround(loss * (double)UINT32_MAX);
}

/* netem's options are its struct, with attributes behind it in the same payload. */
static void put_netem(struct message *m, const struct plan_shape *s)
{
	struct tc_netem_qopt options = {.limit = NETEM_LIMIT, .loss = loss_encode(s->loss)};
	void *tail = mnl_nlmsg_get_payload_tail(m->header);
	uint64_t ticks = s->delay >> TICK_SHIFT, rate = s->rate / 8;
	struct tc_netem_rate shaper = {.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate};

	options.latency = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
	memcpy(tail, &options, sizeof(options));
	m->header->nlmsg_len += (uint32_t)netem_size;
	mnl_attr_put(m->header, TCA_NETEM_LATENCY64, sizeof(s->delay), &s->delay);
	if (!rate)
		return;
	mnl_attr_put(m->header, TCA_NETEM_RATE, sizeof(shaper), &shaper);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(m->header, TCA_NETEM_RATE64, rate);
}

void shape_encode(struct message *m, uint32_t index, const struct plan_shape *s)
{
	const char *kind = shape_kind(s);
	struct nlattr *options;

	begin(m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, index);
	mnl_attr_put_strz(m->header, TCA_KIND, kind);
	options = mnl_attr_nest_start(m->header, TCA_OPTIONS);
	if (!strcmp(kind, "tbf"))
		put_tbf(m, s);
	else
		put_netem(m, s);
	mnl_attr_nest_end(m->header, options);
}

void shape_encode_del(struct message *m, uint32_t index)
{
	begin(m, RTM_DELQDISC, 0, index);
}

void shape_encode_dump(struct message *m)
{
	message_begin(m, RTM_GETQDISC, NLM_F_DUMP, sizeof(struct tcmsg));
}

struct qdisc {
	const char *kind;
	const struct nlattr *options;
	const struct nlattr *at[TCA_TBF_MAX + TCA_NETEM_MAX];
};

static int qdisc_attribute(const struct nlattr *a, void *arg)
{
	struct qdisc *q = arg;

	if (mnl_attr_get_type(a) == TCA_KIND && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		q->kind = mnl_attr_get_str(a);
	else if (mnl_attr_get_type(a) == TCA_OPTIONS)
		q->options = a;
	return MNL_CB_OK;
}

static int option(const struct nlattr *a, void *arg)
{
	struct qdisc *q = arg;

	if (mnl_attr_get_type(a) < sizeof(q->at) / sizeof(q->at[0]))
		q->at[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static bool copy(const struct nlattr *a, void *out, size_t size)
{
	if (!a || mnl_attr_get_payload_len(a) < size)
		return false;
	memcpy(out, mnl_attr_get_payload(a), size);
	return true;
}

static void tbf_read(struct qdisc *q, struct plan_shape *s)
{
	struct tc_tbf_qopt options;
	uint64_t rate;

	mnl_attr_parse_nested(q->options, option, q);
	if (copy(q->at[TCA_TBF_PARMS], &options, sizeof(options)))
		s->rate = (uint64_t)options.rate.rate * 8;
	if (copy(q->at[TCA_TBF_RATE64], &rate, sizeof(rate)))
		s->rate = rate * 8;
}

static void netem_read(struct qdisc *q, struct plan_shape *s)
{
	struct tc_netem_qopt options;
	struct tc_netem_rate shaper;
	const size_t size = netem_size;
	uint64_t number;

	if (!copy(q->options, &options, sizeof(options)))
		return;
	s->delay = (uint64_t)options.latency << TICK_SHIFT;
	s->loss = (double)options.loss / (double)UINT32_MAX;
	mnl_attr_parse_payload((char *)mnl_attr_get_payload(q->options) + size,
		mnl_attr_get_payload_len(q->options) - size, option, q);
	if (copy(q->at[TCA_NETEM_LATENCY64], &number, sizeof(number)))
		s->delay = number;
	if (copy(q->at[TCA_NETEM_RATE], &shaper, sizeof(shaper)))
		s->rate = (uint64_t)shaper.rate * 8;
	if (copy(q->at[TCA_NETEM_RATE64], &number, sizeof(number)))
		s->rate = number * 8;
}

bool shape_decode(const struct nlmsghdr *h, uint32_t *index, struct plan_shape *s, bool *foreign)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(h);
	struct qdisc q = {0};

	if (h->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(h) < sizeof(*tc) ||
		tc->tcm_parent != TC_H_ROOT)
		return false;
	mnl_attr_parse(h, sizeof(*tc), qdisc_attribute, &q);
	/* Handle 0 is the kernel's own choice: noqueue, or its default. */
	if (!q.kind || !tc->tcm_handle)
		return false;
	*index = (uint32_t)tc->tcm_ifindex;
	*s = (struct plan_shape){0};
	*foreign = false;
	if (!strcmp(q.kind, "tbf") && q.options)
		tbf_read(&q, s);
	else if (!strcmp(q.kind, "netem") && q.options)
		netem_read(&q, s);
	else
		*foreign = true;
	return true;
}
