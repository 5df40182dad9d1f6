# One line a scenario: a network of why.bash, one fault, the question, the cause; the printed
# fix is run and the question asked again.  Grouped as in the rule book.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

# ---- address-not-owned ----

@test "address-not-owned: the neighbour has another address" {
	p2p; ip -n "$B" addr flush dev b0; ip -n "$B" addr add 10.0.0.3/24 dev b0
	fault address-not-owned "$A" 10.0.0.2
}

@test "address-not-owned: asked over a bridge" {
	br; ip -n "$B" addr del 10.0.0.2/24 dev b0; ip -n "$B" addr add 10.0.0.3/24 dev b0
	fault address-not-owned "$A" 10.0.0.2
}

@test "address-not-owned: IPv6" {
	p2p; ip -n "$B" addr del fd00::2/64 dev b0; ready6 "$A" a0 "$B" b0
	fault address-not-owned "$A" fd00::2
}

@test "address-not-owned: the gateway is nobody's" {
	rt; ip -n "$A" route replace default via 10.0.1.77
	fault address-not-owned "$A" 10.0.2.2
}

@test "address-not-owned: behind a router" {
	rt; ip -n "$B" addr flush dev b0; ip -n "$B" addr add 10.0.2.3/24 dev b0; ip -n "$B" route replace default via 10.0.2.1
	fault address-not-owned "$A" 10.0.2.2
}

# ---- peer-down ----

@test "peer-down: the other end of the cable" {
	p2p; ip -n "$B" link set b0 down
	fault peer-down "$A" 10.0.0.2
}

@test "peer-down: behind a router" {
	rt; ip -n "$B" link set b0 down; ip -n "$B" route flush all
	failed peer-down "$A" 10.0.2.2
	[ "$(field .at.node)" = "$B" ]
	repair
	ip -n "$B" route add default via 10.0.2.1
	delivered "$A" 10.0.2.2
}

@test "peer-down: the end of the asker's cable in a bridge" {
	br; ip -n "$R" link set p1 down
	fault peer-down "$A" 10.0.0.2
}

# ---- device-down ----

@test "device-down: the asker's own" {
	p2p; ip -n "$A" link set a0 down
	fault device-down "$A" 10.0.0.2
}

@test "device-down: named by --device" {
	p2p; ip -n "$A" link set a0 down
	fault device-down "$A" --device a0 10.0.0.2
}

@test "device-down: the router's far side" {
	rt; ip -n "$R" link set r2 down
	fault device-down "$A" 10.0.2.2
}

# ---- no-route ----

@test "no-route: no default route" {
	rt; ip -n "$A" route del default
	fault no-route "$A" 10.0.2.2
}

@test "no-route: the router lacks the network" {
	rt; ip -n "$R" route del 10.0.2.0/24
	fault no-route "$A" 10.0.2.2
}

@test "no-route: the second router lacks it" {
	chain; ip -n "$S" route del 10.0.2.0/24
	fault no-route "$A" 10.0.2.2
}

@test "no-route: IPv6, at the asker and at the router" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	ip -n "$A" -6 route del default
	fault no-route "$A" fd02::2
	ip -n "$R" -6 route del fd02::/64
	fault no-route "$A" fd02::2
}

@test "no-route: UDP and TCP" {
	rt; ip -n "$R" route del 10.0.2.0/24
	failed no-route "$A" --proto udp 10.0.2.2
	failed no-route "$A" --proto tcp 10.0.2.2
}

# ---- forwarding-off ----

@test "forwarding-off: the router" {
	rt; set_in "$R" net.ipv4.ip_forward=0
	fault forwarding-off "$A" 10.0.2.2
}

@test "forwarding-off: only the incoming device" {
	rt; set_in "$R" net.ipv4.conf.r1.forwarding=0
	fault forwarding-off "$A" 10.0.2.2
}

