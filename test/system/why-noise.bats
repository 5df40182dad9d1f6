# Working networks in all sorts of noise: the answer must be "delivered", and nothing else.
#
# Noise: pings that nobody answers, datagrams to closed ports, dropped by rules that are not on the
# way, the same addresses and device names in other namespaces, somebody who captures.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

noise() { # NETNS DESTINATION-NEAR
	background ip netns exec "$1" ping -q -i 0.05 "$2"
	background ip netns exec "$1" ping -q -i 0.05 -W 1 10.0.0.231
	background ip netns exec "$1" ping -q -i 0.05 -W 1 10.0.1.231
	background ip netns exec "$1" sh -c "while :; do echo x | socat - UDP-SENDTO:$2:9; sleep 0.05; done"
	background ip netns exec "$1" tcpdump -i any -n -w /dev/null
}

shadow() { # another network with the same names and addresses, broken
	local x=$(name X) y=$(name Y)
	netns_add "$x" "$y"
	cable "$x" a0 "$y" b0
	ip -n "$x" addr add 10.0.0.1/24 dev a0
	ip -n "$x" addr add 10.0.1.2/24 dev a0
	printf 'table ip t {\nchain i {\ntype filter hook output priority 0\npolicy drop\n}\n}\n' | ip netns exec "$y" nft -f -
	background ip netns exec "$x" ping -q -i 0.05 10.0.0.2
	background ip netns exec "$x" ping -q -i 0.05 10.0.1.1
}

all_ways() { # FROM DESTINATION
	delivered "$1" "$2"
	delivered "$1" --size 1000 "$2"
	delivered "$1" --size 4000 "$2"
	delivered "$1" --df --size 1000 "$2"
}

@test "noise: one cable" {
	p2p; shadow; noise "$A" 10.0.0.2
	all_ways "$A" 10.0.0.2
	all_ways "$B" 10.0.0.1
}

@test "noise: a router" {
	rt; shadow; noise "$A" 10.0.2.2
	printf 'table ip t {\nchain f {\ntype filter hook forward priority 0\nudp dport 9 drop\nicmp type echo-request ip daddr 10.0.1.231 drop\n}\n}\n' | ip netns exec "$R" nft -f -
	all_ways "$A" 10.0.2.2
	all_ways "$B" 10.0.1.2
}

@test "noise: a bridge that floods" {
	br; shadow; noise "$A" 10.0.0.2
	for i in 3 4 5; do
		n=$(name "C$i"); netns_add "$n"; cable "$n" a0 "$R" "p$i"; ip -n "$R" link set "p$i" master br0
		ip -n "$n" addr add "10.0.0.$i/24" dev a0
	done
	ip -n "$R" link set br0 type bridge ageing_time 0
	all_ways "$A" 10.0.0.2
	all_ways "$A" 10.0.0.4
}

@test "noise: two routers" {
	chain; shadow; noise "$A" 10.0.2.2
	all_ways "$A" 10.0.2.2
	all_ways "$B" 10.0.1.2
}

@test "noise: vxlan" {
	vx; shadow; noise "$A" 10.7.0.2
	delivered "$A" 10.7.0.2
	delivered "$A" --df --size 1000 10.7.0.2
	delivered "$B" 10.7.0.1
}

@test "noise: translation of addresses" {
	rt; shadow; noise "$A" 10.0.2.2
	ip -n "$B" route del default
	printf 'table ip nat {\nchain p {\ntype nat hook postrouting priority 100\noifname "r2" masquerade\n}\n}\n' | ip netns exec "$R" nft -f -
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	all_ways "$A" 10.0.2.2
	delivered "$A" --proto tcp --port 5000 10.0.2.2
}

@test "noise: IPv6" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	background ip netns exec "$A" ping -q -i 0.05 fd02::2
	background ip netns exec "$A" ping -q -i 0.05 fd01::99
	delivered "$A" fd02::2
	delivered "$A" --size 4000 fd02::2
	delivered "$B" fd01::2
}

@test "noise: one's own address" {
	p2p; noise "$A" 10.0.0.2
	delivered "$A" 10.0.0.1
	delivered "$A" 127.0.0.1
	delivered "$A" ::1
}

# ---- further networks, each with something unusual that works ----

both_ways() { # FROM DESTINATION
	delivered "$1" "$2"
	delivered "$1" --size 3000 "$2"
}

