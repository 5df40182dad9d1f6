#!/usr/bin/env bats
# Networks of an ordinary user, in a user namespace that a holder process keeps.
#
#   a e0 10.0.0.1/24 -------- p1 [br0] p2 -------- 10.0.0.2/24 e0 b
#                                sw
load lib

setup() {
	need_root # to become an ordinary user that has nothing else running
	[ "$(cat /proc/sys/user/max_user_namespaces)" != 0 ] || skip "this system has no user namespaces"
	# A user of our own, so that other tests' holders are not ours.
	USERID=$((60000 + RANDOM % 5000))
	WORK=$(mktemp -d)
	chown "$USERID" "$WORK"
	cp "$WARREN" "$WORK/warren"
	chmod 755 "$WORK/warren"
	FILE=$WORK/net.yaml
	cat >"$FILE" <<-END
		name: mine
		nodes:
		  a: {devices: {e0: [10.0.0.1/24, fd00::1/64]}}
		  b: {devices: {e0: [10.0.0.2/24, fd00::2/64]}}
		  sw: {devices: {br0: {kind: bridge, ports: [p1, p2]}}}
		links: [a:e0 -- sw:p1, b:e0 -- sw:p2]
	END
	chmod 644 "$FILE"
}

as_user() {
	(cd "$WORK" && setpriv --reuid "$USERID" --regid "$USERID" --clear-groups --inh-caps=-all \
		env -u XDG_RUNTIME_DIR HOME="$WORK" "$@")
}

mine() {
	as_user ./warren "$@"
}

teardown() {
	mine down --all >/dev/null 2>&1
	rm -rf "$WORK"
	return 0
}

# Processes that are no zombies: those wait for process 1 to take note of them.
processes() {
	ps -o stat=,args= -u "$USERID" | grep -v '^Z' || true
}

@test "a network of bridges and cables, without root" {
	mine up net.yaml
	mine exec a ping -n -c1 -W1 10.0.0.2
	mine exec a ping -n -c1 -W1 fd00::2
	mine ls | grep -E '^mine +up'
	run mine plan net.yaml
	[ "$status" = 0 ]
	[ -z "$output" ]
	! ip netns list | grep '^mine\.'
	mine down mine
}

@test "nothing is left: processes, files, mounts" {
	mine up net.yaml
	[ -n "$(processes)" ]
	[ -e "/tmp/warren-$USERID" ]
	mine down net.yaml
	[ -z "$(processes)" ]
	[ ! -e "/tmp/warren-$USERID" ]
	[ "$(find "$WORK" -type f | wc -l)" = 2 ]
}

@test "the holder ends with the last network, not before" {
	mine up net.yaml
	sed 's/name: mine/name: second/' "$FILE" >"$WORK/second.yaml"
	mine up second.yaml
	mine down mine
	mine exec second/a ping -n -c1 -W1 10.0.0.2
	[ -n "$(processes)" ]
	mine down second
	[ -z "$(processes)" ]
}

@test "a failed first up leaves nothing" {
	local wrong
	for wrong in 'colour: red' 'nft: rubbish'; do
		sed "s/a: {devices/a: {$wrong, devices/" "$FILE" >"$WORK/wrong.yaml"
		run mine up wrong.yaml
		echo "$output"
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
		[ -z "$(processes)" ]
		[ ! -e "/tmp/warren-$USERID" ]
	done
}

@test "a holder that was killed takes its networks along, and a new one begins" {
	mine up net.yaml
	kill -KILL "$(cut -d' ' -f1 "/tmp/warren-$USERID/holder")"
	[ -z "$(mine ls)" ]
	mine up net.yaml
	mine exec a ping -n -c1 -W1 10.0.0.2
	mine down net.yaml
	[ -z "$(processes)" ]
}

@test "two users do not see each other's networks" {
	mine up net.yaml
	run setpriv --reuid $((USERID + 5000)) --regid $((USERID + 5000)) --clear-groups "$WORK/warren" ls
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ "$(stat -c %a "/tmp/warren-$USERID")" = 700 ]
	mine down net.yaml
}

@test "somebody else's folder is not used" {
	mkdir -m 777 "/tmp/warren-$USERID"
	run mine up net.yaml
	rmdir "/tmp/warren-$USERID"
	[ "$status" = 1 ]
	[[ $output == *"expected a folder that only you can enter"* ]]
}

@test "the whole VPN, where everybody may open /dev/net/tun" {
	sed 's/^name: .*/name: mine/' "$EXAMPLES/vpn.yaml" >"$WORK/vpn.yaml"
	chmod 644 "$WORK/vpn.yaml"
	# as udev leaves it on an ordinary system; in a mount namespace of our own
	as_everybody() {
		unshare -m --propagation private sh -c '
			mknod "$0/tun" c 10 200 && chmod 666 "$0/tun" && mount --bind "$0/tun" /dev/net/tun &&
			cd "$0" && user=$1 && shift &&
			exec setpriv --reuid "$user" --regid "$user" --clear-groups env -u XDG_RUNTIME_DIR sh -ec "$1"' \
			"$WORK" "$USERID" "$1"
	}
	as_everybody '
		./warren up vpn.yaml
		./warren exec site-a ping -n -c1 -W3 192.168.3.1
		./warren exec site-a ping -n -c1 -W3 192.168.4.10
		./warren exec site-b wg show tun0 latest-handshakes | grep -v "	0$"
		./warren plan vpn.yaml
		./warren down vpn.yaml'
	[ -z "$(processes)" ]
	[ ! -e "/tmp/warren-$USERID" ]
}

@test "what is missing for a tun device is said" {
	[ "$(stat -c %a /dev/net/tun)" = 600 ] || skip "here everybody may open /dev/net/tun"
	sed -i 's/a: {devices: {/a: {devices: {tun0: {kind: tun}, /' "$FILE"
	run mine up net.yaml
	[ "$status" = 1 ]
	[[ $output == *"device a:tun0 tun: cannot open /dev/net/tun for reading and writing: Permission denied" ]]
}
