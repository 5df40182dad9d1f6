# An encrypted tunnel that carries nothing: which end is wrong, said by both ends, and put right by
# the printed command.  The same for Warren's own tunnel and for wireguard-go.
#
#   A  wa 10.9.0.1 fd09::1  == UDP 51820 == 51821 ==  wb 10.9.0.2 fd09::2  B
#      a0 10.0.0.1 -------------------------------- b0 10.0.0.2
#
# `routed`: the same ends with a router between them, 10.0.1.2 and 10.0.2.2
bats_require_minimum_version 1.5.0
load lib
load tunnel
load why

setup() {
	need_root
}

tunnels() { # own|go ADDRESS-OF-A ADDRESS-OF-B
	local start=warren_start
	[ "$1" = own ] || start=go_start
	PA=$2 PB=$3
	view_add "$A" "$B"
	$start "$A" wa
	$start "$B" wb
	node "$A" wg set wa private-key "$(key a)" listen-port 51820 peer "$(public_key b)" endpoint "$PB:51821" allowed-ips 10.9.0.0/24,fd09::/64
	node "$B" wg set wb private-key "$(key b)" listen-port 51821 peer "$(public_key a)" endpoint "$PA:51820" allowed-ips 10.9.0.0/24,fd09::/64
	ip -n "$A" addr add 10.9.0.1/24 dev wa; ip -n "$A" addr add fd09::1/64 dev wa
	ip -n "$B" addr add 10.9.0.2/24 dev wb; ip -n "$B" addr add fd09::2/64 dev wb
	ip -n "$A" link set wa up; ip -n "$B" link set wb up
}
direct() { # own|go
	p2p
	tunnels "$1" 10.0.0.1 10.0.0.2
}
routed() { # own|go
	rt
	tunnels "$1" 10.0.1.2 10.0.2.2
}

key_wrong() { # NETNS DEVICE PEER ENDPOINT
	node "$1" wg set "$2" peer "$(public_key "$3")" remove peer "$(public_key stranger)" endpoint "$4" allowed-ips 10.9.0.0/24,fd09::/64
}

# ---- tunnel-key-mismatch ----

@test "tunnel-key-mismatch: the asker has a wrong key for its peer" {
	direct own
	key_wrong "$A" wa b 10.0.0.2:51821
	failed tunnel-key-mismatch "$A" 10.9.0.2
	[[ "$(field .why)" = *"$(public_key stranger)"*"$(public_key b)"* ]]
	field '.evidence[].fact' | grep -q "wb in $B: public key $(public_key b)"
	repair; delivered "$A" 10.9.0.2
	# Secrets are for nobody's eyes.
	! grep -qF -e "$(cat "$(key a)")" -e "$(cat "$(key b)")" <<<"$answer"
}

@test "tunnel-key-mismatch: wireguard-go, behind a router, IPv6 inside" {
	routed go
	key_wrong "$A" wa b 10.0.2.2:51821
	fault tunnel-key-mismatch "$A" fd09::2
}

@test "tunnel-key-mismatch: the other end has a wrong key for us, TCP" {
	routed own
	background ip netns exec "$B" socat TCP-LISTEN:5000,fork EXEC:cat
	wait_for 5 eval "ip netns exec $B ss -lnt | grep -q 5000"
	key_wrong "$B" wb a 10.0.1.2:51820
	failed tunnel-key-mismatch "$A" --proto tcp --port 5000 10.9.0.2
	[ "$(field .at.node)" = "$B" ]
	repair; delivered "$A" --proto tcp --port 5000 10.9.0.2
}

@test "tunnel-key-mismatch: the other end does not know us at all, wireguard-go" {
	direct go
	node "$B" wg set wb peer "$(public_key a)" remove
	fault tunnel-key-mismatch "$A" 10.9.0.2
}

@test "tunnel-key-mismatch: preshared keys" {
	direct own
	node "$B" wg set wb peer "$(public_key a)" preshared-key "$(key shared)"
	fault tunnel-key-mismatch "$A" 10.9.0.2
	! grep -qF "$(cat "$(key shared)")" <<<"$answer"
}

@test "tunnel-key-mismatch: preshared keys, wireguard-go behind a router" {
	routed go
	node "$A" wg set wa peer "$(public_key b)" preshared-key "$(key shared)"
	fault tunnel-key-mismatch "$A" 10.9.0.2
}

