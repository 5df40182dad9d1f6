# The causes again, on networks with other names, other addresses and more in between.
#
#   home    A eth0 -- lan1 [br-lan of R, which translates] wan -- eth1 S eth2 -- eth0 B
#           T eth0 -- lan2 '          192.168.178.0/24, 100.64.3.0/30, 203.0.113.0/24; 2001:db8:1::, ff::, 2::
#   over    HA eth0 -- h1 [brA in A] vx0 ==== VXLAN 77 over A - R - B ==== vx0 [brB in B] h2 -- eth0 HB
#           172.20.0.1                                                                      172.20.0.2
#   nest    A a0 -- p1 [br0 in R] u -- v [br1 in S] p2 -- b0 B
#   macs    A m1, B m2: macvlans on low of P, whose cable ends in Q
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

address() { # NETNS DEVICE ADDRESS...
	local n=$1 device=$2 a
	shift 2
	for a in "$@"; do
		case $a in
		*:*) ip -n "$n" addr add "$a" dev "$device" nodad ;;
		*) ip -n "$n" addr add "$a" dev "$device" ;;
		esac
	done
}

mac_of() { # NETNS DEVICE
	ip -n "$1" -j link show "$2" | jq -r '.[0].address'
}

home() {
	A=$(name A) R=$(name R) S=$(name S) B=$(name B) T=$(name T)
	netns_add "$A" "$R" "$S" "$B" "$T"
	quiet6 "$A" "$R" "$S" "$B" "$T"
	cable "$A" eth0 "$R" lan1; cable "$T" eth0 "$R" lan2
	cable "$R" wan "$S" eth1; cable "$S" eth2 "$B" eth0
	bridge_add "$R" br-lan lan1 lan2
	address "$A" eth0 192.168.178.20/24 2001:db8:1::20/64
	address "$T" eth0 192.168.178.21/24
	address "$R" br-lan 192.168.178.1/24 2001:db8:1::1/64
	address "$R" wan 100.64.3.2/30 2001:db8:ff::2/64
	address "$S" eth1 100.64.3.1/30 2001:db8:ff::1/64
	address "$S" eth2 203.0.113.1/24 2001:db8:2::1/64
	address "$B" eth0 203.0.113.80/24 2001:db8:2::80/64
	set_in "$R" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	set_in "$S" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$A" route add default via 192.168.178.1; ip -n "$T" route add default via 192.168.178.1
	ip -n "$R" route add default via 100.64.3.1; ip -n "$B" route add default via 203.0.113.1
	ip -n "$A" -6 route add default via 2001:db8:1::1; ip -n "$R" -6 route add default via 2001:db8:ff::1
	ip -n "$S" -6 route add 2001:db8:1::/64 via 2001:db8:ff::2; ip -n "$B" -6 route add default via 2001:db8:2::1
	nft_in "$R" <<<'table ip nat { chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; } }'
	forwards "$R"
	ready6 "$A" eth0 "$R" br-lan "$R" wan "$S" eth1 "$S" eth2 "$B" eth0
}

over() {
	rt
	HA=$(name HA) HB=$(name HB)
	netns_add "$HA" "$HB"
	quiet6 "$HA" "$HB"
	cable "$HA" eth0 "$A" h1; cable "$HB" eth0 "$B" h2
	ip -n "$A" link add vx0 type vxlan id 77 dstport 4789 local 10.0.1.2 remote 10.0.2.2
	ip -n "$B" link add vx0 type vxlan id 77 dstport 4789 local 10.0.2.2 remote 10.0.1.2
	ip -n "$A" link set vx0 up; ip -n "$B" link set vx0 up
	bridge_add "$A" brA h1 vx0; bridge_add "$B" brB h2 vx0
	address "$HA" eth0 172.20.0.1/24 fd77::1/64; address "$HB" eth0 172.20.0.2/24 fd77::2/64
	forwards "$A"; forwards "$B"
	ready6 "$HA" eth0 "$HB" eth0
}

