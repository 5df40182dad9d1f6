bats_require_minimum_version 1.5.0
load lib
load tunnel

# `warren tunnel status`: why there is no handshake.  Each test makes one reason.
#
#	 A wg0 192.168.3.1               B wg0 192.168.3.2
#	 e0 10.32.0.1 ------------------ e0 10.32.0.2

setup() {
	need_root
	A=$(name a) B=$(name b)
	node_add $A $B
	ip -n $A link add e0 type veth peer name e0 netns $B
	ip -n $A addr add 10.32.0.1/24 dev e0
	ip -n $B addr add 10.32.0.2/24 dev e0
	ip -n $A link set e0 up
	ip -n $B link set e0 up
	warren_start $A wg0
	node $A wg set wg0 private-key "$(key a)" listen-port 51820 peer "$(public_key b)" \
		allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51820
	ip -n $A addr add 192.168.3.1/24 dev wg0
	ip -n $A link set wg0 up
}

b_start() { # [OPTIONS of wg set peer]: B's end, as it should be
	warren_start $B wg0
	node $B wg set wg0 private-key "$(key b)" listen-port 51820 peer "$(public_key "${1:-a}")" allowed-ips 192.168.3.1/32
	ip -n $B addr add 192.168.3.2/24 dev wg0
	ip -n $B link set wg0 up
}

ask() { # NS JQ
	node $1 "$WARREN" tunnel status --json wg0 | jq -r ".tunnels[0] | $2"
}
reason() { # NS
	ask "$1" '.peers[0].no_handshake.reason'
}
reason_is() {
	[ "$(reason "$1")" = "$2" ]
}
# one packet that wants a session
knock() {
	node $A ping -c 1 -W 0.2 192.168.3.2 || true
}

@test "with a session there is no reason, and the counters are there" {
	b_start
	node $A ping -c 2 -i 0.2 -W 5 192.168.3.2
	[ "$(ask $A '.peers[0].no_handshake')" = null ]
	[ "$(ask $A '.peers[0].sessions[0] | .which + " " + .role')" = "current initiator" ]
	[ "$(ask $B '.peers[0].sessions[0] | .which + " " + .role')" = "current responder" ]
	[ "$(ask $A '.peers[0].endpoint')" = 10.32.0.2:51820 ]
	[ "$(ask $A '.peers[0].allowed_ips | join(" ")')" = 192.168.3.2/32 ]
	[ "$(ask $A '.public_key')" = "$(public_key a)" ]
	node $A "$WARREN" tunnel status | grep -q "session      current, as initiator"
}

@test "no packet has asked for one; the device is down; no key; no endpoint" {
	reason_is $A idle
	ip -n $A link set wg0 down
	wait_for 5 reason_is $A device-down
	ip -n $A link set wg0 up
	wait_for 5 reason_is $A idle
	node $A wg set wg0 private-key /dev/null
	reason_is $A no-private-key
	node $A wg set wg0 private-key "$(key a)" peer "$(public_key c)" allowed-ips 192.168.3.3/32
	[ "$(ask $A '.peers[1].no_handshake.reason')" = no-endpoint ]
	run ! node $A ping -c 1 -W 0.2 192.168.3.3
	[ "$(ask $A '.peers[1].no_handshake.reason')" = no-endpoint ]
}

@test "nobody answers" {
	ip -n $B link set e0 up
	node $B nft add table inet t
	node $B nft add chain inet t c '{ type filter hook input priority 0; policy drop; }'
	knock
	wait_for 15 reason_is $A no-reply
	[ "$(ask $A '.peers[0].attempts')" = 2 ] # the first has gone unanswered, the second is under way
	grep -q "no handshake: no reply" "$BATS_TEST_TMPDIR/$A.wg0.log"
}

@test "the path says that nobody listens there" {
	knock
	wait_for 15 reason_is $A path-error
	[ "$(ask $A '.peers[0].no_handshake.error')" = "Connection refused" ]
}

@test "our public key at the peer is another: it does not know us" {
	b_start somebody-else
	knock
	wait_for 10 sh -c "[ \"\$(nsenter -t $(cat "$BATS_TEST_TMPDIR/$B.pid") -m -n $WARREN tunnel status --json wg0 | jq -r '.tunnels[0].strangers[0] | .reason + \" \" + .public_key')\" = 'unknown-key $(public_key a)' ]"
	[ "$(ask $B '.strangers[0].from')" = 10.32.0.1:51820 ]
	[ "$(ask $B '.drops["handshake-unknown"]')" -ge 1 ]
	wait_for 15 reason_is $A no-reply
}

