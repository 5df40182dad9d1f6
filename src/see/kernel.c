#include "see/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/btf.h>

int kernel_open(struct kernel *k, struct error *e)
{
	*k = (struct kernel){.btf = btf__load_vmlinux_btf()};
	return k->btf ? 0
		      : error_errno(e, errno,
				"/sys/kernel/btf/vmlinux (eBPF programs need a kernel that "
				"describes its types: CONFIG_DEBUG_INFO_BTF)");
}

void kernel_close(struct kernel *k)
{
	btf__free(k->btf);
	symbols_done(&k->symbols);
	*k = (struct kernel){0};
}

int kernel_refused(struct error *e, int error)
{
	struct utsname is;
	unsigned int major = 0, minor = 0;

	if (error == EPERM)
		return error_errno(e, error,
			"eBPF programs (they need CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)");
	if (!uname(&is) && sscanf(is.release, "%u.%u", &major, &minor) == 2 &&
		(major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR)))
		return error_errno(e, error, "eBPF programs (they need Linux %d.%d, this is %s)",
			KERNEL_MAJOR, KERNEL_MINOR, is.release);
	return error_errno(e, error, "eBPF programs");
}

int kernel_arguments(const struct kernel *k, const char *tracepoint)
{
	char name[64];
	const struct btf_type *t;
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(k->btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	t = btf__type_by_id(k->btf, btf__type_by_id(k->btf, (uint32_t)id)->type); /* pointer */
	t = btf__type_by_id(k->btf, t->type);					  /* function */
	return btf_vlen(t) - 1; /* the first is the program's own data */
}

const char *kernel_reason(const struct kernel *k, uint32_t reason)
{
	static const char prefix[] = "SKB_DROP_REASON_";
	int id = btf__find_by_name_kind(k->btf, "skb_drop_reason", BTF_KIND_ENUM);
	const struct btf_type *t;
	const struct btf_enum *values;

	if (id < 0)
		return "";
	t = btf__type_by_id(k->btf, (uint32_t)id);
	values = btf_enum(t);
	for (uint16_t i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(k->btf, values[i].name_off);

		if ((uint32_t)values[i].val != reason)
			continue;
		if (!strncmp(name, prefix, sizeof(prefix) - 1))
			name += sizeof(prefix) - 1;
		else if (!strncmp(name, "SKB_", 4)) /* SKB_CONSUMED, SKB_NOT_DROPPED_YET */
			name += 4;
		return name;
	}
	return "";
}

const char *kernel_reason_at(const char *symbol)
{
	static const char *const places[][2] = {
		{"__dev_queue_xmit", "QDISC_DROP"},
		{"__udp4_lib_rcv", "NO_SOCKET"},
		{"__udp6_lib_rcv", "NO_SOCKET"},
		{"icmp_rcv", "NO_SOCKET"},
		{"inet_sock_destruct", "QUEUE_PURGE"},
		{"ip_rcv_core", "OTHERHOST"},
		{"ipt_do_table", "NETFILTER_DROP"},
		{"kfree_skb_list", "QDISC_DROP"},
		{"neigh_invalidate", "NEIGH_FAILED"},
		{"nf_hook_slow", "NETFILTER_DROP"},
		{"nft_do_chain", "NETFILTER_DROP"},
		{"ping_rcv", "NO_SOCKET"},
		{"skb_queue_purge", "QUEUE_PURGE"},
		{"tcp_v4_rcv", "NO_SOCKET"},
		{"tcp_v6_rcv", "NO_SOCKET"},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!strcmp(symbol, places[i][0]))
			return places[i][1];
	return "NOT_SPECIFIED";
}

const char *kernel_symbol(struct kernel *k, uint64_t location)
{
	return symbols_name(&k->symbols, location);
}

bool kernel_consumers(struct kernel *k, __u64 *from, __u64 *to)
{
	static const char *const names[KERNEL_CONSUMERS] = {
		"consume_skb", "__consume_stateless_skb", "napi_consume_skb"};

	if (kernel_arguments(k, "consume_skb") >= 2)
		return true;
	for (size_t i = 0; i < KERNEL_CONSUMERS; i++)
		if (!symbols_function(&k->symbols, names[i], &from[i], &to[i]))
			from[i] = to[i] = 0;
	return false;
}

bool kernel_reads_packets(const struct kernel *k)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	return k->btf && btf__find_by_name_kind(k->btf, "bpf_dynptr_from_skb", BTF_KIND_FUNC) > 0 &&
	       !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 12));
}
