// SPDX-License-Identifier: MIT OR GPL-2.0
/* path.bpf.c - the kernel's side of following one packet
 *
 * Programs on tracepoints (tp_btf) where every packet of the machine passes,
 * and on two probes in a tunnel's process.  Each looks whether the packet is
 * ours; a packet that is not costs some tens of nanoseconds and leaves no trace.
 *
 *	packet_read()   the headers into this CPU's scratch
 *	packet_match()  is it ours: peel ICMP quotes, vxlan, IP in IP, and look
 *	                for the token; an encrypted datagram is looked up by the
 *	                first bytes of its payload
 *	event_send()    into the ring
 */
#include "see/kernel.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "see/caller.bpf.h"
#include "see/station.bpf.h"
#include "see/path_event.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum {
	ETHERTYPE_IP = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_IP6 = 0x86dd,
	ICMP = 1,
	IPIP = 4,
	TCP = 6,
	UDP = 17,
	IP6IN4 = 41,
	FRAGMENT = 44,
	ICMP6 = 58,
	HEADER_UNSET = 0xffff,
	SLACK = 512, /* so that a bounded index plus a header stays inside */
	LAYERS = 4,
	SEGMENTS_MAX = 128, /* UDP_MAX_SEGMENTS */
};

/* Of the ring, half is for the packet alone: in a circle of bridges ARP goes round without end. */
enum { EVENTS_SIZE = 4 << 20, EVENTS_NEIGHBOURS = EVENTS_SIZE / 2 };

/* Set by the loader from the kernel's BTF: does the tracepoint have that argument. */
const volatile bool drop_has_reason = true;
/* May these programs read what is not in a packet's linear part?  (Linux 6.11) */
const volatile bool skb_readable = false;

extern int bpf_dynptr_from_skb(
	struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym __weak;

struct path_watch watch = {0};
__u64 lost = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_SIZE);
} events SEC(".maps");

/* Fragments behind the first have no ports and no token. */
struct fragment {
	__u8 source[16], destination[16];
	__u32 id;
};

struct scratch {
	struct path_event event; /* its bytes[] run on into the slack */
	__u8 slack[SLACK];
	/* of the packet that is being peeled: */
	__u32 at;	/* offset of the layer that is next */
	__u32 match;	/* enum path_match, so far */
	__u32 quoted;	/* inside an ICMP error */
	__u32 first;	/* the first fragment of several, known as `fragment` */
	__u32 segments; /* datagrams that travel as one; 0 or 1: just the one */
	struct fragment fragment;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Addresses whose routing decisions are told: 16 bytes, IPv4 in the first four. */
struct address {
	__u8 bytes[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, __u8);
} addresses SEC(".maps");

/* Namespaces whose ARP, ND and routing decisions are told: those that the asker's packets can come
 * to.  Elsewhere the same addresses may be in use, by any amount of traffic. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} namespaces SEC(".maps");

/* Routing decisions told already: others send to that address as well, without end. */
struct decision {
	__u32 netns, table;
	__s32 error, iif;
	__u8 source[16], destination[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct decision);
	__type(value, __u32);
} decisions SEC(".maps");
enum { DECISIONS_TOLD = 4 };

/* Datagrams that carry the probe: payload prefix -> enum path_match. */
struct key {
	__u8 bytes[PATH_KEY];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, __u32);
} carriers SEC(".maps");

/* Fragments of ours -> enum path_match. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct fragment);
	__type(value, __u32);
} fragments SEC(".maps");

/* Processes that hold a tun or tap device open: only they can read from it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} holders SEC(".maps");

/* Processes that have just read the probe, from a tun or from a socket. */
struct reader {
	__u64 time;
	__u32 length; /* of what it read */
	__u32 exact;  /* it has probes of ours: no guessing needed */
	__u32 pid;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct reader);
} readers SEC(".maps");

/* Sockets that such a process has just sent by: a datagram that waits for a neighbour leaves later,
 * in nobody's name. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct reader);
} senders SEC(".maps");

/* Other packets that such a process has lately read, by their size: what it then sends, of about
 * that size, may be one of them. */
