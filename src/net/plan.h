/* plan.h - the network that a file asks for, in long and normalised form
 *
 *	text --tree--> typed tree --schema--> checked --plan--> struct plan
 *
 * Pure: no kernel is asked and nothing is changed.  Everything short in the
 * file is long here: ranges are single nodes, `10.0.0.1/24` is a device with
 * an address, a device that only a link names is a device of its node, and a
 * segment of `nets:` is an ordinary node with a bridge and one cable for each
 * member, so that who builds the network knows nodes, devices and cables only.
 * What a tunnel needs is derived: ports, endpoints, allowed-ips, MTU.  Its
 * keys are not here; they are made when the network is brought up.
 *
 * Objects refer to one another by index into the arrays below.  Everything
 * lives in one arena: plan_free() is the only thing to give back, and nothing
 * may be kept beyond it.  Each object knows its place in the file, so that
 * what the kernel says about it later can name the line.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/if_ether.h>
#include <net/if.h>

#include "base/error.h"
#include "net/ip.h"
#include "net/place.h"

/* What the kernel or a program is told only when the file says something. */
enum plan_setting { SETTING_DEFAULT, SETTING_OFF, SETTING_ON };

enum plan_kind {
	KIND_LOOPBACK, /* lo: there already */
	KIND_VETH,     /* an end of a cable: made by the link that has it as an end */
	KIND_BRIDGE,
	KIND_TUN,
	KIND_TAP,
	KIND_VXLAN,
	KIND_MACVLAN,
	KIND_VLAN,
	KIND_IFB,
	KIND_DUMMY,
	KIND_TUNNEL, /* made by the `warren tunnel` that runs behind it */
};

/* plan_kind_name - "veth", "bridge", ... as `ip link` names it; a tunnel's is "tunnel" */
const char *plan_kind_name(enum plan_kind kind);

struct plan_address {
	struct place at;
	struct prefix prefix; /* host bits kept: 10.0.0.1/24 */
};

struct plan_bridge {
	enum plan_setting stp, vlan_filtering, mcast_snooping;
	/* In hundredths of a second, as `ip link` writes them. */
	uint32_t forward_delay, ageing_time;
	uint32_t priority;
	bool has_forward_delay, has_ageing_time, has_priority;
};

/* How a bridge treats this port: only where the device has a master. */
struct plan_bridge_port {
	enum plan_setting isolated, hairpin, learning, flood;
	uint32_t cost; /* 0: default */
};

struct plan_tuntap {
	const char *owner, *group; /* a name or a number; NULL: anyone who may */
	bool persist;		   /* default true: `up` makes it, a process comes and goes */
	bool multi_queue, vnet_hdr, pi;
};

struct plan_vxlan {
	uint32_t id;
	struct address local, remote; /* AF_UNSPEC: none; remote may be a multicast group */
	uint16_t dstport;	      /* 4789 unless given */
	int dev; /* device of this node that carries it; -1: the routes decide */
	enum plan_setting learning;
	uint8_t ttl; /* 0: inherit the kernel's default */
	enum plan_setting df;
};

enum plan_macvlan_mode { MACVLAN_BRIDGE, MACVLAN_PRIVATE, MACVLAN_VEPA, MACVLAN_PASSTHRU };

struct plan_macvlan {
	int dev; /* the lower device, of this node */
	enum plan_macvlan_mode mode;
};

struct plan_vlan {
	int dev; /* the lower device, of this node */
	uint16_t id;
};

struct plan_device {
	struct place at;
	char name[IFNAMSIZ];
	enum plan_kind kind;
	struct plan_address *addresses;
	size_t address_count;
	uint32_t mtu; /* 0: the kernel's default */
	bool has_mac;
	uint8_t mac[ETH_ALEN];
	bool up;    /* true unless the file says false */
	int master; /* bridge that it is a port of, in this node; -1: none */
	enum plan_setting arp;
	uint32_t txqueuelen;
	bool has_txqueuelen;
	struct plan_bridge_port port;
	union { /* by kind */
		struct plan_bridge bridge;
		struct plan_tuntap tuntap; /* tun, tap */
		struct plan_vxlan vxlan;
		struct plan_macvlan macvlan;
		struct plan_vlan vlan;
		struct {
			uint16_t listen_port; /* unique in its node; 51820 and up unless given */
		} tunnel;
	};
};

/* A way to the destination; a route has one, or several with weights (multipath). */
struct plan_hop {
	struct place at;
	struct address
		via; /* AF_UNSPEC: on the link itself; the family may differ from the route's */
	char dev[IFNAMSIZ]; /* "": the kernel finds it by `via` */
	bool onlink;
	uint16_t weight; /* 1 unless given */
};

struct plan_route {
	struct place at;
	const char *text; /* as written, for messages */
	struct prefix to; /* host bits zero; default is 0.0.0.0/0 or ::/0 */
	uint8_t type;	  /* RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW,
			     RTN_LOCAL */
	struct plan_hop *hops; /* none for those that refuse */
	size_t hop_count;
	struct address src;
	uint32_t table;	 /* RT_TABLE_MAIN (RTN_LOCAL: RT_TABLE_LOCAL) unless given */
	uint32_t metric; /* 0: none given */
	uint32_t mtu, advmss;
	uint8_t scope;
	bool has_scope;
	uint8_t protocol; /* RTPROT_STATIC unless given */
	uint8_t tos;
};

