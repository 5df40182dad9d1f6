#!/usr/bin/env bats
# warren trace: a packet under one number through cables, NAT, vxlan, bridges and tunnels
#
#	A (a0 10.0.1.2) ---- (r1 10.0.1.1) R (r2 10.0.2.1) ---- (b0 10.0.2.2) B
#	                      forwards; to B with its own address (masquerade)

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_root
	A=$(name tA) R=$(name tR) B=$(name tB)
	OUT=$BATS_TEST_TMPDIR/out
	netns_add "$A" "$R" "$B"
	ip -n "$A" link add a0 type veth peer name r1 netns "$R"
	ip -n "$B" link add b0 type veth peer name r2 netns "$R"
	address "$A" a0 10.0.1.2/24
	address "$R" r1 10.0.1.1/24
	address "$R" r2 10.0.2.1/24
	address "$B" b0 10.0.2.2/24
	ip -n "$A" route add default via 10.0.1.1
	ip -n "$B" route add default via 10.0.2.1
	ip netns exec "$R" sysctl -qw net.ipv4.ip_forward=1
}

address() { # NETNS DEVICE ADDRESS
	ip netns exec "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" link set "$2" up
}

trace_start() { # FILTER or OPTIONS...
	"$WARREN" trace --json "$@" >"$OUT" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	TRACE=$!
	echo $TRACE >>"$BATS_TEST_TMPDIR/pids"
	wait_for 30 grep -q '^tracing' "$BATS_TEST_TMPDIR/said"
}

trace_stop() {
	sleep 0.1 # what lies in the kernel's ring is written
	kill -INT $TRACE
	wait $TRACE
	cat "$OUT" # for the one who reads a failure
}

ping_once() { # NETNS ADDRESS [OPTIONS]
	ip netns exec "$1" ping -n -c1 -W2 "${@:3}" "$2"
}

# The way of the packets that match a jq condition: node/device/event ...; of this test's nodes only.
way() { # CONDITION
	jq -r "select(.node == (\"$A\", \"$R\", \"$B\")) | select($1) | \"\(.node)/\(.device // \"-\")/\(.event)\"" "$OUT" |
		sed "s/^$A/A/; s/^$R/R/; s/^$B/B/" | tr '\n' ' '
}

numbers() { # CONDITION: how many different packets
	jq -r "select(.node == (\"$A\", \"$R\", \"$B\")) | select($1) | .packet" "$OUT" | sort -u | wc -l
}

@test "a request and its answer, each under one number across NAT" {
	printf '%s\n' 'table ip nat { chain post {' 'type nat hook postrouting priority 100;' \
		'oifname "r2" masquerade' '}; }' | ip netns exec "$R" nft -f -
	trace_start icmp and host 10.0.2.2
	ping_once "$A" 10.0.2.2
	trace_stop
	[ "$(way '(.text | contains("request")) and .event != "read"')" = "A/a0/tx R/r1/rx R/r2/tx B/b0/rx " ]
	[ "$(numbers '.text | contains("request")')" = 1 ]
	[ "$(numbers '.text | contains("reply")')" = 1 ]
	[ "$(jq -r "select(.event == \"read\" and .node == \"$A\") | .comm" "$OUT")" = ping ]
}

@test "behind NAT it is followed although the filter no longer matches" {
	printf '%s\n' 'table ip nat { chain post {' 'type nat hook postrouting priority 100;' \
		'oifname "r2" masquerade' '}; }' | ip netns exec "$R" nft -f -
	trace_start icmp and src host 10.0.1.2
	ping_once "$A" 10.0.2.2
	trace_stop
	[ "$(way '.event == ("tx", "rx")')" = "A/a0/tx R/r1/rx R/r2/tx B/b0/rx " ]
	[ "$(jq -r "select(.node == (\"$A\", \"$R\", \"$B\")) | select(.event == (\"tx\", \"rx\")) | .match" "$OUT" | tr '\n' ' ')" = "filter filter followed followed " ]
}

@test "what is lost is told with the reason in words, and nothing else" {
	printf '%s\n' 'table ip t { chain f {' 'type filter hook forward priority 0;' \
		'icmp type echo-request drop' '}; }' | ip netns exec "$R" nft -f -
	trace_start --drops icmp
	ping_once "$B" 10.0.2.1 # arrives, though the kernel "drops" the answer's last copy
	ip netns exec "$A" ping -n -c1 -W1 10.0.2.2 || true
	trace_stop
	[ "$(way 'true')" = "R/r1/drop " ]
	[ "$(jq -r 'select(.node == "'"$R"'") | .reason + " " + .words' "$OUT")" = "NETFILTER_DROP a firewall rule dropped it" ]
}

@test "a refusal, and the ICMP error about the packet under the packet's number" {
	trace_start icmp and dst host 192.0.2.9
	ip -n "$R" route add unreachable 192.0.2.0/24
	ip netns exec "$A" ping -n -c1 -W1 192.0.2.9 || true
	trace_stop
	[ "$(numbers 'true')" = 1 ]
	[[ "$(way 'true')" == "A/a0/tx R/r1/rx R/r1/refuse "* ]]
	[ "$(way '.match == "quote" and .event == ("tx", "rx")')" = "R/r1/tx A/a0/rx " ]
}

@test "inside vxlan it keeps its number" {
	ip -n "$A" link add vx0 type vxlan id 7 dstport 4789 local 10.0.1.2 remote 10.0.2.2 dev a0
	ip -n "$B" link add vx0 type vxlan id 7 dstport 4789 local 10.0.2.2 remote 10.0.1.2 dev b0
	address "$A" vx0 10.7.0.1/24
	address "$B" vx0 10.7.0.2/24
	ping_once "$A" 10.7.0.2
	trace_start 'icmp[icmptype] = icmp-echo'
	ping_once "$A" 10.7.0.2
	trace_stop
	[ "$(way '.event == ("tx", "rx")')" = "A/vx0/tx A/a0/tx R/r1/rx R/r2/tx B/b0/rx B/vx0/rx " ]
	[ "$(numbers 'true')" = 1 ]
}

@test "ports to which a bridge floods show copies of one packet" {
	ip -n "$R" addr flush dev r1
	ip -n "$R" addr flush dev r2
	ip -n "$R" link add br0 type bridge
	ip netns exec "$R" sysctl -qw net.ipv6.conf.br0.disable_ipv6=1
	ip -n "$R" link set r1 master br0
	ip -n "$R" link set r2 master br0
	ip -n "$R" link set br0 up
	trace_start arp
	ip netns exec "$A" ping -n -c1 -W1 10.0.1.77 || true
	trace_stop
	first=$(jq -r "select(.node == \"$A\") | .packet" "$OUT" | head -1)
	[ "$(way ".packet == $first" | xargs -n1 | grep x$ | LC_ALL=C sort | xargs)" = \
		"A/a0/tx B/b0/rx R/br0/rx R/r1/rx R/r2/tx" ]
}

# Brings up wireguard-go in A and B: tun devices wg0, 10.8.0.1 and 10.8.0.2.
wireguard_up() {
	local n key other
	for n in "$A" "$B"; do
		unshare -m bash -c "mount -t tmpfs none /var/run/wireguard 2>/dev/null || { mkdir -p /var/run/wireguard; mount -t tmpfs none /var/run/wireguard; }
			ip netns exec $n wireguard-go -f wg0 & echo \$! >$BATS_TEST_TMPDIR/wg.$n; wait" >/dev/null 2>&1 3>&- &
		wait_for 10 ip -n "$n" link show wg0
		cat "$BATS_TEST_TMPDIR/wg.$n" >>"$BATS_TEST_TMPDIR/pids"
		wg genkey >"$BATS_TEST_TMPDIR/key.$n"
	done
	wireguard_set "$A" "$B" 10.0.2.2 10.8.0.2
	wireguard_set "$B" "$A" 10.0.1.2 10.8.0.1
	address "$A" wg0 10.8.0.1/24
	address "$B" wg0 10.8.0.2/24
}

wireguard_set() { # NETNS PEER ENDPOINT ALLOWED
	nsenter -t "$(cat "$BATS_TEST_TMPDIR/wg.$1")" -m ip netns exec "$1" wg set wg0 listen-port 51820 \
		private-key "$BATS_TEST_TMPDIR/key.$1" peer "$(wg pubkey <"$BATS_TEST_TMPDIR/key.$2")" \
		endpoint "$3:51820" allowed-ips "$4/32"
}

@test "through the processes of a foreign tunnel, which nobody can see into" {
	wireguard_up
	wait_for 10 ping_once "$A" 10.8.0.2 # the handshake
	trace_start 'icmp[icmptype] = icmp-echo'
	ping_once "$A" 10.8.0.2
	trace_stop
	[ "$(numbers 'true')" = 1 ]
	[ "$(way '.event == ("tx", "rx")')" = "A/wg0/tx A/a0/tx R/r1/rx R/r2/tx B/b0/rx B/wg0/rx " ]
	[ "$(jq -r 'select(.device == "wg0" and .event == "read") | .comm' "$OUT" | sort -u)" = wireguard-go ]
	[ "$(jq -r "select(.node == \"$A\" and .device == \"a0\") | .match" "$OUT")" = guess ]
}

@test "through our own tunnel: sealed into a datagram, carried, and opened" {
	NET=$(name v)
	# Other tests bring up the same file at the same time: addresses of our own.
	sed "s/^name: .*/name: $NET/; s/192\.168\.4\./192.168.44./g" "$EXAMPLES/vpn.yaml" >"$BATS_TEST_TMPDIR/vpn.yaml"
	network_note "$NET"
	"$WARREN" up "$BATS_TEST_TMPDIR/vpn.yaml"
	wait_for 20 "$WARREN" exec "$NET/site-a" ping -n -c1 -W1 192.168.44.10 # the handshake
	trace_start 'icmp[icmptype] = icmp-echo and dst host 192.168.44.10'
	"$WARREN" exec "$NET/site-a" ping -n -c1 -W4 192.168.44.10
	trace_stop
	[ "$(jq -r 'select(.packet == 1) | select(.event != "read") | (.node | sub(".*/"; "")) + "/" + (.device // "-") + "/" + .event + (if .match == "carrier" then "+" else "" end)' "$OUT" | tr '\n' ' ')" = \
		"site-a/tun0/tx site-a/-/seal site-a/eth0/tx+ internet/a/rx+ internet/b/tx+ site-b/eth0/rx+ site-b/-/open site-b/tun0/rx site-b/lan0/tx host-b/eth0/rx " ]
	[ "$(jq -r 'select(.event == "seal") | .comm' "$OUT")" = warren ]
}

@test "the kernel decides as libpcap does, on a mix of packets and filters" {
	filters=("arp" "icmp" "icmp6" "ip6" "udp" "tcp" "udp port 53" "tcp dst port 81" "host 10.0.1.1"
		"net 10.0.1.0/24 and not icmp" "tcp[tcpflags] & tcp-syn != 0" "greater 200" "less 60"
		"ip[8] > 63 and ip[2:2] > 100" "udp[8:4] = 0x78787878" "ether broadcast"
		"(ip or ip6) and not (tcp or udp)" "portrange 50-60" "ether[6] & 1 = 0 and ip" "len = 98")
	# What IPv6 says of its own accord comes when it likes, also before and after.
	for i in "${!filters[@]}"; do
		filters[$i]="(${filters[$i]}) and not (ip6 and (ip6[6] = 0 or (ip6[6] = 58 and ip6[40] > 129)))"
	done
	ip netns exec "$A" sysctl -qw net.ipv6.conf.a0.disable_ipv6=0
	ip netns exec "$R" sysctl -qw net.ipv6.conf.r1.disable_ipv6=0
	ip -n "$A" addr add fd01::1/64 dev a0 nodad
	ip -n "$R" addr add fd01::2/64 dev r1 nodad
	wait_for 10 ping_once "$A" fd01::2
	ip netns exec "$A" tcpdump -Z root --immediate-mode -ni a0 -U -w "$OUT.pcap" 2>"$OUT.tcpdump" 3>&- &
	DUMP=$!
	wait_for 30 grep -q listening "$OUT.tcpdump"
	for i in "${!filters[@]}"; do
		"$WARREN" trace --json "${filters[$i]}" >"$OUT.$i" 2>"$OUT.$i.said" 3>&- &
		echo $! >>"$BATS_TEST_TMPDIR/pids"
		PIDS+=($!)
	done
	for i in "${!filters[@]}"; do wait_for 60 grep -q '^tracing' "$OUT.$i.said"; done
	ping_once "$A" 10.0.1.1
	ping_once "$A" 10.0.2.2 -s 300
	ping_once "$A" fd01::2
	ip netns exec "$A" bash -c 'echo xxxxxxxxx >/dev/udp/10.0.1.1/53; echo x >/dev/tcp/10.0.1.1/81; echo y >/dev/udp/10.0.1.1/99' || true
	sleep 0.3
	kill $DUMP
	wait $DUMP || true
	for p in "${PIDS[@]}"; do kill -INT "$p"; done
	for p in "${PIDS[@]}"; do wait "$p"; done
	for i in "${!filters[@]}"; do
		want=$(tcpdump -Z root -nr "$OUT.pcap" "${filters[$i]}" 2>/dev/null | wc -l)
		got=$(jq -r "select(.node == \"$A\" and .device == \"a0\" and .match == \"filter\" and .event == (\"tx\", \"rx\")) | .packet" "$OUT.$i" | wc -l)
		echo "${filters[$i]}: $want, $got"
		[ "$want" = "$got" ]
	done
}

@test "-n begins with what matches in a node, and follows it from there" {
	trace_start -n "$R" icmp and host 10.0.2.2
	ping_once "$A" 10.0.2.2
	trace_stop
	[ "$(way '(.text | contains("request")) and .event == ("tx", "rx")')" = "R/r1/rx R/r2/tx B/b0/rx " ]
	[ "$(way '(.text | contains("reply")) and .event == ("tx", "rx")')" = "R/r2/rx R/r1/tx A/a0/rx " ]
	[ -z "$(jq -r .node "$OUT" | grep -vxE "$A|$R|$B")" ] # not a stranger's
	run -1 "$WARREN" trace -n nobody-has-this-name icmp
	[[ "$output" == *nobody-has-this-name* ]]
}

@test "inside vxlan on a port of its own, and IPv6 in fragments, packets keep their numbers" {
	ip -n "$A" link add vx0 type vxlan id 7 dstport 14789 local 10.0.1.2 remote 10.0.2.2 dev a0
	ip -n "$B" link add vx0 type vxlan id 7 dstport 14789 local 10.0.2.2 remote 10.0.1.2 dev b0
	for n in "$A fd07::1" "$B fd07::2"; do
		set -- $n
		ip netns exec "$1" sysctl -qw net.ipv6.conf.vx0.accept_dad=0
		ip -n "$1" link set vx0 up
		ip -n "$1" addr add "$2/64" dev vx0 nodad
	done
	wait_for 20 ping_once "$A" fd07::2
	trace_start -n "$A" 'ip6 host fd07::1 and ip6[6] = 44' # a fragment header is next
	ping_once "$A" fd07::2 -s 2000
	trace_stop
	# two fragments there, each under its number all the way
	[ "$(numbers '.event == "tx" and .device == "vx0"')" = 2 ]
	[ "$(jq -r "select(.device == \"vx0\" and .event == \"tx\") | .packet" "$OUT" | sort)" = \
		"$(jq -r "select(.node == \"$B\" and .device == \"vx0\" and .event == \"rx\") | .packet" "$OUT" | sort)" ]
}

@test "a filter asks for a VLAN tag as the wire has it, and the packet is the same with and without" {
	trace_start -n "$A" 'vlan 42 and icmp'
	ip netns exec "$A" python3 -c 'import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("a0", 0))
for tag in "8100002a", "8100002b":
    s.send(bytes.fromhex("ffffffffffff020000000001" + tag + "080045000054" + tag[4:] + "400040010000" + "0a0001020a000202" + "08" + "00" * 63))'
	trace_stop
	[ "$(way '.event == ("tx", "rx")')" = "A/a0/tx R/r1/rx " ]
	[ "$(numbers true)" = 1 ]
	[ "$(jq -r 'select(.event == "tx") | .text[:29]' "$OUT")" = "VLAN 42: ICMP echo request 10" ]
}

@test "-c ends it after so many lines, and the text is for people" {
	"$WARREN" trace -c 2 icmp and host 10.0.1.1 >"$OUT" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	TRACE=$!
	echo $TRACE >>"$BATS_TEST_TMPDIR/pids"
	wait_for 30 grep -q '^tracing' "$BATS_TEST_TMPDIR/said"
	ping_once "$A" 10.0.1.1
	wait $TRACE
	[ "$(wc -l <"$OUT")" = 2 ]
	grep -qE "#1 +$A +a0 +tx +ICMP echo request 10.0.1.2 > 10.0.1.1" "$OUT"
	grep -qE '^[0-9:.]+ +#1' "$OUT"
}

@test "it leaves nothing behind, and costs little to start" {
	trace_start udp port 9
	# Time of the processor, for a test may run beside many: the clock is the bench's.
	ticks=$(awk '{print $14 + $15}' "/proc/$TRACE/stat")
	loaded=$(programs)
	[ -n "$loaded" ]
	trace_stop
	[ -n "${EMULATED:-}" ] || [ $((ticks * 1000 / $(getconf CLK_TCK))) -lt 200 ]
	wait_for 60 programs_gone $loaded
}

@test "wrong filters are refused, and filters that cannot run in the kernel" {
	run -2 "$WARREN" trace 'icmp and and'
	[[ $output == *"filter 'icmp and and': "* ]]
	run -1 "$WARREN" trace 'ip6 protochain 6'
	[[ $output == *"cannot run in the kernel"* ]]
}