enum { SIZE_STEP = 64, SIZES = 32, ADDED_MAX = 160 };
struct strangers {
	__u64 time[SIZES];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct strangers);
} strangers SEC(".maps");
#define STRANGER_TIME PATH_STRANGER_TIME

/* A handshake that was not answered is repeated after 5 s; the probe waits for it all the time. */
#define HANDSHAKE_TIME 20000000000ull
#define GUESS_TIME 200000000ull /* nanoseconds between a read and the send that it caused */

static __always_inline __u16 be16_at(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

static __always_inline __u32 be32_at(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

/* Behind the packet's end (or what of it is linear) lies the rest of another one. */
static __always_inline bool captured(const struct path_event *e, const __u8 *p, __u32 length)
{
	return (__u64)(p - e->bytes) + length <= e->captured;
}

static __always_inline bool token_at(const struct path_event *e, const __u8 *p)
{
	__u64 there, ours;

	if (!captured(e, p, PATH_TOKEN))
		return false;
	__builtin_memcpy(&there, p, PATH_TOKEN);
	__builtin_memcpy(&ours, watch.token, PATH_TOKEN);
	return there == ours;
}

static __always_inline struct scratch *scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratches, &zero);
}

/* At most PATH_BYTES, in a form that the verifier sees (the compiler would move the check). */
static __always_inline __u32 bound(__u32 n)
{
	if (n > PATH_BYTES)
		n = PATH_BYTES;
	asm volatile("" : "+r"(n));
	n &= 2 * PATH_BYTES - 1;
	return n;
}

/* Which namespace, when the packet itself no longer knows its device. */
static __always_inline void place_fill(
	struct path_event *e, struct sk_buff *skb, struct net_device *dev)
{
	struct net *net = 0;

	e->ifindex = 0;
	e->device[0] = 0;
	e->link[0] = 0;
	if (dev) {
		const struct rtnl_link_ops *ops = BPF_CORE_READ(dev, rtnl_link_ops);

		e->ifindex = (__u32)BPF_CORE_READ(dev, ifindex);
		BPF_CORE_READ_STR_INTO(&e->device, dev, name);
		if (ops)
			bpf_probe_read_kernel_str(
				e->link, sizeof(e->link), BPF_CORE_READ(ops, kind));
		net = BPF_CORE_READ(dev, nd_net.net);
	}
	if (!net && skb) {
		struct sock *sk = BPF_CORE_READ(skb, sk);
		unsigned long dst = BPF_CORE_READ(skb, _skb_refdst) & ~1ul;

		if (sk)
			net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
		if (!net && dst)
			net = BPF_CORE_READ((struct dst_entry *)dst, dev, nd_net.net);
	}
	if (!net) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		net = BPF_CORE_READ(task, nsproxy, net_ns);
	}
	e->netns = net ? BPF_CORE_READ(net, ns.inum) : 0;
}

/* A function of its own, for nothing else may lie where the dynptr has been. */
static __noinline int packet_whole(struct sk_buff *skb, struct scratch *s, __u32 offset)
{
	struct bpf_dynptr whole;
	__u32 n = bound(s->event.length);

	if (bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &whole))
		return 0;
	if (!bpf_dynptr_read(s->event.bytes, n, &whole, offset, 0))
		s->event.captured = (__u16)n;
	return 0;
}

