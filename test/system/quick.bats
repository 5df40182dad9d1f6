bats_require_minimum_version 1.5.0
load lib
load tunnel

# The same file, with wg-quick (over wireguard-go) and with Warren: what each makes of a namespace.
#
#	 Q  e0 10.40.0.2, fd00:40::2     W  e0 10.40.0.2, fd00:40::2
#	    default via 10.40.0.1           default via 10.40.0.1
#	    wg0 by wg-quick                 wg0 by Warren

setup() {
	need_root
	Q=$(name q) W=$(name w)
	for n in $Q $W; do
		node_add $n
		ip -n $n link add e0 mtu 1460 type veth peer name far
		ip -n $n link set far up
		ip -n $n addr add 10.40.0.2/24 dev e0
		ip -n $n addr add fd00:40::2/64 dev e0 nodad
		ip -n $n link set e0 up
		ip -n $n route add default via 10.40.0.1
		ip -n $n -6 route add default via fd00:40::1
		node $n mount -t tmpfs none /usr/local/sbin
		node $n sh -c 'printf "#!/bin/sh\necho \"\$*\" >>/usr/local/sbin/log; [ \$1 = -d ] || cat >>/usr/local/sbin/log\n" >/usr/local/sbin/resolvconf; chmod +x /usr/local/sbin/resolvconf'
	done
	mkdir -p "$BATS_TEST_TMPDIR/$Q" "$BATS_TEST_TMPDIR/$W"
}

# What can be seen in a namespace.  (Of a tun the kernel makes a link-local address, of WireGuard's
# own devices it makes none; nor does Warren.)
state() {
	node $1 ip rule
	node $1 ip -6 rule
	node $1 ip route show table all | grep -v -e fe80:: -e ff00::
	node $1 ip -6 route show table all | grep -v -e fe80:: -e ff00::
	node $1 nft list ruleset | sed '/fe80::/d'
	node $1 sysctl net.ipv4.conf.all.src_valid_mark
	node $1 ip -o addr show | grep -v fe80:: | sed 's/^[0-9]*: //; s/valid_lft.*//'
	node $1 ip -o link show | grep -o 'mtu [0-9]*'
	node $1 sh -c 'wg show wg0 dump 2>/dev/null' | cut -f 1-4
	node $1 grep -v '^-l' /usr/local/sbin/log 2>/dev/null || true
	cat "$BATS_TEST_TMPDIR/$1/log" 2>/dev/null || true
}

states_agree() { # WHEN
	state $Q >"$BATS_TEST_TMPDIR/q"
	state $W >"$BATS_TEST_TMPDIR/w"
	diff -u "$BATS_TEST_TMPDIR/q" "$BATS_TEST_TMPDIR/w" || { echo "$1: $(cat "$file")"; false; }
}

quick() { # up|down
	WG_QUICK_USERSPACE_IMPLEMENTATION=${WIREGUARD_GO:-wireguard-go} LOG_LEVEL=error node $Q timeout 20 \
		wg-quick $1 "$BATS_TEST_TMPDIR/$Q/wg0.conf" >"$BATS_TEST_TMPDIR/quick.log" 2>&1 3>&-
}

# both LINE...: these lines in [Interface]; $peers is the rest.  Up, compare, down, compare.
both() {
	local n
	for n in $Q $W; do
		file=$BATS_TEST_TMPDIR/$n/wg0.conf
		printf '[Interface]\nPrivateKey = %s\nListenPort = 51999\n' "$(cat "$(key own)")" >"$file"
		printf '%s\n' "$@" "${peers-$peer
AllowedIPs = 192.168.3.0/24, 10.60.0.0/16}" | sed "s|LOG|$BATS_TEST_TMPDIR/$n/log|" >>"$file"
		chmod 600 "$file"
		rm -f "$BATS_TEST_TMPDIR/$n/log"
		node $n rm -f /usr/local/sbin/log
	done
	quick up || { cat "$BATS_TEST_TMPDIR/quick.log"; false; }
	warren_start $W wg0 -c "$BATS_TEST_TMPDIR/$W/wg0.conf"
	states_agree up
	if [ -n "${meanwhile-}" ]; then for n in $Q $W; do node $n sh -c "$meanwhile"; done; fi
	quick down || { cat "$BATS_TEST_TMPDIR/quick.log"; false; }
	kill $tunnel
	wait $tunnel
	states_agree down
}

