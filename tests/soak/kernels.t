#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every end to end test of make check on the kernel that it does not have there
# Which that is: tests/e2e/kernels.tsv.
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
export KQ_E2E=other
mapfile -t names < <(grep -v '^#' tests/e2e/kernels.tsv | cut -f1)
echo "1..${#names[@]}"
n=0 failed=0
for name in "${names[@]}"; do
	n=$((n + 1))
	echo "# Subtest: $name"
	tests/e2e/"$name".t | sed 's/^/    /'
	if [ "${PIPESTATUS[0]}" = 0 ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		failed=1
	fi
done
exit $failed