@test "the peer's public key here is another: its MAC1 is refused there" {
	warren_start $B wg0
	node $B wg set wg0 private-key "$(key another)" listen-port 51820 peer "$(public_key a)" allowed-ips 192.168.3.1/32
	ip -n $B link set wg0 up
	knock
	wait_for 10 sh -c "[ \"\$(nsenter -t $(cat "$BATS_TEST_TMPDIR/$B.pid") -m -n $WARREN tunnel status --json wg0 | jq -r '.tunnels[0].strangers[0].reason')\" = wrong-public-key ]"
	[ "$(ask $B '.drops["handshake-mac1"]')" -ge 1 ]
}

@test "the preshared keys differ" {
	b_start
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	node $A wg set wg0 peer "$(public_key b)" preshared-key "$BATS_TEST_TMPDIR/psk"
	knock
	wait_for 10 reason_is $A preshared-key
	# at the other end the session was never used: said at the next attempt
	wait_for 20 sh -c "nsenter -t $(cat "$BATS_TEST_TMPDIR/$A.pid") -m -n ping -c 1 -W 1 192.168.3.2; [ \"\$(nsenter -t $(cat "$BATS_TEST_TMPDIR/$B.pid") -m -n $WARREN tunnel status --json wg0 | jq -r '.tunnels[0].peers[0].no_handshake.reason')\" = unconfirmed ]"
}

@test "the host refuses to send" {
	node $A nft add table inet t
	node $A nft add chain inet t c '{ type filter hook output priority 0; }'
	node $A nft add rule inet t c udp dport 51820 drop
	knock
	wait_for 10 reason_is $A send-error
	[ "$(ask $A '.peers[0].no_handshake.error')" = "Operation not permitted" ]
}

