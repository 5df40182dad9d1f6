# Faults that nobody thought of beforehand: random networks, each with a random fault, are asked why
# (random-faults).  The same twenty each time; FAULTS=300 FAULTS_FROM=1000 asks others.
bats_require_minimum_version 1.5.0
load lib

@test "random faults in random networks are named, and what is printed repairs them" {
	need_root
	WARREN="$WARREN" run -0 python3 "$BATS_TEST_DIRNAME/random-faults" --count "${FAULTS:-20}" "${FAULTS_FROM:-1}"
}
