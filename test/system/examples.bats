#!/usr/bin/env bats
# Every network in examples/ does what its checks say, and leaves nothing behind.
# (The experiments with one pair of devices have experiments.bats.)
load lib

setup() {
	need_root
}

teardown() {
	"$WARREN" down "$example" >/dev/null 2>&1 || true
}

passes() {
	example=$1
	run timeout 200 "$WARREN" test "$EXAMPLES/$1.yaml"
	echo "$output"
	[ "$status" = 0 ]
	! ip netns list | grep -q "^$1\."
	[ ! -e "/run/warren/$1" ]
}

@test "a segment with ten hosts and a router to another" {
	passes lan
}

@test "a hub whose one tunnel device has three peers" {
	passes hub
}

@test "a segment stretched over two routers by vxlan" {
	passes vxlan
}

@test "a router with a ruleset and masquerading" {
	passes firewall
}

@test "two macvlan devices on one" {
	passes macvlan
}

@test "no example goes without a test" {
	for f in "$EXAMPLES"/*.yaml; do
		grep -qE "(passes|experiment|EXAMPLES/|examples/)[ ]?$(basename "$f" .yaml)" "$BATS_TEST_DIRNAME"/*.bats \
			"$BATS_TEST_DIRNAME"/../../scripts/demo || { echo "$f is not tried"; false; }
	done
}
