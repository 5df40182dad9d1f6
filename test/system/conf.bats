bats_require_minimum_version 1.5.0
load lib
load tunnel

# wg-quick's file: what it adds to keys and peers.
#
#	 C ------------- R ------------- S            R forwards; 10.50.0.1 on R is
#	 e0 10.40.0.2    c 10.40.0.1     e0 10.41.0.2  "the internet" for C
#	    fd00:40::2   s 10.41.0.1        fd00:41::2
#	 wg0 192.168.3.2                 wg0 192.168.3.1, lan 10.60.0.1

setup() {
	need_root
	C=$(name c) R=$(name r) S=$(name s)
	node_add $C $R $S
	ip -n $C link add e0 type veth peer name c netns $R
	ip -n $S link add e0 type veth peer name s netns $R
	for x in "$C e0 40 2" "$R c 40 1" "$R s 41 1" "$S e0 41 2"; do
		set -- $x
		ip -n $1 addr add 10.$3.0.$4/24 dev $2
		ip -n $1 addr add fd00:$3::$4/64 dev $2 nodad
		ip -n $1 link set $2 up
	done
	node $R sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n $R addr add 10.50.0.1/32 dev lo
	for x in "$C 40" "$S 41"; do
		set -- $x
		ip -n $1 route add default via 10.$2.0.1
		ip -n $1 -6 route add default via fd00:$2::1
	done
	ip -n $S addr add 10.60.0.1/32 dev lo
	file=$BATS_TEST_TMPDIR/wg0.conf
	cat >"$BATS_TEST_TMPDIR/server.conf" <<-E
		[Interface]
		PrivateKey = $(cat "$(key s)")
		ListenPort = 51820
		Address = 192.168.3.1/24, fd00:3::1/64
		[Peer]
		PublicKey = $(public_key c)
		AllowedIPs = 192.168.3.2/32, fd00:3::2/128
	E
	warren_start $S wg0 -c "$BATS_TEST_TMPDIR/server.conf"
	server=$tunnel
}

# client [LINE...]: the client's file, with these lines in [Interface]; $allowed and $endpoint
client() {
	{
		printf '[Interface]\nPrivateKey = %s\nAddress = 192.168.3.2/24, fd00:3::2/64\n' "$(cat "$(key c)")"
		printf '%s\n' "$@"
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s\nEndpoint = %s\n' "$(public_key s)" \
			"${allowed:-192.168.3.0/24, fd00:3::/64, 10.60.0.0/16}" "${endpoint:-10.41.0.2:51820}"
	} >"$file"
}

@test "addresses, MTU, routes and peers come from the file" {
	client "MTU = 1380"
	warren_start $C wg0 -c "$file"
	ip -n $C -o addr show wg0 | grep -q "192.168.3.2/24"
	ip -n $C -o addr show wg0 | grep -q "fd00:3::2/64"
	ip -n $C -o link show wg0 | grep -q "mtu 1380.*UP\|UP.*mtu 1380"
	ip -n $C route show 10.60.0.0/16 | grep -q "dev wg0"
	node $C ping -c 1 -W 5 192.168.3.1
	node $C ping -c 1 -W 5 fd00:3::1
	node $C ping -c 1 -W 5 10.60.0.1
	kill $tunnel
	wait $tunnel
	run ! ip -n $C link show wg0
}

@test "without MTU it is what the way to the endpoint carries, less 80" {
	ip -n $C link set e0 mtu 1400
	client
	warren_start $C wg0 -c "$file"
	ip -n $C -o link show wg0 | grep -q "mtu 1320"
}

@test "a default route goes into the tunnel, and the tunnel's datagrams do not" {
	allowed="0.0.0.0/0, ::/0" client
	ip -n $R addr del 10.50.0.1/32 dev lo
	ip -n $S addr add 10.50.0.1/32 dev lo
	rules=$(ip -n $C rule; ip -n $C -6 rule)
	warren_start $C wg0 -c "$file"
	mark=$(node $C wg show wg0 fwmark)
	[ "$mark" = 0xca6c ]
	ip -n $C rule | grep -q "not from all fwmark 0xca6c lookup 51820"
	ip -n $C rule | grep -q "from all lookup main suppress_prefixlength 0"
	ip -n $C -6 rule | grep -q "not from all fwmark 0xca6c lookup 51820"
	# only the server has 10.50.0.1, and the router has no route to it
	node $C ping -c 1 -W 5 10.50.0.1
	# what is on our own links stays there
	ip -n $C route get 10.40.0.1 | grep -q "dev e0"
	node $C nft list table ip wg-quick-wg0 | grep -q "fib saddr type != local"
	kill $tunnel
	wait $tunnel
	[ "$(ip -n $C rule; ip -n $C -6 rule)" = "$rules" ]
	run ! node $C nft list table ip wg-quick-wg0
}

