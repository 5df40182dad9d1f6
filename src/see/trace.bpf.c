// SPDX-License-Identifier: MIT OR GPL-2.0
/* trace.bpf.c - the kernel's side of following packets that match a filter
 *
 * Programs on tracepoints (tp_btf) where every packet of the machine passes,
 * and on two probes in a tunnel's process:
 *
 *	frame_read()   the first bytes, as far as the filter can look
 *	filter_run()   the user's filter: written into this object before it is loaded
 *	packet_sign()  what stays the same on the way: known packets are found by it
 *	packet_know()  which packet is it: known, changed by NAT, carried, or new
 *	event_send()   into the ring
 *
 * As long as no packet has matched, only the first two run.
 *
 * Each program has scratch memory of its own for each CPU: an interrupt may
 * run another program in the middle of one, but never the same.
 */
#include "see/kernel.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "see/caller.bpf.h"
#include "see/station.bpf.h"
#include "see/trace_event.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum {
	ETHERTYPE_IP = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_TEB = 0x6558, /* an Ethernet frame inside */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_QINQ = 0x88a8,
	TAG = 4, /* bytes of an 802.1Q tag */
	ICMP = 1,
	IPIP = 4,
	TCP = 6,
	UDP = 17,
	IP6IN4 = 41,
	GRE = 47,
	ICMP6 = 58,
	HEADER_UNSET = 0xffff,
	LAYERS = 4,
	KNOWN_BITS = 16,
	BUFFER_BITS = 14,
	PAYLOAD = 16, /* bytes of it that are signed */
	SLACK = 512,  /* so that a bounded index plus a header stays inside */
	L3 = TRACE_ETHERNET,
	L3_ROOM = TRACE_WINDOW - TRACE_ETHERNET,
};

struct sk_buff___end {
	unsigned int end;
} __attribute__((preserve_access_index));

/* Set by the loader. */
const volatile bool drop_has_reason = true;
const volatile bool only_drops = false;
const volatile bool only_seals = false; /* which datagram carries what, and nothing else */
const volatile bool only_nodes = false; /* packets get their number in `nodes` only */
const volatile __u32 filter_reach = TRACE_WINDOW; /* bytes of a frame that the filter may read */

__u64 packets_seen = 0;
__u64 lost = 0;
__u32 following = 0; /* some packet has matched */
__u32 carrying = 0;  /* some datagram carries one */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct scratch {
	struct trace_event event; /* its frame[] runs on into the slack */
	__u8 slack[SLACK];
	__u32 length; /* of the whole frame, for the filter */
	__u32 room;   /* bytes of the network packet that lie in one piece */
	/* of the packet that is being signed: */
	__u64 buffer;
	__u64 whole, loose;
	__u32 at;	/* offset of the layer that is next, from the network header */
	__u32 type;	/* and its EtherType */
	__u32 quote;	/* offset of what an ICMP error quotes, or 0 */
	__u32 datagram; /* offset of a UDP payload, or 0 */
	__u32 life;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACE_KINDS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Known packets, by their whole signature; and where each was first seen.  A table where the
 * newer of two that fall on one place wins: a tenth of the cost of a hash that must evict. */
struct known {
	__u64 whole, id;
	__u32 netns, ifindex, kind, life;
	__u32 match; /* how it was told first */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << KNOWN_BITS);
	__type(key, __u32);
	__type(value, struct known);
} packets SEC(".maps");

/* Buffers that hold a known packet: across NAT, and until its end. */
struct carried {
	__u64 buffer, id, loose, time;
	__u64 kind; /* enum trace_kind: what was seen of it last */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << BUFFER_BITS);
	__type(key, __u32);
	__type(value, struct carried);
} buffers SEC(".maps");

/* Datagrams that carry a packet encrypted, by the first bytes of their payload. */
struct key {
	__u8 bytes[TRACE_KEY];
};
struct carrier {
	__u64 id;
	__u64 match;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct key);
	__type(value, struct carrier);
} carriers SEC(".maps");

