#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: each allocation of each netlink command fails in turn, in the real module under every checker.
cd "$(dirname "$0")/../.." || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
if ! { make -s build/fuzz/failnth userspace && scripts/uml build && scripts/uml module --plain; } >"$log" 2>&1; then
	sed 's/^/# /' "$log"
	echo "Bail out! it does not build"
	exit 1
fi
scripts/uml run --time-travel=inf-cpu --mem 512 --timeout 600 -- tests/fuzz/netlink-guest.sh failnth 2>"$log" |
	sed '/^1\.\./d'
status=${PIPESTATUS[0]}
if [ "$status" = 0 ]; then
	echo "ok 24 - the checkers found nothing"
else
	echo "not ok 24 - the checkers found nothing (exit status $status)"
	tail -n 60 "$log" | sed 's/^/# /'
fi
echo "1..24"
[ "$status" = 0 ]