@test "noise: three routers" {
	three; shadow; noise "$A" 10.0.2.2
	both_ways "$A" 10.0.2.2
	delivered "$B" 10.0.1.2
}

@test "noise: two bridges in a row" {
	br; shadow
	W=$(name W); netns_add "$W"; quiet6 "$W"; ip -n "$W" link add sw type bridge
	set_in "$W" net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 || true
	ip -n "$R" link del p2; cable "$R" p2 "$W" w1; cable "$W" w2 "$B" b0
	ip -n "$R" link set p2 master br0; ip -n "$W" link set w1 master sw; ip -n "$W" link set w2 master sw; ip -n "$W" link set sw up
	ip -n "$B" addr add 10.0.0.2/24 dev b0
	noise "$A" 10.0.0.2
	both_ways "$A" 10.0.0.2
	delivered "$B" 10.0.0.1
}

@test "noise: a router that is a bridge itself" {
	br; shadow; noise "$A" 10.0.0.9
	ip -n "$R" addr add 10.0.0.9/24 dev br0; C=$(name C); netns_add "$C"; cable "$R" r3 "$C" c0
	ip -n "$R" addr add 10.3.0.1/24 dev r3; ip -n "$C" addr add 10.3.0.2/24 dev c0; ip -n "$C" route add default via 10.3.0.1
	ip -n "$A" route add default via 10.0.0.9; set_in "$R" net.ipv4.ip_forward=1
	both_ways "$A" 10.3.0.2
	delivered "$C" 10.0.0.1
}

@test "noise: an overlay across a router, IPv6 inside" {
	rt; overlay; shadow; noise "$A" 10.7.0.2
	ready6 "$A" vx0 "$B" vx0
	both_ways "$A" 10.7.0.2
	delivered "$B" fd07::1
}

@test "noise: macvlans on one device" {
	A=$(name A) B=$(name B) P=$(name P) Q=$(name Q); netns_add "$A" "$B" "$P" "$Q"; quiet6 "$A" "$B" "$P" "$Q"
	cable "$P" low "$Q" q0
	for n in 1 2; do ip -n "$P" link add m$n link low type macvlan mode bridge; done
	ip -n "$P" link set m1 netns "$A"; ip -n "$P" link set m2 netns "$B"
	ip -n "$A" addr add 10.0.0.1/24 dev m1; ip -n "$B" addr add 10.0.0.2/24 dev m2; ip -n "$Q" addr add 10.0.0.3/24 dev q0
	ip -n "$A" link set m1 up; ip -n "$B" link set m2 up
	shadow; noise "$A" 10.0.0.2
	both_ways "$A" 10.0.0.2
	delivered "$A" 10.0.0.3
}

@test "noise: there by one way, back by another" {
	rt; S=$(name S); netns_add "$S"; cable "$A" a1 "$S" s1; cable "$S" s2 "$B" b1
	ip -n "$A" addr add 10.0.5.2/24 dev a1; ip -n "$S" addr add 10.0.5.1/24 dev s1
	ip -n "$S" addr add 10.0.6.1/24 dev s2; ip -n "$B" addr add 10.0.6.2/24 dev b1
	set_in "$S" net.ipv4.ip_forward=1; set_in "$A" net.ipv4.conf.all.rp_filter=2; set_in "$B" net.ipv4.conf.all.rp_filter=2
	ip -n "$S" route add 10.0.1.0/24 via 10.0.5.2; ip -n "$B" route replace default via 10.0.6.1
	noise "$A" 10.0.2.2
	both_ways "$A" 10.0.2.2
	delivered "$B" --source 10.0.2.2 10.0.1.2
}

@test "noise: two routes of equal cost" {
	rt; S=$(name S); netns_add "$S"; cable "$A" a1 "$S" s1; cable "$S" s2 "$B" b1
	ip -n "$A" addr add 10.0.5.2/24 dev a1; ip -n "$S" addr add 10.0.5.1/24 dev s1
	ip -n "$S" addr add 10.0.6.1/24 dev s2; ip -n "$B" addr add 10.0.6.2/24 dev b1
	set_in "$S" net.ipv4.ip_forward=1; ip -n "$S" route add 10.0.1.0/24 via 10.0.5.2; ip -n "$S" route add 10.0.2.0/24 via 10.0.6.2
	ip -n "$R" route add 10.0.6.0/24 via 10.0.2.2; ip -n "$R" route add 10.0.5.0/24 via 10.0.1.2
	ip -n "$A" route replace default nexthop via 10.0.1.1 nexthop via 10.0.5.1
	ip -n "$B" route replace default nexthop via 10.0.2.1 nexthop via 10.0.6.1
	noise "$A" 10.0.2.2
	for _ in 1 2 3; do delivered "$A" 10.0.2.2; done
}