@test "forwarding-off: for the answer" {
	rt; set_in "$R" net.ipv4.conf.r2.forwarding=0
	failed forwarding-off "$A" 10.0.2.2
	[[ "$(field .why)" = *answer* ]]
	repair; delivered "$A" 10.0.2.2
}

@test "forwarding-off: the second of two routers" {
	chain; set_in "$S" net.ipv4.ip_forward=0
	fault forwarding-off "$A" 10.0.2.2
}

@test "forwarding-off: IPv6" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0; set_in "$R" net.ipv6.conf.all.forwarding=0
	fault forwarding-off "$A" fd02::2
}

# ---- firewall-drop ----

nft_in() { # NETNS, rules on stdin, also on one line
	sed 's/; }/;\n}\n/g' | ip netns exec "$1" nft -f -
}

@test "firewall-drop: policy of the router's forward chain" {
	rt; nft_in "$R" <<<'table ip t { chain f { type filter hook forward priority 0; policy drop; } }'
	fault firewall-drop "$A" 10.0.2.2
}

@test "firewall-drop: a rule among others, by its handle" {
	rt; nft_in "$R" <<-'EOT'
		table inet filter {
			chain forward {
				type filter hook forward priority 0; policy accept;
				tcp dport 22 accept
				ip saddr 10.99.0.0/16 drop
				ip daddr 10.0.2.2 icmp type echo-request counter drop
				udp dport 53 drop
			}
		}
	EOT
	failed firewall-drop "$A" 10.0.2.2
	handle=$(ip netns exec "$R" nft -a list ruleset | sed -n 's/.*echo-request.*handle //p')
	[[ "$(field '.fix[0]')" = *"inet filter forward handle $handle" ]]
	repair; delivered "$A" 10.0.2.2
}

@test "firewall-drop: input at the destination" {
	p2p; nft_in "$B" <<<'table inet t { chain i { type filter hook input priority 0; ip protocol icmp drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-drop: output of the asker" {
	p2p; nft_in "$A" <<<'table ip t { chain o { type filter hook output priority 0; ip daddr 10.0.0.2 drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-drop: the answer, on its way out of the destination" {
	p2p; nft_in "$B" <<<'table ip t { chain o { type filter hook output priority 0; icmp type echo-reply drop; } }'
	failed firewall-drop "$A" 10.0.0.2
	[[ "$(field .why)" = *answer* ]]
	repair; delivered "$A" 10.0.0.2
}

@test "firewall-drop: the answer, on its way through the router" {
	rt; nft_in "$R" <<<'table ip t { chain f { type filter hook forward priority 0; icmp type echo-reply drop; } }'
	fault firewall-drop "$A" 10.0.2.2
}

@test "firewall-drop: ARP" {
	p2p; nft_in "$B" <<<'table arp t { chain i { type filter hook input priority 0; policy drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-drop: a bridge's forward chain" {
	br; nft_in "$R" <<<'table bridge t { chain f { type filter hook forward priority 0; ip protocol icmp drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-drop: ingress of a device" {
	p2p; nft_in "$B" <<<'table netdev t { chain i { type filter hook ingress device b0 priority 0; ip protocol icmp drop; } }'
	fault firewall-drop "$A" 10.0.0.2
}

@test "firewall-drop: IPv6, in a chain that is jumped to" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0; nft_in "$R" <<-'EOT'
		table ip6 t {
			chain deny { icmpv6 type echo-request drop; }
			chain f { type filter hook forward priority 0; jump deny; }
		}
	EOT
	fault firewall-drop "$A" fd02::2
}

@test "firewall-drop: UDP and TCP by port" {
	rt; background ip netns exec "$B" socat UDP-RECVFROM:5000,fork EXEC:cat; background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnut | grep -c 5000 | grep -q 2"
	nft_in "$R" <<<'table ip t { chain f { type filter hook forward priority 0; udp dport 5000 drop; tcp dport 5000 drop; } }'
	fault firewall-drop "$A" --proto udp --port 5000 10.0.2.2
	fault firewall-drop "$A" --proto tcp --port 5000 10.0.2.2
}
