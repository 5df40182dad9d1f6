/* topology.h - every network device of the machine, and what is at the other end of each
 *
 * A network device is a pipe with two ends.  One end is always the protocol
 * stack of some namespace; what the other end is depends on the driver:
 *
 *	 stack of site-a          stack of internet           stack of site-b
 *	   |       |                 |        |                 |        |
 *	  lo     eth0 ============== a        b ============== eth0    tun0
 *	   |            a cable: two                                    |
 *	 the same       devices, each the                             a process that
 *	 stack          other end of the other                        reads packets
 *
 * A topology is a snapshot: read once, immutable, and then only asked.  It
 * holds each network namespace that can be found on the machine (by name, by
 * a process that lives there, by a mount or an open descriptor), each device
 * in them, and for each device its other end.  Namespaces are told apart by
 * inode and devices by (namespace, ifindex): names and numbers repeat freely
 * across namespaces.
 *
 * Reading changes nothing.  What the caller may not see (another user's
 * namespace) is in the snapshot as a namespace with `closed` set and no
 * devices, so that "I could not look there" can be said.
 *
 * Source: Linux Documentation/networking/ (veth, tuntap, vxlan, switchdev),
 * rtnetlink(7), namespaces(7); include/uapi/linux/if_link.h.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/node.h"

enum {
	TOPOLOGY_NONE = -1, /* no such index */
	COMM_NAME = 16,	    /* as in /proc/PID/comm, with the NUL */
	KIND_NAME = 16,
	MAC_SIZE = 6,
};

/* A process, as it is shown. */
struct process {
	pid_t pid;
	char comm[COMM_NAME];
	char container[64]; /* container id or name from its cgroup, "" where none */
};

/* How a namespace became known; the first that applies. */
enum found_by { FOUND_BY_NAME, FOUND_BY_PROCESS, FOUND_BY_MOUNT, FOUND_BY_DESCRIPTOR };

/* A network namespace, as it was seen. */
struct netns_view {
	struct node node; /* node.name can be typed as NODE; node.fd is open, or -1 when closed */
	enum found_by found_by;
	bool host;	  /* of process 1 */
	bool closed;	  /* we may not look inside: it has no devices here */
	int closed_errno; /* why not */
	bool unread;	  /* nobody asked: it has no devices here, either */

	struct process *residents; /* who lives there, lowest pid first */
	size_t resident_count;
	struct process keeper; /* FOUND_BY_DESCRIPTOR: who has it open */

	/* Its devices are devices[first_device .. first_device + device_count) by ifindex. */
	size_t first_device, device_count;
};

struct address {
	uint8_t family;	    /* AF_INET, AF_INET6 */
	uint8_t prefix;	    /* bits */
	uint8_t scope;	    /* RT_SCOPE_* */
	uint32_t flags;	    /* IFA_F_*: IFA_F_DADFAILED, IFA_F_TENTATIVE, ... */
	uint8_t ip[16];	    /* 4 or 16 bytes; the rest 0 */
	uint8_t remote[16]; /* the other side of a point-to-point address, else equal to ip */
};

/* The driver, as far as the other end depends on it. */
enum device_kind {
	DEVICE_PHYSICAL, /* no link kind and a bus, or an unknown driver without kind */
	DEVICE_LOOPBACK,
	DEVICE_VETH, /* veth, netkit, vxcan: a twin */
	DEVICE_TUN,
	DEVICE_TAP,
	DEVICE_BRIDGE,
	DEVICE_BOND, /* bond, team, vrf: ports below them */
	DEVICE_VXLAN,
	DEVICE_MACVLAN, /* macvlan, macvtap */
	DEVICE_IPVLAN,
	DEVICE_VLAN,   /* vlan, macsec: one lower device */
	DEVICE_TUNNEL, /* gre, ipip, sit, geneve, wireguard ...: an underlay */
	DEVICE_DUMMY,  /* dummy: what is sent is gone */
	DEVICE_IFB,
	DEVICE_OTHER,
};

