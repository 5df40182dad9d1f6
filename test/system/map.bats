# warren map: the picture, in the terminal and in files.
bats_require_minimum_version 1.5.0
load lib

export LC_ALL=C.UTF-8

#  A(a0 10.0.0.1/24) - (b0 10.0.0.2/24)B
pair() {
	a=$(name a) b=$(name b)
	netns_add "$a" "$b"
	ip -n "$a" link add a0 type veth peer name b0 netns "$b"
	ip -n "$a" addr add 10.0.0.1/24 dev a0
	ip -n "$b" addr add 10.0.0.2/24 dev b0
	ip -n "$a" link set a0 up
	ip -n "$b" link set b0 up
	wait_for 10 carrier
}

carrier() { [ "$(warren show --json "$a" a0 | jq .devices[0].carrier)" = true ]; }

@test "two rooms and the cable between them are drawn as in a book" {
	need_root
	pair
	run -0 warren map "$a" "$b"
	[[ ${lines[1]} == "│ a0  10.0.0.1/24 "*"├────╮" ]]
	[[ ${lines[0]} == "┌─ $a ─"*"┐" ]]
	[[ ${lines[2]} == "└─"*"┘    │" ]]
	[[ ${lines[3]} == "┌─ $b ─"*"┐    │" ]]
	[[ ${lines[4]} == "│ b0  10.0.0.2/24 "*"├────╯" ]]
	[[ ${lines[5]} == "└─"*"┘" ]]
	LC_ALL=C run -0 warren map "$a" "$b"
	[[ ${lines[1]} == "| a0  10.0.0.1/24 "*"+----+" ]]
	! grep -P '[^\x00-\x7f]' <<<"$output"
}

@test "what is down is said, and a room that was not asked for is named" {
	need_root
	pair
	ip -n "$b" link set b0 down
	run -0 warren map "$a" "$b"
	[[ $output == *"a0  10.0.0.1/24  no carrier"* ]]
	[[ $output == *"b0  10.0.0.2/24  down"* ]]
	run -0 warren map "$a"
	[[ $output == *"→ $b:b0"* ]]
	[[ $output != *"10.0.0.2"* ]]
}

@test "the drawing fits the width that it is given" {
	need_root
	pair
	for w in 30 40 60 80 120; do
		COLUMNS=$w warren map >"$BATS_TEST_TMPDIR/map"
		[ "$(wc -L <"$BATS_TEST_TMPDIR/map")" -le "$w" ]
	done
}

@test "colours come on a terminal only, and not with NO_COLOR" {
	need_root
	pair
	run -0 warren map "$a" "$b"
	[[ $output != *$'\e['* ]]
	run -0 script -qec "$WARREN map $a $b" /dev/null
	[[ $output == *$'\e[32m'* ]]
	NO_COLOR=1 run -0 script -qec "$WARREN map $a $b" /dev/null
	[[ $output != *$'\e['* ]]
}

@test "SVG is well-formed and the same in every run" {
	need_root
	pair
	warren map -o "$BATS_TEST_TMPDIR/1.svg" "$a" "$b"
	warren map -o "$BATS_TEST_TMPDIR/2.svg" "$b" "$a"
	cmp "$BATS_TEST_TMPDIR/1.svg" "$BATS_TEST_TMPDIR/2.svg"
	python3 -c 'import sys, xml.dom.minidom as x; d = x.parse(sys.argv[1])
assert d.documentElement.tagName == "svg"
t = "".join(n.data for e in d.getElementsByTagName("tspan") + d.getElementsByTagName("text") for n in e.childNodes if n.nodeType == 3)
assert all(w in t for w in sys.argv[2:]), t' "$BATS_TEST_TMPDIR/1.svg" "$a" "$b" a0 b0 10.0.0.1/24
	warren map -o "$BATS_TEST_TMPDIR/whole.svg"
	python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/whole.svg"
}

@test "JSON has the devices and the links between them, DOT the same as a graph" {
	need_root
	pair
	warren map -o "$BATS_TEST_TMPDIR/m.json" "$a" "$b"
	[ "$(jq -c '[.links[] | [.kind, .state, (.ends | map("\(.node):\(.device)"))]]' "$BATS_TEST_TMPDIR/m.json")" = "[[\"cable\",\"up\",[\"$a:a0\",\"$b:b0\"]]]" ]
	[ "$(jq '[.devices[] | select(.name | test("0"))] | length' "$BATS_TEST_TMPDIR/m.json")" = 2 ]
	warren map -o "$BATS_TEST_TMPDIR/m.dot" "$a" "$b"
	grep -q '^graph warren {' "$BATS_TEST_TMPDIR/m.dot"
	[ "$(grep -c ' -- ' "$BATS_TEST_TMPDIR/m.dot")" = 1 ]
}

@test "graphviz takes the graph without a warning, and XML the SVG, whatever devices are called" {
	need_root
	pair
	odd=$'x\xff<&"\x1b'
	ip -n "$a" link add "$odd" type bridge
	ip -n "$a" link add vx0 type vxlan id 7 dstport 4789 remote 10.0.0.2 dev a0
	ip -n "$b" tuntap add tap0 mode tap
	warren map -o "$BATS_TEST_TMPDIR/m.dot" --from "$a" --path 10.0.0.2 "$a" "$b"
	warren map -o "$BATS_TEST_TMPDIR/m.svg" --from "$a" --path 10.0.0.9 "$a" "$b" || true
	python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/m.svg"
	run -0 warren map "$a"
	[[ "$output" == *'x?<&"?'* ]]
	run -0 warren show "$a"
	[[ "$output" == *'x?<&"?'* ]]
	command -v dot >/dev/null || skip "graphviz is not here"
	run -0 dot -Tsvg -o /dev/null "$BATS_TEST_TMPDIR/m.dot"
	[ -z "$output" ]
}

