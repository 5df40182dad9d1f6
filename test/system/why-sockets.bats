# Without eBPF: packet sockets, route simulation and state give the same answers where they can.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

S="--engine sockets"

@test "sockets: delivered, and what could not be seen is said" {
	rt
	delivered "$A" $S 10.0.2.2
	[ "$(field .engine)" = sockets ]
	field '.evidence[].fact' | grep -q "could not be seen"
	field '.steps[] | "\(.node) \(.event)"' | grep -q "^$R rx"
}

@test "sockets: nobody has the address" {
	br; ip -n "$B" addr del 10.0.0.2/24 dev b0; ip -n "$B" addr add 10.0.0.3/24 dev b0
	fault address-not-owned "$A" $S 10.0.0.2
}

@test "sockets: devices that are down" {
	p2p; ip -n "$B" link set b0 down
	fault peer-down "$A" $S 10.0.0.2
	ip -n "$A" link set a0 down
	fault device-down "$A" $S 10.0.0.2
}

@test "sockets: routes and forwarding" {
	rt; ip -n "$R" route del 10.0.2.0/24
	fault no-route "$A" $S 10.0.2.2
	set_in "$R" net.ipv4.ip_forward=0
	fault forwarding-off "$A" $S 10.0.2.2
	ip -n "$B" route del default
	fault no-return-route "$A" $S 10.0.2.2
}

@test "sockets: firewalls at a router and at the destination" {
	rt; printf 'table ip t {\nchain f {\ntype filter hook forward priority 0\npolicy drop\n}\n}\n' | ip netns exec "$R" nft -f -
	fault firewall-drop "$A" $S 10.0.2.2
	printf 'table ip t {\nchain i {\ntype filter hook input priority 0\nip protocol icmp drop\n}\n}\n' | ip netns exec "$B" nft -f -
	fault firewall-drop "$A" $S 10.0.2.2
}

@test "sockets: gateways that nobody has, there and back; a link too small" {
	rt; ip -n "$A" route replace default via 10.0.1.77
	fault address-not-owned "$A" $S 10.0.2.2
	ip -n "$B" route replace default via 10.0.2.77
	fault return-gateway-dead "$A" $S 10.0.2.2
	ip -n "$R" link set r2 mtu 1300; ip -n "$B" link set b0 mtu 1300
	fault path-mtu "$A" $S --size 1400 --df 10.0.2.2
}

@test "sockets: behind a bridge that floods what it was for to others" {
	br; third_port
	delivered "$A" $S 10.0.0.2
	ip -n "$R" link set p2 down
	fault peer-down "$A" $S 10.0.0.2
	bridge -n "$R" link set dev p2 state 0
	fault bridge-port-state "$A" $S 10.0.0.2
}

@test "sockets: an overlay with another id, a closed port" {
	vx; ip -n "$B" link del vx0; ip -n "$B" link add vx0 type vxlan id 200 dstport 4789 local 10.0.0.2 remote 10.0.0.1 dev b0
	ip -n "$B" addr add 10.7.0.2/24 dev vx0; ip -n "$B" link set vx0 up
	fault vxlan-vni "$A" $S 10.7.0.2
	failed no-listener "$A" $S --proto udp --port 5001 10.0.0.2
	failed no-listener "$A" $S --proto tcp --port 5001 10.7.0.2
}

# A process that reads a tun is not seen to read: then nothing is claimed of it.
@test "sockets: what cannot be seen is not guessed" {
	A=$(name A); netns_add "$A"
	background ip netns exec "$A" socat -u TUN:10.8.0.1/24,tun-name=tun0,iff-up /dev/null
	wait_for 5 eval "ip -n $A addr show tun0 | grep -q 10.8.0.1"
	run -1 warren why --json --engine sockets --timeout 1 --from "$A" 10.8.0.2
	answer=$output
	[ "$(field .cause)" = null ]
	[ "$(field .at.device)" = tun0 ]
}

@test "sockets: an ordinary user, on networks of his own" {
	printf 'name: own\nnodes:\n  a: {devices: {e: 10.0.0.1/24}}\n  b: {devices: {e: 10.0.0.2/24}}\nlinks: ["a:e -- b:e"]\n' >"$BATS_TEST_TMPDIR/own.yaml"
	chmod -R a+rX "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	dir=$(mktemp -d); chown 65534 "$dir"
	cp "$BATS_TEST_TMPDIR/own.yaml" "$dir/own.yaml"; chmod a+r "$dir/own.yaml"
	user() { setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR="$dir" "$WARREN" "$@"; }
	user up "$dir/own.yaml" || { rm -rf "$dir"; skip "user namespaces are not allowed here"; }
	answer=$(user why --json --from a 10.0.0.2) && status=0 || status=$?
	second=$(user why --json --from a 10.0.0.9) || true
	jq -r '.fix[]' <<<"$second" >"$dir/fix"
	setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_RUNTIME_DIR="$dir" sh -e <"$dir/fix"
	third=$(user why --json --from a 10.0.0.9) || true
	user down own
	rm -rf "$dir"
	[ "$status" = 0 ]
	[ "$(field .verdict)" = delivered ]
	[ "$(field .engine)" = sockets ]
	[ "$(jq -r .cause <<<"$second")" = address-not-owned ]
	[ "$(jq -r .verdict <<<"$third")" = delivered ] # the fix, as pasted by the user
}