/* Processes that have just read a known packet from a tun. */
struct reader {
	__u64 id, time;
	__u32 length, exact; /* exact: it has probes of ours, no guessing needed */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct reader);
} readers SEC(".maps");

#define BUFFER_TIME 10000000000ull /* nanoseconds: one that was freed unseen is forgotten */
#define GUESS_TIME 200000000ull	   /* between a read and the send that it caused */

/* filter_run - the user's filter (see classic.h for the registers)
 *
 * The body is only room: the two constants mark it, and the loader writes the
 * translated filter over it, which returns by itself.
 */
static __noinline int filter_run(const void *frame, __u64 held, __u64 length)
{
	long result;

	asm volatile("r6 = %[frame]\n"
		     "r7 = %[held]\n"
		     "r8 = %[length]\n"
		     "r0 = 0x57a4f11e\n"
		     "r0 = 0x1ef1a457\n"
		     ".rept 4094\n"
		     "r0 = 0\n"
		     ".endr\n"
		     "%[result] = r0\n"
		     : [result] "=r"(result)
		     : [frame] "r"(frame), [held] "r"(held), [length] "r"(length)
		     : "r0", "r6", "r7", "r8", "r9", "memory");
	return (int)result;
}

static __always_inline __u16 be16_at(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

static __always_inline struct scratch *scratch_get(__u32 kind)
{
	return bpf_map_lookup_elem(&scratches, &kind);
}

/* At most `most` (a power of two minus one), in a form that the verifier sees. */
static __always_inline __u32 bound(__u32 n, __u32 most)
{
	if (n > most)
		n = most;
	asm volatile("" : "+r"(n));
	return n & most;
}

static __always_inline __u64 mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9fb21c651e98df25ull;
	return hash ^ hash >> 29;
}

static __always_inline __u64 mix8(__u64 hash, const __u8 *p)
{
	__u64 v;

	__builtin_memcpy(&v, p, 8);
	return mix(hash, v);
}

/* ---- reading ---- */

static __always_inline bool is_tag(__u16 type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ;
}

/* Does the packet carry a tag beside its bytes, where the kernel keeps the outermost one? */
static __always_inline bool has_tag(const struct sk_buff *skb)
{
	if (bpf_core_field_exists(skb->vlan_all))
		return skb->vlan_all;
	if (bpf_core_field_exists(skb->vlan_present))
		return BPF_CORE_READ_BITFIELD(skb, vlan_present);
	return false;
}

/* The tag back into the frame, where the wire has it; what follows is read behind it. */
static __always_inline void tag_write(struct trace_event *e, const struct sk_buff *skb)
{
	__u16 outer = __builtin_bswap16(skb->vlan_proto), tag = skb->vlan_tci;

	e->frame[12] = (__u8)(outer >> 8);
	e->frame[13] = (__u8)outer;
	e->frame[14] = (__u8)(tag >> 8);
	e->frame[15] = (__u8)tag;
	e->frame[16] = (__u8)(e->protocol >> 8);
	e->frame[17] = (__u8)e->protocol;
	e->protocol = outer;
}

/* The frame's start into event.frame, as the wire has it: `reach` bytes of it, or less when there
 * is less.  `received`: the device has just taken off its header, and skb->data is what follows. */
static __always_inline bool frame_read(
	struct scratch *s, struct sk_buff *skb, bool received, __u32 reach)
{
	struct trace_event *e = &s->event;
	unsigned char *head = skb->head;
	__u32 data = (__u32)(skb->data - head);
	__u32 at = received ? data : skb->network_header;
	__u32 mac = skb->mac_header;
	__u32 tag = has_tag(skb) ? TAG : 0;
	__s32 held;
	__u32 n;

