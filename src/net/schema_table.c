/* The table itself.  A new key begins here: then the plan reads it. */
#include <string.h>

#include "net/ip.h"
#include "net/plan.h"
#include "net/schema.h"
#include "net/value.h"

/* --- scalars ------------------------------------------------------------ */

static bool is_text(const struct schema_type *t, const char *text)
{
	return text[0] && strspn(text, " \t\n\r") != strlen(text);
}

static bool is_line(const struct schema_type *t, const char *text)
{
	return is_text(t, text) && !strpbrk(text, "\n\r");
}

static bool is_bool(const struct schema_type *t, const char *text)
{
	bool b;

	return value_bool(&b, text);
}

static bool is_name(const struct schema_type *t, const char *text)
{
	return value_is_name(text);
}

/* A name or a range of them; each name of a range is looked at once it stands alone. */
static bool is_names(const struct schema_type *t, const char *text)
{
	return strpbrk(text, "[]") || value_is_name(text);
}

static bool is_device(const struct schema_type *t, const char *text)
{
	return value_is_device(text);
}

static bool is_devices(const struct schema_type *t, const char *text)
{
	return strpbrk(text, "[]") || value_is_device(text);
}

/* NODE:DEVICE, each perhaps a range. */
static bool is_end(const struct schema_type *t, const char *text)
{
	const char *colon = strchr(text, ':');

	return colon && colon > text && colon[1] && !strpbrk(text, " \t\n\r");
}

static bool is_end_or_name(const struct schema_type *t, const char *text)
{
	return value_is_name(text) || is_end(t, text);
}

static bool is_address(const struct schema_type *t, const char *text)
{
	struct address a;

	return ip_parse(&a, text);
}

static bool is_prefix(const struct schema_type *t, const char *text)
{
	struct prefix p;

	return ip_prefix_parse(&p, text, false);
}

static bool is_network(const struct schema_type *t, const char *text)
{
	struct prefix p, masked;

	if (!ip_prefix_parse(&p, text, false))
		return false;
	masked = ip_prefix_mask(p);
	return ip_equal(&masked.address, &p.address);
}

static bool is_mac(const struct schema_type *t, const char *text)
{
	uint8_t mac[6];

	return value_mac(mac, text);
}

static bool is_rate(const struct schema_type *t, const char *text)
{
	uint64_t rate;

	return value_rate(&rate, text);
}

static bool is_duration(const struct schema_type *t, const char *text)
{
	uint64_t duration;

	return value_duration(&duration, text);
}

static bool is_share(const struct schema_type *t, const char *text)
{
	double share;

	return value_share(&share, text);
}

static bool is_count(const struct schema_type *t, const char *text)
{
	uint32_t least, most;

	return value_count(&least, &most, text);
}

#define SCALAR(name, check, words)                                                                 \
	static const struct schema_type name = {                                                   \
		.kind = SCHEMA_SCALAR, .valid = (check), .says = (words)}
#define NUMBER(name, from, to)                                                                     \
	static const struct schema_type name = {                                                   \
		.kind = SCHEMA_SCALAR, .valid = schema_is_number, .low = (from), .high = (to)}
#define CHOICE(name, ...)                                                                          \
	static const struct schema_type name = {                                                   \
		.kind = SCHEMA_CHOICE, .choices = (const char *const[]){__VA_ARGS__, NULL}}
/* A list, which may be written as its one element. */
#define LIST(name, element, words)                                                                 \
	static const struct schema_type name = {.kind = SCHEMA_LIST,                               \
		.of = &(element),                                                                  \
		.brief = &(element),                                                               \
		.says = (words),                                                                   \
		.optional = true}
#define MAP(name, from, to, words)                                                                 \
	static const struct schema_type name = {.kind = SCHEMA_MAP,                                \
		.key = &(from),                                                                    \
		.of = &(to),                                                                       \
		.says = (words),                                                                   \
		.optional = true}

SCALAR(text, is_text, "a text");
SCALAR(line, is_line, "a text on one line");
SCALAR(boolean, is_bool, "yes or no");
SCALAR(name, is_name, "a name of letters, digits, '_' and '-', at most 63 of them");
SCALAR(names, is_names,
	"a name of letters, digits, '_' and '-', at most 63 of them, or a range like h[1-20]");