nest() {
	A=$(name A) R=$(name R) S=$(name S) B=$(name B)
	netns_add "$A" "$R" "$S" "$B"
	quiet6 "$A" "$R" "$S" "$B"
	cable "$A" a0 "$R" p1; cable "$R" u "$S" v; cable "$S" p2 "$B" b0
	bridge_add "$R" br0 p1 u; bridge_add "$S" br1 v p2
	address "$A" a0 10.0.0.1/24 fd00::1/64; address "$B" b0 10.0.0.2/24 fd00::2/64
	forwards "$R"; forwards "$S"
	ready6 "$A" a0 "$B" b0
}

macs() {
	A=$(name A) B=$(name B) P=$(name P) Q=$(name Q)
	netns_add "$A" "$B" "$P" "$Q"
	quiet6 "$A" "$B" "$P" "$Q"
	cable "$P" low "$Q" q0
	ip -n "$P" link add m1 link low type macvlan mode bridge; ip -n "$P" link add m2 link low type macvlan mode bridge
	ip -n "$P" link set m1 netns "$A"; ip -n "$P" link set m2 netns "$B"
	address "$A" m1 10.0.0.1/24 fd00::1/64; address "$B" m2 10.0.0.2/24 fd00::2/64
	ip -n "$A" link set m1 up; ip -n "$B" link set m2 up
	ready6 "$A" m1 "$B" m2
}

@test "work: nested bridges" {
	nest; delivered "$A" 10.0.0.2; delivered "$A" fd00::2
}
@test "work: home" {
	home; delivered "$A" 203.0.113.80; delivered "$A" 2001:db8:2::80; delivered "$A" 192.168.178.21
}
@test "work: overlay" {
	over; delivered "$HA" 172.20.0.2; delivered "$HA" fd77::2; delivered "$HA" --size 3000 172.20.0.2
}
@test "work: macvlans" {
	macs; delivered "$A" 10.0.0.2; delivered "$A" fd00::2
}

# ---- address-not-owned ----

@test "address-not-owned: in an overlay, IPv4 and IPv6" {
	over; ip -n "$HB" addr del 172.20.0.2/24 dev eth0; address "$HB" eth0 172.20.0.9/24
	fault address-not-owned "$HA" 172.20.0.2
	ip -n "$HB" addr del fd77::2/64 dev eth0
	fault address-not-owned "$HA" fd77::2
}

@test "address-not-owned: a sibling macvlan" {
	macs; ip -n "$B" addr del 10.0.0.2/24 dev m2; address "$B" m2 10.0.0.7/24
	fault address-not-owned "$A" 10.0.0.2
}

@test "address-not-owned: a gateway behind a bridge, IPv6; a host behind two routers and a NAT, TCP" {
	home; ip -n "$A" -6 route replace default via 2001:db8:1::77
	fault address-not-owned "$A" 2001:db8:2::80
	ip -n "$B" addr del 203.0.113.80/24 dev eth0; address "$B" eth0 203.0.113.81/24; ip -n "$B" route replace default via 203.0.113.1
	failed address-not-owned "$A" --proto tcp 203.0.113.80
	fault address-not-owned "$A" 203.0.113.80
}

# ---- arp-ignore, arp-off ----

@test "arp-ignore: the gateway, whose address is on a bridge; then for the answer, behind a NAT" {
	home; set_in "$R" net.ipv4.conf.br-lan.arp_ignore=8
	fault arp-ignore "$A" 203.0.113.80
	set_in "$S" net.ipv4.conf.eth2.arp_ignore=8
	ip -n "$B" neigh flush all; ip -n "$S" neigh replace 203.0.113.80 lladdr "$(mac_of "$B" eth0)" dev eth2
	fault arp-ignore "$A" 203.0.113.80
}

@test "arp-ignore: in an overlay" {
	over; set_in "$HB" net.ipv4.conf.all.arp_ignore=8
	fault arp-ignore "$HA" 172.20.0.2
}

@test "arp-off: in an overlay" {
	over; ip -n "$HB" link set eth0 arp off
	fault arp-off "$HA" 172.20.0.2
}