/* The payload of datagrams that were sent as one is not in the linear part. */
static __always_inline void packet_read_on(struct scratch *s, struct sk_buff *skb, __u32 offset)
{
	struct path_event *e = &s->event;
	bool udp = e->bytes[0] >> 4 == 6 ? e->bytes[6] == UDP : e->bytes[9] == UDP;
	struct skb_shared_info *shared;

	if (!udp || !BPF_CORE_READ(skb, data_len))
		return;
	shared = (struct skb_shared_info *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	s->segments = BPF_CORE_READ(shared, gso_size) ? BPF_CORE_READ(shared, gso_segs) : 0;
	if (skb_readable)
		packet_whole(skb, s, offset);
}

/* The headers, from the network header on.  `received`: the device has just taken off
 * its own header, and skb->data points at ours. */
static __always_inline bool packet_read(struct scratch *s, struct sk_buff *skb, bool received)
{
	struct path_event *e = &s->event;
	unsigned char *head = BPF_CORE_READ(skb, head);
	__u32 data = (__u32)(BPF_CORE_READ(skb, data) - head);
	__u32 at = received ? data : BPF_CORE_READ(skb, network_header);
	__u32 mac = BPF_CORE_READ(skb, mac_header);
	__u32 linear = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
	__s32 held = (__s32)(data + linear - at);
	__u32 n;

	e->protocol = __builtin_bswap16(BPF_CORE_READ(skb, protocol));
	e->length = BPF_CORE_READ(skb, len) + data - at;
	e->has_link = 0;
	if (at == HEADER_UNSET || held < 20)
		return false;
	n = bound((__u32)held);
	e->captured = (__u16)n;
	if (bpf_probe_read_kernel(e->bytes, n, head + at))
		return false;
	s->segments = 0;
	if (at >= data)
		packet_read_on(s, skb, at - data);
	if (data + 14 == at)
		mac = data;
	if (mac + 14 == at) {
		e->has_link = 1;
		bpf_probe_read_kernel(e->lladdr, sizeof(e->lladdr), head + mac);
	}
	return true;
}

static __always_inline bool tcp_match(const __u8 *q, __u32 netns, bool quoted)
{
	__u16 sport = be16_at(q), dport = be16_at(q + 2);
	__u32 sequence = be32_at(q + 4), ack = be32_at(q + 8);

	if (watch.proto != TCP)
		return false;
	if (!watch.sequence_known) {
		if (netns != watch.netns || sport != watch.first || dport != watch.second ||
			(q[13] & 0x12) != 0x02)
			return false;
		watch.sequence = sequence;
		watch.sequence_known = 1;
		return true;
	}
	/* The sequence survives translation of addresses and ports. */
	if (quoted)
		return sequence == watch.sequence;
	return sequence == watch.sequence || sequence == watch.sequence + 1 ||
	       ((q[13] & 0x10) && (ack == watch.sequence + 1 || ack == watch.sequence + 2));
}

static __always_inline __u32 carrier_match(struct scratch *s, const __u8 *payload)
{
	struct path_event *e = &s->event;
	struct key key;
	__u64 counter;
	__u32 *known;

	if (!captured(e, payload, PATH_KEY))
		return PATH_NOTHING;

	__builtin_memcpy(key.bytes, payload, PATH_KEY);
	known = bpf_map_lookup_elem(&carriers, &key);
	/* Of datagrams that travel as one the first is at hand; the others count on from it. */
	if (!known && s->segments > 1 && key.bytes[0] == 4) {
		__builtin_memcpy(&counter, key.bytes + 8, 8);
		for (__u32 i = 1; i < SEGMENTS_MAX && i < s->segments; i++) {
			counter++;
			__builtin_memcpy(key.bytes + 8, &counter, 8);
			known = bpf_map_lookup_elem(&carriers, &key);
			if (known)
				break;
		}
	}
	if (!known)
		return PATH_NOTHING;
	__builtin_memcpy(e->key, key.bytes, PATH_KEY);
	return *known;
}

/* A fragment: of the first one remember who it is, the others are looked up by that. */
static __always_inline void fragment_key(struct fragment *f, const __u8 *p, bool six, __u32 id)
{
	__builtin_memset(f, 0, sizeof(*f));
	if (six) {
		__builtin_memcpy(f->source, p + 8, 16);
		__builtin_memcpy(f->destination, p + 24, 16);
	} else {
		__builtin_memcpy(f->source, p + 12, 4);
		__builtin_memcpy(f->destination, p + 16, 4);
	}
	f->id = id;
}

/* The network header at s->at: which protocol is behind it, and where.  Returns 0 when the
 * peeling ends here; fragments behind the first are looked up. */
static __always_inline __u32 network_peel(struct scratch *s, const __u8 *p, __u32 *l4)
{
	__u32 proto, id, offset, *known;
	bool more;

	if (p[0] >> 4 == 6) {
		proto = p[6];
		*l4 = s->at + 40;
		offset = more = id = 0;
		if (proto == 0) { /* hop-by-hop options: MLD */
			proto = p[40];
			*l4 += 8;
		} else if (proto == FRAGMENT) {
			proto = p[40];
			offset = be16_at(p + 42) & 0xfff8;
			more = p[43] & 1;
			id = be32_at(p + 44);
			*l4 += 8;
		}
	} else if (p[0] >> 4 == 4) {
		proto = p[9];
		*l4 = s->at + (p[0] & 15) * 4;
		offset = be16_at(p + 6) & 0x1fff;
		more = p[6] & 0x20;
		id = be16_at(p + 4);
	} else {
		return 0;
	}
	if (!offset && !more)
		return proto;
	fragment_key(&s->fragment, p, p[0] >> 4 == 6, id);
	if (!offset) {
		s->first = 1;
		return proto;
	}
	known = bpf_map_lookup_elem(&fragments, &s->fragment);
	s->match = known ? *known : PATH_NOTHING;
	return 0;
}

static __always_inline bool icmp_peel(struct scratch *s, const __u8 *q, __u32 proto, __u32 l4)
{
	__u8 type = q[0];
	bool echo, error;

	if (proto == ICMP) {
		echo = type == 8 || type == 0;
		error = type == 3 || type == 5 || type == 11 || type == 12;
	} else {
		echo = type == 128 || type == 129;
		error = type >= 1 && type <= 4;
		if (type >= 133 && type <= 137 && watch.neighbours)
			s->match = PATH_NEIGHBOUR;
	}
	if (echo && (token_at(&s->event, q + 8) ||
			    (s->quoted && watch.proto == proto && be16_at(q + 4) == watch.first &&
				    be16_at(q + 6) == watch.second)))
		s->match = PATH_PROBE;
	if (!error || s->quoted)
		return false;
	s->quoted = 1;
	s->at = l4 + 8;
	return true;
}

static __always_inline bool udp_peel(struct scratch *s, const __u8 *q, __u32 l4)
{
	const __u8 *frame = q + 16;

	if (watch.proto == UDP &&
		(token_at(&s->event, q + 8) || (s->quoted && be16_at(q) == watch.first &&
						       be16_at(q + 2) == watch.second))) {
		s->match = PATH_PROBE;
		return false;
	}
	s->match = carrier_match(s, q + 8);
	if (s->match || q[8] != 0x08 || q[9] || q[10] || q[11])
		return false;
	/* vxlan: 8 bytes of its own, then a frame */
	if (be16_at(frame + 12) == ETHERTYPE_ARP) {
		s->match = watch.neighbours ? PATH_NEIGHBOUR : PATH_NOTHING;
		return false;
	}
	s->at = l4 + 8 + 8 + 14;
	return true;
}

/* layer_peel - look at the layer at s->at; 1 when there is a further one in it
 *
 * Verified on its own (a global function): the verifier need not follow each
 * combination of layers in each program.
 */
__noinline int layer_peel(void)
{
	struct scratch *s = scratch_get();
	__u32 l4, proto;
	const __u8 *p, *q;

	if (!s || s->at > PATH_BYTES - 28)
		return 0;
	p = s->event.bytes + (s->at & 255);
	proto = network_peel(s, p, &l4);
	if (!proto || l4 > PATH_BYTES - 8)
		return 0;
	q = s->event.bytes + (l4 & 255);
	if (proto == ICMP || proto == ICMP6)
		return icmp_peel(s, q, proto, l4);
	if (proto == UDP)
		return udp_peel(s, q, l4);
	if (proto == TCP) {
		if (captured(&s->event, q, s->quoted ? 8 : 20) &&
			tcp_match(q, s->event.netns, s->quoted))
			s->match = PATH_PROBE;
		else if (!s->quoted)
			s->match =
				carrier_match(s, s->event.bytes + ((l4 + (q[12] >> 4) * 4) & 511));
		return 0;
	}
	if (proto != IPIP && proto != IP6IN4)
		return 0;
	s->at = l4;
	return 1;
}

/* packet_match - is the packet in the scratch ours; enum path_match */
__noinline int packet_match(void)
{
	struct scratch *s = scratch_get();
	__u16 protocol;

	if (!s || !watch.active)
		return PATH_NOTHING;
	protocol = s->event.protocol;
	if (protocol == ETHERTYPE_ARP)
		return watch.neighbours ? PATH_NEIGHBOUR : PATH_NOTHING;
	if (protocol != ETHERTYPE_IP && protocol != ETHERTYPE_IP6)
		return PATH_NOTHING;
	s->at = s->match = s->quoted = s->first = 0;
	for (int i = 0; i < LAYERS; i++)
		if (!layer_peel())
			break;
	if (s->match && s->first)
		bpf_map_update_elem(&fragments, &s->fragment, &s->match, BPF_ANY);
	if (s->match && s->match != PATH_NEIGHBOUR && s->quoted)
		return PATH_QUOTE;
	return (int)s->match;
}

static __always_inline bool namespace_wanted(__u32 netns)
{
	return watch.everywhere || bpf_map_lookup_elem(&namespaces, &netns);
}

static __always_inline bool decision_is_news(const struct path_event *e)
{
	struct decision d = {.netns = e->netns,
		.table = e->route.table,
		.error = e->route.error,
		.iif = e->route.iif};
	__u32 one = 1, *told;

	__builtin_memcpy(d.source, e->route.source, 16);
	__builtin_memcpy(d.destination, e->route.destination, 16);
	told = bpf_map_lookup_elem(&decisions, &d);
	if (told)
		return ++*told <= DECISIONS_TOLD;
	bpf_map_update_elem(&decisions, &d, &one, BPF_ANY);
	return true;
}

static __always_inline void event_send(struct scratch *s, __u32 kind, void *skb)
{
	struct path_event *e = &s->event;

	if (e->match == PATH_NEIGHBOUR &&
		bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > EVENTS_NEIGHBOURS) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	e->time = bpf_ktime_get_ns();
	e->kind = kind;
	e->skb = (__u64)skb;
	e->pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	if (bpf_ringbuf_output(&events, e, sizeof(*e), 0))
		__sync_fetch_and_add(&lost, 1);
}

static __always_inline struct scratch *packet_look(
	struct sk_buff *skb, struct net_device *dev, bool received)
{
	struct scratch *s;

	if (!watch.active)
		return 0;
	s = scratch_get();
	if (!s || !packet_read(s, skb, received))
		return 0;
	s->event.netns = 0;
	/* The namespace matters to the match only until a TCP probe has shown its sequence. */
	if (watch.proto == TCP && !watch.sequence_known)
		place_fill(&s->event, skb, dev);
	s->event.match = (__u32)packet_match();
	if (!s->event.match)
		return s;
	place_fill(&s->event, skb, dev);
	if (s->event.match == PATH_NEIGHBOUR && !namespace_wanted(s->event.netns))
		s->event.match = PATH_NOTHING;
	s->event.location = 0;
	s->event.reason = 0;
	return s;
}

/* The outer addresses of a carrier are worth watching, too, and those that a translation writes:
 * the way back leads to the source. */
static __always_inline void outer_watch(struct path_event *e)
{
	struct address a = {0}, b = {0};
	__u8 one = 1;

	if (e->protocol == ETHERTYPE_IP) {
		__builtin_memcpy(a.bytes, e->bytes + 16, 4);
		__builtin_memcpy(b.bytes, e->bytes + 12, 4);
	} else if (e->protocol == ETHERTYPE_IP6) {
		__builtin_memcpy(a.bytes, e->bytes + 24, 16);
		__builtin_memcpy(b.bytes, e->bytes + 8, 16);
	} else {
		return;
	}
	bpf_map_update_elem(&addresses, &a, &one, BPF_ANY);
	bpf_map_update_elem(&addresses, &b, &one, BPF_ANY);
}

static __always_inline bool is_tun(struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	const struct rtnl_link_ops *ops = dev ? BPF_CORE_READ(dev, rtnl_link_ops) : 0;
	char kind[4] = "";

	if (!ops)
		return false;
	bpf_probe_read_kernel_str(kind, sizeof(kind), BPF_CORE_READ(ops, kind));
	return kind[0] == 't' && kind[1] == 'u' && kind[2] == 'n';
}

static __always_inline void stranger_note(struct sk_buff *skb)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32), size;
	static const struct strangers none;
	struct strangers *s;

	if (!bpf_map_lookup_elem(&holders, &pid) || !is_tun(skb))
		return;
	s = bpf_map_lookup_elem(&strangers, &pid);
	if (!s) {
		bpf_map_update_elem(&strangers, &pid, &none, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&strangers, &pid);
	}
	if (!s)
		return;
	/* One that is to be cut has a last piece of any size: it is noted as the longest. */
	size = BPF_CORE_READ(skb, len) / SIZE_STEP;
	if (size > SIZES - 1)
		size = SIZES - 1;
	s->time[size & (SIZES - 1)] = bpf_ktime_get_ns();
}

