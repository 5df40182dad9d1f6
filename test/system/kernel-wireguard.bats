bats_require_minimum_version 1.5.0
load lib
load why
load tunnel

# Warren's tunnel with the kernel's own WireGuard at the other end, in both roles; and the kernel's
# devices as others see them.  Skipped where the kernel has no WireGuard (make check-kernels has it).
#
#	 W (warren)                      K (the kernel)
#	 wg0 192.168.3.1, fd00:3::1      wg0 192.168.3.2, fd00:3::2
#	 e0  10.32.0.1, fd00:32::1 ----- e0  10.32.0.2, fd00:32::2

setup() {
	need_root
	netns_add "$(name kp)"
	ip -n "$(name kp)" link add probe type wireguard 2>/dev/null || skip "this kernel has no WireGuard"
	W=$(name w) K=$(name k)
	node_add $W $K
	ip -n $W link add e0 type veth peer name e0 netns $K
	for n in $W $K; do
		local i=1
		[ $n = $K ] && i=2
		ip -n $n addr add 10.32.0.$i/24 dev e0
		ip -n $n addr add fd00:32::$i/64 dev e0 nodad
		ip -n $n link set e0 up
	done
}

warren_and_kernel() {
	warren_start $W wg0
	ip -n $K link add wg0 type wireguard
}
kernel_and_kernel() {
	ip -n $W link add wg0 type wireguard
	ip -n $K link add wg0 type wireguard
}

# $1: the family of the outside, $2: options for `wg set peer`
connect() {
	tunnel_join "$1" "$2" $W w $K k
}

handshake() { # NODE
	node "$1" wg show wg0 latest-handshakes | cut -f 2
}

@test "warren asks the kernel, over IPv4 with a preshared key, and data arrive unchanged both ways" {
	warren_and_kernel
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	connect 4 "preshared-key $BATS_TEST_TMPDIR/psk"
	node $W ping -c 3 -i 0.2 -W 10 192.168.3.2
	node $W ping -c 1 -W 10 fd00:3::2
	[ "$(handshake $W)" -gt 0 ]
	[ "$(handshake $K)" -gt 0 ]
	[ "$(node $W wg show wg0 endpoints | cut -f 2)" = 10.32.0.2:51821 ]
	[ "$(node $K wg show wg0 endpoints | cut -f 2)" = 10.32.0.1:51820 ]
	transfer $W $K 192.168.3.2 20000000
	transfer $K $W fd00:3::1 20000000
}

@test "the kernel asks warren, over IPv6, and data arrive unchanged both ways" {
	warren_and_kernel
	connect 6
	node $K ping -c 3 -i 0.2 -W 10 192.168.3.1
	node $K ping -c 1 -W 10 fd00:3::1
	[ "$(node $K wg show wg0 endpoints | cut -f 2)" = "[fd00:32::1]:51820" ]
	[ "$(node $W wg show wg0 endpoints | cut -f 2)" = "[fd00:32::2]:51821" ]
	transfer $K $W 192.168.3.1 20000000
	transfer $W $K fd00:3::2 20000000
}

@test "a wrong preshared key keeps the two apart, the right one brings them together" {
	warren_and_kernel
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/other"
	connect 4 "preshared-key $BATS_TEST_TMPDIR/psk"
	node $K wg set wg0 peer "$(public_key w)" preshared-key "$BATS_TEST_TMPDIR/other"
	run ! node $W ping -c 2 -W 2 192.168.3.2
	node $K wg set wg0 peer "$(public_key w)" preshared-key "$BATS_TEST_TMPDIR/psk"
	wait_for 30 node $W ping -c 1 -W 2 192.168.3.2
}

# The keys of a session are renewed after two minutes of use.
@test "keys are renewed while packets run, and none is lost" {
	[ -n "${LONG:-}" ] || skip "takes three minutes; LONG=1 runs it"
	warren_and_kernel
	connect 4
	wait_for 30 node $W ping -c 1 -W 2 192.168.3.2
	local w k
	w=$(handshake $W) k=$(handshake $K)
	node $W ping -i 0.2 -c 750 -W 5 192.168.3.2 >"$BATS_TEST_TMPDIR/there" 3>&- &
	node $K ping -i 0.5 -c 300 -W 5 192.168.3.1 >"$BATS_TEST_TMPDIR/back" 3>&-
	wait $!
	cat "$BATS_TEST_TMPDIR/there" | tail -n 3
	grep -q ' 0% packet loss' "$BATS_TEST_TMPDIR/there"
	grep -q ' 0% packet loss' "$BATS_TEST_TMPDIR/back"
	[ "$(handshake $W)" -gt "$w" ]
	[ "$(handshake $K)" -gt "$k" ]
}

@test "the kernel's devices are shown and drawn, with the socket that they stand on" {
	kernel_and_kernel
	connect 4
	node $W ping -c 1 -W 10 192.168.3.2
	[ "$("$WARREN" show --json "$W" wg0 | jq -r '.devices[0] | "\(.kind) \(.up) \(.other_end.type) \(.other_end.node)"')" = \
		"wireguard true underlay $W" ]
	"$WARREN" map "$W" | grep -q wg0
	delivered "$W" 192.168.3.2
	[ "$(field '[.steps[] | select(.device == "wg0") | .event] | (index("tx") != null) and (index("rx") != null)')" = true ]
	delivered "$K" fd00:3::1
}

@test "tunnel-allowed-ips: between two devices of the kernel, and from the kernel to warren" {
	kernel_and_kernel
	connect 4
	node $W wg set wg0 peer "$(public_key k)" allowed-ips 192.168.3.22/32
	fault tunnel-allowed-ips "$W" 192.168.3.2
}

@test "tunnel-no-handshake: the kernel's peer is not there" {
	kernel_and_kernel
	connect 4
	node $W wg set wg0 peer "$(public_key k)" endpoint 10.32.0.2:9
	failed tunnel-no-handshake "$W" 192.168.3.2
	repair
	wait_for 30 node $W ping -c 1 -W 2 192.168.3.2
	delivered "$W" 192.168.3.2
}

@test "tunnel-key-mismatch: the kernel's peer has another key" {
	kernel_and_kernel
	connect 4
	node $K wg set wg0 private-key "$(key other)"
	failed tunnel-key-mismatch "$W" 192.168.3.2
	repair
	wait_for 30 node $W ping -c 1 -W 2 192.168.3.2
	delivered "$W" 192.168.3.2
}
