#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fuzzing: 10 million executions of each parser, a million of a whole core, a million netlink commands
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
scripts/setup --for build --for fuzz --for uml >/dev/null || { echo "Bail out! clang is missing"; exit 1; }
echo "1..6"
n=0 failed=0
fuzz() # TARGET RUNS
{
	local out
	n=$((n + 1))
	if out=$(tests/fuzz/run --runs "$2" "$1"); then
		echo "ok $n - $1: $2 without a finding"
	else
		failed=1
		echo "not ok $n - $1: $2 without a finding"
	fi
	sed 's/^/# /' <<<"$out"
}
for target in wire hello config wal; do
	fuzz $target 10000000
done
fuzz peer 1000000
fuzz netlink 1000000
exit $failed