/* Has the process lately read another packet that would look the same from outside? */
static __always_inline bool stranger_may_be(__u32 pid, const struct reader *r)
{
	struct strangers *s = bpf_map_lookup_elem(&strangers, &pid);
	__u32 low, high;

	if (!s)
		return false;
	low = r->length > ADDED_MAX ? (r->length - ADDED_MAX) / SIZE_STEP : 0;
	high = (r->length + ADDED_MAX) / SIZE_STEP;
	for (__u32 i = 0; i < SIZES; i++)
		if (((i >= low && i <= high) || i == SIZES - 1) &&
			s->time[i] + STRANGER_TIME > r->time)
			return true;
	return false;
}

/* A process that has read the probe and now sends something at least as long: what it
 * became, as far as can be told from outside.  Never a guess where it could be another's. */
static __always_inline bool guess(struct scratch *s, struct sk_buff *skb)
{
	struct path_event *e = &s->event;
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32), l4, value = PATH_GUESS;
	struct reader *r = bpf_map_lookup_elem(&readers, &pid);
	__u64 sk = (__u64)BPF_CORE_READ(skb, sk);
	struct key key;
	bool handshake;

	if (!sk)
		return false;
	if (!r)
		r = bpf_map_lookup_elem(&senders, &sk);
	if (!r || r->exact || bpf_ktime_get_ns() - r->time > HANDSHAKE_TIME)
		return false;
	if (e->protocol == ETHERTYPE_IP && (e->bytes[9] == UDP || e->bytes[9] == TCP))
		l4 = (e->bytes[0] & 15) * 4;
	else if (e->protocol == ETHERTYPE_IP6 && (e->bytes[6] == UDP || e->bytes[6] == TCP))
		l4 = 40;
	else
		return false;
	if ((e->protocol == ETHERTYPE_IP ? e->bytes[9] : e->bytes[6]) == UDP)
		l4 += 8;
	else
		l4 += (e->bytes[(l4 + 12) & 127] >> 4) * 4;
	l4 &= 127;
	/* WireGuard: before the first datagram a handshake (types 1, 2), which the probe waits for;
	 * cookies (3) are nobody's. */
	handshake = e->bytes[l4] >= 1 && e->bytes[l4] <= 3 && !e->bytes[l4 + 1] &&
		    !e->bytes[l4 + 2] && !e->bytes[l4 + 3];
	if (handshake ? e->bytes[l4] == 3
		      : e->length < r->length || e->length > r->length + ADDED_MAX ||
				stranger_may_be(r->pid, r))
		return false;
	if (!handshake && bpf_ktime_get_ns() - r->time > GUESS_TIME)
		return false;
	if (l4 + PATH_KEY > e->captured)
		return false;
	__builtin_memcpy(key.bytes, e->bytes + l4, PATH_KEY);
	__builtin_memcpy(e->key, e->bytes + l4, PATH_KEY);
	bpf_map_update_elem(&carriers, &key, &value, BPF_ANY);
	if (!handshake)
		bpf_map_delete_elem(&readers, &pid);
	e->match = PATH_GUESS;
	e->location = 0;
	e->reason = 0;
	return true;
}

