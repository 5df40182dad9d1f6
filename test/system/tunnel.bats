bats_require_minimum_version 1.5.0
load lib
load tunnel

# The daemon: how it starts, what it says when it cannot, how it ends.
#
#	 N
#	 wg0

setup() {
	need_root
	N=$(name n)
	node_add $N
}

gone() { # NS IFNAME: neither the device nor its socket is there
	! ip -n "$1" link show "$2" 2>/dev/null && ! node "$1" test -e "/var/run/wireguard/$2.sock"
}

@test "it goes into the background once the device and the socket are there" {
	node $N timeout 10 "$WARREN" tunnel wg0
	ip -n $N link show wg0
	node $N wg show wg0
	node $N ip link del wg0
	wait_for 10 gone $N wg0
}

@test "in the background it holds nothing of the terminal" {
	# $(...) would wait for ever if the daemon kept its pipe
	out=$(node $N timeout 10 "$WARREN" tunnel wg0 2>&1)
	[ -z "$out" ]
	node $N ip link del wg0
	wait_for 10 gone $N wg0
}

@test "SIGTERM and SIGINT remove device and socket" {
	for signal in TERM INT; do
		warren_start $N wg0
		kill -$signal $tunnel
		wait $tunnel
		gone $N wg0
		[ "$(cat "$BATS_TEST_TMPDIR/$N.wg0.log")" = "wg0: ready" ]
	done
}

@test "when the device is deleted it ends cleanly" {
	warren_start $N wg0
	ip -n $N link del wg0
	wait $tunnel
	gone $N wg0
}

@test "when its socket is deleted it ends cleanly" {
	warren_start $N wg0
	node $N rm /var/run/wireguard/wg0.sock
	wait $tunnel
	gone $N wg0
}

@test "kill -9 of either process ends the other, and the device goes" {
	warren_start $N wg0
	packets=$(packet_process $tunnel)
	kill -9 $tunnel
	wait_for 10 sh -c "! kill -0 $packets"
	wait_for 5 sh -c "! ip -n $N link show wg0"
	# its socket was left behind and is replaced
	node $N test -S /var/run/wireguard/wg0.sock
	warren_start $N wg0
	node $N wg show wg0
	kill -9 "$(packet_process $tunnel)"
	status=0
	wait $tunnel || status=$?
	[ $status = 1 ]
	gone $N wg0
	grep -q "ended by signal 9" "$BATS_TEST_TMPDIR/$N.wg0.log"
}

@test "each reason not to start is one line, and leaves nothing" {
	warren_start $N wg0
	run -1 --separate-stderr node $N timeout 10 "$WARREN" tunnel -f wg0
	[ "$stderr" = "warren tunnel: wg0: a device of that name exists already" ]
	ip -n $N link add d0 type veth peer name d1
	run -1 --separate-stderr node $N timeout 10 "$WARREN" tunnel d0
	[ "$stderr" = "warren tunnel: d0: a device of that name exists already" ]
	run -2 --separate-stderr node $N timeout 10 "$WARREN" tunnel "a b"
	[ "${#stderr_lines[@]}" = 1 ]
	run -2 --separate-stderr node $N timeout 10 "$WARREN" tunnel sixteencharacter
	[ "${#stderr_lines[@]}" = 1 ]
	run -1 --separate-stderr node $N timeout 10 setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$WARREN" tunnel -f wg1
	[ "$stderr" = "warren tunnel: wg1: creating a device needs the capability CAP_NET_ADMIN" ]
	gone $N wg1
	run -1 --separate-stderr node $N timeout 10 unshare -m sh -c 'mount -t tmpfs none /dev && exec "$1" tunnel -f wg1' sh "$WARREN"
	[[ $stderr == *"there is no /dev/net/tun here"* ]]
	gone $N wg1
	# the first still runs
	node $N wg show wg0
}

@test "a socket that answers belongs to a tunnel that runs" {
	warren_start $N wg0
	# another network namespace, the same directory of sockets
	run -1 --separate-stderr node $N unshare -n timeout 10 "$WARREN" tunnel -f wg0
	[[ $stderr == *"a tunnel of that name runs already"* ]]
	node $N wg show wg0
}

