#include "see/path.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* generated code */
#include "see/path.skel.h"
#pragma GCC diagnostic pop

static const struct station_kind stations[] = {{"seal", PATH_SEAL}, {"open", PATH_OPEN}};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

/* A kernel without one of the tracepoints still shows the others. */
static void programs_choose(struct path *p)
{
	struct path_bpf *bpf = p->bpf;
	const struct {
		struct bpf_program *program;
		const char *tracepoint;
	} list[] = {
		{bpf->progs.on_queue, "net_dev_queue"},
		{bpf->progs.on_tx, "net_dev_start_xmit"},
		{bpf->progs.on_rx, "netif_receive_skb"},
		{bpf->progs.on_drop, "kfree_skb"},
		{bpf->progs.on_consume, "consume_skb"},
		{bpf->progs.on_icmp, "icmp_send"},
		{bpf->progs.on_send, "sock_send_length"}, /* since 6.3 */
		{bpf->progs.on_route4, "fib_table_lookup"},
		{bpf->progs.on_route6, "fib6_table_lookup"},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (kernel_arguments(&p->kernel, list[i].tracepoint) < 0)
			bpf_program__set_autoload(list[i].program, false);
	bpf->rodata->drop_has_reason = kernel_arguments(&p->kernel, "kfree_skb") >= 3;
	bpf->rodata->skb_readable = kernel_reads_packets(&p->kernel);
	bpf->rodata->consume_has_location =
		kernel_consumers(&p->kernel, bpf->rodata->consume_from, bpf->rodata->consume_to);
}

static int event_take(void *arg, void *bytes, size_t size)
{
	struct path *p = arg;

	if (size >= sizeof(struct path_event))
		p->event(bytes, p->arg);
	return 0;
}

int path_open(struct path *p, void (*event)(const struct path_event *, void *), void *arg,
	struct error *e)
{
	int err;

	*p = (struct path){.event = event, .arg = arg};
	libbpf_set_print(silent);
	err = kernel_open(&p->kernel, e);
	if (err)
		return err;
	p->bpf = path_bpf__open();
	if (!p->bpf) {
		err = -errno;
		path_close(p);
		return kernel_refused(e, -err);
	}
	programs_choose(p);
	stations_prepare(&p->stations, p->kernel.btf, p->bpf->progs.on_station, p->bpf->maps.places,
		stations, sizeof(stations) / sizeof(stations[0]));
	err = path_bpf__load(p->bpf);
	if (!err)
		err = path_bpf__attach(p->bpf);
	if (!err) {
		p->ring = ring_buffer__new(bpf_map__fd(p->bpf->maps.events), event_take, p, NULL);
		err = p->ring ? 0 : -errno;
	}
	if (err) {
		path_close(p);
		return kernel_refused(e, -err);
	}
	return 0;
}

void path_close(struct path *p)
{
	stations_detach(&p->stations);
	if (p->ring)
		ring_buffer__free(p->ring);
	if (p->bpf)
		path_bpf__destroy(p->bpf);
	kernel_close(&p->kernel);
	*p = (struct path){0};
}

int path_tunnel(struct path *p, const char *exe)
{
	return stations_attach(&p->stations, exe);
}

void path_watch(struct path *p, const struct path_watch *watch)
{
	__atomic_store_n(&p->bpf->bss->watch.active, 0, __ATOMIC_SEQ_CST);
	if (!watch)
		return;
	p->bpf->bss->watch = *watch;
	__atomic_store_n(&p->bpf->bss->watch.active, 1, __ATOMIC_SEQ_CST);
}

void path_address(struct path *p, uint8_t family, const uint8_t *ip)
{
	uint8_t key[16] = {0}, one = 1;

	memcpy(key, ip, family == 6 ? 16 : 4);
	bpf_map_update_elem(bpf_map__fd(p->bpf->maps.addresses), key, &one, BPF_ANY);
}

void path_holder(struct path *p, uint32_t pid)
{
	uint8_t one = 1;

	bpf_map_update_elem(bpf_map__fd(p->bpf->maps.holders), &pid, &one, BPF_ANY);
}

void path_namespace(struct path *p, uint32_t netns)
{
	uint8_t one = 1;

	bpf_map_update_elem(bpf_map__fd(p->bpf->maps.namespaces), &netns, &one, BPF_ANY);
}

int path_fd(const struct path *p)
{
	return ring_buffer__epoll_fd(p->ring);
}

int path_read(struct path *p)
{
	int n = ring_buffer__consume(p->ring);

	return n < 0 ? n : 0;
}

bool path_has_reasons(const struct path *p)
{
	return p->bpf->rodata->drop_has_reason;
}

uint64_t path_lost(const struct path *p)
{
	return __atomic_load_n(&p->bpf->bss->lost, __ATOMIC_RELAXED);
}
