#!/usr/bin/env bats
# A wrong file is one line that says where, what was found and what was expected;
# exit 1, and nothing is changed.  (Every kind of wrong file is in
# src/net/plan_error_test.c; here it is the commands that are tried.)
load lib

setup() {
	need_root
	net=$(name w)
	file=$BATS_TEST_TMPDIR/$net.yaml
	network_note "$net"
}

# wrong TEXT ERROR: `up`, `plan` and `test` all say "FILE:ERROR" and nothing else
wrong() {
	local command before
	printf '%s' "$1" >"$file"
	before=$(ls /run/netns /run/warren 2>/dev/null | grep "$net" || true)
	for command in up plan test; do
		run "$WARREN" "$command" "$file"
		echo "$command: $status: $output"
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
		[ "$output" = "warren $command: $file:$2" ]
	done
	[ "$(ls /run/netns /run/warren 2>/dev/null | grep "$net" || true)" = "$before" ]
}

two='nodes: {a: {}, b: {}}
'

@test "an unknown key" {
	wrong 'nodes:
  a:
    devices:
      eth0: {adress: 10.0.0.1/24}
' "4:14: unknown key 'adress' in a device; did you mean 'addr'?"
}

@test "a name that stands twice" {
	wrong 'nodes:
  a: {}
  a: {}
' "3:3: found 'a' a second time, expected it once (first in line 2)"
}

@test "a link to an unknown node" {
	wrong "$two"'links:
  - a:eth0 -- c:eth0
' "3:15: unknown node 'c', expected one of a, b"
}

@test "an end that is used twice" {
	wrong "$two"'links:
  - a:eth0 -- b:eth0
  - a:eth0 -- b:eth1
' "4:5: found the end a:eth0 a second time, expected it once (the link in line 3 has it)"
}

@test "an address that stands twice in a node" {
	wrong 'nodes:
  a: {devices: {x: 10.0.0.1/24, y: 10.0.0.1/24}}
  b: {}
links: [a:x -- b:x, a:y -- b:y]
' "2:36: found the address 10.0.0.1 a second time in node a, expected it once (first in line 2)"
}

@test "a name of more than 15 characters" {
	wrong "$two"'links:
  - a:abcdefghijklmnop -- b:eth0
' "3:5: found 'abcdefghijklmnop', expected the name of a device: at most 15 characters, no '/', ':' or space"
}

@test "text that is no YAML, and a file that is not there" {
	wrong 'nodes: [
' "2:1: YAML: did not find expected node content while parsing a flow node"
	run "$WARREN" up "$BATS_TEST_TMPDIR/none.yaml"
	[ "$status" = 1 ]
	[ "$output" = "warren up: $BATS_TEST_TMPDIR/none.yaml: No such file or directory" ]
}

@test "a file that has become wrong changes nothing of what is up" {
	printf '%s' "$two"'links: [a:eth0 -- b:eth0]
' >"$file"
	"$WARREN" up "$file"
	before=$(ip -n "$net.a" -j addr; ip -n "$net.b" -j addr)
	wrong "$two"'links: [a:eth0 -- b:eth0, a:eth1 -- c:eth1]
' "2:37: unknown node 'c', expected one of a, b"
	[ "$(ip -n "$net.a" -j addr; ip -n "$net.b" -j addr)" = "$before" ]
}

@test "every example is a file without errors" {
	for f in "$EXAMPLES"/*.yaml; do
		run "$WARREN" plan "$f"
		echo "$f: $output"
		[ "$status" = 0 ] || [ "$status" = 2 ]
	done
}

@test "the reference of the file is the one that the program prints" {
	diff <("$WARREN" file) "$BATS_TEST_DIRNAME/../../doc/file.md"
	"$WARREN" file --json | jq -e '.properties.nodes and .additionalProperties == false' >/dev/null
}
