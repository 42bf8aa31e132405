#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Proves that the test ring bites: a module without a mistake passes `scripts/uml kunit`, and each
# deliberate mistake makes it fail for the stated reason. Also checks what `scripts/uml run` gives
# back. Prints TAP.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
UML=$ROOT/scripts/uml
BUILD=${KQ_UML_DIR:-$ROOT/build/uml}
MODULE=$BUILD/kq_checkers.ko
PARALLEL=2
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT

NAMES=() STATUSES=() PATTERNS=()

# check NAME EXIT-STATUS PATTERN COMMAND…: starts COMMAND in the background. Its exit status and its
# whole output (an extended regular expression, or nothing wanted) are judged by report().
check()
{
	local number=${#NAMES[@]}

	NAMES+=("$1") STATUSES+=("$2") PATTERNS+=("$3")
	shift 3
	while [ "$(jobs -rp | wc -l)" -ge "$PARALLEL" ]; do
		wait -n
	done
	{
		timeout 100 "$@" >"$WORK/$number.out" 2>&1 </dev/null
		echo $? >"$WORK/$number.status"
	} &
}

report()
{
	local i status failed=0

	wait
	for i in "${!NAMES[@]}"; do
		status=$(cat "$WORK/$i.status")
		if [ "$status" = "${STATUSES[i]}" ] &&
		   { [ -z "${PATTERNS[i]}" ] || grep -qE "${PATTERNS[i]}" "$WORK/$i.out"; }; then
			echo "ok $((i + 1)) - ${NAMES[i]}"
			continue
		fi
		failed=1
		echo "not ok $((i + 1)) - ${NAMES[i]}"
		echo "# wanted status ${STATUSES[i]} and /${PATTERNS[i]}/, got status $status and:"
		sed 's/^/# /' "$WORK/$i.out"
	done
	echo "1..${#NAMES[@]}"
	return $failed
}

kunit()
{
	check "$1" "$2" "$3" "$UML" kunit --timeout 60 --module "$MODULE" "${@:4}"
}

# The module makes the named mistake, and KUnit says "ok" to it: the pattern is the checker's word.
mistake()
{
	kunit "$2 fails" 1 "$3" --no-leak-check --param "mistake=$1"
}

run()
{
	check "$1" "$2" "$3" "$UML" run --no-leak-check "${@:4}"
}

# For the two checks whose verdict needs more than one status and one output.
# shellcheck disable=SC2317	# called through bash -c
streams_apart()
{
	local out

	out=$("$UML" run --no-leak-check -- sh -c 'echo "a  b"; echo c >&2' 2>"$WORK/stderr")
	echo "out=$out err=$(cat "$WORK/stderr")"
}

# shellcheck disable=SC2317	# called through bash -c
writes_forgotten()
{
	"$UML" run --no-leak-check -- touch "$BUILD/written" && [ ! -e "$BUILD/written" ]
}
export -f streams_apart writes_forgotten
export UML WORK BUILD

"$UML" build && "$UML" module "$ROOT/tests/kunit/selftest" || exit 1

kunit "a clean module passes" 0 '^1\.\.10$'
kunit "parameters are listed" 0 '^ok 4 - kq_checkers.kq_checkers_params: number 3' --no-leak-check
kunit "a leak fails" 1 'unreferenced object' --param mistake=leak
mistake fail "a failing test" '^not ok 1 - kq_checkers.kq_checkers_mistake'
mistake lock-order "a lock inversion" 'possible circular locking'
mistake out-of-bounds "a write out of bounds" 'KASAN: slab-out-of-bounds'
mistake use-after-free "a use after free" 'KASAN: (slab-)?use-after-free'
mistake sleep-in-atomic "sleeping under a spinlock" 'sleeping function called'
mistake live-timer "freeing a live timer" 'ODEBUG: free active'
mistake list "adding to a list twice" 'list_add (corruption|double add)'
mistake shift "a shift too far" 'UBSAN: shift-out-of-bounds'
mistake warn "a WARN_ON" 'WARNING: '
mistake panic "a panic" '^not ok .*suite kq_checkers ends'
check "a module without suites fails" 1 '^not ok .*every suite linked' \
	"$UML" kunit --no-leak-check --timeout 60 --module "$BUILD/kq_no_tests.ko"
check "a module that does not load fails" 1 '^not ok .*loads and unloads' \
	"$UML" kunit --no-leak-check --timeout 60 --module "$UML"

run "run gives back the exit status" 7 '' -- sh -c 'exit 7'
check "run keeps stdout and stderr apart" 0 '^out=a  b err=c$' bash -c streams_apart
check "run forgets what is written" 0 '' bash -c writes_forgotten
run "run ends a machine that hangs" 124 'no end after 5 s' --timeout 5 -- sleep 1000
run "run fails on a complaint in the kernel log" 99 'the kernel log complains' \
	-- sh -c 'echo "<4>WARNING: on purpose" >/dev/kmsg'
check "run fails on a leak" 99 'unreferenced object' "$UML" run --time-travel -- sh -c \
	"insmod '$MODULE' mistake=leak; rmmod kq_checkers"
run "virtual time: an hour takes no time" 0 '' --time-travel --timeout 30 -- sleep 3600
report