/* The cheap part of the question, asked of every packet that anybody sends. */
static __always_inline bool guess_may_be(struct sk_buff *skb)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	__u64 sk = (__u64)BPF_CORE_READ(skb, sk);

	return sk && (bpf_map_lookup_elem(&readers, &pid) || bpf_map_lookup_elem(&senders, &sk));
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(on_queue, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct scratch *s = packet_look(skb, dev, false);

	if (!s)
		return 0;
	if (!s->event.match && guess_may_be(skb)) {
		place_fill(&s->event, skb, dev);
		if (namespace_wanted(s->event.netns))
			guess(s, skb);
	}
	if (s->event.match && s->event.match != PATH_NEIGHBOUR)
		outer_watch(&s->event);
	if (s->event.match)
		event_send(s, PATH_QUEUE, skb);
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_tx, struct sk_buff *skb, struct net_device *dev)
{
	struct scratch *s = packet_look(skb, dev, false);

	if (s && s->event.match)
		event_send(s, PATH_TX, skb);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_rx, struct sk_buff *skb)
{
	struct scratch *s = packet_look(skb, skb->dev, true);

	if (s && s->event.match)
		event_send(s, PATH_RX, skb);
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff *skb, void *location)
{
	struct scratch *s = packet_look(skb, skb->dev, false);

	if (!s || !s->event.match)
		return 0;
	s->event.location = (__u64)location;
	s->event.reason = drop_has_reason ? (__u32)ctx[2] : 0;
	event_send(s, PATH_DROP, skb);
	return 0;
}