/* As a port of a bridge (IFLA_BRPORT_*); meaningful when `is_port`. */
struct bridge_port {
	bool is_port;
	/* BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking */
	uint8_t state;
	bool isolated, unicast_flood, multicast_flood, broadcast_flood;
	bool learning, hairpin, neigh_suppress, locked;
};

/* VLANs first..last of a port, or of the bridge itself. */
struct port_vlan {
	uint16_t first, last;
	bool pvid;     /* frames without a tag belong to it */
	bool untagged; /* its frames leave without a tag */
	bool open;     /* while it is read */
};

struct bridge {
	bool stp, vlan_filtering;
	uint16_t vlan_default_pvid;
};

/* VXLAN and the other tunnels; addresses are of `family`, 0 where not set. */
struct encapsulation {
	uint32_t id; /* VNI; key of GRE */
	uint8_t family;
	uint8_t local[16], remote[16];
	uint16_t port; /* UDP destination port in host order, 0 where none */
	/* The underlay device, by ifindex in the namespace of the underlay; 0: by routing. */
	uint32_t lower;
	bool learning, df_set, external;
};

struct tun {
	/* uid and gid that may attach; UINT32_MAX: whoever has the capability */
	uint32_t owner, group;
	bool persist, multi_queue, vnet_header, packet_information;
	uint32_t queues, queues_disabled;
};

struct xdp {
	uint8_t mode; /* XDP_ATTACHED_*: 0 none, 1 driver, 2 generic, 3 hardware, 4 several */
	uint32_t program;
};

struct counters {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped, rx_nohandler, carrier_changes;
};

/* A process that holds a tun or tap open. */
struct holder {
	struct process process;
	uint32_t queues; /* descriptors of this device that it holds */
	int home;	 /* index of the namespace it lives in, or TOPOLOGY_NONE */
};

enum end_type {
	END_UNKNOWN,
	END_DEVICE,   /* `device`; when only its namespace is known, `netns` and `ifindex` */
	END_PROCESS,  /* `holders` of the device; none: nobody has it open */
	END_WIRE,     /* `driver`, `bus`, `speed` of the device */
	END_STACK,    /* the stack of `netns` again */
	END_PORTS,    /* every device whose `master` is this one */
	END_UNDERLAY, /* the stack of `netns`; `device` when it is bound to one */
};

struct other_end {
	enum end_type type;
	int netns;	  /* index or TOPOLOGY_NONE */
	int device;	  /* index or TOPOLOGY_NONE */
	uint32_t ifindex; /* of the device at the other end, in its own namespace; 0 unknown */
};

struct device {
	int netns; /* index into netns[] */
	uint32_t ifindex;
	char name[IFNAMSIZ];
	char link_kind[KIND_NAME]; /* IFLA_INFO_KIND, "" for a physical device */
	enum device_kind kind;
	uint16_t type;	   /* ARPHRD_* */
	uint32_t flags;	   /* IFF_UP, IFF_NOARP, IFF_PROMISC, ... */
	uint8_t operstate; /* IF_OPER_* */
	bool up, carrier;
	uint32_t mtu, queue_length;
	uint8_t mac[32];
	uint8_t mac_size; /* 0 where there is none (tun) */
	char qdisc[KIND_NAME];
	char alias[64];

	uint32_t master; /* ifindex in the same namespace, 0 none */
	/* IFLA_LINK: ifindex of the twin or the lower device, 0 none; in the namespace that this
	 * one calls link_nsid (IFLA_LINK_NETNSID), -1: the same namespace. */
	uint32_t link;
	int32_t link_nsid;
	uint32_t macvlan_mode; /* MACVLAN_MODE_* */
	uint16_t vlan_id;

	uint32_t redirected_from; /* DEVICE_IFB: ifindex of who sends it packets by tc; 0 nobody */

	struct bridge_port port;
	struct bridge bridge;
	struct port_vlan *vlans; /* of a bridge that filters by VLAN, and of its ports */
	size_t vlan_count;
	struct encapsulation tunnel;
	struct tun tun;
	struct xdp xdp;
	struct counters counters;

	/* physical devices */
	char driver[32], bus[64];
	uint32_t speed; /* Mbit/s, 0 unknown */

	struct address *addresses;
	size_t address_count;
	struct holder *holders;
	size_t holder_count;

