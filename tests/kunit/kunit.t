#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module's KUnit suites in User Mode Linux, for prove; and the core there gives the same
# outputs as in user space, event for event (lockstep.h).
cd "$(dirname "$0")/../.." || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log".*' EXIT
scripts/uml kunit --log "$log" | tee "$log.tap" | sed -u '/^1\.\./d'
status=${PIPESTATUS[0]}
count=$(($(grep -cE '^(not )?ok ' "$log.tap") + 1))
make -s core-tests >/dev/null && build/tests/core_lockstep_test | sed -n 's/^# //p' >"$log.user"
sed -nE 's/.*(lockstep [0-9]+ [0-9a-f]{8})$/\1/p' "$log" >"$log.kernel"
if [ -s "$log.user" ] && diff "$log.user" "$log.kernel" >"$log.diff"; then
	echo "ok $count - $(wc -l <"$log.user") traces have the same outputs in the kernel and in user space"
else
	echo "not ok $count - traces have the same outputs in the kernel and in user space"
	head -n 20 "$log.diff" | sed 's/^/# /'
	status=1
fi
echo "1..$count"
exit "$status"