SCALAR(device_name, is_device, "the name of a device: at most 15 characters, no '/', ':' or space");
SCALAR(device_names, is_devices,
	"the name of a device: at most 15 characters, no '/', ':' or space, or a range like p[1-4]");
SCALAR(end, is_end, "an end: NODE:DEVICE");
SCALAR(end_or_name, is_end_or_name, "NODE or NODE:DEVICE");
SCALAR(address, is_address, "an address, like 10.0.0.1 or fd00::1");
SCALAR(prefix, is_prefix, "an address with its prefix length, like 10.0.0.1/24");
SCALAR(network, is_network, "a prefix without host bits, like 10.0.0.0/24");
SCALAR(mac, is_mac, "the MAC address of one device, like 02:00:00:00:00:01");
SCALAR(rate, is_rate, "a rate, like 10mbit");
SCALAR(duration, is_duration, "a time, like 20ms");
SCALAR(share, is_share, "a share, like 1%");
SCALAR(times, is_count, "how often, like 3, '>=1' or 2..4");
SCALAR(endpoint, is_line, "ADDRESS:PORT, ADDRESS, or none");
SCALAR(destination, is_line, "an address, or NODE or NODE:DEVICE for one of its addresses");
SCALAR(route, is_line, "a route as `ip route` writes it, like default via 10.0.0.1");
SCALAR(sysctl_name, is_line, "the name of a sysctl, like net.ipv4.ip_forward");
SCALAR(cable_text, is_line, "a cable: NODE:DEVICE -- NODE:DEVICE");
SCALAR(tunnel_text, is_line, "a tunnel: NODE:DEVICE == NODE:DEVICE");

NUMBER(mtu, 68, 65535);
NUMBER(port, 1, 65535);
NUMBER(number16, 0, 65535);
NUMBER(number32, 0, UINT32_MAX);
NUMBER(queue_length, 0, 1000000);
NUMBER(identity, 0, (1 << 24) - 1);
NUMBER(ttl, 1, 255);
NUMBER(payload, 0, 65507);
NUMBER(status, 0, 255);
NUMBER(probes, 1, 1000);
NUMBER(keepalive_seconds, 0, 65535);

CHOICE(kind, "veth", "bridge", "tun", "tap", "vxlan", "macvlan", "vlan", "ifb", "dummy");
CHOICE(macvlan_mode, "bridge", "private", "vepa", "passthru");
CHOICE(tunnel_mode, "tun", "tap");
CHOICE(compression, "none", "lz4", "zstd");
CHOICE(outcome, "ok", "fail");

/* --- devices ------------------------------------------------------------ */

LIST(prefixes, prefix, "addresses with their prefix length, like 10.0.0.1/24");
LIST(networks, network, "prefixes without host bits, like 10.0.0.0/24");
LIST(devices_list, device_names, "names of devices");

enum {
	BRIDGE = 1 << KIND_BRIDGE,
	TUNTAP = 1 << KIND_TUN | 1 << KIND_TAP,
	VXLAN = 1 << KIND_VXLAN,
	MACVLAN = 1 << KIND_MACVLAN,
	VLAN = 1 << KIND_VLAN,
	ETHERNET = 1 << KIND_VETH | BRIDGE | 1 << KIND_TAP | VXLAN | MACVLAN | VLAN |
		   1 << KIND_IFB | 1 << KIND_DUMMY,
};

