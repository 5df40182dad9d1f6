# warren show: the end of each device, exactly, however alike the names and numbers are; and
# every namespace, however hidden.  (Whole random networks: topology.bats.)
bats_require_minimum_version 1.5.0
load lib

# hold NETNS NAME MODE [QUEUES]: a process in NETNS that holds a tun or tap open; its pid in $!
hold() {
	local flags=$((0x1000 | ($3 == 1 ? 1 : 2) | (${4:-1} > 1 ? 0x100 : 0)))
	background ip netns exec "$1" perl -e 'my ($name, $flags, $n) = @ARGV; my @f;
		for (1 .. $n) {
			open(my $f, "+<", "/dev/net/tun") or die;
			my $r = pack("a16sx22", $name, $flags);
			ioctl($f, 0x400454ca, $r) or die "$!";
			push @f, $f;
		}
		sleep 1000' "$2" "$flags" "${4:-1}"
	wait_for 10 ip -n "$1" link show "$2"
	# `ip netns exec` becomes the program: same pid
}

#  A: tun0 -- p1      B: tun0 -- p2       C: tun0 -- p3, which lives in A
@test "a tun is held by the right process, though three namespaces have one of that name" {
	need_root
	a=$(name a) b=$(name b) c=$(name c)
	netns_add "$a" "$b" "$c"
	hold "$a" tun0 1 && p1=$!
	hold "$b" tun0 1 && p2=$!
	hold "$a" tunx 1 && p3=$!
	ip -n "$a" link set tunx netns "$c" name tun0
	[ "$(warren show --json "$a" tun0 | jq -r '.devices[0].other_end | "\(.type) \(.pid) \(.comm) \(.node)"')" = "process $p1 perl $a" ]
	[ "$(warren show --json "$b" tun0 | jq .devices[0].other_end.pid)" = "$p2" ]
	[ "$(warren show --json "$c" tun0 | jq -r '.devices[0].other_end | "\(.pid) \(.node)"')" = "$p3 $a" ]
	run -0 warren show "$c"
	[[ $output == *"perl (pid $p3, in $a)"* ]]
}

@test "all processes of a tap with many queues are counted, and one that nobody holds is said" {
	need_root
	a=$(name a)
	netns_add "$a"
	ip -n "$a" tuntap add tap0 mode tap multi_queue
	ip -n "$a" tuntap add tap1 mode tap
	ip -n "$a" link set tap0 up
	ip -n "$a" link set tap1 up
	hold "$a" tap0 2 3 && p1=$!
	hold "$a" tap0 2 2 && p2=$!
	held() { [ "$(warren show --json "$a" tap0 | jq -c '[.devices[0].other_end.processes[] | [.pid, .queues]]')" = "[[$p1,3],[$p2,2]]" ]; }
	wait_for 10 held
	[ "$(warren show --json "$a" tap0 | jq -r '.devices[0] | "\(.kind) \(.carrier)"')" = "tap true" ]
	[ "$(warren show --json "$a" tap1 | jq -c '.devices[0].other_end | [.type, .pid, .processes]')" = '["process",null,[]]' ]
	run -0 warren show "$a"
	[[ $output == *"tap1"*"no carrier"*"no process"* ]]
}

#  A: eth0 (2) === eth0 (2) :B      C: eth0 (2) === eth0 (2) :D
@test "twins whose numbers are all equal are not confused" {
	need_root
	a=$(name a) b=$(name b) c=$(name c) d=$(name d)
	netns_add "$a" "$b" "$c" "$d"
	ip link add eth0 index 77 netns "$a" type veth peer name eth0 index 77 netns "$b"
	ip link add eth0 index 77 netns "$c" type veth peer name eth0 index 77 netns "$d"
	# ... though A and B know C and D, too
	ip link add other netns "$a" type veth peer name other netns "$c"
	ip link add more netns "$b" type veth peer name more netns "$d"
	for pair in "$a $b" "$b $a" "$c $d" "$d $c"; do
		set -- $pair
		[ "$(warren show --json "$1" eth0 | jq -r '.devices[0] | "\(.ifindex) \(.other_end | "\(.type) \(.node) \(.device)")"')" = "77 device $2 eth0" ]
	done
}

