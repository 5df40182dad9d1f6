bats_require_minimum_version 1.5.0
load lib
load tunnel

# Warren's tunnel with Debian's wireguard-go at the other end, in both roles.
#
#	 W (warren)                      G (wireguard-go)
#	 wg0 192.168.3.1, fd00:3::1      wg0 192.168.3.2, fd00:3::2
#	 e0  10.32.0.1, fd00:32::1 ----- e0  10.32.0.2, fd00:32::2

setup() {
	need_root
	W=$(name w) G=$(name g)
	node_add $W $G
	ip -n $W link add e0 type veth peer name e0 netns $G
	for n in $W $G; do
		local i=1
		[ $n = $G ] && i=2
		ip -n $n addr add 10.32.0.$i/24 dev e0
		ip -n $n addr add fd00:32::$i/64 dev e0 nodad
		ip -n $n link set e0 up
	done
	warren_start $W wg0
	warren_pid=$tunnel
	go_start $G wg0
}

# $1: the family of the outside, $2: options for `wg set peer`
connect() {
	tunnel_join "$1" "$2" $W w $G g
}

# What it sends is what we receive.  (Of what we send it does not count the keepalives; and the
# device's own IPv6 chatter may come in between the two questions.)
same_transfer() {
	local rx tx rx2 tx2
	read -r _ rx tx < <(node $W wg show wg0 transfer)
	read -r _ rx2 tx2 < <(node $G wg show wg0 transfer)
	echo "$rx $tx $rx2 $tx2"
	[ "$rx" -gt 300 ] && [ "$tx" -gt 300 ] && [ "$tx2" = "$rx" ]
}

@test "warren initiates a handshake with wireguard-go" {
	connect 4
	node $W ping -c 3 -i 0.2 -W 5 192.168.3.2
	node $W ping -c 1 -W 5 fd00:3::2
	[ "$(node $W wg show wg0 latest-handshakes | cut -f 2)" -gt 0 ]
	[ "$(node $W wg show wg0 endpoints | cut -f 2)" = 10.32.0.2:51821 ]
	wait_for 10 same_transfer
}

@test "wireguard-go initiates a handshake with warren, over IPv6" {
	connect 6
	node $G ping -c 3 -i 0.2 -W 5 192.168.3.1
	node $G ping -c 1 -W 5 fd00:3::1
	[ "$(node $G wg show wg0 endpoints | cut -f 2)" = "[fd00:32::1]:51820" ]
}

@test "a preshared key is used, and a wrong one is noticed" {
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	connect 4 "preshared-key $BATS_TEST_TMPDIR/psk"
	node $W ping -c 1 -W 5 192.168.3.2
	node $W wg show wg0 preshared-keys | grep -q "$(cat "$BATS_TEST_TMPDIR/psk")"
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/other"
	# The session stays; only the next handshake notices.
	node $W wg set wg0 peer "$(public_key g)" preshared-key "$BATS_TEST_TMPDIR/other"
	node $W ping -c 1 -W 5 192.168.3.2
	node $G wg set wg0 private-key "$(key g)" peer "$(public_key w)" remove
	node $G wg set wg0 peer "$(public_key w)" preshared-key "$BATS_TEST_TMPDIR/psk" \
		allowed-ips 192.168.3.1/32 endpoint 10.32.0.1:51820
	run ! node $G ping -c 1 -W 2 192.168.3.1
}

# each_way FAMILY-OUTSIDE FAMILY-INSIDE FIRST: 100 MB each way, with a preshared key; FIRST begins
each_way() {
	local w=192.168.3.1 g=192.168.3.2
	[ $2 = 6 ] && w=fd00:3::1 g=fd00:3::2
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	connect $1 "preshared-key $BATS_TEST_TMPDIR/psk"
	if [ $3 = $W ]; then
		node $W ping -c 1 -W 5 $g
		[ "$(node $W "$WARREN" tunnel status --json | jq -r '.tunnels[0].peers[0].sessions[0].role')" = initiator ]
	else
		node $G ping -c 1 -W 5 $w
		[ "$(node $W "$WARREN" tunnel status --json | jq -r '.tunnels[0].peers[0].sessions[0].role')" = responder ]
	fi
	transfer $W $G $g 100000000
	transfer $G $W $w 100000000
}

@test "100 MB each way, IPv4 in IPv4, warren begins" {
	each_way 4 4 $W
}

@test "100 MB each way, IPv6 in IPv4, wireguard-go begins" {
	each_way 4 6 $G
}

@test "100 MB each way, IPv4 in IPv6, wireguard-go begins" {
	each_way 6 4 $G
}

@test "100 MB each way, IPv6 in IPv6, warren begins" {
	each_way 6 6 $W
}

