#!/usr/bin/env bats
# warren read: the process at the other end of a tun or tap.
#
#	ping --> stack --> tun0 10.8.0.1 --> warren read
load lib

setup() {
	need_root
	box=$(name r)
	netns_add "$box"
	ip netns exec "$box" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
}

# holds tun|tap DEVICE: a device that warren reads, until one packet has come
holds() {
	ip -n "$box" tuntap add "$2" mode "$1"
	ip -n "$box" addr add 10.8.0.1/24 dev "$2"
	ip -n "$box" link set "$2" up
	out=$BATS_TEST_TMPDIR/out
	ip netns exec "$box" timeout 20 "$WARREN" read -c 1 ${3:-} "$2" >"$out" 2>&1 3>&- &
	pid=$!
	wait_for 10 ip netns exec "$box" grep -q 1 "/sys/class/net/$2/carrier"
	ip netns exec "$box" ping -n -c1 -W1 10.8.0.2 || true
	wait "$pid"
	cat "$out"
}

@test "from a tun come packets that begin with their IP header" {
	holds tun tun0
	[ "$(cat "$out")" = "84 bytes: ICMP echo request 10.8.0.1 > 10.8.0.2, 84 bytes" ]
}

@test "from a tap come Ethernet frames" {
	holds tap tap0
	mac=$(ip -n "$box" -j link show tap0 | jq -r '.[0].address')
	[ "$(cat "$out")" = "42 bytes: Ethernet $mac > ff:ff:ff:ff:ff:ff, ARP who-has 10.8.0.2 tell 10.8.0.1" ]
}

@test "--json prints an object a line" {
	holds tap tap0 --json
	[ "$(jq -c '[.length, .ethernet.to, .ethernet.type]' "$out")" = '[42,"ff:ff:ff:ff:ff:ff",2054]' ]
}

@test "what is no tun or tap, and what is not there, is said on one line" {
	ip -n "$box" link add v0 type veth peer name v1
	run ip netns exec "$box" "$WARREN" read v0
	[ "$status" = 1 ]
	[ "$output" = "warren read: v0: it is neither a tun nor a tap" ]
	run ip netns exec "$box" "$WARREN" read none0
	[ "$status" = 1 ]
	[ "$output" = "warren read: none0: no such device in this namespace" ]
	! ip -n "$box" link show none0
}

@test "a device that another process has open is busy" {
	ip -n "$box" tuntap add tun0 mode tun
	ip -n "$box" link set tun0 up
	background ip netns exec "$box" "$WARREN" read tun0
	wait_for 10 ip netns exec "$box" grep -q 1 /sys/class/net/tun0/carrier
	run ip netns exec "$box" "$WARREN" read tun0
	[ "$status" = 1 ]
	[ "$output" = "warren read: tun0: another process has it open" ]
}