@test "the rules of a tunnel that was killed do not outlive the next one" {
	allowed="0.0.0.0/0, ::/0" client
	rules=$(ip -n $C rule; ip -n $C -6 rule)
	warren_start $C wg0 -c "$file"
	kill -9 $tunnel
	wait_for 10 sh -c "! ip -n $C link show wg0"
	warren_start $C wg0 -c "$file"
	[ "$(ip -n $C rule | grep -c "lookup 51820")" = 1 ]
	kill $tunnel
	wait $tunnel
	[ "$(ip -n $C rule; ip -n $C -6 rule)" = "$rules" ]
}

@test "a default route may come and go with SIGHUP" {
	client
	warren_start $C wg0 -c "$file"
	rules=$(ip -n $C rule)
	allowed="0.0.0.0/0" client
	kill -HUP $tunnel
	wait_for 10 sh -c "ip -n $C rule | grep -q 'not from all fwmark 0xca6c lookup 51820'"
	wait_for 10 sh -c "ip -n $C route show table 51820 | grep -q '^default dev wg0'"
	wait_for 10 node $C nft list table ip wg-quick-wg0
	node $C ping -c 1 -W 5 192.168.3.1
	client
	kill -HUP $tunnel
	wait_for 10 sh -c "! ip -n $C rule | grep -q 51820"
	wait_for 10 sh -c "! nsenter -t $(cat "$BATS_TEST_TMPDIR/$C.pid") -n nft list table ip wg-quick-wg0"
	[ "$(ip -n $C rule)" = "$rules" ]
	node $C ping -c 1 -W 5 192.168.3.1
}

@test "a second tunnel with a default route takes another table" {
	allowed="0.0.0.0/0" client
	ip -n $C route add 10.99.0.0/16 dev e0 table 51820
	warren_start $C wg0 -c "$file"
	[ "$(node $C wg show wg0 fwmark)" = 0xca6d ]
	ip -n $C route show table 51821 | grep -q "^default dev wg0"
}

@test "Table = off sets no routes, Table = N sets them there" {
	client "Table = off"
	warren_start $C wg0 -c "$file"
	[ -z "$(ip -n $C route show 10.60.0.0/16)" ]
	kill $tunnel
	wait $tunnel
	client "Table = 1234"
	warren_start $C wg0 -c "$file"
	[ -z "$(ip -n $C route show 10.60.0.0/16)" ]
	ip -n $C route show table 1234 | grep -q "^10.60.0.0/16 dev wg0"
}

@test "the file's commands run in order, may use wg, and %i is the device" {
	log=$BATS_TEST_TMPDIR/log
	client "PreUp = echo preup %i \$(ip -o addr show %i | wc -l) >> $log" \
		"PostUp = wg set %i listen-port 7001 && echo postup \$(wg show %i listen-port) >> $log" \
		"PostUp = echo second >> $log" \
		"PreDown = echo predown \$(wg show %i listen-port) >> $log" \
		"PostDown = echo postdown \$(ls /sys/class/net | grep -c %i) >> $log"
	warren_start $C wg0 -c "$file"
	kill $tunnel
	wait $tunnel
	[ "$(xargs <"$log")" = "preup wg0 0 postup 7001 second predown 7001 postdown 0" ]
}

@test "a command that fails undoes everything, in one line" {
	client "PostUp = true" "PostUp = exit 3"
	run -1 --separate-stderr node $C timeout 20 "$WARREN" tunnel -c "$file" wg0
	[ "$stderr" = "warren tunnel: PostUp 'exit 3' ended with status 3" ]
	run ! ip -n $C link show wg0
	run ! node $C test -e /var/run/wireguard/wg0.sock
}

@test "a mistake in the file is told with its line, and nothing is made" {
	client "Adress = 10.0.0.1/24"
	run -1 --separate-stderr node $C timeout 20 "$WARREN" tunnel -c "$file" wg0
	[ "$stderr" = "warren tunnel: $file:4: [Interface] has no key 'Adress'" ]
	run ! ip -n $C link show wg0
	run -1 --separate-stderr node $C timeout 20 "$WARREN" tunnel -c /nonexistent wg0
	[ "$stderr" = "warren tunnel: /nonexistent: No such file or directory" ]
}

