# Two faults at once: the first that blocks is named; after its fix the second appears; after that
# nothing is wrong any more.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

# then CAUSE FROM ARGS...: the cause is named, and its fix run
then_() {
	failed "$@"
	repair
}

@test "pairs: a firewall on the way, no route back" {
	rt; nft_in "$R" <<<'table ip t { chain f { type filter hook forward priority 0; icmp type echo-request drop; } }'
	ip -n "$B" route del default
	then_ firewall-drop "$A" 10.0.2.2
	fault no-return-route "$A" 10.0.2.2
}

@test "pairs: the ends of a cable differ in MTU, a reverse path filter" {
	rt; ip -n "$A" link set a0 mtu 9000; set_in "$B" net.ipv4.conf.all.rp_filter=1; ip -n "$B" route del default
	then_ peer-mtu "$A" --size 3000 10.0.2.2
	then_ rp-filter "$A" --size 3000 10.0.2.2
	delivered "$A" 10.0.2.2
}

@test "pairs: different overlay ids, a router below that does not forward" {
	rt; overlay
	ip -n "$B" link del vx0; ip -n "$B" link add vx0 type vxlan id 200 dstport 4789 local 10.0.2.2 remote 10.0.1.2
	ip -n "$B" addr add 10.7.0.2/24 dev vx0; ip -n "$B" link set vx0 up
	set_in "$R" net.ipv4.ip_forward=0
	then_ forwarding-off "$A" 10.7.0.2
	fault vxlan-vni "$A" 10.7.0.2
}

@test "pairs: IPv6: a router that does not forward, a blackhole for the answer" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	set_in "$R" net.ipv6.conf.all.forwarding=0; ip -n "$B" -6 route add blackhole fd01::2/128
	then_ forwarding-off "$A" fd02::2
	fault route-refuses "$A" fd02::2
}

@test "pairs: the device is down, the echo is ignored" {
	p2p; ip -n "$A" link set a0 down; set_in "$B" net.ipv4.icmp_echo_ignore_all=1
	then_ device-down "$A" 10.0.0.2
	fault echo-ignored "$A" 10.0.0.2
}

@test "pairs: a wrong neighbour entry, a firewall behind it" {
	rt; ip -n "$R" neigh replace 10.0.2.2 lladdr 02:00:00:00:00:99 dev r2
	nft_in "$B" <<<'table inet t { chain i { type filter hook input priority 0; policy drop; } }'
	then_ neighbour-wrong "$A" 10.0.2.2
	fault firewall-drop "$A" 10.0.2.2
}

@test "pairs: a bridge port that does not forward, ARP that is not answered" {
	br; bridge -n "$R" link set dev p2 state 0; set_in "$B" net.ipv4.conf.b0.arp_ignore=8
	then_ bridge-port-state "$A" 10.0.0.2
	fault arp-ignore "$A" 10.0.0.2
}

@test "pairs: a rule that prohibits, a route that loops" {
	chain; ip -n "$R" rule add to 10.0.2.2 prohibit; ip -n "$S" route add 10.0.2.2/32 via 10.0.9.1
	then_ policy-rule "$A" 10.0.2.2
	fault routing-loop "$A" 10.0.2.2
}

@test "pairs: a narrow link, an answer that is rejected" {
	rt; ip -n "$R" link set r2 mtu 1300; ip -n "$B" link set b0 mtu 1300
	nft_in "$R" <<<'table ip t { chain f { type filter hook forward priority 0; icmp type echo-reply reject; } }'
	then_ path-mtu "$A" --df --size 1400 10.0.2.2
	fault firewall-reject "$A" --df --size 1400 10.0.2.2
}

@test "pairs: an IPsec policy out, a tc filter in" {
	p2p; in_ns "$A" ip xfrm policy add dir out src 10.0.0.1 dst 10.0.0.2 action block
	tc -n "$B" qdisc add dev b0 clsact; tc -n "$B" filter add dev b0 ingress protocol ip bpf da bytecode '1,6 0 0 2'
	then_ xfrm-policy "$A" 10.0.0.2
	fault tc-drop "$A" 10.0.0.2
}

@test "pairs: the same fault twice, at two routers" {
	chain; set_in "$R" net.ipv4.ip_forward=0; set_in "$S" net.ipv4.ip_forward=0
	then_ forwarding-off "$A" 10.0.2.2
	fault forwarding-off "$A" 10.0.2.2
}

@test "pairs: TCP: a reject on the way, a gateway of the answer that nobody is" {
	rt; background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	nft_in "$R" <<<'table inet t { chain f { type filter hook forward priority 0; tcp dport 5000 reject with tcp reset; } }'
	ip -n "$B" route replace default via 10.0.2.77
	then_ firewall-reject "$A" --proto tcp --port 5000 10.0.2.2
	fault return-gateway-dead "$A" --proto tcp --port 5000 10.0.2.2
}