# ---- bad-checksum ----

@test "bad-checksum: a router on the way writes it" {
	home; nft_in "$S" <<<'table ip t { chain p { type filter hook forward priority 0; ip protocol icmp icmp checksum set 0x1234; } }'
	fault bad-checksum "$A" 203.0.113.80
}

@test "bad-checksum: of the IP header, at ingress" {
	p2p; nft_in "$B" <<<'table netdev t { chain p { type filter hook ingress device b0 priority 0; ip protocol icmp ip checksum set 0x1234; } }'
	fault bad-checksum "$A" 10.0.0.2
}

# ---- bridges ----

@test "bridge-down: the second of two, IPv6" {
	nest; ip -n "$S" link set br1 down
	fault bridge-down "$A" fd00::2
}

@test "bridge-down: at the far end of an overlay" {
	over; ip -n "$B" link set brB down
	fault bridge-down "$HA" 172.20.0.2
}

@test "bridge-fdb: the gateway's bridge, for the answer" {
	home; bridge -n "$R" fdb replace "$(mac_of "$A" eth0)" dev lan2 master static sticky
	fault bridge-fdb "$A" 203.0.113.80
}

@test "bridge-fdb: at either end of an overlay" {
	over
	ip -n "$HA" neigh replace 172.20.0.2 lladdr "$(mac_of "$HB" eth0)" dev eth0
	bridge -n "$A" fdb replace "$(mac_of "$HB" eth0)" dev h1 master static sticky
	fault bridge-fdb "$HA" 172.20.0.2
	bridge -n "$B" fdb replace "$(mac_of "$HB" eth0)" dev vx0 master static sticky
	fault bridge-fdb "$HA" 172.20.0.2
}

@test "bridge-netfilter: the second of two bridges, IPv6" {
	nest; set_in "$S" net.bridge.bridge-nf-call-ip6tables=1
	nft_in "$S" <<<'table ip6 t { chain f { type filter hook forward priority 0; icmpv6 type echo-request drop; } }'
	fault bridge-netfilter "$A" fd00::2
}

@test "bridge-netfilter: at the end of an overlay, the answer only" {
	over; set_in "$B" net.bridge.bridge-nf-call-iptables=1
	nft_in "$B" <<<'table ip t { chain f { type filter hook forward priority 0; icmp type echo-reply drop; } }'
	fault bridge-netfilter "$HA" 172.20.0.2
}

@test "bridge-port-isolated: two ports of the second bridge" {
	nest; bridge -n "$S" link set dev v isolated on; bridge -n "$S" link set dev p2 isolated on
	fault bridge-port-isolated "$A" 10.0.0.2
}

@test "bridge-port-isolated: at the end of an overlay, multicasts are not flooded" {
	over; bridge -n "$B" link set dev h2 mcast_flood off
	fault bridge-port-isolated "$HA" fd77::2
	bridge -n "$B" link set dev h2 isolated on; bridge -n "$B" link set dev vx0 isolated on
	fault bridge-port-isolated "$HA" 172.20.0.2
}

@test "bridge-port-isolated: a locked port, the asker's and the other" {
	br; forwards "$R"
	bridge -n "$R" link set dev p1 learning off locked on
	ip -n "$R" link set p1 type bridge_slave fdb_flush
	fault bridge-port-isolated "$A" 10.0.0.2
	bridge -n "$R" link set dev p2 learning off locked on
	ip -n "$R" link set p2 type bridge_slave fdb_flush
	ip -n "$A" neigh flush all
	failed bridge-port-isolated "$A" 10.0.0.2
	repair; delivered "$A" 10.0.0.2
}

@test "bridge-port-state: of a gateway's bridge, IPv6" {
	home; bridge -n "$R" link set dev lan1 state 1
	fault bridge-port-state "$A" 2001:db8:2::80
}

@test "bridge-port-state: the overlay's port at the near end, then at the far end" {
	over; bridge -n "$A" link set dev vx0 state 0
	fault bridge-port-state "$HA" 172.20.0.2
	bridge -n "$B" link set dev vx0 state 0
	fault bridge-port-state "$HA" fd77::2
}

