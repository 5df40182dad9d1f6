# Who sends: what a process may not do, what its cgroup forbids, and packets that cannot be.
bats_require_minimum_version 1.5.0
load lib
load why

setup() {
	need_root
}

# ---- no-permission ----

# as_nobody NETNS ARGS...: the question of a user without any capability (the program is given as a
# descriptor: it may lie where he cannot go)
as_nobody() {
	local n=$1
	shift
	status=0
	answer=$(in_ns "$n" setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		timeout 30 /proc/self/fd/9 why --json "$@" 9<"$WARREN") || status=$?
}

may_not_ask() { # NETNS DESTINATION
	set_in "$1" net.ipv4.ping_group_range="1 0"
	as_nobody "$@"
	[ "$status" = 1 ] && [ "$(field .cause)" = no-permission ] || { echo "$answer"; return 1; }
	repair
	as_nobody "$@"
	[ "$status" = 0 ] && [ "$(field .verdict)" = delivered ] || { echo "$answer"; return 1; }
}

@test "no-permission: a plain user" {
	p2p; may_not_ask "$A" 10.0.0.2
}

@test "no-permission: a plain user behind a router, IPv6" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0
	may_not_ask "$A" fd02::2
}

# ---- cgroup-bpf-drop ----

cgroup_add() { # a cgroup of this test: $CGROUP; a program that forbids, of type $1: $PIN
	local mount
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$mount" ] || { mount=$BATS_TEST_TMPDIR/cgroup2; mkdir "$mount"; mount -t cgroup2 none "$mount"; echo "$mount" >"$BATS_TEST_TMPDIR/mounted"; }
	CGROUP=$mount/$(name why)
	mkdir "$CGROUP"
	echo "$CGROUP" >"$BATS_TEST_TMPDIR/cgroup"
	PIN=/sys/fs/bpf/$(name why)
	echo "__attribute__((section(\"$1\"), used)) int forbid(void *c) { return 0; }" >"$BATS_TEST_TMPDIR/x.c"
	clang -target bpf -O2 -g -c "$BATS_TEST_TMPDIR/x.c" -o "$BATS_TEST_TMPDIR/x.o"
	[ -d /sys/fs/bpf ] && mountpoint -q /sys/fs/bpf || mount -t bpf none /sys/fs/bpf
	bpftool prog load "$BATS_TEST_TMPDIR/x.o" "$PIN" type "$1"
	echo "$PIN" >"$BATS_TEST_TMPDIR/pin"
}
forbid() { # ATTACH-TYPE
	bpftool cgroup attach "$CGROUP" "$1" pinned "$PIN"
}
within() { # CMD...: in the cgroup
	sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$CGROUP" "$@"
}
cgroup_end() {
	local p
	while read -r p; do kill "$p"; done <"$1/cgroup.procs"
	rmdir "$1"
}
teardown() {
	local x=$BATS_TEST_TMPDIR
	down_all
	[ ! -e "$x/pin" ] || rm -f "$(cat "$x/pin")"
	# What the servers have started for a request may still be there.
	[ ! -e "$x/cgroup" ] || wait_for 5 cgroup_end "$(cat "$x/cgroup")"
	[ ! -e "$x/mounted" ] || umount "$(cat "$x/mounted")"
}

stopped_within() { # FROM ARGS...
	local from=$1
	shift
	status=0
	answer=$(within timeout 30 "$WARREN" why --json --from "$from" "$@") || status=$?
	[ "$status" = 1 ] && [ "$(field .cause)" = cgroup-bpf-drop ] || { echo "$answer"; return 1; }
}
stopped_then_not() {
	local from=$1
	stopped_within "$@"
	repair
	shift
	answer=$(within timeout 30 "$WARREN" why --json --from "$from" "$@") || { echo "$answer"; return 1; }
}

@test "cgroup-bpf-drop: the asker's cgroup, what it sends and what it receives" {
	rt; ready6 "$A" a0 "$R" r1 "$R" r2 "$B" b0; cgroup_add cgroup/skb
	forbid egress
	stopped_within "$A" --proto tcp 10.0.2.2
	stopped_within "$A" --proto udp fd02::2
	stopped_then_not "$A" 10.0.2.2
	forbid ingress
	stopped_then_not "$A" fd02::2
}

@test "cgroup-bpf-drop: connect is forbidden" {
	p2p; cgroup_add cgroup/connect4
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	forbid connect4
	stopped_then_not "$A" --proto tcp --port 5000 10.0.0.2
}

@test "cgroup-bpf-drop: a server's cgroup, its requests and its answers, over a bridge" {
	br; cgroup_add cgroup/skb
	background within ip netns exec "$B" socat UDP-RECVFROM:5000,fork EXEC:cat
	background within ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnut | grep -c 5000 | grep -q 2"
	forbid ingress
	fault cgroup-bpf-drop "$A" --proto udp --port 5000 10.0.0.2
	forbid egress
	failed cgroup-bpf-drop "$A" --proto tcp --port 5000 10.0.0.2
	[[ "$(field .why)" = *answer* ]]
	repair; delivered "$A" --proto tcp --port 5000 10.0.0.2
}

# ---- martian ----

@test "martian: a router writes an impossible source, then an impossible destination" {
	rt
	for write in "saddr set 224.0.0.5" "saddr set 255.255.255.255" "daddr set 0.0.0.0"; do
		nft_in "$R" <<<"table ip t { chain p { type filter hook postrouting priority 0; oifname r2 ip $write; } }"
		fault martian "$A" 10.0.2.2
		in_ns "$R" nft delete table ip t
	done
	nft_in "$R" <<<'table ip n { chain p { type nat hook postrouting priority 100; oifname r2 snat to 224.0.0.9; } }'
	fault martian "$A" 10.0.2.2
}

@test "martian: the asker's own rules, IPv6, over one cable" {
	p2p; ready6 "$A" a0 "$B" b0
	for source in ff02::5 ::1; do
		nft_in "$A" <<<"table ip6 t { chain p { type filter hook output priority 0; ip6 daddr fd00::2 ip6 saddr set $source; } }"
		fault martian "$A" fd00::2
		in_ns "$A" nft delete table ip6 t
	done
}

@test "martian: the answer's source, written by the destination" {
	rt; nft_in "$B" <<<'table ip t { chain p { type filter hook output priority 0; ip protocol icmp ip saddr set 239.1.1.1; } }'
	failed martian "$A" 10.0.2.2
	[[ "$(field .why)" = *answer* ]]
	repair; delivered "$A" 10.0.2.2
}

@test "martian: a unicast packet in a broadcast frame, over a bridge" {
	br; set_in "$B" net.ipv4.conf.b0.drop_unicast_in_l2_multicast=1
	ip -n "$A" neigh replace 10.0.0.2 lladdr ff:ff:ff:ff:ff:ff dev a0
	fault martian "$A" 10.0.0.2
}
