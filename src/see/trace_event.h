/* trace_event.h - what the kernel's side of a trace tells the reader's side
 *
 * Shared by trace.bpf.c, which writes events into a ring, and trace.c, which
 * reads them.  Both are compiled together, so the layout is no interface.
 */
#pragma once
#include <linux/types.h>

enum {
	TRACE_ETHERNET = 14,
	TRACE_WINDOW = 256, /* of a frame: what filters see */
	TRACE_SENT = 192,   /* of a frame: what the reader gets */
	TRACE_NODES = 4096, /* that a trace can be limited to */
	TRACE_KEY = 16,	    /* the first bytes of a carrier's payload */
};

enum trace_kind {
	TRACE_TX,     /* net_dev_start_xmit: the device's driver gets the packet */
	TRACE_RX,     /* netif_receive_skb: the stack gets it from a device */
	TRACE_DROP,   /* kfree_skb: freed, with `location` and `reason` */
	TRACE_TAKE,   /* consume_skb: done with; read by `pid` from a tun or a socket */
	TRACE_REFUSE, /* icmp_send: the stack answers the packet with an ICMP error */
	TRACE_SEAL,   /* a tunnel's process encrypts it into a datagram */
	TRACE_OPEN,   /* a tunnel's process has decrypted it from a datagram */
	TRACE_KINDS,
};

enum trace_match {
	TRACE_FILTER,	/* the filter matches */
	TRACE_FOLLOWED, /* the same packet, changed on its way: wrapped, or translated */
	TRACE_CARRIER,	/* a datagram that carries it encrypted: told by the tunnel */
	TRACE_GUESS, /* the same, told only by the process that read the one and sent the other */
	TRACE_QUOTE, /* an ICMP error about it */
};

struct trace_event {
	__u64 time;	/* CLOCK_MONOTONIC, nanoseconds */
	__u64 packet;	/* its number: 1, 2, 3 ... */
	__u64 location; /* DROP, TAKE: return address in the kernel */
	__u32 kind, match;
	__u32 netns; /* inode number */
	__u32 ifindex;
	char device[16];
	char link[8]; /* kind of the device's driver: "veth", "tun", ...; "" */
	__u32 pid; /* of whoever ran on the CPU: means something in TAKE, SEAL, OPEN, and RX from a
		      tun */
	char comm[16];
	__u32 reason;		  /* DROP: enum skb_drop_reason of this kernel */
	__s32 type, code;	  /* REFUSE */
	__u32 length;		  /* of the packet from its network header */
	__u32 outer;		  /* SEAL, OPEN: of the datagram's payload */
	__u16 protocol;		  /* EtherType, host order */
	__u16 held;		  /* bytes of `frame` that are valid, with the Ethernet header */
	__u8 key[TRACE_KEY];	  /* SEAL: how the datagram's payload begins */
	__u8 shared;		  /* DROP: a copy lives on */
	__u8 frame[TRACE_WINDOW]; /* where the device has no Ethernet header, one of zeroes */
};