@test "noise: a firewall that lets connections pass, and much else not" {
	rt; shadow; noise "$A" 10.0.2.2
	ip netns exec "$R" nft -f - <<-'EOT'
		table inet f {
			set friends { type ipv4_addr; elements = { 10.0.1.2, 10.0.1.3 }
			}
			chain f {
				type filter hook forward priority 0; policy drop;
				ct state established,related accept
				ct state invalid drop
				ip saddr @friends icmp type echo-request accept
				tcp dport 5000 ct state new accept
			}
		}
	EOT
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	both_ways "$A" 10.0.2.2
	delivered "$A" --proto tcp --port 5000 10.0.2.2
}

@test "noise: a port that is passed on to a server behind" {
	rt; shadow; noise "$A" 10.0.1.1
	printf 'table ip nat {\nchain p {\ntype nat hook prerouting priority -100\ntcp dport 80 dnat to 10.0.2.2:5000\n}\n}\n' | ip netns exec "$R" nft -f -
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	delivered "$A" --proto tcp --port 80 10.0.1.1
	delivered "$A" 10.0.1.1
}

@test "noise: a table of its own for one source" {
	rt; shadow; noise "$A" 10.0.2.2
	ip -n "$A" addr add 10.0.1.9/24 dev a0; ip -n "$A" rule add from 10.0.1.9 lookup 9
	ip -n "$A" route add default via 10.0.1.1 table 9; ip -n "$A" route add 10.0.1.0/24 dev a0 table 9
	delivered "$A" --source 10.0.1.9 10.0.2.2
	both_ways "$A" 10.0.2.2
}

@test "noise: one cable for two networks, and a router on it" {
	p2p; noise "$A" 10.0.0.2
	ip -n "$B" addr add 10.4.0.1/24 dev b0; ip -n "$B" addr add 10.5.0.1/32 dev lo
	ip -n "$A" addr add 10.4.0.2/24 dev a0; ip -n "$A" route add 10.5.0.1 via 10.4.0.1
	both_ways "$A" 10.5.0.1
	delivered "$A" --source 10.4.0.2 10.0.0.2
}

@test "noise: addresses without a network around them" {
	p2p; ip -n "$A" addr flush dev a0; ip -n "$B" addr flush dev b0
	ip -n "$A" addr add 10.0.0.1/32 dev a0; ip -n "$B" addr add 10.9.9.9/32 dev b0
	ip -n "$A" route add 10.9.9.9 dev a0; ip -n "$B" route add 10.0.0.1 dev b0
	noise "$A" 10.9.9.9
	both_ways "$A" 10.9.9.9
}

@test "noise: a router that answers ARP for others" {
	rt; noise "$A" 10.0.2.2
	ip -n "$A" route del default; ip -n "$A" route add 10.0.2.0/24 dev a0; set_in "$R" net.ipv4.conf.r1.proxy_arp=1
	both_ways "$A" 10.0.2.2
}

@test "noise: large frames, and a narrow link behind" {
	rt; noise "$A" 10.0.2.2
	ip -n "$A" link set a0 mtu 9000; ip -n "$R" link set r1 mtu 9000
	ip -n "$R" link set r2 mtu 1300; ip -n "$B" link set b0 mtu 1300
	tc -n "$R" qdisc add dev r2 root tbf rate 20mbit burst 32kb latency 400ms
	delivered "$A" --size 5000 10.0.2.2
	delivered "$A" --df --size 1200 10.0.2.2
}

@test "noise: a whole VPN, to the far end and behind it" {
	V=$(name v); sed "s/^name: .*/name: $V/" "$EXAMPLES/vpn.yaml" >"$BATS_TEST_TMPDIR/vpn.yaml"
	network_note "$V"; warren up "$BATS_TEST_TMPDIR/vpn.yaml"
	shadow; noise "$V.site-a" 192.168.3.1
	delivered "$V/site-a" 192.168.3.1
	delivered "$V/site-a" --size 3000 192.168.4.10
	delivered "$V/host-b" 192.168.3.11
}
