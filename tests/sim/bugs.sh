#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Plants each deliberate bug into the simulator; the simulator must find it.
# usage: tests/sim/bugs.sh [--renew | --table | --readme] [BUG...]
#   (nothing)  TAP: each is found within SEEDS (4000) seeds from that one on which bugs.tsv names
#   --renew    the same, and what is found elsewhere now gets its seed in bugs.tsv
#   --table    searches from seed 1 on, renews bugs.tsv, and prints a table of all: what, found after
#              how much, by which invariant
#   --readme   the same, and puts that into tests/sim/README.md
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build} seeds=${SEEDS:-4000} seconds=${SECONDS_EACH:-300} known=tests/sim/bugs.tsv
table="" readme="" renew=""
case ${1-} in
--renew) renew=yes; shift ;;
--table) table=yes renew=yes seconds=0; shift ;;
--readme) table=yes readme=yes renew=yes seconds=0; shift ;;
esac
out=$(mktemp) rows=$(mktemp) || exit 1
trap 'rm -f "$out" "$rows"' EXIT

if ! make -s -j2 -f tests/sim/tests.mk BUILD="$build" sim-all >"$out" 2>&1; then
	sed 's/^/# /' "$out"
	echo "Bail out! the simulator does not build"
	exit 1
fi
declare -A what from seed_of
while IFS=$'\t' read -r bug text whose; do
	bugs+=("$bug")
	what[$bug]=$text from[$bug]=$whose
done < <("$build/kqsim-bugs" --bugs)
while IFS=$'\t' read -r bug seed; do
	case $bug in '#'*) continue ;; esac
	seed_of[$bug]=$seed
done <$known

# save_seeds: writes bugs.tsv, in the order of kqsim-bugs
save_seeds()
{
	local bug
	{
		sed -n '/^#/p' $known
		for bug in "${bugs[@]}"; do
			[ -z "${seed_of[$bug]-}" ] || printf '%s\t%s\n' "$bug" "${seed_of[$bug]}"
		done
	} >"$out" && cat "$out" >$known
}

# search BUG FIRST SEEDS JOBS: sets found (the line of the seed that failed, or nothing) and passed
search()
{
	timeout "$seconds" "$build/kqsim-bugs" --bug "$1" --swarm --first-seed "$2" --seeds "$3" --jobs "$4" \
		--quiet >"$out" 2>&1
	found=$(grep -am1 '^seed [0-9]* FAILED' "$out")
	passed=$(sed -nE 's/^kqsim: ([0-9]+) seeds.*, ([0-9]+) events.*/\1 \2/p' "$out")
}

selected=("$@")
[ $# != 0 ] || selected=("${bugs[@]}")
[ -n "$table" ] || echo "1..${#selected[@]}"
n=0 missed=0 moved=0
for bug in "${selected[@]}"; do
	n=$((n + 1)) first=${seed_of[$bug]:-1} found=""
	[ -z "$table" ] || [ ! -t 2 ] || printf '\r%d of %d: %-20s' $n ${#selected[@]} "$bug" >&2
	if [ -n "$table" ]; then
		search "$bug" 1 "$seeds" 2
	else
		search "$bug" "$first" 1 1
		[ -n "$found" ] || search "$bug" "$first" "$seeds" 2
	fi
	seed=$(sed -E 's/^seed ([0-9]+) .*/\1/' <<<"$found")
	[ -z "$found" ] || [ "$seed" = "${seed_of[$bug]-}" ] || moved=$((moved + 1))
	[ -z "$found" ] || seed_of[$bug]=$seed
	# An assertion of the core speaks for itself, a line before.
	why=$(grep -am1 '^kquorum: invariant broken' "$out" ||
		sed -E 's/^seed [0-9]+ FAILED at [0-9.]+ ms, event [0-9]+(, node [0-9]+)?: //' <<<"$found")
	if [ -z "$found" ]; then
		missed=$((missed + 1))
		[ -n "$table" ] || echo "not ok $n - bug '$bug' is found: ${what[$bug]-no such bug}"
		[ -n "$table" ] || tail -n 3 "$out" | sed 's/^/# /'
		echo "| $bug | ${what[$bug]-} | ${from[$bug]-} | **missed** | |" >>"$rows"
		continue
	fi
	events=$(sed -E 's/.*event ([0-9]+).*/\1/' <<<"$found")
	[ -n "$table" ] || printf "ok %d - bug '%s' is found: %s\n# %s\n" $n "$bug" "${what[$bug]}" "$found"
	echo "| $bug | ${what[$bug]} | ${from[$bug]} | ${passed% *} + 1 / $((${passed#* } + events)) | ${why//|/\\|} |" >>"$rows"
done
[ -n "$renew" ] || [ $moved = 0 ] ||
	echo "# $moved are found at another seed than $known says: tests/sim/bugs.sh --renew"
[ -z "$renew" ] || save_seeds
if [ -n "$table" ]; then
	[ ! -t 2 ] || printf '\r%40s\r' "" >&2
	{
		echo "| bug | what is wrong then | seen at | seeds / events needed | found by |"
		echo "|---|---|---|---|---|"
		cat "$rows"
	} >"$out"
	cat "$out"
	echo
	echo "${#selected[@]} bugs, $missed missed"
fi
replace() # MARKER: what stands there in the README is $out from now on
{
	sed -i -e "/^<!-- $1 -->/,/^<!-- end of $1 -->/{//!d}" -e "/^<!-- $1 -->/r $out" \
		tests/sim/README.md
}
if [ -n "$readme" ]; then
	replace bugs
	seed=${seed_of[election]}
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