@test "a namespace without a name is found by the process that lives there" {
	need_root
	a=$(name a)
	netns_add "$a"
	background unshare -n sleep 1000
	pid=$!
	own() { [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
	wait_for 10 own
	ip link add c0 netns "$a" type veth peer name c1 netns "$pid"
	warren show --json >"$BATS_TEST_TMPDIR/json"
	[ "$(jq -c --arg n "pid:$pid" '.namespaces[] | select(.node == $n) | [.found_by, .processes, .residents[0].comm]' "$BATS_TEST_TMPDIR/json")" = '["process",1,"sleep"]' ]
	[ "$(jq -r --arg a "$a" '.devices[] | select(.node == $a and .name == "c0") | .other_end | "\(.node) \(.device)"' "$BATS_TEST_TMPDIR/json")" = "pid:$pid c1" ]
	[ "$(warren show --json "pid:$pid" c1 | jq -r .devices[0].other_end.node)" = "$a" ]
	run -0 warren show
	[[ $output == *"pid:$pid sleep"* ]]
}

@test "a namespace that is only kept open, or only mounted, is found" {
	need_root
	exec 7< <(unshare -n sleep 1000 & echo $!; wait)
	read -r pid <&7
	echo "$pid" >>"$BATS_TEST_TMPDIR/pids"
	own() { [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
	wait_for 10 own
	inode=$(stat -Lc %i "/proc/$pid/ns/net")
	background sh -c "exec 9</proc/$pid/ns/net; exec sleep 1000"
	keeper=$!
	kept() { [ "$(stat -Lc %i "/proc/$keeper/fd/9")" = "$inode" ] && [ "$(cat "/proc/$keeper/comm")" = sleep ]; }
	wait_for 10 kept
	kill "$pid"
	gone() { [ ! -e "/proc/$pid/ns/net" ]; }
	wait_for 10 gone
	[ "$(warren show --json | jq -c --argjson i "$inode" '.namespaces[] | select(.inode == $i) | [.found_by, .node, .kept_by.pid, .kept_by.comm]')" = "[\"descriptor\",\"/proc/$keeper/fd/9\",$keeper,\"sleep\"]" ]
	# the name that is printed can be typed
	[ "$(warren show --json "/proc/$keeper/fd/9" | jq -r .devices[0].name)" = lo ]
	touch "$BATS_TEST_TMPDIR/mounted"
	mount --bind "/proc/$keeper/fd/9" "$BATS_TEST_TMPDIR/mounted"
	kill "$keeper"
	gone() { [ ! -e "/proc/$keeper/fd/9" ]; }
	wait_for 10 gone
	found=$(warren show --json | jq -c --argjson i "$inode" '.namespaces[] | select(.inode == $i) | [.found_by, .node]')
	umount -l "$BATS_TEST_TMPDIR/mounted" # another who looks may have it open just now
	[ "$found" = "[\"mount\",\"$BATS_TEST_TMPDIR/mounted\"]" ]
}

@test "every namespace that lsns finds is found" {
	need_root
	a=$(name a)
	netns_add "$a"
	background ip netns exec "$a" sleep 1000
	background unshare -n sleep 1000
	background unshare -n sleep 1000
	pids=$(cat "$BATS_TEST_TMPDIR/pids")
	own() { for p in $pids; do [ "$(readlink "/proc/$p/ns/net")" != "$(readlink /proc/self/ns/net)" ] || return 1; done; }
	wait_for 10 own
	for p in $pids; do
		i=$(lsns -rn -t net -o NS,PID -p "$p" | cut -d' ' -f1)
		[ "$(warren show --json | jq --argjson i "$i" '[.namespaces[] | select(.inode == $i)] | length')" = 1 ]
	done
}

@test "a container is called by its id" {
	need_root
	id=$(printf %064d 0 | tr 0 a)
	for c in /sys/fs/cgroup/pids /sys/fs/cgroup/unified /sys/fs/cgroup; do
		mkdir "$c/docker-$id.scope" 2>/dev/null && group=$c/docker-$id.scope && break
	done
	[ -n "${group:-}" ] || skip "no cgroup may be made here"
	background unshare -n sleep 1000
	pid=$!
	echo "$pid" >"$group/cgroup.procs"
	own() { [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
	wait_for 10 own
	found=$(warren show --json | jq -r --arg n "pid:$pid" '.namespaces[] | select(.node == $n) | .residents[0].container')
	words=$(warren show)
	kill "$pid"
	wait_for 10 rmdir "$group"
	[ "$found" = aaaaaaaaaaaa ]
	[[ $words == *"pid:$pid sleep in container aaaaaaaaaaaa"* ]]
}

@test "lo is the same stack, a bridge has its ports, and the wire has a driver" {
	need_root
	a=$(name a)
	netns_add "$a"
	ip -n "$a" link add br0 type bridge
	ip -n "$a" link add p1 type veth peer name p2
	ip -n "$a" link set p1 master br0
	[ "$(warren show --json "$a" lo | jq -c '.devices[0].other_end | [.type, .node]')" = "[\"stack\",\"$a\"]" ]
	[ "$(warren show --json "$a" br0 | jq -c '.devices[0].other_end | [.type, .ports]')" = '["ports",["p1"]]' ]
	for d in /sys/class/net/*/device/driver; do
		[ -e "$d" ] || continue
		n=${d#/sys/class/net/} n=${n%%/*}
		[ "$(warren show --json | jq -r --arg n "$n" '.namespaces[] | select(.host) | .node')" = host ]
		[ "$(warren show --json | jq -r --arg n "$n" '.devices[] | select(.node == "host" and .name == $n) | .other_end | "\(.type) \(.driver)"')" = "wire $(basename "$(readlink -f "$d")")" ]
	done
}

@test "--watch gives rates, and with --json a line each time" {
	need_root
	a=$(name a)
	netns_add "$a"
	background ip netns exec "$a" ping -q -i 0.002 -s 1000 127.0.0.1
	run -0 warren show --watch --count 2 --every 0.3 "$a"
	[ "$(grep -c 'RX bit/s' <<<"$output")" = 2 ]
	grep -Eq '^ +lo .* [0-9.]+[kM] ' <<<"$output"
	run -0 warren show --watch --count 3 --every 0.05 --json "$a"
	[ "${#lines[@]}" = 3 ]
	jq -e '.devices[0].name == "lo"' <<<"${lines[2]}"
}

@test "an ordinary user sees the host, and is told what he cannot see" {
	need_root
	a=$(name a)
	netns_add "$a"
	cp "$WARREN" "$BATS_TEST_TMPDIR/warren"
	chmod 755 "$BATS_TEST_TMPDIR/warren"
	chmod a+x "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.." "$BATS_RUN_TMPDIR"
	run -0 --separate-stderr setpriv --reuid=54321 --regid=54321 --clear-groups "$BATS_TEST_TMPDIR/warren" show --json
	jq -e '.devices[] | select(.node == "host" and .name == "lo")' <<<"$output"
	jq -e --arg a "$a" '.unseen.namespaces | any(endswith($a))' <<<"$output"
	jq -e '.unseen.processes > 0' <<<"$output"
	run -0 --separate-stderr setpriv --reuid=54321 --regid=54321 --clear-groups "$BATS_TEST_TMPDIR/warren" show
	[[ $stderr == *CAP_SYS_ADMIN* ]]
	run -1 --separate-stderr setpriv --reuid=54321 --regid=54321 --clear-groups "$BATS_TEST_TMPDIR/warren" show "$a"
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "a user sees into his own namespace, though it belongs to another user namespace" {
	need_root
	cp "$WARREN" "$BATS_TEST_TMPDIR/warren"
	chmod 755 "$BATS_TEST_TMPDIR/warren"
	chmod a+x "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.." "$BATS_RUN_TMPDIR"
	background setpriv --reuid=54321 --regid=54321 --clear-groups unshare -Urn sleep 1000
	pid=$!
	own() { [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] && [ "$(cat "/proc/$pid/comm")" = sleep ]; }
	wait_for 10 own || skip "no user namespaces here"
	run -0 --separate-stderr setpriv --reuid=54321 --regid=54321 --clear-groups "$BATS_TEST_TMPDIR/warren" show --json "pid:$pid"
	[ "$(jq -c '[.devices[].name]' <<<"$output")" = '["lo"]' ]
}

@test "wrong questions are answered in one line" {
	run -1 --separate-stderr warren show no-such-node
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"no-such-node"* ]]
	run -1 --separate-stderr warren show host no-such-device
	[[ $stderr == *"no-such-device"* ]]
	run -2 --separate-stderr warren show a b c
	run -2 --separate-stderr warren show --no-such-option
}

@test "200 namespaces with 2 devices each are read in well under a second" {
	need_root
	p=$(name s)
	for ((i = 0; i < 200; i++)); do
		echo "netns add $p.$i"
		echo "$p.$i" >>"$BATS_TEST_TMPDIR/netns"
	done | ip -batch -
	for ((i = 0; i < 200; i += 2)); do
		echo "link add eth0 netns $p.$i type veth peer name eth0 netns $p.$((i + 1))"
	done | ip -batch -
	best=9999
	for try in 1 2 3; do
		began=$(date +%s%N)
		warren show --json >"$BATS_TEST_TMPDIR/json"
		ms=$((($(date +%s%N) - began) / 1000000))
		[ $ms -lt $best ] && best=$ms
	done
	echo "# $best ms" >&3
	[ "$(jq --arg p "$p" '[.devices[] | select(.node | startswith($p)) | select(.name == "eth0" and .other_end.device == "eth0")] | length' "$BATS_TEST_TMPDIR/json")" = 200 ]
	[ $best -lt 700 ]
}

@test "an ifb's other end is the device that tc redirects from" {
	need_root
	a=$(name a)
	netns_add "$a"
	ip -n "$a" link add v0 type veth peer name v1
	ip -n "$a" link add shaper type ifb
	for d in v0 v1 shaper; do ip -n "$a" link set "$d" up; done
	[ "$(warren show --json "$a" shaper | jq -r '.devices[0].other_end.type')" = unknown ]
	tc -n "$a" qdisc add dev v1 ingress
	tc -n "$a" filter add dev v1 parent ffff: protocol ip u32 match u32 0 0 action mirred egress redirect dev shaper
	[ "$(warren show --json "$a" shaper | jq -r '.devices[0].other_end.device')" = v1 ]
	run -0 warren show "$a" shaper
	[[ "$output" == *"what tc redirects from v1"* ]]
}
