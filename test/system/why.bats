# The journey, and how it is told.
#
#  site-a                    internet                    site-b             host-b
#   tun0 192.168.3.11   .----- a  b -----.         tun0 192.168.3.1     eth0 192.168.4.10
#   eth0 10.32.0.11 ----'                 '------- eth0 10.33.0.1        |
#                                                  lan0 192.168.4.1 -----'
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

vpn_up() {
	V=$(name v)
	sed "s/^name: .*/name: $V/" "$EXAMPLES/vpn.yaml" >"$BATS_TEST_TMPDIR/vpn.yaml"
	network_note "$V"
	warren up "$BATS_TEST_TMPDIR/vpn.yaml"
}

# steps LEG-FILTER: "node event" of each step, in order
told() {
	field '.steps[] | "\(.node | sub(".*/"; "")) \(.event)"'
}

@test "a packet is followed through two tunnels' processes, there and back" {
	vpn_up
	delivered "$V/site-a" 192.168.4.10
	[ "$(field .engine)" = ebpf ]
	told >"$BATS_TEST_TMPDIR/told"
	grep -v -e 'route$' "$BATS_TEST_TMPDIR/told" | uniq >"$BATS_TEST_TMPDIR/short"
	# The stations of the picture, each after the one before.
	last=0
	for station in 'site-a socket' 'site-a read' 'site-a seal' 'site-a tx' 'internet rx' 'internet tx' \
		'site-b rx' 'site-b open' 'site-b write' 'site-b tx' 'host-b rx' 'host-b deliver' 'site-b read' \
		'site-b seal' 'internet rx' 'site-a open' 'site-a write' 'site-a receive'; do
		at=$(awk -v last="$last" -v want="$station" 'NR > last && $0 == want { print NR; exit }' \
			"$BATS_TEST_TMPDIR/told")
		[ -n "$at" ] || { echo "missing: $station"; cat "$BATS_TEST_TMPDIR/told"; false; }
		last=$at
	done
	# Both sizes, and the process by its number.
	field '.steps[] | select(.event == "seal") | .note' | head -1 |
		grep -Eq "pid [0-9]+\) encrypts 84 bytes into a datagram of [0-9]+"
	pid=$(field '.steps[] | select(.event == "read") | .note' | head -1 | sed 's/.*pid \([0-9]*\).*/\1/')
	grep -q tunnel /proc/"$pid"/cmdline
}

@test "a drop of the datagram is a drop of the packet: firewall of the internet" {
	vpn_up
	delivered "$V/site-a" 192.168.3.1
	printf 'table ip t {\nchain f {\ntype filter hook forward priority 0;\nudp dport 51820 drop\n}\n}\n' |
		ip netns exec "$V.internet" nft -f -
	fault firewall-drop "$V/site-a" 192.168.3.1
}

@test "a datagram that no router forwards" {
	vpn_up
	delivered "$V/site-a" 192.168.3.1
	set_in "$V.internet" net.ipv4.ip_forward=0
	fault forwarding-off "$V/site-a" 192.168.3.1
}

@test "an address that no peer of the tunnel may have" {
	vpn_up
	ip -n "$V.site-a" route add 192.168.77.0/24 dev tun0
	failed tunnel-allowed-ips "$V/site-a" 192.168.77.7
}

@test "a stopped tunnel process is named, and woken by the printed command" {
	vpn_up
	delivered "$V/site-a" 192.168.3.1
	pid=$(field '.steps[] | select(.event == "read") | .note' | head -1 | sed 's/.*pid \([0-9]*\).*/\1/')
	kill -STOP "$pid"
	failed tun-not-reading "$V/site-a" 192.168.3.1
	repair
	delivered "$V/site-a" 192.168.3.1
}