#  A - R - B: the way of a probe, and where it ends
@test "--path marks what a probe passed, and where it ended" {
	need_root
	pair
	run -0 warren map --path 10.0.0.2 --from "$a" "$a" "$b"
	[[ $output == *"│*a0 "* ]]
	[[ $output == *"│*b0 "* ]]
	[[ $output == *"delivered and answered in "* ]]
	ip -n "$b" link set b0 down
	run -0 warren map --path 10.0.0.2 --from "$a" "$a" "$b"
	[[ $output == *"│x"* ]]
	[[ $output == *"failed, "* ]]
	warren map --path 10.0.0.2 --from "$a" -o "$BATS_TEST_TMPDIR/p.svg" "$a" "$b"
	grep -q 'class="end broken"' "$BATS_TEST_TMPDIR/p.svg"
	warren map --path 10.0.0.2 --from "$a" -o "$BATS_TEST_TMPDIR/p.json" "$a" "$b"
	[ "$(jq -r .path.verdict "$BATS_TEST_TMPDIR/p.json")" = failed ]
}

#  A: wgN -- wireguard-go === over a cable === wireguard-go -- wgM :B
@test "two tunnel processes that are each other's peers are joined by a double line" {
	need_root
	pair
	one=$(name w) two=$(name x)
	for end in "$a $one 1" "$b $two 2"; do
		set -- $end
		background env WG_PROCESS_FOREGROUND=1 ip netns exec "$1" wireguard-go -f "$2"
		wait_for 20 test -S "/var/run/wireguard/$2.sock"
		wg genkey >"$BATS_TEST_TMPDIR/key$3"
		ip -n "$1" link set "$2" up
	done
	wg set "$one" private-key "$BATS_TEST_TMPDIR/key1" listen-port 5001 peer "$(wg pubkey <"$BATS_TEST_TMPDIR/key2")" endpoint 10.0.0.2:5002
	wg set "$two" private-key "$BATS_TEST_TMPDIR/key2" listen-port 5002 peer "$(wg pubkey <"$BATS_TEST_TMPDIR/key1")" endpoint 10.0.0.1:5001
	warren map -o "$BATS_TEST_TMPDIR/m.json" "$a" "$b"
	[ "$(jq -c '[.links[] | select(.kind == "tunnel") | [.ends[].device]]' "$BATS_TEST_TMPDIR/m.json")" = "[[\"$one\",\"$two\"]]" ]
	run -0 warren map "$a" "$b"
	[[ $output == *"wireguard-go ("*") ═"* ]]
	[[ $output == *"╗"* ]]
	[[ $output == *"╝"* ]]
	[ -z "$(grep -c "$(cat "$BATS_TEST_TMPDIR/key1")" "$BATS_TEST_TMPDIR/m.json" | grep -v '^0')" ]
}

#  two networks alike, down to the addresses and ports: a:eth0 -- b:eth0, a:tun0 == b:tun0
@test "a tunnel ends in its own network, whatever network has the same addresses" {
	need_root
	for n in "$(name m)" "$(name n)"; do
		printf '%s\n' "name: $n" 'nodes:' \
			'  a: {devices: {eth0: 10.0.0.1/24, tun0: 10.9.0.1/24}}' \
			'  b: {devices: {eth0: 10.0.0.2/24, tun0: 10.9.0.2/24}}' \
			'links: ["a:eth0 -- b:eth0"]' 'tunnels: ["a:tun0 == b:tun0"]' >"$BATS_TEST_TMPDIR/$n.yaml"
		network_note "$n"
		warren up "$BATS_TEST_TMPDIR/$n.yaml"
	done
	warren map -o "$BATS_TEST_TMPDIR/m.json" "$(name m)/a" "$(name m)/b" "$(name n)/a" "$(name n)/b"
	run -0 jq -c '[.links[] | select(.kind == "tunnel") | [.ends[].node | sub("/.*"; "")] | unique | length]' "$BATS_TEST_TMPDIR/m.json"
	[ "$output" = '[1,1]' ]
}

@test "the hosts of a bridge stand at the ends of their cables" {
	need_root
	l=$(name l)
	netns_add "$l"
	ip -n "$l" link add br0 type bridge
	hosts=()
	for i in 1 2 3 4 5; do
		h=$(name h)$i
		hosts+=("$h")
		netns_add "$h"
		ip link add eth0 netns "$h" type veth peer name "p$i" netns "$l"
		ip -n "$l" link set "p$i" master br0
		ip -n "$h" addr add "10.1.0.$i/16" dev eth0
	done
	run -0 warren map "$l" "${hosts[@]}"
	[[ $output == *"├─ p1 "*"├── [ ${hosts[0]}  eth0  10.1.0.1/16 "*" ]"* ]]
	[[ $output == *"╰─ p5 "*"├── [ ${hosts[4]}  eth0  10.1.0.5/16 "*" ]"* ]]
	[ "${#lines[@]}" = 8 ]
}

@test "wrong usage is answered in one line" {
	run -2 --separate-stderr warren map -o picture.png
	[ "${#stderr_lines[@]}" = 1 ]
	run -1 --separate-stderr warren map no-such-node
	[ "${#stderr_lines[@]}" = 1 ]
	run -1 --separate-stderr warren map --network no-such-network
	[ "${#stderr_lines[@]}" = 1 ]
	run -2 --separate-stderr warren map --from x
	run -1 --separate-stderr warren map -o /no/such/folder/x.svg
	[[ $stderr == *"/no/such/folder/x.svg"* ]]
}
