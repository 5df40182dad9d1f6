#!/usr/bin/env bats
# Bringing networks up, and converging.
#
#   a e0 10.0.0.1/24 -------- 10.0.0.2/24 e0 b e1 10.0.1.1/24 -------- 10.0.1.2/24 e0 c
#                                           forwards
load lib

setup() {
	need_root
	NET=$(name up)
	FILE=$BATS_TEST_TMPDIR/net.yaml
	network_note "$NET"
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a:
		    devices: {e0: [10.0.0.1/24, fd00::1/64]}
		    routes: [default via 10.0.0.2, "fd01::/64 via fd00::2"]
		  b:
		    devices:
		      e0: [10.0.0.2/24, fd00::2/64]
		      e1: [10.0.1.1/24, fd01::1/64]
		    sysctl: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
		  c:
		    devices: {e0: [10.0.1.2/24, fd01::2/64]}
		    routes: [default via 10.0.1.1, default via fd01::1]
		links:
		  - a:e0 -- b:e0
		  - b:e1 -- c:e0
	END
}

# What a second `up` must not touch: devices by ifindex and MAC, addresses, routes.
snapshot() {
	local n
	for n in $(ip netns list | awk '{print $1}' | grep "^$NET\." | sort); do
		echo "== $n"
		ip -n "$n" -j addr show | jq -c '.[] | [.ifindex, .ifname, .address, .mtu, .flags, [.addr_info[] | [.local, .prefixlen]]]'
		ip -n "$n" route show table all
		ip -n "$n" -6 route show table all | grep -v -e expires -e multicast
	done
}

# everything that `up` could leave: namespaces, devices of this one, state, processes
leftovers() {
	ip netns list | grep "$NET\." || true
	ls "/run/warren/$NET" 2>/dev/null || true
	pgrep -af "warren/$NET/" || true
}

refused() { # PATTERN: `up` fails with one line that matches, and nothing is left
	run warren up "$FILE"
	echo "$output"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output =~ $1 ]]
	[ -z "$(leftovers)" ]
}

@test "a network can be used the moment up returns, IPv4 and IPv6" {
	warren up "$FILE"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
	warren exec "$NET/a" ping -n -c1 -W1 fd01::2
	warren exec "$NET/c" ping -n -c1 -W1 fd00::1
}

@test "lo is up in every node" {
	warren up "$FILE"
	for n in a b c; do ip -n "$NET.$n" -j link show lo | jq -e '.[0].flags | index("UP")'; done
}

@test "a second up changes nothing" {
	warren up "$FILE"
	snapshot >"$BATS_TEST_TMPDIR/before"
	run warren plan "$FILE"
	[ "$status" = 0 ]
	[ -z "$output" ]
	warren up "$FILE"
	snapshot | diff "$BATS_TEST_TMPDIR/before" -
}

@test "plan says what up would do, and does nothing" {
	run warren plan "$FILE"
	[ "$status" = 2 ]
	[[ $output == *"+ link a:e0 -- b:e0"* ]]
	[[ $output == *"+ route a default via 10.0.0.2"* ]]
	[ -z "$(leftovers)" ]
	run warren plan --json "$FILE"
	[ "$status" = 2 ]
	[ "$(jq '.operations | map(select(.object == "node" and .action == "add")) | length' <<<"$output")" = 3 ]
	echo "nodes: {a: {devizes: {}}}" >"$FILE"
	run warren plan "$FILE"
	[ "$status" = 1 ]
}

