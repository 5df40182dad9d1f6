bats_require_minimum_version 1.5.0
load lib
load tunnel

# Through a router that masquerades, as most tunnels of the world go.
#
#	 I (inside)          R masquerades              O (outside)
#	 wg0 192.168.3.1                                wg0 192.168.3.2
#	 e0  10.40.0.2 ----- i 10.40.0.1, o 10.41.0.1 -- e0 10.41.0.2:51820
#
# O has no route back to I: only what R translates comes through.

setup() {
	need_root
	I=$(name i) R=$(name r) O=$(name o)
	node_add $I $R $O
	ip -n $I link add e0 type veth peer name i netns $R
	ip -n $O link add e0 type veth peer name o netns $R
	ip -n $I addr add 10.40.0.2/24 dev e0
	ip -n $R addr add 10.40.0.1/24 dev i
	ip -n $R addr add 10.41.0.1/24 dev o
	ip -n $O addr add 10.41.0.2/24 dev e0
	for x in "$I e0" "$R i" "$R o" "$O e0"; do
		set -- $x
		ip -n $1 link set $2 up
	done
	ip -n $I route add default via 10.40.0.1
	node $R sysctl -q -w net.ipv4.ip_forward=1
	masquerade 20000-20099
}

masquerade() { # PORTS
	node $R nft -f - <<-E
		add table ip nat
		flush table ip nat
		add chain ip nat post { type nat hook postrouting priority 100; }
		add rule ip nat post oifname "o" meta l4proto udp masquerade to :$1
	E
}

connect() {
	node $O wg set wg0 private-key "$(key o)" listen-port 51820 peer "$(public_key i)" allowed-ips 192.168.3.1/32
	node $I wg set wg0 private-key "$(key i)" peer "$(public_key o)" allowed-ips 192.168.3.2/32 \
		endpoint 10.41.0.2:51820 persistent-keepalive 1
	ip -n $I addr add 192.168.3.1/24 dev wg0
	ip -n $O addr add 192.168.3.2/24 dev wg0
	ip -n $O link set wg0 up
	ip -n $I link set wg0 up
}

outside_sees() { # PATTERN
	node $O wg show wg0 endpoints | cut -f 2 | grep -q "$1"
}

@test "warren inside keeps the way open, and is found from outside" {
	warren_start $I wg0
	go_start $O wg0
	connect
	# nothing was sent by hand: the persistent keepalive began it
	wait_for 10 outside_sees '^10.41.0.1:200'
	node $O ping -c 1 -W 5 192.168.3.1
	transfer $I $O 192.168.3.2 100000000
	transfer $O $I 192.168.3.1 100000000
}

@test "warren outside follows when the router translates to another port" {
	go_start $I wg0
	warren_start $O wg0
	connect
	wait_for 10 outside_sees '^10.41.0.1:200'
	node $O ping -c 1 -W 5 192.168.3.1
	# the router forgets: another port from now on
	masquerade 30000-30099
	node $I wg set wg0 listen-port 7777
	wait_for 10 outside_sees '^10.41.0.1:300'
	node $O ping -c 1 -W 5 192.168.3.1
	transfer $I $O 192.168.3.2 100000000
	transfer $O $I 192.168.3.1 100000000
}