@test "the device may move to another namespace while the sockets stay" {
	#	 N wg0 -------------- moves to M
	#	 e0 10.32.0.1 --- e0 10.32.0.2 P wg0 192.168.3.2
	M=$(name m) P=$(name p)
	node_add $P
	netns_add $M
	ip -n $N link add e0 type veth peer name e0 netns $P
	ip -n $N addr add 10.32.0.1/24 dev e0
	ip -n $P addr add 10.32.0.2/24 dev e0
	ip -n $N link set e0 up
	ip -n $P link set e0 up
	warren_start $P wg0
	node $P wg set wg0 private-key "$(key p)" listen-port 51820 peer "$(public_key n)" allowed-ips 192.168.3.1/32
	ip -n $P addr add 192.168.3.2/24 dev wg0
	ip -n $P link set wg0 up
	warren_start $N wg0
	node $N wg set wg0 private-key "$(key n)" peer "$(public_key p)" allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51820
	ip -n $N link set wg0 netns $M
	ip -n $M addr add 192.168.3.1/24 dev wg0
	ip -n $M link set wg0 up
	wait_for 10 ip netns exec $M ping -c 1 -W 1 192.168.3.2
	# it is still followed there: down ends the sessions, up begins anew
	ip -n $M link set wg0 down
	wait_for 5 sh -c "node() { nsenter -t $(cat "$BATS_TEST_TMPDIR/$N.pid") -m -n \"\$@\"; }; node $WARREN tunnel status wg0 | grep -q 'wg0 is down'"
	ip -n $M link set wg0 up
	wait_for 10 ip netns exec $M ping -c 1 -W 1 192.168.3.2
	# nothing of ours keeps that namespace: with it the device goes, and the tunnel ends
	ip netns del $M
	wait_for 10 sh -c "! kill -0 $tunnel"
}

@test "without the right to enter its namespace, up and down of a moved device are followed" {
	M=$(name m)
	netns_add $M
	printf '#!/bin/sh\nexec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "%s" "$@"\n' "$WARREN" >"$BATS_TEST_TMPDIR/poor"
	chmod +x "$BATS_TEST_TMPDIR/poor"
	WARREN=$BATS_TEST_TMPDIR/poor warren_start $N wg0
	node $N wg set wg0 private-key "$(key n)"
	ip -n $N link set wg0 netns $M
	wait_for 5 grep -q "may not be entered (.*CAP_SYS_ADMIN" "$BATS_TEST_TMPDIR/$N.wg0.log"
	for state in up down up; do
		ip -n $M link set wg0 $state
		wait_for 5 sh -c "nsenter -t $(cat "$BATS_TEST_TMPDIR/$N.pid") -m -n $WARREN tunnel status wg0 | grep -q 'wg0 is $state'"
	done
	[ "$(grep -c "may not be entered" "$BATS_TEST_TMPDIR/$N.wg0.log")" = 1 ]
}

@test "the MTU is 1420 unless somebody says otherwise" {
	warren_start $N wg0
	ip -n $N -o link show wg0 | grep -q "mtu 1420"
}

@test "a new device has no address of its own making and sends nothing unasked" {
	warren_start $N wg0
	ip -n $N link set wg0 up
	sleep 1.2 # a router solicitation would come at once, and again in four seconds
	[ -z "$(ip -n $N -o addr show dev wg0)" ]
	[ "$(ip -n $N -s -j link show wg0 | jq '.[0].stats64.tx.packets + .[0].stats64.tx.dropped')" = 0 ]
	ip -n $N addr add fd00:3::1/64 dev wg0 # its own are welcome
	ip -n $N -o addr show dev wg0 | grep -q fd00:3::1/64
}

# pair: a second node P, and both have tunnels to each other: N 192.168.3.1, P 192.168.3.2
pair() {
	P=$(name p)
	node_add $P
	ip -n $N link add e0 type veth peer name e0 netns $P
	ip -n $N addr add 10.32.0.1/24 dev e0
	ip -n $P addr add 10.32.0.2/24 dev e0
	ip -n $N link set e0 up
	ip -n $P link set e0 up
	for n in $N $P; do
		warren_start $n wg0
		node $n wg set wg0 private-key "$(key $n)" listen-port 51820
	done
	node $N wg set wg0 peer "$(public_key $P)" allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51820
	node $P wg set wg0 peer "$(public_key $N)" allowed-ips 192.168.3.1/32
	ip -n $N addr add 192.168.3.1/24 dev wg0
	ip -n $P addr add 192.168.3.2/24 dev wg0
	ip -n $N link set wg0 up
	ip -n $P link set wg0 up
	node $N ping -c 1 -W 5 192.168.3.2
	first=$(node $N wg show wg0 latest-handshakes)
}

# lengths NODE LENGTH...: count the datagrams that come in with these UDP lengths
lengths() {
	local n=$1 l
	shift
	node $n nft "add table ip l; flush table ip l; add chain ip l c { type filter hook input priority 0; }"
	for l in "$@"; do node $n nft "add rule ip l c udp length $l counter"; done
}
seen() { # NODE LENGTH: did one come?
	node $1 nft list table ip l | grep -q "udp length $2 counter packets [1-9]"
}

