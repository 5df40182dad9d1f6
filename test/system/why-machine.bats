# Limits that the whole machine shares: the tables of connections, the tables of neighbours, the
# queues of received packets.  Each test lowers one for a moment and puts it back, also on failure;
# test/run lets nothing else run meanwhile.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

lower() { # KEY VALUE: until the test ends
	echo "$1=$(sysctl -n "$1")" >>"$BATS_TEST_TMPDIR/limits"
	sysctl -qw "$1=$2"
}

teardown() {
	local x
	while read -r x; do sysctl -qw "$x"; done < <(tac "$BATS_TEST_TMPDIR/limits" 2>/dev/null)
	down_all
}

# neighbours_fill FAMILY NETNS DEVICE PREFIX: to the last free entry; what is old makes room first
neighbours_fill() {
	local i=16
	lower net.ipv$1.neigh.default.gc_thresh2 0
	lower net.ipv$1.neigh.default.gc_thresh3 1
	while [ $i -lt 250 ] && ip -n "$2" neigh add "$4$i" lladdr 02:00:00:00:00:01 nud reachable dev "$3" 2>/dev/null; do
		i=$((i + 1))
	done
}

@test "neighbour-table-full: at the asker, IPv6 and IPv4" {
	p2p; ready6 "$A" a0 "$B" b0
	neighbours_fill 6 "$A" a0 fd00::1:
	fault neighbour-table-full "$A" fd00::2
	neighbours_fill 4 "$A" a0 10.0.0.
	fault neighbour-table-full "$A" 10.0.0.2
}

@test "neighbour-table-full: at a router, and at a destination that cannot remember who asks" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	delivered "$A" 10.0.1.1
	neighbours_fill 4 "$A" a0 10.0.1.
	failed neighbour-table-full "$A" 10.0.2.2
	[ "$(field .at.node)" = "$R" ]
	repair; delivered "$A" 10.0.2.2
	delivered "$A" fd01::1
	ip -n "$B" -6 neigh flush dev b0
	ip -n "$R" -6 neigh replace fd02::2 lladdr "$(ip -n "$B" -j link show b0 | jq -r '.[0].address')" nud permanent dev r2
	neighbours_fill 6 "$A" a0 fd01::1:
	failed neighbour-table-full "$A" fd02::2
	[ "$(field .at.node)" = "$B" ]
	repair; delivered "$A" fd02::2
}

@test "backlog-full: a bridge gives the ARP request to two ports, and only one fits" {
	br; third_port; forwards "$R"
	lower net.core.netdev_max_backlog 0
	fault backlog-full "$A" 10.0.0.2
}

@test "backlog-full: IPv6, behind a router whose far side is a bridge" {
	rt; T=$(name T); netns_add "$T"
	ip -n "$R" link add br0 type bridge
	cable "$T" t0 "$R" p3
	ip -n "$R" link set r2 master br0; ip -n "$R" link set p3 master br0
	ip -n "$R" addr flush dev r2; ip -n "$R" addr add fd02::1/64 dev br0 nodad; ip -n "$R" link set br0 up
	ip -n "$B" link set b0 multicast on
	forwards "$R"; ready6 "$A" a0 "$R" r1 "$R" br0 "$B" b0
	lower net.core.netdev_max_backlog 0
	fault backlog-full "$A" fd02::2
}

# connections_fill NETNS N: established ones, which make no room for others
connections_fill() {
	ip netns exec "$1" nft add table inet c
	ip netns exec "$1" nft 'add chain inet c i { type filter hook input priority 10; ct state invalid drop; }'
	ip netns exec "$1" nft 'add chain inet c f { type filter hook forward priority 10; ct state invalid drop; }'
	ip netns exec "$1" python3 -c '
import socket, struct, sys
def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
def words(source, destination, sport, dport):
    ip = attribute(1, socket.inet_aton(source)) + attribute(2, socket.inet_aton(destination))
    proto = attribute(1, b"\x11") + attribute(2, struct.pack(">H", sport)) + attribute(3, struct.pack(">H", dport))
    return attribute(0x8001, ip) + attribute(0x8002, proto)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
for i in range(int(sys.argv[1])):
    a, b = "10.250.0.1", "10.250.0.2"
    body = struct.pack(">BBH", 2, 0, 0) + attribute(0x8001, words(a, b, 1000 + i, 9)) + \
        attribute(0x8002, words(b, a, 9, 1000 + i)) + \
        attribute(3, struct.pack(">I", 2 | 4 | 8)) + attribute(7, struct.pack(">I", 600))
    s.send(struct.pack("=IHHII", 16 + len(body), 1 << 8, 1 | 0x400 | 0x200, i, 0) + body)
' "$2"
}

@test "conntrack-full: at a router, and at the asker, IPv6 and TCP" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	lower net.netfilter.nf_conntrack_max 200
	connections_fill "$R" 250
	failed conntrack-full "$A" 10.0.2.2
	[ "$(field .at.node)" = "$R" ]
	repair; delivered "$A" 10.0.2.2
	lower net.netfilter.nf_conntrack_max 200
	failed conntrack-full "$A" --proto tcp 10.0.2.2
	connections_fill "$A" 250
	failed conntrack-full "$A" fd02::2
	[ "$(field .at.node)" = "$A" ]
	repair; delivered "$A" fd02::2
}

@test "conntrack-full: at the destination, over a bridge" {
	br; lower net.netfilter.nf_conntrack_max 200
	connections_fill "$B" 250
	fault conntrack-full "$A" 10.0.0.2
}
