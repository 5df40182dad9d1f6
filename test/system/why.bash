# why.bash - networks with one fault, and the question why
#
# The base networks of the rule book, made with plain `ip`, so that nothing of
# Warren's own building is assumed.  Each sets A, B (and R, ...) to the unique
# names of its namespaces:
#
#   p2p   A(a0 10.0.0.1/24) - (b0 10.0.0.2/24)B                        also fd00::1, fd00::2
#   rt    A(a0 10.0.1.2/24) - (r1 10.0.1.1)R(r2 10.0.2.1) - (b0 10.0.2.2/24)B   fd01::, fd02::
#   br    A(a0 10.0.0.1/24) = p1 [br0 in R] p2 = B(b0 10.0.0.2/24)     also fd00::1, fd00::2
#   chain A - R - S - B: two routers between (10.0.1.0, 10.0.9.0, 10.0.2.0)
#   three A - R - S - T - B
#   vx    p2p with vxlan 100 on top, 10.7.0.1 and 10.7.0.2
#   overlay  the same on top of rt or chain, with fd07::1 and fd07::2
#
# `fault CAUSE FROM ARGS...`: the question must fail with that cause; the
# printed commands are run as they are; asked again, it must be delivered.

# IPv6 without the waiting for duplicates and link-local addresses.
quiet6() { # NETNS...
	local n
	for n in "$@"; do
		ip netns exec "$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	done
}

