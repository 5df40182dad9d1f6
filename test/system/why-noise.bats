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