	struct other_end end;
};

struct topology {
	struct netns_view *netns; /* the host first, then by name */
	size_t netns_count;
	struct device *devices; /* by namespace, then ifindex */
	size_t device_count;
	size_t unseen_processes; /* whose namespace or descriptors we were not allowed to read */
	int64_t taken;		 /* clock_now() of the snapshot */
};

/* topology_read - look at the whole machine
 *
 * What cannot be looked at is marked, not an error: an ordinary user gets his
 * own view.  Cost: a few milliseconds for each hundred devices or processes.
 * Returns 0 or -errno; on success topology_free() it.
 */
int topology_read(struct topology *t, struct error *e);

/* topology_read_near - look only where packets of `asker` can come to
 *
 * From the asker's namespace on: where the other end of a device is, and the
 * processes at the end of tun and tap, and so on from there.  All namespaces
 * are listed; those that nothing leads to are `unread`.  However many others
 * the machine has, and however busily they come and go, this takes some
 * milliseconds: no lock is waited for that is not needed for what is near.
 */
int topology_read_near(struct topology *t, const struct node *asker, struct error *e);

/* topology_read_one - look into one namespace only; twins elsewhere are END_DEVICE without index
 *
 * Reads no processes: holders are empty.  Much quicker, for re-reading a fact.
 */
int topology_read_one(struct topology *t, const struct node *node, struct error *e);

void topology_free(struct topology *t); /* of a zeroed struct: does nothing */

/* Lookups: an index, or TOPOLOGY_NONE. */
int topology_netns(const struct topology *t, ino_t inode);
int topology_netns_named(const struct topology *t, const char *name); /* as typed: NODE */
int topology_device(const struct topology *t, ino_t inode, uint32_t ifindex);
int topology_device_named(const struct topology *t, int netns, const char *name);
int topology_device_at(const struct topology *t, int netns, uint32_t ifindex);

/* The namespace of a device, and its master there (or NULL). */
const struct netns_view *device_netns(const struct topology *t, const struct device *d);
const struct device *device_master(const struct topology *t, const struct device *d);

/* topology_owner - the next device that has the address, after device index `after`
 *
 * family, ip  AF_INET and 4 bytes, or AF_INET6 and 16
 * after       TOPOLOGY_NONE to begin
 *
 * Returns its index, or TOPOLOGY_NONE when there is no further one.
 */
int topology_owner(const struct topology *t, uint8_t family, const void *ip, int after);

/* device_stands_on_another - a macvlan, ipvlan or VLAN: a device by which frames of its lower
 * device (end.device) come in; the kernel tells of one reception, the lower one's */
bool device_stands_on_another(const struct device *d);

/* topology_reach - the namespaces that packets of one can come to: over cables and underlays, and
 * through processes that live elsewhere than the tun device they hold
 *
 * in  netns_count flags, out: set where they can; the others are left as they are
 */
void topology_reach(const struct topology *t, int netns, bool *in);

/* What stops a frame in the walk of a segment. */
enum segment_walk {
	/* Nothing: everything that is joined, in whatever state. */
	SEGMENT_CABLED,
	/* Devices that are down, ports that do not forward or are isolated, private macvlan. */
	SEGMENT_PASSING,
};

/* topology_segment - the devices that a frame sent out of `from` can come to
 *
 * Follows veth twins, bridges and their ports, macvlan siblings and their
 * lower device, VLANs of the same id, and VXLANs of the same id whose
 * endpoints are each other's.  A device is reached when its stack receives the
 * frame; ports of a bridge are walked through but are not marked, the bridge
 * itself is.
 *
 * from     index of a device; marked only if the frame can come back to it
 * reached  device_count flags, out
 *
 * Returns how many were reached, or -ENOMEM.
 */
ssize_t topology_segment(const struct topology *t, int from, enum segment_walk walk, bool *reached);

/* topology_vxlan_leads - does VXLAN `a` send to `b`: the same id and port, and the underlay in
 * which b listens owns the address that a sends to (or a sends to a group, or by its table) */
bool topology_vxlan_leads(const struct topology *t, const struct device *a, const struct device *b);