# ---- device-down, duplicate-address, echo-ignored ----

@test "device-down: the second router's, behind a NAT; both ends of a cable to a bridge" {
	home; ip -n "$S" link set eth2 down
	fault device-down "$A" 203.0.113.80
	ip -n "$R" link set lan1 down; ip -n "$A" link set eth0 down
	failed device-down "$A" --proto tcp 203.0.113.80
	[ "$(field .at.node)" = "$A" ]
}

@test "device-down: an overlay, at the near end and at the far one" {
	over; ip -n "$A" link set vx0 down
	fault device-down "$HA" 172.20.0.2
	ip -n "$B" link set vx0 down
	fault device-down "$HA" fd77::2
}

@test "device-down: a sibling macvlan, and what it stands on" {
	macs; ip -n "$B" link set m2 down
	fault device-down "$A" 10.0.0.2
	ip -n "$P" link set low down
	fault device-down "$A" 10.0.0.2
}

@test "duplicate-address: in an overlay" {
	over; address "$HB" eth0 172.20.0.1/24
	fault duplicate-address "$HA" 172.20.0.2
}

@test "duplicate-address: the gateway has the asker's" {
	home; address "$R" br-lan 192.168.178.20/32
	fault duplicate-address "$A" 203.0.113.80
}

@test "echo-ignored: behind two routers and a NAT, IPv4 and IPv6" {
	home; set_in "$B" net.ipv4.icmp_echo_ignore_all=1 net.ipv6.icmp.echo_ignore_all=1
	fault echo-ignored "$A" 203.0.113.80
	fault echo-ignored "$A" 2001:db8:2::80
}

# ---- firewalls ----

@test "firewall-drop: the datagrams of an overlay at a router; its frames at the far bridge, IPv6" {
	over; nft_in "$R" <<<'table inet f { chain f { type filter hook forward priority 0; udp dport 4789 drop; } }'
	fault firewall-drop "$HA" 172.20.0.2
	nft_in "$B" <<<'table bridge f { chain f { type filter hook forward priority 0; ip6 daddr fd77::2 drop; } }'
	fault firewall-drop "$HA" fd77::2
}

@test "firewall-drop: a policy that lets through what was not yet translated; answers to a NAT" {
	home; nft_in "$S" <<<'table inet f { chain f { type filter hook forward priority 0; policy drop; ip saddr 192.168.178.0/24 accept; meta nfproto ipv6 accept; } }'
	fault firewall-drop "$A" 203.0.113.80
	nft_in "$R" <<<'table inet f { chain f { type filter hook forward priority 0; policy drop; iifname "br-lan" accept; } }'
	fault firewall-drop "$A" 203.0.113.80
}

@test "firewall-drop: neighbour discovery; large packets only; egress, the answer" {
	nest; nft_in "$B" <<<'table ip6 t { chain i { type filter hook input priority 0; policy drop; } }'
	fault firewall-drop "$A" fd00::2
	nft_in "$B" <<<'table inet u { chain i { type filter hook input priority 0; meta length > 600 drop; } }'
	fault firewall-drop "$A" --size 1000 10.0.0.2
	nft_in "$B" <<<'table netdev t { chain e { type filter hook egress device b0 priority 0; icmp type echo-reply drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-reject: behind two routers, IPv6; before it leaves" {
	home; nft_in "$S" <<<'table inet f { chain f { type filter hook forward priority 0; meta l4proto ipv6-icmp reject with icmpv6 admin-prohibited; } }'
	fault firewall-reject "$A" 2001:db8:2::80
	nft_in "$A" <<<'table ip f { chain o { type filter hook output priority 0; ip daddr 203.0.113.80 reject; } }'
	fault firewall-reject "$A" 203.0.113.80
}

@test "firewall-reject: in an overlay" {
	over; nft_in "$HB" <<<'table ip f { chain i { type filter hook input priority 0; icmp type echo-request reject with icmp host-prohibited; } }'
	fault firewall-reject "$HA" 172.20.0.2
}

