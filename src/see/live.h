/* live.h - read one fact again from the live system
 *
 * A verdict rests on facts that were read when it was given, not on what an
 * event seemed to say.  Each function reads one: how the kernel would route a
 * packet (with the device it came in by: that simulates a receiver), what a
 * neighbour entry says, a sysctl, the rules of the firewall.  All take the
 * namespace as an open descriptor and change nothing.
 *
 * Source: rtnetlink(7) (RTM_GETROUTE with RTA_IIF, RTM_F_FIB_MATCH), ip-sysctl.rst.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

struct route_question {
	uint8_t family;	       /* 4 or 6 */
	const uint8_t *to;     /* 4 or 16 bytes */
	const uint8_t *from;   /* NULL: not said */
	uint32_t iif;	       /* 0: a packet of this node; else received by that device */
	uint32_t oif;	       /* 0: any */
	uint8_t proto;	       /* IPPROTO_*, 0 not said */
	uint16_t sport, dport; /* with proto */
};

struct route_reply {
	int error;    /* 0, or the errno that a packet would meet */
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE ... of the matching entry */
	uint32_t oif;
	uint32_t table;
	uint32_t mtu;		/* metric or learnt; 0: the device's */
	uint8_t gateway_family; /* 0: on the link */
	uint8_t gateway[16], source[16];
	uint8_t prefix_length; /* of the matching entry */
	uint8_t prefix[16];
	bool matched; /* type, prefix and table are of a real entry */
};

/* live_route - what would the kernel of this namespace do; false when it could not be asked */
bool live_route(int netns, const struct route_question *q, struct route_reply *r);

struct neighbour_reply {
	bool found;
	uint16_t state; /* NUD_* */
	bool has_mac;
	uint8_t mac[6];
};

/* live_neighbour - the entry for an address on a device */
bool live_neighbour(
	int netns, uint32_t ifindex, uint8_t family, const uint8_t *ip, struct neighbour_reply *n);

/* live_listener - does a socket of this namespace take what comes to this address and port
 *
 * proto  IPPROTO_UDP, or IPPROTO_TCP (listening sockets)
 */
bool live_listener(int netns, uint8_t family, uint8_t proto, const uint8_t *ip, uint16_t port);

/* live_sysctl - a number from /proc/sys/PATH of this namespace; `fallback` when there is none */
long live_sysctl(int netns, long fallback, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* live_proc_net - the text of /proc/net/NAME as this namespace has it; NULL when there is none
 *
 * The first 4 KiB of it; the caller frees.
 */
char *live_proc_net(int netns, const char *name);

/* live_process_state - the state letter of /proc/PID/stat: R, S, T (stopped) ...; '?' unknown */
char live_process_state(pid_t pid);

/* live_command - run a program inside the namespace and take what it prints; NULL when it fails
 *
 * argv ends with NULL; stdin and stderr are /dev/null.  The caller frees.
 */
char *live_command(int netns, const char *const argv[]);

/* live_json - the same, parsed; NULL when it is no JSON */
json_t *live_json(int netns, const char *const argv[]);
