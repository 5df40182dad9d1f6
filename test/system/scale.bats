bats_require_minimum_version 1.5.0
load lib
load tunnel

# One tunnel, many peers.  They live in one process (test/bench/crowd.c), behind one socket.
#
#	             N
#	 crowd ---- lo ---- wg0 10.255.255.254/8
#	 peer 1: 10.0.0.1, peer 2: 10.0.0.2, ...

CROWD=$BATS_TEST_DIRNAME/../../build/crowd

setup() {
	need_root
	N=$(name n)
	node_add $N
	warren_start $N wg0 --log-level error
}

peers() { # HOW MANY: configure them, bring the device up
	"$CROWD" config "$1" >"$BATS_TEST_TMPDIR/crowd.conf"
	node $N timeout 30 wg setconf wg0 "$BATS_TEST_TMPDIR/crowd.conf"
	ip -n $N addr add 10.255.255.254/8 dev wg0
	ip -n $N link set wg0 up
}

resident() { # kilobytes of the process that holds the peers
	awk '/^VmRSS/ { print $2 }' "/proc/$(packet_process $tunnel)/status"
}

field() { # NAME JSON
	jq -e ".$1" <<<"$2"
}

@test "a hundred thousand peers are configured in one set, and listed" {
	before=$(resident)
	peers 100000
	# a kilobyte, its keys (96 bytes), and one allowed-ip (two nodes of a trie)
	each=$((($(resident) - before) * 1024 / 100000))
	echo "$each bytes a peer, of which $((96 + 2 * 96)) for its keys and its allowed-ip"
	echo "# $each B" >&3; 	[ $((each - 96 - 2 * 96)) -le 1024 ]
	before=$(resident)
	began=$SECONDS
	node $N wg show wg0 dump >"$BATS_TEST_TMPDIR/dump"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/dump")" = 100001 ]
	node $N timeout 60 "$WARREN" tunnel status --json wg0 | jq -e '[.. | .peers? | select(. != null) | length] | add == 100000'
	[ $((SECONDS - began)) -lt 60 ] # a second each on an idle machine
	# what the answers took, tens of megabytes, has been given back
	echo "$(($(resident) - before)) KB more after they were listed"
	[ $(($(resident) - before)) -lt 4096 ]
}

@test "a thousand peers have live sessions at once, and each gets its own answers" {
	peers 1000
	out=$(node $N timeout 120 "$CROWD" live 127.0.0.1 51820 1000 3)
	echo "$out"
	[ "$(field sessions "$out")" = 1000 ]
	[ "$(field peers_answered "$out")" = 1000 ]
	[ "$(node $N wg show wg0 latest-handshakes | awk '$2 > 0' | wc -l)" = 1000 ]
}

@test "of ten thousand handshakes, 64 at a time, none is left unanswered" {
	peers 10000
	out=$(node $N timeout 120 "$CROWD" handshakes 127.0.0.1 51820 10000 30)
	echo "$out"
	[ "$(field answered "$out")" = 10000 ]
}

@test "a flood of forged handshakes leaves sessions alone and new ones possible" {
	peers 100
	node $N timeout 120 "$CROWD" live 127.0.0.1 51820 100 6 >"$BATS_TEST_TMPDIR/live" &
	live=$!
	wait_for 10 node $N sh -c 'wg show wg0 latest-handshakes | grep -qv "	0$"'
	node $N timeout 120 "$CROWD" forge 127.0.0.1 51820 20000 4
	wait $live
	out=$(cat "$BATS_TEST_TMPDIR/live")
	echo "$out"
	[ "$(field peers_answered "$out")" = 100 ]
	[ "$(field least_answers "$out")" -gt 10 ]
	# Strangers were asked for cookies, not served: the flood cost no Diffie-Hellman each.
	json=$(node $N "$WARREN" tunnel status --json wg0)
	echo "$json" | grep -q handshake-cookie
	# Load is over a second after the last of them was taken up.
	wait_for 40 all_answered
}

all_answered() {
	local out
	out=$(node $N timeout 120 "$CROWD" handshakes 127.0.0.1 51820 100 10)
	[ "$(field answered "$out")" = 100 ]
}