static const struct schema_field device_fields[] = {
	{"addr", &prefixes, .help = "its addresses",
		.also = "address addresses addrs ip ips inet inet6 ipv4 ipv6"},
	{"kind", &kind, .help = "what it is, where no link, net or tunnel says so",
		.also = "type driver"},
	{"mtu", &mtu, .help = "the largest packet, in bytes"},
	{"mac", &mac, .help = "its MAC address", .also = "hwaddr lladdr ether macaddr",
		.kinds = ETHERNET},
	{"up", &boolean, .help = "brought up, by default yes", .also = "state enabled"},
	{"master", &device_name, .help = "the bridge that it is a port of", .also = "bridge"},
	{"arp", &boolean, .help = "answers and asks ARP, by default yes"},
	{"txqueuelen", &queue_length, .help = "packets that wait to be sent",
		.also = "txqlen qlen"},
	{"isolated", &boolean, .help = "as a port: talks to ports that are not isolated only"},
	{"hairpin", &boolean, .help = "as a port: a frame may leave where it came in"},
	{"learning", &boolean, .help = "as a port, or a vxlan: learns who is behind it"},
	{"flood", &boolean, .help = "as a port: gets frames for unknown destinations"},
	{"cost", &number16, .help = "as a port: the cost of its path"},
	{"ports", &devices_list, .help = "devices that are its ports",
		.also = "members slaves interfaces", .kinds = BRIDGE},
	{"stp", &boolean, .help = "takes part in the spanning tree protocol", .also = "stp_state",
		.kinds = BRIDGE},
	{"vlan_filtering", &boolean, .help = "keeps VLANs apart", .kinds = BRIDGE},
	{"mcast_snooping", &boolean, .help = "learns who wants which multicast", .kinds = BRIDGE},
	{"forward_delay", &number32, .help = "of its ports, in hundredths of a second",
		.kinds = BRIDGE},
	{"ageing_time", &number32, .help = "of learnt addresses, in hundredths of a second",
		.also = "ageing", .kinds = BRIDGE},
	{"priority", &number16, .help = "in the spanning tree", .also = "prio", .kinds = BRIDGE},
	{"owner", &line, .help = "the user who may open it", .also = "user", .kinds = TUNTAP},
	{"group", &line, .help = "the group that may open it", .kinds = TUNTAP},
	{"persist", &boolean, .help = "stays without a process, by default yes", .kinds = TUNTAP},
	{"multi_queue", &boolean, .help = "several processes or threads may open it",
		.kinds = TUNTAP},
	{"vnet_hdr", &boolean, .help = "packets carry a virtio-net header", .kinds = TUNTAP},
	{"pi", &boolean, .help = "packets carry flags and protocol in front", .kinds = TUNTAP},
	{"id", &identity, .help = "the network identifier, or the VLAN",
		.also = "vni vid vlan vxlan", .kinds = VXLAN | VLAN},
	{"local", &address, .help = "the address that it sends from", .also = "source src",
		.kinds = VXLAN},
	{"remote", &address, .help = "the other end, or a multicast group", .also = "dst peer",
		.kinds = VXLAN},
	{"dstport", &port, .help = "the UDP port, by default 4789", .also = "port", .kinds = VXLAN},
	{"ttl", &ttl, .help = "of what it sends", .also = "hoplimit", .kinds = VXLAN},
	{"df", &boolean, .help = "what it sends may not be fragmented", .kinds = VXLAN},
	{"dev", &device_name, .help = "the device below", .also = "link parent lower device base",
		.kinds = VXLAN | MACVLAN | VLAN},
	{"mode", &macvlan_mode, .help = "who may talk to whom, by default bridge",
		.kinds = MACVLAN},
	{0},
};

const struct schema_type schema_device = {
	.kind = SCHEMA_OBJECT,
	.says = "a device",
	.fields = device_fields,
	.brief = &prefixes,
	.optional = true,
};

/* --- nodes -------------------------------------------------------------- */

static const struct schema_field process_fields[] = {
	{"run", &line, .help = "a command for the shell, in the node", .also = "command cmd exec",
		.required = true},
	{"ready", &line, .help = "a command that succeeds once it can be used"},
	{0},
};
static const struct schema_type process = {
	.kind = SCHEMA_OBJECT,
	.says = "a process",
	.fields = process_fields,
	.brief = &line,
};

LIST(routes, route, "routes as `ip route` writes them");
static const struct schema_type processes = {
	.kind = SCHEMA_LIST, .says = "processes", .of = &process, .optional = true};
MAP(devices, device_names, schema_device, "a mapping from names to devices");
MAP(sysctls, sysctl_name, line, "a mapping from names to values");

static const struct schema_field node_fields[] = {
	{"devices", &devices,
		.help = "its devices by name; those that links, nets and tunnels name need not be here",
		.also = "interfaces ifaces device"},
	{"routes", &routes, .help = "as `ip route` writes them", .also = "route"},
	{"sysctl", &sysctls, .help = "settings under net.", .also = "sysctls"},
	{"nft", &text, .help = "an nftables ruleset", .also = "nftables firewall rules"},
	{"processes", &processes, .help = "commands that run while the network is up",
		.also = "run commands exec services process"},
	{0},
};
static const struct schema_type node = {
	.kind = SCHEMA_OBJECT,
	.says = "a node",
	.fields = node_fields,
	.optional = true,
};

