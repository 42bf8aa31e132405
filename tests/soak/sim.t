#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The simulator: 100000 seeds with standard dials, KQ_SEEDS (50000) of a swarm, 5000 under sanitizers
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
make -s -j2 sim-all >"$out" 2>&1 || { sed 's/^/# /' "$out"; echo "Bail out! it does not build"; exit 1; }
echo "1..3"
n=0 failed=0
seeds() # PROGRAM ARGUMENTS...
{
	n=$((n + 1))
	if "build/$1" "${@:2}" --quiet >"$out" 2>&1; then
		echo "ok $n - $*"
	else
		failed=1
		echo "not ok $n - $*"
	fi
	sed 's/^/# /' "$out"
}
seeds kqsim --seeds 100000
seeds kqsim --swarm --seeds "${KQ_SEEDS:-50000}"
seeds kqsim-san --swarm --first-seed 1000001 --seeds 5000
exit $failed
