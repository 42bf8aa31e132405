#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cluster of three namespaces with real daemons in User Mode Linux: real load, faults, and the
# module loaded and unloaded, with lockdep, KASAN, kmemleak and the rest watching.
# $KQ_CHURN: how often each kind of fault is repeated (default 1).
cd "$(dirname "$0")/../.." || exit 1
CHURN=${KQ_CHURN:-1}
make -s build/kqreplay >&2
scripts/uml module --plain || { echo "1..0 # the module does not build"; exit 1; }
LOG=$(mktemp) || exit 1
trap 'rm -f "$LOG" "$LOG.tap"' EXIT

# What the checkers say comes on standard error, after the guest's own plan.
scripts/uml run --time-travel=inf-cpu --mem $((768 + 20 * CHURN)) --timeout $((600 + 120 * CHURN)) \
	-- env KQ_CHURN="$CHURN" tests/kunit/guest/cluster.sh 2>"$LOG" |
	tee "$LOG.tap" | sed -u '/^1\.\./d'
status=${PIPESTATUS[0]}
count=$(grep -cE '^(not )?ok ' "$LOG.tap")
planned=$(sed -n 's/^1\.\.//p' "$LOG.tap")
report()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		tail -n 100 "$LOG" | sed 's/^/# /'
	fi
}
report "$([ "$planned" = "$count" ]; echo $?)" "the script in the machine came to its end"
clean=1
case $status in 0 | 1) grep -qE '^uml: (the kernel log|memory)' "$LOG" || clean=0 ;; esac
report $clean "the checkers found nothing (exit status $status)"
echo "1..$count"
[ "$status" = 0 ]