SEC("tp_btf/consume_skb")
int BPF_PROG(on_consume, struct sk_buff *skb)
{
	struct scratch *s = packet_look(skb, skb->dev, false);
	struct path_event *e;

	/* Also before the probe is sent: others' packets may still be on their way out then. */
	if (!s || !s->event.match) {
		stranger_note(skb);
		return 0;
	}
	e = &s->event;
	e->location = consume_location(ctx);
	if ((e->match == PATH_PROBE && e->link[0] == 't' && e->link[1] == 'u' &&
		    e->link[2] == 'n') ||
		e->match == PATH_CARRIER || e->match == PATH_GUESS) {
		__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
		struct reader r = {.time = bpf_ktime_get_ns(), .length = e->length, .pid = pid};
		struct reader *old = bpf_map_lookup_elem(&readers, &pid);
		bool holds = bpf_map_lookup_elem(&holders, &pid);

		if (e->match != PATH_PROBE)
			r.length = 0xffffffff; /* it will write to a tun, where the token is seen
						  again */
		if (holds && (!old || !old->exact))
			bpf_map_update_elem(&readers, &pid, &r, BPF_ANY);
	}
	event_send(s, PATH_CONSUME, skb);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int length)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct reader *r, copy;
	__u64 key = (__u64)sk;

	if (!watch.active || length <= 0)
		return 0;
	r = bpf_map_lookup_elem(&readers, &pid);
	if (!r || r->exact || bpf_ktime_get_ns() - r->time > GUESS_TIME)
		return 0;
	copy = *r;
	bpf_map_update_elem(&senders, &key, &copy, BPF_ANY);
	return 0;
}

