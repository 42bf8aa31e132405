#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: the module builds on both tested kernels with W=1 and sparse, without a warning. What is built
# here is what the tests in machines load.
cd "$(dirname "$0")/../.." || exit 1

echo 1..2
n=0
for kernel in 6.1 6.12; do
	n=$((n + 1))
	out=$(scripts/kbuild-module $kernel W=1 C=2 2>&1)
	status=$?
	noise=$(grep -E 'warning:|error:' <<<"$out")
	if [ $status = 0 ] && [ -z "$noise" ]; then
		echo "ok $n - builds on $kernel without a warning of the compiler or of sparse"
	else
		echo "not ok $n - builds on $kernel without a warning of the compiler or of sparse"
		{ echo "$noise"; tail -5 <<<"$out"; } | sed 's/^/# /'
	fi
done
