#!/usr/bin/env bats
# The demo: up, a ping, the way of a packet, the picture, down; and Ctrl-C at any moment.
load lib

setup() {
	need_root
	NET=$(name dm)
	FILE=$BATS_TEST_TMPDIR/vpn.yaml
	network_note "$NET"
	sed "s/^name: .*/name: $NET/" "$EXAMPLES/vpn.yaml" >"$FILE"
	DEMO=$BATS_TEST_DIRNAME/../../scripts/demo
	export WARREN
}

traces() {
	ip netns list | grep "^$NET\." || true
	ls -d "/run/warren/$NET" 2>/dev/null || true
	mount | grep "/$NET\." || true
	pgrep -af "warren/$NET|--from $NET" || true
}

# shows_the_picture OUTPUT: the steps that the demo is about, in their order
shows_the_picture() {
	local step from=1 at
	for step in 'packets transmitted, 2 received' 'delivered: 192.168.3.1 ' \
		' socket .*192.168.3.1' ' route .*routed to tun0' 'read from tun0 by warren \(pid [0-9]+\)' \
		'10.32.0.11:[0-9]+ > 10.33.0.1:[0-9]+' 'internet .*10.33.0.1' 'site-b +eth0 rx' \
		'written to tun0 by warren' 'ICMP echo reply 192.168.3.1 > 192.168.3.11' \
		'delivered: 192.168.4.10 ' 'tx .*forwarded' 'host-b +eth0 rx' \
		'10.33.0.1:[0-9]+ > 10.32.0.11:[0-9]+' 'warren map' 'tun0 .*192.168.3.11/24' 'Removed'; do
		at=$(tail -n "+$from" <<<"$1" | grep -nEm1 -- "$step" | cut -d: -f1)
		[ -n "$at" ] || {
			echo "missing after line $from: $step"
			return 1
		}
		from=$((from + at))
	done
}

@test "the demo shows the way of a packet, and leaves nothing; twice" {
	for round in 1 2; do
		run timeout 60 "$DEMO" "$FILE"
		echo "$output"
		[ "$status" = 0 ]
		shows_the_picture "$output"
		[ -z "$(traces)" ]
	done
}

@test "it works when an earlier up of the same network was killed" {
	"$WARREN" up "$FILE" &
	pid=$!
	sleep 0.015
	kill -KILL $pid 2>/dev/null || true
	wait $pid || true
	run timeout 60 "$DEMO" "$FILE"
	[ "$status" = 0 ]
	[ -z "$(traces)" ]
}

@test "Ctrl-C at any moment leaves nothing" {
	for signal in INT TERM; do
		for ms in 010 025 050 150 400 700 1100; do
			# a process group of its own, as at a terminal, with signals as at a terminal
			setsid env --default-signal=INT,TERM timeout --foreground 60 "$DEMO" "$FILE" >"$BATS_TEST_TMPDIR/out" 2>&1 &
			pid=$!
			sleep "0.$ms" 2>/dev/null
			kill -$signal -- "-$pid" 2>/dev/null || true
			status=0
			wait $pid || status=$?
			echo "SIG$signal after $ms ms: $status"
			[ "$status" != 0 ] || grep -q Removed "$BATS_TEST_TMPDIR/out"
			wait_for 5 test -z "$(traces)"
			[ -z "$(traces)" ]
		done
	done
}

@test "no BPF program is left" {
	command -v bpftool >/dev/null || skip "needs bpftool"
	run timeout 60 "$DEMO" "$FILE"
	[ "$status" = 0 ]
	# Other tests load theirs; but none of a process that has ended.
	[ -z "$(bpftool prog show 2>/dev/null | grep -oE 'pids [a-z-]+\([0-9]+\)' | grep -oE '[0-9]+' | while read -r p; do kill -0 "$p" || echo "$p"; done)" ]
}