SEC("tp_btf/icmp_send")
int BPF_PROG(on_icmp, const struct sk_buff *skb, int type, int code)
{
	struct scratch *s = packet_look((struct sk_buff *)skb, skb->dev, false);

	if (!s || !s->event.match)
		return 0;
	s->event.type = type;
	s->event.code = code;
	event_send(s, PATH_ICMP, (void *)skb);
	return 0;
}

static __always_inline bool address_watched(const __u8 *bytes)
{
	struct address a;

	__builtin_memcpy(a.bytes, bytes, 16);
	return bpf_map_lookup_elem(&addresses, &a) != 0;
}

static __always_inline void nexthop_fill(struct path_event *e, const struct fib_nh_common *nhc)
{
	struct path_route *r = &e->route;
	struct net_device *dev = BPF_CORE_READ(nhc, nhc_dev);

	r->gateway_family = BPF_CORE_READ(nhc, nhc_gw_family);
	__builtin_memset(r->gateway, 0, sizeof(r->gateway));
	if (r->gateway_family)
		bpf_probe_read_kernel(r->gateway, sizeof(r->gateway),
			__builtin_preserve_access_index(&nhc->nhc_gw));
	if (dev) {
		place_fill(e, 0, dev);
		__builtin_memcpy(r->device, e->device, sizeof(r->device));
	}
}

