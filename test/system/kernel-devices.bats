bats_require_minimum_version 1.5.0
load lib
load why

# Devices that not every kernel has: VLANs, bonds, dummies, bridges that filter VLANs, and netem.
# Each test is skipped, and says so, where the kernel lacks the thing (make check-kernels has them all).

setup() {
	need_root
	NET=$(name kd)
	network_note "$NET"
	FILE=$BATS_TEST_TMPDIR/net.yaml
}

need_kind() { # KIND OPTIONS...: of a device
	local probe
	probe=$(name kp)
	netns_add "$probe"
	ip -n "$probe" link add probe0 type dummy 2>/dev/null || ip -n "$probe" link add probe0 type bridge
	# shellcheck disable=SC2086
	case $1 in
	vlan) ip -n "$probe" link add link probe0 name v0 type vlan id 5 ;;
	*) ip -n "$probe" link add v0 type "$@" ;;
	esac 2>/dev/null || skip "this kernel has no $1 devices"
}

need_netem() {
	netns_add "$(name kp)"
	tc -n "$(name kp)" qdisc add dev lo root netem delay 1ms 2>/dev/null || skip "this kernel has no netem"
}

shown() { # NODE DEVICE JQ: of that device
	"$WARREN" show --json "$1" "$2" | jq -r ".devices[0] | $3"
}

@test "VLANs: from the file, shown, drawn, asked, captured with their tags, and gone" {
	need_kind vlan
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a:
		    devices:
		      e0: {}
		      e0.5: {kind: vlan, dev: e0, id: 5, addr: [10.5.0.1/24, fd05::1/64]}
		      e0.6: {kind: vlan, dev: e0, id: 6, addr: 10.6.0.1/24}
		  b:
		    devices:
		      e0: {}
		      e0.5: {kind: vlan, dev: e0, id: 5, addr: [10.5.0.2/24, fd05::2/64]}
		links: [a:e0 -- b:e0]
	END
	warren up "$FILE"
	[ "$(warren plan "$FILE" | tee "$BATS_TEST_TMPDIR/plan" | wc -l)" = 0 ] || { cat "$BATS_TEST_TMPDIR/plan"; false; }
	[ "$(shown "$NET/a" e0.5 '"\(.kind) \(.up) \(.vlan) \(.other_end.type) \(.other_end.device)"')" = "vlan true 5 device e0" ]
	warren map --json | jq -e --arg n "$NET" '[.. | strings | select(. == "e0.5")] | length >= 2'
	delivered "$NET/a" 10.5.0.2
	delivered "$NET/a" --size 1400 fd05::2
	[ "$(field '[.steps[].device] | (index("e0.5") != null) and (index("e0") != null)')" = true ]

	"$WARREN" capture -w "$BATS_TEST_TMPDIR/v.pcapng" -n "$NET/a" -n "$NET/b" 'vlan 5 and icmp' 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	capture=$!
	echo $capture >>"$BATS_TEST_TMPDIR/pids"
	wait_for 60 grep -q '^capturing on' "$BATS_TEST_TMPDIR/said"
	warren exec "$NET/a" ping -c 1 -W 10 10.5.0.2
	kill -INT $capture
	wait $capture
	tshark -r "$BATS_TEST_TMPDIR/v.pcapng" -T fields -e frame.interface_name -e vlan.id -e icmp.type \
		>"$BATS_TEST_TMPDIR/seen" 2>"$BATS_TEST_TMPDIR/complaints"
	cat "$BATS_TEST_TMPDIR/seen" "$BATS_TEST_TMPDIR/complaints"
	! grep -v 'Running as user' "$BATS_TEST_TMPDIR/complaints"
	# Request and answer on both ends of the cable, each with its tag.
	[ "$(grep -c "^e0@.*	5	[80]$" "$BATS_TEST_TMPDIR/seen")" = 4 ]

	# Another number at one end: converged, and back.
	sed -i '/  b:/,$s/id: 5/id: 7/' "$FILE"
	run -2 warren plan "$FILE"
	warren up "$FILE"
	ask "$NET/a" --timeout 4 10.5.0.2
	[ "$(field .verdict)" = failed ]
	warren down "$NET"
	! ip netns list | grep -q "^$NET\."
}

