load lib

# doc/protocol.md says for each rule which tests hold it: they exist.

@test "each test that doc/protocol.md names for a rule exists" {
	cd "$BATS_TEST_DIRNAME/../.."
	sed -n '/^## Each rule/,$p' doc/protocol.md | grep '^| .* | .* |$' | cut -d'|' -f3 |
		sed 's/<br>/\n/g' | sed 's/^ *//; s/ *$//' | grep -v -e '^$' -e '^---$' >"$BATS_TEST_TMPDIR/names"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/names")" -gt 100 ]
	while read -r name; do
		case $name in
		'`make '*'`') ;;
		'`'*.bats'`') test -e "test/system/$(tr -d '`' <<<"$name")" || { echo "$name"; false; } ;;
		'`'*'`') grep -qF "TEST($(tr -d '`' <<<"$name"))" src/tunnel/*_test.c || { echo "$name"; false; } ;;
		\**\*) name=${name#\*}; grep -qF "@test \"${name%\*}\" {" test/system/*.bats || { echo "$name"; false; } ;;
		*) echo "neither a unit test nor a system test: $name"; false ;;
		esac
	done <"$BATS_TEST_TMPDIR/names"
}
