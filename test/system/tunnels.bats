#!/usr/bin/env bats
# Tunnels of a network: started by `up`, kept by the next, told of changes while they run.
#
#   s1 eth0 10.1.0.1 ------ 10.1.0.254 p1 hub p2 10.2.0.254 ------ 10.2.0.1 eth0 s2
#      tun0 192.168.7.1 ======== tun0 192.168.7.254 tun0 ======== 192.168.7.2 tun0
load lib

setup() {
	need_root
	NET=$(name tn)
	FILE=$BATS_TEST_TMPDIR/net.yaml
	network_note "$NET"
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  hub:
		    devices: {p1: 10.1.0.254/24, p2: 10.2.0.254/24, tun0: 192.168.7.254/24}
		    sysctl: {net.ipv4.ip_forward: 1}
		  s1: {devices: {eth0: 10.1.0.1/24, tun0: 192.168.7.1/24}, routes: [default via 10.1.0.254]}
		  s2: {devices: {eth0: 10.2.0.1/24}, routes: [default via 10.2.0.254]}
		links: [s1:eth0 -- hub:p1, s2:eth0 -- hub:p2]
		tunnels:
		  - {ends: [s1:tun0, hub:tun0], psk: true, allowed: {s1: [192.168.7.1/32], hub: [192.168.7.0/24]}}
	END
}

second_spoke() {
	cp "$FILE" "$BATS_TEST_TMPDIR/first.yaml"
	sed -i 's|{eth0: 10.2.0.1/24}|{eth0: 10.2.0.1/24, tun0: 192.168.7.2/24}|' "$FILE"
	echo "  - {ends: [s2:tun0, hub:tun0], allowed: {s2: [192.168.7.2/32], hub: [192.168.7.0/24]}}" >>"$FILE"
}

# "pid start" of the tunnel in a node, from the journal
process_of() {
	awk -F'\t' -v key="+process/$1/tunnel/tun0" '$1 == key {print $2}' "/run/warren/$NET/.journal" | tail -n 1 | cut -d' ' -f1-2
}

@test "a tunnel carries packets the moment up returns, with a pre-shared key" {
	second_spoke
	warren up "$FILE"
	warren exec "$NET/s1" ping -n -c1 -W3 192.168.7.254
	warren exec "$NET/s2" ping -n -c1 -W3 192.168.7.254
	warren exec "$NET/s1" ping -n -c1 -W3 192.168.7.2
	[ "$(warren exec "$NET/hub" wg show tun0 peers | wc -l)" = 2 ]
	[ "$(warren exec "$NET/hub" wg show tun0 preshared-keys | grep -c none)" = 1 ]
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "keys are secret and stay the same" {
	second_spoke
	warren up "$FILE"
	[ "$(stat -c %a "/run/warren/$NET")" = 700 ]
	[ -z "$(find "/run/warren/$NET" -type f -perm /077)" ]
	key=$(warren exec "$NET/hub" wg show tun0 public-key)
	sed -i 's/ip_forward: 1/ip_forward: 0/' "$FILE"
	warren up "$FILE"
	[ "$(warren exec "$NET/hub" wg show tun0 public-key)" = "$key" ]
	! pgrep -af "$(cat "/run/warren/$NET/hub/keys/tun0")"
}

@test "a peer comes and goes without touching the session of the other" {
	warren up "$FILE"
	warren exec "$NET/s1" ping -n -c1 -W3 192.168.7.254
	before=$(process_of hub)
	handshake=$(warren exec "$NET/hub" wg show tun0 latest-handshakes)
	second_spoke
	warren up "$FILE"
	[ "$(process_of hub)" = "$before" ]
	warren exec "$NET/hub" wg show tun0 latest-handshakes | grep -F "$handshake"
	warren exec "$NET/s2" ping -n -c1 -W3 192.168.7.254
	warren exec "$NET/s1" ping -n -c1 -W3 192.168.7.254
	warren exec "$NET/hub" wg show tun0 latest-handshakes | grep -F "$handshake"
	cp "$BATS_TEST_TMPDIR/first.yaml" "$FILE"
	warren up "$FILE"
	[ "$(process_of hub)" = "$before" ]
	[ "$(warren exec "$NET/hub" wg show tun0 peers | wc -l)" = 1 ]
	warren exec "$NET/hub" wg show tun0 latest-handshakes | grep -F "$handshake"
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "a change elsewhere leaves tunnels alone" {
	warren up "$FILE"
	warren exec "$NET/s1" ping -n -c1 -W3 192.168.7.254
	before="$(process_of hub) $(process_of s1) $(warren exec "$NET/hub" wg show tun0 latest-handshakes)"
	sed -i 's|10.2.0.1/24|10.2.0.9/24|' "$FILE"
	warren up "$FILE"
	[ "$(process_of hub) $(process_of s1) $(warren exec "$NET/hub" wg show tun0 latest-handshakes)" = "$before" ]
}

@test "a tunnel that died is seen, and started again" {
	warren up "$FILE"
	kill -KILL "$(process_of s1 | cut -d' ' -f1)"
	wait_for 5 bash -c "'$WARREN' ls | grep -E '^$NET +degraded'"
	wait_for 5 bash -c "! ip -n $NET.s1 link show tun0"
	run warren plan "$FILE"
	[ "$status" = 2 ]
	[[ $output == *"+ tunnel s1:tun0"* ]]
	warren up "$FILE"
	warren exec "$NET/s1" ping -n -c1 -W5 192.168.7.254
	warren ls | grep -E "^$NET +up"
}

@test "a tunnel that cannot start is undone and named, with what it said" {
	sed 's/^  - {ends.*//; s/^tunnels:/tunnels: []/; s/, tun0: [0-9./]*//' "$FILE" >"$BATS_TEST_TMPDIR/without.yaml"
	warren up "$BATS_TEST_TMPDIR/without.yaml"
	background "$WARREN" exec "$NET/s1" python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 51820)); time.sleep(1000)'
	wait_for 5 bash -c "ip netns exec $NET.s1 ss -nlu | grep 51820"
	run warren up "$FILE"
	echo "$output"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output =~ net.yaml:[0-9]+:[0-9]+:.*tunnel\ s1:tun0:.*51820.*in\ use ]]
	# the other end, which could start, is gone as well
	! ip -n "$NET.hub" link show tun0
	! ip -n "$NET.s1" link show tun0
	run warren plan "$BATS_TEST_TMPDIR/without.yaml"
	[ "$status" = 0 ]
}

@test "down ends the tunnels and leaves none of their files" {
	second_spoke
	warren up "$FILE"
	pids=$(for n in hub s1 s2; do process_of $n | cut -d' ' -f1; done)
	warren down "$NET"
	for p in $pids; do [ ! -e "/proc/$p" ] || grep -q '^State:.Z' "/proc/$p/status"; done
	[ ! -e "/run/warren/$NET" ]
	! pgrep -af "warren/$NET"
}

@test "what the tunnel cannot do is refused with its line" {
	for wrong in 'mode: tap' 'compress: lz4' 'rate: 10mbit'; do
		sed "s/psk: true/$wrong/" "$FILE" >"$BATS_TEST_TMPDIR/wrong.yaml"
		run warren up "$BATS_TEST_TMPDIR/wrong.yaml"
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
		[[ $output =~ wrong.yaml:1[0-9]:[0-9]+: ]]
		[ ! -e "/run/warren/$NET" ]
	done
}
