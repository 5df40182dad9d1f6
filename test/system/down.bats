#!/usr/bin/env bats
# Taking networks down leaves nothing, whatever happened before.
#
#   a e0 10.0.0.1/24 -------- 10.0.0.2/24 e0 b
load lib

setup() {
	need_root
	NET=$(name dn)
	FILE=$BATS_TEST_TMPDIR/net.yaml
	network_note "$NET"
	network_write 2
}

network_write() { # NODES on a segment
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  "h[1-$1]":
		    sysctl: {net.ipv4.ip_forward: 1}
		nets:
		  lan: {members: ["h[1-$1]:eth0"], prefix: 10.1.0.0/16}
	END
}

# Everything of this network on the machine; empty when there is none.
traces() {
	ip netns list | grep "^$NET\." || true
	ls -d "/run/warren/$NET" 2>/dev/null || true
	mount | grep "/$NET\." || true
	ip -br link | grep "$NET" || true
	pgrep -af "warren/$NET" || true
}

# What else is on the machine and must not change; other tests run at the same time, so only what
# has nothing to do with networks of Warren's.
machine() {
	ip -j link | jq -c '.[] | [.ifindex, .ifname]'
	ip -j addr | jq -c '.[] | [.ifname, [.addr_info[].local]]'
	ip route
	sysctl -a 2>/dev/null | grep -e '^net.ipv4.ip_forward ' -e '^net.ipv4.conf.default'
}

@test "up and down leave the machine as it was" {
	machine >"$BATS_TEST_TMPDIR/before"
	warren up "$FILE"
	[ -n "$(traces)" ]
	warren down "$NET"
	[ -z "$(traces)" ]
	machine | diff "$BATS_TEST_TMPDIR/before" -
}

@test "a second down says that there is nothing" {
	warren up "$FILE"
	warren down "$NET"
	run warren down "$NET"
	[ "$status" = 1 ]
	[ "$output" = "warren down: network '$NET' is not up" ]
	run warren down "$FILE"
	[ "$status" = 1 ]
	[[ $output == *"is not up" ]]
}

@test "down works by name, by file, by the path of a lost file, and with the file changed" {
	warren up "$FILE"
	warren down "$FILE"
	[ -z "$(traces)" ]
	warren up "$FILE"
	rm "$FILE"
	warren down "$FILE"
	[ -z "$(traces)" ]
	network_write 2
	warren up "$FILE"
	echo "rubbish: [" >"$FILE"
	warren down "$FILE"
	[ -z "$(traces)" ]
	network_write 2
	warren up "$FILE"
	network_write 1
	(cd "$BATS_TEST_TMPDIR" && "$WARREN" down ./net.yaml)
	[ -z "$(traces)" ]
}

@test "an up that was killed at any moment is taken down whole" {
	network_write 60
	for ms in 3 10 20 40 80 120; do
		"$WARREN" up "$FILE" &
		pid=$!
		sleep "0.$(printf %03d $ms)"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		run warren down "$NET"
		echo "$ms ms: $output"
		# killed before it began, there is nothing to take down
		[ "$status" = 0 ] || [[ $output == *"is not up" ]]
		[ -z "$(traces)" ]
	done
}

@test "an up that was killed is finished by the next up" {
	network_write 60
	for ms in 10 30 60; do
		"$WARREN" up "$FILE" &
		pid=$!
		sleep "0.$(printf %03d $ms)"
		kill -KILL $pid 2>/dev/null || true
		wait $pid || true
		warren up "$FILE"
		warren exec "$NET/h1" ping -n -c1 -W1 10.1.0.60
		run warren plan "$FILE"
		[ "$status" = 0 ]
		warren down "$NET"
		[ -z "$(traces)" ]
	done
}

@test "an up that was killed before it did anything leaves a folder that down takes away" {
	mkdir -p "/run/warren/$NET"
	run warren down "$NET"
	[ "$status" = 1 ]
	[ -z "$(traces)" ]
}

@test "a network whose namespaces were removed by hand comes down, and comes up again" {
	warren up "$FILE"
	ip netns del "$NET.h1"
	warren up "$FILE"
	warren exec "$NET/h1" ping -n -c1 -W1 10.1.0.2
	ip netns del "$NET.h2"
	warren down "$NET"
	[ -z "$(traces)" ]
}

@test "a namespace that somebody made under the name of one of ours stays" {
	warren up "$FILE"
	ip netns del "$NET.h1"
	netns_add "$NET.h1"
	ip -n "$NET.h1" link add mine type ifb
	run warren down "$NET"
	[ "$status" = 0 ]
	[[ $output == *"$NET.h1: not removed"* ]]
	ip -n "$NET.h1" link show mine
	[ ! -e "/run/warren/$NET" ]
}

@test "a program that somebody started in a node is named, not ended" {
	warren up "$FILE"
	background "$WARREN" exec "$NET/h1" sleep 1000
	pid=$!
	wait_for 5 bash -c "[ \"\$(cat /proc/$pid/comm)\" = sleep ]"
	run warren down "$NET"
	[ "$status" = 0 ]
	[[ $output == *"process $pid (sleep) still lives in node h1"* ]]
	kill -0 "$pid"
	[ -z "$(traces)" ]
}

@test "ls shows what is up, and what was left half-way" {
	warren up "$FILE"
	warren ls | grep -E "^$NET +up +3 +2 +0 +$FILE"
	warren ls --json | jq -e ".networks[] | select(.name == \"$NET\") | .state == \"up\" and (.nodes | length) == 3 and .file == \"$FILE\""
	cp "/run/warren/$NET/.plan.yaml" "/run/warren/$NET/.next.yaml"
	warren ls | grep -E "^$NET +partial"
	warren down "$NET"
	! warren ls | grep "^$NET "
}

@test "a wrong use says what was expected" {
	run warren down
	[ "$status" = 2 ]
	run warren down --all x
	[ "$status" = 2 ]
	run warren down "$BATS_TEST_TMPDIR"
	[ "$status" = 1 ]
	run warren up /nonexistent.yaml
	[ "$status" = 1 ]
	[ "$output" = "warren up: /nonexistent.yaml: No such file or directory" ]
}