@test "only what differs is touched" {
	warren up "$FILE"
	snapshot >"$BATS_TEST_TMPDIR/before"
	sed -i 's/10\.0\.1\.2/10.0.1.3/' "$FILE"
	run warren plan "$FILE"
	[ "$status" = 2 ]
	[[ $output == *"- addr c:e0 10.0.1.2/24"* ]]
	[[ $output == *"+ addr c:e0 10.0.1.3/24"* ]]
	! [[ $output == *" a:"* || $output == *" b:"* ]]
	warren up "$FILE"
	snapshot >"$BATS_TEST_TMPDIR/after"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.3
	# c's default route went with its last address and is back; a and b are as they were.
	run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	! [[ $output == *10.0.0.* ]]
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "mtu, sysctl, route and device state are adapted in place" {
	warren up "$FILE"
	index=$(ip -n "$NET.a" -j link show e0 | jq '.[0].ifindex')
	mac=$(ip -n "$NET.a" -j link show e0 | jq '.[0].address')
	sed -i -e 's|e0: \[10.0.0.1/24, fd00::1/64\]|e0: {addr: [10.0.0.1/24, fd00::1/64], mtu: 1400}|' \
		-e 's|routes: \[default via 10.0.0.2, |routes: [10.0.1.0/24 via 10.0.0.2, |' \
		-e 's|net.ipv4.ip_forward: 1|net.ipv4.ip_forward: 0|' "$FILE"
	warren up "$FILE"
	ip -n "$NET.a" -j link show e0 | jq -e ".[0].mtu == 1400 and .[0].ifindex == $index and .[0].address == $mac"
	[ -z "$(ip -n "$NET.a" route show default)" ]
	ip -n "$NET.a" route show 10.0.1.0/24 | grep 'via 10.0.0.2'
	[ "$(warren exec "$NET/b" cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
	# back again, and the MTU with it
	sed -i -e 's|, mtu: 1400}|}|' "$FILE"
	warren up "$FILE"
	ip -n "$NET.a" -j link show e0 | jq -e '.[0].mtu == 1500'
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "what was changed by hand is put right, what was added by hand stays" {
	warren up "$FILE"
	ip -n "$NET.a" addr del 10.0.0.1/24 dev e0
	ip -n "$NET.b" link set e1 down
	ip -n "$NET.c" addr add 10.9.9.9/32 dev e0
	ip -n "$NET.c" link add mine type ifb
	warren up "$FILE"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
	warren exec "$NET/a" ping -n -c1 -W1 fd01::2
	ip -n "$NET.c" addr show e0 | grep 10.9.9.9/32
	ip -n "$NET.c" link show mine
}

@test "nodes and links come and go" {
	warren up "$FILE"
	index=$(ip -n "$NET.a" -j link show e0 | jq '.[0].ifindex')
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a:
		    devices: {e0: [10.0.0.1/24, fd00::1/64], e5: 10.5.0.1/24}
		  b:
		    devices: {e0: [10.0.0.2/24, fd00::2/64]}
		  d: {devices: {e0: 10.5.0.2/24}}
		links:
		  - a:e0 -- b:e0
		  - a:e5 -- d:e0
	END
	warren up "$FILE"
	! ip netns list | grep -q "^$NET\.c\b"
	! ip -n "$NET.b" link show e1
	[ "$(ip -n "$NET.a" -j link show e0 | jq '.[0].ifindex')" = "$index" ]
	[ "$(warren exec "$NET/b" cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
	warren exec "$NET/a" ping -n -c1 -W1 10.5.0.2
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "a cable that is plugged elsewhere is made anew" {
	cat >"$FILE" <<-END
		name: $NET
		nodes: {a: {devices: {e0: 10.0.0.1/24}}, b: {devices: {e0: 10.0.0.2/24}}, c: {devices: {e0: 10.0.0.3/24}}, d: {devices: {e0: 10.0.0.4/24}}}
		links: [a:e0 -- b:e0, c:e0 -- d:e0]
	END
	warren up "$FILE"
	sed -i 's/links:.*/links: [a:e0 -- c:e0, b:e0 -- d:e0]/' "$FILE"
	warren up "$FILE"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.0.3
	warren exec "$NET/b" ping -n -c1 -W1 10.0.0.4
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "every kind of device" {
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a:
		    devices:
		      e0: {addr: [10.0.0.1/24], mac: "02:00:00:00:00:01", txqueuelen: 77}
		      br0: {kind: bridge, ports: [e1, tap0], addr: [10.1.0.1/24], stp: false}
		      tap0: {kind: tap, owner: nobody}
		      tun0: {kind: tun, addr: [10.2.0.1/24], mtu: 1400}
		      vx0: {kind: vxlan, id: 100, local: 10.0.0.1, remote: 10.0.0.2, dev: e0, addr: [10.7.0.1/24]}
		      mv0: {kind: macvlan, dev: e0, mode: private, addr: [10.0.0.11/24]}
		      ifb0: {kind: ifb}
		      d0: {kind: bridge, addr: [10.3.0.1/32], arp: false}
		      off0: {kind: ifb, up: false}
		  b:
		    devices:
		      e0: 10.0.0.2/24
		      e1: 10.1.0.2/24
		      vx0: {kind: vxlan, id: 100, local: 10.0.0.2, remote: 10.0.0.1, dev: e0, addr: [10.7.0.2/24]}
		links: [a:e0 -- b:e0, a:e1 -- b:e1]
	END
	warren up "$FILE"
	warren exec "$NET/b" ping -n -c1 -W1 10.7.0.1
	warren exec "$NET/b" ping -n -c1 -W1 10.1.0.1
	d() { ip -n "$NET.a" -d -j link show "$1" | jq -e ".[0] | $2"; }
	d e0 '.address == "02:00:00:00:00:01" and .txqlen == 77'
	d tun0 '.linkinfo.info_kind == "tun" and .linkinfo.info_data.type == "tun" and .mtu == 1400'
	d tap0 '.master == "br0" and .linkinfo.info_data.user == "nobody" and .linkinfo.info_data.persist'
	d mv0 '.linkinfo.info_data.mode == "private"'
	d off0 '.flags | index("UP") | not'
	d d0 '.flags | index("NOARP")'
	d ifb0 '.linkinfo.info_kind == "ifb"'
	snapshot >"$BATS_TEST_TMPDIR/before"
	run warren plan "$FILE"
	echo "$output"
	[ "$status" = 0 ]
	warren up "$FILE"
	snapshot | diff "$BATS_TEST_TMPDIR/before" -
	# What cannot change while it lives is made anew, with what lies on it.
	sed -i 's/id: 100, local: 10.0.0.1/id: 101, local: 10.0.0.1/' "$FILE"
	warren up "$FILE"
	d vx0 '.linkinfo.info_data.id == 101'
	run warren plan "$FILE"
	[ "$status" = 0 ]
}

@test "a rate shapes a cable in both directions, and goes away again" {
	sed -i 's|  - a:e0 -- b:e0|  - {ends: [a:e0, b:e0], shape: {rate: 100mbit}}|' "$FILE"
	warren up "$FILE"
	for n in a b; do
		tc -n "$NET.$n" -j qdisc show dev e0 | jq -e '.[0].kind == "tbf" and .[0].options.rate == 12500000'
	done
	run warren plan "$FILE"
	[ "$status" = 0 ]
	sed -i 's|{ends: \[a:e0, b:e0\], shape: {rate: 100mbit}}|a:e0 -- b:e0|' "$FILE"
	warren up "$FILE"
	! tc -n "$NET.a" qdisc show dev e0 | grep tbf
}

@test "all routes that a file may have survive a second up" {
	sed -i 's|routes: \[default via 10.0.0.2, .*|routes:\
      - default via 10.0.0.2 metric 50\
      - 10.20.0.0/16 via 10.0.0.2 dev e0 mtu 1300\
      - 10.21.0.0/16 dev e0\
      - blackhole 10.22.0.0/16\
      - unreachable 10.23.0.0/16 metric 7\
      - prohibit fd22::/32\
      - 10.24.0.0/16 nexthop via 10.0.0.2 dev e0 weight 1 nexthop via 10.0.0.3 dev e0 weight 3\
      - 10.25.0.0/16 via 10.0.0.2 table 100\
      - 10.26.0.0/16 via inet6 fd00::2 dev e0\
      - fd26::/32 via fd00::2 metric 5\
      - 10.27.0.0/16 via 10.0.0.2 src 10.0.0.1 onlink dev e0|' "$FILE"
	warren up "$FILE"
	snapshot >"$BATS_TEST_TMPDIR/before"
	run warren plan "$FILE"
	echo "$output"
	[ "$status" = 0 ]
	ip -n "$NET.a" route get 10.24.0.1
	ip -n "$NET.a" route show table 100 | grep 10.25
	! ip -n "$NET.a" route get 10.22.0.1
}

@test "nftables rules are loaded, kept, and put back when changed by hand" {
	cat >>"$FILE" <<-END
	END
	sed -i 's|^  c:|    nft: \|\
      table inet f {\
        chain c { type filter hook forward priority 0; policy drop;\
        }\
      }\
  c:|' "$FILE"
	warren up "$FILE"
	! warren exec "$NET/a" ping -n -c1 -W0.3 10.0.1.2
	run warren plan "$FILE"
	[ "$status" = 0 ]
	warren exec "$NET/b" nft flush ruleset
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
	warren up "$FILE"
	! warren exec "$NET/a" ping -n -c1 -W0.3 10.0.1.2
	sed -i 's/policy drop/policy accept/' "$FILE"
	warren up "$FILE"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
}

@test "an nft error is undone and names the line" {
	sed -i 's|^  c:|    nft: \|\
      table inet f {\
        chian c { }\
      }\
  c:|' "$FILE"
	refused "net.yaml:[0-9]+:[0-9]+: .*nft b.*line 2: syntax error"
}

@test "a kind of device that the kernel lacks is undone and named" {
	sed -i 's|  a:$|  a:|; s|devices: {e0: \[10.0.0.1/24, fd00::1/64\]}|devices: {e0: [10.0.0.1/24, fd00::1/64], v0: {kind: vlan, dev: e0, id: 5}}|' "$FILE"
	netns_add "$NET-probe"
	ip -n "$NET-probe" link add br0 type bridge
	! ip -n "$NET-probe" link add link br0 name v type vlan id 5 || skip "this kernel has vlan devices"
	refused "net.yaml:4:[0-9]+: device a:v0 vlan: .*kernel: Unknown device type"
}

@test "delay without netem in the kernel is undone and named" {
	netns_add "$NET-probe"
	! tc -n "$NET-probe" qdisc add dev lo root netem delay 1ms || skip "this kernel has netem"
	sed -i 's|  - a:e0 -- b:e0|  - {ends: [a:e0, b:e0], shape: {delay: 10ms}}|' "$FILE"
	refused "net.yaml:[0-9]+:[0-9]+: shape a:e0 .*netem"
}

@test "a route that the kernel refuses is undone with the kernel's words" {
	sed -i 's|{e0: \[10.0.1.2/24, fd01::2/64\]}|{e0: {addr: [10.0.1.2/24, fd01::2/64], up: false}}|' "$FILE"
	refused "net.yaml:[0-9]+:[0-9]+: route c default via 10.0.1.1: .*kernel: "
}

@test "an unknown setting is undone and named" {
	sed -i 's/net.ipv4.ip_forward: 1/net.ipv4.ip_forwards: 1/' "$FILE"
	refused "net.yaml:[0-9]+:[0-9]+: sysctl b net.ipv4.ip_forwards"
}

@test "a program that does not become ready is undone with what it said" {
	sed -i 's|^  c:|    processes: [{run: "echo cannot open the pod bay door >\&2; exit 1", ready: "false"}]\
  c:|' "$FILE"
	refused "process b.*cannot open the pod bay door"
}

@test "a namespace that Warren did not make is neither used nor removed" {
	netns_add "$NET.b"
	ip -n "$NET.b" link add mine type ifb
	run warren up "$FILE"
	[ "$status" = 1 ]
	[[ $output =~ net.yaml:[0-9]+:[0-9]+:.*"$NET.b exists already" ]]
	ip -n "$NET.b" link show mine
	[ ! -e "/run/warren/$NET" ]
	! ip netns list | grep -q "^$NET\.a\b"
}

@test "a device that Warren did not make is not taken" {
	warren up "$FILE"
	ip -n "$NET.a" link add d0 type ifb
	index=$(ip -n "$NET.a" -j link show d0 | jq '.[0].ifindex')
	sed -i 's|e0: \[10.0.0.1/24, fd00::1/64\]|e0: [10.0.0.1/24, fd00::1/64], d0: {kind: ifb}|' "$FILE"
	run warren up "$FILE"
	[ "$status" = 1 ]
	[[ $output == *"a:d0 exists already"* ]]
	[ "$(ip -n "$NET.a" -j link show d0 | jq '.[0].ifindex')" = "$index" ]
}

@test "a failed change goes back to what was up" {
	warren up "$FILE"
	snapshot >"$BATS_TEST_TMPDIR/before"
	cp "$FILE" "$BATS_TEST_TMPDIR/good.yaml"
	sed -i -e 's/10\.0\.1\.2/10.0.1.3/' -e 's/default via 10.0.1.1/10.9.0.0\/16 via 10.0.1.1, 10.9.0.0\/16 via 10.0.1.9/' \
		-e 's/net.ipv4.ip_forward: 1/net.ipv4.ip_forward: 0/' "$FILE"
	run warren up "$FILE"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
	snapshot | diff "$BATS_TEST_TMPDIR/before" -
	run warren plan "$BATS_TEST_TMPDIR/good.yaml"
	[ "$status" = 0 ]
}

@test "two ups at once: one waits for the other" {
	warren up "$FILE" &
	warren up "$FILE" &
	wait
	run warren plan "$FILE"
	[ "$status" = 0 ]
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
}

@test "an interrupted up undoes what it did" {
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  "h[1-300]": {}
		nets:
		  lan: {members: ["h[1-300]:eth0"], prefix: 10.1.0.0/16}
	END
	"$WARREN" up "$FILE" &
	pid=$!
	wait_for 10 test -e "/run/netns/$NET.h20"
	kill -INT $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 130 ]
	[ -z "$(leftovers)" ]
}

@test "200 nodes on a segment come up in seconds" {
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  "h[1-200]": {}
		nets:
		  lan: {members: ["h[1-200]:eth0"], prefix: 10.1.0.0/16}
	END
	began=$(date +%s%N)
	warren up "$FILE"
	up=$((($(date +%s%N) - began) / 1000000))
	warren exec "$NET/h1" ping -n -c1 -W1 10.1.0.200
	began=$(date +%s%N)
	warren up "$FILE"
	again=$((($(date +%s%N) - began) / 1000000))
	began=$(date +%s%N)
	warren down "$NET"
	echo "# 200 nodes: up $up ms, again $again ms, down $((($(date +%s%N) - began) / 1000000)) ms" >&3
}

@test "a program of a node lives while the network is up" {
	sed -i 's|^  c:|    processes: ["sleep 1000 \& echo $! >'"$BATS_TEST_TMPDIR"'/child; wait"]\
  c:|' "$FILE"
	warren up "$FILE"
	wait_for 5 test -s "$BATS_TEST_TMPDIR/child"
	child=$(cat "$BATS_TEST_TMPDIR/child")
	[ "$(readlink "/proc/$child/ns/net")" = "$(warren exec "$NET/b" readlink /proc/self/ns/net)" ]
	warren up "$FILE"
	kill -0 "$child"
	warren down "$FILE"
	wait_for 5 bash -c "! kill -0 $child"
}

# refused_text TEXT PATTERN: a file with TEXT is refused on one line with its place, by up and by plan
refused_text() {
	printf '%s\n' "$1" >"$FILE"
	refused "^warren up: $FILE:[0-9]+:[0-9]+: .*$2"
	run warren plan "$FILE"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
}

@test "a wrong file is refused with line and column, and nothing is changed" {
	refused_text "name: $NET
nodes: {a: {devises: {}}}" "devices"
	refused_text "name: $NET
nodes: {a: {}, a: {}}" "a"
	refused_text "name: $NET
nodes: {a: {}}
links: [a:e0 -- b:e0]" "b"
	refused_text "name: $NET
nodes: {a: {}, b: {}, c: {}}
links: [a:e0 -- b:e0, a:e0 -- c:e0]" "a:e0"
	refused_text "name: $NET
nodes: {a: {devices: {e0: 10.0.0.1/24, e1: 10.0.0.1/24}}, b: {}}
links: [a:e0 -- b:e0, a:e1 -- b:e1]" "10.0.0.1"
	refused_text "name: $NET
nodes: {a: {}, b: {}}
links: [a:a-very-long-device-name -- b:e0]" "a-very-long-device-name"
	refused_text "name: $NET
nodes: {a: {devices: {e0: 10.0.0.300/24}}, b: {}}
links: [a:e0 -- b:e0]" "10.0.0.300"
	refused_text "name: $NET
nodes: [" ""
	refused_text "" ""
}

@test "a file can come from standard input" {
	"$WARREN" up - <"$FILE"
	run bash -c '"$0" plan - <"$1"' "$WARREN" "$FILE"
	[ "$status" = 0 ]
	warren exec "$NET/a" ping -n -c1 -W1 10.0.1.2
}

@test "with a spanning tree, up returns when its ports forward" {
	cat >"$FILE" <<-END
		name: $NET
		nodes:
		  a: {devices: {e0: 10.0.0.1/24}}
		  b: {devices: {e0: 10.0.0.2/24}}
		  sw: {devices: {br0: {kind: bridge, ports: [p1, p2], stp: true, forward_delay: 200}}}
		links: [a:e0 -- sw:p1, b:e0 -- sw:p2]
	END
	warren up "$FILE"
	warren exec "$NET/a" ping -n -c1 -W1 10.0.0.2
}

@test "a program that ended is seen, started again, and forgotten with the file" {
	printf 'name: %s\nnodes: {a: {processes: ["sleep 1000"]}}\n' "$NET" >"$FILE"
	warren up "$FILE"
	pid=$(sed -n 's/^+process.*\t\([0-9]*\) .*/\1/p' "/run/warren/$NET/.journal")
	kill -KILL -- "-$pid"
	wait_for 5 bash -c "'$WARREN' ls | grep -E '^$NET +degraded'"
	run warren plan "$FILE"
	[ "$status" = 2 ]
	[ "$output" = "+ process a sleep 1000" ]
	warren up "$FILE"
	warren ls | grep -E "^$NET +up"
	pid=$(sed -n 's/^+process.*\t\([0-9]*\) .*/\1/p' "/run/warren/$NET/.journal" | tail -n 1)
	kill -KILL -- "-$pid"
	printf 'name: %s\nnodes: {a: {}}\n' "$NET" >"$FILE"
	warren up "$FILE"
	warren ls | grep -E "^$NET +up"
}