# The reasons that take a peer who misbehaves: test/bench/crowd.c is that peer.
crowd() {
	node $A timeout 60 "$BATS_TEST_DIRNAME/../../build/crowd" "$@"
}
# B is the crowd's device, A its first peer
as_crowd() {
	node $A wg set wg0 peer "$(public_key b)" remove
	crowd key 0 >"$BATS_TEST_TMPDIR/b.key"
	crowd key 1 >"$BATS_TEST_TMPDIR/a.key"
	b_start
	node $A wg set wg0 private-key "$(key a)" peer "$(public_key b)" allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51820
}
b_drops() { # REASON
	[ "$(ask $B "[.drops[\"$1\"], .peers[].drops[\"$1\"] | select(. != null)] | add // 0")" -ge 1 ]
}
stranger() { # REASON
	[ "$(ask $B "[.strangers[] | select(.reason == \"$1\")] | length")" -ge 1 ]
}
# A new handshake of A, at once: a device that comes up asks for none before a packet does.
again() {
	ip -n $A link set wg0 down
	ip -n $A link set wg0 up
	knock
}

# The load comes and goes: what is refused cheaply is none.
cookie_met() {
	again
	sleep 0.1
	reason_is $A cookie
}

@test "a clock that was set back: the peer's handshake is not newer; when time has caught up it succeeds" {
	as_crowd
	ip -n $A link set wg0 down
	crowd ahead 10.32.0.2 51820 12 1 | grep -q '"answered":true'
	local began=$SECONDS
	ip -n $A link set wg0 up
	background node $A ping -i 0.5 192.168.3.2
	wait_for 10 reason_is $B stale-timestamp
	b_drops handshake-stale
	wait_for 10 reason_is $A no-reply
	[ "$(grep -c "its clock was set back" "$BATS_TEST_TMPDIR/$B.wg0.log")" = 1 ] # said once
	wait_for 30 reason_is $A null
	[ $((SECONDS - began)) -ge 11 ]
	reason_is $B null
}

@test "handshakes of one peer that follow too closely" {
	as_crowd
	crowd ahead 10.32.0.2 51820 1 5
	b_drops handshake-flood
	reason_is $B flood || reason_is $B unconfirmed
}

@test "under load: strangers are asked to prove their address, the peer does, and too many are refused" {
	as_crowd
	background nsenter -t "$(cat "$BATS_TEST_TMPDIR/$A.pid")" -m -n "$BATS_TEST_DIRNAME/../../build/crowd" forge 10.32.0.2 51820 3000 9
	wait_for 10 b_drops handshake-cookie
	stranger invalid # what was forged before the load was noticed
	stranger address-unproven
	wait_for 15 cookie_met
	crowd prove 10.32.0.2 51820 60
	stranger rate-limit
	b_drops handshake-rate
	grep -q "more handshakes from its address" "$BATS_TEST_TMPDIR/$B.wg0.log" || stranger rate-limit
	# and with its cookie A comes through, with the load or after it
	wait_for 30 node $A ping -c 1 -W 1 192.168.3.2
	reason_is $A null
}

@test "a peer whose public key is no usable point" {
	node $A wg set wg0 peer "$(head -c 32 /dev/zero | base64)" allowed-ips 192.168.3.9/32 endpoint 10.32.0.2:51820
	run ! node $A ping -c 1 -W 0.2 192.168.3.9
	[ "$(ask $A '.peers[] | select(.allowed_ips[0] == "192.168.3.9/32") | .no_handshake.reason')" = bad-key ]
}

@test "the path says so over IPv6, too: a router without a route answers" {
	#	 A e0 fd00:32::1 --- fd00:32::2 e0 B, which forwards and has no route
	ip -n $A addr add fd00:32::1/64 dev e0 nodad
	ip -n $B addr add fd00:32::2/64 dev e0 nodad
	node $B sysctl -q -w net.ipv6.conf.all.forwarding=1
	ip -n $A -6 route add default via fd00:32::2
	node $A wg set wg0 peer "$(public_key b)" endpoint '[2001:db8::1]:51820'
	knock
	wait_for 15 reason_is $A path-error
	[ "$(ask $A '.peers[0].no_handshake.error')" = "Network is unreachable" ]
}

@test "all tunnels are told when none is named, and none is no error" {
	warren_start $A wg1
	[ "$(node $A "$WARREN" tunnel status --json | jq -r '[.tunnels[].interface] | join(" ")')" = "wg0 wg1" ]
	run -0 --separate-stderr node $B "$WARREN" tunnel status
	[ "$stderr" = "no tunnel runs here" ]
	run -0 --separate-stderr node $B "$WARREN" tunnel status --json
	[ "$(jq '.tunnels | length' <<<"$output")" = 0 ]
	run -1 --separate-stderr node $B "$WARREN" tunnel status wg7
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "no secret is in the status" {
	"$WARREN" key psk >"$BATS_TEST_TMPDIR/psk"
	node $A wg set wg0 peer "$(public_key b)" preshared-key "$BATS_TEST_TMPDIR/psk"
	run uapi $A wg0 <<<"status=1
"
	[[ $output == *"$(public_key b | base64 -d | od -An -tx1 | tr -d ' \n')"* ]]
	for secret in "$(key a)" "$BATS_TEST_TMPDIR/psk"; do
		hex=$(base64 -d <"$secret" | od -An -tx1 | tr -d ' \n')
		[[ $output != *$hex* ]]
	done
}

# scrape ADDRESS-OF-CURL...: an HTTP request by hand
scrape() { # NS unix|tcp WHERE
	node $1 timeout 10 python3 -c '
import socket, sys
if sys.argv[1] == "unix": s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[2])
else: s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
while True:
    b = s.recv(65536)
    if not b: break
    sys.stdout.buffer.write(b)' $2 $3
}

@test "metrics are served where they are asked for" {
	b_start
	warren_start $B wg1 --metrics "$BATS_TEST_TMPDIR/metrics"
	warren_start $B wg2 --metrics 127.0.0.1:9586
	node $B wg set wg2 peer "$(public_key x)" allowed-ips 10.0.0.0/8
	run -0 scrape $B unix "$BATS_TEST_TMPDIR/metrics"
	[[ $output == "HTTP/1.0 200 OK"* ]]
	[[ $output == *'warren_tunnel_up{interface="wg1"} 0'* ]]
	run -0 scrape $B tcp 9586
	[[ $output == *"warren_tunnel_rx_bytes_total{interface=\"wg2\",peer=\"$(public_key x)\"} 0"* ]]
	[[ $output == *'warren_tunnel_drops_total{interface="wg2",peer="",reason="no-peer"} 0'* ]]
	run -1 --separate-stderr node $B timeout 10 "$WARREN" tunnel -f --metrics 10.32.0.2:9586 wg3
	[[ $stderr == *"an address of the loopback"* ]]
	kill $(cat "$BATS_TEST_TMPDIR/pids" | tail -2)
	wait_for 10 sh -c "! test -e $BATS_TEST_TMPDIR/metrics"
}

@test "each reason is explained in doc/tunnel.md" {
	top=$BATS_TEST_DIRNAME/../..
	for reason in $(grep -oP 'X\([A-Z0-9_]+, "\K[a-z0-9-]+' "$top/src/tunnel/trouble.h") device-down idle under-way; do
		grep -qF "\`$reason\`" "$top/doc/tunnel.md" || { echo "$reason"; false; }
	done
}