/* --- what joins them ------------------------------------------------------ */

static const struct schema_field shape_fields[] = {
	{"rate", &rate, .help = "bits per second each way, like 10mbit", .also = "bandwidth speed"},
	{"delay", &duration, .help = "one way, like 20ms", .also = "latency"},
	{"loss", &share, .help = "of the packets, like 1%"},
	{0},
};
static const struct schema_type shape = {
	.kind = SCHEMA_OBJECT, .says = "a shape", .fields = shape_fields};

static const struct schema_type cable_ends = {.kind = SCHEMA_LIST,
	.says = "two ends: [NODE:DEVICE, NODE:DEVICE]",
	.of = &end,
	.brief = &cable_text};
static const struct schema_field link_fields[] = {
	{"ends", &cable_ends, .help = "its two ends", .also = "endpoints nodes between",
		.required = true},
	{"mtu", &mtu, .help = "of both ends"},
	{"shape", &shape, .help = "rate, delay and loss",
		.also = "rate delay loss bandwidth latency"},
	{0},
};
static const struct schema_type link_type = {
	.kind = SCHEMA_OBJECT, .says = "a link", .fields = link_fields, .brief = &cable_text};

LIST(members, end, "ends: NODE:DEVICE");
static const struct schema_field net_fields[] = {
	{"members", &members, .help = "the ends that share it", .also = "ends ports nodes",
		.required = true},
	{"prefix", &networks, .help = "from which members without an address get one",
		.also = "prefixes network subnet addr"},
	{"mtu", &mtu, .help = "of all its devices"},
	{"shape", &shape, .help = "of each member's cable",
		.also = "rate delay loss bandwidth latency"},
	{"stp", &boolean, .help = "its bridge takes part in the spanning tree protocol"},
	{0},
};
static const struct schema_type net = {
	.kind = SCHEMA_OBJECT, .says = "a net", .fields = net_fields};

static const struct schema_type tunnel_ends = {.kind = SCHEMA_LIST,
	.says = "two ends: [NODE:DEVICE, NODE:DEVICE]",
	.of = &end,
	.brief = &tunnel_text};
MAP(allowed, end_or_name, networks, "a mapping from an end to prefixes");
MAP(endpoints, end_or_name, endpoint, "a mapping from an end to ADDRESS:PORT");
MAP(ports, end_or_name, port, "a mapping from an end to a UDP port");
static const struct schema_type keepalives = {.kind = SCHEMA_MAP,
	.says = "seconds, or a mapping from an end to seconds",
	.key = &end_or_name,
	.of = &keepalive_seconds,
	.brief = &keepalive_seconds};

static const struct schema_field tunnel_fields[] = {
	{"ends", &tunnel_ends, .help = "its two ends", .also = "endpoints nodes between peers",
		.required = true},
	{"mode", &tunnel_mode, .help = "tun carries IP packets, tap Ethernet frames",
		.also = "kind type"},
	{"allowed", &allowed, .help = "what is reached through an end",
		.also = "allowed_ips allowed-ips allowedips"},
	{"endpoint", &endpoints,
		.help = "where an end is found from outside; none: it calls first"},
	{"listen_port", &ports, .help = "the UDP port of an end, by default 51820 and up",
		.also = "port listen listen-port listenport"},
	{"keepalive", &keepalives, .help = "seconds between packets that keep a NAT open",
		.also = "persistent_keepalive persistentkeepalive"},
	{"psk", &boolean, .help = "a pre-shared key on top",
		.also = "preshared_key presharedkey preshared"},
	{"compress", &compression, .help = "what it carries, when that makes it smaller",
		.also = "compression"},
	{"rate", &rate, .help = "at most so many bits per second each way",
		.also = "bandwidth speed"},
	{"mtu", &mtu, .help = "of both ends, by default 1420 or what fits"},
	{0},
};
static const struct schema_type tunnel = {
	.kind = SCHEMA_OBJECT, .says = "a tunnel", .fields = tunnel_fields, .brief = &tunnel_text};