	e->protocol = __builtin_bswap16(skb->protocol);
	if (at == HEADER_UNSET)
		return false;
	/* What is sent begins with its Ethernet header; tags in its bytes lie behind that. */
	if (!received && (data + L3 == at || (is_tag(e->protocol) && data + L3 < at))) {
		mac = data;
		at = data + L3;
	}
	held = (__s32)(data + skb->len - skb->data_len - at);
	if (held <= 0)
		return false;
	e->length = skb->len + data - at;
	s->room = (__u32)held;
	n = reach > L3 ? reach - L3 : 0;
	if (n > (__u32)held)
		n = (__u32)held;
	n = bound(n, 255);
	if (n > L3_ROOM - TAG)
		n = L3_ROOM - TAG;
	e->held = (__u16)(L3 + tag + n);
	s->length = e->length + tag + (mac + L3 == at ? L3 : 0);
	if (mac + L3 == at) {
		if (!tag)
			return !bpf_probe_read_kernel(e->frame, L3 + n, head + mac);
		bpf_probe_read_kernel(e->frame, L3, head + mac);
	} else {
		__builtin_memset(e->frame, 0, L3 - 2);
		e->frame[12] = (__u8)(e->protocol >> 8);
		e->frame[13] = (__u8)e->protocol;
	}
	if (!tag)
		return !n || !bpf_probe_read_kernel(e->frame + L3, n, head + at);
	tag_write(e, skb);
	return !n || !bpf_probe_read_kernel(e->frame + L3 + TAG, n, head + at);
}

/* Which device and namespace.  Where the packet no longer knows its device, its socket or its
 * route does, and else whoever runs. */
static __always_inline void place_fill(
	struct trace_event *e, struct sk_buff *skb, const struct net_device *dev)
{
	struct net *net = 0;

	e->ifindex = 0;
	e->device[0] = 0;
	e->link[0] = 0;
	if (dev) {
		const struct rtnl_link_ops *ops = dev->rtnl_link_ops;

		e->ifindex = (__u32)dev->ifindex;
		bpf_probe_read_kernel(&e->device, sizeof(e->device), &dev->name);
		if (ops)
			bpf_probe_read_kernel_str(e->link, sizeof(e->link), ops->kind);
		net = dev->nd_net.net;
	}
	if (!net && skb) {
		struct sock *sk = skb->sk;
		unsigned long dst = skb->_skb_refdst & ~1ul;

		if (sk)
			net = sk->__sk_common.skc_net.net;
		if (!net && dst)
			net = BPF_CORE_READ((struct dst_entry *)dst, dev, nd_net.net);
	}
	if (!net) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		net = BPF_CORE_READ(task, nsproxy, net_ns);
	}
	e->netns = net ? BPF_CORE_READ(net, ns.inum) : 0;
}

/* ---- the signature: what nobody changes on the way ---- */

static __always_inline void both(struct scratch *s, __u64 value)
{
	s->whole = mix(s->whole, value);
	s->loose = mix(s->loose, value);
}

static __always_inline void both_payload(struct scratch *s, const __u8 *p)
{
	s->whole = mix8(mix8(s->whole, p), p + 8);
	s->loose = mix8(mix8(s->loose, p), p + 8);
}

/* Returns the protocol behind the network header, and where it begins; or -1. */
static __always_inline int network_sign(struct scratch *s, const __u8 *p, __u32 *l4)
{
	int proto;

	if (s->type == ETHERTYPE_IP && p[0] >> 4 == 4) {
		__u32 fragment = be16_at(p + 6) & 0x3fff;

		proto = p[9];
		*l4 = s->at + (p[0] & 15) * 4;
		s->life = p[8];
		both(s, (__u64)proto << 48 | (__u64)be16_at(p + 2) << 32 |
				(__u64)be16_at(p + 4) << 16 | fragment);
		s->whole = mix8(s->whole, p + 12);
		return fragment & 0x1fff ? -1 : proto;
	}
	if (s->type != ETHERTYPE_IP6 || p[0] >> 4 != 6)
		return -1;
	proto = p[6];
	*l4 = s->at + 40;
	s->life = p[7];
	s->whole = mix8(mix8(mix8(mix8(s->whole, p + 8), p + 16), p + 24), p + 32);
	both(s, be16_at(p + 4));
	if (proto == 0 || proto == 43 || proto == 44 || proto == 60) {
		if (proto == 44)
			s->whole = mix8(s->whole, p + 40);
		*l4 += proto == 44 ? 8 : 8 + p[41] * 8;
		proto = p[40];
	}
	both(s, proto);
	return proto;
}

static __always_inline int udp_sign(struct scratch *s, const __u8 *q, __u32 l4)
{
	__u16 port = be16_at(q + 2);

	__u16 inner = be16_at(q + 16 + 12);

	/* vxlan, on whatever port: only the flag for the number is set, and a frame that we know.
	 */
	if (q[8] == 0x08 && !q[9] && !q[10] && !q[11] && !q[15] &&
		(inner == ETHERTYPE_IP || inner == ETHERTYPE_IP6 || inner == ETHERTYPE_ARP)) {
		s->type = inner;
		s->at = l4 + 8 + 8 + 14;
		return 1;
	}
	s->whole = mix(s->whole, (__u64)be16_at(q) << 16 | port);
	both(s, be16_at(q + 4));
	both_payload(s, q + 8);
	s->datagram = l4 + 8;
	return 0;
}

static __always_inline int icmp_sign(struct scratch *s, const __u8 *q, __u32 l4, int proto)
{
	bool error = proto == ICMP ? q[0] == 3 || q[0] == 5 || q[0] == 11 || q[0] == 12
				   : q[0] >= 1 && q[0] <= 4;

	both(s, be16_at(q));
	s->whole = mix(s->whole, be16_at(q + 4));
	both(s, be16_at(q + 6));
	both_payload(s, q + 8);
	if (error)
		s->quote = l4 + 8;
	return 0;
}

/* layer_sign - sign the layer at s->at; 1 when there is a further one in it
 *
 * Verified on its own (a global function), so that the verifier need not
 * follow each combination of layers in each program.
 */
__noinline int layer_sign(__u32 kind)
{
	struct scratch *s = scratch_get(kind);
	const __u8 *p, *q;
	__u32 l4 = 0;
	int proto;

	if (!s || s->at > L3_ROOM - 20)
		return 0;
	p = s->event.frame + L3 + bound(s->at, 255);
	s->whole = s->loose = s->type;
	s->life = 0;
	if (s->type == ETHERTYPE_ARP) {
		s->whole = mix8(mix8(mix8(s->whole, p), p + 8), p + 16);
		s->whole = mix(s->whole, (__u64)be16_at(p + 24) << 16 | be16_at(p + 26));
		s->loose = s->whole;
		return 0;
	}
	proto = network_sign(s, p, &l4);
	if (proto < 0 || l4 > L3_ROOM - 8)
		return 0;
	q = s->event.frame + L3 + bound(l4, 255);
	if (proto == UDP)
		return udp_sign(s, q, l4);
	if (proto == ICMP || proto == ICMP6)
		return icmp_sign(s, q, l4, proto);
	if (proto == TCP) {
		s->whole = mix(s->whole, (__u64)be16_at(q) << 16 | be16_at(q + 2));
		s->whole = mix8(s->whole, q + 4);
		s->loose = mix8(s->loose, q + 4);
		both(s, q[13] & 0x3f);
		return 0;
	}
	if (proto == IPIP || proto == IP6IN4) {
		s->type = proto == IPIP ? ETHERTYPE_IP : ETHERTYPE_IP6;
		s->at = l4;
		return 1;
	}
	if (proto == GRE) {
		s->type = be16_at(q + 2);
		s->at = l4 + 4 + (q[0] & 0x80 ? 4 : 0) + (q[0] & 0x20 ? 4 : 0) +
			(q[0] & 0x10 ? 4 : 0);
		if (s->type == ETHERTYPE_TEB) {
			s->type = be16_at(s->event.frame + L3 + bound(s->at, 255) + 12);
			s->at += 14;
		}
		return s->type == ETHERTYPE_IP || s->type == ETHERTYPE_IP6 ||
		       s->type == ETHERTYPE_ARP;
	}
	both_payload(s, q);
	return 0;
}

