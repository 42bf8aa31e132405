#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Plants each deliberate bug into the simulator; the simulator must find it.
# usage: tests/sim/bugs.sh [--table | --readme] [BUG...]
#   (nothing)  TAP
#   --table    a table of all: what, found after how much, by which invariant
#   --readme   the same, and put into tests/sim/README.md
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build} seeds=${SEEDS:-4000} table="" readme=""
case ${1-} in
--table) table=yes; shift ;;
--readme) table=yes readme=yes; shift ;;
esac
out=$(mktemp) rows=$(mktemp) || exit 1
trap 'rm -f "$out" "$rows"' EXIT

if ! make -s -j2 -f tests/sim/tests.mk BUILD="$build" sim-all >"$out" 2>&1; then
	sed 's/^/# /' "$out"
	echo "Bail out! the simulator does not build"
	exit 1
fi
mapfile -t bugs < <("$build/kqsim-bugs" --bugs | cut -f1)
[ $# = 0 ] || bugs=("$@")
[ -n "$table" ] || echo "1..${#bugs[@]}"
n=0 missed=0
for bug in "${bugs[@]}"; do
	n=$((n + 1))
	IFS=$'\t' read -r _ what from < <("$build/kqsim-bugs" --bugs | grep -P "^$bug\t")
	[ -z "$table" ] || [ ! -t 2 ] || printf '\r%d of %d: %-20s' $n ${#bugs[@]} "$bug" >&2
	timeout 300 "$build/kqsim-bugs" --bug "$bug" --swarm --seeds "$seeds" --quiet >"$out" 2>&1
	# An assertion of the core speaks for itself, a line before.
	found=$(grep -am1 '^seed [0-9]* FAILED' "$out")
	why=$(grep -am1 '^kquorum: invariant broken' "$out" || sed -E 's/.*node [0-9]+: //' <<<"$found")
	passed=$(sed -nE 's/^kqsim: ([0-9]+) seeds.*, ([0-9]+) events.*/\1 \2/p' "$out")
	if [ -z "$found" ]; then
		missed=$((missed + 1))
		[ -n "$table" ] || echo "not ok $n - bug '$bug' is found: $what"
		[ -n "$table" ] || tail -n 3 "$out" | sed 's/^/# /'
		echo "| $bug | $what | $from | **missed** | |" >>"$rows"
		continue
	fi
	events=$(sed -E 's/.*event ([0-9]+).*/\1/' <<<"$found")
	[ -n "$table" ] || printf "ok %d - bug '%s' is found: %s\n# %s\n" $n "$bug" "$what" "$found"
	echo "| $bug | $what | $from | ${passed% *} + 1 / $((${passed#* } + events)) | ${why//|/\\|} |" >>"$rows"
done
if [ -n "$table" ]; then
	[ ! -t 2 ] || printf '\r%40s\r' "" >&2
	{
		echo "| bug | what is wrong then | seen at | seeds / events needed | found by |"
		echo "|---|---|---|---|---|"
		cat "$rows"
	} >"$out"
	cat "$out"
	echo
	echo "${#bugs[@]} bugs, $missed missed"
fi
replace() # MARKER: what stands there in the README is $out from now on
{
	sed -i -e "/^<!-- $1 -->/,/^<!-- end of $1 -->/{//!d}" -e "/^<!-- $1 -->/r $out" \
		tests/sim/README.md
}
if [ -n "$readme" ]; then
	replace bugs
	seed=$("$build/kqsim-bugs" --bug election --swarm --seeds "$seeds" --quiet 2>&1 |
		sed -nE 's/^seed ([0-9]+) FAILED.*/\1/p')
	{
		echo '```'
		echo "\$ build/kqsim-bugs --bug election --swarm --first-seed $seed --shrink"
		build/kqsim-bugs --bug election --swarm --first-seed "$seed" --shrink 2>&1 |
			fold -sw 98
		echo '```'
	} >"$out"
	replace shrunk
fi
[ $missed = 0 ]
