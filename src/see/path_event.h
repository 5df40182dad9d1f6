/* path_event.h - what the kernel's side tells the reader's side
 *
 * Shared by path.bpf.c, which writes events into a ring, and path.c, which
 * reads them.  Both are compiled together, so the layout is no interface.
 */
#pragma once
#include <linux/types.h>

enum {
	PATH_BYTES = 256, /* of a packet, from its network header on */
	PATH_TOKEN = 8,
	PATH_KEY = 16, /* the first bytes of a carrier's payload */
};

/* So long a process may keep a packet that it has read before it sends it on, nanoseconds; a guess
 * about what it sends needs to know all that it has read since. */
#define PATH_STRANGER_TIME 50000000ull

enum path_kind {
	PATH_QUEUE,   /* net_dev_queue: the stack hands the packet to a device */
	PATH_TX,      /* net_dev_start_xmit: the device's driver gets it */
	PATH_RX,      /* netif_receive_skb: the stack gets it from a device */
	PATH_DROP,    /* kfree_skb: freed, with `location` and `reason` */
	PATH_CONSUME, /* consume_skb: done with; on a tun device: read by `pid` */
	PATH_ROUTE,   /* fib_table_lookup, fib6_table_lookup */
	PATH_ICMP,    /* icmp_send: the stack refuses the packet and says so */
	PATH_SEAL,    /* a tunnel's process has read the packet and will send it as `key` */
	PATH_OPEN,    /* a tunnel's process has received `key` and found the packet in it */
};

/* Why the event concerns us. */
enum path_match {
	PATH_NOTHING,
	PATH_PROBE,   /* the probe or its answer, also inside vxlan or IP in IP */
	PATH_QUOTE,   /* an ICMP error that quotes it */
	PATH_CARRIER, /* a datagram that carries it encrypted: `key` was seen at a seal */
	PATH_GUESS,   /* the same, told only by the process that read the one and sent the other */
	PATH_NEIGHBOUR, /* ARP, neighbour solicitation or advertisement */
};

struct path_route {
	__u32 table;
	__s32 error; /* 0 or -errno */
	__s32 oif, iif;
	__u8 family;	     /* of the addresses: 4 or 6 */
	__u8 gateway_family; /* 0: on the link */
	__u8 type;	     /* IPv6: RTN_* */
	__u8 source[16], destination[16], gateway[16];
	char device[16]; /* the answer; "" on failure */
};

struct path_event {
	__u64 time;	/* CLOCK_MONOTONIC, nanoseconds */
	__u64 skb;	/* identity only as long as it is not freed */
	__u64 location; /* DROP, CONSUME: return address in the kernel */
	__u32 kind;
	__u32 match;
	__u32 netns; /* inode number */
	__u32 ifindex;
	char device[16];
	char link[8];	  /* kind of the device's driver: "veth", "tun", ...; "" */
	__u32 pid;	  /* thread group; of whoever ran on the CPU, so only meaningful where */
	char comm[16];	  /*   the event happens in the process's own system call */
	__u32 reason;	  /* DROP: enum skb_drop_reason of this kernel */
	__s32 type, code; /* ICMP */
	__u32 length;	/* of the packet from its network header; SEAL, OPEN: of the inner packet */
	__u32 outer;	/* SEAL, OPEN: of the datagram's payload */
	__u16 protocol; /* EtherType, host order */
	__u16 captured; /* bytes[] that are valid */
	__u8 has_link;	/* lladdr is valid */
	__u8 lladdr[12];	 /* destination, source */
	__u8 key[PATH_KEY];	 /* CARRIER, GUESS, SEAL, OPEN */
	struct path_route route; /* ROUTE */
	__u8 bytes[PATH_BYTES];
};

/* What to follow; written by the reader's side before the probe leaves. */
struct path_watch {
	__u8 token[PATH_TOKEN]; /* payload of an ICMP or UDP probe */
	__u32 netns;		/* the asker's */
	__u8 proto;		/* IPPROTO_ICMP, _ICMPV6, _UDP or _TCP */
	__u8 active;
	__u16 first, second; /* ports, or ICMP id and sequence; host order */
	__u32 sequence;	     /* TCP: of the SYN, learnt when it first passes */
	__u8 sequence_known;
	__u8 neighbours; /* ARP and ND are wanted, whatever address they are about */
	__u8 everywhere; /* neighbours and routes of all namespaces, not only of those that
			  * path_namespace() has named */
};