/* Of the innermost packet that is not encrypted. */
static __always_inline void packet_sign(struct scratch *s, __u32 kind, __u32 at, __u32 type)
{
	s->at = at;
	s->type = type;
	s->quote = s->datagram = 0;
	/* With or without its tags it is the same packet. */
	for (int i = 0; i < 2; i++) {
		if (!is_tag(s->type) || s->at > 2 * TAG)
			break;
		s->type = be16_at(s->event.frame + L3 + bound(s->at, 15) + 2);
		s->at += TAG;
	}
	for (int i = 0; i < LAYERS; i++)
		if (!layer_sign(kind))
			break;
}

/* ---- where ---- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACE_NODES);
	__type(key, __u32); /* inode of a namespace */
	__type(value, __u8);
} nodes SEC(".maps");

static __always_inline bool is_wanted_here(const struct trace_event *e)
{
	__u32 netns = e->netns;

	return !only_nodes || bpf_map_lookup_elem(&nodes, &netns);
}

/* ---- knowing ---- */

/* The place of a packet in the table; whether it is there says known->whole. */
static __always_inline struct known *known_at(__u64 whole)
{
	__u32 place = (__u32)(mix(1, whole) >> (64 - KNOWN_BITS));

	return bpf_map_lookup_elem(&packets, &place);
}

static __always_inline struct known *known_find(__u64 whole)
{
	struct known *k = known_at(whole);

	return k && k->whole == whole && k->id ? k : 0;
}

static __always_inline void packet_note(struct scratch *s, __u64 id)
{
	struct known *k = known_at(s->whole);

	if (!k)
		return;
	k->whole = 0; /* who looks meanwhile finds nothing */
	k->id = id;
	k->netns = s->event.netns;
	k->ifindex = s->event.ifindex;
	k->kind = s->event.kind;
	k->life = s->life;
	k->match = s->event.match;
	k->whole = s->whole;
}

/* An address as a number: the verifier lets nobody calculate with a pointer. */
static __always_inline __u64 buffer_name(struct scratch *s, const void *skb)
{
	volatile __u64 *slot = &s->buffer;

	*slot = (__u64)skb;
	return *slot;
}

static __always_inline struct carried *buffer_at(__u64 buffer)
{
	__u32 place = (__u32)(mix(2, buffer) >> (64 - BUFFER_BITS));

	return bpf_map_lookup_elem(&buffers, &place);
}

static __always_inline struct carried *buffer_find(__u64 buffer)
{
	struct carried *c = buffer ? buffer_at(buffer) : 0;

	return c && c->buffer == buffer ? c : 0;
}

static __always_inline void buffer_note(struct scratch *s, __u64 buffer, __u64 id)
{
	struct carried *c = buffer_at(buffer);

	if (!c)
		return;
	c->buffer = 0;
	c->id = id;
	c->loose = s->loose;
	c->time = bpf_ktime_get_ns();
	c->kind = s->event.kind;
	c->buffer = buffer;
}

static __always_inline __u64 packet_number(void)
{
	following = 1;
	return __sync_fetch_and_add(&packets_seen, 1) + 1;
}

static __always_inline __u64 carrier_find(struct scratch *s)
{
	struct carrier *c;
	struct key key;

	if (!carrying || !s->datagram || s->datagram > L3_ROOM - TRACE_KEY)
		return 0;
	__builtin_memcpy(key.bytes, s->event.frame + L3 + bound(s->datagram, 255), TRACE_KEY);
	c = bpf_map_lookup_elem(&carriers, &key);
	if (!c)
		return 0;
	s->event.match = (__u32)c->match;
	return c->id;
}