@test "a foreign tunnel is followed by the process that reads and sends" {
	p2p
	for n in "$A" "$B"; do
		mkdir -p "$BATS_TEST_TMPDIR/$n"
		warren key gen >"$BATS_TEST_TMPDIR/$n/key"
	done
	i=1
	for n in "$A" "$B"; do
		background ip netns exec "$n" unshare -m sh -c "mkdir -p /var/run/wireguard; mount --bind $BATS_TEST_TMPDIR/$n /var/run/wireguard; exec wireguard-go -f w$i"
		wait_for 10 test -S "$BATS_TEST_TMPDIR/$n/w$i.sock"
		i=$((i + 1))
	done
	set_wg() { # NETNS DEVICE PEER-KEY ENDPOINT ALLOWED
		ip netns exec "$1" unshare -m sh -c "mkdir -p /var/run/wireguard; mount --bind $BATS_TEST_TMPDIR/$1 /var/run/wireguard; wg set $2 listen-port 51000 private-key $BATS_TEST_TMPDIR/$1/key peer $3 endpoint $4:51000 allowed-ips $5"
	}
	set_wg "$A" w1 "$(wg pubkey <"$BATS_TEST_TMPDIR/$B/key")" 10.0.0.2 10.9.0.0/24
	set_wg "$B" w2 "$(wg pubkey <"$BATS_TEST_TMPDIR/$A/key")" 10.0.0.1 10.9.0.0/24
	ip -n "$A" addr add 10.9.0.1/24 dev w1; ip -n "$A" link set w1 up
	ip -n "$B" addr add 10.9.0.2/24 dev w2; ip -n "$B" link set w2 up
	delivered "$A" 10.9.0.2
	delivered "$A" 10.9.0.2
	field '.steps[] | select(.event == "read") | .note' | grep -q wireguard-go
	field '.steps[].note // ""' | grep -q inferred
	# Others' packets of the same size: any of them could be ours, so none is named as ours.
	background ip netns exec "$A" ping -q -i 0.002 10.9.0.2
	wait_for 5 eval "ip -n $A -s -j link show w1 | jq -e '.[0].stats64.tx.packets > 50'"
	delivered "$A" 10.9.0.2
	! field '.steps[].note // ""' | grep -q inferred
	# Of another size there is no mistaking.
	delivered "$A" --size 900 10.9.0.2
	field '.steps[].note // ""' | grep -q inferred
}

@test "a datagram in the middle of many that are sent as one is told as ours" {
	vpn_up
	background ip netns exec "$V.site-b" iperf3 -s -1
	wait_for 5 eval "ip netns exec $V.site-b ss -lnt | grep -q 5201"
	background ip netns exec "$V.site-a" iperf3 -c 192.168.3.1 -t 8 -P 4
	wait_for 5 eval "ip -n $V.site-a -s -j link show eth0 | jq -e '.[0].stats64.tx.packets > 500'"
	told=0 # the machine is as busy as it can be: events may be lost, but not as a rule
	for _ in 1 2 3 4 5 6; do
		delivered "$V/site-a" 192.168.3.1
		[ "$(field '[.steps[] | select((.note // "") | test("carries the datagram|encrypted")) | .event] | length')" -lt 4 ] ||
			told=$((told + 1))
		[ $told -lt 3 ] || return 0
	done
	false
}

# ---- how it is told ----

@test "the JSON has the members that are promised" {
	p2p
	failed address-not-owned "$A" 10.0.0.9
	[ "$(field '.at.node')" = "$A" ]
	[ "$(field '.at.device')" = a0 ]
	[ "$(field '[.question.destination, .verdict, .engine] | join(" ")')" = "10.0.0.9 failed ebpf" ]
	[ "$(field '.steps[] | select(.event == "tx") | .packet' | head -1)" = "ARP who-has 10.0.0.9 tell 10.0.0.1" ]
	[ "$(field '.evidence | length > 0')" = true ]
	delivered "$A" 10.0.0.2
	[ "$(field '[.cause, .at] | map(tostring) | join(" ")')" = "null null" ]
}

@test "wrong questions are usage errors, each on one line" {
	p2p
	run -2 --separate-stderr warren why --from "$A" "no such name."
	[ "${#stderr_lines[@]}" = 1 ]
	run -2 --separate-stderr warren why --from nowhere-$$ 10.0.0.2
	[ "${#stderr_lines[@]}" = 1 ]
	run -2 warren why --proto sctp 10.0.0.2
	run -2 warren why
}

@test "nobody waits for three ARP attempts when the owners can be read" {
	p2p
	began=$(date +%s%N)
	failed address-not-owned "$A" 10.0.0.9
	[ $((($(date +%s%N) - began) / 1000000)) -lt 2500 ]
}

@test "with two faults the first that blocks is named, and then the second" {
	rt
	set_in "$R" net.ipv4.ip_forward=0
	ip -n "$B" route del default
	failed forwarding-off "$A" 10.0.2.2
	repair
	fault no-return-route "$A" 10.0.2.2
}

@test "nothing is left behind: no programs, no neighbours, no rules" {
	p2p
	delivered "$A" 10.0.0.2
	wait_for 60 programs_gone 0 $(programs)
	[ -z "$(ip netns exec "$A" nft list ruleset)" ]
}

@test "UDP and TCP are delivered to programs that listen" {
	rt
	background ip netns exec "$B" socat UDP-RECVFROM:5000,fork EXEC:cat
	background ip netns exec "$B" socat -u UDP-RECV:5001 STDOUT
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "[ \$(ip netns exec $B ss -Hlnut | grep -c 500) = 3 ]"
	delivered "$A" --proto udp --port 5000 10.0.2.2
	delivered "$A" --proto udp --port 5001 10.0.2.2
	delivered "$A" --proto tcp --port 5000 10.0.2.2
	delivered "$A" --size 4000 10.0.2.2
}

@test "doc/causes.md is the rule book as it is" {
	diff <(warren why --causes) "$BATS_TEST_DIRNAME/../../doc/causes.md"
}
