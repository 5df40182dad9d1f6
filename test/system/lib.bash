# lib.bash - what every system test starts with
#
# Tests make their own namespaces and networks, with names unique to this run,
# and remove them also on failure.  `name X` gives such a name; `netns_add`
# makes a namespace that teardown removes; `background CMD...` starts a process
# that teardown ends (pid in $!).

WARREN=${WARREN:-$BATS_TEST_DIRNAME/../../build/warren}
EXAMPLES=$BATS_TEST_DIRNAME/../../examples
FLOOD=$BATS_TEST_DIRNAME/../../build/flood

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# name X: X with a suffix unique to this test; at most 12 characters in all for X up to 4
name() {
	echo "$1$BATS_ROOT_PID$BATS_SUITE_TEST_NUMBER"
}

warren() {
	"$WARREN" "$@"
}

netns_add() {
	local n
	for n in "$@"; do
		ip netns add "$n"
		echo "$n" >>"$BATS_TEST_TMPDIR/netns"
		ip -n "$n" link set lo up
	done
}

background() {
	"$@" >"$BATS_TEST_TMPDIR/background.$RANDOM" 2>&1 3>&- &
	echo $! >>"$BATS_TEST_TMPDIR/pids"
}

# wait_for SECONDS CMD...: until CMD succeeds
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# programs: the ids of our eBPF programs that are loaded.  programs_gone ID...: none of these is.
# (Other tests follow packets at the same time; theirs end, too.)
programs() {
	bpftool -j prog show | jq '.[] | select(.name | startswith("on_")) | .id'
}
programs_gone() {
	! programs | grep -qxF "$(printf '%s\n' "$@")"
}

# The network that a test brings up is called after $(name ...) and noted with network_note.
network_note() {
	echo "$1" >>"$BATS_TEST_TMPDIR/networks"
}

# down_all: end and remove what the test has noted; a file with a teardown of its own calls it
down_all() {
	local x
	while read -r x; do "$WARREN" down "$x" >/dev/null 2>&1; done < <(cat "$BATS_TEST_TMPDIR/networks" 2>/dev/null)
	while read -r x; do kill "$x" 2>/dev/null; done < <(cat "$BATS_TEST_TMPDIR/pids" 2>/dev/null)
	while read -r x; do ip netns del "$x" 2>/dev/null; done < <(cat "$BATS_TEST_TMPDIR/netns" 2>/dev/null)
	return 0
}

teardown() {
	down_all
}
