# What `warren show` says of random networks, against what `ip` says of them.
bats_require_minimum_version 1.5.0
load lib

# What `ip` says of namespaces, and what `warren show` says, in the same words: one line a fact.
# Link-local addresses are left out: they come by themselves, between one look and the next.
# FILES are "link show", "addr show" and "netns list-id" of `ip -j -d`, named after the namespace.
ip_says() { # FILES...
	jq -nr 'def says($node; $ids):
		. as $d |
		"ifindex \($d.ifindex)",
		"mtu \($d.mtu)",
		"up \($d.flags | any(. == "UP"))",
		"carrier \($d.flags | any(. == "LOWER_UP"))",
		"txqlen \($d.txqlen // 0)",
		(if $d.link_type == "ether" then "mac \($d.address)" else empty end),
		(if $d.master then "master \($d.master)" else empty end),
		($d.linkinfo // {} |
			(if .info_kind == "tun" then "kind \(.info_data.type)"
			 elif .info_kind then "kind \(.info_kind)" else empty end),
			(if .info_slave_kind == "bridge" then "port \(.info_slave_data | [.state, .flood, .bcast_flood, .mcast_flood, .isolated, .learning])" else empty end),
			(if .info_kind == "vxlan"
			 then "vxlan \(.info_data | "\(.id) \(.local) \(.remote) \(.port) \(.link)")"
			 elif .info_kind == "macvlan" then "mode \(.info_data.mode)" else empty end),
			(if .info_kind == "veth" or .info_kind == "macvlan"
			 then "end \(if $d.link_netnsid then $ids["\($d.link_netnsid)"] else $node end) \($d.link // $d.link_index)"
			 else empty end)),
		($d.addr_info[]? | select((.family == "inet" or .family == "inet6") and .local and .scope != "link") |
			"address \(.local)/\(.prefixlen)");
		reduce inputs as $i ({}; .[input_filename] += [$i]) | to_entries[] |
		(.key | sub(".*/"; "")) as $node | .value as [$links, $addresses, $names] |
		($names | map({key: "\(.nsid)", value: .name}) | from_entries) as $ids |
		$links[] | . as $l |
		.addr_info = ($addresses[] | select(.ifindex == $l.ifindex) | .addr_info) |
		"\($node) \($l.ifname) \(says($node; $ids))"' "$@"
}

show_says() { # FILE PREFIX
	jq -r --arg prefix "$2" '.devices[] | select(.node | startswith($prefix)) | . as $d |
		($d.other_end) as $e | "\($d.node) \($d.name) " + (
		"ifindex \($d.ifindex)",
		"mtu \($d.mtu)",
		"up \($d.up)",
		"carrier \($d.carrier)",
		"txqlen \($d.txqlen)",
		(if $d.mac and $d.kind != "loopback" then "mac \($d.mac)" else empty end),
		(if $d.master then "master \($d.master)" else empty end),
		(if $d.kind != "loopback" then "kind \($d.kind)" else empty end),
		(if $d.port then "port \($d.port | [.state, .flood, .bcast_flood, .mcast_flood, .isolated, .learning])" else empty end),
		(if $d.kind == "vxlan" then "vxlan \($e.id) \($e.local) \($e.remote) \($e.port) \($e.device)" else empty end),
		(if $d.mode then "mode \($d.mode)" else empty end),
		(if $d.kind == "veth" or $d.kind == "macvlan"
		 then "end \($e.node) \(if $e.node == $d.node then $e.device else $e.ifindex end)" else empty end),
		($d.addresses[] | select(startswith("fe80:") | not) | "address \(.)"))' "$1"
}

# random_networks FIRST LAST: build them all, look once, compare each namespace
random_networks() {
	local p seed ns dir=$BATS_TEST_TMPDIR/random
	p=$(name q)
	mkdir -p "$dir/said"
	for ((seed = $1; seed <= $2; seed++)); do
		"$BATS_TEST_DIRNAME/random-devices" "$seed" "$p.$seed" "$dir/$seed"
		grep -h '^netns add' "$dir/$seed/host" | cut -d' ' -f3 >>"$BATS_TEST_TMPDIR/netns"
		ip -batch "$dir/$seed/host"
	done
	for ((seed = $1; seed <= $2; seed++)); do
		# not all that the dice say is possible; what is refused is just not there
		for ns in "$dir/$seed"/ns.*; do ip -n "${ns##*/ns.}" -force -batch "$ns" 2>/dev/null || true; done
	done
	agree "$dir" || agree "$dir" || agree "$dir" # the kernel's carrier is a moment behind
}

agree() { # DIR
	local ns
	sleep 0.2
	warren show --json >"$1/show"
	while read -r ns; do
		ip -n "$ns" -j -d -batch - <<<$'link show\naddr show\nnetns list-id' >"$1/said/$ns" 2>/dev/null
	done <"$BATS_TEST_TMPDIR/netns"
	diff <(ip_says "$1"/said/* | sort) <(show_says "$1/show" "$p." | sort)
}

remove() { # the namespaces of this round, so that the next one has room
	while read -r x; do ip netns del "$x"; done <"$BATS_TEST_TMPDIR/netns"
	: >"$BATS_TEST_TMPDIR/netns"
	rm -rf "$BATS_TEST_TMPDIR/random"
}

@test "200 random networks: every device is what ip says it is, and its other end is where ip says" {
	need_root
	began=$SECONDS
	for ((first = 1; first <= 161; first += 40)); do
		random_networks "$first" $((first + 39))
		remove
		[ $((SECONDS - began)) -lt 150 ] || break
	done
	[ "$first" -gt 161 ] || echo "# this machine is slow: $((first + 39)) of 200 networks were compared" >&3
}

#  B b0 ---- p0 P            a macvlan on p0, moved away: B and P have no device that leads to C
#               `--- m0 C    o0: of somebody else, and nothing leads there
@test "why looks at what stands on a device near it, wherever that was moved, and not at strangers" {
	need_root
	b=$(name b) p=$(name p) c=$(name c) o=$(name o)
	netns_add "$b" "$p" "$c" "$o"
	ip link add b0 netns "$b" type veth peer name p0 netns "$p"
	ip -n "$p" link set p0 up
	ip -n "$p" link add m0 link p0 netns "$c" type macvlan mode bridge
	ip -n "$o" link add o0 type bridge
	ip -n "$b" addr add 10.0.0.1/24 dev b0 && ip -n "$b" link set b0 up
	ip -n "$c" addr add 10.0.0.2/24 dev m0 && ip -n "$c" link set m0 up
	run -0 warren why --json --from "$b" 10.0.0.2
	[ "$(jq -r .verdict <<<"$output")" = delivered ]
	# asked from inside, the node has the name that others know it by
	run -0 ip netns exec "$b" "$WARREN" why --json 10.0.0.2
	[ "$(jq -r '.steps[0].node' <<<"$output")" = "$b" ]
	ip -n "$b" neigh flush dev b0 && ip -n "$c" neigh flush dev m0
	ip -n "$c" link set m0 arp off
	run -1 warren why --json --from "$b" 10.0.0.2
	[ "$(jq -r '.cause + " " + .at.node' <<<"$output")" = "arp-off $c" ]
	# asked for by name, a device is found among strangers, too
	run -1 warren why --json --from "$b" --device o0 10.0.0.2
	[ "$(jq -r .cause <<<"$output")" = wrong-namespace ]
	[[ "$output" == *"$o has one"* ]]
}