struct plan_sysctl {
	struct place at;
	const char *name; /* with slashes: "net/ipv4/ip_forward" */
	const char *value;
};

/* A program that lives in the node while the network is up.  What it says goes to
 * NETWORK/NODE/log/.run-N in the state directory, N counted from 0 in its node; `warren` in it is
 * the program that runs. */
struct plan_process {
	struct place at;
	const char *run;   /* for `sh -c`, in the node */
	const char *ready; /* likewise: succeeds once it can be used; NULL: at once */
};

struct plan_node {
	struct place at;
	const char *name;
	bool segment;		     /* made from `nets:` */
	struct plan_device *devices; /* in the order of the file; lo only if the file has it */
	size_t device_count;
	struct plan_route *routes;
	size_t route_count;
	struct plan_sysctl *sysctls;
	size_t sysctl_count;
	const char *nft; /* an nftables ruleset; NULL: none */
	struct place nft_at;
	struct plan_process *processes;
	size_t process_count;
};

struct plan_end {
	struct place at;
	int node, device; /* plan.nodes[node].devices[device] */
};

/* What a cable does to packets, in each direction. */
struct plan_shape {
	uint64_t rate;	/* bits per second; 0: as fast as it goes */
	uint64_t delay; /* nanoseconds */
	double loss;	/* 0 to 1 */
};

/* A cable: a veth pair.  An MTU given for the cable is already in its devices. */
struct plan_link {
	struct place at;
	struct plan_end ends[2];
	struct plan_shape shape;
};

struct plan_tunnel_end {
	struct plan_end end;
	struct address endpoint; /* where the other end finds it; AF_UNSPEC: it must call first */
	uint16_t port;		 /* of the endpoint: the device's listen_port unless given */
	struct prefix *allowed;	 /* what is reached through this end: AllowedIPs at the other */
	size_t allowed_count;
	uint16_t keepalive; /* seconds, sent by this end; 0: off */
};

enum plan_tunnel_mode { TUNNEL_TUN, TUNNEL_TAP };
enum plan_compression { COMPRESS_NONE, COMPRESS_LZ4, COMPRESS_ZSTD };

/* An encrypted tunnel between two ends: at each end, one peer of that end's device.  A device
 * may be the end of several tunnels; then it has several peers. */
struct plan_tunnel {
	struct place at;
	struct plan_tunnel_end ends[2];
	enum plan_tunnel_mode mode;
	enum plan_compression compress;
	bool psk;
	uint64_t rate; /* bits per second; 0: as fast as it goes */
};

/* How often a packet was seen somewhere: from..to times. */
struct plan_sight {
	struct place at;
	int node; /* -1: where the check starts from */
	char device[IFNAMSIZ];
	const char *filter; /* libpcap; NULL: every packet */
	uint32_t least, most;
};

enum plan_check_kind { CHECK_PING, CHECK_TCP, CHECK_UDP, CHECK_RUN };

struct plan_check {
	struct place at;
	const char *name; /* NULL: none given */
	enum plan_check_kind kind;
	int from;    /* node */
	bool expect; /* that it works */

	/* ping, tcp, udp */
	struct address to;
	uint16_t port;
	uint32_t size; /* payload bytes */
	bool has_size, df;
	char device[IFNAMSIZ]; /* "": the routes decide */
	uint32_t count;	       /* pings, default 1 */
	const char *cause;     /* id of the expected verdict; NULL: any */
	int at_node;	       /* where it ends; -1: anywhere */
	char at_device[IFNAMSIZ];

	/* run */
	const char *run; /* for `sh -c`, in the node */
	int exit;	 /* expected status; -1: by `expect` */
	const char
		*output; /* regular expression (POSIX extended) that stdout must hold; NULL: any */

	uint64_t timeout; /* nanoseconds; 0: default */
	struct plan_sight *sights;
	size_t sight_count;
};

struct plan {
	const char *file;	 /* as the caller named it, for messages */
	const char *name;	 /* of the network */
	struct plan_node *nodes; /* in the order of the file, then the segments */
	size_t node_count;
	struct plan_link *links;
	size_t link_count;
	struct plan_tunnel *tunnels;
	size_t tunnel_count;
	struct plan_check *checks;
	size_t check_count;
	struct names *names; /* of nodes, for plan_find_node() */
	struct arena *arena;
};

/* plan_parse - read a file's text into a plan
 *
 * out        zeroed or not; untouched on failure
 * file_name  for messages, and for the network's name where the text has none
 * text       size bytes, any bytes
 *
 * Returns 0, -EINVAL for text that is no network, -ENOMEM.  The error is one
 * line: FILE:LINE:COLUMN: what was found and what was expected.
 */
int plan_parse(
	struct plan *out, const char *file_name, const char *text, size_t size, struct error *e);

/* plan_load - plan_parse() on a file; "-" is standard input.  Also returns what open(2) says. */
int plan_load(struct plan *out, const char *path, struct error *e);

/* plan_free - give back all of it; a zeroed plan is fine */
void plan_free(struct plan *p);

/* plan_error - "FILE:LINE:COLUMN: " in front of what is said; returns -number */
int plan_error(struct error *e, const struct plan *p, struct place at, int number,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* plan_find_node - index of the node of that name, or -1 */
int plan_find_node(const struct plan *p, const char *name);

/* plan_find_device - index of the device of that name in the node, or -1 */
int plan_find_device(const struct plan_node *n, const char *name);