# ---- forwarding-off ----

@test "forwarding-off: for the answer, behind a NAT" {
	home; set_in "$S" net.ipv4.conf.eth2.forwarding=0
	fault forwarding-off "$A" 203.0.113.80
}

@test "forwarding-off: at the router of an overlay's underlay" {
	over; set_in "$R" net.ipv4.ip_forward=0
	fault forwarding-off "$HA" fd77::2
}

# ---- ipv6-disabled, ipv6-duplicate ----

@test "ipv6-disabled: in an overlay" {
	over; set_in "$HB" net.ipv6.conf.eth0.disable_ipv6=1
	fault ipv6-disabled "$HA" fd77::2
}

@test "ipv6-disabled: behind two routers; the addresses and routes went with it" {
	home; set_in "$B" net.ipv6.conf.eth0.disable_ipv6=1
	failed ipv6-disabled "$A" 2001:db8:2::80
	repair
	fault no-return-route "$A" 2001:db8:2::80
}

@test "ipv6-duplicate: over a bridge, with a third host" {
	br; T=$(name T); netns_add "$T"
	cable "$T" t0 "$R" p3; ip -n "$R" link set p3 master br0
	forwards "$R"; ready6 "$A" a0 "$B" b0 "$T" t0
	address "$T" t0 fd00::9/64
	set_in "$B" net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.b0.accept_dad=1
	ip -n "$B" addr add fd00::9/64 dev b0
	wait_for 5 eval "ip -n $B -6 addr show dev b0 | grep -q 'fd00::9.*dadfailed'"
	ip -n "$T" addr del fd00::9/64 dev t0
	fault ipv6-duplicate "$A" fd00::9
}

# ---- local-mtu ----

@test "local-mtu: behind a gateway, IPv6; a route with an MTU of its own" {
	home; ip -n "$A" link set eth0 mtu 1280
	fault local-mtu "$A" --df --size 1400 2001:db8:2::80
	ip -n "$A" route replace default via 192.168.178.1 mtu lock 1000
	fault local-mtu "$A" --df --size 1200 203.0.113.80
}

@test "local-mtu: the end of an overlay, UDP" {
	over; ip -n "$HA" link set eth0 mtu 1300
	failed local-mtu "$HA" --proto udp --df --size 1350 172.20.0.2
	fault local-mtu "$HA" --df --size 1350 172.20.0.2
}

# ---- loopback-down, loopback-across-device ----

@test "loopback-down: a router's own addresses, IPv4 and IPv6, and 127.0.0.1" {
	home
	for own in 192.168.178.1 127.0.0.1 2001:db8:1::1 ::1; do
		ip -n "$R" link set lo down
		fault loopback-down "$R" "$own"
	done
}

@test "loopback-across-device: a router translates to 127.0.0.1; a host does so for a port" {
	home
	nft_in "$S" <<<'table ip n { chain p { type nat hook prerouting priority -100; ip daddr 203.0.113.99 dnat to 127.0.0.1; } }'
	fault loopback-across-device "$A" 203.0.113.99
	background ip netns exec "$B" socat TCP-LISTEN:8080,bind=127.0.0.1,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 8080"
	nft_in "$B" <<<'table ip n { chain p { type nat hook prerouting priority -100; tcp dport 80 dnat to 127.0.0.1:8080; } }'
	fault loopback-across-device "$A" --proto tcp --port 80 203.0.113.80
}

# ---- accept-local ----

@test "accept-local: one node with two links to a router, which is asked to lead there" {
	A=$(name A) R=$(name R)
	netns_add "$A" "$R"
	quiet6 "$A" "$R"
	cable "$A" x0 "$R" r0; cable "$A" x1 "$R" r1
	address "$A" x0 10.1.0.2/24; address "$A" x1 10.2.0.2/24
	address "$R" r0 10.1.0.1/24; address "$R" r1 10.2.0.1/24
	set_in "$R" net.ipv4.ip_forward=1
	ip -n "$A" route add default via 10.1.0.1 dev x0
	fault accept-local "$A" --device x0 10.2.0.2
}

