#!/usr/bin/env bats
# Converging: whatever was up before, `up FILE` ends where a fresh `up FILE` does.
load lib

setup() {
	need_root
	NET=$(name cv)
	network_note "$NET"
	A=$BATS_TEST_TMPDIR/a.yaml
	B=$BATS_TEST_TMPDIR/b.yaml
}

# What a network looks like, without what differs from one making to the next: numbers of devices,
# MACs that nobody gave, and what the kernel does by itself as carriers come.
picture() {
	local n
	for n in $(ip netns list | awk '{print $1}' | grep "^$NET\." | sort); do
		echo "== ${n#*.}"
		ip -n "$n" -d -j addr show | jq -c 'sort_by(.ifname)[] | [.ifname, .linkinfo.info_kind, .mtu, .master, .txqlen,
			(.flags | [index("UP") != null, index("NOARP") != null]),
			(.linkinfo.info_data | [.ageing_time?, .forward_delay?, .id?, .mode?, .type?]),
			([.addr_info[] | select(.scope != "link") | [.local, .prefixlen]] | sort)]'
		ip -n "$n" -4 route show table all | grep -v 'table local' | sed 's/ linkdown//; s/ *$//' | sort
		ip -n "$n" -6 route show table all | grep -v -e 'table local' -e fe80 -e ff00 | sed 's/ linkdown//; s/ *$//' | sort
		tc -n "$n" qdisc show | grep -o 'tbf .*dev.*' | sed 's/tbf [0-9a-f]*:/tbf/' | sort
		ip netns exec "$n" sysctl net.ipv4.ip_forward
		ip netns exec "$n" sysctl -a -r '^net.ipv4.conf.*\.rp_filter' | sort
		ip netns exec "$n" nft list ruleset
	done
	awk -F'\t' '/^\+process/ {at[substr($1, 2)] = $2} /^-process/ {delete at[substr($1, 2)]}
		END {for (k in at) print k, at[k]}' "/run/warren/$NET/.journal" | cut -d' ' -f1,4- | sort
}

@test "from any random network to any other" {
	for seed in $(seq "${WARREN_SEED:-1}" $((${WARREN_SEED:-1} + 4))); do
		"$BATS_TEST_DIRNAME/random-file" "$NET" $((2 * seed)) >"$A"
		"$BATS_TEST_DIRNAME/random-file" "$NET" $((2 * seed + 1)) >"$B"
		echo "seed $seed"
		warren up "$A"
		warren up "$B"
		run warren plan "$B"
		echo "$output"
		[ "$status" = 0 ]
		picture >"$BATS_TEST_TMPDIR/converged"
		warren down "$NET"
		warren up "$B"
		run warren plan "$B"
		echo "$output"
		[ "$status" = 0 ]
		picture | diff "$BATS_TEST_TMPDIR/converged" -
		warren down "$NET"
	done
}

@test "a change that fails goes back to any random network" {
	for seed in 3 5 8; do
		"$BATS_TEST_DIRNAME/random-file" "$NET" $((2 * seed)) >"$A"
		"$BATS_TEST_DIRNAME/random-file" "$NET" $((2 * seed + 1)) >"$B"
		sed -i '0,/^    sysctl:/s/^    sysctl:/    processes: [{run: "exit 1", ready: "false"}]\n    sysctl:/' "$B"
		sed -i '0,/^    processes: \[\"/{/^    processes: \[\"/d}' "$B"
		warren up "$A"
		picture >"$BATS_TEST_TMPDIR/before"
		run warren up "$B"
		echo "$output"
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
		! [[ $output == *"undoing it failed"* ]]
		run warren plan "$A"
		echo "$output"
		[ "$status" = 0 ]
		picture | diff "$BATS_TEST_TMPDIR/before" -
		warren down "$NET"
	done
}