@test "100 MB each way while both ends move to other addresses and ports" {
	connect 4
	node $G ping -c 1 -W 5 192.168.3.1
	transfer $W $G 192.168.3.2 100000000 &
	local there=$!
	transfer $G $W 192.168.3.1 100000000 &
	local back=$!
	# who moves must send something before the other moves: else neither knows where the other is
	background node $G ping -i 0.05 192.168.3.1
	background node $W ping -i 0.05 192.168.3.2
	wait_for 30 carried_some
	move $G 10.32.0.2 10.32.0.22 51899
	wait_for 20 sees $W 10.32.0.22:51899
	move $W 10.32.0.1 10.32.0.11 51898
	wait_for 20 sees $G 10.32.0.11:51898
	wait $there
	wait $back
}
sees() { [ "$(node $1 wg show wg0 endpoints | cut -f 2)" = $2 ]; }
carried_some() { [ "$(node $W wg show wg0 transfer | cut -f 3)" -gt 1000000 ]; }
# move NODE FROM TO PORT: another outer address and port
move() {
	ip -n $1 addr add $3/24 dev e0
	ip -n $1 addr del $2/24 dev e0
	ip -n $1 addr add $3/24 dev e0 2>/dev/null || true # it went with the first, as its secondary
	node $1 wg set wg0 listen-port $4
}

@test "warren follows wireguard-go to another address, and the other way" {
	connect 4
	node $G ping -c 1 -W 5 192.168.3.1
	move $G 10.32.0.2 10.32.0.22 51899
	wait_for 10 node $G ping -c 1 -W 1 192.168.3.1
	[ "$(node $W wg show wg0 endpoints | cut -f 2)" = 10.32.0.22:51899 ]
	# and now we move
	move $W 10.32.0.1 10.32.0.11 51898
	wait_for 10 node $W ping -c 1 -W 1 192.168.3.2
	[ "$(node $G wg show wg0 endpoints | cut -f 2)" = 10.32.0.11:51898 ]
}

@test "after a new key on one side, told to the other, they meet again" {
	connect 4
	node $W ping -c 1 -W 5 192.168.3.2
	node $W wg set wg0 private-key "$(key w2)"
	node $G wg set wg0 peer "$(public_key w)" remove
	node $G wg set wg0 peer "$(public_key w2)" allowed-ips 192.168.3.1/32
	wait_for 20 node $W ping -c 1 -W 1 192.168.3.2
	[ "$(node $G wg show wg0 latest-handshakes | cut -f 2)" -gt 0 ]
}

@test "warren is restarted, and the session comes back" {
	connect 4
	node $W ping -c 1 -W 5 192.168.3.2
	node $W wg showconf wg0 >"$BATS_TEST_TMPDIR/w.conf"
	kill "$warren_pid"
	wait_for 10 sh -c "! ip -n $W link show wg0"
	warren_start $W wg0
	node $W wg setconf wg0 "$BATS_TEST_TMPDIR/w.conf"
	node $W ip addr add 192.168.3.1/24 dev wg0
	node $W ip link set wg0 up
	wait_for 20 node $W ping -c 1 -W 1 192.168.3.2
}

@test "wireguard-go is restarted, and the session comes back" {
	connect 4
	node $W ping -c 1 -W 5 192.168.3.2
	node $G wg showconf wg0 >"$BATS_TEST_TMPDIR/g.conf"
	node $G ip link del wg0
	wait_for 10 sh -c "! ip -n $G link show wg0"
	go_start $G wg0
	node $G wg setconf wg0 "$BATS_TEST_TMPDIR/g.conf"
	node $G ip addr add 192.168.3.2/24 dev wg0
	node $G ip link set wg0 up
	wait_for 20 node $G ping -c 1 -W 1 192.168.3.1
}

@test "our outer address goes and another comes: the session goes on from there" {
	connect 4
	node $G ping -c 1 -W 5 192.168.3.1 # what comes in fixes the source that we answer from
	first=$(node $W wg show wg0 latest-handshakes)
	ip -n $W addr del 10.32.0.1/24 dev e0
	ip -n $W addr add 10.32.0.33/24 dev e0
	node $W ping -c 1 -W 5 192.168.3.2 # at once: not after a handshake
	[ "$(node $W wg show wg0 latest-handshakes)" = "$first" ]
	[ "$(node $G wg show wg0 endpoints | cut -f 2)" = 10.32.0.33:51820 ]
	# and where the old one stays but the way leads elsewhere, the source is given up with a retry
	ip -n $G addr add 10.32.0.44/32 dev e0
	node $W wg set wg0 peer "$(public_key g)" endpoint 10.32.0.44:51821
	wait_for 10 node $W ping -c 1 -W 1 192.168.3.2
}

@test "the route to the endpoint vanishes and returns" {
	connect 4
	node $W ping -c 1 -W 5 192.168.3.2
	ip -n $W link set e0 down
	run ! node $W ping -c 2 -i 0.2 -W 1 192.168.3.2
	[ "$(node $W "$WARREN" tunnel status --json wg0 | jq '.tunnels[0].peers[0].drops["send-unreachable"] // 0')" -ge 1 ]
	[ "$(grep -c "packets are lost: the host has no route" "$BATS_TEST_TMPDIR/$W.wg0.log")" = 1 ]
	ip -n $W link set e0 up
	wait_for 20 node $W ping -c 1 -W 1 192.168.3.2
}
