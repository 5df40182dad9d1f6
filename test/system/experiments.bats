#!/usr/bin/env bats
# The experiments with one pair of devices, as files that anyone can run again.
# Each file has its picture on top; here each must come out as the file says.
load lib

setup() {
	need_root
}

teardown_file() {
	local f
	for f in "$EXAMPLES"/{veth,tun,tap}-*.yaml; do
		"$WARREN" down "$(basename "$f" .yaml)" >/dev/null 2>&1
	done
	return 0
}

# experiment NAME CHECKS: all pass, and nothing is left behind
experiment() {
	run timeout 200 "$WARREN" test -v "$EXAMPLES/$1.yaml"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c '^ok ' <<<"$output")" = "$2" ]
	! ip netns list | grep -q "^$1\."
	[ ! -e "/run/warren/$1" ]
}

# tells WORDS...: the account of the experiment has these words, however its lines are broken
tells() {
	local words=$*
	tr -s ' \n#' ' ' <<<"$output" | grep -qF -- "$words"
}

@test "a veth pair with one address: ARP is asked on both ends and answered by nobody" {
	experiment veth-one-address 2
	tells box:veth0 asks everybody on its segment: ARP who-has 192.168.2.1 tell 192.168.2.11
	tells box:veth1, the other end of box:veth0, receives it
	tells the cause is '`address-not-owned`'
	[[ "$output" == *"Destination Host Unreachable"* ]]
}

@test "with both addresses the ping works, and the reply is on lo only" {
	experiment veth-two-addresses 4
	tells 192.168.2.11 is an address of willing itself, and such packets go over lo
	tells the cause is '`accept-local`'
	tells the cause is '`rp-filter`'
}

@test "any other address, and a public one, fail at ARP" {
	experiment veth-elsewhere 4
	tells ARP who-has 198.51.100.8 tell 192.168.2.11
	tells the cause is '`no-route`'
}

@test "with a bridge the same pair reaches the outside" {
	experiment veth-bridge 2
	tells The bridge br0 of box passes it on, out of its port eth0
	tells router forwards it, out of wan
}

@test "a process reads packets from a tun, and answers none" {
	experiment tun-unanswered 3
	tells a tun gives it the bare packet
	tells the cause is '`tun-no-answer`'
	[[ "$output" == *"84 bytes: ICMP echo request 192.168.3.11 > 192.168.3.12"* ]]
}

@test "a process reads ARP from a tap, and answers none" {
	experiment tap-unanswered 4
	tells a tap gives it the whole Ethernet frame
	[[ "$output" == *"42 bytes: Ethernet "*" > ff:ff:ff:ff:ff:ff, ARP who-has 192.168.3.12 tell 192.168.3.11"* ]]
}
