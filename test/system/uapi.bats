bats_require_minimum_version 1.5.0
load lib
load tunnel

# One tunnel alone, asked and told over its socket: by `wg`, and in raw lines.
#
#	 N
#	 wg0

setup() {
	need_root
	N=$(name n)
	node_add $N
	warren_start $N wg0
	K=aa00000000000000000000000000000000000000000000000000000000000001
}

@test "the socket is root's alone" {
	[ "$(node $N stat -c %a:%U /var/run/wireguard/wg0.sock)" = 600:root ]
	[ "$(node $N stat -c %a /var/run/wireguard)" = 700 ]
}

@test "wg show, showconf, set, setconf, addconf and syncconf work" {
	printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\nFwMark = 0x7\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.0.0/8, 2001:db8::/32\nEndpoint = 10.1.1.1:7\nPersistentKeepalive = 25\n' \
		"$(cat "$(key n)")" "$(public_key a)" >"$BATS_TEST_TMPDIR/one.conf"
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 192.168.0.0/16\n' "$(public_key b)" >"$BATS_TEST_TMPDIR/two.conf"
	node $N wg setconf wg0 "$BATS_TEST_TMPDIR/one.conf"
	node $N wg addconf wg0 "$BATS_TEST_TMPDIR/two.conf"
	[ "$(node $N wg show wg0 public-key)" = "$(public_key n)" ]
	[ "$(node $N wg show wg0 listen-port)" = 51820 ]
	[ "$(node $N wg show wg0 fwmark)" = 0x7 ]
	[ "$(node $N wg show wg0 peers | wc -l)" = 2 ]
	node $N wg show wg0 allowed-ips | grep -qF "$(public_key a)	10.0.0.0/8 2001:db8::/32"
	[ "$(node $N wg show wg0 persistent-keepalive | cut -f 2 | sort | xargs)" = "25 off" ]
	node $N wg showconf wg0 >"$BATS_TEST_TMPDIR/shown.conf"
	grep -q "^Endpoint = 10.1.1.1:7" "$BATS_TEST_TMPDIR/shown.conf"
	node $N wg syncconf wg0 "$BATS_TEST_TMPDIR/one.conf"
	[ "$(node $N wg show wg0 peers)" = "$(public_key a)" ]
	node $N wg setconf wg0 "$BATS_TEST_TMPDIR/shown.conf"
	[ "$(node $N wg show wg0 peers | wc -l)" = 2 ]
	node $N wg set wg0 peer "$(public_key a)" remove
	[ "$(node $N wg show wg0 peers)" = "$(public_key b)" ]
}

@test "several requests on one connection are answered in order" {
	run uapi $N wg0 <<-E
		set=1
		fwmark=3

		get=1

		set=1
		listen_port=x

		get=1

	E
	[ "$(grep -c ^errno= <<<"$output")" = 4 ]
	[ "$(grep ^errno= <<<"$output" | xargs)" = "errno=0 errno=0 errno=-22 errno=0" ]
	[ "$(grep -c ^fwmark=3 <<<"$output")" = 2 ]
}

@test "a set with a mistake in its last line changes nothing" {
	run uapi $N wg0 <<-E
		set=1
		private_key=$K
		fwmark=9
		public_key=$K
		allowed_ip=10.0.0.0/8
		allowed_ip=10.0.0.0/99

		get=1

	E
	grep -q '^errno=-22' <<<"$output"
	run ! grep -E '^(private_key|fwmark|public_key)=' <<<"$output"
}

@test "a port that is taken is refused, and nothing changes" {
	node $N python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 7777)); print("bound", flush=True)
time.sleep(60)' >"$BATS_TEST_TMPDIR/bound" 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	wait_for 10 grep -q bound "$BATS_TEST_TMPDIR/bound"
	before=$(node $N wg show wg0 listen-port)
	run uapi $N wg0 <<<"set=1
