#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Snapshots saved, sent, damaged, kept and restored, clusters made of survivors, on both kernels
# KQ_KERNEL: on that one.
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
export KQ_KERNEL=${KQ_KERNEL:-6.1 6.12}
echo 1..2
n=0 failed=0
for t in snapshot backup; do
	n=$((n + 1))
	echo "# Subtest: $t"
	# shellcheck disable=SC2034
	if tests/e2e/$t.t | sed 's/^/    /'; [ "${PIPESTATUS[0]}" = 0 ]; then
		echo "ok $n - $t"
	else
		echo "not ok $n - $t"
		failed=1
	fi
done
exit $failed