/* The packet that an ICMP error is about. */
static __always_inline __u64 quote_find(struct scratch *s, __u32 kind)
{
	__u64 whole = s->whole, loose = s->loose;
	__u32 life = s->life;
	struct known *k;

	if (!s->quote || s->quote > L3_ROOM - 28)
		return 0;
	s->at = s->quote;
	s->type = s->event.protocol;
	s->quote = s->datagram = 0;
	layer_sign(kind);
	k = known_find(s->whole);
	s->whole = whole;
	s->loose = loose;
	s->life = life;
	if (!k)
		return 0;
	s->event.match = TRACE_QUOTE;
	return k->id;
}

/* packet_know - the packet's number; 0: it is none of ours
 *
 * One that is seen again where it was seen first, with its time to live as it
 * was, is a new packet with the same bytes (an ARP request sent again).
 */
static __always_inline __u64 packet_know(struct scratch *s, __u32 kind, __u64 buffer, bool matches)
{
	struct trace_event *e = &s->event;
	struct known *k = known_find(s->whole);
	struct carried *c;
	__u64 id = 0;
	bool again = k && k->netns == e->netns && k->ifindex == e->ifindex && k->kind == kind &&
		     (kind == TRACE_TX || kind == TRACE_RX) && s->life >= k->life;

	e->match = TRACE_FOLLOWED;
	if (matches || (k && k->match != TRACE_FILTER))
		e->match = matches ? TRACE_FILTER : k->match;
	if (k && !again)
		return k->id;
	c = buffer_find(buffer);
	if (c && c->loose == s->loose && bpf_ktime_get_ns() - c->time < BUFFER_TIME && !again)
		id = c->id;
	else if (matches)
		id = packet_number();
	else
		id = carrier_find(s);
	if (!id && !matches)
		id = quote_find(s, kind);
	if (!id)
		return k ? k->id : 0;
	packet_note(s, id);
	return id;
}

static __always_inline void event_send(struct scratch *s, __u64 id)
{
	struct trace_event *e = &s->event;

	if (only_drops && e->kind != TRACE_DROP)
		return;
	e->packet = id;
	e->time = bpf_ktime_get_ns();
	if (e->kind != TRACE_TX) { /* it is sent by whoever happens to run */
		e->pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
		bpf_get_current_comm(e->comm, sizeof(e->comm));
	}
	if (bpf_ringbuf_output(
		    &events, e, __builtin_offsetof(struct trace_event, frame) + TRACE_SENT, 0))
		__sync_fetch_and_add(&lost, 1);
}

/* packet_look - is the packet one that is traced?  Then the event is filled in.
 *
 * Returns its number, or 0.
 */
static __always_inline __u64 packet_look(struct scratch *s, struct sk_buff *skb,
	const struct net_device *dev, bool received, __u32 kind)
{
	bool matches;

	if (!frame_read(s, skb, received, filter_reach))
		return 0;
	matches = filter_run(s->event.frame, s->event.held, s->length);
	if (!matches && !following)
		return 0;
	__builtin_memset(s->event.frame + L3, 0, L3_ROOM);
	if (!frame_read(s, skb, received, TRACE_WINDOW))
		return 0;
	s->event.kind = kind;
	s->event.location = 0;
	packet_sign(s, kind, 0, s->event.protocol);
	place_fill(&s->event, skb, dev);
	matches = matches && is_wanted_here(&s->event);
	if (!matches && !following)
		return 0;
	return packet_know(s, kind, buffer_name(s, skb), matches);
}

/* known_look - as packet_look(), but only for packets that have a number already */
static __always_inline __u64 known_look(struct scratch *s, struct sk_buff *skb, __u32 kind)
{
	struct known *k;

	__builtin_memset(s->event.frame + L3, 0, L3_ROOM);
	if (!frame_read(s, skb, false, TRACE_WINDOW))
		return 0;
	s->event.kind = kind;
	packet_sign(s, kind, 0, s->event.protocol);
	k = known_find(s->whole);
	if (!k)
		return 0;
	s->event.match = k->match;
	place_fill(&s->event, skb, skb->dev);
	return k->id;
}