@test "a port in use is said, and nothing is left" {
	warren_start $C wg1
	node $C wg set wg1 listen-port 7002
	client "ListenPort = 7002"
	run -1 --separate-stderr node $C timeout 20 "$WARREN" tunnel -c "$file" wg0
	[ "$stderr" = "warren tunnel: wg0: UDP port 7002: Address already in use" ]
	run ! ip -n $C link show wg0
}

@test "SIGHUP reads the file again and keeps the sessions" {
	client "ListenPort = 7003"
	warren_start $C wg0 -c "$file"
	node $C ping -c 1 -W 5 192.168.3.1
	first=$(node $C wg show wg0 latest-handshakes)
	allowed="192.168.3.0/24, 10.61.0.0/16" client "Address = 192.168.9.9/24" "ListenPort = 7003"
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.62.0.0/16\n' "$(public_key other)" >>"$file"
	kill -HUP $tunnel
	wait_for 10 grep -q "read again" "$BATS_TEST_TMPDIR/$C.wg0.log"
	[ "$(node $C wg show wg0 peers | wc -l)" = 2 ]
	ip -n $C -o addr show wg0 | grep -q 192.168.9.9/24
	[ -z "$(ip -n $C route show 10.60.0.0/16)" ]
	ip -n $C route show 10.61.0.0/16 | grep -q "dev wg0"
	ip -n $C route show 10.62.0.0/16 | grep -q "dev wg0"
	sleep 1.1
	node $C ping -c 1 -W 5 192.168.3.1
	node $C wg show wg0 latest-handshakes | grep -qF "$first"
	# a mistake leaves everything as it is
	echo nonsense >>"$file"
	kill -HUP $tunnel
	wait_for 10 grep -q "expected KEY = VALUE; the settings stay" "$BATS_TEST_TMPDIR/$C.wg0.log"
	[ "$(node $C wg show wg0 peers | wc -l)" = 2 ]
	node $C ping -c 1 -W 5 192.168.3.1
	# and what was taken out of the file goes
	client "ListenPort = 7003"
	kill -HUP $tunnel
	wait_for 10 sh -c "[ \$(nsenter -t $(cat "$BATS_TEST_TMPDIR/$C.pid") -m -n wg show wg0 peers | wc -l) = 1 ]"
	[ "$(node $C wg show wg0 latest-handshakes)" = "$first" ]
}

@test "SIGHUP reaches a device that was moved to another namespace" {
	M=$(name m)
	netns_add $M
	client "ListenPort = 7003"
	warren_start $C wg0 -c "$file"
	ip -n $C link set wg0 netns $M
	wait_for 5 grep -q "went to another namespace" "$BATS_TEST_TMPDIR/$C.wg0.log"
	ip -n $M link set wg0 up
	allowed="192.168.3.0/24, 10.60.0.0/16, 10.61.0.0/16" client "Address = 192.168.9.9/24" "ListenPort = 7003" "MTU = 1300"
	kill -HUP $tunnel
	wait_for 10 grep -q "read again" "$BATS_TEST_TMPDIR/$C.wg0.log"
	ip -n $M -o addr show wg0 | grep -q 192.168.3.2/24
	ip -n $M -o addr show wg0 | grep -q 192.168.9.9/24
	ip -n $M route show 10.61.0.0/16 | grep -q "dev wg0"
	ip -n $M -o link show wg0 | grep -q "mtu 1300"
	ip netns exec $M ping -c 1 -W 5 10.60.0.1
	allowed="192.168.3.0/24" client "ListenPort = 7003"
	kill -HUP $tunnel
	wait_for 10 sh -c "! ip -n $M route show 10.61.0.0/16 | grep -q wg0"
	wait_for 5 sh -c "! ip -n $M -o addr show wg0 | grep -q 192.168.9.9"
	run ! grep -E "keys and peers are as|could not" "$BATS_TEST_TMPDIR/$C.wg0.log"
}

# hosts NS LINE...: what names mean there
hosts() {
	local n=$1
	shift
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/hosts"
	node $n sh -c 'grep -q "$1" /proc/mounts || mount --bind "$2" /etc/hosts' sh "/etc/hosts" "$BATS_TEST_TMPDIR/hosts"
}

