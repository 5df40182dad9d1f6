/* kernel.bpf.h - the kernel's structs, as far as our programs read them
 *
 * Only the members that are used, by the kernel's own names.  Where each lies
 * is looked up when a program is loaded (preserve_access_index, CO-RE), so
 * that one object runs on every kernel with BTF.  A generated header of all
 * types would be 3 MB of which these are the part that matters.
 */
#pragma once
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct rtnl_link_ops {
	const char *kind;
};

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
	const struct rtnl_link_ops *rtnl_link_ops;
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned int len;
	unsigned int data_len;
	__u16 protocol;
	__u16 vlan_proto, vlan_tci;
	__u32 vlan_all;	       /* since 6.2: 0 without a tag */
	__u8 vlan_present : 1; /* before */
	__u16 network_header;
	__u16 mac_header;
	unsigned int end; /* of the linear part, from head: 64-bit kernels */
	unsigned char *head;
	unsigned char *data;
};

typedef struct {
	int counter;
} atomic_t;

struct skb_shared_info {
	unsigned short gso_size;
	unsigned short gso_segs;
	atomic_t dataref;
};

struct in6_addr {
	__u8 bytes[16];
};

struct flowi_common {
	int flowic_oif;
	int flowic_iif;
	__u8 flowic_proto;
};

struct flowi4 {
	struct flowi_common __fl_common;
	__u32 saddr;
	__u32 daddr;
};

struct flowi6 {
	struct flowi_common __fl_common;
	struct in6_addr daddr;
	struct in6_addr saddr;
};

struct fib_nh_common {
	struct net_device *nhc_dev;
	__u8 nhc_gw_family;
	union {
		__u32 ipv4;
		struct in6_addr ipv6;
	} nhc_gw;
};

struct fib6_nh {
	struct fib_nh_common nh_common;
};

struct fib6_result {
	struct fib6_nh *nh;
	__u8 fib6_type;
};

struct fib6_table {
	__u32 tb6_id;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop
