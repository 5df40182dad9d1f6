#!/usr/bin/env bats
# warren capture: one file from many devices and namespaces
#
#	A (a0 10.0.1.2) ---- (r1 10.0.1.1) R (r2 10.0.2.1) ---- (b0 10.0.2.2) B
#	                      forwards; to B with its own address (masquerade)

bats_require_minimum_version 1.5.0
load lib

setup() {
	need_root
	A=$(name cA) R=$(name cR) B=$(name cB)
	FILE=$BATS_TEST_TMPDIR/out.pcapng
	netns_add "$A" "$R" "$B"
	ip -n "$A" link add a0 type veth peer name r1 netns "$R"
	ip -n "$B" link add b0 type veth peer name r2 netns "$R"
	address "$A" a0 10.0.1.2/24
	address "$R" r1 10.0.1.1/24
	address "$R" r2 10.0.2.1/24
	address "$B" b0 10.0.2.2/24
	ip -n "$A" route add default via 10.0.1.1
	ip netns exec "$R" sysctl -qw net.ipv4.ip_forward=1
}

address() { # NETNS DEVICE ADDRESS
	ip netns exec "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" link set "$2" up
}

masquerade() {
	printf '%s\n' 'table ip nat { chain post {' 'type nat hook postrouting priority 100;' \
		'oifname "r2" masquerade' '}; }' | ip netns exec "$R" nft -f -
}

capture_start() { # OPTIONS...
	"$WARREN" capture -w "$FILE" "$@" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	CAPTURE=$!
	echo $CAPTURE >>"$BATS_TEST_TMPDIR/pids"
	wait_for 30 grep -q '^capturing on' "$BATS_TEST_TMPDIR/said" || { cat "$BATS_TEST_TMPDIR/said"; return 1; }
}

capture_stop() {
	kill -INT $CAPTURE
	wait $CAPTURE
}

# Fields of each packet; fails when tshark has anything to complain about.
fields() { # FILE FIELD...
	local file=$1 options=() f
	shift
	for f in "$@"; do options+=(-e "$f"); done
	tshark -r "$file" -T fields "${options[@]}" 2>"$BATS_TEST_TMPDIR/complaints"
	! grep -v 'Running as user' "$BATS_TEST_TMPDIR/complaints"
}

ping_once() { # NETNS ADDRESS
	ip netns exec "$1" ping -n -c1 -W4 "$2"
}

@test "a packet has one id on all devices it passes, across NAT, in the order of time" {
	masquerade
	capture_start -n "$A" -n "$R" -n "$B" icmp
	ping_once "$A" 10.0.2.2
	capture_stop
	[ "$(fields "$FILE" frame.interface_name icmp.type | tr '\n\t' '  ')" = \
		"a0@$A 8 r1@$R 8 r2@$R 8 b0@$B 8 b0@$B 0 r2@$R 0 r1@$R 0 a0@$A 0 " ]
	[ "$(fields "$FILE" icmp.type frame.packet_id | sort -u | wc -l)" = 2 ]
	[ "$(fields "$FILE" frame.packet_flags_direction | tr '\n' ' ')" = \
		"0x00000002 0x00000001 0x00000002 0x00000001 0x00000002 0x00000001 0x00000002 0x00000001 " ]
	[ "$(fields "$FILE" ip.src icmp.type | awk '$2 == 8 {print $1}' | sort | uniq -c | awk '{print $1 $2}' | tr '\n' ' ')" = \
		"210.0.1.2 210.0.2.1 " ]
	capinfos -o "$FILE" | grep -q 'Strict time order:.*True'
}

#  a:tun0 == b:tun0 over a:eth0 -- b:eth0
@test "through an encrypted tunnel a packet keeps its id, and with -t its datagram says that it carries it" {
	n=$(name n)
	printf '%s\n' "name: $n" 'nodes:' \
		'  a: {devices: {eth0: 10.0.0.1/24, tun0: 10.9.0.1/24}}' \
		'  b: {devices: {eth0: 10.0.0.2/24, tun0: 10.9.0.2/24}}' \
		'links: ["a:eth0 -- b:eth0"]' 'tunnels: ["a:tun0 == b:tun0"]' >"$BATS_TEST_TMPDIR/n.yaml"
	network_note "$n"
	warren up "$BATS_TEST_TMPDIR/n.yaml"
	warren exec "$n/a" ping -n -c1 -W4 10.9.0.2 # keys are agreed upon
	capture_start -t -n "$n"
	warren exec "$n/a" ping -n -c1 -W4 10.9.0.2
	capture_stop
	seen=$(fields "$FILE" frame.interface_name frame.packet_id icmp.type frame.comment | sed "s,$n/,,")
	echo "$seen"
	inner=$(awk -F'\t' '$1 == "tun0@a" && $3 == 8 {print $2}' <<<"$seen")
	[ -n "$inner" ] && [ "$inner" = "$(awk -F'\t' '$1 == "tun0@b" && $3 == 8 {print $2}' <<<"$seen")" ]
	for place in eth0@a eth0@b; do
		[ "$(grep -P "^$place\t" <<<"$seen" | grep -c "carries packet $inner, encrypted by warren")" = 1 ]
	done
}

