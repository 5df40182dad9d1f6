bats_require_minimum_version 1.5.0
load ../lib
load ../tunnel

# New keys in true time, while packets cross both ways: not one is lost.  Four minutes, so not a part
# of `make check`; in virtual time handshake_test.c does the same in a second.
#
#	 W (warren) wg0 192.168.3.1              G (wireguard-go) wg0 192.168.3.2
#	            e0  10.32.0.1 -------------- e0  10.32.0.2

setup() {
	need_root
	BATS_TEST_DIRNAME=$BATS_TEST_DIRNAME/..
	WARREN=${WARREN_BINARY:-$BATS_TEST_DIRNAME/../../build/warren}
	W=$(name w) G=$(name g)
	node_add $W $G
	ip -n $W link add e0 type veth peer name e0 netns $G
	local i=1
	for n in $W $G; do
		ip -n $n addr add 10.32.0.$i/24 dev e0
		ip -n $n link set e0 up
		i=2
	done
	warren_start $W wg0
	go_start $G wg0
	node $W wg set wg0 private-key "$(key w)" listen-port 51820 peer "$(public_key g)" \
		allowed-ips 192.168.3.2/32 endpoint 10.32.0.2:51821
	node $G wg set wg0 private-key "$(key g)" listen-port 51821 peer "$(public_key w)" \
		allowed-ips 192.168.3.1/32 endpoint 10.32.0.1:51820
	i=1
	for n in $W $G; do
		ip -n $n addr add 192.168.3.$i/24 dev wg0
		ip -n $n link set wg0 up
		i=2
	done
}

crossing() { # FIRST: who begins the handshake
	node $1 ping -c 1 -W 5 $2
	first=$(node $W wg show wg0 latest-handshakes | cut -f 2)
	node $W ping -q -i 0.005 -w 250 192.168.3.2 >"$BATS_TEST_TMPDIR/there" 3>&- &
	local there=$!
	node $G ping -q -i 0.005 -w 250 192.168.3.1 >"$BATS_TEST_TMPDIR/back" 3>&- || true
	wait $there || true
	cat "$BATS_TEST_TMPDIR/there" "$BATS_TEST_TMPDIR/back"
	# what was under way when ping ended may be missing: one
	for f in there back; do
		read -r sent got < <(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$BATS_TEST_TMPDIR/$f")
		[ "$sent" -gt 20000 ]
		[ $((sent - got)) -le 1 ]
	done
	[ $(($(node $W wg show wg0 latest-handshakes | cut -f 2) - first)) -ge 240 ] # two new sessions
}

@test "warren begins each session: two changes of keys lose no packet" {
	crossing $W 192.168.3.2
}

@test "wireguard-go begins each session: two changes of keys lose no packet" {
	crossing $G 192.168.3.1
}