# ---- tunnel-no-handshake ----

@test "tunnel-no-handshake: the endpoint's port is wrong" {
	direct own
	node "$B" wg set wb peer "$(public_key a)" remove peer "$(public_key a)" allowed-ips 10.9.0.0/24
	node "$A" wg set wa peer "$(public_key b)" endpoint 10.0.0.2:51999
	fault tunnel-no-handshake "$A" 10.9.0.2
}

@test "tunnel-no-handshake: the endpoint's address is nobody's, or not set, wireguard-go behind a router" {
	routed go
	node "$B" wg set wb peer "$(public_key a)" remove peer "$(public_key a)" allowed-ips 10.9.0.0/24
	node "$A" wg set wa peer "$(public_key b)" remove peer "$(public_key b)" endpoint 10.0.2.77:51821 allowed-ips 10.9.0.0/24
	fault tunnel-no-handshake "$A" 10.9.0.2
	node "$A" wg set wa peer "$(public_key b)" remove peer "$(public_key b)" allowed-ips 10.9.0.0/24
	fault tunnel-no-handshake "$A" 10.9.0.2
}

@test "tunnel-no-handshake: nobody runs at the other end, wireguard-go" {
	direct go
	kill "$tunnel"
	wait_for 5 eval "! ip -n $B link show wb"
	failed tunnel-no-handshake "$A" --timeout 2 10.9.0.2
	field '.evidence[].fact' | grep -q "no socket in $B takes UDP port 51821"
}

@test "tunnel-no-handshake: the other end's process is stopped, wireguard-go" {
	direct go
	node "$A" wg set wa peer "$(public_key b)" remove peer "$(public_key b)" endpoint 10.0.0.2:51821 allowed-ips 10.9.0.0/24
	kill -STOP "$tunnel"
	fault tunnel-no-handshake "$A" 10.9.0.2
}

@test "tunnel-no-handshake: our own network's end has died, and up brings it back" {
	V=$(name v)
	sed "s/^name: .*/name: $V/" "$EXAMPLES/vpn.yaml" >"$BATS_TEST_TMPDIR/vpn.yaml"
	network_note "$V"
	warren up "$BATS_TEST_TMPDIR/vpn.yaml"
	for p in $(pgrep -f "conf/tun0.conf tun0"); do
		[[ "$(tr '\0' ' ' </proc/"$p"/cmdline)" = *"/$V/site-b/"* ]] && kill -9 "$p"
	done
	wait_for 5 eval "! ip -n $V.site-b link show tun0"
	fault tunnel-no-handshake "$V/site-a" 192.168.3.1
}

@test "a firewall that drops the handshake is the cause, not the tunnel" {
	routed own
	printf 'table ip t {\nchain f {\ntype filter hook forward priority 0;\nudp dport 51821 drop\n}\n}\n' | in_ns "$R" nft -f -
	node "$B" wg set wb peer "$(public_key a)" remove peer "$(public_key a)" allowed-ips 10.9.0.0/24
	node "$A" wg set wa peer "$(public_key b)" remove peer "$(public_key b)" endpoint 10.0.2.2:51821 allowed-ips 10.9.0.0/24
	fault firewall-drop "$A" 10.9.0.2
}

# ---- tunnel-allowed-ips ----

@test "tunnel-allowed-ips: the asker's" {
	direct own
	node "$A" wg set wa peer "$(public_key b)" allowed-ips 10.8.0.0/24
	fault tunnel-allowed-ips "$A" 10.9.0.2
}

@test "tunnel-allowed-ips: the asker's, wireguard-go behind a router, IPv6 inside" {
	routed go
	node "$A" wg set wa peer "$(public_key b)" allowed-ips 10.8.0.0/24
	fault tunnel-allowed-ips "$A" fd09::2
}

@test "tunnel-allowed-ips: the other end's" {
	routed own
	delivered "$A" 10.9.0.2
	node "$B" wg set wb peer "$(public_key a)" allowed-ips 10.8.0.0/24
	fault tunnel-allowed-ips "$A" 10.9.0.2
}

@test "tunnel-allowed-ips: the other end's, wireguard-go" {
	direct go
	delivered "$A" 10.9.0.2
	node "$B" wg set wb peer "$(public_key a)" allowed-ips 10.8.0.0/24
	fault tunnel-allowed-ips "$A" 10.9.0.2
}