@test "tshark reads it without a complaint, with names, filter, nanoseconds and statistics" {
	capture_start -n "$A" icmp
	ping_once "$A" 10.0.1.1
	capture_stop
	[ "$(fields "$FILE" frame.number | wc -l)" = 2 ]
	[ -z "$(tshark -r "$FILE" -q -z expert 2>/dev/null | grep -iE 'error|warn')" ]
	capinfos "$FILE" >"$BATS_TEST_TMPDIR/infos"
	grep -q "Name = a0@$A" "$BATS_TEST_TMPDIR/infos"
	grep -q 'Filter string = icmp' "$BATS_TEST_TMPDIR/infos"
	grep -q 'timestamp precision:  nanoseconds' "$BATS_TEST_TMPDIR/infos"
	grep -q "2  a0@$A" "$BATS_TEST_TMPDIR/said"
	grep -q '2 frames captured on 1 of 2 devices, 0 lost' "$BATS_TEST_TMPDIR/said"
}

@test "an ARP request that is sent again is another packet" {
	capture_start -i "a0@$A" -i "r1@$R" arp
	ip netns exec "$A" ping -n -c1 -W3 10.0.1.77 || true
	capture_stop
	n=$(fields "$FILE" frame.interface_name | grep -c "a0@$A")
	[ "$n" -ge 2 ]
	[ "$(fields "$FILE" frame.packet_id | sort | uniq -c | awk '$1 == 2' | wc -l)" = "$n" ]
}

@test "on lo a packet is one frame, and on a tun it is a bare IP packet" {
	background ip netns exec "$A" wireguard-go -f wg0
	wait_for 10 ip -n "$A" link show wg0
	ip -n "$A" addr add 10.9.0.1/24 dev wg0
	ip -n "$A" link set wg0 up
	capture_start -n "$A" icmp
	ping_once "$A" 127.0.0.1
	ip netns exec "$A" ping -n -c1 -W1 10.9.0.2 || true
	capture_stop
	[ "$(fields "$FILE" frame.interface_name frame.encap_type icmp.type | tr '\n\t' '  ')" = \
		"lo@$A 1 8 lo@$A 1 0 wg0@$A 7 8 " ]
}

@test "to standard output it flows at once" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$WARREN" capture -q -n "$A" -w - icmp >"$BATS_TEST_TMPDIR/pipe" 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	tshark -l -r "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/seen" 2>/dev/null 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	wait_for 15 ping_seen
	grep -q 'Echo (ping) request' "$BATS_TEST_TMPDIR/seen"
}

ping_seen() {
	ping_once "$A" 10.0.1.1 && grep -q 'Echo (ping) reply' "$BATS_TEST_TMPDIR/seen"
}

@test "it ends by itself after -c frames" {
	capture_start -i "a0@$A" -c 3 icmp
	ip netns exec "$A" ping -n -c5 -i0.1 10.0.1.1
	wait $CAPTURE
	[ "$(fields "$FILE" frame.number | wc -l)" = 3 ]
}

@test "a ring of files: none passes its size, each opens alone" {
	capture_start -i "a0@$A" -i "r1@$R" -C 1 -W 2 udp port 9
	ip netns exec "$A" "$FLOOD" 10.0.1.1 9 2000 1 1400
	capture_stop
	[ ! -e "$FILE" ] && [ ! -e "${FILE}2" ]
	for f in "${FILE}0" "${FILE}1"; do
		[ "$(stat -c %s "$f")" -le 1000000 ]
		[ "$(fields "$f" frame.interface_name | sort -u | wc -l)" = 2 ]
	done
}

@test "frames are cut to -s bytes and their length is kept" {
	capture_start -i "a0@$A" -s 60 icmp
	ping_once "$A" 10.0.1.1
	capture_stop
	[ "$(fields "$FILE" frame.cap_len frame.len | sort -u | tr '\t' ' ')" = "60 98" ]
}