/* --- checks --------------------------------------------------------------- */

static const struct schema_field sight_fields[] = {
	{"device", &device_name, .help = "where", .also = "dev on interface", .required = true},
	{"node", &name, .help = "whose device, by default the node that asks", .also = "at"},
	{"filter", &line, .help = "which packets, as tcpdump writes it"},
	{"count", &times, .help = "how many, by default '>=1'", .also = "times"},
	{0},
};
static const struct schema_field absence_fields[] = {
	{"device", &device_name, .help = "where", .also = "dev on interface", .required = true},
	{"node", &name, .help = "whose device, by default the node that asks", .also = "at"},
	{"filter", &line, .help = "which packets, as tcpdump writes it"},
	{0},
};
static const struct schema_type sight = {
	.kind = SCHEMA_OBJECT, .says = "a sight", .fields = sight_fields, .brief = &device_name};
static const struct schema_type absence = {.kind = SCHEMA_OBJECT,
	.says = "an absence",
	.fields = absence_fields,
	.brief = &device_name};
LIST(sights, sight, "places where packets must be seen");
LIST(absences, absence, "places where packets must not be seen");

static const struct schema_field check_fields[] = {
	{"name", &line, .help = "what it shows", .also = "title description"},
	{"from", &names, .help = "the node that asks", .also = "node source src", .required = true},
	{"ping", &destination, .help = "an echo request is answered", .also = "to dst icmp"},
	{"tcp", &destination, .help = "a connection can be made, to `port`"},
	{"udp", &destination, .help = "a datagram arrives, at `port`"},
	{"run", &text, .help = "a command for the shell succeeds", .also = "command cmd exec"},
	{"port", &port, .help = "of tcp and udp"},
	{"size", &payload, .help = "bytes of payload"},
	{"df", &boolean, .help = "may not be fragmented"},
	{"device", &device_name, .help = "leave by this device, as `ping -I`",
		.also = "dev interface via"},
	{"count", &probes, .help = "how many pings"},
	{"expect", &outcome, .help = "ok, or fail", .also = "result"},
	{"cause", &line, .help = "why it fails, an id of `warren why`", .also = "reason why"},
	{"at", &end_or_name, .help = "where it ends: NODE or NODE:DEVICE", .also = "where"},
	{"exit", &status, .help = "the status that `run` ends with", .also = "status"},
	{"output", &text, .help = "a regular expression that the output of `run` matches",
		.also = "stdout match"},
	{"timeout", &duration, .help = "for an answer, like 3s", .also = "within wait"},
	{"seen", &sights, .help = "packets seen meanwhile"},
	{"unseen", &absences, .help = "packets not seen meanwhile"},
	{0},
};
static const struct schema_type check = {
	.kind = SCHEMA_OBJECT, .says = "a check", .fields = check_fields};

/* --- the file --------------------------------------------------------------- */

MAP(nodes, names, node, "a mapping from names to nodes");
MAP(nets, name, net, "a mapping from names to nets");
static const struct schema_type links = {.kind = SCHEMA_LIST,
	.says = "a list of cables: NODE:DEVICE -- NODE:DEVICE",
	.of = &link_type,
	.optional = true};
static const struct schema_type tunnels = {.kind = SCHEMA_LIST,
	.says = "a list of tunnels: NODE:DEVICE == NODE:DEVICE",
	.of = &tunnel,
	.optional = true};
static const struct schema_type checks = {
	.kind = SCHEMA_LIST, .says = "a list of checks", .of = &check, .optional = true};

static const struct schema_field file_fields[] = {
	{"name", &name, .help = "of the network, by default that of the file", .also = "network"},
	{"nodes", &nodes, .help = "network namespaces by name", .also = "node hosts namespaces",
		.required = true},
	{"nets", &nets, .help = "shared segments by name",
		.also = "net networks lans segments switches"},
	{"links", &links, .help = "cables between two devices", .also = "link cables wires"},
	{"tunnels", &tunnels, .help = "encrypted tunnels between two devices",
		.also = "tunnel vpn vpns"},
	{"checks", &checks, .help = "what `warren test` tries", .also = "check tests test"},
	{0},
};
const struct schema_type schema_file = {
	.kind = SCHEMA_OBJECT, .says = "the file", .fields = file_fields};
