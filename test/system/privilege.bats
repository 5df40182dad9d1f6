bats_require_minimum_version 1.5.0
load lib
load tunnel

# What the two processes of a tunnel may do, read from /proc; what the packet
# process cannot do is tried in the unit tests of sandbox.c.
#
#	 N
#	 wg0: parent (root) -- packet process (nobody)

setup() {
	need_root
	N=$(name n)
	node_add $N
	warren_start $N wg0
	P=$(packet_process $tunnel)
}

field() { # PID NAME: a line of /proc/PID/status
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

@test "the packet process is not root and has no capability, nor can it get one" {
	for word in $(field $P Uid) $(field $P Gid); do [ "$word" != 0 ]; done
	[ -z "$(field $P Groups)" ]
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(field $P $set)" = 0000000000000000 ]
	done
	[ "$(field $P NoNewPrivs)" = 1 ]
}

@test "the parent keeps the rights for the network, and no others" {
	# NET_ADMIN, NET_BIND_SERVICE, SYS_ADMIN (namespaces), KILL, DAC_READ_SEARCH
	for set in CapPrm CapEff CapBnd; do
		(((0x$(field $tunnel $set) & ~0x201424) == 0))
	done
	(((0x$(field $tunnel CapEff) & 0x1000) != 0))
}

@test "each of its threads is filtered" {
	for task in /proc/$P/task/*; do
		grep -q '^Seccomp:[[:space:]]*2$' "$task/status"
		grep -q '^CapEff:[[:space:]]*0000000000000000$' "$task/status"
	done
	[ "$(ls /proc/$P/task | wc -l)" -ge 2 ]
}

@test "its memory is locked, and neither dumped nor read by its own user" {
	[ "$(field $P VmLck | tr -d ' kB')" -gt 1000 ]
	# a process that is not dumpable belongs to root in /proc
	[ "$(stat -c %U /proc/$P/mem)" = root ]
	grep -q '^Max core file size  *0  *0 ' /proc/$P/limits
	run ! setpriv --reuid 65534 --regid 65534 --clear-groups head -c 1 /proc/$P/environ
}

@test "no key is found in the memory of the parent" {
	printf '[Interface]\nPrivateKey = %s\nTable = off\n' "$(cat "$(key n)")" >"$BATS_TEST_TMPDIR/wg1.conf"
	warren_start $N wg1 -c "$BATS_TEST_TMPDIR/wg1.conf"
	search='
import re, sys
key = bytes.fromhex(sys.argv[2]); text = sys.argv[3].encode()
found = False
with open("/proc/%s/mem" % sys.argv[1], "rb") as mem:
    for line in open("/proc/%s/maps" % sys.argv[1]):
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if not m: continue
        try:
            mem.seek(int(m[1], 16)); bytes_ = mem.read(int(m[2], 16) - int(m[1], 16))
        except OSError: continue
        found = found or key in bytes_ or text in bytes_
sys.exit(0 if found else 1)'
	hex=$(base64 -d <"$(key n)" | od -An -tx1 | tr -d ' \n')
	python3 -c "$search" "$(packet_process $tunnel)" $hex "$(cat "$(key n)")"
	run -1 python3 -c "$search" $tunnel $hex "$(cat "$(key n)")"
}

@test "no secret is logged, at the highest level, whatever is done and done wrong" {
	local own=$(cat "$(key n)") psk=$(cat "$(key psk)")
	file=$BATS_TEST_TMPDIR/wg1.conf
	conf() {
		printf '[Interface]\nPrivateKey = %s\nTable = off\n' "$own" >"$file"
		printf '%s\n' "$@" >>"$file"
	}
	peer=$(printf '[Peer]\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = 192.168.3.0/24\nEndpoint = 127.0.0.1:9' "$(public_key p)" "$psk")
	conf "PostUp = wg set %i private-key <(echo $own)" "$peer"
	warren_start $N wg1 --log-level debug -c "$file"
	node $N ping -c 1 -W 0.2 192.168.3.1 || true
	for wrong in "$own" "ListenPort = $own" "Endpoint = $own" "DNS = $own" "$own = 1" "[$own" "[Peer] PresharedKey = $psk" \
		"AllowedIPs = $psk" "PrivateKey = $own$psk" "PrivateKey = ${own%?}" "FwMark=$psk"; do
		conf "$wrong" "$peer"
		before=$(grep -c "settings stay" "$BATS_TEST_TMPDIR/$N.wg1.log" || true)
		kill -HUP $tunnel
		wait_for 5 said_more $before
	done
	conf "PostUp = false $own"
	node $N timeout 20 "$WARREN" tunnel -f --log-level debug -c "$file" wg2 >"$BATS_TEST_TMPDIR/wg2.log" 2>&1 && false
	uapi $N wg1 >/dev/null <<-E
		set=1
		listen_port=$(base64 -d <<<"$own" | od -An -tx1 | tr -d ' \n')

		set=1
		$(base64 -d <<<"$psk" | od -An -tx1 | tr -d ' \n')=1

	E
	node $N wg set wg1 peer "$(public_key q)" preshared-key "$(key psk)" allowed-ips 192.168.3.0/24
	[ -s "$BATS_TEST_TMPDIR/wg2.log" ]
	secrets_kept
	# the search can find one
	echo "$own" >"$BATS_TEST_TMPDIR/proof.log"
	run ! secrets_kept
	rm "$BATS_TEST_TMPDIR/proof.log"
}
said_more() { [ "$(grep -c "settings stay" "$BATS_TEST_TMPDIR/$N.wg1.log")" -gt $1 ]; }

@test "where hardly any memory may be locked, the keys are in what is" {
	printf '[Interface]\nPrivateKey = %s\nTable = off\n[Peer]\nPublicKey = %s\nPresharedKey = %s\n' \
		"$(cat "$(key n)")" "$(public_key p)" "$(cat "$(key psk)")" >"$BATS_TEST_TMPDIR/wg1.conf"
	printf '#!/bin/sh\nulimit -l 4096\nexec setpriv --bounding-set=-sys_resource,-ipc_lock --inh-caps=-sys_resource,-ipc_lock "%s" "$@"\n' \
		"$WARREN" >"$BATS_TEST_TMPDIR/poor"
	chmod +x "$BATS_TEST_TMPDIR/poor"
	WARREN=$BATS_TEST_TMPDIR/poor warren_start $N wg1 -c "$BATS_TEST_TMPDIR/wg1.conf"
	poor=$(packet_process $tunnel)
	grep '^Max locked memory' "/proc/$poor/limits"
	for secret in n psk; do
		python3 - "$poor" "$(base64 -d <"$(key $secret)" | od -An -tx1 | tr -d ' \n')" <<-'E'
			import re, sys
			key = bytes.fromhex(sys.argv[2])
			found = 0
			region = None
			with open("/proc/%s/mem" % sys.argv[1], "rb") as mem:
			    for line in open("/proc/%s/smaps" % sys.argv[1]):
			        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.*", line)
			        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
			            region = m
			        if region and line.startswith("VmFlags:"):
			            mem.seek(int(region[1], 16))
			            try: data = mem.read(int(region[2], 16) - int(region[1], 16))
			            except OSError: continue
			            if key in data:
			                found += 1
			                if " lo" not in line: sys.exit("not locked: " + region[0])
			sys.exit(0 if found else "not found at all")
		E
	done
}

@test "it holds no file of the system open" {
	for fd in /proc/$P/fd/*; do
		target=$(readlink $fd)
		case $target in
		/dev/net/tun | socket:* | anon_inode:* | pipe:* | /dev/null | "$BATS_TEST_TMPDIR"/*) ;;
		*)
			echo "$fd $target"
			false
			;;
		esac
	done
}

@test "in a user namespace, where nobody does not exist, it says so and gives up the rest" {
	run -0 unshare -Urnm sh -c '
		mount -t tmpfs none /run &&
		LOG_LEVEL=warning "$1" tunnel user0 2>/run/log && wg set user0 listen-port 7000 && wg show user0 listen-port &&
		cat /run/log && grep -h -E "^(CapEff|Seccomp|NoNewPrivs)" /proc/$(pgrep -n -f "[t]unnel user0")/status &&
		ip link del user0' sh "$WARREN"
	echo "$output"
	[[ $output == *7000* ]]
	[ "$(grep -c "refuses parts of the sandbox: .*another user" <<<"$output")" = 1 ]
	[[ $output == *"CapEff:	0000000000000000"* ]]
	[[ $output == *"Seccomp:	2"* ]]
}