@test "the MTU changes while traffic runs, and the padding keeps to it" {
	pair
	# inner packets of full size are not padded beyond the MTU; 40 bytes are headers and tag
	for mtu in 1414 68 1300 1500; do
		ip -n $N link set wg0 mtu $mtu
		ip -n $P link set wg0 mtu $mtu
		for n in $N $P; do ip -n $n route flush cache; done # what the kernel learnt of the path before
		padded=$(((mtu + 15) / 16 * 16))
		lengths $P $((mtu + 40)) $((padded + 40 + (padded == mtu ? 16 : 0))) 120
		node $N ping -c 1 -W 5 -M do -s $((mtu - 28)) 192.168.3.2
		run ! node $N ping -c 1 -W 1 -M do -s $((mtu - 27)) 192.168.3.2
		node $N ping -c 1 -W 5 -s 40 192.168.3.2 # 68 bytes
		wait_for 5 seen $P $((mtu + 40))
		run ! seen $P $((padded + 40 + (padded == mtu ? 16 : 0)))
		[ $mtu = 68 ] || seen $P 120 # 68 are padded to 80
		transfer $N $P 192.168.3.2 100000
	done
	ip -n $N link set e0 mtu 9000
	ip -n $P link set e0 mtu 9000
	ip -n $N link set wg0 mtu 65535
	ip -n $P link set wg0 mtu 65535
	node $N ping -c 1 -W 5 -s 30000 192.168.3.2
	wait_for 5 grep -q "larger than what a datagram can hold (65475)" "$BATS_TEST_TMPDIR/$N.wg0.log"
	ip -n $N link set wg0 mtu 65475
	ip -n $P link set wg0 mtu 65475
	transfer $N $P 192.168.3.2 2000000
	transfer $P $N 192.168.3.1 2000000
	ip -n $N link set wg0 mtu 1420
	ip -n $P link set wg0 mtu 1420
	transfer $N $P 192.168.3.2 2000000
	[ "$(node $N wg show wg0 latest-handshakes)" = "$first" ]
	for wrong in 67 65536; do run ! ip -n $N link set wg0 mtu $wrong; done
}

@test "the socket's buffer fills: counted, said once, and over when the way is free" {
	pair
	node $N tc qdisc add dev e0 root tbf rate 1mbit burst 10kb limit 100mb
	for i in 1 2; do
		node $N timeout 20 "$FLOOD" 192.168.3.2 5000 30000 1 1300
		wait_for 20 sh -c "[ \$(nsenter -t $(cat "$BATS_TEST_TMPDIR/$N.pid") -m -n $WARREN tunnel status --json wg0 | jq '[.. | .drops? // empty | .[\"send-full\"]? // 0] | add') -gt $((i * 10)) ]"
	done
	node $N tc qdisc del dev e0 root
	wait_for 20 node $N ping -c 1 -W 1 192.168.3.2
	[ "$(grep -c "packets are lost" "$BATS_TEST_TMPDIR/$N.wg0.log")" = 1 ]
	[ "$(node $N wg show wg0 latest-handshakes)" = "$first" ]
}

@test "fwmark and port change while a session lives" {
	pair
	sleep 1
	node $N wg set wg0 listen-port 51999
	node $N wg set wg0 fwmark 0x77
	node $N ping -c 1 -W 5 192.168.3.2
	[ "$(node $N wg show wg0 latest-handshakes)" = "$first" ]
	[ "$(node $P wg show wg0 endpoints | cut -f 2)" = 10.32.0.1:51999 ]
	# the mark is on what is sent
	node $N nft -f - <<-E
		table ip t {
			chain c {
				type filter hook output priority 0
				udp dport 51820 meta mark 0x77 counter
			}
		}
	E
	node $N ping -c 1 -W 5 192.168.3.2
	node $N nft list table ip t | grep -q "packets [1-9]"
}

@test "systemd is told when it is ready, reads again, and stops" {
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
while True: print(s.recv(4096).decode(), flush=True)' "$BATS_TEST_TMPDIR/notify" >"$BATS_TEST_TMPDIR/notified" 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	wait_for 10 test -S "$BATS_TEST_TMPDIR/notify"
	printf '[Interface]\nTable = off\n' >"$BATS_TEST_TMPDIR/wg0.conf"
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify warren_start $N wg0 -c "$BATS_TEST_TMPDIR/wg0.conf"
	wait_for 5 grep -q READY=1 "$BATS_TEST_TMPDIR/notified"
	kill -HUP $tunnel
	wait_for 5 grep -q RELOADING=1 "$BATS_TEST_TMPDIR/notified"
	wait_for 5 grep -q "read again" "$BATS_TEST_TMPDIR/$N.wg0.log"
	kill $tunnel
	wait $tunnel
	wait_for 5 grep -q STOPPING=1 "$BATS_TEST_TMPDIR/notified"
}

@test "in the journal its lines carry their level" {
	JOURNAL_STREAM=8:1 warren_start $N wg0
	grep -q '^<6>wg0: ready' "$BATS_TEST_TMPDIR/$N.wg0.log"
}

@test "the unit is one that systemd accepts" {
	type systemd-analyze >/dev/null || skip "no systemd-analyze"
	sed "s|@bindir@/warren|$WARREN|" "$BATS_TEST_DIRNAME/../../dist/warren-tunnel@.service.in" >"$BATS_TEST_TMPDIR/warren-tunnel@.service"
	run -0 systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/warren-tunnel@.service"
	[ -z "$(grep -F warren-tunnel@ <<<"$output" || true)" ]
}
