bats_require_minimum_version 1.5.0
load lib

@test "a key of ours is a key of wg's, and the public key is the same" {
	key=$(warren key gen)
	[ "$(warren key pub <<<"$key")" = "$(wg pubkey <<<"$key")" ]
}

@test "something that is no key is refused on one line" {
	run -1 --separate-stderr warren key pub <<<"not a key"
	[ "${#stderr_lines[@]}" = 1 ]
	[ -z "$output" ]
}