@test "a packet that is dropped has a comment that says why, and one that arrives has none" {
	printf '%s\n' 'table ip t { chain f {' 'type filter hook forward priority 0;' \
		'icmp type echo-request drop' '}; }' | ip netns exec "$R" nft -f -
	capture_start -n "$A" -n "$R" -n "$B" icmp
	ping_once "$A" 10.0.1.1
	ip netns exec "$A" ping -n -c1 -W1 10.0.2.2 || true
	capture_stop
	fields "$FILE" frame.interface_name frame.comment | grep -v "$(printf '\t')$" >"$BATS_TEST_TMPDIR/comments"
	cat "$BATS_TEST_TMPDIR/comments"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/comments")" = 1 ]
	grep -q "^r1@$R.dropped in $R: NETFILTER_DROP at nft_do_chain: a firewall rule dropped it" "$BATS_TEST_TMPDIR/comments"
}

@test "devices and namespaces that appear later join" {
	C=$(name cC)
	capture_start -n "$A" -n "${C%?}*" icmp
	ip -n "$A" link add v0 type veth peer name v1
	address "$A" v0 10.0.3.1/24
	netns_add "$C"
	ip -n "$A" link set v1 netns "$C"
	address "$C" v1 10.0.3.2/24
	wait_for 10 both_seen
	capture_stop
}

both_seen() { # a node that has just appeared may be a moment late
	ping_once "$A" 10.0.3.2
	sleep 0.2
	fields "$FILE" frame.interface_name >"$BATS_TEST_TMPDIR/names" || true
	grep -q "v0@$A" "$BATS_TEST_TMPDIR/names" && grep -q "v1@$C" "$BATS_TEST_TMPDIR/names"
}

@test "a namespace can go while it is being looked at" {
	capture_start -n "$A" -n "$R" -n "$B"
	ip netns del "$B"
	wait_for 10 device_gone
	ping_once "$A" 10.0.1.1
	capture_stop
	grep -q 'frames captured' "$BATS_TEST_TMPDIR/said"
}

device_gone() { # the other end of a cable that ended in the namespace
	! ip -n "$R" link show r2
}

@test "200,000 packets a second are captured on both ends of a cable, or counted as lost" {
	capture_start -i "a0@$A" -i "r1@$R" udp port 9
	sent=$(ip netns exec "$A" "$FLOOD" 10.0.1.1 9 200000 2 64)
	capture_stop
	cat "$BATS_TEST_TMPDIR/said"
	for d in "a0@$A" "r1@$R"; do
		got=$(awk -v d="$d" '$2 == d {print $1}' "$BATS_TEST_TMPDIR/said")
		lost=$(awk -v d="lost on $d:" 'index($0, d) {print $1}' "$BATS_TEST_TMPDIR/said")
		[ $((got + ${lost:-0})) = "$sent" ]
	done
}

@test "wrong filters, nodes and devices are named" {
	run -2 "$WARREN" capture -w "$FILE" -n "$A" 'icmp and and'
	[[ $output == *"filter 'icmp and and': "*"syntax error"* ]]
	run -1 "$WARREN" capture -w "$FILE" -n nowhere
	[[ $output == *"no node 'nowhere'"* ]]
	run -1 "$WARREN" capture -w "$FILE" -n "$A" -i eth7
	[[ $output == *"no device 'eth7' in $A"* ]]
	run -2 "$WARREN" capture -n "$A"
	[[ $output == *"-w FILE"* ]]
	[ ! -e "$FILE" ]
}

@test "an ordinary user captures on networks of his own" {
	[ "$(cat /proc/sys/user/max_user_namespaces)" != 0 ] || skip "this system has no user namespaces"
	ID=$((65100 + RANDOM % 300))
	WORK=$(mktemp -d)
	chown "$ID" "$WORK"
	install -m 755 "$WARREN" "$WORK/warren"
	printf '%s\n' 'name: own' 'nodes: {a: {devices: {e0: 10.0.0.1/24}}, b: {devices: {e0: 10.0.0.2/24}}}' \
		'links: [a:e0 -- b:e0]' >"$WORK/own.yaml"
	as_user ./warren up own.yaml
	as_user ./warren capture -n own -w out.pcapng -c 4 icmp 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	CAPTURE=$!
	wait_for 30 grep -q '^capturing on' "$BATS_TEST_TMPDIR/said"
	as_user ./warren exec a ping -n -c1 -W4 10.0.0.2
	wait $CAPTURE
	as_user ./warren down own
	[ "$(fields "$WORK/out.pcapng" frame.interface_name icmp.type | tr '\n\t' '  ')" = \
		"e0@a 8 e0@b 8 e0@b 0 e0@a 0 " ]
	[ "$(stat -c %u "$WORK/out.pcapng")" = "$ID" ]
	rm -rf "$WORK"
}

as_user() {
	(cd "$WORK" && exec setpriv --reuid "$ID" --regid "$ID" --clear-groups --inh-caps=-all \
		env -u XDG_RUNTIME_DIR HOME="$WORK" "$@")
}
