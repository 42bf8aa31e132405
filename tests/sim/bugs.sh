#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# TAP: the simulator finds every deliberate bug, and finds nothing in the clean build.
# usage: tests/sim/bugs.sh [SEEDS]   (seeds for the clean build; default 150)
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
seeds=${1:-150}
bugs="guard fence vote flush commit dedup stale election lost"
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

echo "1..10"
n=0
failed=0
result() {	# ok|not ok, what
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || failed=1
}

if ! make -s -j2 -f tests/sim/tests.mk BUILD="$build" sim sim-breaks >"$out" 2>&1; then
	sed 's/^/# /' "$out"
	echo "Bail out! the simulator does not build"
	exit 1
fi

for bug in $bugs; do
	# Far more seeds than any of them needs; the comment says which one found it.
	case $bug in
	lost) dials="--dial w_older=10" ;;	# a rare fault
	*) dials="" ;;
	esac
	# shellcheck disable=SC2086
	if timeout 300 "$build/kqsim-break-$bug" --seeds 300 --quiet $dials >"$out" 2>&1; then
		result "not ok" "bug '$bug' is found"
	elif found=$(grep -a '^seed [0-9]* FAILED' "$out"); then
		result "ok" "bug '$bug' is found"
		echo "# $found"
	else
		result "not ok" "bug '$bug' is found"
		tail -n 5 "$out" | sed 's/^/# /'
	fi
done

if timeout 900 "$build/kqsim" --seeds "$seeds" --quiet >"$out" 2>&1; then
	result "ok" "$seeds seeds of the real core pass"
	tail -n 1 "$out" | sed 's/^/# /'
else
	result "not ok" "$seeds seeds of the real core pass"
	sed 's/^/# /' "$out"
fi
exit $failed