SEC("tp_btf/fib_table_lookup")
int BPF_PROG(on_route4, __u32 table, const struct flowi4 *flow, const struct fib_nh_common *nhc,
	int error)
{
	struct scratch *s;
	struct path_route *r;

	if (!watch.active)
		return 0;
	s = scratch_get();
	if (!s)
		return 0;
	r = &s->event.route;
	__builtin_memset(r, 0, sizeof(*r));
	__builtin_memcpy(r->source, &flow->saddr, 4);
	__builtin_memcpy(r->destination, &flow->daddr, 4);
	if (!address_watched(r->destination))
		return 0;
	r->table = table;
	r->error = error;
	r->family = 4;
	r->oif = flow->__fl_common.flowic_oif;
	r->iif = flow->__fl_common.flowic_iif;
	place_fill(&s->event, 0, 0);
	if (!error && nhc)
		nexthop_fill(&s->event, nhc);
	if (!namespace_wanted(s->event.netns) || !decision_is_news(&s->event))
		return 0;
	s->event.match = PATH_PROBE;
	s->event.captured = 0;
	event_send(s, PATH_ROUTE, 0);
	return 0;
}

SEC("tp_btf/fib6_table_lookup")
int BPF_PROG(on_route6, const struct net *net, const struct fib6_result *result,
	struct fib6_table *table, const struct flowi6 *flow)
{
	struct scratch *s;
	struct path_route *r;
	struct fib6_nh *nh;

	if (!watch.active)
		return 0;
	s = scratch_get();
	if (!s)
		return 0;
	r = &s->event.route;
	__builtin_memset(r, 0, sizeof(*r));
	bpf_probe_read_kernel(r->source, 16, &flow->saddr);
	bpf_probe_read_kernel(r->destination, 16, &flow->daddr);
	if (!address_watched(r->destination))
		return 0;
	r->table = table->tb6_id;
	r->family = 6;
	r->oif = flow->__fl_common.flowic_oif;
	r->iif = flow->__fl_common.flowic_iif;
	r->type = result->fib6_type;
	place_fill(&s->event, 0, 0);
	nh = result->nh;
	if (nh)
		nexthop_fill(&s->event, &nh->nh_common);
	s->event.netns = net->ns.inum;
	if (!namespace_wanted(s->event.netns) || !decision_is_news(&s->event))
		return 0;
	s->event.match = PATH_PROBE;
	s->event.captured = 0;
	event_send(s, PATH_ROUTE, 0);
	return 0;
}

/* The tunnel's probes: the inner packet, in the process's memory, and what it becomes. */
static __always_inline int tunnel_event(
	const void *inner, __u32 length, __u32 index, __u64 counter, __u32 outer, __u32 kind)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32), value = PATH_CARRIER, n = length;
	struct reader exact = {.exact = 1};
	struct path_event *e;
	struct scratch *s;
	struct key key = {.bytes = {4}};

	if (!watch.active)
		return 0;
	s = scratch_get();
	if (!s)
		return 0;
	e = &s->event;
	if (n < 20)
		return 0;
	n = bound(n);
	if (bpf_probe_read_user(e->bytes, n, inner))
		return 0;
	e->captured = (__u16)n;
	e->length = length;
	e->has_link = 0;
	e->netns = 0;
	e->protocol = e->bytes[0] >> 4 == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP;
	if ((e->bytes[0] >> 4 != 4 && e->bytes[0] >> 4 != 6)) {
		/* a frame of a tap tunnel: the network header is behind the Ethernet header */
		if (n < 34)
			return 0;
		__builtin_memcpy(e->lladdr, e->bytes, 12);
		e->has_link = 1;
		e->protocol = be16_at(e->bytes + 12);
		bpf_probe_read_user(e->bytes, bound(n - 14), inner + 14);
		e->length = length - 14;
		e->captured = (__u16)(n - 14);
	}
	bpf_map_update_elem(&readers, &pid, &exact, BPF_ANY);
	e->match = (__u32)packet_match();
	if (!e->match)
		return 0;
	__builtin_memcpy(key.bytes + 4, &index, 4);
	__builtin_memcpy(key.bytes + 8, &counter, 8);
	if (kind == PATH_SEAL)
		bpf_map_update_elem(&carriers, &key, &value, BPF_ANY);
	__builtin_memcpy(e->key, key.bytes, PATH_KEY);
	place_fill(e, 0, 0);
	e->outer = outer;
	event_send(s, kind, 0);
	return 0;
}

STATION_PROGRAM(tunnel_event)
