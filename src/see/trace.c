#include "see/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/scoped.h"
#include "see/classic.h"
#include "see/processes.h"
#include "see/trace_filter.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* generated code */
#include "see/trace.skel.h"
#pragma GCC diagnostic pop

static const struct station_kind stations[] = {{"seal", TRACE_SEAL}, {"open", TRACE_OPEN}};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void programs_choose(struct trace *t, const struct trace_wish *wish, uint32_t reach)
{
	struct trace_bpf *bpf = t->bpf;

	/* Drops are told without it; it is the newest of the tracepoints. */
	if (kernel_arguments(&t->kernel, "icmp_send") < 0)
		bpf_program__set_autoload(bpf->progs.on_refuse, false);
	stations_prepare(&t->stations, t->kernel.btf, bpf->progs.on_station, bpf->maps.places,
		stations, sizeof(stations) / sizeof(stations[0]));
	if (wish->seals) {
		struct bpf_program *others[] = {bpf->progs.on_tx, bpf->progs.on_rx,
			bpf->progs.on_take, bpf->progs.on_refuse, bpf->progs.on_drop};

		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			bpf_program__set_autoload(others[i], false);
		bpf->rodata->only_seals = true;
	}
	if (wish->alone) {
		struct bpf_program *others[] = {bpf->progs.on_tx, bpf->progs.on_rx,
			bpf->progs.on_take, bpf->progs.on_refuse, bpf->progs.on_station};

		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			bpf_program__set_autoload(others[i], false);
	}
	bpf->rodata->drop_has_reason = kernel_arguments(&t->kernel, "kfree_skb") >= 3;
	bpf->rodata->consume_has_location =
		kernel_consumers(&t->kernel, bpf->rodata->consume_from, bpf->rodata->consume_to);
	bpf->rodata->only_drops = wish->drops;
	bpf->rodata->filter_reach = reach;
	bpf->rodata->only_nodes = wish->node_count > 0;
}

/* The skeleton's object with the filter in it: a copy, for libbpf keeps what it is given. */
static int object_open(struct trace *t, const struct filter_code *filter)
{
	struct bpf_object_skeleton *skeleton;
	SCOPED_FREE uint8_t *object = NULL;
	int err;

	t->bpf = calloc(1, sizeof(*t->bpf));
	if (!t->bpf)
		return -ENOMEM;
	err = trace_bpf__create_skeleton(t->bpf);
	if (err)
		return err;
	skeleton = t->bpf->skeleton;
	object = malloc(skeleton->data_sz);
	if (!object)
		return -ENOMEM;
	memcpy(object, skeleton->data, skeleton->data_sz);
	err = filter_code_place(filter, object, skeleton->data_sz);
	if (err)
		return err;
	skeleton->data = object; /* libbpf reads all of it before it returns */
	return bpf_object__open_skeleton(skeleton, NULL);
}

static int event_take(void *arg, void *bytes, size_t size)
{
	struct trace *t = arg;

	if (size >= offsetof(struct trace_event, frame) + TRACE_SENT)
		t->take(bytes, t->arg);
	return 0;
}

static int nodes_tell(struct trace *t, const struct trace_wish *wish)
{
	uint8_t one = 1;

	for (size_t i = 0; i < wish->node_count; i++)
		if (bpf_map_update_elem(
			    bpf_map__fd(t->bpf->maps.nodes), &wish->nodes[i], &one, BPF_ANY))
			return -errno;
	return 0;
}

static int programs_load(struct trace *t, const struct trace_wish *wish, struct error *e)
{
	struct error refused = {0};
	int err = trace_bpf__load(t->bpf);

	if (!err)
		err = nodes_tell(t, wish);
	if (!err)
		err = trace_bpf__attach(t->bpf);
	if (!err) {
		t->ring = ring_buffer__new(bpf_map__fd(t->bpf->maps.events), event_take, t, NULL);
		err = t->ring ? 0 : -errno;
	}
	if (!err)
		return 0;
	kernel_refused(&refused, -err);
	return error_set(
		e, -err, "%s; `warren capture` and `warren why` work without", refused.text);
}

int trace_open(struct trace *t, const struct trace_wish *wish, trace_event_take *take, void *arg,
	struct error *e)
{
	struct filter_code filter = {0};
	int err;

	*t = (struct trace){.take = take, .arg = arg};
	err = filter_code_make(&filter, wish->filter, e);
	if (err)
		return err;
	libbpf_set_print(silent);
	err = kernel_open(&t->kernel, e);
	if (!err) {
		err = object_open(t, &filter);
		if (err)
			error_errno(e, -err, "eBPF object");
	}
	if (!err) {
		programs_choose(t, wish, filter.reach);
		err = programs_load(t, wish, e);
	}
	filter_code_done(&filter);
	if (err)
		trace_close(t);
	return err;
}

void trace_close(struct trace *t)
{
	stations_detach(&t->stations);
	if (t->ring)
		ring_buffer__free(t->ring);
	if (t->bpf)
		trace_bpf__destroy(t->bpf);
	kernel_close(&t->kernel);
	*t = (struct trace){0};
}

int trace_tunnels(struct trace *t)
{
	struct processes p;
	int added = 0;

	if (processes_read(&p, NULL))
		return 0;
	for (size_t i = 0; i < p.descriptor_count; i++) {
		char exe[64];

		if (p.descriptors[i].kind != DESCRIPTOR_TUN)
			continue;
		snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)p.descriptors[i].pid);
		added += stations_attach(&t->stations, exe) > 0;
	}
	processes_free(&p);
	return added;
}

int trace_fd(const struct trace *t)
{
	return ring_buffer__epoll_fd(t->ring);
}

int trace_read(struct trace *t)
{
	return ring_buffer__consume(t->ring);
}

uint64_t trace_lost(const struct trace *t)
{
	return __atomic_load_n(&t->bpf->bss->lost, __ATOMIC_RELAXED);
}

uint64_t trace_packets(const struct trace *t)
{
	return __atomic_load_n(&t->bpf->bss->packets_seen, __ATOMIC_RELAXED);
}

const char *trace_reason(struct trace *t, uint32_t reason)
{
	if (!t->bpf->rodata->drop_has_reason)
		return "";
	if (reason >= TRACE_REASONS)
		return kernel_reason(&t->kernel, reason);
	if (!t->reasons[reason])
		t->reasons[reason] = kernel_reason(&t->kernel, reason);
	return t->reasons[reason];
}

const char *trace_symbol(struct trace *t, uint64_t location)
{
	return location ? kernel_symbol(&t->kernel, location) : "";
}

bool trace_loss(const struct trace_event *e, const char *reason, const char *symbol)
{
	/* Where the whole packet has reached its reader, or nobody there wants a copy. */
	static const char *const ends[][2] = {
		{"NO_SOCKET", "ping_rcv"},
		{"NO_SOCKET", "icmp_rcv"},
		{"NOT_SPECIFIED", "ping_rcv"},
		{"NOT_SPECIFIED", "icmpv6_rcv"},
		{"NOT_SPECIFIED", "ip6_mc_input"},
		{"OTHERHOST", ""},
		{"QUEUE_PURGE", ""},
		{"CONSUMED", ""},
		{"NO_TX_TARGET", "br_dev_xmit"},
	};

	if (e->kind != TRACE_DROP || e->shared)
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(reason, ends[i][0]) && (!ends[i][1][0] || !strcmp(symbol, ends[i][1])))
			return false;
	return true;
}
