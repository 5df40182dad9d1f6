# tunnel.bash - what the tests of the tunnel share
#
# A node is a network namespace and a mount namespace, where /var/run/wireguard
# is its own: tunnels of two nodes may have the same name.  `node_add N` makes
# one, `node N CMD...` runs something there, teardown removes it.

key() { # NAME: a private key, the same for this test; public_key NAME
	[ -e "$BATS_TEST_TMPDIR/$1.key" ] || "$WARREN" key gen >"$BATS_TEST_TMPDIR/$1.key"
	echo "$BATS_TEST_TMPDIR/$1.key"
}
public_key() {
	"$WARREN" key pub <"$(key "$1")"
}

# view_add NS...: a /run/wireguard of its own for each, so that `node` can go there
view_add() {
	local n
	for n in "$@"; do
		background ip netns exec "$n" unshare -m --propagation private sh -c \
			'mkdir -p /var/run/wireguard && mount -t tmpfs -o mode=0700 none /var/run/wireguard &&
			 touch "$1" && exec sleep 1000' sh "$BATS_TEST_TMPDIR/$n.mounted"
		echo "$!" >"$BATS_TEST_TMPDIR/$n.pid"
		wait_for 10 test -e "$BATS_TEST_TMPDIR/$n.mounted"
		# `ip netns exec` and `unshare` have become the shell: the pid is the same
	done
}
node_add() { # NS...
	netns_add "$@"
	view_add "$@"
}
node() { # NS CMD...
	local pid
	pid=$(cat "$BATS_TEST_TMPDIR/$1.pid")
	shift
	nsenter -t "$pid" -m -n "$@"
}

# warren_start NS IFNAME [OPTIONS]: a tunnel in the foreground, ready on return; its pid in $tunnel,
# what it logs in $BATS_TEST_TMPDIR/NS.IFNAME.log
warren_start() {
	local ns=$1 ifname=$2 fifo
	shift 2
	fifo=$BATS_TEST_TMPDIR/ready.$RANDOM
	mkfifo "$fifo"
	nsenter -t "$(cat "$BATS_TEST_TMPDIR/$ns.pid")" -m -n \
		"$WARREN" tunnel -f --ready-fd 9 "$@" "$ifname" >"$BATS_TEST_TMPDIR/$ns.$ifname.log" 2>&1 3>&- 9>"$fifo" &
	tunnel=$!
	echo $tunnel >>"$BATS_TEST_TMPDIR/pids"
	timeout 20 head -c 1 "$fifo" >"$fifo.got"
	[ -s "$fifo.got" ] || { cat "$BATS_TEST_TMPDIR/$ns.$ifname.log"; return 1; }
}

# go_start NS IFNAME: the same with Debian's wireguard-go, or another that WIREGUARD_GO names
go_start() {
	local ns=$1 ifname=$2
	nsenter -t "$(cat "$BATS_TEST_TMPDIR/$ns.pid")" -m -n \
		env LOG_LEVEL=verbose "${WIREGUARD_GO:-wireguard-go}" -f "$ifname" >"$BATS_TEST_TMPDIR/$ns.$ifname.log" 2>&1 3>&- &
	tunnel=$!
	echo $tunnel >>"$BATS_TEST_TMPDIR/pids"
	wait_for 20 node "$ns" wg show "$ifname"
}

# the process of a tunnel that touches packets
packet_process() { # PID of the tunnel
	pgrep -P "$1"
}

# transfer FROM TO ADDRESS BYTES [PORT]: random bytes over TCP from one node to the other; fails unless
# the SHA-256 on both ends is the same
transfer() {
	local port=${5:-4000}
	local fifo=$BATS_TEST_TMPDIR/transfer.$port.$RANDOM
	node "$2" timeout 120 python3 -c '
import hashlib, socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[3])), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
open(sys.argv[2] + ".listening", "w").close()
c, _ = s.accept()
h = hashlib.sha256()
while True:
    b = c.recv(1 << 18)
    if not b: break
    h.update(b)
print(h.hexdigest())' "$3" "$fifo" "$port" >"$fifo.received" 3>&- &
	local receiver=$!
	wait_for 30 test -e "$fifo.listening" || return 1
	node "$1" timeout 120 python3 -c '
import hashlib, os, socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[3])), 30)
h = hashlib.sha256()
left = int(sys.argv[2])
while left:
    b = os.urandom(min(left, 1 << 18))
    c.sendall(b)
    h.update(b)
    left -= len(b)
c.close()
print(h.hexdigest())' "$3" "$4" "$port" >"$fifo.sent" || return 1
	wait $receiver || return 1
	[ -s "$fifo.sent" ] && cmp "$fifo.sent" "$fifo.received"
}

# uapi NS IFNAME: sends what it reads to the UAPI socket, prints the answers until all are there
uapi() {
	node "$1" timeout 20 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/var/run/wireguard/%s.sock" % sys.argv[1])
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while True:
    b = s.recv(1 << 16)
    if not b: break
    sys.stdout.buffer.write(b)' "$2"
}

# secrets_kept: no private or preshared key of this test is in anything that was logged
secrets_kept() {
	local f key
	for f in "$BATS_TEST_TMPDIR"/*.key "$BATS_TEST_TMPDIR"/psk "$BATS_TEST_TMPDIR"/other; do
		[ -s "$f" ] || continue
		key=$(cat "$f")
		echo "$key"
		base64 -d <<<"$key" | od -An -tx1 | tr -d ' \n'
		echo
	done >"$BATS_TEST_TMPDIR/secrets"
	[ -s "$BATS_TEST_TMPDIR/secrets" ] || return 0
	! grep -lFi -f "$BATS_TEST_TMPDIR/secrets" /dev/null "$BATS_TEST_TMPDIR"/*.log
}

teardown() {
	local kept=0
	secrets_kept || kept=1
	down_all
	return $kept
}

# tunnel_join FAMILY OPTIONS NODE KEY NODE KEY: both ends of wg0 get keys, peers and addresses; the outside
# (10.32.0.1 and .2, fd00:32::1 and ::2) is of FAMILY, OPTIONS are for `wg set peer`
tunnel_join() {
	local a=10.32.0.1 b=10.32.0.2
	[ "$1" = 6 ] && a=[fd00:32::1] b=[fd00:32::2]
	node $3 wg set wg0 private-key "$(key $4)" listen-port 51820 peer "$(public_key $6)" \
		allowed-ips 192.168.3.2/32,fd00:3::2/128 endpoint $b:51821 $2
	node $5 wg set wg0 private-key "$(key $6)" listen-port 51821 peer "$(public_key $4)" \
		allowed-ips 192.168.3.1/32,fd00:3::1/128 endpoint $a:51820 $2
	node $3 ip addr add 192.168.3.1/24 dev wg0
	node $3 ip addr add fd00:3::1/64 dev wg0 nodad
	node $5 ip addr add 192.168.3.2/24 dev wg0
	node $5 ip addr add fd00:3::2/64 dev wg0 nodad
	node $3 ip link set wg0 up
	node $5 ip link set wg0 up
}