@test "dummies: from the file, shown, and an address on one is reached" {
	need_kind dummy
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a: {devices: {e0: 10.0.0.1/24}, routes: [10.9.0.0/24 via 10.0.0.2]}
		  b: {devices: {e0: 10.0.0.2/24, service: {kind: dummy, addr: 10.9.0.1/24, mtu: 9000}}}
		links: [a:e0 -- b:e0]
	END
	warren up "$FILE"
	run -0 warren plan "$FILE"
	[ "$(shown "$NET/b" service '"\(.kind) \(.up) \(.mtu)"')" = "dummy true 9000" ]
	delivered "$NET/a" 10.9.0.1
	failed address-not-owned "$NET/a" 10.9.0.77 || [ "$(field .verdict)" = failed ]
	warren down "$NET"
}

@test "bridge-vlan: the two ports are in different VLANs" {
	br
	ip -n "$R" link set br0 type bridge vlan_filtering 1 2>/dev/null || skip "this kernel's bridges do not filter VLANs"
	delivered "$A" 10.0.0.2
	bridge -n "$R" vlan del dev p2 vid 1
	bridge -n "$R" vlan add dev p2 vid 20 pvid untagged
	fault bridge-vlan "$A" 10.0.0.2
}

@test "bridge-vlan: the asker's port has no VLAN at all, behind a router" {
	rt
	ip -n "$R" link add br0 type bridge vlan_filtering 1 2>/dev/null || skip "this kernel's bridges do not filter VLANs"
	ip -n "$R" addr flush dev r1
	ip -n "$R" link set r1 master br0
	ip -n "$R" link set br0 up
	ip -n "$R" addr add 10.0.1.1/24 dev br0
	delivered "$A" 10.0.2.2
	bridge -n "$R" vlan del dev r1 vid 1
	fault bridge-vlan "$A" 10.0.2.2
}

@test "bonds: two cables, shown with their ports, asked, and one of them cut" {
	need_kind bond mode active-backup
	A=$(name A) B=$(name B)
	netns_add "$A" "$B"
	quiet6 "$A" "$B"
	for i in 1 2; do ip -n "$A" link add c$i type veth peer name c$i netns "$B"; done
	for n in "$A" "$B"; do
		ip -n "$n" link add bond0 type bond mode active-backup miimon 50
		for i in 1 2; do
			ip -n "$n" link set c$i master bond0
			ip -n "$n" link set c$i up
		done
		ip -n "$n" link set bond0 up
	done
	ip -n "$A" addr add 10.0.0.1/24 dev bond0
	ip -n "$B" addr add 10.0.0.2/24 dev bond0
	wait_for 20 ip netns exec "$A" ping -c 1 -W 1 10.0.0.2
	[ "$(shown "$A" bond0 '"\(.kind) \(.other_end.type)"')" = "bond ports" ]
	warren map "$A" | grep -q bond0
	delivered "$A" 10.0.0.2
	[ "$(field '[.steps[].device] | (index("bond0") != null) and ((index("c1") // index("c2")) != null)')" = true ]
	ip -n "$A" link set c1 down
	wait_for 20 ip netns exec "$A" ping -c 1 -W 1 10.0.0.2
	delivered "$A" 10.0.0.2
	ip -n "$A" link set c2 down
	ask "$A" 10.0.0.2
	[ "$(field .verdict)" = failed ]
}

@test "netem: delay and loss from the file, and a loss of everything is named" {
	need_netem
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a: {devices: {e0: 10.0.0.1/24}}
		  b: {devices: {e0: 10.0.0.2/24}}
		links:
		  - {ends: [a:e0, b:e0], shape: {delay: 40ms, rate: 10mbit}}
	END
	warren up "$FILE"
	run -0 warren plan "$FILE"
	delivered "$NET/a" 10.0.0.2
	# There and back again: each end delays what it sends.
	warren exec "$NET/a" ping -c 1 -W 10 10.0.0.2 >/dev/null
	[ "$(warren exec "$NET/a" ping -c 1 -W 10 10.0.0.2 | sed -n 's/.*time=\([0-9]*\).*/\1/p')" -ge 80 ]
	sed -i 's/delay: 40ms, rate: 10mbit/loss: 100%/' "$FILE"
	warren up "$FILE"
	# At both ends: the request, and then the answer.
	failed qdisc-drop "$NET/a" 10.0.0.2
	[ "$(field .at.device)" = e0 ]
	repair
	fault qdisc-drop "$NET/a" 10.0.0.2
	delivered "$NET/a" 10.0.0.2
}