listen_port=7777
fwmark=5
public_key=$K
"
	grep -q '^errno=-98' <<<"$output"
	[ "$(node $N wg show wg0 listen-port)" = "$before" ]
	[ "$(node $N wg show wg0 fwmark)" = off ]
	[ -z "$(node $N wg show wg0 peers)" ]
	run ! node $N wg set wg0 listen-port 7777
	[[ $output == *"Address already in use"* ]]
}

@test "our own public key is no peer, and a prefix has one owner" {
	node $N wg set wg0 private-key "$(key n)" peer "$(public_key n)" allowed-ips 10.0.0.0/8
	[ -z "$(node $N wg show wg0 peers)" ]
	node $N wg set wg0 peer "$(public_key a)" allowed-ips 10.0.0.0/8 peer "$(public_key b)" allowed-ips 10.0.0.0/8
	node $N wg show wg0 allowed-ips | grep -qF "$(public_key a)	(none)"
	a=$(public_key a) b=$(public_key b)
	grep -qF "allowed-ip 10.0.0.0/8 moves from peer ${a:0:8}... to peer ${b:0:8}..." "$BATS_TEST_TMPDIR/$N.wg0.log"
}

@test "replacing the allowed-ips of two peers by each other's moves them without a warning" {
	node $N wg set wg0 peer "$(public_key a)" allowed-ips 10.0.0.0/8 peer "$(public_key b)" allowed-ips 11.0.0.0/8
	node $N wg set wg0 peer "$(public_key a)" allowed-ips 11.0.0.0/8 peer "$(public_key b)" allowed-ips 10.0.0.0/8
	node $N wg show wg0 allowed-ips | grep -qF "$(public_key a)	11.0.0.0/8"
	node $N wg show wg0 allowed-ips | grep -qF "$(public_key b)	10.0.0.0/8"
	run ! grep moves "$BATS_TEST_TMPDIR/$N.wg0.log"
}

@test "a client that never reads does not stop the others" {
	node $N python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX); s.connect("/var/run/wireguard/wg0.sock"); s.setblocking(False)
try:
    while True: s.send(b"get=1\n\n" * 1000)
except BlockingIOError: print("full", flush=True)
time.sleep(60)' >"$BATS_TEST_TMPDIR/full" 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
	wait_for 20 grep -q full "$BATS_TEST_TMPDIR/full"
	timeout 5 "$WARREN" --version
	node $N timeout 5 wg show wg0
}

@test "a hundred thousand peers are set at once and shown" {
	python3 -c '
print("set=1")
for i in range(100000):
    print("public_key=%064x\nallowed_ip=10.%d.%d.%d/32" % (i * 2**200 + 9, i >> 16, i >> 8 & 255, i & 255))
print()' >"$BATS_TEST_TMPDIR/peers"
	began=$(date +%s)
	run uapi $N wg0 <"$BATS_TEST_TMPDIR/peers"
	[ "$output" = errno=0 ]
	[ "$(node $N wg show wg0 peers | wc -l)" = 100000 ]
	[ $(($(date +%s) - began)) -lt 20 ]
	run uapi $N wg0 <<<"set=1
replace_peers=true
"
	[ "$output" = errno=0 ]
	[ -z "$(node $N wg show wg0 peers)" ]
}

# pairs raw|wg SEED ROUNDS: the same to Warren and to wireguard-go
pairs() {
	G=$(name g)
	node_add $G
	go_start $G wg0
	run timeout 120 python3 "$BATS_TEST_DIRNAME/uapi-pairs.py" "$@" \
		"$(cat "$BATS_TEST_TMPDIR/$N.pid")" "$(cat "$BATS_TEST_TMPDIR/$G.pid")"
	echo "$output"
	[ "$status" = 0 ]
}

@test "random requests are answered as wireguard-go answers them" {
	pairs raw ${SEED:-1} ${ROUNDS:-400}
}

@test "random commands of wg lead to what they lead to with wireguard-go" {
	pairs wg ${SEED:-1} ${ROUNDS:-40}
}