/* ---- tunnels that we cannot see into ---- */

static __always_inline void reader_note(struct scratch *s, __u64 id)
{
	struct reader r = {.id = id, .time = bpf_ktime_get_ns(), .length = s->event.length};
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct reader *old = bpf_map_lookup_elem(&readers, &pid);

	if (!old || !old->exact)
		bpf_map_update_elem(&readers, &pid, &r, BPF_ANY);
}

/* A process that has read a packet from a tun and now sends something at least as long: what
 * the packet became, as far as can be told from outside. */
static __always_inline __u64 guess(struct scratch *s, struct sk_buff *skb)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	struct reader *r = bpf_map_lookup_elem(&readers, &pid);
	const __u8 *payload;
	struct carrier c;
	struct key key;

	if (!r || r->exact || !skb->sk || !s->datagram || s->datagram > L3_ROOM - TRACE_KEY)
		return 0;
	c = (struct carrier){r->id, TRACE_GUESS};
	if (bpf_ktime_get_ns() - r->time > GUESS_TIME) {
		bpf_map_delete_elem(&readers, &pid);
		return 0;
	}
	payload = s->event.frame + L3 + bound(s->datagram, 255);
	/* WireGuard's handshakes and cookies carry nothing. */
	if (s->event.length < r->length ||
		(payload[0] >= 1 && payload[0] <= 3 && !payload[1] && !payload[2] && !payload[3]))
		return 0;
	__builtin_memcpy(key.bytes, payload, TRACE_KEY);
	bpf_map_update_elem(&carriers, &key, &c, BPF_ANY);
	bpf_map_delete_elem(&readers, &pid);
	carrying = 1;
	s->event.match = TRACE_GUESS;
	packet_note(s, c.id);
	return c.id;
}