@test "an endpoint's name is looked up, and again when nobody answers there" {
	# first an address where nobody is; the name moves while the tunnel runs
	hosts $C "10.41.0.77 vpn.test"
	endpoint=vpn.test:51820 client
	warren_start $C wg0 -c "$file"
	wait_for 10 sh -c "nsenter -t $(cat "$BATS_TEST_TMPDIR/$C.pid") -m -n wg show wg0 endpoints | grep -q 10.41.0.77:51820"
	background node $C ping -i 0.5 192.168.3.1
	hosts $C "10.41.0.2 vpn.test"
	wait_for 40 sh -c "nsenter -t $(cat "$BATS_TEST_TMPDIR/$C.pid") -m -n wg show wg0 endpoints | grep -q 10.41.0.2:51820"
	wait_for 20 node $C ping -c 1 -W 1 192.168.3.1
}

@test "when IPv6 leads nowhere the other address of the name is tried" {
	# the server answers on IPv4 only
	node $S nft add table inet t
	node $S nft add chain inet t c '{ type filter hook input priority 0; }'
	node $S nft add rule inet t c meta nfproto ipv6 udp dport 51820 drop
	hosts $C "fd00:41::2 vpn.test" "10.41.0.2 vpn.test"
	endpoint=vpn.test:51820 client
	warren_start $C wg0 -c "$file"
	background node $C ping -i 0.5 192.168.3.1
	wait_for 45 node $C ping -c 1 -W 1 192.168.3.1
}

@test "a name that cannot be resolved does not keep the tunnel from starting" {
	hosts $C "127.0.0.1 localhost"
	node $C sh -c 'echo > /tmp/none.'$C'; mount --bind /tmp/none.'$C' /etc/resolv.conf; rm -f /tmp/none.'$C
	endpoint=vpn.nowhere.invalid:51820 client
	warren_start $C wg0 -c "$file"
	ip -n $C link show wg0
	wait_for 20 grep -q "vpn.nowhere.invalid: .*asking again" "$BATS_TEST_TMPDIR/$C.wg0.log"
}

@test "DNS is handed to resolvconf, and taken back" {
	node $C mount -t tmpfs none /usr/local/sbin
	node $C sh -c 'printf "#!/bin/sh\necho \"\$*\" >>/usr/local/sbin/log; [ \$1 = -d ] || cat >>/usr/local/sbin/log\n" >/usr/local/sbin/resolvconf; chmod +x /usr/local/sbin/resolvconf'
	client "DNS = 10.60.0.1, example.org, fd00:60::1"
	warren_start $C wg0 -c "$file"
	kill $tunnel
	wait $tunnel
	node $C cat /usr/local/sbin/log >"$BATS_TEST_TMPDIR/dns"
	cat "$BATS_TEST_TMPDIR/dns"
	grep -qx -- "-a wg0 -m 0 -x" "$BATS_TEST_TMPDIR/dns"
	grep -qx "nameserver 10.60.0.1" "$BATS_TEST_TMPDIR/dns"
	grep -qx "nameserver fd00:60::1" "$BATS_TEST_TMPDIR/dns"
	grep -qx "search example.org" "$BATS_TEST_TMPDIR/dns"
	grep -qx -- "-d wg0 -f" "$BATS_TEST_TMPDIR/dns"
}

@test "it works from another directory and in the background" {
	client
	(cd "$BATS_TEST_TMPDIR" && node $C sh -c "cd $BATS_TEST_TMPDIR && timeout 20 $WARREN tunnel -c wg0.conf wg0")
	node $C ping -c 1 -W 5 192.168.3.1
	ip -n $C link del wg0
}

@test "with SaveConfig the file is written anew at the end" {
	client "SaveConfig = true" "PostUp = true"
	warren_start $C wg0 -c "$file"
	node $C wg set wg0 listen-port 7004 peer "$(public_key new)" allowed-ips 10.77.0.0/16 persistent-keepalive 9
	kill $tunnel
	wait $tunnel
	[ "$(stat -c %a "$file")" = 600 ]
	grep -qx "ListenPort = 7004" "$file"
	grep -qx "PublicKey = $(public_key new)" "$file"
	grep -qx "PostUp = true" "$file"
	warren_start $C wg0 -c "$file"
	[ "$(node $C wg show wg0 peers | wc -l)" = 2 ]
	node $C ping -c 1 -W 5 192.168.3.1
}