cable() { # NETNS DEVICE NETNS DEVICE
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

link_local_ready() { # NETNS DEVICE
	! ip -n "$1" -6 addr show dev "$2" scope link | grep -q tentative &&
		ip -n "$1" -6 addr show dev "$2" scope link | grep -q fe80
}

ready6() { # NETNS DEVICE ...
	while [ $# -gt 0 ]; do
		wait_for 5 link_local_ready "$1" "$2"
		shift 2
	done
}

p2p() {
	A=$(name A) B=$(name B)
	netns_add "$A" "$B"
	quiet6 "$A" "$B"
	cable "$A" a0 "$B" b0
	ip -n "$A" addr add 10.0.0.1/24 dev a0
	ip -n "$B" addr add 10.0.0.2/24 dev b0
	ip -n "$A" addr add fd00::1/64 dev a0 nodad
	ip -n "$B" addr add fd00::2/64 dev b0 nodad
}

rt() {
	A=$(name A) R=$(name R) B=$(name B)
	netns_add "$A" "$R" "$B"
	quiet6 "$A" "$R" "$B"
	cable "$A" a0 "$R" r1
	cable "$R" r2 "$B" b0
	ip -n "$A" addr add 10.0.1.2/24 dev a0
	ip -n "$R" addr add 10.0.1.1/24 dev r1
	ip -n "$R" addr add 10.0.2.1/24 dev r2
	ip -n "$B" addr add 10.0.2.2/24 dev b0
	ip -n "$A" addr add fd01::2/64 dev a0 nodad
	ip -n "$R" addr add fd01::1/64 dev r1 nodad
	ip -n "$R" addr add fd02::1/64 dev r2 nodad
	ip -n "$B" addr add fd02::2/64 dev b0 nodad
	ip netns exec "$R" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$A" route add default via 10.0.1.1
	ip -n "$B" route add default via 10.0.2.1
	ip -n "$A" -6 route add default via fd01::1
	ip -n "$B" -6 route add default via fd02::1
}

br() {
	A=$(name A) R=$(name R) B=$(name B)
	netns_add "$A" "$R" "$B"
	quiet6 "$A" "$R" "$B"
	# New namespaces give bridged packets to iptables; that is a fault of its own.
	ip -n "$R" link add br0 type bridge
	ip netns exec "$R" sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
	cable "$A" a0 "$R" p1
	cable "$B" b0 "$R" p2
	ip -n "$R" link set p1 master br0
	ip -n "$R" link set p2 master br0
	ip -n "$R" link set br0 up
	ip -n "$A" addr add 10.0.0.1/24 dev a0
	ip -n "$B" addr add 10.0.0.2/24 dev b0
	ip -n "$A" addr add fd00::1/64 dev a0 nodad
	ip -n "$B" addr add fd00::2/64 dev b0 nodad
}

# a further host on the bridge of br
third_port() {
	T=$(name T)
	netns_add "$T"
	cable "$T" t0 "$R" p3
	ip -n "$R" link set p3 master br0
	ip -n "$T" addr add 10.0.0.3/24 dev t0
}

chain() {
	A=$(name A) R=$(name R) S=$(name S) B=$(name B)
	netns_add "$A" "$R" "$S" "$B"
	quiet6 "$A" "$R" "$S" "$B"
	cable "$A" a0 "$R" r1
	cable "$R" r2 "$S" s1
	cable "$S" s2 "$B" b0
	ip -n "$A" addr add 10.0.1.2/24 dev a0
	ip -n "$R" addr add 10.0.1.1/24 dev r1
	ip -n "$R" addr add 10.0.9.1/24 dev r2
	ip -n "$S" addr add 10.0.9.2/24 dev s1
	ip -n "$S" addr add 10.0.2.1/24 dev s2
	ip -n "$B" addr add 10.0.2.2/24 dev b0
	ip netns exec "$R" sysctl -qw net.ipv4.ip_forward=1
	ip netns exec "$S" sysctl -qw net.ipv4.ip_forward=1
	ip -n "$A" route add default via 10.0.1.1
	ip -n "$B" route add default via 10.0.2.1
	ip -n "$R" route add 10.0.2.0/24 via 10.0.9.2
	ip -n "$S" route add 10.0.1.0/24 via 10.0.9.1
}

# chain with a third router: A - R - S - T - B
three() {
	chain
	T=$(name T)
	netns_add "$T"
	ip -n "$S" link del s2
	cable "$S" s2 "$T" t1
	cable "$T" t2 "$B" b0
	ip -n "$S" addr add 10.0.8.1/24 dev s2
	ip -n "$T" addr add 10.0.8.2/24 dev t1
	ip -n "$T" addr add 10.0.2.1/24 dev t2
	ip -n "$B" addr add 10.0.2.2/24 dev b0
	ip netns exec "$T" sysctl -qw net.ipv4.ip_forward=1
	ip -n "$S" route add 10.0.2.0/24 via 10.0.8.2
	ip -n "$T" route add 10.0.1.0/24 via 10.0.8.1
	ip -n "$B" route add default via 10.0.2.1
}

vx() {
	p2p
	vxlan_over_p2p
}

vxlan_over_p2p() {
	ip -n "$A" link add vx0 type vxlan id 100 dstport 4789 local 10.0.0.1 remote 10.0.0.2 dev a0
	ip -n "$B" link add vx0 type vxlan id 100 dstport 4789 local 10.0.0.2 remote 10.0.0.1 dev b0
	ip -n "$A" addr add 10.7.0.1/24 dev vx0
	ip -n "$B" addr add 10.7.0.2/24 dev vx0
	ip -n "$A" link set vx0 up
	ip -n "$B" link set vx0 up
}

overlay() { # [ADDRESS-OF-A ADDRESS-OF-B]
	local a=${1:-10.0.1.2} b=${2:-10.0.2.2}
	ip -n "$A" link add vx0 type vxlan id 100 dstport 4789 local "$a" remote "$b"
	ip -n "$B" link add vx0 type vxlan id 100 dstport 4789 local "$b" remote "$a"
	ip -n "$A" addr add 10.7.0.1/24 dev vx0
	ip -n "$B" addr add 10.7.0.2/24 dev vx0
	ip -n "$A" addr add fd07::1/64 dev vx0 nodad
	ip -n "$B" addr add fd07::2/64 dev vx0 nodad
	ip -n "$A" link set vx0 up
	ip -n "$B" link set vx0 up
}

# A - [br0 of P] = vxlan = [br0 of Q] - B: 10.0.0.1 and 10.0.0.2 on one segment
bridged_overlay() {
	local n i=1
	A=$(name A) B=$(name B) P=$(name P) Q=$(name Q)
	netns_add "$A" "$P" "$Q" "$B"
	quiet6 "$A" "$P" "$Q" "$B"
	cable "$P" u0 "$Q" u0
	ip -n "$P" addr add 172.20.0.1/24 dev u0
	ip -n "$Q" addr add 172.20.0.2/24 dev u0
	for n in "$P" "$Q"; do
		ip -n "$n" link add br0 type bridge
		ip netns exec "$n" sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
		ip -n "$n" link add vx0 type vxlan id 7 dstport 4789 local 172.20.0.$i remote 172.20.0.$((3 - i)) dev u0
		ip -n "$n" link set vx0 master br0
		ip -n "$n" link set vx0 up
		ip -n "$n" link set br0 up
		i=2
	done
	cable "$A" a0 "$P" p1
	cable "$B" b0 "$Q" q1
	ip -n "$P" link set p1 master br0
	ip -n "$Q" link set q1 master br0
	ip -n "$A" link set a0 mtu 1450
	ip -n "$B" link set b0 mtu 1450
	ip -n "$A" addr add 10.0.0.1/24 dev a0
	ip -n "$B" addr add 10.0.0.2/24 dev b0
}

in_ns() { # NETNS CMD...
	ip netns exec "$@"
}

nft_in() { # NETNS, rules on stdin, also on one line
	sed 's/; }/;\n}\n/g' | ip netns exec "$1" nft -f -
}

forwards() { # NETNS: all ports of its bridges do
	wait_for 5 eval "! bridge -n $1 -j link show | jq -r '.[] | select(.master) | .state' | grep -qv forwarding"
}

set_in() { # NETNS KEY=VALUE...: sysctl
	local n=$1
	shift
	ip netns exec "$n" sysctl -qw "$@"
}

bridge_add() { # NETNS BRIDGE PORT...
	local n=$1 bridge=$2 p
	shift 2
	ip -n "$n" link add "$bridge" type bridge
	set_in "$n" net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
	for p in "$@"; do ip -n "$n" link set dev "$p" master "$bridge"; done
	ip -n "$n" link set dev "$bridge" up
}

# ask FROM ARGS...: the verdict in $answer (JSON); the status in $status
ask() {
	local from=$1
	shift
	status=0
	answer=$(timeout 30 "$WARREN" why --json --from "$from" "$@") || status=$?
}

field() { # JQ-EXPRESSION, of the last answer
	jq -r "$1" <<<"$answer"
}

delivered() { # FROM ARGS...
	ask "$@"
	[ "$status" = 0 ] && [ "$(field .verdict)" = delivered ] || {
		echo "expected delivered, got $(field '"\(.cause): \(.why)"')"
		return 1
	}
}

failed() { # CAUSE FROM ARGS...
	local cause=$1
	shift
	ask "$@"
	[ "$status" = 1 ] && [ "$(field .cause)" = "$cause" ] || {
		echo "expected $cause, got status $status, $(field '"\(.verdict) \(.cause): \(.why)"')"
		field '.steps[] | "  \(.node) \(.device) \(.event) \(.packet) \(.note // "")"'
		field '.evidence[] | "  \(.source): \(.fact)"'
		field '.lost_events // empty | "  lost: \(.)"'
		return 1
	}
}

repair() { # run what the last answer says
	local command
	field '.fix[]' >"$BATS_TEST_TMPDIR/fix"
	[ -s "$BATS_TEST_TMPDIR/fix" ] || {
		echo "no fix was printed: $(field '"\(.cause): \(.why)"')"
		return 1
	}
	while read -r command; do
		echo "fix: $command"
		sh -c "$command" >/dev/null
	done <"$BATS_TEST_TMPDIR/fix"
}

fault() { # CAUSE FROM ARGS...
	local cause=$1
	shift
	failed "$cause" "$@"
	repair
	delivered "$@" || {
		echo "after the fix of $cause"
		return 1
	}
}
