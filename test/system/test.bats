#!/usr/bin/env bats
# warren test: up, checks, down.
#
#	a x 10.0.0.1/24 ------ x b 10.0.0.2/24
load lib

setup() {
	need_root
	net=$(name t)
	network_note "$net"
}

# network CHECKS...: the file of that picture, with these lines under checks:
network() {
	cat >"$BATS_TEST_TMPDIR/n.yaml" <<-END
		name: $net
		nodes:
		  a: {devices: {x: 10.0.0.1/24}}
		  b: {devices: {x: 10.0.0.2/24}}
		links: [a:x -- b:x]
		checks:
	END
	printf '  - %s\n' "$@" >>"$BATS_TEST_TMPDIR/n.yaml"
}

try() {
	run timeout 60 "$WARREN" test "$@" "$BATS_TEST_TMPDIR/n.yaml"
	echo "$output"
}

gone() {
	! ip netns list | grep -q "^$net\." && [ ! -e "/run/warren/$net" ]
}

@test "checks that hold pass, and nothing is left behind" {
	network '{from: a, ping: 10.0.0.2}' '{from: b, ping: a}' \
		'{from: a, tcp: 10.0.0.2, port: 80, expect: fail}' \
		"{from: a, run: 'ip -br addr show x', output: '^x@.* 10[.]0[.]0[.]1/24'}" \
		'{from: a, run: "exit 3", exit: 3}' '{from: b, run: "false", expect: fail}'
	try
	[ "$status" = 0 ]
	[ "${lines[0]}" = "TAP version 13" ]
	[ "${lines[1]}" = "1..6" ]
	[ "${lines[2]}" = "ok 1 - a: ping 10.0.0.2" ]
	[ "$(grep -c '^ok ' <<<"$output")" = 6 ]
	gone
}

@test "a check that does not hold says where the packet ended, why, and the fix" {
	network '{from: a, ping: 10.0.0.3}'
	try
	[ "$status" = 1 ]
	[[ "$output" == *"not ok 1 - a: ping 10.0.0.3"* ]]
	[[ "$output" == *"n.yaml:7:5"* ]]
	[[ "$output" == *"address-not-owned at "*"a:x"* ]]
	[[ "$output" == *"ip -n $net.b addr add 10.0.0.3/24 dev x"* ]]
	gone
}

@test "an expected failure needs its cause and its place" {
	network '{from: a, ping: 10.0.0.3, expect: fail, cause: address-not-owned, at: "a:x"}' \
		'{from: a, ping: 10.0.0.3, cause: no-route}' \
		'{from: a, ping: 10.0.0.3, expect: fail, at: b}' \
		'{from: a, ping: 10.0.0.2, expect: fail}'
	try
	[ "$status" = 1 ]
	grep -q '^ok 1 ' <<<"$output"
	grep -q 'expected the cause no-route, found address-not-owned' <<<"$output"
	grep -q 'expected that it ends at b, found that it ends at .*a:x' <<<"$output"
	grep -q 'expected no answer, found one' <<<"$output"
}

@test "what passes a device is counted while the probe runs" {
	network '{from: a, ping: 10.0.0.2, seen: [{device: x, filter: icmp, count: 2}, {device: x, node: b, filter: arp}], unseen: lo}' \
		'{from: a, ping: 10.0.0.2, seen: {device: x, filter: "udp port 9"}}' \
		'{from: a, ping: 10.0.0.2, unseen: {device: x, node: b, filter: icmp}}' \
		'{from: a, ping: 10.0.0.2, seen: {device: x, filter: icmp, count: "<=1"}}' \
		'{from: a, ping: 10.0.0.1, seen: {device: lo, filter: icmp, count: 2}}'
	try
	[ "$status" = 1 ]
	grep -q '^ok 1 ' <<<"$output"
	grep -q 'expected at least 1 of \\"udp port 9\\" on a:x, found 0' <<<"$output"
	grep -q 'expected none of \\"icmp\\" on b:x, found 2' <<<"$output"
	grep -q 'expected 0 to 1 of \\"icmp\\" on a:x, found 2' <<<"$output"
	grep -q '^ok 5 ' <<<"$output"
}

@test "a command that takes too long is ended" {
	network "{from: a, run: 'sleep 60', timeout: 200ms}"
	try
	[ "$status" = 1 ]
	grep -q 'expected an end within 0.2 s, found it still running' <<<"$output"
}

@test "a wrong filter or expression is an error with its place, and nothing is brought up" {
	network "{from: a, ping: 10.0.0.2, seen: {device: x, filter: 'port and'}}"
	try
	[ "$status" = 1 ]
	[[ "$output" == *"n.yaml:7:37: filter 'port and'"* ]]
	[[ "$output" != *TAP* ]]
	network "{from: a, run: id, output: '('}"
	try
	[ "$status" = 1 ]
	[[ "$output" == *"n.yaml:7:5: output: found '('"* ]]
	gone
}

@test "a file without checks has a plan of none" {
	network
	sed -i '/checks:/,$d' "$BATS_TEST_TMPDIR/n.yaml"
	try
	[ "$status" = 0 ]
	[ "${lines[1]}" = "1..0 # SKIP the file has no checks" ]
}

@test "Ctrl-C takes the network down" {
	network "{from: a, run: 'sleep 60'}"
	timeout -s INT 60 "$WARREN" test "$BATS_TEST_TMPDIR/n.yaml" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 20 grep -q 1..1 "$BATS_TEST_TMPDIR/out"
	[ -e "/run/netns/$net.a" ]
	kill -INT "$pid"
	wait "$pid" && false
	gone
}

@test "a network that was up before stays up" {
	network '{from: a, ping: 10.0.0.2}'
	"$WARREN" up "$BATS_TEST_TMPDIR/n.yaml"
	try
	[ "$status" = 0 ]
	[ -e "/run/netns/$net.a" ]
}

@test "-v tells the way of each packet" {
	network '{from: a, ping: 10.0.0.2}'
	try -v
	[ "$status" = 0 ]
	grep -q '^#.*ICMP echo request 10.0.0.1 > 10.0.0.2' <<<"$output"
	! grep -v -e '^#' -e '^ok' -e '^1\.\.' -e '^TAP' <<<"$output"
}

@test "--json prints an object for each check" {
	network '{from: a, ping: 10.0.0.2, seen: {device: x, filter: icmp}}' \
		'{from: a, ping: 10.0.0.3, name: nobody has it}' '{from: a, run: "echo hi; exit 3", exit: 4}'
	try --json
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 3 ]
	[ "$(jq -c '[.passed, .place.line, .verdict.verdict, .seen[0].count]' <<<"${lines[0]}")" = '[true,7,"delivered",2]' ]
	[ "$(jq -c '[.name, .passed, .verdict.cause]' <<<"${lines[1]}")" = '["nobody has it",false,"address-not-owned"]' ]
	[ "$(jq -c '[.passed, .status, .output]' <<<"${lines[2]}")" = '[false,3,"hi"]' ]
}
