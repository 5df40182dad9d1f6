bats_require_minimum_version 1.5.0
load lib
load tunnel

# Two of Warren's tunnels over a cable: what goes in comes out, whole and in order.
#
#	A                                B
#	wg0 192.168.3.1, fd00:3::1       wg0 192.168.3.2, fd00:3::2
#	e0  10.32.0.1, fd00:32::1 ------ e0  10.32.0.2, fd00:32::2

setup() {
	need_root
	A=$(name a) B=$(name b)
	node_add $A $B
	ip -n $A link add e0 type veth peer name e0 netns $B
	local i=1 n
	for n in $A $B; do
		ip -n $n addr add 10.32.0.$i/24 dev e0
		ip -n $n addr add fd00:32::$i/64 dev e0 nodad
		ip -n $n link set e0 up
		i=2
	done
}

# connect [OPTIONS OF A] -- [OPTIONS OF B]: both tunnels, configured, with addresses, up
connect() {
	local a=() n i=1
	while [ $# -gt 0 ] && [ "$1" != -- ]; do a+=("$1"); shift; done
	shift || true
	warren_start $A wg0 "${a[@]}"
	tunnel_a=$tunnel
	warren_start $B wg0 "$@"
	tunnel_b=$tunnel
	node $A wg set wg0 private-key "$(key a)" listen-port 51820 peer "$(public_key b)" \
		allowed-ips 192.168.3.2/32,fd00:3::2/128 endpoint ${outside_b:-10.32.0.2}:51820
	node $B wg set wg0 private-key "$(key b)" listen-port 51820 peer "$(public_key a)" \
		allowed-ips 192.168.3.1/32,fd00:3::1/128 endpoint ${outside_a:-10.32.0.1}:51820
	for n in $A $B; do
		ip -n $n addr add 192.168.3.$i/24 dev wg0
		[ -n "${no_ipv6:-}" ] || ip -n $n addr add fd00:3::$i/64 dev wg0 nodad
		ip -n $n link set wg0 mtu ${mtu:-1420} up
		i=2
	done
}

# How many packets of a tunnel ended for this reason: NODE REASON
dropped() {
	node $1 "$WARREN" tunnel status --json wg0 |
		jq "[.. | .drops? // empty | .[\"$2\"]? // 0] | add // 0"
}

# flows ADDRESS PACKETS [SEGMENT]: numbered UDP packets of five flows from A to B
flows() {
	local ready=$BATS_TEST_TMPDIR/flows.$RANDOM
	node $B timeout 120 python3 "$BATS_TEST_DIRNAME/flows.py" receive $1 5 $ready >$ready.out 3>&- &
	local receiver=$!
	wait_for 10 test -e $ready
	node $A timeout 120 python3 "$BATS_TEST_DIRNAME/flows.py" send $1 5 $2 ${3:-}
	wait $receiver
	cat $ready.out
}

# kernel_cuts_udp: since 6.2 a tun takes UDP superframes, too
kernel_cuts_udp() {
	[ "$(printf '%s\n' 6.2 "$(uname -r)" | sort -V | head -n 1)" = 6.2 ]
}

# segmentation_is NODE DEVICE on|off: does the stack hand TCP and UDP superframes to it?
segmentation_is() {
	local features feature
	features=$(node $1 ethtool -k $2)
	for feature in tx-tcp-segmentation tx-tcp6-segmentation tx-udp-segmentation; do
		[ $feature = tx-udp-segmentation ] && [ $3 = on ] && ! kernel_cuts_udp && continue
		grep -q "^[[:space:]]*$feature: $3" <<<"$features" || { echo "$1 $2: $feature is not $3"; return 1; }
	done
}

# offload NODE: what its tunnel says it carries in superframes
offload() {
	node $1 "$WARREN" tunnel status --json wg0 | jq -r '.tunnels[0].offload | join(" ")'
}
all_offload() {
	kernel_cuts_udp && echo tcp4 tcp6 udp runs || echo tcp4 tcp6 runs
}

@test "100 MB arrive whole in either direction, over IPv4 and IPv6, in superframes to the end" {
	connect
	for n in $A $B; do segmentation_is $n wg0 on; done
	transfer $A $B 192.168.3.2 100000000
	transfer $B $A 192.168.3.1 100000000
	transfer $A $B fd00:3::2 30000000
	for n in $A $B; do # no kind was given up on the way
		[ "$(offload $n)" = "$(all_offload)" ]
		run ! grep -q refuses "$BATS_TEST_TMPDIR/$n.wg0.log"
	done
	node $A "$WARREN" tunnel status | grep -q "^  offload      $(all_offload)\$"
}

@test "and over IPv6 outside" {
	outside_a=[fd00:32::1] outside_b=[fd00:32::2] connect
	transfer $A $B 192.168.3.2 30000000
	transfer $B $A fd00:3::1 30000000
}

@test "without offload at one end, and at both" {
	connect --offload off --
	segmentation_is $A wg0 off
	segmentation_is $B wg0 on
	[ "$(offload $A)" = runs ]
	transfer $A $B 192.168.3.2 20000000
	transfer $B $A 192.168.3.1 20000000
	kill $tunnel_b
	wait_for 5 gone $B
	warren_start $B wg0 --offload off
	segmentation_is $B wg0 off
	node $B wg set wg0 private-key "$(key b)" listen-port 51820 peer "$(public_key a)" \
		allowed-ips 192.168.3.1/32 endpoint 10.32.0.1:51820
	ip -n $B addr add 192.168.3.2/24 dev wg0
	ip -n $B link set wg0 up
	node $B ping -c 1 -W 5 192.168.3.1 # the old session ended with the old process
	transfer $A $B 192.168.3.2 20000000
	transfer $B $A 192.168.3.1 20000000
}
gone() { ! ip -n $1 link show wg0; }

@test "every kind of crypto talks to every other, and one thread carries both directions" {
	connect --crypto openssl -- --crypto ipsec-mb-sse --threads 1
	transfer $A $B 192.168.3.2 20000000
	transfer $B $A 192.168.3.1 20000000
}

@test "not one packet is overtaken or changed, with flows and sizes mixed beside a TCP stream" {
	connect
	node $A ping -c 1 -W 5 192.168.3.2
	transfer $A $B 192.168.3.2 400000000 &
	local beside=$!
	for to in 192.168.3.2 fd00:3::2; do
		run flows $to 60000
		echo "$output"
		[[ $output =~ received\ ([0-9]+)\ reordered\ 0\ changed\ 0 ]]
		[ "${BASH_REMATCH[1]}" -ge 54000 ] # 90 of 100, and of those each in its place
	done
	wait $beside
}

# overtaken NODE: TCP segments that came to its stack before one that was sent earlier
overtaken() {
	node $1 nstat -asz TcpExtTCPOFOQueue | awk '/OFOQueue/ {print $2}'
}

# streams ADDRESS-OF-B ADDRESS-OF-A BYTES: three from A to B, beside them two from B to A
streams() {
	local port pids=()
	for port in 4001 4002 4003; do transfer $A $B $1 $3 $port & pids+=($!); done
	for port in 4004 4005; do transfer $B $A $2 $3 $port & pids+=($!); done
	for port in "${pids[@]}"; do wait $port || return 1; done
}

@test "several streams beside one another arrive in the order in which they were sent" {
	for n in $A $B; do # all that is under way has room in every queue: nothing is lost, so nothing is sent again
		ip netns exec $n sysctl -qw net.ipv4.tcp_rmem="4096 131072 1000000"
	done
	for threads in auto 6; do
		options=()
		[ $threads = auto ] || options=(--threads $threads)
		connect "${options[@]}" -- "${options[@]}"
		node $A ping -c 1 -W 5 192.168.3.2
		streams 192.168.3.2 192.168.3.1 50000000
		streams fd00:3::2 fd00:3::1 50000000
		[ "$(overtaken $A) $(overtaken $B)" = "0 0" ]
		stop
	done
}

# stop: both tunnels, their devices gone
stop() {
	kill $tunnel_a $tunnel_b
	wait_for 5 gone $A
	wait_for 5 gone $B
}

# How many threads of a process have used the processor for 20 ms or more.
busy_threads() {
	cat /proc/$1/task/*/stat | sed 's/.*) //' | awk '$12 + $13 >= 2 {n++} END {print n}'
}

@test "many threads share each direction, and not one packet is overtaken" {
	connect --threads 6 -- --threads 5
	[ "$(ls /proc/$(packet_process $tunnel_a)/task | wc -l)" = 7 ]
	node $A ping -c 1 -W 5 192.168.3.2
	transfer $A $B 192.168.3.2 300000000 &
	local beside=$!
	transfer $B $A fd00:3::1 200000000 &
	local against=$!
	for to in 192.168.3.2 fd00:3::2; do
		run flows $to 60000
		echo "$output"
		[[ $output =~ received\ ([0-9]+)\ reordered\ 0\ changed\ 0 ]]
		[ "${BASH_REMATCH[1]}" -ge 54000 ]
	done
	wait $beside
	wait $against
	[ "$(busy_threads $(packet_process $tunnel_a))" -ge 3 ]
	[ "$(busy_threads $(packet_process $tunnel_b))" -ge 3 ]
}

@test "UDP superframes are cut and joined without loss" {
	connect
	node $A ping -c 1 -W 5 192.168.3.2
	for to in 192.168.3.2 fd00:3::2; do
		run flows $to 3000 1200
		echo "$output"
		[[ $output =~ received\ ([0-9]+)\ reordered\ 0\ changed\ 0 ]]
		[ "${BASH_REMATCH[1]}" -gt 2900 ]
	done
}

@test "garbage on the port changes nothing" {
	connect
	transfer $A $B 192.168.3.2 1000000
	before=$(node $B wg show wg0 endpoints)
	node $A python3 - <<'END'
import os, random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(3)
for n in list(range(0, 200)) + [1000, 1452, 9000, 65507] + [random.randrange(65507) for _ in range(200)]:
    for kind in (None, 1, 2, 3, 4, 5, 0x01000004):
        b = bytearray(os.urandom(n))
        if kind is not None:
            b[:4] = kind.to_bytes(4, "little")[:n]
        s.sendto(bytes(b[:n]), ("10.32.0.2", 51820))
END
	node $A python3 - <<'END'
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in (1, 16, 31, 32, 33, 148, 1452):  # runs of garbage
    s.setsockopt(socket.IPPROTO_UDP, 103, size)
    for _ in range(20):
        s.sendto((b"\4\0\0\0" + os.urandom(size))[:size] * min(60, 65000 // size), ("10.32.0.2", 51820))
END
	transfer $A $B 192.168.3.2 10000000
	[ "$(node $B wg show wg0 endpoints)" = "$before" ]
	[ "$(dropped $B not-a-message)" -gt 1000 ]
	[ "$(dropped $B unknown-session)" -gt 100 ]
	[ "$(dropped $B device-down)" = 0 ]
}

@test "jumbo packets pass where the cable is wide" {
	ip -n $A link set e0 mtu 9000
	ip -n $B link set e0 mtu 9000
	mtu=8920 connect
	transfer $A $B 192.168.3.2 50000000
	node $A ping -c 2 -W 5 -M do -s 8892 192.168.3.2
}

@test "a path narrower than the datagrams does not stall a transfer" {
	connect
	node $A ping -c 1 -W 5 192.168.3.2
	ip -n $A link set e0 mtu 1300
	ip -n $B link set e0 mtu 1300
	transfer $A $B 192.168.3.2 5000000
	transfer $B $A 192.168.3.1 5000000
}

# kernel_sends_runs NODE: does it cut them itself for such a device?  Before 6.11 it says EIO.
kernel_sends_runs() {
	node $1 python3 -c '
import errno, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.sendmsg([b"x" * 200], [(socket.IPPROTO_UDP, 103, struct.pack("H", 100))], 0, ("10.32.0.2", 9))
except OSError as e:
    sys.exit(e.errno == errno.EIO)'
}

@test "a NIC that cannot cut runs gets datagrams" {
	for n in $A $B; do
		node $n ethtool -K e0 tx off tso off gso off tx-udp-segmentation off gro on || skip "this veth keeps its offloads"
		segmentation_is $n e0 off
		node $n ethtool -k e0 | grep -q "^tx-checksumming: off"
	done
	connect
	transfer $A $B 192.168.3.2 20000000
	transfer $B $A 192.168.3.1 20000000
	if kernel_sends_runs $A; then
		[[ " $(offload $A) " == *" runs "* ]]
	else # said once, and told
		[[ " $(offload $A) " != *" runs "* ]]
		[ "$(grep -c "refuses runs" "$BATS_TEST_TMPDIR/$A.wg0.log")" = 1 ]
	fi
}

@test "a destination that is no peer's is unreachable at once" {
	connect
	run node $A ping -c 1 -W 5 192.168.3.77
	[ $status = 1 ]
	[[ $output == *"Destination Host Unreachable"* ]]
	run node $A ping -c 1 -W 5 fd00:3::77
	[[ $output == *unreachable* ]]
	[ "$(dropped $A no-peer)" -ge 2 ]
}

@test "what a peer sends from an address that is not its own is dropped and counted" {
	connect
	node $A ping -c 1 -W 5 192.168.3.2
	ip -n $A addr add 192.168.3.9/24 dev wg0
	run -1 node $A ping -c 2 -i 0.2 -W 1 -I 192.168.3.9 192.168.3.2
	[ "$(dropped $B source-not-allowed)" = 2 ]
}

@test "congestion marks go outside, DSCP does not; handshakes are AF41" {
	connect
	background ip netns exec $B tcpdump -Q in -nvi e0 --immediate-mode -l -c 8 udp
	local out
	wait_for 10 seen "listening on e0"
	node $A ping -c 1 -W 5 192.168.3.2
	node $A ping -c 2 -i 0.2 -W 5 -Q 0xba 192.168.3.2
	wait_for 10 seen 'tos 0x2,ECT\(0\)'
	seen 'tos 0x88'
	! seen 'tos 0xb'
}
seen() { grep -Eqs "$1" "$BATS_TEST_TMPDIR"/background.*; }

@test "a device that goes down and comes up carries again" {
	connect
	transfer $A $B 192.168.3.2 1000000
	ip -n $B link set wg0 down
	run -1 node $A ping -c 1 -W 1 192.168.3.2
	ip -n $B link set wg0 up
	wait_for 10 node $B ping -c 1 -W 1 192.168.3.1 # the sessions ended with the device
	transfer $A $B 192.168.3.2 1000000
}

@test "it starts and carries where IPv6 is off" {
	for n in $A $B; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
	no_ipv6=1 connect
	transfer $A $B 192.168.3.2 1000000
}

# What all threads of some processes have done: TICKS of processor time and SWITCHES, of either kind.  A
# thread that spins sleeps never, but it uses the processor; one that wakes up for nothing sleeps.
doings() { # PID...
	local pid
	for pid in "$@"; do cat /proc/$pid/task/*/stat; done | sed 's/.*) //' | awk '{n += $12 + $13} END {print n}'
	for pid in "$@"; do cat /proc/$pid/task/*/status; done | awk '/^(non)?voluntary_ctxt/ {n += $2} END {print n}'
}

# Both ends with their parents, for 3 s: at most 2 ticks and some timers.
both_sleep() {
	local before after pids
	pids="$tunnel_a $tunnel_b $(packet_process $tunnel_a) $(packet_process $tunnel_b)"
	before=($(doings $pids))
	sleep 3
	after=($(doings $pids))
	echo "ticks $((after[0] - before[0])) switches $((after[1] - before[1]))"
	[ $((after[0] - before[0])) -le 2 ] && [ $((after[1] - before[1])) -lt 20 ]
}

# What was under way may take its time on a busy machine; then there is rest.
come_to_rest() {
	sleep 1
	both_sleep || both_sleep || both_sleep
}

@test "an idle tunnel sleeps, and so does one that was busy, whatever its threads" {
	for threads in auto 6; do
		options=()
		[ $threads = auto ] || options=(--threads $threads)
		connect "${options[@]}" -- "${options[@]}"
		for n in $A $B; do # the devices' own chatter would wake it
			ip netns exec $n sysctl -qw net.ipv6.conf.wg0.disable_ipv6=1 net.ipv6.conf.e0.disable_ipv6=1
		done
		come_to_rest
		transfer $A $B 192.168.3.2 100000000
		come_to_rest
		node $A "$FLOOD" 192.168.3.2 9 0 1.5 64
		come_to_rest
		stop
	done
}

@test "while a program floods it, it carries nearly what it can, and answers, and meets its peer" {
	connect
	background ip netns exec $B python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.168.3.2", 7999))
time.sleep(1000)'
	wait_for 10 grep -q :1F3F /proc/$tunnel_b/net/udp
	node $A ping -c 1 -W 5 192.168.3.2
	run -0 node $A timeout 60 python3 "$BATS_TEST_DIRNAME/overload.py" "$FLOOD" 192.168.3.2 $tunnel_b \
		"$(public_key b | base64 -d | od -An -tx1 | tr -d ' \n')"
	echo "$output"
	# of 150 pings; the bounds hold beside three programs that use a processor each, when there are two
	jq -e '.peak > 5000 and .kept_percent >= 70' <<<"$output"
	jq -e '.answers >= 10 and .slowest_answer_ms < 250' <<<"$output"
	jq -e '.pings >= 25 and .median_ping_ms < 500' <<<"$output"
	jq -e '.handshake_ms < 1000' <<<"$output"
}

@test "with one processor there is one thread for packets, with more the others in reserve" {
	connect
	[ "$(ls /proc/$(packet_process $tunnel_a)/task | wc -l)" = $(($(nproc) < 16 ? $(nproc) + 1 : 17)) ]
	kill $tunnel_a
	wait_for 5 gone $A
	printf '#!/bin/sh\nexec taskset -c 0 %s "$@"\n' "$WARREN" >$BATS_TEST_TMPDIR/one
	chmod +x $BATS_TEST_TMPDIR/one
	WARREN=$BATS_TEST_TMPDIR/one warren_start $A wg0
	[ "$(ls /proc/$(packet_process $tunnel)/task | wc -l)" = 2 ]
	node $A wg set wg0 private-key "$(key a)" listen-port 51820 peer "$(public_key b)" \
		allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51820
	ip -n $A addr add 192.168.3.1/24 dev wg0
	ip -n $A link set wg0 up
	transfer $A $B 192.168.3.2 20000000
	transfer $B $A 192.168.3.1 20000000
}
