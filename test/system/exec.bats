#!/usr/bin/env bats
# Running commands in nodes.
#
#   a e0 10.0.0.1/24 -------- 10.0.0.2/24 e0 b
bats_require_minimum_version 1.5.0
load lib

setup() {
	need_root
	NET=$(name ex)
	FILE=$BATS_TEST_TMPDIR/net.yaml
	network_note "$NET"
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a$NET: {devices: {e0: 10.0.0.1/24}}
		  b: {devices: {e0: 10.0.0.2/24}}
		links: ["a$NET:e0 -- b:e0"]
	END
	warren up "$FILE"
	inode=$(stat -Lc %i "/run/netns/$NET.a$NET")
}

is_a() {
	[ "$(warren exec "$@" readlink /proc/self/ns/net)" = "net:[$inode]" ]
}

@test "a node has all of its names" {
	is_a "a$NET"
	is_a "$NET/a$NET"
	is_a "$NET.a$NET"
	is_a "/run/netns/$NET.a$NET"
	background "$WARREN" exec "a$NET" sleep 1000
	pid=$!
	wait_for 5 bash -c "[ \"\$(cat /proc/$pid/comm)\" = sleep ]"
	is_a "pid:$pid"
	# Some machines hide process 1, also from root; the tests run beside it.
	host=$(readlink /proc/1/ns/net) || host=$(readlink /proc/self/ns/net)
	# A network of another test may have a node of that name, for as long as it lasts.
	wait_for 20 eval '[ "$(warren exec host readlink /proc/self/ns/net)" = "$host" ]'
	netns_add "$NET-x"
	warren exec "$NET-x" true
}

@test "the exit status is the command's" {
	run warren exec "a$NET" sh -c 'exit 7'
	[ "$status" = 7 ]
	run warren exec "a$NET" true
	[ "$status" = 0 ]
	run -127 warren exec "a$NET" no-such-command
	[ "$status" = 127 ]
	[ "$output" = "warren exec: no-such-command: No such file or directory" ]
	touch "$BATS_TEST_TMPDIR/plain"
	run warren exec "a$NET" "$BATS_TEST_TMPDIR/plain"
	[ "$status" = 126 ]
	run warren exec no-such-node true
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	run warren exec "a$NET"
	[ "$status" = 2 ]
}

@test "options behind the node are the command's, with or without --" {
	[ "$(warren exec "a$NET" echo --help -x)" = "--help -x" ]
	[ "$(warren exec "a$NET" -- echo --help -x)" = "--help -x" ]
	[ "$(echo hello | "$WARREN" exec "a$NET" -- cat)" = hello ]
}

@test "/sys shows the devices of the node" {
	[ "$(warren exec "a$NET" ls /sys/class/net | xargs)" = "e0 lo" ]
}

@test "files of /etc/netns lie over those of /etc" {
	mkdir -p "/etc/netns/$NET.a$NET"
	echo "nameserver 192.0.2.53" >"/etc/netns/$NET.a$NET/resolv.conf"
	run warren exec "a$NET" cat /etc/resolv.conf
	rm -r "/etc/netns/$NET.a$NET"
	rmdir /etc/netns 2>/dev/null || true
	[ "$output" = "nameserver 192.0.2.53" ]
}

@test "mounts made in a node stay there" {
	warren exec "a$NET" mount -t tmpfs none "$BATS_TEST_TMPDIR"
	! mountpoint -q "$BATS_TEST_TMPDIR"
}

@test "what somebody mounted over /run/wireguard survives the last network" {
	background unshare -m --propagation private sh -c \
		'mkdir -p /run/wireguard && mount -t tmpfs none /run/wireguard && touch "$1" && exec sleep 100' \
		sh "$BATS_TEST_TMPDIR/mounted"
	other=$!
	wait_for 10 test -e "$BATS_TEST_TMPDIR/mounted"
	warren down "$NET"
	nsenter -t $other -m mountpoint -q /run/wireguard
}

@test "each node has its own /var/run/wireguard" {
	warren exec "a$NET" sh -c 'echo here >/var/run/wireguard/x'
	[ "$(warren exec "a$NET" cat /var/run/wireguard/x)" = here ]
	! warren exec "$NET/b" cat /var/run/wireguard/x
	[ ! -e /var/run/wireguard/x ]
}
