#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: about a minute of seeds of the real core pass, as shipped and with the sanitizers.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

echo "1..3"
n=0 failed=0
seeds() # PROGRAM ARGUMENTS...
{
	local what="$*"
	n=$((n + 1))
	if timeout 900 "$build/$1" "${@:2}" --quiet >"$out" 2>&1; then
		echo "ok $n - $what"
		tail -n 2 "$out" | sed 's/^/# /'
	else
		failed=1
		echo "not ok $n - $what"
		sed 's/^/# /' "$out"
	fi
}

if ! make -s -j2 -f tests/sim/tests.mk BUILD="$build" sim-all >"$out" 2>&1; then
	sed 's/^/# /' "$out"
	echo "Bail out! the simulator does not build"
	exit 1
fi
seeds kqsim --seeds 600
seeds kqsim --swarm --seeds 1000
seeds kqsim-san --swarm --seeds 120
exit $failed