@test "echo-ignored: in an overlay, IPv4 only" {
	over; set_in "$HB" net.ipv4.icmp_echo_ignore_all=1
	delivered "$HA" fd77::2
	fault echo-ignored "$HA" 172.20.0.2
}

# ---- vxlan, through the bridges of an overlay across a router ----

overlay_again() { # ID PORT [remote ADDRESS]: the far end of `over` anew
	ip -n "$B" link del vx0
	ip -n "$B" link add vx0 type vxlan id "$1" dstport "$2" local 10.0.2.2 "${@:3}"
	ip -n "$B" link set vx0 master brB; ip -n "$B" link set vx0 up
	forwards "$B"
}

@test "vxlan-vni: between bridges, across a router" {
	over; overlay_again 78 4789 remote 10.0.1.2
	fault vxlan-vni "$HA" 172.20.0.2
}
@test "vxlan-port: between bridges, across a router, IPv6" {
	over; overlay_again 77 8472 remote 10.0.1.2
	fault vxlan-port "$HA" fd77::2
}
@test "vxlan-no-remote: the answer, between bridges" {
	over; overlay_again 77 4789 nolearning
	fault vxlan-no-remote "$HA" 172.20.0.2
}

# ---- xdp, tc, other namespaces, macvlans, processes: at home ----

@test "xdp-drop: at the second router, IPv6" {
	home
	echo '__attribute__((section("xdp"), used)) int drop(void *c) { return 1; }' >"$BATS_TEST_TMPDIR/x.c"
	clang -target bpf -O2 -g -c "$BATS_TEST_TMPDIR/x.c" -o "$BATS_TEST_TMPDIR/x.o"
	ip -n "$S" link set dev eth1 xdpgeneric obj "$BATS_TEST_TMPDIR/x.o" sec xdp
	fault xdp-drop "$A" 2001:db8:2::80
}
@test "tc-drop: on the way out of the second router, IPv6" {
	home; in_ns "$S" tc qdisc add dev eth2 clsact
	in_ns "$S" tc filter add dev eth2 egress bpf da bytecode '1,6 0 0 2'
	fault tc-drop "$A" 2001:db8:2::80
}
@test "wrong-namespace: a device of the router behind" {
	home; failed wrong-namespace "$A" --device eth1 203.0.113.80
	[[ "$(field .why)" = *"$S has one"* ]]
}
@test "macvlan-parent: a container on the card of its host" {
	home; C=$(name C); netns_add "$C"
	ip -n "$A" link add eth9 link eth0 type macvlan mode bridge; ip -n "$A" link set eth9 netns "$C"
	address "$C" eth9 192.168.178.30/24; ip -n "$C" link set eth9 up
	delivered "$C" 192.168.178.21
	fault macvlan-parent "$C" 192.168.178.20
}
tun_behind() { # a program at B has a tun, to which both routers lead
	home; set_in "$B" net.ipv4.ip_forward=1
	ip -n "$S" route add 10.8.0.0/24 via 203.0.113.80
	background ip netns exec "$B" socat -u TUN:10.8.0.1/24,tun-name=vpn0,iff-up /dev/null
	wait_for 5 eval "ip -n $B addr show vpn0 | grep -q 10.8.0.1"
}
@test "tun-no-answer: a program behind two routers and a translation" {
	tun_behind; failed tun-no-answer "$A" --timeout 1 10.8.0.2
	[[ "$(field .why)" = *socat* ]]
}
@test "tun-not-reading: a program that was stopped, behind two routers" {
	tun_behind
	failed tun-no-answer "$A" --timeout 1 10.8.0.2
	pid=$(field '.steps[] | select(.event == "read") | .note' | sed 's/.*pid \([0-9]*\).*/\1/')
	kill -STOP "$pid"
	failed tun-not-reading "$A" --timeout 1 10.8.0.2
	repair
	failed tun-no-answer "$A" --timeout 1 10.8.0.2
}