/* ---- programs ---- */

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_tx, struct sk_buff *skb, struct net_device *dev)
{
	struct scratch *s = scratch_get(TRACE_TX);
	__u64 id;

	if (!s)
		return 0;
	id = packet_look(s, skb, dev, false, TRACE_TX);
	if (!id && following)
		id = guess(s, skb);
	if (!id)
		return 0;
	buffer_note(s, buffer_name(s, skb), id);
	event_send(s, id);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(on_rx, struct sk_buff *skb)
{
	struct scratch *s = scratch_get(TRACE_RX);
	__u64 id = s ? packet_look(s, skb, skb->dev, true, TRACE_RX) : 0;

	if (!id)
		return 0;
	buffer_note(s, buffer_name(s, skb), id);
	event_send(s, id);
	return 0;
}

/* Is the data still held by a clone?  Then the packet is not lost with this one. */
static __always_inline bool copy_lives(struct sk_buff *skb)
{
	struct sk_buff___end *tail = (void *)skb;
	struct skb_shared_info *shared = (void *)(skb->head + BPF_CORE_READ(tail, end));

	return (BPF_CORE_READ(shared, dataref.counter) & 0xffff) > 1;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff *skb, void *location)
{
	struct scratch *s = scratch_get(TRACE_DROP);
	struct carried *known;
	__u64 id;

	if (!s)
		return 0;
	id = packet_look(s, skb, skb->dev, false, TRACE_DROP);
	if (!id)
		return 0;
	known = buffer_find(buffer_name(s, skb));
	if (known)
		known->buffer = 0;
	s->event.location = (__u64)location;
	s->event.reason = drop_has_reason ? (__u32)ctx[2] : 0;
	s->event.shared = copy_lives(skb);
	event_send(s, id);
	return 0;
}

/* The buffer, or a clone of it, has reached its end.  Only packets that are known count: the
 * filter is not asked.  Whether somebody has read it, the reader's side tells from the place. */
SEC("tp_btf/consume_skb")
int BPF_PROG(on_take, struct sk_buff *skb)
{
	struct carried *c;
	struct scratch *s;
	__u64 id;

	if (!following)
		return 0;
	s = scratch_get(TRACE_TAKE);
	if (!s)
		return 0;
	id = known_look(s, skb, TRACE_TAKE);
	if (!id)
		return 0;
	s->event.location = consume_location(ctx);
	c = buffer_find(buffer_name(s, skb));
	if (c && c->kind == TRACE_TX && s->event.link[0] == 't' && s->event.link[1] == 'u' &&
		s->event.link[2] == 'n') /* sent into a tun, and taken from there */
		reader_note(s, id);
	if (c)
		c->buffer = 0;
	event_send(s, id);
	return 0;
}

SEC("tp_btf/icmp_send")
int BPF_PROG(on_refuse, const struct sk_buff *skb, int type, int code)
{
	struct scratch *s = scratch_get(TRACE_REFUSE);
	__u64 id;

	if (!s)
		return 0;
	id = packet_look(s, (struct sk_buff *)skb, skb->dev, false, TRACE_REFUSE);
	if (!id)
		return 0;
	s->event.type = type;
	s->event.code = code;
	event_send(s, id);
	return 0;
}

/* The tunnel's probes: the inner packet, in the process's memory, and what it becomes. */
static __always_inline int tunnel_event(
	const void *inner, __u32 length, __u32 index, __u64 counter, __u32 outer, __u32 kind)
{
	struct reader exact = {.exact = 1};
	struct carrier carrier = {.match = TRACE_CARRIER};
	struct key key = {.bytes = {4}};
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32), n;
	struct scratch *s = scratch_get(kind);
	struct trace_event *e;
	__u8 first = 0;
	bool matches;
	__u64 id;

	if (!s)
		return 0;
	e = &s->event;
	bpf_map_update_elem(&readers, &pid, &exact, BPF_ANY);
	if (bpf_probe_read_user(&first, 1, inner) || length < 20)
		return 0;
	__builtin_memset(e->frame, 0, TRACE_WINDOW);
	if (first >> 4 == 4 || first >> 4 == 6) {
		n = bound(length, 255);
		if (n > L3_ROOM)
			n = L3_ROOM;
		if (bpf_probe_read_user(e->frame + L3, n, inner))
			return 0;
		e->protocol = first >> 4 == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP;
		e->frame[12] = (__u8)(e->protocol >> 8);
		e->frame[13] = (__u8)e->protocol;
		e->held = (__u16)(L3 + n);
		e->length = s->length = length;
	} else { /* a frame of a tap tunnel */
		n = bound(length, 255);
		if (n < L3 || bpf_probe_read_user(e->frame, n, inner))
			return 0;
		e->protocol = be16_at(e->frame + 12);
		e->held = (__u16)n;
		e->length = length - L3;
		s->length = length;
	}
	__builtin_memcpy(key.bytes + 4, &index, 4);
	__builtin_memcpy(key.bytes + 8, &counter, 8);
	__builtin_memcpy(e->key, key.bytes, TRACE_KEY);
	if (only_seals) {
		e->kind = kind;
		place_fill(e, 0, 0);
		if (kind == TRACE_SEAL)
			event_send(s, 1);
		return 0;
	}
	matches = filter_run(e->frame, e->held, s->length);
	if (!matches && !following)
		return 0;
	e->kind = kind;
	e->location = 0;
	packet_sign(s, kind, 0, e->protocol);
	place_fill(e, 0, 0);
	id = packet_know(s, kind, 0, matches && is_wanted_here(e));
	if (!id)
		return 0;
	carrier.id = id;
	if (kind == TRACE_SEAL) {
		bpf_map_update_elem(&carriers, &key, &carrier, BPF_ANY);
		carrying = 1;
	}
	e->outer = outer;
	event_send(s, id);
	return 0;
}

STATION_PROGRAM(tunnel_event)
