/* netlink.h - talk to the kernel in netlink messages
 *
 * Transport only: it knows requests, dumps, acks and the kernel's extended-ack
 * text, and nothing of links or routes; that is net/ and see/.  libmnl does
 * the attribute work; use mnl_attr_put_*() and mnl_attr_parse() directly on
 * message_begin()'s header.  Indentation mirrors nesting:
 *
 *	struct message m;
 *	struct ifinfomsg *link = message_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*link));
 *
 *	mnl_attr_put_strz(m.header, IFLA_IFNAME, "br0");
 *	nest = mnl_attr_nest_start(m.header, IFLA_LINKINFO);
 *		mnl_attr_put_strz(m.header, IFLA_INFO_KIND, "bridge");
 *	mnl_attr_nest_end(m.header, nest);
 *	err = netlink_call(&nl, &m, &error);
 *
 * One thread owns a struct netlink.  Source: Linux Documentation/userspace-api/netlink/.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "base/error.h"

enum { MESSAGE_SIZE = 4096 };

struct message {
	struct nlmsghdr *header; /* lies in `buffer` */
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
};

/* message_begin - a request with NLM_F_REQUEST | flags; returns its zeroed family header
 * (`extra` bytes: struct ifinfomsg, rtmsg, ...) */
void *message_begin(struct message *m, uint16_t type, uint16_t flags, size_t extra);

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint32_t port;
};

/* netlink_open - a socket of `bus` (NETLINK_ROUTE, ...) that acts in the namespace `netns`
 *
 * netns  descriptor of a network namespace, or -1 for the caller's.  The
 *        thread is back in its own namespace on return.
 */
int netlink_open(struct netlink *nl, int bus, int netns);
void netlink_close(struct netlink *nl); /* of a zeroed struct: does nothing */

/* netlink_call - send one request and wait for the kernel's answer
 *
 * Returns 0 or -errno of the kernel; then `error` holds "REASON" or
 * "REASON (kernel: extended-ack text)", for the caller to prefix.
 */
int netlink_call(struct netlink *nl, struct message *m, struct error *e);

/* netlink_ask - as netlink_call(), and hands the reply (or each reply of a dump) to `reply`
 *
 * For a dump put NLM_F_DUMP into the flags.  An interrupted dump
 * (NLM_F_DUMP_INTR) is -EINTR: ask again.  `reply` returns 0 to go on, or a
 * negative number that ends the call and is returned.
 */
typedef int netlink_reply(const struct nlmsghdr *header, void *arg);
int netlink_ask(struct netlink *nl, struct message *m, netlink_reply *reply, void *arg,
	struct error *e);