@test "addresses, routes, MTU, table and mark are those of wg-quick" {
	peer="[Peer]
PublicKey = $(public_key peer)
Endpoint = 10.99.0.1:51820"
	both "Address = 192.168.3.2/24, fd00:3::2/64"
	both "Address = 192.168.3.2" "Address = fd00:3::2"
	both "Address = 192.168.3.2/24 192.168.4.2/32" "MTU = 1300" "FwMark = 0x77"
	both "Address = 192.168.3.2/24" "Table = off"
	both "Address = 192.168.3.2/24,fd00:3::2/64" "Table = 1234"
	both "Table = auto" "Address = 192.168.3.2/32"
	peers="$peer
AllowedIPs = 192.168.3.0/24, 192.168.3.7/32, 10.0.0.0/8, 10.1.0.0/16, fd00:3::/64, fd00:4::/48, 192.168.3.2/32
[Peer]
PublicKey = $(public_key other)
AllowedIPs = 10.1.2.0/24" both "Address = 192.168.3.2/32, fd00:3::2/64"
	# no endpoint to ask the way to: the default route's
	peers="[Peer]
PublicKey = $(public_key peer)
AllowedIPs = 192.168.3.0/24" both "Address = 192.168.3.2/24"
	peers= both "Address = 192.168.3.2/24"
}

@test "a default route is made as wg-quick makes it: rules, tables, nftables, sysctl" {
	peer="[Peer]
PublicKey = $(public_key peer)
Endpoint = 10.99.0.1:51820"
	peers="$peer
AllowedIPs = 0.0.0.0/0" both "Address = 192.168.3.2/24, 192.168.9.9/32, fd00:3::2/64"
	peers="$peer
AllowedIPs = ::/0" both "Address = 192.168.3.2/24, fd00:3::2/64"
	peers="$peer
AllowedIPs = 0.0.0.0/0, ::/0, 10.9.0.0/16" both "Address = 192.168.3.2/24, fd00:3::2/64"
	peers="$peer
AllowedIPs = 0.0.0.0/0, ::/0" both "Address = 192.168.3.2/24, fd00:3::2/64" "FwMark = 51900"
	peers="$peer
AllowedIPs = 0.0.0.0/0" both "Address = 192.168.3.2/24" "Table = 99"
	peers="$peer
AllowedIPs = 0.0.0.0/0, ::/0" both "Address = 192.168.3.2/24" "Table = off"
	peers="$peer
AllowedIPs = 0.0.0.0/1, 128.0.0.0/1" both "Address = 192.168.3.2/24"
	# someone else uses the table
	for n in $Q $W; do ip -n $n route add 10.98.0.0/16 dev e0 table 51820; done
	peers="$peer
AllowedIPs = 0.0.0.0/0" both "Address = 192.168.3.2/24"
}

@test "name servers and commands are handed on as by wg-quick" {
	peer="[Peer]
PublicKey = $(public_key peer)"
	both "Address = 192.168.3.2/24" "DNS = 10.60.0.1, example.org, fd00:60::1" "DNS = lan  corp.example"
	both "Address = 192.168.3.2/24" "DNS = example.org"
	both "Address = 192.168.3.2/24" \
		"PreUp = echo pre %i \$(ip -o link show %i 2>/dev/null | wc -l) >>LOG" \
		"PreUp = echo second >>LOG" \
		"PostUp = [[ %i == wg0 ]] && echo up \$(wg show %i listen-port) \$(ip -4 -o addr show %i | wc -l) >>LOG" \
		"PostUp = cat <(echo post %i) >>LOG # and a comment" \
		"PreDown = echo down \$(wg show %i listen-port) >>LOG" \
		"PostDown = echo gone \$(ip -o link show %i 2>/dev/null | wc -l) >>LOG"
	for n in $Q $W; do
		node $n mkdir -p /etc/resolvconf
		node $n mount -t tmpfs none /etc/resolvconf || true
		node $n sh -c 'printf "# order\nlo.inet*\ntun*\nwg*\n" >/etc/resolvconf/interface-order'
	done
	both "Address = 192.168.3.2/24" "DNS = 10.60.0.1"
}

@test "what is saved at the end is what wg-quick saves" {
	peer="[Peer]
PublicKey = $(public_key peer)"
	meanwhile="ip addr add 192.168.8.8/24 dev wg0; ip link set wg0 mtu 1290; wg set wg0 listen-port 51998" \
		both "Address = 192.168.3.2/24, fd00:3::2/64" "MTU = 1300" "Table = 77" "SaveConfig = true" \
		"PreDown = wg set %i peer $(public_key late) allowed-ips 10.77.0.0/16" "PostUp = true"
	for n in $Q $W; do
		# one value a line, in any order
		awk -F' = ' '{k = split($2, v, ", "); if (k < 2) print; else for (i = 1; i <= k; i++) print $1 " = " v[i]}' \
			"$BATS_TEST_TMPDIR/$n/wg0.conf" | grep -v -e fe80:: -e '^$' | sort >"$BATS_TEST_TMPDIR/$n/saved"
	done
	diff -u "$BATS_TEST_TMPDIR/$Q/saved" "$BATS_TEST_TMPDIR/$W/saved"
	grep -q "10.77.0.0/16" "$BATS_TEST_TMPDIR/$W/saved"
}
